//! What the server refuses, without the values it quotes.

use std::fmt;
use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;
use tokio_postgres::error::{DbError, ErrorPosition};

use crate::text::{Secret, redact};

/// An error of the server that is safe to print: SQLSTATE, template, names of objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerError {
    pub sqlstate: String,
    /// Lower case, without values.
    pub message: String,
    /// The relation, column or constraint that the server names apart from the message.
    pub object: Option<String>,
    /// Where in the statement, in characters from 1.
    pub position: Option<u32>,
    /// The columns or expressions of the key that DETAIL is about, without the key's values.
    pub key: Option<String>,
    /// The table that DETAIL says a key is missing in.
    pub referenced: Option<String>,
    /// What the user's own SQL said with `RAISE`, if it was that. It may hold a row, so it is kept
    /// only to be compared with the texts of the migration files.
    #[serde(skip)]
    pub raised: Option<Secret>,
}

/// What is written instead of a text that a function of the user's raised: it may hold a row.
const RAISED: &str =
    "an error that the SQL itself raises (its text may hold values and is not shown)";

/// The SQLSTATE with which our own check after a file refuses a transaction that it left open. No
/// server has it.
const LEFT_OPEN: &str = "PGR01";

/// The server's function behind PL/pgSQL's `RAISE`, as it is named in an error's location.
const RAISE_ROUTINE: &str = "exec_stmt_raise";

impl ServerError {
    pub fn from_db(error: &DbError) -> Self {
        Self::new(
            error.code().code(),
            error.message(),
            error.detail(),
            error.routine(),
            Names {
                schema: error.schema(),
                table: error.table(),
                column: error.column(),
                constraint: error.constraint(),
            },
            match error.position() {
                Some(ErrorPosition::Original(position)) => Some(*position),
                _ => None,
            },
        )
    }

    /// From a record of the server's own log, which names no objects apart from the message.
    pub fn from_log(
        sqlstate: &str,
        message: &str,
        detail: Option<&str>,
        routine: Option<&str>,
    ) -> Self {
        Self::new(sqlstate, message, detail, routine, Names::default(), None)
    }

    /// From what `psql` and its kin print with `VERBOSITY=verbose`:
    /// `ERROR:  23505: duplicate key …`, then `SCHEMA NAME:  …` and the like.
    pub fn from_verbose_text(text: &str) -> Option<Self> {
        static HEAD: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"(?m)^(?:.*?: )?(?:ERROR|FATAL|PANIC):  ([0-9A-Z]{5}): (.*)$")
                .expect("a constant pattern is valid")
        });
        let head = HEAD.captures(text)?;
        let field = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::trim)
        };
        let routine = field("LOCATION:").and_then(|place| place.split(',').next());
        Some(Self::new(
            &head[1],
            &head[2],
            field("DETAIL:"),
            routine,
            Names {
                schema: field("SCHEMA NAME:"),
                table: field("TABLE NAME:"),
                column: field("COLUMN NAME:"),
                constraint: field("CONSTRAINT NAME:"),
            },
            None,
        ))
    }

    fn new(
        sqlstate: &str,
        message: &str,
        detail: Option<&str>,
        routine: Option<&str>,
        names: Names<'_>,
        position: Option<u32>,
    ) -> Self {
        let ours = sqlstate == LEFT_OPEN;
        let raised = !ours && (routine == Some(RAISE_ROUTINE) || sqlstate.starts_with("P0"));
        Self {
            sqlstate: sqlstate.to_owned(),
            message: if ours {
                "the file ends inside a transaction that it began, and all of that is undone"
                    .to_owned()
            } else if raised {
                RAISED.to_owned()
            } else {
                redact::server_message(sqlstate, message)
            },
            object: names.describe(),
            position,
            key: detail.and_then(key_of),
            referenced: detail.and_then(referenced_by),
            raised: raised.then(|| Secret::new(message)),
        }
    }

    /// The two characters that name the error's class.
    pub fn class(&self) -> &str {
        self.sqlstate.get(..2).unwrap_or_default()
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (SQLSTATE {}", self.message, self.sqlstate)?;
        if let Some(object) = &self.object {
            write!(formatter, ", {object}")?;
        }
        formatter.write_str(")")
    }
}

impl std::error::Error for ServerError {}

/// `customer_id, lower(mail)` of `Key (customer_id, lower(mail))=(7, …) is duplicated.`
fn key_of(detail: &str) -> Option<String> {
    let rest = detail.strip_prefix("Key (")?;
    rest.find(")=(").map(|end| rest[..end].to_owned())
}

/// `customers` of `Key (…)=(…) is not present in table "customers".`
fn referenced_by(detail: &str) -> Option<String> {
    let (_, rest) = detail.rsplit_once(" is not present in table \"")?;
    rest.strip_suffix("\".").map(str::to_owned)
}

#[derive(Clone, Copy, Default)]
struct Names<'a> {
    schema: Option<&'a str>,
    table: Option<&'a str>,
    column: Option<&'a str>,
    constraint: Option<&'a str>,
}

impl Names<'_> {
    fn describe(self) -> Option<String> {
        let table = match (self.schema, self.table) {
            (Some(schema), Some(table)) => format!("{schema}.{table}"),
            (None, Some(table)) => table.to_owned(),
            _ => return self.constraint.map(|name| format!("constraint `{name}`")),
        };
        Some(match (self.column, self.constraint) {
            (_, Some(constraint)) => format!("constraint `{constraint}` on `{table}`"),
            (Some(column), None) => format!("column `{column}` of `{table}`"),
            (None, None) => format!("`{table}`"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::ServerError;

    #[test]
    fn psql_speaks_in_fields() {
        let text = "psql:migrations/3.sql:7: ERROR:  23505: could not create unique index \"u\"\n\
            DETAIL:  Key (mail)=(jane@x.org) is duplicated.\n\
            SCHEMA NAME:  public\nTABLE NAME:  users\nCONSTRAINT NAME:  u\n\
            LOCATION:  comparetup_index_btree_tiebreak, tuplesortvariants.c:1439\n";
        let error = ServerError::from_verbose_text(text).expect("an error");
        assert_eq!(error.key.as_deref(), Some("mail"));
        assert_eq!(
            error.to_string(),
            "could not create unique index \"u\" (SQLSTATE 23505, constraint `u` on `public.users`)"
        );
    }

    #[test]
    fn what_a_function_raises_is_not_repeated() {
        let text = "ERROR:  23514: customer Jane Doe owes 12\n\
            LOCATION:  exec_stmt_raise, pl_exec.c:3911\n";
        let error = ServerError::from_verbose_text(text).expect("an error");
        assert!(!error.to_string().contains("Jane"), "{error}");
        assert_eq!(error.sqlstate, "23514");
    }

    #[test]
    fn other_text_is_no_server_error() {
        assert_eq!(
            ServerError::from_verbose_text("psql: error: no such file"),
            None
        );
    }
}
