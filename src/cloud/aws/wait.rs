//! Waiting until AWS has done something, and the master password, which takes effect a while after it
//! was set.
//!
//! The SDK's own waiters pause for up to half an hour and take several states that never change again
//! for work in progress.

use std::time::Duration;

use tokio::time::Instant;

use super::failure::Failure;
use super::pace::Pauses;
use super::seen::{Asked, Password, Seen, Thing};
use super::{Home, random_password};
use crate::cloud::{CloneName, CloudError, Order};
use crate::text::Secret;

/// A thing that was made may not be seen for so many looks: three quarters of a minute.
const UNSEEN: u32 = 7;

/// A password is in force when nothing has been seen to change for so many looks: AWS begins with it a
/// while after it has accepted it.
pub(super) const CALM: u32 = 3;

/// What a status means for whoever waits for the thing to be ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ready,
    /// On its way, or unheard of.
    Going,
    /// It stays as it is, and this helps.
    Over(&'static str),
}

fn state(thing: Thing, status: &str) -> State {
    const NETWORK: &str = "check the `subnet_group` and `security_groups`: are they of one VPC, and has a subnet a free address?";
    const PARAMETERS: &str = "set a `parameter_group` that fits the `instance_class`: its memory may be too small for the settings";
    const KEY: &str = "AWS may not use the KMS key that the snapshot is encrypted with: enable the key, check its policy, and start the run anew";
    const REMOVED: &str = "somebody else has removed it";
    const STOPPED: &str = "somebody else has stopped it";
    const STORAGE: &str = "production's storage is almost full; the clone needs a little more: raise production's, or set a later snapshot";
    const CAPACITY: &str =
        "AWS has none of that class now: set another `instance_class`, or try again later";
    const AGAIN: &str = "look at its events in the RDS console, and try again";
    match (thing, status) {
        // The last two are usable while they last, which may be for days.
        (Thing::Instance, "available" | "storage-optimization" | "storage-initialization")
        | (Thing::Cluster | Thing::Snapshot, "available") => State::Ready,
        (_, "incompatible-network") => State::Over(NETWORK),
        (_, "incompatible-parameters" | "incompatible-option-group") => State::Over(PARAMETERS),
        (_, "incompatible-restore" | "restore-error" | "failed" | "incompatible-create") => {
            State::Over(AGAIN)
        }
        (_, "incompatible-credentials") => {
            State::Over("its directory service's credentials do not fit")
        }
        (_, "insufficient-capacity") => State::Over(CAPACITY),
        (_, "storage-full") => State::Over(STORAGE),
        (
            _,
            "inaccessible-encryption-credentials"
            | "inaccessible-encryption-credentials-recoverable",
        ) => State::Over(KEY),
        (_, "deleting" | "deleted" | "delete-precheck") => State::Over(REMOVED),
        (_, "stopping" | "stopped") => State::Over(STOPPED),
        (Thing::Cluster, "cloning-failed" | "migration-failed") => State::Over(AGAIN),
        _ => State::Going,
    }
}

/// A wait that has begun.
struct Wait {
    began: Instant,
    pauses: Pauses,
}

impl Home {
    /// Waits until the thing by the order's name is ready.
    pub(super) async fn ready(&self, order: &Order<'_>, thing: Thing) -> Result<Seen, CloudError> {
        let mut wait = self.wait();
        let mut unseen = 0;
        loop {
            let seen = self.glance(order, thing, &mut wait).await?;
            match seen {
                Some(seen) if state(thing, &seen.status) == State::Ready => return Ok(seen),
                Some(_) => unseen = 0,
                None => unseen += 1,
            }
            if unseen > UNSEEN {
                return Err(CloudError::Source {
                    what: format!(
                        "AWS has accepted the {} `{}` and shows none",
                        thing.word(),
                        order.name
                    ),
                    hint: Some("has somebody else removed it?".to_owned()),
                });
            }
        }
    }

    /// Looks once; unless the thing is ready, tells and pauses. `None`: nothing could be seen.
    async fn glance(
        &self,
        order: &Order<'_>,
        thing: Thing,
        wait: &mut Wait,
    ) -> Result<Option<Seen>, CloudError> {
        let asked = self.look_at(thing, order.name).await;
        let (now, seen) = match asked {
            Ok(Some(seen)) => {
                ours(order.name, &seen)?;
                match state(thing, &seen.status) {
                    State::Ready => return Ok(Some(seen)),
                    State::Going => (status(&seen), Some(seen)),
                    State::Over(hint) => {
                        return Err(CloudError::Failed {
                            name: order.name.clone(),
                            state: seen.status,
                            hint: Some(hint.to_owned()),
                        });
                    }
                }
            }
            Ok(None) => (format!("the {} is not seen yet", thing.word()), None),
            // The SDK has asked several times; the order's time is the limit.
            Err(asked) if asked.may_pass() && Instant::now() < order.by => {
                let why = CloudError::from(asked).to_string();
                tracing::debug!(why, "a state could not be read");
                (format!("the {}'s state can't be read", thing.word()), None)
            }
            Err(asked) => return Err(asked.into()),
        };
        self.pause(order, wait, &now).await?;
        Ok(seen)
    }

