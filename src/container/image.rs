//! Which image it is: here already, or pulled; and the name that no other image has.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::models::{CreateImageInfo, ImageInspect};
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt as _;

use super::client::connect;
use super::error::{ContainerError, is_not_found, said};
use super::name::ImageName;
use crate::text::human_bytes;

/// How long an image may be pulled.
const LIMIT: Duration = Duration::from_secs(600);

/// Between two words on how far it is.
const BETWEEN: Duration = Duration::from_secs(5);

/// An image that is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub name: ImageName,
    /// What it is run by: the tag may be moved meanwhile.
    pub(super) id: String,
    /// `node@sha256:…` where a registry knows it, else the id that this machine gave it.
    pub identity: String,
}

impl Image {
    /// `None`: it is not here.
    pub(super) async fn find(
        docker: &Docker,
        name: &ImageName,
    ) -> Result<Option<Self>, ContainerError> {
        match docker.inspect_image(&name.to_string()).await {
            Ok(inspected) => Ok(Self::read(name, inspected)),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(ContainerError::of("look at the image")(error)),
        }
    }

    fn read(name: &ImageName, inspected: ImageInspect) -> Option<Self> {
        let id = inspected.id?;
        let digests = inspected.repo_digests.unwrap_or_default();
        let own = digests.into_iter().find(|digest| {
            let repository = digest.split('@').next().unwrap_or_default();
            // Docker leaves its own registry's name out.
            name.repository() == repository
                || name.repository().ends_with(&format!("/{repository}"))
        });
        Some(Self {
            name: name.clone(),
            identity: own.unwrap_or_else(|| id.clone()),
            id,
        })
    }

    /// Pulls it, and tells how far it is.
    pub(super) async fn pull(
        docker: &Docker,
        name: &ImageName,
        tell: impl Fn(&str),
    ) -> Result<Self, ContainerError> {
        tokio::time::timeout(LIMIT, pull(docker, name, tell))
            .await
            .unwrap_or_else(|_| {
                Err(ContainerError::PullTimedOut {
                    image: name.to_string(),
                    limit: LIMIT,
                })
            })?;
        let found = Self::find(docker, name).await?;
        found.ok_or_else(|| ContainerError::NotPulled {
            image: name.to_string(),
            said: "it is not here after it was pulled".to_owned(),
        })
    }
}

/// The identity of the image that has this name now: here, or else in its registry.
pub async fn identify(socket: &Path, name: &ImageName) -> Result<String, ContainerError> {
    let docker = connect(socket).await?;
    if let Some(image) = Image::find(&docker, name).await? {
        return Ok(image.identity);
    }
    let inspected = docker
        .inspect_registry_image(&name.to_string(), None)
        .await
        .map_err(ContainerError::of("ask the image's registry"))?;
    inspected
        .descriptor
        .digest
        .map(|digest| format!("{}@{digest}", name.repository()))
        .ok_or_else(|| ContainerError::Refused {
            doing: "ask the image's registry",
            said: "no digest".to_owned(),
        })
}

async fn pull(
    docker: &Docker,
    name: &ImageName,
    tell: impl Fn(&str),
) -> Result<(), ContainerError> {
    tell(&format!("pulling `{name}`"));
    let options = CreateImageOptionsBuilder::new()
        .from_image(name.repository())
        .tag(name.version())
        .build();
    let mut answers = std::pin::pin!(docker.create_image(Some(options), None, None));
    let mut layers = Layers::default();
    let mut told = Instant::now();
    while let Some(answer) = answers.next().await {
        let answer = answer.map_err(|error| ContainerError::NotPulled {
            image: name.to_string(),
            said: said(&error),
        })?;
        layers.see(answer);
        if told.elapsed() >= BETWEEN {
            told = Instant::now();
            let (done, all) = layers.sum();
            tell(&format!(
                "pulling `{name}`: {} of {}",
                human_bytes(done),
                human_bytes(all)
            ));
        }
    }
    Ok(())
}

/// How far each layer is, in bytes: done, and all.
#[derive(Default)]
struct Layers(HashMap<String, (u64, u64)>);

impl Layers {
    fn see(&mut self, answer: CreateImageInfo) {
        let (Some(layer), Some(detail)) = (answer.id, answer.progress_detail) else {
            return;
        };
        // What is unpacked after it was fetched counts from nothing again.
        if answer.status.as_deref() != Some("Downloading") {
            return;
        }
        let bytes = |number: Option<i64>| number.and_then(|bytes| u64::try_from(bytes).ok());
        if let (Some(done), Some(all)) = (bytes(detail.current), bytes(detail.total)) {
            self.0.insert(layer, (done, all));
        }
    }

    fn sum(&self) -> (u64, u64) {
        let add = |(done, all): (u64, u64), layer: &(u64, u64)| (done + layer.0, all + layer.1);
        self.0.values().fold((0, 0), add)
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::ImageInspect;

    use super::{Image, ImageName};

    #[test]
    fn the_registry_s_digest_is_the_identity_where_there_is_one() {
        let of = |name: &str, digests: &[&str]| {
            let inspected = ImageInspect {
                id: Some("sha256:1".to_owned()),
                repo_digests: Some(digests.iter().map(|&digest| digest.to_owned()).collect()),
                ..ImageInspect::default()
            };
            let name = ImageName::parse(name).expect("a name");
            Image::read(&name, inspected).expect("an image").identity
        };
        assert_eq!(of("node:22", &[]), "sha256:1");
        assert_eq!(of("node:22", &["other@sha256:2"]), "sha256:1");
        let both = ["other@sha256:2", "node@sha256:3"];
        assert_eq!(of("node:22", &both), "node@sha256:3");
        assert_eq!(of("docker.io/library/node", &both), "node@sha256:3");
    }
}
