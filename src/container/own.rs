//! Which container this process is in.
//!
//! Docker mounts `/etc/hosts` and its kin from a directory that is named by a container. With another
//! container's network these files are that one's, and so is the host's name; so what is named is
//! held against what Docker says of each container: its file system's layer, or its mounts.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use bollard::Docker;
use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::ListContainersOptions;

use super::client::{block_on, connect};
use super::error::{ContainerError, is_not_found};

/// How long may be asked, where nothing depends on it but what is cleared up later.
const LIMIT: Duration = Duration::from_secs(5);

/// The id of the container that this process is in, if the daemon at `socket` has it.
pub fn own_container(socket: &Path) -> Option<String> {
    let seen = Seen::now()?;
    let asking = async {
        let docker = connect(socket).await?;
        Ok(find(&docker, seen).await?.and_then(|found| found.id))
    };
    block_on(LIMIT, asking).ok()?
}

/// The container that this process is in, if this daemon has it.
pub(super) async fn inspect(
    docker: &Docker,
) -> Result<Option<ContainerInspectResponse>, ContainerError> {
    match Seen::now() {
        Some(seen) => find(docker, seen).await,
        None => Ok(None),
    }
}

async fn find(
    docker: &Docker,
    seen: Seen,
) -> Result<Option<ContainerInspectResponse>, ContainerError> {
    let mut named = Vec::new();
    for id in &seen.named {
        match docker.inspect_container(id, None).await {
            Ok(inspected) => named.push(inspected),
            Err(error) if is_not_found(&error) => {}
            Err(error) => return Err(ContainerError::of("look at a container")(error)),
        }
    }
    let sharing: Vec<String> = named
        .iter()
        .flat_map(|container| [&container.id, &container.name])
        .flatten()
        .map(|container| format!("container:{}", container.trim_start_matches('/')))
        .collect();
    if named.is_empty() {
        return Ok(None);
    }
    let running = docker
        .list_containers(None::<ListContainersOptions>)
        .await
        .map_err(ContainerError::of("list containers"))?;
    for container in running {
        let mode = container.host_config.and_then(|config| config.network_mode);
        let shares = mode.is_some_and(|mode| sharing.contains(&mode));
        if let (true, Some(id)) = (shares, container.id)
            // One that has just ended is not this one.
            && let Ok(inspected) = docker.inspect_container(&id, None).await
        {
            named.push(inspected);
        }
    }
    Ok(named
        .into_iter()
        .filter_map(|container| Some((seen.fits(&container)?, container)))
        .max_by_key(|(fit, _)| *fit)
        .map(|(_, container)| container))
}

/// What this process sees of its container.
struct Seen {
    /// Ids, of containers or of something else.
    named: BTreeSet<String>,
    /// The layer that files are written to, by the host's path.
    layer: Option<String>,
    /// Where something is mounted.
    points: BTreeSet<String>,
}

impl Seen {
    /// `None`: nothing speaks for a container.
    fn now() -> Option<Self> {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
        let seen = Self::read(&mounts);
        (!seen.named.is_empty()).then_some(seen)
    }

    fn read(mounts: &str) -> Self {
        let mut seen = Self {
            named: BTreeSet::new(),
            layer: None,
            points: BTreeSet::new(),
        };
        for line in mounts.lines() {
            let mut fields = line.split(' ').skip(3);
            let (Some(root), Some(point)) = (fields.next(), fields.next()) else {
                continue;
            };
            let ids = root.split('/').filter(|part| is_container(part));
            seen.named.extend(ids.map(str::to_owned));
            seen.points.insert(point.to_owned());
            if point == "/" {
                seen.layer = line
                    .split([' ', ','])
                    .find_map(|option| option.strip_prefix("upperdir="))
                    .map(str::to_owned);
            }
        }
        seen
    }

    /// How well a container fits, if it may be this one.
    fn fits(&self, container: &ContainerInspectResponse) -> Option<usize> {
        let driver = container.graph_driver.as_ref();
        let layer = driver.and_then(|driver| driver.data.get("UpperDir"));
        if let (Some(own), Some(layer)) = (&self.layer, layer) {
            return (own == layer).then_some(usize::MAX);
        }
        let mut points = container
            .mounts
            .iter()
            .flatten()
            .filter_map(|mount| mount.destination.as_ref());
        // A link of the image may lead to where it is mounted.
        let is_mounted = |point: &String| {
            let real = Path::new(point).canonicalize().ok();
            let real = real.and_then(|path| path.to_str().map(str::to_owned));
            self.points.contains(point) || real.is_some_and(|real| self.points.contains(&real))
        };
        let count = container.mounts.as_ref().map_or(0, Vec::len);
        points.all(is_mounted).then_some(count)
    }
}

/// Whether a text is a whole id, which is a part of a URL.
pub fn is_container(id: &str) -> bool {
    id.len() == 64
        && id
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use bollard::models::{ContainerInspectResponse, DriverData, MountPoint};

    use super::Seen;

    fn mounts(id: &str) -> String {
        format!(
            "1 2 0:50 / / rw - overlay overlay rw,lowerdir=/l/{},upperdir=/o/own/diff,workdir=/o/own/work\n\
             3 1 8:1 /var/lib/docker/containers/{id}/resolv.conf /etc/resolv.conf rw - ext4 x rw\n\
             4 1 8:1 /home/runner/work /github/workspace rw - ext4 x rw\n",
            "0".repeat(64)
        )
    }

    #[test]
    fn a_container_is_named_by_its_mounts() {
        let id = "0123456789abcdef".repeat(4);
        let seen = Seen::read(&mounts(&id));
        assert_eq!(Vec::from_iter(seen.named), [id]);
        assert_eq!(seen.layer.as_deref(), Some("/o/own/diff"));
        assert!(
            Seen::read("1 2 8:1 /containers/short/hosts /etc/hosts rw")
                .named
                .is_empty()
        );
        assert!(Seen::read("").named.is_empty());
    }

    #[test]
    fn whose_files_these_are_is_told_by_the_layer_or_else_by_the_mounts() {
        let seen = Seen::read(&mounts(&"0".repeat(64)));
        let with = |layer: Option<&str>, points: &[&str]| ContainerInspectResponse {
            graph_driver: layer.map(|layer| DriverData {
                name: "overlay2".to_owned(),
                data: [("UpperDir".to_owned(), layer.to_owned())].into(),
            }),
            mounts: Some(
                points
                    .iter()
                    .map(|&point| MountPoint {
                        destination: Some(point.to_owned()),
                        ..MountPoint::default()
                    })
                    .collect(),
            ),
            ..ContainerInspectResponse::default()
        };
        assert!(seen.fits(&with(Some("/o/own/diff"), &[])).is_some());
        assert_eq!(seen.fits(&with(Some("/o/other/diff"), &[])), None);
        assert_eq!(seen.fits(&with(None, &["/github/workspace"])), Some(1));
        assert_eq!(seen.fits(&with(None, &[])), Some(0));
        assert_eq!(seen.fits(&with(None, &["/elsewhere"])), None);
    }
}
