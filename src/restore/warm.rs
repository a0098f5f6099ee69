//! Blocks that come from a slower storage as they are first read: a clone of such is read once before
//! anything in it is timed, and what of it could not be read is known.
//!
//! Nothing is made in the clone for it. Tables are read by counting, and their TOAST where the role may; all
//! else, indexes above all, can only be read by `pg_prewarm`, where production has installed it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::RestoreError;
use crate::context::Context;
use crate::postgres::session::{During as _, QueryError};
use crate::postgres::{Endpoint, Session, parallel};
use crate::text::{QualifiedName, count_of, human_bytes};
use crate::verdict::Stage;

/// How long reading may take: at some 100 MB a second the largest that is begun is done in it.
const WITHIN: Duration = Duration::from_secs(10 * 60);

/// What is larger is not begun.
const LARGEST: u64 = 50 * 1024 * 1024 * 1024;

/// Under these a count reads the table itself, where an index alone would do.
const WHOLE: &[(&str, &str)] = &[
    ("row_security", "off"),
    ("enable_indexscan", "off"),
    ("enable_indexonlyscan", "off"),
    ("enable_bitmapscan", "off"),
];

/// What a clone's first reading came to.
pub(super) struct Warmed {
    /// The rows of the tables that were read.
    pub counted: BTreeMap<QualifiedName, u64>,
    pub cold: Option<Cold>,
}

/// What of a clone was not read before the migration, on a storage that is slow the first time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cold {
    pub tables: u64,
    pub toast: u64,
    pub indexes: u64,
    pub bytes: u64,
}

impl Cold {
    /// `2 tables and 31 indexes with 3.1 GB`.
    pub fn describe(&self) -> String {
        let toast = format!("the TOAST of {}", count_of(self.toast, "table"));
        let parts = [
            (self.tables, count_of(self.tables, "table")),
            (self.toast, toast),
            (self.indexes, count_of(self.indexes, "index")),
        ];
        let all = self.listed(parts.map(|(_, words)| words));
        format!("{all} with {}", human_bytes(self.bytes))
    }

    /// In a few words: `cold tables and indexes`.
    pub fn briefly(&self) -> String {
        let words = ["tables", "TOAST", "indexes"].map(str::to_owned);
        format!("cold {}", self.listed(words))
    }

    /// Those words whose part is not empty.
    fn listed(&self, words: [String; 3]) -> String {
        let there = words
            .into_iter()
            .zip([self.tables, self.toast, self.indexes])
            .filter(|(_, count)| *count > 0);
        let mut all: Vec<String> = there.map(|(words, _)| words).collect();
        match (all.pop(), all.is_empty()) {
            (Some(last), false) => format!("{} and {last}", all.join(", ")),
            (last, _) => last.unwrap_or_default(),
        }
    }

    fn add(&mut self, kind: Kind, bytes: u64) {
        match kind {
            Kind::Table => self.tables += 1,
            Kind::Toast => self.toast += 1,
            Kind::Index => self.indexes += 1,
        }
        self.bytes += bytes;
    }
}

/// What the head of a report says of it.
pub(super) fn caveat(cold: Option<&Cold>) -> String {
    const COMES: &str =
        "the clone's blocks come from a slower storage when they are first read, and";
    let Some(cold) = cold else {
        return format!("{COMES} all of them were read before the migration");
    };
    let cure = if cold.indexes > 0 {
        "; indexes are read where production's database has the extension `pg_prewarm`"
    } else {
        ""
    };
    format!(
        "{COMES} {} could not be read before the migration: durations are those of cold storage, and may be longer than production's{cure}",
        cold.describe()
    )
}

struct Part {
    kind: Kind,
    /// Of a table that holds rows itself.
    table: Option<QualifiedName>,
    bytes: u64,
    /// The statement that reads all of it; `None`: this role has no way to.
    read: Option<String>,
}

#[derive(Clone, Copy)]
enum Kind {
    Table,
    Toast,
    Index,
}

/// Reads what can be read in time.
pub(super) async fn run(
    context: &Context,
    into: &Endpoint,
    session: &Session,
) -> Result<Warmed, RestoreError> {
    let parts = parts(session).await?;
    let all: u64 = parts.iter().map(|part| part.bytes).sum();
    context.progress.doing(
        Stage::Restore,
        format!(
            "reading the clone's blocks for the first time ({})",
            human_bytes(all)
        ),
    );
    let by = Instant::now() + WITHIN;
    let (mut counted, mut cold) = (BTreeMap::new(), Cold::default());
    let read = parallel::for_each(into, WHOLE, context.jobs(), parts, move |session, part| {
        Box::pin(async move {
            let rows = read(session, part, by).await?;
            Ok((part.kind, part.table.clone(), part.bytes, rows))
        })
    })
    .await?;
    for (kind, table, bytes, rows) in read {
        match (rows, table) {
            (Some(rows), Some(table)) => {
                counted.insert(table, rows);
            }
            (Some(_), None) => {}
            (None, _) => cold.add(kind, bytes),
        }
    }
    let cold = (cold != Cold::default()).then_some(cold);
    Ok(Warmed { counted, cold })
}

async fn parts(session: &Session) -> Result<Vec<Part>, QueryError> {
    let rows = session
        .query(include_str!("sql/warm.sql"), &[])
        .await
        .during("list what holds the clone's blocks")?;
    let parts = rows.iter().map(|row| {
        let name: Option<String> = row.get("name");
        let schema: Option<String> = row.get("schema");
        Part {
            kind: match row.get("kind") {
                "table" => Kind::Table,
                "toast" => Kind::Toast,
                _ => Kind::Index,
            },
            table: schema
                .zip(name)
                .map(|(schema, name)| QualifiedName::new(schema, name)),
            bytes: row.get::<_, i64>("bytes").unsigned_abs(),
            read: row.get("read"),
        }
    });
    Ok(parts.collect())
}

/// Reads one part; what was counted in it, or nothing where the server refused or it took too long.
async fn read(session: &Session, part: &Part, by: Instant) -> Result<Option<u64>, QueryError> {
    let left = by.saturating_duration_since(Instant::now());
    let Some(sql) = part.read.as_ref().filter(|_| part.bytes <= LARGEST) else {
        return Ok(None);
    };
    if left.is_zero() {
        return Ok(None);
    }
    let limit = format!("set statement_timeout = {}", left.as_millis().max(1));
    session
        .run(&limit, "limit how long a reading takes")
        .await?;
    let read = session.query_one(sql, &[]).await;
    match read.during("read the clone's blocks for the first time") {
        Ok(row) => Ok(Some(row.get::<_, i64>(0).unsigned_abs())),
        Err(error) => match error.server_error() {
            // Who is told to go by the server has no answer; who runs out of time has this one.
            Some(said) if !said.sqlstate.starts_with("57P") => Ok(None),
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Cold, caveat};

    #[test]
    fn what_is_cold_is_told_in_a_few_words() {
        let cold = Cold {
            tables: 1,
            indexes: 3,
            bytes: 3_000_000,
            ..Cold::default()
        };
        assert_eq!(cold.briefly(), "cold tables and indexes");
        assert!(
            cold.describe().starts_with("1 table and 3 indexes with "),
            "{}",
            cold.describe()
        );
        assert!(caveat(Some(&cold)).contains("pg_prewarm"));
        assert!(caveat(None).contains("all of them were read"));
    }
}
