//! What the application asks of the database, and what of it the migrated clone can't answer.
//!
//! Every statement that the application sent to the clone as it was is prepared, and not executed, on the
//! migrated one. So a column that is dropped or renamed is missed whatever page or job asks for it.

use std::collections::BTreeSet;

use crate::postgres::server_log::Record;
use crate::postgres::session::{During as _, QueryError};
use crate::postgres::{Endpoint, Session};
use crate::text::{Ident, one_line, sql};

/// More different statements than these are not kept.
const MOST: usize = 2000;

/// A longer statement, in bytes, is data.
const LONGEST: usize = 20_000;

/// A statement that could be prepared before the migration and can't be after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Without values.
    pub statement: String,
    pub sqlstate: String,
    /// The server's message, without values.
    pub message: String,
}

/// Has every statement logged that is sent to this database from now on.
pub(super) async fn listen(session: &Session, database: &str) -> Result<(), QueryError> {
    session
        .run(
            &format!(
                "alter database {} set log_min_duration_statement = 0",
                Ident(database)
            ),
            "listen to the application",
        )
        .await
}

/// What was sent as `endpoint`, each once, as far as `session` can prepare it: what it can't was made
/// for a session that is set otherwise, or refused then too.
pub(super) async fn heard(
    records: &[Record],
    endpoint: &Endpoint,
    session: &Session,
) -> Vec<String> {
    let sent: BTreeSet<&str> = records
        .iter()
        .filter(|record| {
            record.user.as_deref() == Some(endpoint.user.as_str())
                && record.dbname.as_deref() == Some(endpoint.database.as_str())
        })
        .filter_map(|record| Some(record.logged()?.text))
        .flat_map(|text| {
            sql::statements(text)
                .into_iter()
                .map(|statement| statement.text)
        })
        .filter(|text| text.len() <= LONGEST && asks(text))
        .take(MOST)
        .collect();
    let mut heard = Vec::new();
    for text in sent {
        if session.prepare(text).await.is_ok() {
            heard.push(text.to_owned());
        }
    }
    heard
}

/// What of `heard` the database of `session` refuses.
pub(super) async fn refused(
    session: &Session,
    heard: &[String],
) -> Result<Vec<Refused>, QueryError> {
    let mut refused = Vec::new();
    for text in heard {
        let Err(error) = session
            .prepare(text)
            .await
            .during("prepare a statement of the application's")
        else {
            continue;
        };
        match error.server_error() {
            Some(server) => refused.push(Refused {
                statement: one_line(&sql::without_values(text), 400),
                sqlstate: server.sqlstate.clone(),
                message: server.message.clone(),
            }),
            None => return Err(error),
        }
    }
    Ok(refused)
}

/// Whether it reads or writes tables.
fn asks(text: &str) -> bool {
    const ASKING: [&str; 8] = [
        "select", "insert", "update", "delete", "merge", "with", "table", "values",
    ];
    sql::leading_words(text, 1)
        .first()
        .is_some_and(|word| ASKING.contains(&word.as_str()))
}
