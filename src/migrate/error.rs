//! Why the migrate stage could not tell.

use std::path::PathBuf;

use crate::container::ContainerError;
use crate::git::GitError;
use crate::postgres::session::{ConnectError, QueryError};
use crate::process::child::StartError;
use crate::target::TargetError;
use crate::trace::TraceError;
use crate::verdict::Explained;

#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error("could not read or write `{}`", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("no migration file is called `{name}` (`migrations.pending.after`)")]
    NoSuchFile { name: String },
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("the migration changed the source: {how}")]
    ReachedSource { how: String },
    #[error(
        "the migration uses `{schema}`, which belongs to the extension `{extension}` that the clone does without"
    )]
    LeftOut {
        extension: String,
        schema: &'static str,
    },
    #[error(
        "the migration uses `{object}`, which the clone does without: it needs the extension `{extension}`, which exists only at the provider"
    )]
    Without {
        object: String,
        extension: &'static str,
    },
    #[error("the migration command could not start a program ({how}): {said}")]
    NoProgram { how: String, said: String },
    #[error("the clone's server broke while the migration ran: {because}")]
    ServerGone { because: String },
    #[error(
        "beside a long query (`migrations.contention`) the migration ended without asking for what it locked before: {how}"
    )]
    Drill { how: String },
    #[error(transparent)]
    Container(#[from] ContainerError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error(transparent)]
    Target(#[from] TargetError),
}

impl Explained for MigrateError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoSuchFile { .. } => {
                Some("give the file's name as it stands in its directory".to_owned())
            }
            Self::Git(_) => Some(
                "fetch the base branch too (`fetch-depth: 0`), or name it in `migrations.base`"
                    .to_owned(),
            ),
            Self::ReachedSource { .. } => Some(
                "the command does not take its database from the variable in `migrations.url_env`; stop it now and look at production"
                    .to_owned(),
            ),
            Self::LeftOut { .. } | Self::Without { .. } => Some(
                "rehearse on a server that has the extension: `target.server`, or a provider's clone with `target: in_place`"
                    .to_owned(),
            ),
            Self::NoProgram { .. } => Some(
                "install what `migrations.command` needs before the gate runs: its packages, its container's tools; or put it into `migrations.image`"
                    .to_owned(),
            ),
            Self::ServerGone { .. } => Some(
                "look for the kernel's out-of-memory killer, a full disk, or an extension that crashes"
                    .to_owned(),
            ),
            Self::Drill { .. } => Some(
                "a migration that can't be run twice, on two databases, can't be drilled: leave `migrations.contention` out"
                    .to_owned(),
            ),
            Self::Container(error) => error.hint(),
            Self::Connect(error) => error.hint(),
            Self::Target(error) => error.hint(),
            _ => None,
        }
    }
}
