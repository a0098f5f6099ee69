//! A DBLab Engine as an account: its clones, listed and deleted, and what of its answers matters.

use jiff::Timestamp;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;
use url::Url;

use super::{DBLAB, POLL, ROLE};
use crate::cloud::api::{Api, is_not_found};
use crate::cloud::{
    Account, BoxFuture, CloneName, CloudError, Labelled, Patience, Refusal, Resource,
};
use crate::postgres::Endpoint;
use crate::postgres::endpoint::{Host, Tls};
use crate::text::Secret;

/// A way into an engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    pub api: Url,
    pub token: String,
}

/// An engine, in which clones are made.
pub struct Engine {
    access: Access,
    pub(super) api: Api,
}

impl Engine {
    pub fn new(access: &Access) -> Result<Self, CloudError> {
        let token = Secret::new(access.token.clone());
        Ok(Self {
            api: Api::new(DBLAB, &access.api, ("verification-token", token))?,
            access: access.clone(),
        })
    }

    pub(super) fn read<T: for<'de> Deserialize<'de>>(
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

    pub(super) async fn clone_of(&self, name: &CloneName) -> Result<Option<Clone>, CloudError> {
        const DOING: &str = "read the clone's state";
        // Some versions say so by an internal error.
        let says_none =
            |refusal: &Refusal| is_not_found(refusal) || refusal.said.contains("not found");
        let path = format!("clone/{name}");
        let found = self.api.find(DOING, &path, says_none).await?;
        found.map(|json| self.read(&json, DOING)).transpose()
    }

    pub(super) fn endpoint(
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

    fn access(&self) -> BoxFuture<'_, Result<crate::cloud::Access, CloudError>> {
        Box::pin(async { Ok(crate::cloud::Access::Dblab(self.access.clone())) })
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
                if patience
                    .until_next_look(name, began, POLL)
                    .await?
                    .is_break()
                {
                    return Ok(());
                }
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
pub(super) struct Snapshot {
    pub id: String,
    #[serde(default)]
    pub data_state_at: String,
    pub logical_size: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct OfSnapshot {
    pub id: String,
}

/// A clone, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Clone {
    pub id: String,
    pub snapshot: OfSnapshot,
    pub status: Status,
    pub protected_till: Option<String>,
    pub db: Db,
}

#[derive(Deserialize)]
pub(super) struct Status {
    pub code: String,
    #[serde(default)]
    pub message: String,
}

#[derive(Deserialize)]
pub(super) struct Db {
    #[serde(default)]
    pub host: String,
    #[serde(default)]
    pub port: String,
}

/// A time as this engine or an older one writes it: `2026-11-20 03:00:00 UTC`. Empty: none.
pub(super) fn time(text: &str) -> Option<Timestamp> {
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
