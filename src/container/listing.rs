//! What runs have left at Docker's, thing by thing: for `sweep`, which shows each before it removes it.

use std::path::Path;

use bollard::Docker;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
};

use super::client::connect;
use super::error::ContainerError;
use super::leftover::{Labels, RUN, end, labelled, remove_network, remove_volume};
use crate::process::RunId;

/// Something that a run has made: its name and its labels say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    pub thing: Thing,
    pub name: String,
    pub run: RunId,
}

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    Container,
    Network,
    Volume,
}

impl Thing {
    /// In Docker's word.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Network => "network",
            Self::Volume => "volume",
        }
    }
}

/// Everything that runs have left, in an order in which it can be removed.
pub async fn list(socket: &Path) -> Result<Vec<Leftover>, ContainerError> {
    let docker = connect(socket).await?;
    let mut found = containers(&docker).await?;
    found.extend(networks(&docker).await?);
    found.extend(volumes(&docker).await?);
    Ok(found)
}

/// Removes one thing; that it is gone is as good.
pub async fn remove(socket: &Path, left: &Leftover) -> Result<(), ContainerError> {
    let docker = connect(socket).await?;
    match left.thing {
        Thing::Container => end(&docker, &left.name).await,
        Thing::Network => remove_network(&docker, &left.name).await,
        Thing::Volume => remove_volume(&docker, &left.name).await,
    }
}

async fn containers(docker: &Docker) -> Result<Vec<Leftover>, ContainerError> {
    let options = ListContainersOptionsBuilder::new().all(true);
    let listed = docker
        .list_containers(Some(options.filters(&labelled(None)).build()))
        .await
        .map_err(ContainerError::of("list containers"))?;
    let named = listed.into_iter().filter_map(|container| {
        // Docker writes them as paths.
        let name = container.names?.first()?.trim_start_matches('/').to_owned();
        Leftover::read(Thing::Container, name, &container.labels?)
    });
    Ok(named.collect())
}

async fn networks(docker: &Docker) -> Result<Vec<Leftover>, ContainerError> {
    let options = ListNetworksOptionsBuilder::new().filters(&labelled(None));
    let listed = docker
        .list_networks(Some(options.build()))
        .await
        .map_err(ContainerError::of("list networks"))?;
    let named = listed
        .into_iter()
        .filter_map(|network| Leftover::read(Thing::Network, network.name?, &network.labels?));
    Ok(named.collect())
}

async fn volumes(docker: &Docker) -> Result<Vec<Leftover>, ContainerError> {
    let options = ListVolumesOptionsBuilder::new().filters(&labelled(None));
    let listed = docker
        .list_volumes(Some(options.build()))
        .await
        .map_err(ContainerError::of("list volumes"))?;
    let named = (listed.volumes.into_iter().flatten())
        .filter_map(|volume| Leftover::read(Thing::Volume, volume.name, &volume.labels));
    Ok(named.collect())
}

impl Leftover {
    /// `None` where name and label are not of one run: then somebody else has made it.
    fn read(thing: Thing, name: String, labels: &Labels) -> Option<Self> {
        let run = RunId::parse(labels.get(RUN)?)?;
        (RunId::of_directory(&name).as_ref() == Some(&run)).then_some(Self { thing, name, run })
    }
}

#[cfg(test)]
mod tests {
    use super::{Labels, Leftover, RUN, Thing};

    #[test]
    fn name_and_label_must_be_of_one_run() {
        let labels = |run: &str| Labels::from([(RUN.to_owned(), run.to_owned())]);
        let ours = "pgrehearse-20260101000000_0123abcd-0a1b2c3d";
        let read = |name: &str, labels| {
            Leftover::read(Thing::Network, name.to_owned(), &labels).map(|left| left.name)
        };
        let run = "20260101000000_0123abcd";
        assert_eq!(read(ours, labels(run)).as_deref(), Some(ours));
        assert_eq!(read(ours, labels("20260101000000_99999999")), None);
        assert_eq!(read(ours, Labels::new()), None);
        assert_eq!(read("shop_default", labels(run)), None);
    }
}
