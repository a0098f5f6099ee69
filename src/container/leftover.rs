//! What this program makes at Docker's: told by labels from everything else, and removed by them.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::NetworkDisconnectRequest;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder, StopContainerOptionsBuilder,
};

use super::client::{block_on, connect};
use super::error::{ContainerError, is_not_found};
use super::owner::Owner;
use crate::process::RunId;

const MANAGED_BY: (&str, &str) = ("managed-by", "pgrehearse");
pub(super) const RUN: &str = "run-id";
const OWNER: &str = "owner";

/// How long removing may take. A runner kills what has not ended ten seconds after it asked.
const LIMIT: Duration = Duration::from_secs(7);

/// How long a container may take to end before Docker kills it, in seconds.
const GRACE: i32 = 8;

pub(super) type Labels = HashMap<String, String>;

/// The labels of everything that a run makes.
pub(super) fn labels(run: &RunId, owner: &Owner) -> Labels {
    [
        (MANAGED_BY.0, MANAGED_BY.1.to_owned()),
        (RUN, run.to_string()),
        (OWNER, owner.label()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Removes everything of a run, and waits for it. Says what was removed.
pub fn remove_run(socket: &Path, run: &RunId) -> Result<Vec<String>, ContainerError> {
    block_on(LIMIT, async {
        remove(&connect(socket).await?, run.as_str()).await
    })
}

/// Removes a container by its name, if it is there.
pub(super) fn remove_container(socket: &Path, name: &str) -> Result<(), ContainerError> {
    block_on(LIMIT, async { end(&connect(socket).await?, name).await })
}

/// Removes a container by its name, if it is there: killed, its own volumes with it.
pub(super) async fn end(docker: &Docker, name: &str) -> Result<(), ContainerError> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true);
    gone(docker.remove_container(name, Some(options.build())).await)
        .map_err(ContainerError::of("remove a container"))
}

/// What became of a container that should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    ByUs,
    /// It had ended, or there is none.
    Before,
}

/// Stops a container and waits until it has ended.
pub fn stop(socket: &Path, id: &str) -> Result<Stopped, ContainerError> {
    block_on(
        Duration::from_secs(GRACE.unsigned_abs().into()) + LIMIT,
        async {
            let docker = connect(socket).await?;
            let state = match docker.inspect_container(id, None).await {
                Ok(inspected) => inspected.state,
                Err(error) if is_not_found(&error) => return Ok(Stopped::Before),
                Err(error) => return Err(ContainerError::of("look at a container")(error)),
            };
            if state.is_some_and(|state| state.running == Some(false)) {
                return Ok(Stopped::Before);
            }
            let options = StopContainerOptionsBuilder::new().t(GRACE).build();
            gone(docker.stop_container(id, Some(options)).await)
                .map_err(ContainerError::of("stop the run's container"))?;
            Ok(Stopped::ByUs)
        },
    )
}

/// Removes what runs left whose process is gone. Says which runs these were.
pub(super) async fn remove_abandoned(docker: &Docker) -> Result<Vec<String>, ContainerError> {
    let mut removed = Vec::new();
    for (run, owner) in runs(docker).await? {
        if RunId::parse(&run).is_some() && owner.is_gone(docker).await {
            remove(docker, &run).await?;
            removed.push(run);
        }
    }
    Ok(removed)
}

/// The runs that have something here, each with who made it.
async fn runs(docker: &Docker) -> Result<Vec<(String, Owner)>, ContainerError> {
    let filters = labelled(None);
    let options = ListContainersOptionsBuilder::new().all(true);
    let containers = docker
        .list_containers(Some(options.filters(&filters).build()))
        .await
        .map_err(ContainerError::of("list containers"))?
        .into_iter()
        .filter_map(|container| container.labels);
    let networks = docker
        .list_networks(Some(
            ListNetworksOptionsBuilder::new().filters(&filters).build(),
        ))
        .await
        .map_err(ContainerError::of("list networks"))?
        .into_iter()
        .filter_map(|network| network.labels);
    let volumes = docker
        .list_volumes(Some(
            ListVolumesOptionsBuilder::new().filters(&filters).build(),
        ))
        .await
        .map_err(ContainerError::of("list volumes"))?
        .volumes
        .into_iter()
        .flatten()
        .map(|volume| volume.labels);
    let mut seen = BTreeSet::new();
    Ok(containers
        .chain(networks)
        .chain(volumes)
        .filter_map(|labels| {
            let owner = Owner::read(labels.get(OWNER)?)?;
            Some((labels.get(RUN)?.clone(), owner))
        })
        .filter(|(run, _)| seen.insert(run.clone()))
        .collect())
}

/// Containers first: what is in use can't be removed.
async fn remove(docker: &Docker, run: &str) -> Result<Vec<String>, ContainerError> {
    let filters = labelled(Some(run));
    let mut removed = Vec::new();
    let options = ListContainersOptionsBuilder::new().all(true);
    let containers = docker
        .list_containers(Some(options.filters(&filters).build()))
        .await
        .map_err(ContainerError::of("list containers"))?;
    for id in containers.into_iter().filter_map(|container| container.id) {
        end(docker, &id).await?;
        removed.push(format!("the container `{}`", id.get(..12).unwrap_or(&id)));
    }
    let networks = docker
        .list_networks(Some(
            ListNetworksOptionsBuilder::new().filters(&filters).build(),
        ))
        .await
        .map_err(ContainerError::of("list networks"))?;
    for name in networks.into_iter().filter_map(|network| network.name) {
        remove_network(docker, &name).await?;
        removed.push(format!("the network `{name}`"));
    }
    let volumes = docker
        .list_volumes(Some(
            ListVolumesOptionsBuilder::new().filters(&filters).build(),
        ))
        .await
        .map_err(ContainerError::of("list volumes"))?
        .volumes;
    for volume in volumes.into_iter().flatten() {
        remove_volume(docker, &volume.name).await?;
        removed.push(format!("the volume `{}`", volume.name));
    }
    Ok(removed)
}

pub(super) async fn remove_volume(docker: &Docker, name: &str) -> Result<(), ContainerError> {
    let options = RemoveVolumeOptionsBuilder::new().force(true).build();
    gone(docker.remove_volume(name, Some(options)).await)
        .map_err(ContainerError::of("remove a volume"))
}

/// Removes a network, and first whoever is in it: the gate's own container is.
pub(super) async fn remove_network(docker: &Docker, name: &str) -> Result<(), ContainerError> {
    let inside = match docker.inspect_network(name, None).await {
        Ok(network) => network.containers.unwrap_or_default(),
        Err(error) if is_not_found(&error) => return Ok(()),
        Err(error) => return Err(ContainerError::of("look at a network")(error)),
    };
    for container in inside.into_keys() {
        let request = NetworkDisconnectRequest {
            container,
            force: Some(true),
        };
        // One that has just ended is out already; what holds the network is told below.
        let _ = docker.disconnect_network(name, request).await;
    }
    gone(docker.remove_network(name).await).map_err(ContainerError::of("remove a network"))
}

pub(super) fn labelled(run: Option<&str>) -> HashMap<String, Vec<String>> {
    let mut labels = vec![format!("{}={}", MANAGED_BY.0, MANAGED_BY.1)];
    labels.extend(run.map(|run| format!("{RUN}={run}")));
    [("label".to_owned(), labels)].into()
}

/// What is not there need not be removed.
fn gone(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(error) if is_not_found(&error) => Ok(()),
        // Somebody else is removing it.
        Err(Error::DockerResponseServerError {
            status_code: 409,
            message,
        }) if message.contains("already in progress") => Ok(()),
        other => other,
    }
}
