//! Removing what a run has made: by its name, and only what its labels say is the run's.

use std::time::Duration;

use tokio::time::Instant;

use super::Home;
use super::failure::Failure;
use super::seen::{Asked, Seen, Thing};
use crate::cloud::{CloneName, CloudError, Patience};

/// How long a deletion is asked for again that AWS refuses while something else is being done. Where the
/// removal itself is waited for, its own limit holds.
const REFUSED: Duration = Duration::from_secs(120);

/// What came of one pass over all that is there.
#[derive(Default)]
struct Pass {
    /// Something of ours is still there.
    left: bool,
    /// A deletion that will be accepted later.
    later: Option<CloudError>,
    /// One that won't be.
    never: Option<CloudError>,
}

impl Pass {
    fn failed(&mut self, asked: Asked) {
        self.left = true;
        match asked {
            Asked::Failed(failure) if failure.is_invalid_state() => {
                self.later = Some(failure.into());
            }
            asked if asked.may_pass() => self.later = Some(asked.into()),
            asked => self.never = Some(asked.into()),
        }
    }
}

pub(super) async fn remove(
    home: &Home,
    name: &CloneName,
    patience: Patience,
) -> Result<(), CloudError> {
    let began = Instant::now();
    let mut pauses = home.pace.pauses();
    loop {
        let pass = pass(home, name).await;
        if let Some(error) = pass.never {
            return Err(error);
        }
        match (patience, pass.later) {
            (_, None) if !pass.left => return Ok(()),
            (Patience::Accepted, None) => return Ok(()),
            (Patience::Accepted, Some(error)) if began.elapsed() > REFUSED => return Err(error),
            (Patience::Gone { by }, _) if Instant::now() + home.pace.poll > by => {
                return Err(CloudError::NotGone {
                    name: name.clone(),
                    after: began.elapsed(),
                });
            }
            _ => tokio::time::sleep(pauses.next()).await,
        }
    }
}

/// Asks for everything to be deleted that is there and is not being deleted.
async fn pass(home: &Home, name: &CloneName) -> Pass {
    let mut pass = Pass::default();
    let looks = Thing::ALL.map(|thing| home.look_at(thing, name));
    // A cluster can be deleted when its instances are being deleted: they come first.
    for looked in futures_util::future::join_all(looks).await {
        match looked {
            Ok(None) => {}
            Ok(Some(seen)) if !seen.is_of(name) => {
                pass.never = Some(CloudError::NotTheClone {
                    name: name.clone(),
                    why: format!(
                        "there is a {} of that name, and its tags do not say that the run made it",
                        seen.thing.kind()
                    ),
                });
            }
            Ok(Some(seen)) => {
                pass.left = true;
                if seen.status != "deleting"
                    && let Err(asked) = delete(home, name, &seen).await
                {
                    pass.failed(asked);
                }
            }
            Err(asked) => pass.failed(asked),
        }
    }
    pass
}

/// Asks for one thing to be deleted; that it is gone is as good.
pub(super) async fn delete(home: &Home, name: &CloneName, seen: &Seen) -> Result<(), Asked> {
    if seen.protected {
        lift(home, name, seen.thing).await?;
    }
    let rds = home.rds().await?;
    let id = name.as_str();
    let deleted = match seen.thing {
        Thing::Instance => {
            let mut call = rds
                .delete_db_instance()
                .db_instance_identifier(id)
                .skip_final_snapshot(true);
            // A cluster's instances have no backups of their own.
            if !seen.in_cluster {
                call = call.delete_automated_backups(true);
            }
            (call.send().await)
                .map(|_| ())
                .map_err(Failure::during("delete the instance"))
        }
        Thing::Cluster => rds
            .delete_db_cluster()
            .db_cluster_identifier(id)
            .skip_final_snapshot(true)
            .delete_automated_backups(true)
            .send()
            .await
            .map(|_| ())
            .map_err(Failure::during("delete the cluster")),
        Thing::Snapshot => rds
            .delete_db_snapshot()
            .db_snapshot_identifier(id)
            .send()
            .await
            .map(|_| ())
            .map_err(Failure::during("delete the temporary snapshot")),
    };
    match deleted {
        Err(failure) if failure.is_not_found() => Ok(()),
        other => Ok(other?),
    }
}

/// Lifts the protection from deletion. Nothing of ours is made with it, but somebody may have set it.
async fn lift(home: &Home, name: &CloneName, thing: Thing) -> Result<(), Asked> {
    const DOING: &str = "lift the protection from deletion";
    let rds = home.rds().await?;
    match thing {
        Thing::Instance => {
            rds.modify_db_instance()
                .db_instance_identifier(name.as_str())
                .deletion_protection(false)
                .apply_immediately(true)
                .send()
                .await
                .map_err(Failure::during(DOING))?;
        }
        Thing::Cluster => {
            rds.modify_db_cluster()
                .db_cluster_identifier(name.as_str())
                .deletion_protection(false)
                .apply_immediately(true)
                .send()
                .await
                .map_err(Failure::during(DOING))?;
        }
        Thing::Snapshot => {}
    }
    Ok(())
}
