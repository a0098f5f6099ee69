//! Why Docker could not do what was asked.

use std::path::PathBuf;
use std::time::Duration;

use bollard::errors::Error;

use crate::text::{human_bytes, human_seconds, one_line, without_url_passwords};

/// How much of what Docker says is told.
const SAID_LIMIT: usize = 300;

#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    #[error("`DOCKER_HOST` is not a Unix socket")]
    NoSocket,
    #[error("Docker does not answer at `{}`: {said}", socket.display())]
    NoDocker { socket: PathBuf, said: String },
    #[error("could not {doing}: Docker answered `{said}`")]
    Refused { doing: &'static str, said: String },
    #[error("the image `{image}` is not here and could not be pulled: {said}")]
    NotPulled { image: String, said: String },
    #[error("the image `{image}` was not pulled within {}", human_seconds(*limit))]
    PullTimedOut { image: String, limit: Duration },
    #[error("the image `{image}` has no `/bin/sh`, which runs the command")]
    NoShell { image: String },
    #[error("`{}` is not in `{}`, which is all that the image sees", directory.display(), workspace.display())]
    Outside {
        directory: PathBuf,
        workspace: PathBuf,
    },
    #[error("the workspace `{}` is not mounted into this container, so Docker can't mount it into another", workspace.display())]
    NotMounted { workspace: PathBuf },
    #[error(
        "the workspace is a part of the volume `{volume}`, and this Docker can mount only all of it"
    )]
    PartOfVolume { volume: String },
    #[error("Docker's socket is in the workspace `{}`, and the image would get both", workspace.display())]
    SocketInside { workspace: PathBuf },
    #[error(
        "the network that was made for the image is not on this machine: its address `{address}` can't be listened on"
    )]
    OtherMachine { address: String },
    #[error("the command took more memory than its container may have ({})", human_bytes(*limit))]
    OutOfMemory { limit: u64 },
    #[error("could not read `{}`", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("could not clear up with Docker within {}", human_seconds(*limit))]
    Slow { limit: Duration },
}

impl ContainerError {
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoSocket => "unset it, or give `unix://` and a path".to_owned(),
            Self::NoDocker { .. } => {
                "`migrations.image` needs Docker: start it, and let this user use its socket; in a container, mount `/var/run/docker.sock`"
                    .to_owned()
            }
            Self::NotPulled { image, .. } | Self::PullTimedOut { image, .. } => format!(
                "pull it in a step before (`docker pull {image}`), after a `docker login` if it is private"
            ),
            Self::NoShell { .. } => {
                "build an image from it that has a shell, or take the tool's image with one"
                    .to_owned()
            }
            Self::Outside { .. } => {
                "put `migrations.working_directory` inside the repository".to_owned()
            }
            Self::NotMounted { .. } => {
                "mount it from Docker's host at the same path, as a runner does".to_owned()
            }
            Self::PartOfVolume { .. } => {
                "make the volume the workspace itself, or use Docker 26 or later".to_owned()
            }
            Self::OtherMachine { .. } => {
                "Docker runs in a virtual machine here: run the gate's own image instead of its binary"
                    .to_owned()
            }
            Self::OutOfMemory { .. } => {
                "let the tool take less, such as by `NODE_OPTIONS` or `JAVA_TOOL_OPTIONS` in `migrations.env`"
                    .to_owned()
            }
            _ => return None,
        })
    }

    /// What Docker answered while `doing`.
    pub(super) fn of(doing: &'static str) -> impl FnOnce(Error) -> Self {
        move |error| Self::Refused {
            doing,
            said: said(&error),
        }
    }
}

/// What an error says, in a line and without passwords.
pub(super) fn said(error: &Error) -> String {
    let text = match error {
        Error::DockerResponseServerError { message, .. } => message.clone(),
        Error::DockerStreamError { error } => error.clone(),
        other => {
            let mut text = other.to_string();
            let mut source = std::error::Error::source(other);
            while let Some(cause) = source {
                text = format!("{text}: {cause}");
                source = cause.source();
            }
            text
        }
    };
    one_line(&without_url_passwords(text.trim()), SAID_LIMIT)
}

/// Whether what was asked for is not there.
pub(super) fn is_not_found(error: &Error) -> bool {
    matches!(
        error,
        Error::DockerResponseServerError {
            status_code: 404,
            ..
        }
    )
}
