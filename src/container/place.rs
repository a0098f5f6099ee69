//! Where this process is, as Docker sees it: on its host, in a container, or in one that has another
//! container's network.

use std::path::PathBuf;

use bollard::Docker;
use bollard::models::MountPoint;

use super::error::ContainerError;
use super::own;

/// How many containers may share one network, each the next one's. Docker itself allows one.
const CHAIN: usize = 4;

/// Where this process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The id of the container that this process is in.
    pub own: Option<String>,
    pub network: Seat,
    /// What Docker mounted into this container; `None`: files are the host's own.
    pub mounts: Option<Vec<Mounted>>,
}

/// Whose network this process has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seat {
    /// The host's.
    Host,
    /// A container's, which may be connected to further networks; `own` is ours.
    Container { id: String, own: String },
}

/// Something that Docker mounted into a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mounted {
    pub at: PathBuf,
    pub from: From,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// A path of Docker's host.
    Host(PathBuf),
    Volume(String),
}

impl Place {
    pub async fn find(docker: &Docker) -> Result<Self, ContainerError> {
        let host = Self {
            own: None,
            network: Seat::Host,
            mounts: None,
        };
        let Some(mut inspected) = own::inspect(docker).await? else {
            return Ok(host);
        };
        let Some(own) = inspected.id.clone() else {
            return Ok(host);
        };
        let inspect = async |id: &str| {
            docker
                .inspect_container(id, None)
                .await
                .map_err(ContainerError::of(
                    "look at the container whose network this is",
                ))
        };
        let mounts = inspected.mounts.take().unwrap_or_default();
        let mut id = own.clone();
        let mut network = Seat::Host;
        for _ in 0..CHAIN {
            let mode = inspected
                .host_config
                .and_then(|config| config.network_mode)
                .unwrap_or_default();
            match mode.strip_prefix("container:") {
                None if mode == "host" => break,
                None => {
                    network = Seat::Container {
                        id,
                        own: own.clone(),
                    };
                    break;
                }
                Some(parent) => {
                    inspected = inspect(parent).await?;
                    id = parent.to_owned();
                }
            }
        }
        Ok(Self {
            own: Some(own),
            network,
            mounts: Some(mounts.into_iter().filter_map(Mounted::read).collect()),
        })
    }
}

impl Mounted {
    fn read(mount: MountPoint) -> Option<Self> {
        Some(Self {
            at: PathBuf::from(mount.destination?),
            from: match mount.typ?.as_str() {
                "bind" => From::Host(PathBuf::from(mount.source?)),
                "volume" => From::Volume(mount.name?),
                _ => return None,
            },
        })
    }
}
