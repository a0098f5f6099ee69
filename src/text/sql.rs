//! SQL text: where statements begin and end, and what they look like without their values.
//!
//! Only tokens are read, never grammar: a statement that PostgreSQL would refuse is still found,
//! and a new release's syntax needs no change here.

use std::ops::Range;

use squawk_lexer::{Token, TokenKind, tokenize};

/// One statement of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// Its first byte in the script.
    pub start: usize,
    /// From its first word to before its `;`.
    pub text: &'a str,
    /// The line of its first word, counted from 1.
    pub first_line: u32,
    /// The line of its `;`, or of its last word.
    pub last_line: u32,
}

/// The statements of `script`, split where `psql` would split: at `;` outside parentheses, quotes,
/// comments and `BEGIN ATOMIC` bodies.
///
/// `COPY … FROM stdin` data and `psql` meta-commands are not statements and are left out.
pub fn statements(script: &str) -> Vec<Statement<'_>> {
    let mut found = Vec::new();
    let mut rest = Cursor::new(script);
    while let Some(statement) = rest.next_statement() {
        found.push(statement);
    }
    found
}

/// `script` with `COPY` data and `psql` meta-commands as spaces, so that every statement stays where it
/// is, to the byte.
pub fn without_data(script: &str) -> String {
    let mut rest = Cursor::new(script);
    while rest.next_statement().is_some() {}
    let mut clean = script.as_bytes().to_vec();
    for range in rest.left_out {
        for byte in &mut clean[range] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }
    // Whole lines became spaces, so no character was cut.
    String::from_utf8(clean).unwrap_or_else(|_| script.to_owned())
}

/// How many words, numbers, strings and signs a statement has.
pub fn length(statement: &str) -> usize {
    tokenize(statement)
        .filter(|token| {
            !matches!(
                token.kind,
                TokenKind::Whitespace
                    | TokenKind::LineComment
                    | TokenKind::BlockComment { .. }
                    | TokenKind::Eof
            )
        })
        .count()
}

