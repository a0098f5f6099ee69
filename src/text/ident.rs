//! SQL identifiers and literals, quoted where PostgreSQL needs it.

use std::fmt;

/// One identifier, displayed the way `quote_ident` would write it.
#[derive(Clone, Copy, Debug)]
pub struct Ident<'a>(pub &'a str);

impl fmt::Display for Ident<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_plain(self.0) {
            formatter.write_str(self.0)
        } else {
            write!(formatter, "\"{}\"", self.0.replace('"', "\"\""))
        }
    }
}

/// A schema and a name in it, displayed as `schema.name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct QualifiedName {
    pub schema: String,
    pub name: String,
}

impl QualifiedName {
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            schema: schema.into(),
            name: name.into(),
        }
    }

    /// Reads `name` or `schema.name`, each part quoted or not; an unqualified name is in `public`.
    pub fn parse(text: &str) -> Option<Self> {
        let (first, rest) = take_part(text.trim())?;
        if rest.is_empty() {
            return Some(Self::new("public", first));
        }
        let (second, rest) = take_part(rest.strip_prefix('.')?)?;
        rest.is_empty().then(|| Self::new(first, second))
    }
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", Ident(&self.schema), Ident(&self.name))
    }
}

/// `text` as a string literal, safe whatever `standard_conforming_strings` says.
pub fn quote_literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if doubled.contains('\\') {
        format!("E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

/// Takes one identifier from the front of `text`: what it names, and what follows it.
fn take_part(text: &str) -> Option<(String, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut name = String::new();
        let mut characters = quoted.char_indices().peekable();
        while let Some((index, character)) = characters.next() {
            if character != '"' {
                name.push(character);
            } else if characters.next_if(|&(_, next)| next == '"').is_some() {
                name.push('"');
            } else {
                return (!name.is_empty()).then(|| (name, &quoted[index + 1..]));
            }
        }
        return None;
    }
    let end = text.find('.').unwrap_or(text.len());
    // Policies name tables as people see them: `RecipeItem` without quotes means exactly that.
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

fn is_plain(name: &str) -> bool {
    let mut characters = name.chars();
    let starts = characters
        .next()
        .is_some_and(|first| first.is_ascii_lowercase() || first == '_');
    starts
        && characters
            .all(|other| other.is_ascii_lowercase() || other.is_ascii_digit() || other == '_')
        && RESERVED.binary_search(&name).is_err()
}

/// The words that `quote_ident` quotes: every keyword that is not unreserved, PostgreSQL 15 to 18
/// (`select word from pg_get_keywords() where catcode <> 'U' order by 1`).
static RESERVED: &[&str] = &include!("reserved_words.in");

#[cfg(test)]
mod tests {
    use super::{Ident, QualifiedName, RESERVED, quote_literal};

    #[test]
    fn quotes_only_where_needed() {
        let written: Vec<String> = ["orders", "Orders", "order", "a\"b", "1st", "é", ""]
            .iter()
            .map(|name| Ident(name).to_string())
            .collect();
        assert_eq!(
            written,
            [
                "orders",
                "\"Orders\"",
                "\"order\"",
                "\"a\"\"b\"",
                "\"1st\"",
                "\"é\"",
                "\"\""
            ]
        );
    }

    #[test]
    fn reserved_words_are_sorted_for_the_search() {
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn reads_qualified_names() {
        assert_eq!(
            QualifiedName::parse("RecipeItem"),
            Some(QualifiedName::new("public", "RecipeItem"))
        );
        assert_eq!(
            QualifiedName::parse("sales.\"Odd.Name\""),
            Some(QualifiedName::new("sales", "Odd.Name"))
        );
        for wrong in ["", "a.", ".b", "a.b.c", "\"a", "a.\"b\"c"] {
            assert_eq!(QualifiedName::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn literals_cannot_be_left() {
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal("\\'; drop"), "E'\\\\''; drop'");
    }
}
