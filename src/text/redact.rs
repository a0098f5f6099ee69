//! Values of rows and passwords, taken out of text that others wrote.
//!
//! PostgreSQL puts values into messages in a few known places. A message is rebuilt from what is
//! known to be a name; what is not known to be a name is left out.

mod output;

use std::sync::LazyLock;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use regex::{Captures, Regex};

pub use self::output::{Output, child_line};
use super::Secret;

/// Replaces the secrets of this run in text that children wrote.
#[derive(Clone, Debug, Default)]
pub struct Mask {
    /// Longest first, so that a URL goes before the password inside it.
    secrets: Vec<Secret>,
}

impl Mask {
    /// Adds a secret and the forms it takes inside a URL.
    pub fn add(&mut self, secret: &Secret) {
        for text in forms(secret.expose()) {
            if is_maskable(&text) && !self.secrets.iter().any(|known| known.expose() == text) {
                self.secrets.push(Secret::new(text));
            }
        }
        self.secrets
            .sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
    }

    /// `text` with every secret, and the password of every URL, shown as `***`.
    pub fn apply(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for secret in &self.secrets {
            if masked.contains(secret.expose()) {
                masked = masked.replace(secret.expose(), "***");
            }
        }
        without_url_passwords(&masked)
    }
}

/// Whether a text is long enough to be masked: `a` would blank out every word.
pub fn is_maskable(text: &str) -> bool {
    text.chars().count() >= 4
}

/// A secret as it is, and what encoders make of it.
///
/// Each encoder leaves other characters alone, and some write digits above nine in lower case.
pub fn forms(plain: &str) -> impl Iterator<Item = String> {
    const STRICTEST: &AsciiSet = NON_ALPHANUMERIC;
    /// RFC 3986: what never needs it.
    const UNRESERVED: &AsciiSet = &STRICTEST
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    /// Python's `quote`.
    const PATH: &AsciiSet = &UNRESERVED.remove(b'/');
    /// JavaScript's `encodeURIComponent`.
    const COMPONENT: &AsciiSet = &UNRESERVED
        .remove(b'!')
        .remove(b'*')
        .remove(b'\'')
        .remove(b'(')
        .remove(b')');
    /// RFC 3986: what a password inside an address may have as it is.
    const USERINFO: &AsciiSet = &COMPONENT
        .remove(b'$')
        .remove(b'&')
        .remove(b'+')
        .remove(b',')
        .remove(b';')
        .remove(b'=')
        .remove(b':');
    let encoded = [STRICTEST, UNRESERVED, PATH, COMPONENT, USERINFO]
        .into_iter()
        .flat_map(|set| {
            let encoded = utf8_percent_encode(plain, set).to_string();
            let lower = in_lower_case(&encoded);
            [encoded, lower]
        });
    std::iter::once(plain.to_owned()).chain(encoded)
}

fn in_lower_case(encoded: &str) -> String {
    static DIGITS: LazyLock<Regex> = LazyLock::new(|| pattern("%[0-9A-F]{2}"));
    DIGITS
        .replace_all(encoded, |found: &Captures<'_>| {
            found[0].to_ascii_lowercase()
        })
        .into_owned()
}

/// `postgres://user:***@host` for every URL with a password in `text`.
pub fn without_url_passwords(text: &str) -> String {
    static URL: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s@/]+@"));
    URL.replace_all(text, "$1:***@").into_owned()
}

/// A message of the server without the values in it.
///
/// Class 22 (data exceptions) quotes the value that it refuses, so there only the quoted words that
/// follow the name of an object's kind stay. User-raised messages are for the caller to judge.
pub fn server_message(sqlstate: &str, message: &str) -> String {
    let class = sqlstate.get(..2).unwrap_or_default();
    if QUOTES_NAMES.contains(&class) {
        message.to_owned()
    } else {
        without_quoted_values(message)
    }
}

/// The classes of SQLSTATE whose messages quote names only.
///
/// Everything else (22 data exception, 23 integrity, 38 and 39 external routines, P0 PL/pgSQL, an
/// extension's own) may quote a value.
const QUOTES_NAMES: &[&str] = &[
    "00", "01", "02", "08", "0A", "25", "26", "28", "2B", "34", "3B", "3D", "3F", "40", "42", "44",
    "53", "54", "55", "57", "58", "F0", "XX",
];

fn without_quoted_values(message: &str) -> String {
    static QUOTED: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r#"(?i)(\b(?:relation|table|column|constraint|index|type|domain|enum|encoding|parameter|function|schema|sequence|role|extension|key|view|partition)\s+)?"((?:[^"]|"")*)""#,
        )
    });
    static HEX: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?:\b0x[0-9a-f]{2}\s*)+"));
    let names_only = QUOTED.replace_all(message, |found: &Captures<'_>| match found.get(1) {
        Some(kind) => format!("{}\"{}\"", kind.as_str(), &found[2]),
        None => "\"…\"".to_owned(),
    });
    HEX.replace_all(&names_only, "…").into_owned()
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern is valid")
}

#[cfg(test)]
mod tests {
    use super::{Mask, server_message};
    use crate::text::Secret;

    #[test]
    fn secrets_are_masked_in_every_form() {
        let mut mask = Mask::default();
        mask.add(&Secret::new("p@ss word"));
        assert_eq!(
            mask.apply("p@ss word, p%40ss%20word, postgres://u:other@h/d"),
            "***, ***, postgres://u:***@h/d"
        );
        let mut mask = Mask::default();
        mask.add(&Secret::new("a@b/c-1~(2)"));
        assert_eq!(
            mask.apply(
                "a%40b%2Fc%2D1%7E%282%29 a%40b%2Fc-1~%282%29 a%40b/c-1~%282%29 a%40b%2Fc-1~(2) \
                 a%40b%2fc-1~(2)"
            ),
            "*** *** *** *** ***"
        );
    }

    #[test]
    fn values_leave_server_messages_and_names_stay() {
        let cases = [
            (
                "22P02",
                "invalid input syntax for type integer: \"abc\"",
                "invalid input syntax for type integer: \"…\"",
            ),
            (
                "22003",
                "value \"99999999999\" is out of range for type integer",
                "value \"…\" is out of range for type integer",
            ),
            (
                "22021",
                "invalid byte sequence for encoding \"UTF8\": 0xe9 0x20",
                "invalid byte sequence for encoding \"UTF8\": …",
            ),
            (
                "23502",
                "column \"note\" of relation \"orders\" contains null values",
                "column \"note\" of relation \"orders\" contains null values",
            ),
            (
                "42703",
                "column \"nope\" does not exist",
                "column \"nope\" does not exist",
            ),
        ];
        for (sqlstate, message, safe) in cases {
            assert_eq!(server_message(sqlstate, message), safe);
        }
    }
}
