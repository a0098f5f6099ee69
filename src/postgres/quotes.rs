//! Where a statement of a script ends, line by line: a line inside a function's body or a comment's
//! text is no statement, whatever it looks like.

/// What the text read so far leaves open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Open {
    #[default]
    Nothing,
    /// `'…`
    Text,
    /// `E'…`, in which a backslash hides the next character.
    Escaped,
    /// `"…`
    Name,
    /// `$tag$…`
    Dollar(Vec<u8>),
}

/// Reads a script's lines and knows where statements end.
#[derive(Clone, Debug, Default)]
pub struct Quotes {
    open: Open,
}

impl Quotes {
    /// Reads one line; whether a statement ends with it.
    pub fn ends_with(&mut self, line: &str) -> bool {
        let bytes = line.as_bytes();
        let mut at = 0;
        let mut last = b' ';
        while at < bytes.len() {
            match &self.open {
                Open::Nothing => {
                    let byte = bytes[at];
                    match byte {
                        b'-' if bytes.get(at + 1) == Some(&b'-') => break,
                        b'\''
                            if matches!(
                                at.checked_sub(1).map(|before| bytes[before]),
                                Some(b'E' | b'e')
                            ) =>
                        {
                            self.open = Open::Escaped;
                        }
                        b'\'' => self.open = Open::Text,
                        b'"' => self.open = Open::Name,
                        b'$' => {
                            if let Some(tag) = dollar_tag(bytes, at) {
                                at += tag.len() - 1;
                                self.open = Open::Dollar(tag);
                            }
                        }
                        _ => {}
                    }
                    if !byte.is_ascii_whitespace() {
                        last = byte;
                    }
                    at += 1;
                }
                // A doubled quote closes and opens again, which comes to the same.
                Open::Text => at += self.close_at(&bytes[at..], b"'"),
                Open::Name => at += self.close_at(&bytes[at..], b"\""),
                Open::Escaped if bytes[at] == b'\\' => at += 2,
                Open::Escaped => {
                    // Closed and opened again it must stay what it was.
                    if bytes[at..].starts_with(b"''") {
                        at += 1;
                    } else if bytes[at] == b'\'' {
                        self.open = Open::Nothing;
                    }
                    at += 1;
                }
                Open::Dollar(tag) => {
                    let tag = tag.clone();
                    at += self.close_at(&bytes[at..], &tag);
                }
            }
        }
        self.open == Open::Nothing && last == b';'
    }

    /// Closes what is open if `mark` is in `rest`; how much is read.
    fn close_at(&mut self, rest: &[u8], mark: &[u8]) -> usize {
        match memchr::memmem::find(rest, mark) {
            Some(found) => {
                self.open = Open::Nothing;
                found + mark.len()
            }
            None => rest.len(),
        }
    }
}

/// `$tag$` at `at`, if that is one: not `$1`, and not a part of a name.
fn dollar_tag(bytes: &[u8], at: usize) -> Option<Vec<u8>> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
    if at > 0 && is_part(bytes[at - 1]) {
        return None;
    }
    let end = at + 1 + bytes[at + 1..].iter().position(|&byte| !is_part(byte))?;
    let is_tag = bytes[end] == b'$' && !bytes[at + 1].is_ascii_digit();
    is_tag.then(|| bytes[at..=end].to_vec())
}

#[cfg(test)]
mod tests {
    use super::Quotes;

    #[test]
    fn statements_end_outside_quotes_only() {
        for (script, ends) in [
            ("select 1;", vec![true]),
            ("select 1; -- done", vec![true]),
            ("select 1 -- not done;", vec![false]),
            ("select ';", vec![false]),
            (
                "create function f() as $_$\nb;\n$$;\n$_$;",
                vec![false, false, false, true],
            ),
            ("comment on x is 'it''s\ny;\nz';", vec![false, false, true]),
            ("select E'a\\';\nb';", vec![false, true]),
            ("select E'a''b';", vec![true]),
            ("select \"a;\"\"\"", vec![false]),
            ("select $1, a$b$;", vec![true]),
        ] {
            let mut quotes = Quotes::default();
            let found: Vec<bool> = script.lines().map(|line| quotes.ends_with(line)).collect();
            assert_eq!(found, ends, "{script}");
        }
    }
}
