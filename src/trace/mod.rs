//! The trace: what the server does while the migration runs, whichever tool runs it.
//!
//! ```text
//! event triggers ── RAISE LOG ────────► the server's JSON log ─────┐
//! log_min_duration_statement ──────────► the same ────────────────┤
//! a second session ── pg_locks, pg_stat_activity ──────► samples ─┴─► statements, transactions, locks
//! ```
//!
//! Nothing is asked of the tool: the server is ours, so the server tells. What is installed for it is
//! gone before any catalogue is compared.

mod assemble;
mod event;
mod facts;
mod places;
mod relations;
mod sampler;
mod slow;
mod statements;
mod transactions;

use std::time::SystemTime;

use crate::postgres::server_log::Record;
use crate::postgres::session::ConnectError;
use crate::postgres::{Endpoint, QueryError, Session};
use crate::text::Ident;

pub use facts::{
    Age, HeldLock, Inside, LockMode, LockSpan, Relation, RelationKind, Rewrite, Scan, Statement,
    Taken, Trace, Transaction,
};
pub use places::Places;

use relations::{Catalogue, Relations};
use sampler::Sampler;

#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// A trace that is being taken.
pub struct Tracing {
    before: Catalogue,
    sampler: Sampler,
    /// The role that migrates, in its database.
    logged: String,
    /// Seconds since 1970.
    began: f64,
}

impl Tracing {
    /// Traces what `role` does in the database of `session`, a superuser's, as whom `admin` gets in.
    pub async fn start(
        session: &Session,
        admin: &Endpoint,
        role: &str,
    ) -> Result<Self, TraceError> {
        let logged = format!(
            "role {} in database {}",
            Ident(role),
            Ident(&admin.database)
        );
        let before = relations::read(session).await?;
        // The user's own event triggers have nothing to do with ours.
        session
            .run(
                &format!(
                    "set session_replication_role = replica; begin; {}; {}; \
                     alter {logged} set log_min_duration_statement = '{}'; commit; \
                     reset session_replication_role",
                    include_str!("sql/remove.sql"),
                    include_str!("sql/objects.sql"),
                    slow::FROM
                ),
                "install the trace",
            )
            .await?;
        Ok(Self {
            before,
            sampler: Sampler::start(admin).await?,
            logged,
            began: SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0.0, |since| since.as_secs_f64()),
        })
    }

    /// Removes what was installed, and puts together what `records` tell.
    pub async fn finish(
        self,
        session: &Session,
        records: &[Record],
        places: &Places,
    ) -> Result<Trace, TraceError> {
        let samples = self.sampler.stop().await;
        session
            .run(
                &format!(
                    "set session_replication_role = replica; {}; \
                     alter {} reset log_min_duration_statement; reset session_replication_role",
                    include_str!("sql/remove.sql"),
                    self.logged
                ),
                "remove the trace",
            )
            .await?;
        let relations = Relations::new(self.before, relations::read(session).await?);
        let missing = match samples {
            Some(_) => Vec::new(),
            None => vec!["the session that looks at the locks was ended".to_owned()],
        };
        let samples = samples.unwrap_or_default();
        Ok(Trace {
            missing,
            ..assemble::trace(records, self.began, samples, relations, places)
        })
    }
}
