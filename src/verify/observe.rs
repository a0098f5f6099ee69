//! What can be seen of a database in one moment: tables, rows, and what is not as it should be.

use std::collections::BTreeMap;

use crate::postgres::parallel::ParallelError;
use crate::postgres::session::During as _;
use crate::postgres::tables::{self, Table};
use crate::postgres::{Endpoint, QueryError, Session};
use crate::text::QualifiedName;

/// One moment of a database.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    pub tables: Vec<Table>,
    /// Exact, by the table's OID, which a rename leaves alone.
    pub rows: BTreeMap<u32, u64>,
    pub flaws: Vec<Flaw>,
    pub extensions: Vec<String>,
}

/// A constraint or an index that does not do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    pub kind: FlawKind,
    pub oid: u32,
    pub table: QualifiedName,
    pub name: String,
    /// The constraint's or index's definition.
    pub definition: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FlawKind {
    /// A constraint that existing rows were never held against.
    NotValidated,
    /// The same of a domain's: rows of its type were never held against it.
    DomainNotValidated,
    /// An index that queries do not use, and that a unique constraint can't stand on.
    NotValid,
}

impl Observation {
    /// Looks at everything; the rows of tables that are not in `counted` are counted, by `jobs`
    /// sessions.
    pub async fn take(
        endpoint: &Endpoint,
        jobs: usize,
        counted: &BTreeMap<QualifiedName, u64>,
    ) -> Result<Self, ParallelError> {
        let session = Session::open(endpoint, &[("search_path", "")]).await?;
        let tables = tables::list(&session).await?;
        let rows = tables::count_rows(endpoint, &tables, jobs, counted).await?;
        Ok(Self {
            rows,
            flaws: flaws(&session).await?,
            extensions: extensions(&session).await?,
            tables,
        })
    }

    pub fn table(&self, name: &QualifiedName) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == *name)
    }

    /// Rows of all tables together.
    pub fn total_rows(&self) -> u64 {
        self.rows.values().sum()
    }
}

async fn flaws(session: &Session) -> Result<Vec<Flaw>, QueryError> {
    let rows = session
        .query(include_str!("sql/flaws.sql"), &[])
        .await
        .during("look for constraints and indexes that do not work")?;
    Ok(rows
        .iter()
        .map(|row| Flaw {
            kind: match row.get("kind") {
                "index" => FlawKind::NotValid,
                "domain" => FlawKind::DomainNotValidated,
                _ => FlawKind::NotValidated,
            },
            oid: row.get("oid"),
            table: QualifiedName::new(
                row.get::<_, String>("schema"),
                row.get::<_, String>("table"),
            ),
            name: row.get("name"),
            definition: row.get("definition"),
        })
        .collect())
}

async fn extensions(session: &Session) -> Result<Vec<String>, QueryError> {
    let rows = session
        .query("select extname::text from pg_extension order by 1", &[])
        .await
        .during("list the extensions")?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
