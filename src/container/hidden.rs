//! Directories of the workspace that a command sees otherwise: without the files that are held back.
//!
//! The image gets the workspace itself, and over each such directory a volume with a copy that lacks
//! them. A file can't be hidden by mounting something over it: a tool would find an empty migration,
//! run it and record it.

use std::path::{Path, PathBuf};

use bollard::Docker;
use bollard::models::{
    ContainerCreateBody, HostConfig, Mount, MountType, MountVolumeOptions, VolumeCreateRequest,
};
use bollard::query_parameters::{CreateContainerOptionsBuilder, UploadToContainerOptionsBuilder};

use super::error::ContainerError;
use super::leftover;
use super::site::Site;

/// Where the volume is while it is filled.
const FILLING: &str = "/pgrehearse";

/// A directory, and what a command is to see in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    pub directory: PathBuf,
    /// A copy on this machine.
    pub by: PathBuf,
}

impl Replaced {
    /// Makes a volume with the copy in it, to be mounted over the directory.
    pub(super) async fn mount(
        &self,
        docker: &Docker,
        site: &Site,
    ) -> Result<Mount, ContainerError> {
        let target = site.workspace.place_of(&self.directory)?;
        let name = site.new_name();
        docker
            .create_volume(VolumeCreateRequest {
                name: Some(name.clone()),
                labels: Some(site.labels.clone()),
                ..VolumeCreateRequest::default()
            })
            .await
            .map_err(ContainerError::of("make a volume"))?;
        self.fill(docker, site, &name).await?;
        Ok(volume(&name, &target.to_string_lossy(), Some(true)))
    }

    /// Docker takes files for a container only, so there is one that is never started.
    async fn fill(
        &self,
        docker: &Docker,
        site: &Site,
        volume_name: &str,
    ) -> Result<(), ContainerError> {
        let carrier = site.new_name();
        let options = CreateContainerOptionsBuilder::new().name(&carrier).build();
        let body = ContainerCreateBody {
            image: Some(site.image.id.clone()),
            entrypoint: Some(vec!["/bin/sh".to_owned()]),
            labels: Some(site.labels.clone()),
            host_config: Some(HostConfig {
                mounts: Some(vec![volume(volume_name, FILLING, None)]),
                network_mode: Some("none".to_owned()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        docker
            .create_container(Some(options), body)
            .await
            .map_err(ContainerError::of("make a container that fills a volume"))?;
        let packed = pack(&self.by).map_err(|source| ContainerError::File {
            path: self.by.clone(),
            source,
        })?;
        let options = UploadToContainerOptionsBuilder::new().path(FILLING).build();
        docker
            .upload_to_container(&carrier, Some(options), bollard::body_full(packed.into()))
            .await
            .map_err(ContainerError::of("fill a volume"))?;
        leftover::end(docker, &carrier).await
    }
}

fn volume(name: &str, target: &str, read_only: Option<bool>) -> Mount {
    Mount {
        typ: Some(MountType::VOLUME),
        source: Some(name.to_owned()),
        target: Some(target.to_owned()),
        read_only,
        volume_options: Some(MountVolumeOptions {
            no_copy: Some(true),
            ..MountVolumeOptions::default()
        }),
        ..Mount::default()
    }
}

/// A directory's files, readable by everybody and written by nobody.
fn pack(directory: &Path) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    archive.mode(tar::HeaderMode::Deterministic);
    archive.append_dir_all(".", directory)?;
    archive.into_inner()
}
