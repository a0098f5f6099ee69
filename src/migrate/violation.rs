//! Rows that a constraint refuses: which constraint, and how many there are. Never which rows.

use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;

use crate::postgres::{Endpoint, ServerError, Session};
use crate::text::{Ident, QualifiedName};

/// How long counting may take: it is a service to the reader, not the rehearsal.
const LIMIT: &str = "60s";

/// A constraint that rows of the clone break.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    pub kind: ViolationKind,
    pub table: String,
    /// The column, the key or the constraint.
    pub what: String,
    /// How many rows break it; `None` if they could not be counted.
    pub rows: Option<u64>,
    /// Rows of the table.
    pub of: Option<u64>,
    /// A query that finds them.
    pub query: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViolationKind {
    NotNull,
    Unique,
    ForeignKey,
    Check,
}

/// Finds out what `error` says is broken, and counts.
pub async fn of(
    error: &ServerError,
    statement: Option<&str>,
    endpoint: &Endpoint,
) -> Option<Violation> {
    let statement = statement.unwrap_or_default();
    let message = error.message.as_str();
    let kind = match error.sqlstate.as_str() {
        "23502" => ViolationKind::NotNull,
        "23505" => ViolationKind::Unique,
        "23503" => ViolationKind::ForeignKey,
        "23514" => ViolationKind::Check,
        _ => return None,
    };
    let session = Session::open(
        endpoint,
        &[
            ("default_transaction_read_only", "on"),
            ("statement_timeout", LIMIT),
            ("row_security", "off"),
        ],
    )
    .await
    .ok()?;
    let constraint = name_after(message, "constraint ");
    let index = name_after(message, "unique index ");
    let named = name_after(message, "relation ").or_else(|| name_after(message, "table "));
    let table = resolve(&session, named.as_deref(), constraint.as_deref(), statement).await?;
    let (what, condition, query) = match kind {
        ViolationKind::NotNull => {
            let column = name_after(message, "column ")?;
            let condition = format!("{} is null", Ident(&column));
            let query = format!("select * from {table} where {condition}");
            (column, Some(condition), Some(query))
        }
        ViolationKind::Unique => {
            let key = error.key.clone()?;
            let query =
                format!("select {key}, count(*) from {table} group by {key} having count(*) > 1");
            let condition = format!(
                "({key}) in (select {key} from {table} group by {key} having count(*) > 1)"
            );
            (key, Some(condition), Some(query))
        }
        ViolationKind::ForeignKey => {
            let key = error.key.clone()?;
            let condition = orphans(&session, error, &key, &table, statement).await;
            let query = condition
                .as_ref()
                .map(|condition| format!("select * from {table} as child where {condition}"));
            (key, condition, query)
        }
        ViolationKind::Check => {
            let condition =
                check_expression(statement).map(|expression| format!("not ({expression})"));
            let query = condition
                .as_ref()
                .map(|condition| format!("select * from {table} where {condition}"));
            (constraint.clone().unwrap_or_default(), condition, query)
        }
    };
    let what = if what.is_empty() {
        index.or(constraint).unwrap_or_default()
    } else {
        what
    };
    let counted = match &condition {
        Some(condition) => count(&session, &table, condition).await,
        None => None,
    };
    Some(Violation {
        kind,
        table: table.to_string(),
        what,
        rows: counted.map(|(rows, _)| rows),
        of: counted.map(|(_, of)| of),
        query: query.map(|query| format!("{query};")),
    })
}

/// How many rows of `table` fit `condition`, and how many there are.
async fn count(session: &Session, table: &QualifiedName, condition: &str) -> Option<(u64, u64)> {
    let row = session
        .query_one(
            &format!("select count(*) filter (where {condition}), count(*) from {table} as child"),
            &[],
        )
        .await
        .ok()?;
    Some((
        row.get::<_, i64>(0).unsigned_abs(),
        row.get::<_, i64>(1).unsigned_abs(),
    ))
}

