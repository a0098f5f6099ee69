//! Clones that a provider makes for us: the only folder that knows AWS, Neon and DBLab.
//!
//! A [`Provider`] makes one clone of the policy's source; the [`Account`] that it lives in lists and
//! removes what runs have made there. Everything goes by a [`CloneName`], which is known before the
//! first call: so the guard knows what to remove before it exists, and an answer that got lost on its
//! way leaves a clone that is found again.

mod api;
pub mod aws;
pub mod calls;
pub mod dblab;
mod error;
pub mod ledger;
mod name;
pub mod neon;
mod proof;
pub mod tunnel;

use std::future::Future;
use std::ops::ControlFlow;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use crate::postgres::{Endpoint, Major};

pub use calls::{Intended, Outline};
pub use error::{CloudError, Lacks, Refusal, Speaker};
pub use ledger::{Leak, Ledger};
pub use name::{CloneName, Labels};
pub use proof::prove;
pub use tunnel::{Connect, Tunnel};

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One source of the policy's, at one provider.
pub trait Provider: Send + Sync {
    /// What is cloned, in a phrase without secrets: ``Neon branch `main` of project `shop` ``.
    fn describe(&self) -> String;

    /// Where the clone will live.
    fn account(&self) -> Arc<dyn Account>;

    /// Looks at what is to be cloned, in seconds and without making anything: everything that can fail
    /// before that, fails here.
    fn look(&self) -> BoxFuture<'_, Result<Looked, CloudError>>;

    /// Tells, without making anything, what a run would call, in order. What it can't know it says.
    fn outline<'a>(&'a self, intended: Intended<'a>) -> BoxFuture<'a, Result<Outline, CloudError>>;

    /// The IAM policy that this needs and no more, as a document; production is asked. `None`:
    /// its provider has no such thing.
    fn permissions(&self) -> BoxFuture<'_, Result<Option<Value>, CloudError>> {
        Box::pin(async { Ok(None) })
    }

    /// The same without asking, so without what production decides: its encryption key.
    fn permissions_unasked(&self) -> Option<Value> {
        None
    }

    /// Makes the clone and waits until it can be connected to. What is left of a call that failed is
    /// found by the order's name.
    fn make<'a>(&'a self, order: &'a Order<'a>) -> BoxFuture<'a, Result<Made, CloudError>>;
}

/// Where clones live, and who may remove them.
pub trait Account: Send + Sync {
    /// In a phrase without secrets: ``Neon project `shop` ``.
    fn describe(&self) -> String;

    /// What another process needs to do the same, as it is now. It holds secrets.
    fn access(&self) -> BoxFuture<'_, Result<Access, CloudError>>;

    /// Asks for the clone of that name to be removed, with everything that was made for it, and waits as
    /// long as `patience` says. That there is none is no error.
    fn remove<'a>(
        &'a self,
        name: &'a CloneName,
        patience: Patience,
    ) -> BoxFuture<'a, Result<(), CloudError>>;

    /// Everything here that a run has made, all pages of it.
    fn list(&self) -> BoxFuture<'_, Result<Vec<Resource>, CloudError>>;
}

/// How long a removal is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Until the provider has accepted it.
    Accepted,
    /// Until nothing is left, and no longer than this.
    Gone { by: Instant },
}

impl Patience {
    /// Waits until the removal is looked at again; breaks where it need not be.
    async fn until_next_look(
        self,
        name: &CloneName,
        began: Instant,
        pause: Duration,
    ) -> Result<ControlFlow<()>, CloudError> {
        let Self::Gone { by } = self else {
            return Ok(ControlFlow::Break(()));
        };
        if Instant::now() + pause > by {
            return Err(CloudError::NotGone {
                name: name.clone(),
                after: began.elapsed(),
            });
        }
        tokio::time::sleep(pause).await;
        Ok(ControlFlow::Continue(()))
    }
}

/// What a provider says of a source before it is cloned.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    pub major: Option<Major>,
    pub version: Option<String>,
    /// Bytes.
    pub size: Option<u64>,
    /// The moment that the clone's data will be of.
    pub data_as_of: Option<Timestamp>,
    pub database: Option<String>,
}

/// A clone to be made.
pub struct Order<'a> {
    pub name: &'a CloneName,
    pub labels: &'a Labels,
    /// The run's own, for files that a connection needs.
    pub directory: &'a Path,
    /// A clone that is not ready by then is given up.
    pub by: Instant,
    /// What is being done now, for people.
    pub doing: &'a (dyn Fn(String) + Send + Sync),
}

/// A clone that was made.
#[derive(Clone, Debug)]
pub struct Made {
    pub endpoint: Endpoint,
    /// What the endpoint leads through; without it nothing answers there.
    pub tunnel: Option<Arc<Tunnel>>,
    /// Hosts of the source. The clone has none of them.
    pub source_hosts: Vec<String>,
    pub data_as_of: Option<Timestamp>,
    pub version: Option<String>,
    /// Whether its blocks come from a slower storage as they are first read, so that durations say
    /// little.
    pub blocks: Blocks,
}

/// Where a clone's blocks are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Blocks {
    #[default]
    There,
    /// They come as they are first read.
    Lazy,
}

/// Something that a run has made at a provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// What it is, in the provider's words: `branch`, `DB instance`.
    pub kind: &'static str,
    pub name: CloneName,
    pub labelled: Labelled,
    /// Its last day and hour, as its label says; without a label it has none.
    pub expires: Option<Timestamp>,
    /// Roughly what it costs, in US dollars a month, where that can be told.
    pub monthly_dollars: Option<f64>,
}

/// Whether a resource says that it is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labelled {
    Ours,
    /// It could, and does not: somebody else's, in a name like ours.
    Not,
    /// The provider has no place for labels; the name has to do.
    NoPlace,
}

/// A way into an account for another process. It holds secrets, so it travels by pipe alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    Neon(neon::Access),
    Dblab(dblab::Access),
    Aws(Box<aws::Access>),
}

impl Access {
    /// The account.
    pub fn account(&self) -> Result<Arc<dyn Account>, CloudError> {
        Ok(match self {
            Self::Neon(access) => Arc::new(neon::Project::new(access)?),
            Self::Dblab(access) => Arc::new(dblab::Engine::new(access)?),
            Self::Aws(access) => Arc::new(aws::Home::new(access)),
        })
    }
}
