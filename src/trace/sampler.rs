//! A second session that looks at the locks a hundred times a second: it sees what no event trigger
//! does. When a transaction ended; who waited, and how long; the locks of statements that fire no
//! trigger, such as LOCK TABLE, VACUUM FULL, CLUSTER, and every CONCURRENTLY. It sends the canaries.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::TraceError;
use super::canaries::{self, Canaries, Conflicts, Told, Watched};
use super::facts::LockMode;
use crate::postgres::session::{During as _, QueryError};
use crate::postgres::{Endpoint, Session};

/// Between two looks. A wait or a lock that is shorter may not be seen.
pub const INTERVAL: Duration = Duration::from_millis(10);

/// What was seen of one transaction. Times are seconds since 1970, by the server's clock.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub last: f64,
    pub locks: BTreeMap<(u32, LockMode), SeenLock>,
}

/// What was seen of one lock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SeenLock {
    /// When it was first seen held; `None`: never.
    pub held: Option<f64>,
    /// Seconds.
    pub waited: f64,
}

/// All that was seen.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// By server process and the beginning of the transaction, in microseconds since 1970.
    pub transactions: BTreeMap<(u32, i64), Seen>,
    /// The most sessions of the migration's that were open at once.
    pub sessions: usize,
    pub told: Told,
}

/// The sampler at work.
pub struct Sampler {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<Samples, QueryError>>,
}

impl Sampler {
    /// Looks at the database of `endpoint`, a superuser's, from now on.
    pub async fn start(endpoint: &Endpoint, watched: Watched) -> Result<Self, TraceError> {
        let session = Session::open(endpoint, &[]).await?;
        let canaries = Canaries::start(endpoint, watched).await?;
        let (stop, stopped) = oneshot::channel();
        Ok(Self {
            stop,
            task: tokio::spawn(sample(session, canaries, stopped)),
        })
    }

    /// Stops, and hands over what was seen: nothing, where the server has gone away meanwhile.
    pub async fn stop(self) -> Option<Samples> {
        // The task may have ended by itself, with its connection.
        let _ = self.stop.send(());
        match self.task.await {
            Ok(Ok(samples)) => Some(samples),
            Ok(Err(error)) => {
                tracing::debug!(%error, "the sampler ended early");
                None
            }
            Err(_) => None,
        }
    }
}

async fn sample(
    session: Session,
    mut canaries: Canaries,
    mut stopped: oneshot::Receiver<()>,
) -> Result<Samples, QueryError> {
    let doing = "look at the clone's locks";
    let sample = session
        .prepare(include_str!("sql/sample.sql"))
        .await
        .during(doing)?;
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut samples = Samples::default();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = &mut stopped => {
                samples.told = canaries.come_home(&session).await?;
                return Ok(samples);
            }
        }
        let rows = session.query(&sample, &[]).await.during(doing)?;
        let look = Look::at(&rows, canaries.watched(), &mut samples);
        canaries.send(&look.conflicts, look.now);
        canaries::call_back(&session, &canaries.among(&look.blocking)).await?;
    }
}

/// What one look asks of the canaries.
#[derive(Default)]
struct Look {
    /// Seconds since 1970.
    now: f64,
    conflicts: Conflicts,
    /// The server processes that somebody waits for.
    blocking: BTreeSet<i32>,
}

impl Look {
    fn at(rows: &[tokio_postgres::Row], watched: &Watched, samples: &mut Samples) -> Self {
        let mut told = Self::default();
        let mut sessions = BTreeSet::new();
        for row in rows {
            let pid: i32 = row.get("pid");
            if row.get("is_the_migrations") {
                sessions.insert(pid);
            }
            told.now = row.get("now");
            let Some(began) = row.get::<_, Option<f64>>("began") else {
                continue;
            };
            let seen = samples
                .transactions
                .entry((pid.unsigned_abs(), microseconds(began)))
                .or_default();
            seen.last = told.now;
            let mode = row
                .get::<_, Option<&str>>("mode")
                .and_then(LockMode::from_catalogue);
            let (Some(relation), Some(mode)) = (row.get::<_, Option<u32>>("relation"), mode) else {
                continue;
            };
            watched.conflicts(relation, mode, &mut told.conflicts);
            let lock = seen.locks.entry((relation, mode)).or_default();
            if row.get("granted") {
                lock.held.get_or_insert(told.now);
            } else if let Some(since) = row.get::<_, Option<f64>>("waiting_since") {
                lock.waited = lock.waited.max(told.now - since);
            }
            let blocking: Option<Vec<i32>> = row.get("blocking");
            told.blocking.extend(blocking.into_iter().flatten());
        }
        samples.sessions = samples.sessions.max(sessions.len());
        told
    }
}

/// A moment as a key. The server keeps microseconds.
#[allow(
    clippy::cast_possible_truncation,
    reason = "microseconds since 1970 fit an i64 for longer than the format"
)]
pub fn microseconds(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}
