//! DBLab Engine: a thin clone of its newest snapshot, used in place.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;
use url::Url;

use super::api::{Api, is_not_found};
use super::{
    Account, Blocks, BoxFuture, CloneName, CloudError, Labelled, Looked, Made, Order, Patience,
    Provider, Refusal, Resource,
};
use crate::postgres::Endpoint;
use crate::postgres::endpoint::{Host, Tls};
use crate::text::Secret;

const DBLAB: &str = "DBLab";

/// The role that is made in the clone for us.
const ROLE: &str = "pgrehearse_clone";

/// How often a clone's state is asked for.
const POLL: Duration = Duration::from_secs(1);

/// A way into an engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    pub api: Url,
    pub token: String,
}

/// What of an engine's snapshots is cloned.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// `None`: the engine's default.
    pub branch: Option<String>,
    pub database: String,
    /// An older snapshot is refused.
    pub max_age: Option<Duration>,
}

/// An engine, in which clones are made.
pub struct Engine {
    access: Access,
    api: Api,
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

impl Engine {
    pub fn new(access: &Access) -> Result<Self, CloudError> {
        let token = Secret::new(access.token.clone());
        Ok(Self {
            api: Api::new(DBLAB, &access.api, ("verification-token", token))?,
            access: access.clone(),
        })
    }

    fn read<T: for<'de> Deserialize<'de>>(
        &self,
        json: &Value,
        doing: &str,
    ) -> Result<T, CloudError> {
        T::deserialize(json).map_err(|_| self.not_understood(doing))
    }

    fn not_understood(&self, doing: &str) -> CloudError {
        CloudError::Answer {
            provider: self.api.provider,
            doing: doing.to_owned(),
        }
    }

    async fn clone_of(&self, name: &CloneName) -> Result<Option<Clone>, CloudError> {
        const DOING: &str = "read the clone's state";
        // Some versions say so by an internal error.
        let says_none =
            |refusal: &Refusal| is_not_found(refusal) || refusal.said.contains("not found");
        let path = format!("clone/{name}");
        let found = self.api.find(DOING, &path, says_none).await?;
        found.map(|json| self.read(&json, DOING)).transpose()
    }

    fn endpoint(
        &self,
        clone: &Clone,
        database: &str,
        password: String,
    ) -> Result<Endpoint, CloudError> {
        let host = clone.db.host.as_str();
        // That is how the engine is reached from itself.
        let is_itself = matches!(host, "" | "localhost" | "127.0.0.1" | "0.0.0.0");
        let host = match self.access.api.host_str() {
            Some(own) if is_itself => own.trim_matches(['[', ']']),
            _ => host,
        };
        let port = clone.db.port.parse().ok();
        Ok(Endpoint {
            host: Host::Tcp(host.to_owned()),
            port: port.ok_or_else(|| self.not_understood("read the clone's port"))?,
            user: ROLE.to_owned(),
            password: Some(Secret::new(password)),
            database: database.to_owned(),
            tls: Tls::default(),
            address: None,
        })
    }
}

impl Account for Engine {
    fn describe(&self) -> String {
        let url = &self.access.api;
        let port = url
            .port()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        format!("{DBLAB} at `{}{port}`", url.host_str().unwrap_or_default())
    }

    fn access(&self) -> BoxFuture<'_, Result<super::Access, CloudError>> {
        Box::pin(async { Ok(super::Access::Dblab(self.access.clone())) })
    }

    fn remove<'a>(
        &'a self,
        name: &'a CloneName,
        patience: Patience,
    ) -> BoxFuture<'a, Result<(), CloudError>> {
        Box::pin(async move {
            let began = Instant::now();
            let path = format!("clone/{name}");
            loop {
                let Some(clone) = self.clone_of(name).await? else {
                    return Ok(());
                };
                if clone.status.code != "DELETING" {
                    // The engine refuses to delete what is protected.
                    let body = json!({ "protected": false });
                    let doing = "lift the clone's protection";
                    let lifted = self
                        .api
                        .send(Method::PATCH, doing, &path, Some(&body))
                        .await;
                    let deleted = match lifted {
                        Ok(_) => {
                            self.api
                                .send(Method::DELETE, "delete the clone", &path, None)
                                .await
                        }
                        Err(error) => Err(error),
                    };
                    match deleted {
                        Ok(_) => {}
                        Err(error) if error.is_unsure() && patience != Patience::Accepted => {}
                        Err(error) => return Err(error),
                    }
                }
                let Patience::Gone { by } = patience else {
                    return Ok(());
                };
                if Instant::now() + POLL > by {
                    return Err(CloudError::NotGone {
                        name: name.clone(),
                        after: began.elapsed(),
                    });
                }
                tokio::time::sleep(POLL).await;
            }
        })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Resource>, CloudError>> {
        Box::pin(async {
            const DOING: &str = "list the clones";
            let json = self.api.get(DOING, "status").await?;
            let clones: Vec<Clone> = match &json["cloning"]["clones"] {
                Value::Null => Vec::new(),
                clones => self.read(clones, DOING)?,
            };
            Ok(clones
                .into_iter()
                .filter_map(|clone| {
                    Some(Resource {
                        kind: "clone",
                        name: CloneName::parse(&clone.id)?,
                        labelled: Labelled::NoPlace,
                        expires: clone.protected_till.as_deref().and_then(time),
                        monthly_dollars: None,
                    })
                })
                .collect())
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Snapshot {
    id: String,
    #[serde(default)]
    data_state_at: String,
    logical_size: Option<u64>,
}

#[derive(Deserialize)]
struct OfSnapshot {
    id: String,
}

/// A clone, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Clone {
    id: String,
    snapshot: OfSnapshot,
    status: Status,
    protected_till: Option<String>,
    db: Db,
}

#[derive(Deserialize)]
struct Status {
    code: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct Db {
    #[serde(default)]
    host: String,
    #[serde(default)]
    port: String,
}

/// A time as this engine or an older one writes it: `2026-11-20 03:00:00 UTC`. Empty: none.
fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let civil: jiff::civil::DateTime = text.trim_end_matches(" UTC").parse().ok()?;
        Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    })
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn times_of_two_kinds_are_read() {
        let at = time("2026-11-20T03:00:00Z");
        assert!(at.is_some());
        assert_eq!(time("2026-11-20 03:00:00 UTC"), at);
        assert_eq!(time(""), None);
    }
}
