//! The border to a SARIF message.

use std::fmt;

use super::visible_line;

/// Characters of a message that a reader is shown. GitHub refuses descriptions of more than 1,024.
const LONGEST: usize = 1_000;

/// Text of a SARIF message, in one line.
///
/// A message may hold links, `[words](target)`, and a viewer makes them clickable: a character that
/// is not seen keeps the two brackets apart. A message without arguments has no placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sarif(String);

impl Sarif {
    pub fn line(text: &str) -> Self {
        let text = visible_line(text).replace("](", "]\u{200b}(");
        if text.chars().count() <= LONGEST {
            return Self(text);
        }
        let kept: String = text.chars().take(LONGEST - 1).collect();
        Self(format!("{}…", kept.trim_end()))
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Sarif {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_without_links() {
        for (text, expected) in [
            ("a\n b\u{1b}[31m", "a b"),
            ("[a](javascript:x)", "[a]\u{200b}(javascript:x)"),
            ("integer[] (4)", "integer[] (4)"),
        ] {
            assert_eq!(Sarif::line(text).to_string(), expected);
        }
    }

    #[test]
    fn a_long_message_says_that_it_goes_on() {
        let text = Sarif::line(&"ä".repeat(2_000)).into_string();
        assert_eq!(text.chars().count(), LONGEST);
        assert!(text.ends_with("ä…"));
    }
}