/// `sql` with every string and number replaced by `?` and white space folded, so that no value of a
/// row is left in it.
pub fn without_values(sql: &str) -> String {
    let mut clean = String::with_capacity(sql.len());
    let mut offset = 0;
    for Token { kind, len } in tokenize(sql) {
        let text = &sql[offset..offset + len as usize];
        offset += len as usize;
        match kind {
            TokenKind::Literal { .. } => clean.push('?'),
            TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment { .. } => {
                clean.push(' ');
            }
            TokenKind::Eof => {}
            _ => clean.push_str(text),
        }
    }
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A statement with white space folded and the end's `;` taken off, so that two layouts of one
/// statement are the same text.
pub fn folded(statement: &str) -> String {
    statement
        .trim_end_matches(|character: char| character == ';' || character.is_whitespace())
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// The first words of a statement in lower case, without comments: `["create", "unique", "index"]`.
pub fn leading_words(statement: &str, limit: usize) -> Vec<String> {
    let mut words = Vec::new();
    let mut offset = 0;
    for Token { kind, len } in tokenize(statement) {
        let text = &statement[offset..offset + len as usize];
        offset += len as usize;
        match kind {
            TokenKind::Ident => words.push(text.to_ascii_lowercase()),
            TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment { .. } => {}
            _ => break,
        }
        if words.len() == limit {
            break;
        }
    }
    words
}

/// The comment lines before the first word of `script`, without their `--`.
pub fn leading_comments(script: &str) -> Vec<&str> {
    let mut comments = Vec::new();
    let mut offset = 0;
    for Token { kind, len } in tokenize(script) {
        let text = &script[offset..offset + len as usize];
        offset += len as usize;
        match kind {
            TokenKind::LineComment => comments.push(text.trim_start_matches('-').trim()),
            TokenKind::Whitespace | TokenKind::BlockComment { .. } => {}
            _ => break,
        }
    }
    comments
}

/// Reads a script from the front.
struct Cursor<'a> {
    rest: &'a str,
    line: u32,
    /// Where `rest` begins.
    offset: usize,
    /// What is no statement and no comment.
    left_out: Vec<Range<usize>>,
}

/// How deep a statement is nested while it is read.
#[derive(Default)]
struct Nesting {
    parentheses: u32,
    /// `BEGIN ATOMIC` and the `CASE`s inside it.
    blocks: u32,
    words: Vec<String>,
}

impl Nesting {
    fn word(&mut self, word: &str) {
        let word = word.to_ascii_lowercase();
        let in_routine = self.words.first().is_some_and(|first| first == "create")
            && self
                .words
                .iter()
                .any(|word| word == "function" || word == "procedure");
        if in_routine {
            match word.as_str() {
                "atomic" if self.words.last().is_some_and(|last| last == "begin") => {
                    self.blocks += 1;
                }
                "case" if self.blocks > 0 => self.blocks += 1,
                "end" => self.blocks = self.blocks.saturating_sub(1),
                _ => {}
            }
        }
        // Only the head decides whether this is a routine, and the last word whether `ATOMIC`
        // follows `BEGIN`; the middle of a long statement need not be kept.
        if self.words.len() == 8 {
            self.words.remove(6);
        }
        self.words.push(word);
    }

    fn is_open(&self) -> bool {
        self.parentheses > 0 || self.blocks > 0
    }
}

impl<'a> Cursor<'a> {
    fn new(script: &'a str) -> Self {
        let rest = script.strip_prefix('\u{feff}').unwrap_or(script);
        let offset = script.len() - rest.len();
        let mark = 0..offset;
        Self {
            rest,
            line: 1,
            offset,
            // The mark is no word of the first statement.
            left_out: vec![mark],
        }
    }

    fn next_statement(&mut self) -> Option<Statement<'a>> {
        loop {
            self.skip_space_and_comments();
            if self.rest.is_empty() {
                return None;
            } else if self.rest.starts_with('\\') {
                let start = self.offset;
                self.skip_line();
                self.left_out.push(start..self.offset);
            } else if self.rest.starts_with(';') {
                self.advance(1);
            } else {
                break;
            }
        }
        let script = self.rest;
        let (start, first_line) = (self.offset, self.line);
        let mut nesting = Nesting::default();
        let mut offset = 0;
        let mut last_word_end = 0;
        for Token { kind, len } in tokenize(script) {
            let text = &script[offset..offset + len as usize];
            match kind {
                TokenKind::Semi if !nesting.is_open() => break,
                TokenKind::OpenParen => nesting.parentheses += 1,
                TokenKind::CloseParen => {
                    nesting.parentheses = nesting.parentheses.saturating_sub(1);
                }
                TokenKind::Ident => nesting.word(text),
                _ => {}
            }
            offset += len as usize;
            if !matches!(
                kind,
                TokenKind::Whitespace
                    | TokenKind::LineComment
                    | TokenKind::BlockComment { .. }
                    | TokenKind::Eof
            ) {
                last_word_end = offset;
            }
        }
        let text = &script[..last_word_end];
        let ends_with_semicolon = script[offset..].starts_with(';');
        self.advance(if ends_with_semicolon {
            offset
        } else {
            last_word_end
        });
        let last_line = self.line;
        if ends_with_semicolon {
            self.advance(1);
        } else {
            self.advance(self.rest.len());
        }
        if reads_copy_data(text) {
            self.skip_copy_data();
        }
        Some(Statement {
            start,
            text,
            first_line,
            last_line,
        })
    }

    fn skip_space_and_comments(&mut self) {
        let mut offset = 0;
        for Token { kind, len } in tokenize(self.rest) {
            if !matches!(
                kind,
                TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment { .. }
            ) {
                break;
            }
            offset += len as usize;
        }
        self.advance(offset);
    }

    fn skip_line(&mut self) {
        let end = self.rest.find('\n').map_or(self.rest.len(), |end| end + 1);
        self.advance(end);
    }

    fn skip_copy_data(&mut self) {
        self.skip_line();
        let start = self.offset;
        while !self.rest.is_empty() {
            let is_end = self.rest.lines().next() == Some("\\.");
            self.skip_line();
            if is_end {
                break;
            }
        }
        self.left_out.push(start..self.offset);
    }

    fn advance(&mut self, bytes: usize) {
        let (passed, rest) = self.rest.split_at(bytes);
        self.line += u32::try_from(passed.matches('\n').count()).unwrap_or(u32::MAX);
        self.rest = rest;
        self.offset += bytes;
    }
}

