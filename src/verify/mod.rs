//! The verify stage: what the migrated clone is like, beside what it was before.
//!
//! Before and after are one database, so tables are the same by OID, whatever they are called now.

mod observe;
mod rows;

use std::collections::BTreeMap;

use tokio_postgres::SimpleQueryMessage;

use crate::context::Context;
use crate::migrate::{History, Migrated};
use crate::policy::{Assertion, ObjectGlob};
use crate::postgres::Session;
use crate::postgres::parallel::ParallelError;
use crate::postgres::session::{ConnectError, QueryError};
use crate::text::QualifiedName;
use crate::verdict::{Explained, Stage};

pub use observe::{Flaw, FlawKind, Observation};
pub use rows::{RowChange, compare as compare_rows};

/// What the verify stage saw.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Constraints and indexes that do not do their work and were not so before.
    pub new_flaws: Vec<Flaw>,
    pub missing_tables: Vec<QualifiedName>,
    pub missing_extensions: Vec<String>,
    /// Tables whose number of rows is another, each with the policy's rule.
    pub row_changes: Vec<RowChange>,
    pub assertions: Vec<AssertionResult>,
    /// How much was looked at.
    pub tables: usize,
    pub rows: u64,
}

/// What came of an assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssertionResult {
    pub name: String,
    pub sql: String,
    pub expected: String,
    pub held: Held,
}

/// Whether an assertion holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    Yes,
    /// What came instead. A text may be a row's, so only numbers and truth values are told.
    No(String),
    /// The query itself is refused on the migrated clone.
    Refused(String),
}

#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error(transparent)]
    Parallel(#[from] ParallelError),
}

impl Explained for VerifyError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Connect(error) => error.hint(),
            _ => None,
        }
    }
}

/// Runs the verify stage.
pub async fn run(context: &Context, migrated: &Migrated) -> Result<Facts, VerifyError> {
    let clone = migrated.clone_of();
    let endpoint = &clone.database().admin;
    let before = clone.before();
    let policy = &context.policy.verify;
    context
        .progress
        .doing(Stage::Verify, "counting every row again");
    let after = Observation::take(endpoint, context.jobs(), &BTreeMap::new()).await?;
    let history: Vec<ObjectGlob> = History::of(&context.policy.migrations)
        .own_tables()
        .iter()
        .filter_map(|pattern| ObjectGlob::parse(pattern).ok())
        .collect();
    let row_changes = compare_rows(before, &after)
        .into_iter()
        .filter(|change| !history.iter().any(|pattern| pattern.matches(&change.table)))
        .map(|change| RowChange {
            rule: policy.rows.of(&change.table),
            ..change
        })
        .collect();
    let session = Session::open(
        endpoint,
        &[
            ("default_transaction_read_only", "on"),
            ("row_security", "off"),
        ],
    )
    .await?;
    let mut assertions = Vec::new();
    for assertion in &policy.assertions {
        context
            .progress
            .doing(Stage::Verify, format!("asserting: {}", assertion.name));
        assertions.push(assert(&session, assertion).await?);
    }
    Ok(Facts {
        new_flaws: after
            .flaws
            .iter()
            .filter(|flaw| !before.flaws.iter().any(|known| known.oid == flaw.oid))
            .cloned()
            .collect(),
        missing_tables: policy
            .required_tables
            .iter()
            .filter(|name| after.table(name).is_none())
            .cloned()
            .collect(),
        missing_extensions: policy
            .required_extensions
            .iter()
            .filter(|name| !after.extensions.contains(name))
            .cloned()
            .collect(),
        row_changes,
        assertions,
        tables: after.tables.len(),
        rows: after.total_rows(),
    })
}

async fn assert(session: &Session, assertion: &Assertion) -> Result<AssertionResult, QueryError> {
    let result = |held| AssertionResult {
        name: assertion.name.clone(),
        sql: assertion.sql.clone(),
        expected: assertion.expect.clone(),
        held,
    };
    let messages = match session.simple_query(&assertion.sql).await {
        Ok(messages) => messages,
        Err(error) => {
            let error = QueryError::new("run an assertion", &error);
            // Without the server there is no answer; with one, the refusal is the answer.
            return match error.server_error() {
                Some(said) if !said.sqlstate.starts_with("57P") => {
                    Ok(result(Held::Refused(said.to_string())))
                }
                _ => Err(error),
            };
        }
    };
    let rows: Vec<_> = messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        })
        .collect();
    Ok(result(match rows.as_slice() {
        [] => Held::No("the query returns no row".to_owned()),
        [row] if row.len() == 1 => match row.get(0) {
            Some(value) if is_same(value, &assertion.expect) => Held::Yes,
            Some(value) if is_plain(value) => Held::No(format!("it is `{}`", spelled(value))),
            Some(_) => Held::No("it is another text".to_owned()),
            None => Held::No("it is NULL".to_owned()),
        },
        // Which of them is meant is not for us to say, even where the first one is right.
        [row] => Held::No(format!(
            "the query returns {} columns, not one value",
            row.len()
        )),
        rows => Held::No(format!(
            "the query returns {} rows, not one value",
            rows.len()
        )),
    }))
}

/// `t` is how the protocol's text says true.
fn spelled(value: &str) -> &str {
    match value {
        "t" => "true",
        "f" => "false",
        other => other,
    }
}

fn is_same(value: &str, expected: &str) -> bool {
    if value == expected || spelled(value) == expected {
        return true;
    }
    if let (Ok(value), Ok(expected)) = (value.parse::<i128>(), expected.parse::<i128>()) {
        return value == expected;
    }
    match (value.parse::<f64>(), expected.parse::<f64>()) {
        (Ok(value), Ok(expected)) => (value - expected).abs() < f64::EPSILON,
        _ => false,
    }
}

/// A number or a truth value. A long number may be somebody's.
fn is_plain(value: &str) -> bool {
    matches!(value, "t" | "f") || (value.len() <= 12 && value.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::{is_plain, is_same};

    #[test]
    fn values_are_compared_as_people_write_them() {
        assert!(is_same("t", "true"));
        assert!(is_same("0", "0"));
        assert!(is_same("1.50", "1.5"));
        assert!(!is_same("1", "true"));
        assert!(!is_same("9007199254740993", "9007199254740992"));
        assert!(!is_same("open", "closed"));
    }

    #[test]
    fn texts_are_not_told() {
        assert!(is_plain("42"));
        assert!(is_plain("f"));
        assert!(!is_plain("jane@x.org"));
        assert!(!is_plain("4929123412341234"));
    }
}
