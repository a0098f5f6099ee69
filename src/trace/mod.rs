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
mod installation;
mod places;
mod relations;
mod sampler;
mod slow;
mod stalls;
mod statements;
mod totals;
mod transactions;

use std::time::SystemTime;

use crate::postgres::server_log::Record;
use crate::postgres::session::{ConnectError, During as _};
use crate::postgres::{Endpoint, QueryError, Session};

pub use facts::{
    Access, Age, HeldLock, Inside, LockMode, LockSpan, Missing, Relation, RelationKind, Rewrite,
    Scan, Sessions, Stall, Statement, Taken, Total, Trace, Transaction,
};
pub use places::Places;

use canaries::Watched;
use installation::Installation;
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
    beginning: Beginning,
    sampler: Sampler,
}

/// A trace that looks no more.
pub struct Settled {
    beginning: Beginning,
    /// `None`: the session that looked was ended before its time.
    samples: Option<Samples>,
}

/// What a trace began with.
struct Beginning {
    before: Catalogue,
    /// `None`: the server is not ours to install anything on.
    told: Option<Installation>,
    /// Seconds since 1970.
    began: f64,
    /// `max_connections`.
    allowed: u64,
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
        let told = match reach {
            Reach::Everything { role } => Some(Installation::make(session, admin, role).await?),
            Reach::Locks => None,
        };
        let began = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0.0, |since| since.as_secs_f64());
        let allowed = allowed_sessions(session).await?;
        let watched = Watched::of(&before);
        Ok(Self {
            beginning: Beginning {
                before,
                told,
                began,
                allowed,
            },
            sampler: Sampler::start(admin, watched).await?,
        })
    }

    /// Ends the looking: from here on what is left of the migration's sessions may be ended.
    pub async fn settle(self) -> Settled {
        Settled {
            beginning: self.beginning,
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
        let Beginning {
            before,
            told,
            began,
            allowed,
        } = self.beginning;
        let mut missing = Vec::new();
        let mut totals = Vec::new();
        match told {
            Some(told) => totals = told.remove(session, &mut missing).await?,
            None => missing.push(Missing::OutOfReach),
        }
        if self.samples.is_none() {
            missing.push(Missing::Locks);
        }
        let relations = Relations::new(before, relations::read(session).await?);
        let samples = self.samples.unwrap_or_default();
        if samples.told.refused > 0 {
            missing.push(Missing::Waits);
        }
        let most = samples.sessions as u64;
        let mut trace = assemble::trace(records, began, samples, relations, places);
        totals::give_rows(&mut trace.statements, &totals);
        Ok(Trace {
            missing,
            totals,
            sessions: Sessions { most, allowed },
            ..trace
        })
    }
}

async fn allowed_sessions(session: &Session) -> Result<u64, QueryError> {
    let row = session
        .query_one("select current_setting('max_connections')::int8", &[])
        .await
        .during("read the clone's limit of sessions")?;
    Ok(row.get::<_, i64>(0).unsigned_abs())
}
