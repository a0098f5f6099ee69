//! The tables of a database and their exact numbers of rows.

use std::collections::BTreeMap;

use super::endpoint::Endpoint;
use super::parallel::{self, ParallelError};
use super::session::{During as _, QueryError, Session};
use crate::text::QualifiedName;

/// A table of the user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub oid: u32,
    pub name: QualifiedName,
    pub kind: TableKind,
    pub bytes: i64,
    /// The OID of the table that this is a partition of in the end, else its own.
    pub root: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// Holds rows itself, also as a partition of another.
    Ordinary,
    /// Holds rows only in its partitions.
    Partitioned,
}

/// Every table of the user's, largest first; those that belong to extensions are not.
pub async fn list(session: &Session) -> Result<Vec<Table>, QueryError> {
    let rows = session
        .query(include_str!("tables.sql"), &[])
        .await
        .during("list the tables")?;
    Ok(rows
        .iter()
        .map(|row| Table {
            oid: row.get(0),
            name: QualifiedName::new(row.get::<_, String>(1), row.get::<_, String>(2)),
            kind: if row.get(3) {
                TableKind::Partitioned
            } else {
                TableKind::Ordinary
            },
            bytes: row.get(4),
            root: row.get(5),
        })
        .collect())
}

/// The rows of every table that holds rows itself, by its OID; those that are not in `known` are
/// counted.
///
/// Exact on purpose: planner estimates are what a gate must not trust.
pub async fn count_rows(
    endpoint: &Endpoint,
    tables: &[Table],
    jobs: usize,
    known: &BTreeMap<QualifiedName, u64>,
) -> Result<BTreeMap<u32, u64>, ParallelError> {
    let (mut rows, mut counted) = (BTreeMap::new(), Vec::new());
    for table in tables {
        match (table.kind, known.get(&table.name)) {
            (TableKind::Partitioned, _) => {}
            (TableKind::Ordinary, Some(number)) => {
                rows.insert(table.oid, *number);
            }
            (TableKind::Ordinary, None) => counted.push(table.clone()),
        }
    }
    let oids: Vec<u32> = counted.iter().map(|table| table.oid).collect();
    let counts = parallel::for_each(
        endpoint,
        // A row policy must not hide rows from us.
        &[("row_security", "off")],
        jobs,
        counted,
        |session, table| {
            Box::pin(async move {
                let row = session
                    .query_one(&format!("select count(*) from only {}", table.name), &[])
                    .await
                    .during("count the rows of a table")?;
                Ok(row.get::<_, i64>(0).unsigned_abs())
            })
        },
    )
    .await?;
    rows.extend(oids.into_iter().zip(counts));
    Ok(rows)
}
