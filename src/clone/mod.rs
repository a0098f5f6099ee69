//! The clone stage: production's data, from the policy's one source.
//!
//! Sources are many of the same, so they share a trait, one file each. What a source hands on is a
//! [`Payload`]: a dump to be restored, a live database to be streamed, or SQL to be run; or else a clone
//! that is used where its provider made it.

mod beside;
mod command;
mod database;
mod dump;
mod facts;
mod format;
mod hosted;
mod keep;
mod live;
mod quiet;
pub mod room;
mod sql;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use crate::cloud::{Blocks, CloneName, CloudError};
use crate::context::Context;
use crate::policy;
use crate::postgres::binaries::FindError;
use crate::postgres::session::{ConnectError, QueryError};
use crate::postgres::tools::{ToolError, Tools};
use crate::postgres::{Endpoint, Major, archive};
use crate::process::child::StartError;
use crate::restore::Disarmed;
use crate::text::{human_bytes, human_seconds};
use crate::verdict::{Explained, Provenance};

pub use beside::Beside;
pub use database::read_only_session;
pub use dump::newest_dump;
pub use facts::{Facts, Left};
pub use format::{Compression, DumpFile, Format};
pub use keep::keep;
pub use live::{CopyFormat, Live, LiveRole, LiveSequence, LiveTable};

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

const LOCK_NOT_AVAILABLE: &str = "55P03";

const LOCKED: &str = "a session holds a lock on production's tables; try again when it is over, or raise `source.database.lock_timeout`";

/// The clone's name where production's is not known.
const NAMELESS: &str = "clone";

/// Where production's data comes from.
pub trait Source: Send + Sync {
    /// What it is, in a phrase without secrets: `dump prod-2026-11-20.dump`.
    fn describe(&self) -> String;

    /// Looks at the source without changing anything, in seconds: everything about it that can fail
    /// before any work is done, fails here.
    fn inspect<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<Inspected, CloneError>>;

    /// Gets the data, or a hold on it.
    fn fetch<'a>(
        &'a self,
        context: &'a Context,
        inspected: &'a Inspected,
        tools: &'a Tools,
    ) -> BoxFuture<'a, Result<Fetched, CloneError>>;
}

/// What is known of a source before its data is there.
#[derive(Clone, Debug, Default)]
pub struct Inspected {
    /// `None` where the source does not say.
    pub major: Option<Major>,
    pub version: Option<String>,
    /// Bytes, as the source stores them.
    pub size: Option<u64>,
    /// The moment the data is of.
    pub data_as_of: Option<jiff::Timestamp>,
    pub database: Option<String>,
    /// What a reader must know before trusting the clone.
    pub caveats: Vec<String>,
    /// What is switched off in it already.
    pub disarmed: Vec<Disarmed>,
}

/// The clone stage's result.
pub struct Cloned {
    pub fetched: Fetched,
    pub provenance: Provenance,
    /// What is switched off in it already.
    pub disarmed: Vec<Disarmed>,
}

impl Cloned {
    /// The clone's name: production's own, since migrations may name it.
    pub fn database_name(&self) -> String {
        self.provenance
            .database
            .clone()
            .unwrap_or_else(|| NAMELESS.to_owned())
    }
}

/// What a source hands on.
pub enum Payload {
    /// An archive for `pg_restore`.
    Archive {
        path: PathBuf,
        format: Format,
        contents: archive::Contents,
        /// The programs that can read it, where those of the clone's server can't.
        tools: Option<Tools>,
    },
    /// A plain dump for `psql`.
    Script { file: DumpFile },
    /// A live database, with a snapshot that is held open.
    Live(Box<Live>),
    /// SQL files of the user's.
    Sql(Vec<PathBuf>),
}

/// What the stage hands on.
pub enum Fetched {
    /// Production's data, to be loaded.
    Data {
        payload: Box<Payload>,
        /// What the provider's clone that it is read from could do meanwhile.
        caveat: Option<String>,
    },
    /// A provider's clone, which was shown to be one.
    InPlace(Box<InPlace>),
}

impl From<Payload> for Fetched {
    fn from(payload: Payload) -> Self {
        Self::Data {
            payload: Box::new(payload),
            caveat: None,
        }
    }
}

