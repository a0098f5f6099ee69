//! The contention drill: the same migration on a copy of the clone, beside somebody who reads for long
//! what it wants to lock.
//!
//! One long query is enough to stop a service: the migration waits for it, and whoever comes later
//! waits behind the migration. It passes by giving up in time.

use std::time::{Duration, Instant};

use super::runner::{self, Ending, Job};
use super::{MigrateError, aftermath, border, timeouts};
use crate::context::Context;
use crate::postgres::session::During as _;
use crate::postgres::{Endpoint, QueryError, Session};
use crate::restore::Restored;
use crate::target::Database;
use crate::text::{QualifiedName, human_seconds};
use crate::trace::{LockMode, Places, Reach, Stall, Trace, Tracing};
use crate::verdict::Stage;

/// Between two looks at who waits.
const POLL: Duration = Duration::from_millis(20);

/// A migration that comes back is watched for as many times `hold`.
const TRIES: u32 = 3;

/// How long a migration that has been stopped may take to notice.
const STOPPING: Duration = Duration::from_secs(30);

/// What the drill saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Contention {
    /// What the reader held.
    pub tables: Vec<QualifiedName>,
    /// How long it would have been held.
    pub hold: Duration,
    pub ending: ContentionEnding,
    /// Who else would have waited.
    pub stalls: Vec<Stall>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentionEnding {
    /// It shuts no existing table to readers.
    NothingToHold,
    /// It waited, and did not go on waiting: it ended, or let go and tried again.
    GaveUp,
    /// It was waiting still when the reader ended.
    Queued,
}

/// The tables that the migration shut to readers, by the trace of its first run.
pub fn tables(trace: &Trace) -> Vec<QualifiedName> {
    let mut tables: Vec<QualifiedName> = trace
        .transactions
        .iter()
        .flat_map(|transaction| &transaction.locks)
        .filter(|span| span.is_felt() && span.mode == LockMode::AccessExclusive)
        .map(|span| span.relation.name.clone())
        .collect();
    tables.sort();
    tables.dedup();
    tables
}

/// A drill to be run.
pub struct Drill<'a> {
    pub restored: &'a Restored,
    /// The clone as it was before the migration.
    pub copy: Database,
    pub tables: Vec<QualifiedName>,
    pub hold: Duration,
    /// What the first run was.
    pub job: &'a Job<'a>,
}

/// Runs the drill and drops the copy.
pub async fn run(context: &Context, drill: Drill<'_>) -> Result<Contention, MigrateError> {
    let (ending, stalls) = if drill.tables.is_empty() {
        (ContentionEnding::NothingToHold, Vec::new())
    } else {
        watch(context, &drill).await?
    };
    drill.restored.target().drop_database(drill.copy).await?;
    Ok(Contention {
        tables: drill.tables,
        hold: drill.hold,
        ending,
        stalls,
    })
}

async fn watch(
    context: &Context,
    drill: &Drill<'_>,
) -> Result<(ContentionEnding, Vec<Stall>), MigrateError> {
    context.progress.doing(
        Stage::Migrate,
        format!("once more, beside a query of {}", human_seconds(drill.hold)),
    );
    let history = drill.job.history;
    let source = border::read_source(context, history).await?;
    let migrator = drill.restored.migrator();
    let copy = &drill.copy;
    let endpoint = drill
        .restored
        .target()
        .role(&migrator.name, &migrator.password, copy);
    let session = copy.session().await?;
    timeouts::set(context, &session, &migrator.name, copy.name()).await?;
    let tracing = Tracing::start(&session, &copy.admin, Reach::Locks).await?;
    let reader = Reader::begin(&copy.admin, &drill.tables).await?;

    let log = context.log_directory.join("contention.log");
    let job = Job {
        endpoint: &endpoint,
        admin: &copy.admin,
        log: &log,
        ..*drill.job
    };
    let mut migrating = std::pin::pin!(runner::run(context, &job));
    let ended = tokio::select! {
        ending = &mut migrating => Err(ending?),
        held = reader.until_held(&session, drill.hold) => Ok(held?),
    };
    // What is felt from here on is not the reader's doing.
    let settled = tracing.settle().await;
    let ending = match ended {
        Ok(held) => {
            stop(&session, &endpoint, &mut migrating).await?;
            held
        }
        // How it ended otherwise is for its first run to tell.
        Err(_) if reader.has_kept_waiting() => ContentionEnding::GaveUp,
        Err(ending) => match refusal(&ending) {
            Refusal::OfALock => ContentionEnding::GaveUp,
            Refusal::Other(how) => return Err(MigrateError::Drill { how }),
        },
    };
    drop(reader);
    border::refuse_a_changed_source(context, history, source.as_ref()).await?;
    let trace = settled.finish(&session, &[], &Places::default()).await?;
    Ok((ending, trace.stalls))
}

