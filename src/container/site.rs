//! All that one run needs to run commands in an image: found and made once, removed with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bollard::Docker;

use super::client::connect;
use super::error::ContainerError;
use super::image::Image;
use super::leftover::{self, Labels};
use super::name::ImageName;
use super::network::{Link, Listening};
use super::owner::Owner;
use super::place::Place;
use super::workspace::Workspace;
use crate::process::RunId;
use crate::process::guard::{Guard, Watched};

/// What is wanted of Docker.
pub struct Wanted<'a> {
    pub socket: PathBuf,
    pub image: &'a ImageName,
    /// The directory that the image sees.
    pub workspace: &'a Path,
    /// Where the command runs.
    pub directory: &'a Path,
}

/// What was found without changing anything.
pub struct Found {
    socket: PathBuf,
    docker: Docker,
    place: Place,
    workspace: Workspace,
    name: ImageName,
    /// `None`: it has to be pulled.
    pub image: Option<Image>,
}

/// Where commands are run in an image. Dropping it removes all that this run made at Docker's.
pub struct Site {
    pub(super) socket: PathBuf,
    pub(super) docker: Docker,
    pub(super) run: RunId,
    /// Of everything that is made.
    pub(super) labels: Labels,
    pub(super) workspace: Workspace,
    pub(super) image: Image,
    pub(super) link: Link,
    guard: Arc<Guard>,
}

impl Found {
    /// Looks for Docker, the way to the workspace, and the image.
    pub async fn look(wanted: Wanted<'_>) -> Result<Self, ContainerError> {
        let docker = connect(&wanted.socket).await?;
        let place = Place::find(&docker).await?;
        let version = docker.client_version();
        let api = (version.major_version, version.minor_version);
        let workspace = Workspace::find(wanted.workspace, &place, &wanted.socket, api)?;
        workspace.place_of(wanted.directory)?;
        Ok(Self {
            image: Image::find(&docker, wanted.image).await?,
            name: wanted.image.clone(),
            socket: wanted.socket,
            docker,
            place,
            workspace,
        })
    }

    /// Pulls the image if need be, removes what dead runs left, and makes the run's network.
    pub async fn prepare(
        self,
        run: &RunId,
        guard: &Arc<Guard>,
        tell: impl Fn(&str),
    ) -> Result<Site, ContainerError> {
        let Self { docker, socket, .. } = self;
        match leftover::remove_abandoned(&docker).await {
            Ok(runs) => {
                for run in runs {
                    tell(&format!("removed what run {run} left"));
                }
            }
            // It is no fault of this run's.
            Err(error) => tell(&format!("what an earlier run left stays: {error}")),
        }
        let image = match self.image {
            Some(image) => image,
            None => Image::pull(&docker, &self.name, &tell).await?,
        };
        // From here on there may be something to remove, whatever becomes of this future.
        let made = Made::announce(&socket, run, guard)?;
        let owner = Owner::this(self.place.own.as_deref());
        let labels = leftover::labels(run, &owner);
        let link = Link::make(&docker, run, labels.clone(), &self.place.network).await?;
        std::mem::forget(made);
        Ok(Site {
            socket,
            docker,
            run: run.clone(),
            labels,
            workspace: self.workspace,
            image,
            link,
            guard: guard.clone(),
        })
    }
}

impl Site {
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// What a server has to do to be reached by the image's commands.
    pub fn listening(&self) -> Option<Listening> {
        self.link.listening()
    }

    /// The address at which commands find a server of this machine.
    pub fn host(&self) -> String {
        match &self.link {
            Link::Closed { address, .. } => address.to_string(),
            Link::Shared { .. } => "127.0.0.1".to_owned(),
        }
    }

    /// Whether commands have a way out: they share this container's network where they can't have
    /// their own.
    pub fn is_open(&self) -> bool {
        matches!(self.link, Link::Shared { .. })
    }

    /// A name for something at Docker's.
    pub(super) fn new_name(&self) -> String {
        format!(
            "{}-{:08x}",
            self.run.directory_prefix(),
            rand::random::<u32>()
        )
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        Made::of(&self.socket, &self.run, &self.guard).remove();
    }
}

/// What this run may have made at Docker's. Dropping it removes that.
struct Made {
    socket: PathBuf,
    run: RunId,
    guard: Arc<Guard>,
}

impl Made {
    fn of(socket: &Path, run: &RunId, guard: &Arc<Guard>) -> Self {
        Self {
            socket: socket.to_owned(),
            run: run.clone(),
            guard: guard.clone(),
        }
    }

    fn announce(socket: &Path, run: &RunId, guard: &Arc<Guard>) -> Result<Self, ContainerError> {
        let made = Self::of(socket, run, guard);
        guard
            .watch(made.watched())
            .map_err(|source| ContainerError::File {
                path: socket.to_owned(),
                source,
            })?;
        Ok(made)
    }

    fn watched(&self) -> Watched {
        Watched::Siblings {
            socket: self.socket.clone(),
            run: self.run.to_string(),
        }
    }

    fn remove(self) {
        drop(self);
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        match leftover::remove_run(&self.socket, &self.run) {
            Ok(_) => self.guard.forget(self.watched()),
            // The guard tries again when this process ends.
            Err(error) => tracing::debug!(%error, "what was made at Docker's is not removed yet"),
        }
    }
}