/// A clone where its provider made it.
pub struct InPlace {
    pub name: CloneName,
    pub endpoint: Endpoint,
    pub version: String,
    pub data_as_of: Option<jiff::Timestamp>,
    pub blocks: Blocks,
    /// What was taken from its server beside the database.
    pub disarmed: Option<Disarmed>,
    /// What its server could still do.
    pub caveat: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum CloneError {
    #[error("no dump fits `{pattern}`")]
    NoDump { pattern: String },
    #[error("could not read `{path}`")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("`{path}` is not a dump that can be restored: {why}")]
    NotADump { path: PathBuf, why: &'static str },
    #[error("`{path}` can't be read: it is of another version, or was changed")]
    Beside { path: PathBuf },
    #[error("`{path}` is not the dump that the file beside it is of")]
    OtherDump { path: PathBuf },
    #[error("the newest dump, `{path}`, is {} old, older than `source.dump.max_age` allows", human_seconds(*age))]
    TooOld { path: PathBuf, age: Duration },
    #[error("the source's command failed ({how})")]
    Command { how: String, said: String },
    #[error("the source's command wrote nothing")]
    Empty,
    #[error("the source holds {}, more than `restore.max_size` ({limit}) allows", human_bytes(*size))]
    TooLarge { size: u64, limit: policy::Size },
    #[error(
        "`{}` has {} free, and the clone needs about {}",
        at.display(),
        human_bytes(*free),
        human_bytes(*needed)
    )]
    NoSpace { at: PathBuf, free: u64, needed: u64 },
    #[error("the source is PostgreSQL {found}, which is not supported")]
    Unsupported { found: String },
    #[error("`{role}` may not read {tables}")]
    Unreadable { role: String, tables: String },
    #[error("row security hides rows of {tables} from `{role}`")]
    HiddenRows { role: String, tables: String },
    #[error("`{role}` may not read the large objects")]
    LargeObjects { role: String },
    #[error("the clone's scheduled jobs could not be switched off")]
    Jobs(#[source] QueryError),
    #[error("the clone's subscription `{name}` in `{database}` could not be ended")]
    Subscribed {
        name: String,
        database: String,
        source: QueryError,
    },
    #[error(transparent)]
    Cloud(#[from] CloudError),
    #[error(transparent)]
    Find(#[from] FindError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl Explained for CloneError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoDump { .. } => {
                Some("`source.dump` is relative to the policy's directory".to_owned())
            }
            Self::OtherDump { .. } => Some(
                "dump again with `pgrehearse clone`, or remove the `.provenance.json` beside it"
                    .to_owned(),
            ),
            Self::TooOld { .. } => Some(
                "see why the job that writes it has not; or raise `source.dump.max_age`".to_owned(),
            ),
            Self::Command { said, .. } if !said.is_empty() => Some(format!("it said: {said}")),
            Self::Unreadable { role, .. } => Some(format!("grant pg_read_all_data to {role}")),
            Self::TooLarge { .. } => Some(
                "raise `restore.max_size`, or leave rows out with `restore.exclude_data`"
                    .to_owned(),
            ),
            Self::NoSpace { .. } => Some(
                "give `target.throwaway.directory` a larger disk, or leave rows out with `restore.exclude_data`"
                    .to_owned(),
            ),
            Self::LargeObjects { role } => Some(format!(
                "connect as their owner, or let a superuser run `alter role {role} set lo_compat_privileges = on`"
            )),
            Self::Jobs(_) => Some(
                "have the clone made without pg_cron, by a `parameter_group` whose `shared_preload_libraries` does not name it"
                    .to_owned(),
            ),
            Self::Subscribed { .. } => Some(
                "let the clone's role own the subscription: a clone that goes on with it takes changes that production waits for"
                    .to_owned(),
            ),
            Self::HiddenRows { role, .. } => Some(format!("alter role {role} bypassrls")),
            Self::Query(error)
                if error
                    .server_error()
                    .is_some_and(|error| error.sqlstate == LOCK_NOT_AVAILABLE) =>
            {
                Some(LOCKED.to_owned())
            }
            Self::Tool(ToolError::Failed { said, .. }) if said.contains("lock timeout") => {
                Some(LOCKED.to_owned())
            }
            Self::Cloud(error) => error.hint(),
            Self::Find(error) => error.hint(),
            Self::Connect(error) => error.hint(),
            _ => None,
        }
    }
}

