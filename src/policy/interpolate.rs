//! `${VAR}`, `${VAR:-default}` and `${VAR:?message}` in values, resolved after parsing so that a
//! variable can't add a key. `$${` is a `${` that stays.

use std::collections::BTreeSet;

use serde_yaml::Value;

use super::document::Document;
use super::path::Path;
use super::problem::Problem;
use super::secrets;
use crate::text::one_line;

const FORMS: &str =
    "write `${NAME}`, `${NAME:-default}` or `${NAME:?message}`; `$${` for the shell's own";

/// Resolves every variable in `value` and returns the names that were read, set or not.
pub fn apply(
    value: &mut Value,
    document: &mut Document,
    variable: impl Fn(&str) -> Option<String>,
    problems: &mut Vec<Problem>,
) -> BTreeSet<String> {
    let mut walk = Walk {
        document,
        variable: &variable,
        problems,
        names: BTreeSet::new(),
    };
    walk.value(value, &Path::default());
    walk.names
}

struct Walk<'a> {
    document: &'a mut Document,
    variable: &'a dyn Fn(&str) -> Option<String>,
    problems: &'a mut Vec<Problem>,
    names: BTreeSet<String>,
}

/// Why a text can't be resolved, and what to do.
struct Unresolved {
    message: String,
    hint: Option<String>,
}

impl Walk<'_> {
    fn value(&mut self, value: &mut Value, path: &Path) {
        match value {
            Value::String(text) => {
                self.refuse_secret(text, path);
                if text.contains("${") {
                    self.resolve(text, path);
                }
            }
            Value::Number(number) => self.refuse_secret(&number.to_string(), path),
            Value::Sequence(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.value(item, &path.index(index));
                }
            }
            Value::Mapping(entries) => {
                for (key, entry) in entries.iter_mut() {
                    if let Some(key) = key.as_str() {
                        self.value(entry, &path.key(key));
                    }
                }
            }
            _ => {}
        }
    }

    /// A policy is committed: a password in it is one that everybody has.
    fn refuse_secret(&mut self, text: &str, path: &Path) {
        if secrets::is_written(text, path) {
            self.problems.push(Problem {
                span: self.document.value_span(path),
                message: secrets::MESSAGE.to_owned(),
                hint: Some("take it from the environment: `${NAME}`".to_owned()),
            });
        }
    }

    fn resolve(&mut self, text: &mut String, path: &Path) {
        let mut resolved = String::with_capacity(text.len());
        let mut names_one = false;
        let mut rest = text.as_str();
        while let Some(start) = rest.find("${") {
            resolved.push_str(&rest[..start]);
            if rest[..start].ends_with('$') {
                // The two dollars become one.
                resolved.push('{');
                rest = &rest[start + 2..];
                continue;
            }
            names_one = true;
            let after = &rest[start + 2..];
            let end = closing(after);
            let given = match end {
                Some(end) => self.variable(&after[..end]),
                None => Err(Unresolved {
                    message: "`${` without its `}`".to_owned(),
                    hint: Some(FORMS.to_owned()),
                }),
            };
            match given {
                Ok(value) => resolved.push_str(&value),
                Err(unresolved) => {
                    self.document.give_up(path);
                    self.problems.push(Problem {
                        span: self.document.value_span(path),
                        message: unresolved.message,
                        hint: unresolved.hint,
                    });
                }
            }
            rest = end.map_or("", |end| &after[end + 1..]);
        }
        resolved.push_str(rest);
        if names_one {
            self.document.mark_from_variable(path);
        }
        *text = resolved;
    }

    fn variable(&mut self, inner: &str) -> Result<String, Unresolved> {
        let refused = |what: &str| Unresolved {
            message: format!("`${{{}}}` {what}", one_line(inner, 40)),
            hint: Some(FORMS.to_owned()),
        };
        let (name, rest) = match inner.find(':') {
            Some(colon) => inner.split_at(colon),
            None => (inner, ""),
        };
        if !is_name(name) {
            return Err(refused("names no environment variable"));
        }
        if inner.contains("${") {
            return Err(refused("has another variable in it"));
        }
        self.names.insert(name.to_owned());
        // As in a shell, `:-` and `:?` take an empty variable for an unset one.
        let value = (self.variable)(name).filter(|value| rest.is_empty() || !value.is_empty());
        let not_set = |hint: String| Unresolved {
            message: format!("environment variable `{name}` is not set"),
            hint: Some(hint),
        };
        let set_it = || not_set(format!("set it, or give a default: `${{{name}:-…}}`"));
        if rest.is_empty() {
            return value.ok_or_else(set_it);
        }
        if let Some(default) = rest.strip_prefix(":-") {
            return Ok(value.unwrap_or_else(|| default.to_owned()));
        }
        match (rest.strip_prefix(":?"), value) {
            (Some(_), Some(value)) => Ok(value),
            (Some(message), None) if !message.trim().is_empty() => {
                Err(not_set(one_line(message, 200)))
            }
            (Some(_), None) => Err(set_it()),
            (None, _) => Err(refused("is not understood")),
        }
    }
}

/// Whether `text` can be the name of an environment variable.
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || character == '_')
}

/// Where the `}` is that closes what `text` continues; a default may have pairs of its own.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}
