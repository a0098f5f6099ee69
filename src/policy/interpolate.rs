//! `${VAR}`, `${VAR:-default}` and `${VAR:?message}` in values, resolved after parsing so that a
//! variable can't add a key.

use std::collections::BTreeSet;

use serde_yaml::Value;

use super::document::{Document, Path};
use super::problem::Problem;

/// What was resolved.
pub struct Interpolated {
    /// Values that came from variables: such a text may stand for a number.
    pub paths: BTreeSet<Path>,
    /// The variables that were named, set or not.
    pub variables: BTreeSet<String>,
}

/// Resolves every variable in `value`.
pub fn apply(
    value: &mut Value,
    document: &Document,
    variable: impl Fn(&str) -> Option<String>,
    problems: &mut Vec<Problem>,
) -> Interpolated {
    let mut walk = Walk {
        document,
        variable: &variable,
        problems,
        done: Interpolated {
            paths: BTreeSet::new(),
            variables: BTreeSet::new(),
        },
    };
    walk.value(value, &Path::default());
    walk.done
}

struct Walk<'a> {
    document: &'a Document,
    variable: &'a dyn Fn(&str) -> Option<String>,
    problems: &'a mut Vec<Problem>,
    done: Interpolated,
}

impl Walk<'_> {
    fn value(&mut self, value: &mut Value, path: &Path) {
        match value {
            Value::String(text) if text.contains("${") => {
                refuse_literal_password(text, path, self.document, self.problems);
                let resolved = self.text(text, path);
                self.done.paths.insert(path.clone());
                *text = resolved;
            }
            Value::String(text) => {
                refuse_literal_password(text, path, self.document, self.problems);
            }
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

    fn text(&mut self, text: &str, path: &Path) -> String {
        let mut resolved = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            if rest[..start].ends_with('$') {
                // `$${` is a literal `${`.
                resolved.push_str(&rest[..start]);
                resolved.push('{');
                rest = &rest[start + 2..];
                continue;
            }
            resolved.push_str(&rest[..start]);
            let Some(end) = rest[start..].find('}').map(|end| start + end) else {
                self.problem(path, "`${` without `}`".to_owned(), None);
                return resolved;
            };
            let inner = rest[start + 2..end].to_owned();
            resolved.push_str(&self.variable(&inner, path));
            rest = &rest[end + 1..];
        }
        resolved.push_str(rest);
        resolved
    }

    fn variable(&mut self, inner: &str, path: &Path) -> String {
        let (name, rest) = match inner.find(':') {
            Some(colon) => inner.split_at(colon),
            None => (inner, ""),
        };
        let named = !name.is_empty()
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && name
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || character == '_');
        if !named {
            self.problem(
                path,
                format!("`${{{inner}}}` names no environment variable"),
                Some("write `${NAME}`, `${NAME:-default}` or `${NAME:?message}`".to_owned()),
            );
            return String::new();
        }
        self.done.variables.insert(name.to_owned());
        // As in a shell, `:-` and `:?` take an empty variable for an unset one.
        let value = (self.variable)(name).filter(|value| rest.is_empty() || !value.is_empty());
        match (value, rest.get(..2), rest.get(2..)) {
            (Some(value), _, _) => value,
            (None, Some(":-"), Some(default)) => default.to_owned(),
            (None, Some(":?"), Some(message)) => {
                self.problem(
                    path,
                    format!("environment variable `{name}` is not set"),
                    Some(message.trim().to_owned()).filter(|message| !message.is_empty()),
                );
                String::new()
            }
            (None, None | Some(""), _) => {
                self.problem(
                    path,
                    format!("environment variable `{name}` is not set"),
                    Some(format!("set it, or give a default: `${{{name}:-…}}`")),
                );
                String::new()
            }
            (None, Some(_), _) => {
                self.problem(
                    path,
                    format!("`${{{inner}}}` is not understood"),
                    Some("write `${NAME}`, `${NAME:-default}` or `${NAME:?message}`".to_owned()),
                );
                String::new()
            }
        }
    }

    fn problem(&mut self, path: &Path, message: String, hint: Option<String>) {
        self.problems.push(Problem {
            span: self.document.value_span(path),
            message,
            hint,
        });
    }
}

/// A policy is committed: a password in it is one that everybody has.
fn refuse_literal_password(
    text: &str,
    path: &Path,
    document: &Document,
    problems: &mut Vec<Problem>,
) {
    if has_literal_password(text, &path.to_string()) {
        problems.push(Problem {
            span: document.value_span(path),
            message: "a secret is written in the policy".to_owned(),
            hint: Some("take it from the environment: `${NAME}`".to_owned()),
        });
    }
}

fn has_literal_password(text: &str, path: &str) -> bool {
    let password = text
        .split_once("://")
        .and_then(|(_, rest)| rest.split(['/', '?', ' ']).next())
        .and_then(|authority| authority.rsplit_once('@'))
        .and_then(|(user, _)| user.split_once(':'))
        .map(|(_, password)| password);
    let parameter = text
        .split(['?', '&', ' '])
        .find_map(|part| part.strip_prefix("password="));
    let key = path
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let names_a_secret = ["password", "passwd", "secret", "token", "api_key", "apikey"]
        .iter()
        .any(|word| key.ends_with(word));
    let written = |value: &str| !value.is_empty() && !value.contains("${");
    password.is_some_and(written)
        || parameter.is_some_and(written)
        || (names_a_secret && written(text))
}

#[cfg(test)]
mod tests {
    use super::has_literal_password;

    #[test]
    fn passwords_are_seen_where_people_write_them() {
        for (text, path) in [
            ("postgres://app:hunter2@db/shop", "source.database.url"),
            ("host=db password=hunter2", "migrations.command"),
            ("hunter2", "smoke.app.env.SESSION_SECRET"),
        ] {
            assert!(has_literal_password(text, path), "{text}");
        }
        for (text, path) in [
            ("postgres://app:${PASSWORD}@db/shop", "source.database.url"),
            ("postgres://app@db:5432/shop", "source.database.url"),
            ("${SESSION_SECRET:-x}", "smoke.app.env.SESSION_SECRET"),
            ("a:b@c", "name"),
        ] {
            assert!(!has_literal_password(text, path), "{text}");
        }
    }
}