fn reads_copy_data(statement: &str) -> bool {
    let words: Vec<String> = statement
        .split(|character: char| !character.is_alphanumeric() && character != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    words.first().is_some_and(|first| first == "copy")
        && words.windows(2).any(|pair| pair == ["from", "stdin"])
}

#[cfg(test)]
mod tests {
    use super::{
        folded, leading_comments, leading_words, statements, without_data, without_values,
    };

    #[test]
    fn layout_makes_no_difference() {
        assert_eq!(folded("select\n  1 ;\n"), folded("select 1"));
    }

    fn split(script: &str) -> Vec<(u32, u32, &str)> {
        statements(script)
            .into_iter()
            .map(|statement| (statement.first_line, statement.last_line, statement.text))
            .collect()
    }

    #[test]
    fn splits_where_psql_splits() {
        assert_eq!(
            split(
                "select 1;\n-- a ; b\nselect ';', $$;$$, E'\\';' ;;\n\n/* ; /* ; */ */ select\n2"
            ),
            [
                (1, 1, "select 1"),
                (3, 3, "select ';', $$;$$, E'\\';'"),
                (5, 6, "select\n2")
            ]
        );
    }

    #[test]
    fn parentheses_and_atomic_bodies_hold_their_semicolons() {
        let script = "create rule r as on insert to t do also (delete from a; delete from b);\n\
            create function f() returns int language sql begin atomic\n\
            select case when true then 1 end; select 2; end;\n\
            begin; select 3; end;";
        assert_eq!(
            split(script)
                .into_iter()
                .map(|(first, last, _)| (first, last))
                .collect::<Vec<_>>(),
            [(1, 1), (2, 3), (4, 4), (4, 4), (4, 4)]
        );
    }

    #[test]
    fn copy_data_and_meta_commands_are_no_statements() {
        assert_eq!(
            split("\\restrict abc\ncopy t (a) from stdin;\n1;x\n2\n\\.\nselect 1;"),
            [(2, 2, "copy t (a) from stdin"), (6, 6, "select 1")]
        );
    }

    #[test]
    fn data_becomes_spaces_and_nothing_moves() {
        let script =
            "\u{feff}\\set é 'x\ncopy t from stdin; -- kept\ndrop table é;\n\\.\nselect 'é';\n";
        assert_eq!(
            without_data(script),
            "             \ncopy t from stdin; -- kept\n              \n  \nselect 'é';\n"
        );
        let second = &statements(script)[1];
        assert_eq!(&script[second.start..second.start + 6], "select");
    }

    #[test]
    fn an_unclosed_quote_is_one_statement() {
        assert_eq!(split("select 'a;\nb"), [(1, 2, "select 'a;\nb")]);
    }

    #[test]
    fn values_are_removed_and_names_kept() {
        assert_eq!(
            without_values(
                "select \"Name\" from t1\n where mail = 'a@b.c' -- x\n and id in (1, 2.5, $1) and b = $$x$$"
            ),
            "select \"Name\" from t1 where mail = ? and id in (?, ?, $1) and b = ?"
        );
    }

    #[test]
    fn heads_are_read_past_comments() {
        assert_eq!(
            leading_words("/* x */ Create -- y\n UNIQUE index i on t", 3),
            ["create", "unique", "index"]
        );
        assert_eq!(
            leading_comments("-- no-transaction\n\n--squawk-ignore a\nselect 1 -- later"),
            ["no-transaction", "squawk-ignore a"]
        );
    }
}
