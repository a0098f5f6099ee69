//! A second session that looks at the locks a hundred times a second: it sees what no event trigger
//! does. When a transaction ended; who waited, and how long; the locks of statements that fire no
//! trigger, such as LOCK TABLE, VACUUM FULL, CLUSTER, and every CONCURRENTLY.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::facts::LockMode;
use crate::postgres::session::{ConnectError, During as _, QueryError};
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

/// By server process and the beginning of the transaction, in microseconds since 1970.
pub type Samples = BTreeMap<(u32, i64), Seen>;

/// The sampler at work.
pub struct Sampler {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<Samples, QueryError>>,
}

impl Sampler {
    /// Looks at the database of `endpoint`, a superuser's, from now on.
    pub async fn start(endpoint: &Endpoint) -> Result<Self, ConnectError> {
        let session = Session::open(endpoint, &[]).await?;
        let (stop, stopped) = oneshot::channel();
        Ok(Self {
            stop,
            task: tokio::spawn(sample(session, stopped)),
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
    mut stopped: oneshot::Receiver<()>,
) -> Result<Samples, QueryError> {
    let doing = "look at the clone's locks";
    let sample = session
        .prepare(include_str!("sql/sample.sql"))
        .await
        .during(doing)?;
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut samples = Samples::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = &mut stopped => return Ok(samples),
        }
        for row in session.query(&sample, &[]).await.during(doing)? {
            let (began, now): (f64, f64) = (row.get("began"), row.get("now"));
            let pid: i32 = row.get("pid");
            let seen = samples
                .entry((pid.unsigned_abs(), microseconds(began)))
                .or_default();
            seen.last = now;
            let mode = row
                .get::<_, Option<&str>>("mode")
                .and_then(LockMode::from_catalogue);
            let (Some(relation), Some(mode)) = (row.get::<_, Option<u32>>("relation"), mode) else {
                continue;
            };
            let lock = seen.locks.entry((relation, mode)).or_default();
            if row.get("granted") {
                lock.held.get_or_insert(now);
            } else if let Some(since) = row.get::<_, Option<f64>>("waiting_since") {
                lock.waited = lock.waited.max(now - since);
            }
        }
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
