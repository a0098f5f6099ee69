//! DBLab Engine: a thin clone of its newest snapshot, used in place.

mod calls;
mod engine;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use serde_json::json;
use tokio::time::Instant;

use super::{
    Account, Blocks, BoxFuture, CloudError, Intended, Looked, Made, Order, Outline, Provider,
};

use engine::{Clone, Snapshot, time};

pub use engine::{Access, Engine};

const DBLAB: &str = "DBLab";

/// The role that is made in the clone for us.
const ROLE: &str = "pgrehearse_clone";

/// How often a clone's state is asked for.
const POLL: Duration = Duration::from_secs(1);

/// What of an engine's snapshots is cloned.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// `None`: the engine's default.
    pub branch: Option<String>,
    pub database: String,
    /// An older snapshot is refused.
    pub max_age: Option<Duration>,
}

/// The newest snapshot of an engine.
pub struct Dblab {
    engine: Arc<Engine>,
    wanted: Wanted,
}

impl Dblab {
    pub fn new(access: &Access, wanted: Wanted) -> Result<Self, CloudError> {
        Ok(Self {
            engine: Arc::new(Engine::new(access)?),
            wanted,
        })
    }

    /// The newest snapshot, if it is young enough.
    async fn newest(&self) -> Result<Snapshot, CloudError> {
        const DOING: &str = "list the snapshots";
        let path = match &self.wanted.branch {
            Some(branch) => {
                let query = url::form_urlencoded::Serializer::new(String::new())
                    .append_pair("branch", branch)
                    .finish();
                format!("snapshots?{query}")
            }
            None => "snapshots".to_owned(),
        };
        let json = self.engine.api.get(DOING, &path).await?;
        let snapshots: Vec<Snapshot> = self.engine.read(&json, DOING)?;
        let newest = snapshots
            .into_iter()
            .max_by_key(|snapshot| time(&snapshot.data_state_at))
            .ok_or_else(|| CloudError::Source {
                what: format!("{} has no snapshot", self.describe()),
                hint: Some(
                    "let the engine take one, or name another `source.dblab.branch`".to_owned(),
                ),
            })?;
        let age = time(&newest.data_state_at)
            .and_then(|at| Duration::try_from(Timestamp::now().duration_since(at)).ok());
        match (age, self.wanted.max_age) {
            (Some(age), Some(limit)) if age > limit => Err(CloudError::Source {
                what: format!(
                    "the newest snapshot of {} is {} old, older than `source.dblab.max_age` allows",
                    self.describe(),
                    crate::text::human_seconds(age)
                ),
                hint: Some("let the engine refresh, or raise `source.dblab.max_age`".to_owned()),
            }),
            (None, Some(_)) => Err(CloudError::Source {
                what: format!("{} does not say how old its snapshot is", self.describe()),
                hint: Some("leave `source.dblab.max_age` out".to_owned()),
            }),
            _ => Ok(newest),
        }
    }
}

impl Provider for Dblab {
    fn describe(&self) -> String {
        match &self.wanted.branch {
            Some(branch) => format!("branch `{branch}` of {}", self.engine.describe()),
            None => self.engine.describe(),
        }
    }

    fn account(&self) -> Arc<dyn Account> {
        self.engine.clone()
    }

    fn look(&self) -> BoxFuture<'_, Result<Looked, CloudError>> {
        Box::pin(async {
            let snapshot = self.newest().await?;
            Ok(Looked {
                major: None,
                version: None,
                size: snapshot.logical_size,
                data_as_of: time(&snapshot.data_state_at),
                database: Some(self.wanted.database.clone()),
            })
        })
    }

    fn outline<'a>(&'a self, intended: Intended<'a>) -> BoxFuture<'a, Result<Outline, CloudError>> {
        Box::pin(self.calls(intended))
    }

    fn make<'a>(&'a self, order: &'a Order<'a>) -> BoxFuture<'a, Result<Made, CloudError>> {
        Box::pin(async move {
            const DOING: &str = "make a clone";
            let snapshot = self.newest().await?;
            let password = format!("{:032x}", rand::random::<u128>());
            let left = order.labels.expires.duration_since(Timestamp::now());
            let body = json!({
                "id": order.name.as_str(),
                "snapshot": { "id": snapshot.id },
                // Until then the engine leaves a clone alone that nobody talks to.
                "protected": true,
                "protectionDurationMinutes": left.as_mins().max(1),
                "db": {
                    "username": ROLE,
                    "password": password,
                    "restricted": false,
                    "db_name": self.wanted.database,
                },
            });
            (order.doing)(format!("making the clone `{}`", order.name));
            let api = &self.engine.api;
            match api.send(Method::POST, DOING, "clone", Some(&body)).await {
                Ok(_) => {}
                // What it did is seen below.
                Err(error) if error.is_unsure() => {
                    if self.engine.clone_of(order.name).await?.is_none() {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
            let clone = self.ready(order).await?;
            if clone.snapshot.id != snapshot.id {
                return Err(CloudError::NotTheClone {
                    name: order.name.clone(),
                    why: "it is of another snapshot than was asked for".to_owned(),
                });
            }
            Ok(Made {
                endpoint: self
                    .engine
                    .endpoint(&clone, &self.wanted.database, password)?,
                tunnel: None,
                source_hosts: Vec::new(),
                data_as_of: time(&snapshot.data_state_at),
                version: None,
                blocks: Blocks::There,
            })
        })
    }
}

impl Dblab {
    async fn ready(&self, order: &Order<'_>) -> Result<Clone, CloudError> {
        let began = Instant::now();
        loop {
            let clone = self.engine.clone_of(order.name).await?;
            let state = match &clone {
                Some(clone) => clone.status.code.as_str(),
                None => "not there",
            };
            match (clone.as_ref(), state) {
                (Some(_), "OK" | "WARNING") => {}
                (Some(clone), "FATAL" | "DELETING") => {
                    return Err(CloudError::Failed {
                        name: order.name.clone(),
                        state: state.to_owned(),
                        hint: Some(clone.status.message.clone()).filter(|said| !said.is_empty()),
                    });
                }
                _ if Instant::now() + POLL > order.by => {
                    return Err(CloudError::NotReady {
                        name: order.name.clone(),
                        after: began.elapsed(),
                        state: format!("the clone is {state}"),
                    });
                }
                _ => {
                    (order.doing)(format!("the clone is {state}"));
                    tokio::time::sleep(POLL).await;
                    continue;
                }
            }
            if let Some(clone) = clone {
                return Ok(clone);
            }
        }
    }
}
