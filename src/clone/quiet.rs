//! What a provider's clone would do by itself, as production does: run scheduled jobs, which may call out,
//! and take in the changes of a server that it is subscribed to, which would then be missing elsewhere.
//!
//! It is ended as soon as the clone can be reached, also of a clone that is only read.

use super::CloneError;
use crate::postgres::session::During as _;
use crate::postgres::{Endpoint, Session};
use crate::restore::Disarmed;

/// Where providers keep jobs, if nothing else is said.
const USUAL: &str = "postgres";

const CURE: &str = "a `parameter_group` whose `shared_preload_libraries` does not name pg_cron keeps all of them off";

/// What became of it.
#[derive(Default)]
pub(super) struct Quiet {
    /// Jobs of another database than the clone's own; those are disarmed there with all else.
    pub disarmed: Option<Disarmed>,
    /// What could not be done.
    pub caveat: Option<String>,
}

/// What was done in one database.
#[derive(Clone, Copy, Default)]
struct Off {
    jobs: u64,
    /// There may be more, which the role may not see or switch off.
    is_partly: bool,
}

pub(super) async fn make(clone: &Endpoint, session: &Session) -> Result<Quiet, CloneError> {
    unsubscribe(clone, session).await?;
    switch_off(clone, session).await
}

/// Ends all subscriptions of the server's, by the clone's role.
async fn unsubscribe(clone: &Endpoint, session: &Session) -> Result<(), CloneError> {
    let subscriptions = session
        .query(include_str!("sql/subscriptions.sql"), &[])
        .await
        .during("look for subscriptions")?;
    for row in subscriptions {
        let (database, name): (String, String) = (row.get("database"), row.get("name"));
        let there = Session::open(&clone.with_database(&database), &[]).await?;
        (there.batch_execute(row.get("statement")).await)
            .during("end a subscription")
            .map_err(|source| CloneError::Subscribed {
                name,
                database,
                source,
            })?;
    }
    Ok(())
}

/// Switches off all jobs that the role may see. `pg_cron` keeps them in one database of the server, which need
/// not be the clone's.
async fn switch_off(clone: &Endpoint, session: &Session) -> Result<Quiet, CloneError> {
    let keeper: Option<String> = session
        .query_opt(include_str!("sql/job_keeper.sql"), &[])
        .await
        .during("look for scheduled jobs")?
        .map(|row| row.get(0));
    let own = off(session).await?;
    let elsewhere = keeper.as_deref().unwrap_or(USUAL);
    let beside = if elsewhere == clone.database {
        Off::default()
    } else {
        match Session::open(&clone.with_database(elsewhere), &[]).await {
            Ok(session) => off(&session).await?,
            // Nothing says that there are any.
            Err(_) if keeper.is_none() => Off::default(),
            Err(error) => return Err(error.into()),
        }
    };
    Ok(Quiet {
        disarmed: (beside.jobs > 0).then(|| Disarmed {
            kind: "cron jobs".to_owned(),
            schema: "cron".to_owned(),
            relation: "job".to_owned(),
            name: format!("cron.job of {elsewhere}"),
        }),
        caveat: (own.is_partly || beside.is_partly).then(|| {
            format!(
                "scheduled jobs may run in the clone that `{}` can't switch off; {CURE}",
                clone.user
            )
        }),
    })
}

async fn off(session: &Session) -> Result<Off, CloneError> {
    let Some(row) = session
        .query_opt(include_str!("sql/jobs.sql"), &[])
        .await
        .during("look for scheduled jobs")?
    else {
        return Ok(Off::default());
    };
    if row.get("is_shut") {
        return Ok(Off {
            jobs: 0,
            is_partly: true,
        });
    }
    let jobs = session
        .execute("update cron.job set active = false where active", &[])
        .await
        .during("switch off scheduled jobs")
        .map_err(CloneError::Jobs)?;
    Ok(Off {
        jobs,
        is_partly: row.get("is_partly"),
    })
}
