//! What a plain scalar is, by YAML 1.2's core schema. `no` and `on` are texts; so are `007` and
//! `0x1F`, of which nobody can say what was meant.

use std::sync::LazyLock;

use regex::Regex;
use serde_yaml::Value;

/// The value of an unquoted text.
pub fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| Value::String(text.to_owned())),
    }
}

/// `text` as a number, if it is one that is written in the usual way.
pub fn number(text: &str) -> Option<Value> {
    static NUMBER: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$").ok());
    if !NUMBER.as_ref()?.is_match(text) {
        return None;
    }
    if let Ok(number) = text.parse::<i64>() {
        return Some(number.into());
    }
    if let Ok(number) = text.parse::<u64>() {
        return Some(number.into());
    }
    let number: f64 = text.parse().ok()?;
    number.is_finite().then(|| number.into())
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn only_what_is_plainly_a_number_is_one() {
        for text in ["0", "-12", "+3", "1.50", "1e3", "18446744073709551615"] {
            assert!(plain(text).is_number(), "{text}");
        }
        for text in [
            "007", "0x1F", "0o17", "1.2.3", ".5", "5.", "1_000", ".inf", "1e999", "2s",
        ] {
            assert!(plain(text).is_string(), "{text}");
        }
    }

    #[test]
    fn the_norwegian_problem_is_not_ours() {
        for text in ["no", "yes", "on", "off", "y"] {
            assert!(plain(text).is_string(), "{text}");
        }
        assert!(plain("~").is_null());
        assert!(plain("True").is_bool());
    }
}
