//! Where in the user's files a migration broke: file, line, statement.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::files::MigrationFile;
use super::runner::Broken;
use super::{FailedMigration, last_error, violation};
use crate::postgres::server_log::Record;
use crate::postgres::{Endpoint, ServerError};
use crate::text::sql::folded;
use crate::text::{one_line, sql};
use crate::verdict::Place;

/// A statement longer than this is cut in reports.
const STATEMENT_LIMIT: usize = 600;

/// Puts together what the runner, the server's log and the files say of a failure.
pub(super) async fn explain(
    broken: Broken,
    records: &[Record],
    pending: &[MigrationFile],
    endpoint: &Endpoint,
    root: &Path,
) -> FailedMigration {
    let logged = last_error(records, &endpoint.user, &endpoint.database);
    let mut error = broken.error.or_else(|| logged.map(Record::server_error));
    let logged_statement = logged.and_then(|record| record.statement.as_deref());
    let found = match (&broken.file, broken.line) {
        (Some(file), line) => in_file(file, line, logged_statement),
        (None, _) => logged_statement
            .and_then(|statement| pending.iter().find_map(|file| containing(file, statement))),
    };
    if let Some(error) = &mut error {
        name_raised(error, pending);
    }
    let statement = found.as_ref().and_then(|found| found.statement.clone());
    let violation = match &error {
        // The server's own text of the statement, where the files' own is not found: a tool that
        // builds its SQL has no other.
        Some(error) => {
            let text = statement.as_deref().or(logged_statement);
            violation::of(error, text, endpoint).await
        }
        None => None,
    };
    let place = found.map(|found| found.place).or_else(|| {
        broken.file.as_ref().map(|file| Place {
            file: super::files::relative(&file.path, root),
            line: broken.line,
        })
    });
    FailedMigration {
        how: broken.how,
        place,
        statement: statement.map(|text| shorten(&text)),
        error,
        violation,
        said: broken.said,
    }
}

struct FoundAt {
    place: Place,
    statement: Option<String>,
}

/// The statement of a file that ends on `line`; of several, the one the server logged.
fn in_file(file: &MigrationFile, line: Option<u32>, logged: Option<&str>) -> Option<FoundAt> {
    let text = std::fs::read_to_string(&file.path).ok()?;
    let statements = sql::statements(&text);
    let same = |statement: &&sql::Statement<'_>| {
        logged.is_some_and(|logged| folded(logged) == folded(statement.text))
    };
    let on_line: Vec<&sql::Statement<'_>> = statements
        .iter()
        .filter(|statement| {
            line.is_some_and(|line| statement.first_line <= line && line <= statement.last_line)
        })
        .collect();
    let statement = on_line
        .iter()
        .copied()
        .find(same)
        .or_else(|| on_line.first().copied())
        .or_else(|| statements.iter().find(same));
    Some(FoundAt {
        place: Place {
            file: file.shown.clone(),
            line: statement.map(|statement| statement.first_line).or(line),
        },
        statement: statement.map(|statement| statement.text.to_owned()),
    })
}

/// The place in `file` of a statement that the server logged.
fn containing(file: &MigrationFile, logged: &str) -> Option<FoundAt> {
    let text = std::fs::read_to_string(&file.path).ok()?;
    let wanted = folded(logged);
    let found = sql::statements(&text)
        .iter()
        .find(|statement| folded(statement.text) == wanted)
        .map(|statement| (statement.first_line, statement.text.to_owned()));
    match found {
        Some((line, statement)) => Some(FoundAt {
            place: Place {
                file: file.shown.clone(),
                line: Some(line),
            },
            statement: Some(statement),
        }),
        // A tool that sends a file as one query: the file is known, the statement is not.
        None if folded(&text).contains(&wanted) => Some(FoundAt {
            place: Place {
                file: file.shown.clone(),
                line: None,
            },
            statement: None,
        }),
        None => None,
    }
}

fn shorten(statement: &str) -> String {
    if statement.chars().count() <= STATEMENT_LIMIT {
        statement.to_owned()
    } else {
        one_line(statement, STATEMENT_LIMIT)
    }
}

/// Shows a text that the migration itself raises by the template in its file, where the values are
/// still `%`. A text that no file has stays unsaid.
fn name_raised(error: &mut ServerError, files: &[MigrationFile]) {
    static RAISE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)\braise\s+(?:exception\s+)?'((?:[^']|'')*)'")
            .expect("a constant pattern is valid")
    });
    let Some(raised) = &error.raised else { return };
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file.path) else {
            continue;
        };
        for found in RAISE.captures_iter(&text) {
            let template = found[1].replace("''", "'");
            if fits(&template, raised.expose()) {
                error.message = format!("the migration raises \"{template}\"");
                return;
            }
        }
    }
}

/// Whether `text` is `template` with something in the place of every `%`.
fn fits(template: &str, text: &str) -> bool {
    let parts: Vec<String> = template
        .replace("%%", "\u{0}")
        .split('%')
        .map(|part| regex::escape(&part.replace('\u{0}', "%")))
        .collect();
    Regex::new(&format!("(?s)^{}$", parts.join(".*"))).is_ok_and(|pattern| pattern.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn raised_texts_are_known_by_their_templates() {
        assert!(fits("order % has no customer", "order 17 has no customer"));
        assert!(fits("100%% sure of %", "100% sure of Jane"));
        assert!(!fits("order % has no customer", "customer 17 has no order"));
    }
}
