//! Why the restore stage could not tell.

use std::path::PathBuf;

use super::script;
use crate::clone::CloneError;
use crate::postgres::parallel::ParallelError;
use crate::postgres::session::{ConnectError, QueryError};
use crate::postgres::tools::{ScriptError, ToolError};
use crate::process::child::StartError;
use crate::target::TargetError;
use crate::text::human_count;
use crate::verdict::Explained;

#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("could not read `{}`", path.display())]
    ReadDump {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("`{}` could not be read to its end", path.display())]
    Unreadable { path: PathBuf },
    #[error("the dump ends inside the rows of `{table}`")]
    CutOff { table: String },
    #[error(
        "the dump breaks off: its last line, `{}`, is missing",
        script::LAST_LINE
    )]
    NoEnd,
    #[error("`pg_restore` failed ({how})")]
    Failed { how: String },
    #[error("the restore broke off: {said}")]
    Broken { said: String },
    #[error("`{table}`: {} rows were read and {} written", human_count(*read), human_count(*written))]
    Lost {
        table: String,
        read: u64,
        written: u64,
    },
    #[error("production uses extensions that are not installed on this machine: {}", names.join(", "))]
    ExtensionsMissing { names: Vec<String> },
    #[error("{} need the extension `{extension}`, which exists only at the provider", tables.join(", "))]
    ProvidersAlone {
        tables: Vec<String>,
        extension: &'static str,
    },
    #[error("the clone has no role `{name}`")]
    NoRole { name: String },
    #[error("a worker of the restore was interrupted")]
    Interrupted,
    #[error("could not mask the clone")]
    Mask(#[source] ScriptError),
    #[error("could not build production from its SQL")]
    Sql(#[source] ScriptError),
    #[error(transparent)]
    Source(CloneError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error(transparent)]
    Parallel(#[from] ParallelError),
}

impl Explained for RestoreError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::ExtensionsMissing { .. } => Some(
                "install their packages beside the server, such as `postgresql-17-postgis-3`; or use a provider's clone where it is, with `target: in_place`"
                    .to_owned(),
            ),
            Self::ProvidersAlone { .. } => Some(
                "use the provider's clone where it is, with `target: in_place`: no other server can hold these tables"
                    .to_owned(),
            ),
            Self::NoRole { .. } => {
                Some("`migrations.role` and `smoke.app.role` name roles of production".to_owned())
            }
            Self::Broken { said } if said.contains("No space left on device") => Some(
                "give `target.throwaway.directory` a larger disk, or leave rows out with `restore.exclude_data`"
                    .to_owned(),
            ),
            Self::Source(error) => error.hint(),
            Self::Target(error) => error.hint(),
            Self::Connect(error) => error.hint(),
            _ => None,
        }
    }
}
