//! What the server refused the application, by the server's own log.

use std::collections::BTreeMap;

use super::{Problem, ProblemKind};
use crate::postgres::Endpoint;
use crate::postgres::server_log::Record;
use crate::postgres::session::APPLICATION_NAME;
use crate::text::{count_of, one_line, sql};

/// Data exceptions, broken constraints, and statements that ask for what is not there.
const CLASSES: [&str; 3] = ["22", "23", "42"];

/// The errors that the application provoked as `endpoint`, each once, however often it came.
pub fn problems(records: &[Record], endpoint: &Endpoint, expected: &[String]) -> Vec<Problem> {
    let mut found: BTreeMap<(String, String), (u64, String, Option<String>)> = BTreeMap::new();
    for record in records {
        if !record.is_error()
            || record.user.as_deref() != Some(endpoint.user.as_str())
            || record.dbname.as_deref() != Some(endpoint.database.as_str())
            || record.application_name.as_deref() == Some(APPLICATION_NAME)
        {
            continue;
        }
        let error = record.server_error();
        let is_expected = expected
            .iter()
            .any(|known| error.sqlstate == *known || error.class() == known);
        if !CLASSES.contains(&error.class()) || is_expected {
            continue;
        }
        let statement = record
            .statement
            .as_deref()
            .map(|statement| one_line(&sql::without_values(statement), 400));
        found
            .entry((error.sqlstate.clone(), error.message.clone()))
            .or_insert((0, error.to_string(), statement))
            .0 += 1;
    }
    found
        .into_iter()
        .map(|((sqlstate, message), (times, shown, statement))| Problem {
            kind: ProblemKind::Sql,
            object: format!("{sqlstate} {message}"),
            what: format!("the server refused the application: {shown}"),
            evidence: statement
                .map(|statement| format!("statement: {statement}"))
                .into_iter()
                .chain([format!("seen {}", count_of(times, "time"))])
                .collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::problems;
    use crate::postgres::Endpoint;
    use crate::postgres::server_log::Record;

    fn record(state: &str, user: &str, statement: &str) -> Record {
        Record {
            error_severity: "ERROR".into(),
            state_code: Some(state.into()),
            user: Some(user.into()),
            dbname: Some("shop".into()),
            message: "column \"note\" does not exist".into(),
            statement: Some(statement.into()),
            ..Record::default()
        }
    }

    #[test]
    fn the_applications_errors_are_told_once_and_without_values() {
        let endpoint = Endpoint::parse("postgres://app@127.0.0.1/shop").expect("valid");
        let records = [
            record(
                "42703",
                "app",
                "select note from orders where mail = 'jane@x.org'",
            ),
            record(
                "42703",
                "app",
                "select note from orders where mail = 'joe@x.org'",
            ),
            record("42703", "somebody", "select note"),
            record("40001", "app", "select 1"),
            record("23505", "app", "insert into t values (1)"),
        ];
        let found = problems(&records, &endpoint, &["23".to_owned()]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            found[0].what,
            "the server refused the application: column \"note\" does not exist (SQLSTATE 42703)"
        );
        let evidence = found[0].evidence.join("\n");
        assert!(evidence.contains("2 times"), "{evidence}");
        assert!(!evidence.contains("jane"), "{evidence}");
    }
}
