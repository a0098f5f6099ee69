//! The trace: what the server does while the migration runs, whichever tool runs it.
//!
//! ```text
//! event triggers ── RAISE LOG ────────► the server's JSON log ─────┐
//! log_min_duration_statement ──────────► the same ────────────────┤
//! a second session ── pg_locks, pg_stat_activity ──────► samples ─┼─► statements, transactions, locks
//! canaries ── wait where somebody would ────────────────► felt ───┘   and stalls
//! ```
//!
//! Nothing is asked of the tool: the server is ours, so the server tells. What is installed for it is
//! gone before any catalogue is compared.

mod assemble;
mod canaries;
mod event;
mod facts;
mod places;
mod relations;
mod sampler;
mod slow;
mod stalls;
mod statements;
mod transactions;

use std::time::SystemTime;

use crate::postgres::server_log::Record;
use crate::postgres::session::{ConnectError, During as _};
use crate::postgres::{Endpoint, QueryError, Session};
use crate::text::Ident;

pub use facts::{
    Access, Age, HeldLock, Inside, LockMode, LockSpan, Relation, RelationKind, Rewrite, Scan,
    Stall, Statement, Taken, Total, Trace, Transaction,
};
pub use places::Places;

use canaries::Watched;
use relations::{Catalogue, Relations};
use sampler::{Sampler, Samples};

#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// How much of a server can be traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach<'a> {
    /// It is ours: it logs what we ask, of what this role does.
    Everything { role: &'a str },
    /// It is somebody's: what can be done is to look.
    Locks,
}

/// A trace that is being taken.
pub struct Tracing {
    installed: Installed,
    sampler: Sampler,
}

/// A trace that looks no more.
pub struct Settled {
    installed: Installed,
    /// `None`: the session that looked was ended before its time.
    samples: Option<Samples>,
}

struct Installed {
    before: Catalogue,
    /// The role that migrates, in its database; `None` where nothing was installed.
    logged: Option<String>,
    /// Seconds since 1970.
    began: f64,
}

impl Tracing {
    /// Traces what is done in the database of `session`, where `admin` gets in. Needs a superuser,
    /// except for the locks alone.
    pub async fn start(
        session: &Session,
        admin: &Endpoint,
        reach: Reach<'_>,
    ) -> Result<Self, TraceError> {
        let before = relations::read(session).await?;
        let logged = match reach {
            Reach::Everything { role } => {
                let logged = format!(
                    "role {} in database {}",
                    Ident(role),
                    Ident(&admin.database)
                );
                install(session, &logged).await?;
                Some(logged)
            }
            Reach::Locks => None,
        };
        let began = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0.0, |since| since.as_secs_f64());
        let watched = Watched::of(&before);
        Ok(Self {
            installed: Installed {
                before,
                logged,
                began,
            },
            sampler: Sampler::start(admin, watched).await?,
        })
    }

    /// Ends the looking: from here on what is left of the migration's sessions may be ended.
    pub async fn settle(self) -> Settled {
        Settled {
            installed: self.installed,
            samples: self.sampler.stop().await,
        }
    }
}

impl Settled {
    /// Removes what was installed, and puts together what `records` tell.
    pub async fn finish(
        self,
        session: &Session,
        records: &[Record],
        places: &Places,
    ) -> Result<Trace, TraceError> {
        let Installed {
            before,
            logged,
            began,
        } = self.installed;
        let mut missing = Vec::new();
        match &logged {
            Some(logged) => {
                if !is_intact(session).await? {
                    missing.push(
                        "statements, rewrites and scans: the migration removed the trace's event triggers"
                            .to_owned(),
                    );
                }
                remove(session, logged).await?;
            }
            None => missing.push(
                "statements, rewrites and scans: the log of `target.server` is out of reach"
                    .to_owned(),
            ),
        }
        if self.samples.is_none() {
            missing.push("locks: the session that looks at them was ended".to_owned());
        }
        let relations = Relations::new(before, relations::read(session).await?);
        let samples = self.samples.unwrap_or_default();
        Ok(Trace {
            missing,
            ..assemble::trace(records, began, samples, relations, places)
        })
    }
}

/// Makes the triggers, and has the slow statements of `logged` logged. The user's own event triggers
/// have nothing to do with it.
async fn install(session: &Session, logged: &str) -> Result<(), QueryError> {
    session
        .run(
            &format!(
                "set session_replication_role = replica; begin; {}; {}; \
                 alter {logged} set log_min_duration_statement = '{}ms'; commit; \
                 reset session_replication_role",
                include_str!("sql/remove.sql"),
                include_str!("sql/objects.sql"),
                slow::FROM.as_millis()
            ),
            "install the trace",
        )
        .await
}

/// Whether the triggers are still there: who may drop anything may have dropped them.
async fn is_intact(session: &Session) -> Result<bool, QueryError> {
    let row = session
        .query_one(include_str!("sql/intact.sql"), &[])
        .await
        .during("look after the trace")?;
    Ok(row.get(0))
}

async fn remove(session: &Session, logged: &str) -> Result<(), QueryError> {
    session
        .run(
            &format!(
                "set session_replication_role = replica; {}; \
                 alter {logged} reset log_min_duration_statement; reset session_replication_role",
                include_str!("sql/remove.sql")
            ),
            "remove the trace",
        )
        .await
}