/// The condition that rows without a parent fit. The referenced columns are those the statement
/// names, else the parent's primary key.
async fn orphans(
    session: &Session,
    error: &ServerError,
    key: &str,
    table: &QualifiedName,
    statement: &str,
) -> Option<String> {
    static REFERENCES: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r#"(?i)references\s+((?:"[^"]+"|\w+)(?:\.(?:"[^"]+"|\w+))?)\s*(?:\(([^)]*)\))?"#)
    });
    let found = REFERENCES.captures(statement);
    let parent = match found
        .as_ref()
        .and_then(|found| QualifiedName::parse(&found[1]))
    {
        Some(parent) => parent,
        None => QualifiedName::new(table.schema.clone(), error.referenced.clone()?),
    };
    let columns = match found.as_ref().and_then(|found| found.get(2)) {
        Some(columns) => columns.as_str().to_owned(),
        None => session
            .query_opt(
                "select string_agg(quote_ident(a.attname), ', ' order by k.position) \
                 from pg_index i, unnest(i.indkey) with ordinality as k (attnum, position) \
                 join pg_attribute a on a.attnum = k.attnum \
                 where i.indisprimary and a.attrelid = i.indrelid and i.indrelid = to_regclass($1)",
                &[&parent.to_string()],
            )
            .await
            .ok()??
            .get::<_, Option<String>>(0)?,
    };
    let pairs: Vec<(&str, &str)> = key
        .split(',')
        .map(str::trim)
        .zip(columns.split(',').map(str::trim))
        .collect();
    let present: Vec<String> = pairs
        .iter()
        .map(|(child, _)| format!("child.{child} is not null"))
        .collect();
    let equal: Vec<String> = pairs
        .iter()
        .map(|(child, parent)| format!("parent.{parent} = child.{child}"))
        .collect();
    Some(format!(
        "{} and not exists (select from {parent} as parent where {})",
        present.join(" and "),
        equal.join(" and ")
    ))
}

/// The table an error is about, with its schema: as the statement names it, else the only one of
/// that name, else the one that has the constraint.
async fn resolve(
    session: &Session,
    named: Option<&str>,
    constraint: Option<&str>,
    statement: &str,
) -> Option<QualifiedName> {
    static TABLE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r#"(?is)^\s*(?:alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?|create\s+unique\s+index\s+(?:.*?\s)?on\s+(?:only\s+)?|insert\s+into\s+|update\s+(?:only\s+)?)((?:"[^"]+"|\w+)(?:\.(?:"[^"]+"|\w+))?)"#,
        )
    });
    let in_statement = TABLE.captures(statement).map(|found| found[1].to_owned());
    let row = session
        .query_opt(
            include_str!("sql/resolve_table.sql"),
            &[&in_statement, &named, &constraint],
        )
        .await
        .ok()??;
    Some(QualifiedName::new(
        row.get::<_, String>(0),
        row.get::<_, String>(1),
    ))
}

/// The expression inside the statement's `CHECK (…)`.
fn check_expression(statement: &str) -> Option<String> {
    static CHECK: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\bcheck\s*\("));
    let start = CHECK.find(statement)?.end();
    let mut depth = 1;
    let mut quoted = false;
    for (offset, character) in statement[start..].char_indices() {
        match character {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(statement[start..start + offset].trim().to_owned());
        }
    }
    None
}

/// The quoted name that follows `kind` in a message of the server.
fn name_after(message: &str, kind: &str) -> Option<String> {
    let rest = &message[message.find(&format!("{kind}\""))? + kind.len() + 1..];
    rest.find('"').map(|end| rest[..end].to_owned())
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern is valid")
}

#[cfg(test)]
mod tests {
    use super::{check_expression, name_after};

    #[test]
    fn names_are_read_from_messages() {
        let message = "column \"email\" of relation \"customers\" contains null values";
        assert_eq!(name_after(message, "column ").as_deref(), Some("email"));
        assert_eq!(
            name_after(message, "relation ").as_deref(),
            Some("customers")
        );
        assert_eq!(name_after(message, "constraint "), None);
    }

    #[test]
    fn check_expressions_are_taken_whole() {
        assert_eq!(
            check_expression(
                "alter table t add constraint c CHECK ( a in (1, 2) and b <> ')' ) not valid"
            ),
            Some("a in (1, 2) and b <> ')'".to_owned())
        );
        assert_eq!(
            check_expression("alter table t validate constraint c"),
            None
        );
    }
}
