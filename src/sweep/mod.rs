//! What runs have made and left: at the provider of the policy's source, on the policy's server, on this
//! machine, and at its Docker.
//!
//! A run clears up after itself, its guard after a run that was killed. Where both were, everything
//! they made still says whose it is: by its name, by a label where there is a place for one, and by when
//! it is of no more use.

mod local;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::cloud::{Account, CloneName, CloudError, Labelled, Patience};
use crate::container::listing::{self, Leftover};
use crate::container::{self, ContainerError};
use crate::policy::{Policy, Source, Target};
use crate::postgres::Endpoint;
use crate::postgres::scratch::{self, ScratchError, ScratchName};
use crate::process::RunId;
use crate::verdict::{Explained as _, Failure};

/// What carries no label of its own is of no more use after so long: no run takes longer.
const OLD: Duration = Duration::from_hours(24);

/// How long a provider may take to delete one thing.
const GONE_WITHIN: Duration = Duration::from_mins(20);

/// So long after a look at a provider another one is taken for a run that is said to be over: what its
/// last call has asked for may be made after it was killed, and be listed a while after that.
const LATE: Duration = Duration::from_secs(5);

/// Something that a run has made and that is still there.
#[derive(Clone, Debug)]
pub struct Left {
    /// Where: ``Neon project `shop` ``.
    pub place: String,
    /// What: `branch`, `database`, `directory`.
    pub kind: &'static str,
    pub name: String,
    pub run: RunId,
    /// From then on it is a leak.
    pub expires: Option<Timestamp>,
    pub monthly_dollars: Option<f64>,
    labelled: Labelled,
    way: Way,
}

