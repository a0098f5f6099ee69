//! A live database, held still: one snapshot, and what is in it.

use super::CloneError;
use super::database::read_only_session;
use crate::policy::LockTimeout;
use crate::postgres::archive::Contents;
use crate::postgres::surroundings::Surroundings;
use crate::postgres::{Endpoint, Session};
use crate::text::QualifiedName;

/// A hold on a live database: a snapshot that stays open, and what is in it.
pub struct Live {
    /// The session whose transaction keeps the snapshot and a share lock on every table.
    pub holder: Session,
    pub snapshot: Snapshot,
    /// The schema, as an archive without rows.
    pub schema: std::path::PathBuf,
    pub contents: Contents,
    pub surroundings: Surroundings,
    /// Largest first.
    pub tables: Vec<LiveTable>,
    pub sequences: Vec<LiveSequence>,
    pub roles: Vec<LiveRole>,
    pub extensions: Vec<(String, String)>,
    /// Settings that make production's plans and timings what they are.
    pub settings: Vec<(String, String)>,
    pub has_large_objects: bool,
    /// What the provider keeps for itself, which is not handed on.
    pub providers_schemas: Vec<String>,
}

/// A table with rows of its own.
#[derive(Clone, Debug)]
pub struct LiveTable {
    pub oid: u32,
    pub name: QualifiedName,
    pub bytes: i64,
    /// Columns that COPY can write: generated ones are computed again.
    pub columns: Vec<String>,
    pub format: CopyFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyFormat {
    Binary,
    /// For tables with a type that has no binary form.
    Text,
}

/// Where a sequence stands.
#[derive(Clone, Debug)]
pub struct LiveSequence {
    pub name: QualifiedName,
    pub last_value: i64,
    pub is_called: bool,
}

/// A role as the clone's server is to know it.
#[derive(Clone, Debug)]
pub struct LiveRole {
    pub name: String,
    pub attributes: Vec<String>,
    /// `search_path=public, audit` and the like, for this database.
    pub settings: Vec<String>,
    /// The roles it is a member of.
    pub member_of: Vec<String>,
}

/// What lets further sessions in.
#[derive(Clone)]
pub struct Snapshot {
    pub endpoint: Endpoint,
    pub lock_timeout: LockTimeout,
    /// As `pg_export_snapshot` calls it.
    pub name: String,
}

impl Snapshot {
    /// A further session that sees what the snapshot sees.
    pub async fn session(&self) -> Result<Session, CloneError> {
        let session = read_only_session(&self.endpoint, self.lock_timeout).await?;
        session
            .run(
                &format!(
                    "begin isolation level repeatable read read only; set transaction snapshot {}",
                    crate::text::quote_literal(&self.name)
                ),
                "join the source's snapshot",
            )
            .await?;
        Ok(session)
    }
}
