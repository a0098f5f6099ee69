//! A dump to keep, of what a rehearsal would begin with: the first stages alone.

use std::path::Path;

use super::{Tools, like_production};
use crate::clone::{self, Beside, CloneError, Cloned, Fetched, Format};
use crate::context::Context;
use crate::migrate::relative;
use crate::policy::{LockTimeout, Source};
use crate::postgres::{Binaries, Endpoint};
use crate::preflight::{self, Ends, PreflightError};
use crate::restore::{self, RestoreError, Restored};
use crate::target::{ForeignServer, Target, TargetError};
use crate::verdict::Explained;

/// How long a dump of a server of ours waits for a lock. Nobody else is in it.
const LOCK_TIMEOUT: LockTimeout = LockTimeout(std::time::Duration::from_secs(60));

#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    #[error(transparent)]
    Preflight(#[from] PreflightError),
    #[error(transparent)]
    Clone(#[from] CloneError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error("the clone is not all of production, so it is not dumped: {what}")]
    Incomplete { what: String },
}

impl Explained for KeepError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Preflight(error) => error.hint(),
            Self::Clone(error) => error.hint(),
            Self::Restore(error) => error.hint(),
            Self::Target(error) => error.hint(),
            Self::Incomplete { .. } => None,
        }
    }
}

/// Writes a dump of the policy's source to `to`, masked as the policy says.
///
/// A live source that is not masked is dumped as it is. All else is restored first, so that what is
/// kept was shown to be complete.
pub async fn keep(context: &Context, to: &Path, format: Format) -> Result<Beside, KeepError> {
    let policy = &context.policy;
    let ends = preflight::ends(context).await?;
    let tools = |binaries: &Binaries| Tools::new(binaries.clone(), &context.run);
    let known = |at| Beside::new(ends.source.describe(), at);
    let is_masked = !policy.restore.mask.is_empty();
    if let (
        Source::Database {
            endpoint,
            lock_timeout,
        },
        false,
    ) = (&policy.source, is_masked)
    {
        let (tools, known) = (tools(&ends.reader), known(context.started));
        return Ok(clone::keep(context, &tools, endpoint, *lock_timeout, to, format, known).await?);
    }
    let (source, inspected) = (ends.source.as_ref(), &ends.inspected);
    let cloned = clone::run(context, source, inspected, &tools(&ends.reader)).await?;
    let at = cloned.provenance.data_as_of.unwrap_or(context.started);
    let mut known = known(at);
    let binaries = like_production(context, &ends.reader, &cloned)?;
    if let (Fetched::InPlace(clone), false) = (&cloned.fetched, is_masked) {
        let (endpoint, tools) = (clone.endpoint.clone(), tools(&binaries));
        return Ok(clone::keep(context, &tools, &endpoint, LOCK_TIMEOUT, to, format, known).await?);
    }
    let restored = restored(context, &ends, &binaries, cloned).await?;
    known.masked_by = (policy.restore.mask.iter())
        .map(|file| relative(file, &policy.root))
        .collect();
    known.disarmed = restored.disarmed().to_vec();
    let endpoint: Endpoint = restored.database().admin.clone();
    let tools = &restored.target().tools;
    Ok(clone::keep(context, tools, &endpoint, LOCK_TIMEOUT, to, format, known).await?)
}

async fn restored(
    context: &Context,
    ends: &Ends,
    binaries: &Binaries,
    cloned: Cloned,
) -> Result<Restored, KeepError> {
    let tools = Tools::new(binaries.clone(), &context.run);
    let target = match (&cloned.fetched, &ends.foreign) {
        (Fetched::InPlace(clone), _) => Target::foreign(
            context,
            ForeignServer::Providers,
            clone.endpoint.clone(),
            tools,
        ),
        (_, Some(endpoint)) => {
            Target::foreign(context, ForeignServer::Policys, endpoint.clone(), tools)
        }
        (_, None) => Target::start(context, binaries, "clone", None).await?,
    };
    let restoration = restore::run(context, target, cloned).await?;
    let facts = restoration.facts;
    restoration.restored.ok_or_else(|| KeepError::Incomplete {
        what: match facts.errors.first() {
            Some(error) => error.describe().to_owned(),
            None => "tables or rows are missing".to_owned(),
        },
    })
}