/// Kinds and names of what was seen in one place.
pub type Seen = BTreeSet<(&'static str, String)>;

/// How it is removed.
#[derive(Clone, Debug)]
enum Way {
    Provider(CloneName),
    Database(ScratchName),
    Directory(PathBuf),
    AtDocker(Leftover),
}

/// A place where runs leave things.
pub enum Place {
    Provider(Arc<dyn Account>),
    /// The policy's `target.server`.
    Server(Box<Endpoint>),
    /// A directory on this machine in which runs make theirs.
    Directory(PathBuf),
    /// Docker, by its socket: where the policy has an image.
    Docker(PathBuf),
}

#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    #[error(transparent)]
    Cloud(#[from] CloudError),
    #[error(transparent)]
    Scratch(#[from] ScratchError),
    #[error(transparent)]
    Container(#[from] ContainerError),
    #[error("`{path}` could not be removed")]
    Stays { path: String },
}

impl SweepError {
    /// For people.
    pub fn explain(&self) -> Failure {
        match self {
            Self::Cloud(error) => error.explain(),
            Self::Container(error) => Failure::of(error, error.hint()),
            other => Failure::of(other, None),
        }
    }
}

/// Every place that a policy's runs use.
pub fn places(policy: Option<&Policy>) -> Result<Vec<Place>, SweepError> {
    let mut places = Vec::new();
    if let Some(Source::Hosted(hosted)) = policy.map(|policy| &policy.source) {
        places.push(Place::Provider(hosted.access().account()?));
    }
    let mut directories = vec![std::env::temp_dir()];
    match policy.map(|policy| &policy.target) {
        Some(Target::Server(endpoint)) => places.push(Place::Server(Box::new(endpoint.clone()))),
        Some(Target::Throwaway {
            directory: Some(directory),
            ..
        }) => directories.push(directory.clone()),
        _ => {}
    }
    directories.dedup();
    places.extend(directories.into_iter().map(Place::Directory));
    // Nothing is made at Docker's for a policy without an image, and no daemon need be here.
    if policy.is_some_and(|policy| policy.migrations.image.is_some()) {
        // No run takes another kind of `DOCKER_HOST`, so what was made is at the usual one.
        let socket = container::socket(|name| std::env::var(name).ok());
        let socket = socket.unwrap_or_else(|_| container::SOCKET.into());
        // Where there is none, no run can have made anything.
        if socket.exists() {
            places.push(Place::Docker(socket));
        }
    }
    Ok(places)
}

impl Place {
    /// In a phrase without secrets.
    pub fn describe(&self) -> String {
        match self {
            Self::Provider(account) => account.describe(),
            Self::Server(endpoint) => format!("`{endpoint}`"),
            Self::Directory(directory) => format!("`{}`", directory.display()),
            Self::Docker(socket) => format!("Docker at `{}`", socket.display()),
        }
    }

    /// Everything there that a run has made.
    pub async fn list(&self) -> Result<Vec<Left>, SweepError> {
        let place = self.describe();
        Ok(match self {
            Self::Provider(account) => {
                let listed = account.list().await?;
                let left = listed.into_iter().map(|resource| Left {
                    place: place.clone(),
                    kind: resource.kind,
                    name: resource.name.to_string(),
                    run: resource.name.run().clone(),
                    expires: resource.expires.or_else(|| old(resource.name.run())),
                    monthly_dollars: resource.monthly_dollars,
                    labelled: resource.labelled,
                    way: Way::Provider(resource.name),
                });
                left.collect()
            }
            Self::Server(endpoint) => {
                let names = scratch::list(endpoint).await?;
                let left = names.into_iter().filter_map(|name| {
                    let run = name.run()?;
                    Some(Left {
                        place: place.clone(),
                        kind: "database",
                        name: name.to_string(),
                        expires: old(&run),
                        run,
                        monthly_dollars: None,
                        labelled: Labelled::NoPlace,
                        way: Way::Database(name),
                    })
                });
                left.collect()
            }
            Self::Directory(directory) => {
                let found = local::list(directory).into_iter();
                let left = found.map(|(path, run)| Left {
                    place: place.clone(),
                    kind: local::kind(&path),
                    name: path.display().to_string(),
                    expires: old(&run),
                    run,
                    monthly_dollars: None,
                    labelled: Labelled::NoPlace,
                    way: Way::Directory(path),
                });
                left.collect()
            }
            Self::Docker(socket) => {
                let found = listing::list(socket).await?.into_iter();
                let left = found.map(|leftover| Left {
                    place: place.clone(),
                    kind: leftover.thing.kind(),
                    name: leftover.name.clone(),
                    run: leftover.run.clone(),
                    expires: old(&leftover.run),
                    monthly_dollars: None,
                    labelled: Labelled::Ours,
                    way: Way::AtDocker(leftover),
                });
                left.collect()
            }
        })
    }

    /// What another look finds a while later that is not among `seen`, and is now. Only a provider makes
    /// things for a run that is gone.
    pub async fn list_late(&self, seen: &mut Seen) -> Result<Vec<Left>, SweepError> {
        let Self::Provider(_) = self else {
            return Ok(Vec::new());
        };
        tokio::time::sleep(LATE).await;
        let mut late = self.list().await?;
        late.retain(|left| seen.insert(left.key()));
        Ok(late)
    }

    /// Removes it and waits until it is gone.
    pub async fn remove(&self, left: &Left) -> Result<(), SweepError> {
        match (self, &left.way) {
            (Self::Provider(account), Way::Provider(name)) => {
                let by = Instant::now() + GONE_WITHIN;
                account.remove(name, Patience::Gone { by }).await?;
            }
            (Self::Server(endpoint), Way::Database(name)) => {
                scratch::drop_database(endpoint, name).await?;
            }
            (Self::Directory(_), Way::Directory(path)) => local::remove(path)?,
            (Self::Docker(socket), Way::AtDocker(leftover)) => {
                listing::remove(socket, leftover).await?;
            }
            // It is of another place.
            _ => {}
        }
        Ok(())
    }
}

impl Left {
    /// What tells it from everything else in its place.
    pub fn key(&self) -> (&'static str, String) {
        (self.kind, self.name.clone())
    }

    /// How long ago its run began.
    pub fn age(&self, now: Timestamp) -> Option<Duration> {
        Duration::try_from(now.duration_since(self.run.began()?)).ok()
    }

    /// Whether it is ours and of no more use: it has expired, or its run is named to be over.
    pub fn is_leaked(&self, over: Option<&RunId>, now: Timestamp) -> bool {
        let is_over = match over {
            Some(run) => *run == self.run,
            None => self.expires.is_some_and(|expires| expires < now),
        };
        is_over && self.labelled != Labelled::Not
    }
}

/// When what a run has made is of no more use, by the run's own name.
fn old(run: &RunId) -> Option<Timestamp> {
    Some(run.began()? + OLD)
}
