//! The one directory of the user's that an image sees: the workspace, at the path that it has here,
//! read only.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use bollard::models::{Mount, MountType, MountVolumeOptions};

use super::error::ContainerError;
use super::place::{From, Mounted, Place};

/// From this version of Docker's interface on, a part of a volume can be mounted (Docker 26).
const SUBPATHS: (usize, usize) = (1, 45);

/// The workspace, and how Docker gets to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Workspace {
    path: PathBuf,
    source: Source,
    user: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Host(PathBuf),
    Volume { name: String, part: PathBuf },
}

impl Workspace {
    /// Looks how the directory at `path` is to be mounted. `socket` must not be in it.
    pub fn find(
        path: &Path,
        place: &Place,
        socket: &Path,
        api: (usize, usize),
    ) -> Result<Self, ContainerError> {
        let file = |source| ContainerError::File {
            path: path.to_owned(),
            source,
        };
        let path = path.canonicalize().map_err(file)?;
        let owner = std::fs::metadata(&path).map_err(file)?;
        let is_inside = |socket: &Path| socket.starts_with(&path);
        if is_inside(socket) || socket.canonicalize().is_ok_and(|real| is_inside(&real)) {
            return Err(ContainerError::SocketInside { workspace: path });
        }
        let source = match &place.mounts {
            None => Source::Host(path.clone()),
            Some(mounts) => source(&path, mounts)?,
        };
        match &source {
            Source::Volume { name, part } if part.as_os_str() != "" && api < SUBPATHS => {
                return Err(ContainerError::PartOfVolume {
                    volume: name.clone(),
                });
            }
            _ => {}
        }
        Ok(Self {
            path,
            source,
            user: format!("{}:{}", owner.uid(), owner.gid()),
        })
    }

    /// Whom its files belong to, which is who may read all of them.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Where `directory` is in the image: where it is here.
    pub fn place_of(&self, directory: &Path) -> Result<PathBuf, ContainerError> {
        let real = directory
            .canonicalize()
            .map_err(|source| ContainerError::File {
                path: directory.to_owned(),
                source,
            })?;
        if real.starts_with(&self.path) {
            Ok(real)
        } else {
            Err(ContainerError::Outside {
                directory: directory.to_owned(),
                workspace: self.path.clone(),
            })
        }
    }

    /// git's own directory, in which a checkout may have left a token.
    pub fn git_directory(&self) -> Option<PathBuf> {
        let directory = self.path.join(".git");
        directory.is_dir().then_some(directory)
    }

    pub fn mount(&self) -> Mount {
        let mount = Mount {
            target: Some(self.path.to_string_lossy().into_owned()),
            read_only: Some(true),
            ..Mount::default()
        };
        match &self.source {
            Source::Host(path) => Mount {
                typ: Some(MountType::BIND),
                source: Some(path.to_string_lossy().into_owned()),
                ..mount
            },
            Source::Volume { name, part } => Mount {
                typ: Some(MountType::VOLUME),
                source: Some(name.clone()),
                volume_options: Some(MountVolumeOptions {
                    no_copy: Some(true),
                    subpath: (part.as_os_str() != "").then(|| part.to_string_lossy().into_owned()),
                    ..MountVolumeOptions::default()
                }),
                ..mount
            },
        }
    }
}

/// Where the innermost mount above `path` comes from.
fn source(path: &Path, mounts: &[Mounted]) -> Result<Source, ContainerError> {
    mounts
        .iter()
        .filter_map(|mount| {
            let at = mount.at.canonicalize().unwrap_or_else(|_| mount.at.clone());
            let part = path.strip_prefix(&at).ok()?;
            Some((at.as_os_str().len(), mount, part))
        })
        .max_by_key(|(depth, ..)| *depth)
        .map(|(_, mount, part)| match &mount.from {
            // `join` with nothing would end the path with a slash.
            From::Host(from) if part.as_os_str() == "" => Source::Host(from.clone()),
            From::Host(from) => Source::Host(from.join(part)),
            From::Volume(name) => Source::Volume {
                name: name.clone(),
                part: part.to_owned(),
            },
        })
        .ok_or_else(|| ContainerError::NotMounted {
            workspace: path.to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{From, Mounted, Source, source};

    fn mounted(at: &str, from: From) -> Mounted {
        Mounted {
            at: PathBuf::from(at),
            from,
        }
    }

    #[test]
    fn the_innermost_mount_counts() {
        let host = |path: &str| From::Host(PathBuf::from(path));
        let mounts = [
            mounted("/nowhere", host("/home/runner/work")),
            mounted("/nowhere/repo/data", From::Volume("data".to_owned())),
            mounted("/no", host("/other")),
            mounted("/var/run/docker.sock", host("/var/run/docker.sock")),
        ];
        let of = |path: &str| source(Path::new(path), &mounts).ok();
        let host = |path: &str| Some(Source::Host(PathBuf::from(path)));
        assert_eq!(of("/nowhere"), host("/home/runner/work"));
        assert_eq!(of("/nowhere/repo"), host("/home/runner/work/repo"));
        assert_eq!(
            of("/nowhere/repo/data/x"),
            Some(Source::Volume {
                name: "data".to_owned(),
                part: PathBuf::from("x")
            })
        );
        assert_eq!(of("/elsewhere"), None);
    }
}