/// The source that the policy names.
pub fn source(policy: &policy::Policy) -> Box<dyn Source> {
    match &policy.source {
        policy::Source::Dump(dump) => Box::new(dump::DumpSource { dump: dump.clone() }),
        policy::Source::Database {
            endpoint,
            lock_timeout,
        } => Box::new(database::DatabaseSource {
            endpoint: endpoint.clone(),
            lock_timeout: *lock_timeout,
        }),
        policy::Source::Command(line) => Box::new(command::CommandSource { line: line.clone() }),
        policy::Source::Sql(files) => Box::new(sql::SqlSource {
            files: files.clone(),
        }),
        policy::Source::Hosted(hosted) => Box::new(hosted::HostedSource {
            hosted: hosted.clone(),
        }),
    }
}

/// Runs the clone stage.
pub async fn run(
    context: &Context,
    source: &dyn Source,
    inspected: &Inspected,
    tools: &Tools,
) -> Result<Cloned, CloneError> {
    let fetched = source.fetch(context, inspected, tools).await?;
    let mut provenance = Provenance {
        source: source.describe(),
        database: inspected.database.clone(),
        source_version: inspected.version.clone(),
        server_version: tools.binaries.version.clone(),
        data_as_of: inspected.data_as_of,
        source_bytes: inspected.size,
        caveats: Vec::new(),
    };
    // A command's dump is known only when it is there.
    provenance.caveats.extend(inspected.caveats.clone());
    match &fetched {
        Fetched::Data { payload, caveat } => {
            provenance.caveats.extend(caveat.clone());
            match payload.as_ref() {
                Payload::Archive { contents, .. } => {
                    provenance.database = contents.database.clone();
                    provenance.source_version = contents.server_version.clone();
                }
                Payload::Script { file } => {
                    let (version, surroundings) = file.plain_head().await?;
                    provenance.database = surroundings.database;
                    provenance.source_version = version;
                }
                Payload::Live(_) | Payload::Sql(_) => {}
            }
        }
        Fetched::InPlace(clone) => {
            provenance.caveats.extend(clone.caveat.clone());
            provenance.caveats.extend(other_minor(
                provenance.source_version.as_deref(),
                &clone.version,
            ));
            // Some providers tell no version, and some tell the major one alone.
            if minor_of(provenance.source_version.as_deref()).is_none() {
                provenance.source_version = Some(clone.version.clone());
            }
            provenance.server_version = clone.version.clone();
            provenance.data_as_of = clone.data_as_of.or(provenance.data_as_of);
            provenance.database = Some(clone.endpoint.database.clone());
        }
    }
    Ok(Cloned {
        fetched,
        provenance,
        disarmed: inspected.disarmed.clone(),
    })
}

/// `16.6` of `16.6 (Debian 16.6-1)`; `None` for a major version alone.
fn minor_of(version: Option<&str>) -> Option<&str> {
    let number = version?.split_whitespace().next()?;
    number.contains('.').then_some(number)
}

/// What to say of a provider's server that has another minor version than production's.
fn other_minor(production: Option<&str>, clone: &str) -> Option<String> {
    let (production, clone) = (minor_of(production)?, minor_of(Some(clone))?);
    (production != clone).then(|| {
        format!(
            "the provider made the clone with PostgreSQL {clone}, and production has {production}: plans and durations may differ"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::other_minor;

    #[test]
    fn another_minor_version_is_told() {
        let debian = "16.8 (Debian 16.8-1.pgdg12+1)";
        assert_eq!(other_minor(Some("16.8"), debian), None);
        assert_eq!(other_minor(Some("16"), debian), None);
        assert_eq!(other_minor(None, debian), None);
        let said = other_minor(Some("16.6"), debian).expect("told");
        assert!(said.contains("16.8, and production has 16.6"), "{said}");
    }
}
