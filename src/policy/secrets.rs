//! Secrets that were written where everybody can read them: seen, refused, and never repeated.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::path::Path;

/// What is said of a secret, without it.
pub const MESSAGE: &str = "a secret is written in the policy";

/// Keys that end so hold a secret.
const SECRET_KEYS: [&str; 8] = [
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "private_key",
    "authorization",
];

/// Whether `text`, written at `path`, has a secret in it.
pub fn is_written(text: &str, path: &Path) -> bool {
    let key = path.last_key().unwrap_or_default().to_ascii_lowercase();
    // Tables have such names too, and what may become of their rows is no secret.
    let names_a_secret = is_secret_key(&key) && !path.is_within(&Path::of("verify.rows"));
    if names_a_secret && is_literal(text) {
        return true;
    }
    let found = |pattern: &Option<Regex>| {
        pattern.as_ref().is_some_and(|pattern| {
            pattern.captures_iter(text).any(|captures| {
                captures
                    .get(2)
                    .is_some_and(|found| is_literal(found.as_str()))
            })
        })
    };
    // SQL compares columns of that name: `where password = ''`.
    found(&URL) || (key != "sql" && found(&PARAMETER))
}

/// Whether a key of that name holds a secret.
fn is_secret_key(key: &str) -> bool {
    let key = key.replace('-', "_");
    SECRET_KEYS.iter().any(|word| key.ends_with(word))
}

/// Not a reference: `${NAME}` is ours, `$NAME` and `$(…)` the shell's, `{password}` a placeholder.
fn is_literal(value: &str) -> bool {
    let value = value.trim_matches(['"', '\'']);
    let placeholder = value.starts_with('{') && value.ends_with('}');
    let reference = value.starts_with('$') || value.contains("${") || value.contains("$(");
    !value.is_empty() && !reference && !placeholder
}

/// `text` with every written secret covered by as many `*`, so that places stay where they are.
pub fn covered(text: &str) -> Cow<'_, str> {
    let mut covered = Cow::Borrowed(text);
    for pattern in [&*ANY_URL, &*PARAMETER, &*ENTRY] {
        let Some(pattern) = pattern else { continue };
        let spans: Vec<_> = pattern
            .captures_iter(&covered)
            .filter_map(|captures| captures.get(2))
            .filter(|found| !is_reference(found.as_str()))
            .map(|found| found.start()..found.start() + found.as_str().trim_end().len())
            .collect();
        for span in spans {
            let stars = "*".repeat(span.len());
            covered.to_mut().replace_range(span, &stars);
        }
    }
    covered
}

/// A reference and nothing beside it; a default is written in the file, so it is covered.
fn is_reference(value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    let name = value
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'))
        .or_else(|| value.strip_prefix('$'))
        .or_else(|| {
            value
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'))
        });
    name.is_some_and(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

type Pattern = LazyLock<Option<Regex>>;

/// The password of a URL, up to the `@` of a well-formed one.
static URL: Pattern = LazyLock::new(|| Regex::new(r"(://[^\s/?#:@]*:)([^\s/?#]*)@").ok());

/// The same in one with a `/` or a `?` in its password: too bold to refuse, not to cover.
static ANY_URL: Pattern = LazyLock::new(|| Regex::new(r"(://[^\s/?#:@]*:)([^\s]*)@").ok());

/// `password=…`, in a connection string, a query or before a command.
static PARAMETER: Pattern =
    LazyLock::new(|| Regex::new(r#"(?i)(passw(?:or)?d=)("[^"\n]*"|'[^'\n]*'|[^\s&;"']+)"#).ok());

/// `password: …`, as an entry of the file.
static ENTRY: Pattern = LazyLock::new(|| {
    Regex::new(
        r#"(?im)((?:password|passwd|secret|token|api[_-]?key|private_key|authorization)["']?:[ \t]+)("[^"\n]*"|'[^'\n]*'|[^\s,}][^\n,}]*)"#,
    )
    .ok()
});

#[cfg(test)]
mod tests {
    use super::{Path, covered, is_written};

    #[test]
    fn secrets_are_seen_where_people_write_them() {
        for (text, path) in [
            ("postgres://app:hunter2@db/shop", "source.database.url"),
            ("postgres://app:hun@ter2@db/shop", "source.database.url"),
            (
                "curl http://x/ | psql postgres://a:hunter2@db/shop",
                "source.command",
            ),
            ("host=db password=hunter2", "migrations.command"),
            ("PGPASSWORD=hunter2 pg_dump shop", "source.command"),
            ("psql --dbname 'host=db password=hunter2'", "source.command"),
            ("hunter2", "smoke.app.env.SESSION_SECRET"),
            ("Bearer hunter2", "smoke.headers.Authorization"),
        ] {
            assert!(is_written(text, &Path::of(path)), "{text}");
        }
    }

    #[test]
    fn references_and_look_alikes_are_none() {
        for (text, path) in [
            ("postgres://app:${PASSWORD}@db/shop", "source.database.url"),
            ("postgres://app@db:5432/shop", "source.database.url"),
            (
                "postgres://{user}:{password}@{host}/shop",
                "smoke.app.command",
            ),
            ("{password}", "smoke.app.env.DB_PASSWORD"),
            ("PGPASSWORD=$PGPASSWORD pg_dump shop", "source.command"),
            ("${SESSION_SECRET:-x}", "smoke.app.env.SESSION_SECRET"),
            (
                "select count(*) from users where password='x'",
                "verify.sql",
            ),
            ("http://127.0.0.1:3000/find?mail=a@b.c", "smoke.ready.http"),
            ("any", "verify.rows.tables.refresh_token"),
            ("a:b@c", "name"),
        ] {
            assert!(!is_written(text, &Path::of(path)), "{text}");
        }
    }

    #[test]
    fn what_is_shown_has_stars_and_its_length() {
        for text in [
            "url: postgres://app:hunter2@db/shop",
            "url: postgres://app:${PASSWORD:-hunter2}@db/shop",
            "url: postgres://app:hun/hunter2@db/shop",
            "env: { DB_PASSWORD: hunter2, X: 1 }",
            "  password: \"hunter2\"",
            "run: PGPASSWORD='hunter2' psql",
        ] {
            let shown = covered(text);
            assert!(!shown.contains("hunter2"), "{shown}");
            assert_eq!(shown.len(), text.len());
        }
        for text in [
            "url: postgres://app:${PASSWORD}@db/shop",
            "DB_PASSWORD: \"{password}\"",
        ] {
            assert_eq!(covered(text), text);
        }
    }
}