/// Why a run ended that was not seen waiting.
enum Refusal {
    /// It asks with NOWAIT, or its `lock_timeout` is very short.
    OfALock,
    Other(String),
}

fn refusal(ending: &Ending) -> Refusal {
    const WORDS: [&str; 2] = ["could not obtain lock", "due to lock timeout"];
    let broken = match ending {
        Ending::Failed(broken) => broken,
        Ending::Done { .. } => return Refusal::Other("it succeeded".to_owned()),
        Ending::TimedOut { limit, .. } => {
            return Refusal::Other(format!("not done after {}", human_seconds(*limit)));
        }
    };
    let is_of_a_lock = match &broken.error {
        Some(error) => error.sqlstate == "55P03",
        None => broken
            .said
            .iter()
            .any(|line| WORDS.iter().any(|words| line.contains(words))),
    };
    if is_of_a_lock {
        return Refusal::OfALock;
    }
    Refusal::Other(match &broken.error {
        Some(error) => error.to_string(),
        None => broken.how.clone(),
    })
}

/// Ends the sessions of a migration until it ends itself.
async fn stop(
    session: &Session,
    endpoint: &Endpoint,
    migrating: &mut (impl Future<Output = Result<Ending, MigrateError>> + Unpin),
) -> Result<(), MigrateError> {
    let deadline = Instant::now() + STOPPING;
    while Instant::now() < deadline {
        aftermath::end_sessions(session, &endpoint.user).await?;
        if tokio::time::timeout(POLL, &mut *migrating).await.is_ok() {
            break;
        }
    }
    Ok(())
}

/// Somebody who reads tables for long.
struct Reader {
    /// Its transaction ends with it.
    _session: Session,
    pid: i32,
    /// When somebody was first seen waiting for it.
    waited_for: std::sync::OnceLock<Instant>,
}

impl Reader {
    async fn begin(admin: &Endpoint, tables: &[QualifiedName]) -> Result<Self, MigrateError> {
        let session = Session::open(admin, &[]).await?;
        let locks: Vec<String> = tables
            .iter()
            .map(|table| format!("select from only {table} limit 0"))
            .collect();
        session
            .run(
                &format!("begin; {}", locks.join("; ")),
                "read a table for long",
            )
            .await?;
        let row = session
            .query_one("select pg_backend_pid()", &[])
            .await
            .during("read a table for long")?;
        Ok(Self {
            pid: row.get(0),
            _session: session,
            waited_for: std::sync::OnceLock::new(),
        })
    }

    fn has_kept_waiting(&self) -> bool {
        self.waited_for.get().is_some()
    }

    /// Returns when somebody has waited for `hold` without a break, or has given up and come back for
    /// much longer than that.
    async fn until_held(
        &self,
        session: &Session,
        hold: Duration,
    ) -> Result<ContentionEnding, QueryError> {
        let mut since = None;
        loop {
            let row = session
                .query_one(include_str!("sql/waits_for.sql"), &[&self.pid])
                .await
                .during("look who waits for a long query")?;
            let is_waited_for: bool = row.get(0);
            if is_waited_for {
                self.waited_for.get_or_init(Instant::now);
                if since.get_or_insert_with(Instant::now).elapsed() >= hold {
                    return Ok(ContentionEnding::Queued);
                }
            } else {
                since = None;
            }
            let tries = self.waited_for.get().map(Instant::elapsed);
            if tries.is_some_and(|tries| tries >= hold * TRIES) {
                return Ok(ContentionEnding::GaveUp);
            }
            tokio::time::sleep(POLL).await;
        }
    }
}