    /// Tells what is waited for, and waits until the next look.
    async fn pause(&self, order: &Order<'_>, wait: &mut Wait, now: &str) -> Result<(), CloudError> {
        (order.doing)(now.to_owned());
        let pause = wait.pauses.next();
        if Instant::now() + pause > order.by {
            return Err(CloudError::NotReady {
                name: order.name.clone(),
                after: wait.began.elapsed(),
                state: now.to_owned(),
            });
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }

    fn wait(&self) -> Wait {
        Wait {
            began: Instant::now(),
            pauses: self.pace.pauses(),
        }
    }

    /// Sets a new master password, and waits until it is in force.
    pub(super) async fn rotate(
        &self,
        order: &Order<'_>,
        thing: Thing,
    ) -> Result<Secret, CloudError> {
        let password = random_password();
        let mut wait = self.wait();
        loop {
            let seen = self.ready(order, thing).await?;
            match self.set_password(order, &seen, &password).await {
                Ok(()) => break,
                Err(Asked::Failed(failure)) if failure.is_invalid_state() || failure.may_pass() => {
                    let why = CloudError::from(failure).to_string();
                    tracing::debug!(why, "the password was not set yet");
                }
                Err(asked) => return Err(asked.into()),
            }
            self.pause(order, &mut wait, "the master password can't be set yet")
                .await?;
        }
        let now = format!("the {}'s new master password takes effect", thing.word());
        let mut calm = 0;
        let mut has_changed = false;
        let mut wait = self.wait();
        loop {
            let Some(seen) = self.glance(order, thing, &mut wait).await? else {
                calm = 0;
                continue;
            };
            let is_ready = state(thing, &seen.status) == State::Ready;
            if is_ready && seen.password == Password::InForce {
                calm += 1;
            } else {
                calm = 0;
                has_changed = true;
            }
            if calm >= CALM || (has_changed && calm > 0) {
                return Ok(password);
            }
            if is_ready {
                // Calm is a matter of time.
                wait.pauses = Pauses::of(self.pace.poll);
                self.pause(order, &mut wait, &now).await?;
            }
        }
    }

    async fn set_password(
        &self,
        order: &Order<'_>,
        seen: &Seen,
        password: &Secret,
    ) -> Result<(), Asked> {
        const DOING: &str = "set the clone's master password";
        let rds = self.rds().await?;
        // With a password of its own it must not be kept by Secrets Manager as well.
        let kept = seen.kept_secret.then_some(false);
        match seen.thing {
            Thing::Instance => {
                rds.modify_db_instance()
                    .db_instance_identifier(order.name.as_str())
                    .master_user_password(password.expose())
                    .set_manage_master_user_password(kept)
                    .apply_immediately(true)
                    .send()
                    .await
                    .map_err(Failure::during(DOING))?;
            }
            Thing::Cluster => {
                rds.modify_db_cluster()
                    .db_cluster_identifier(order.name.as_str())
                    .master_user_password(password.expose())
                    .set_manage_master_user_password(kept)
                    .apply_immediately(true)
                    .send()
                    .await
                    .map_err(Failure::during(DOING))?;
            }
            Thing::Snapshot => {}
        }
        Ok(())
    }

    /// Settles whether a thing was made by a call that failed: one that is there is ours only if its
    /// labels say so.
    pub(super) async fn made_after_all(
        &self,
        order: &Order<'_>,
        thing: Thing,
        failure: Failure,
    ) -> Result<(), CloudError> {
        if !failure.is_already_there() && !failure.is_unsure() {
            return Err(failure.into());
        }
        let looks = if failure.is_already_there() {
            1
        } else {
            UNSEEN
        };
        for look in 0..looks {
            if let Some(seen) = self.look_at(thing, order.name).await? {
                return ours(order.name, &seen);
            }
            if look + 1 < looks {
                tokio::time::sleep(self.pace.poll.min(Duration::from_secs(2))).await;
            }
        }
        Err(failure.into())
    }
}

fn ours(name: &CloneName, seen: &Seen) -> Result<(), CloudError> {
    if seen.is_of(name) {
        return Ok(());
    }
    Err(CloudError::NotTheClone {
        name: name.clone(),
        why: format!(
            "there is a {} of that name, and its tags do not say that this run made it",
            seen.thing.kind()
        ),
    })
}

fn status(seen: &Seen) -> String {
    let percent = (seen.percent.as_deref())
        .filter(|percent| !matches!(*percent, "" | "0"))
        .map(|percent| format!(" ({percent} %)"))
        .unwrap_or_default();
    format!("the {} is {}{percent}", seen.thing.word(), seen.status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_that_never_change_end_the_wait() {
        for status in [
            "failed",
            "restore-error",
            "incompatible-network",
            "incompatible-restore",
            "incompatible-parameters",
            "insufficient-capacity",
            "storage-full",
            "inaccessible-encryption-credentials",
            "deleting",
            "stopped",
        ] {
            let found = state(Thing::Instance, status);
            assert!(matches!(found, State::Over(_)), "{status}");
        }
        for status in [
            "creating",
            "backing-up",
            "resetting-master-credentials",
            "new",
        ] {
            assert_eq!(state(Thing::Instance, status), State::Going, "{status}");
        }
    }
}
