//! The border to a Mermaid diagram.

use std::fmt;

use super::visible_line;

/// Text for a Mermaid diagram, in one line.
///
/// Mermaid has no quotes: a colon ends a label, `;` and `#` start what is skipped, `%%{` a directive.
/// What it has is `#58;`, which it turns into the character after it has read the diagram, as an HTML
/// reference. So every character that could mean anything is written like that. The others are left
/// alone, since Mermaid measures a text before it turns them, and who gets a mail reads them as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mermaid(String);

impl Mermaid {
    /// What follows a word of Mermaid's. It does not begin like `__proto__`, which every object of
    /// JavaScript has.
    pub fn name(text: &str) -> Self {
        Self::of(text, char::is_alphabetic)
    }

    /// What a line begins with: no word of Mermaid's begins with a digit.
    pub fn label(text: &str) -> Self {
        Self::of(text, |first| first.is_ascii_digit())
    }

    fn of(text: &str, may_begin: fn(char) -> bool) -> Self {
        let mut written = String::new();
        for character in visible_line(text).chars() {
            if is_plain(character) && (!written.is_empty() || may_begin(character)) {
                written.push(character);
            } else {
                written.push_str(&format!("#{};", character as u32));
            }
        }
        Self(written)
    }
}

impl fmt::Display for Mermaid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// `ﬂ` is a letter, with which Mermaid marks its own references.
fn is_plain(character: char) -> bool {
    matches!(
        character,
        ' ' | '.'
            | ','
            | '_'
            | '-'
            | '('
            | ')'
            | '/'
            | '='
            | '+'
            | '*'
            | '?'
            | '!'
            | '"'
            | '\''
            | '…'
    ) || (character.is_alphanumeric() && character != '\u{fb02}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_words_is_left() {
        for (text, expected) in [
            ("4.1 s ACCESS EXCLUSIVE", "4.1 s ACCESS EXCLUSIVE"),
            ("public.orders", "#112;ublic.orders"),
            ("section x", "#115;ection x"),
            (
                "%%{init: {}}%%",
                "#37;#37;#123;init#58; #123;#125;#125;#37;#37;",
            ),
            ("1 a: crit, 1\nclick a", "1 a#58; crit, 1 click a"),
            (
                "1 \"a\";#quot;`<br>&",
                "1 \"a\"#59;#35;quot#59;#96;#60;br#62;#38;",
            ),
            ("1 ﬂ°°60¶ß", "1 #64258;#176;#176;60#182;ß"),
            ("__proto__", "#95;_proto__"),
            ("1 größe 注文", "1 größe 注文"),
            ("", ""),
        ] {
            assert_eq!(Mermaid::label(text).to_string(), expected);
        }
        assert_eq!(Mermaid::name("a: b").to_string(), "a#58; b");
        assert_eq!(Mermaid::name("__proto__").to_string(), "#95;_proto__");
        assert_eq!(Mermaid::name("1").to_string(), "#49;");
    }
}
