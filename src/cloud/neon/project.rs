//! A Neon project as an account: its branches, listed and deleted, and what of its answers matters.

use std::collections::BTreeSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::{NEON, POLL};
use crate::cloud::api::Api;
use crate::cloud::{
    Account, BoxFuture, CloneName, CloudError, Labelled, Labels, Patience, Resource,
};
use crate::text::Secret;

/// So many branches are asked for at once.
pub(super) const PAGE: usize = 100;

/// A way into a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    pub api: Url,
    pub project: String,
    pub key: String,
}

/// A project, in which branches are made.
pub struct Project {
    access: Access,
    pub(super) api: Api,
}

impl Project {
    pub fn new(access: &Access) -> Result<Self, CloudError> {
        let bearer = Secret::new(format!("Bearer {}", access.key));
        Ok(Self {
            api: Api::new(NEON, &access.api, ("authorization", bearer))?,
            access: access.clone(),
        })
    }

    pub(super) fn path(&self, below: &str) -> String {
        let project = encoded(&self.access.project);
        format!("projects/{project}/{below}")
            .trim_end_matches('/')
            .to_owned()
    }

    pub(super) fn not_understood(&self, doing: &str) -> CloudError {
        CloudError::Answer {
            provider: self.api.provider,
            doing: doing.to_owned(),
        }
    }

    pub(super) fn read<T: for<'de> Deserialize<'de>>(
        &self,
        json: &Value,
        doing: &str,
    ) -> Result<T, CloudError> {
        T::deserialize(json).map_err(|_| self.not_understood(doing))
    }

    /// The branches whose name holds `search`, all pages, and the ids of those that say they are ours.
    pub(super) async fn branches(
        &self,
        search: Option<&str>,
    ) -> Result<(Vec<Branch>, BTreeSet<String>), CloudError> {
        const DOING: &str = "list the project's branches";
        let mut found = Vec::new();
        let mut ours = BTreeSet::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut path = self.path(&format!("branches?limit={PAGE}"));
            if let Some(search) = search {
                path.push_str(&format!("&search={}", encoded(search)));
            }
            if let Some(cursor) = &cursor {
                path.push_str(&format!("&cursor={}", encoded(cursor)));
            }
            let json = self.api.get(DOING, &path).await?;
            let page: Vec<Branch> = self.read(&json["branches"], DOING)?;
            let next = json["pagination"]["next"].as_str().map(str::to_owned);
            let is_last = page.is_empty() || next.is_none() || next == cursor;
            found.extend(page);
            let annotations = json["annotations"].as_object().into_iter().flatten();
            ours.extend(
                annotations
                    .filter(|(_, about)| about["value"][Labels::MANAGED_BY] == Labels::US)
                    .map(|(id, _)| id.clone()),
            );
            if is_last {
                return Ok((found, ours));
            }
            cursor = next;
        }
    }

    pub(super) async fn named(&self, name: &CloneName) -> Result<Option<Branch>, CloudError> {
        let (branches, _) = self.branches(Some(name.as_str())).await?;
        Ok(branches
            .into_iter()
            .find(|branch| branch.name == name.as_str()))
    }
}

impl Account for Project {
    fn describe(&self) -> String {
        format!("{NEON} project `{}`", self.access.project)
    }

    fn access(&self) -> BoxFuture<'_, Result<crate::cloud::Access, CloudError>> {
        Box::pin(async { Ok(crate::cloud::Access::Neon(self.access.clone())) })
    }

    fn remove<'a>(
        &'a self,
        name: &'a CloneName,
        patience: Patience,
    ) -> BoxFuture<'a, Result<(), CloudError>> {
        Box::pin(async move {
            const DOING: &str = "delete the branch";
            let began = Instant::now();
            loop {
                let Some(branch) = self.named(name).await? else {
                    return Ok(());
                };
                if branch.default || branch.protected {
                    return Err(CloudError::NotTheClone {
                        name: name.clone(),
                        why: "the branch of that name is default or protected".to_owned(),
                    });
                }
                let path = self.path(&format!("branches/{}", encoded(&branch.id)));
                match self.api.send(Method::DELETE, DOING, &path, None).await {
                    Ok(_) => {}
                    Err(error) if error.status() == Some(404) => {}
                    Err(error) if error.is_unsure() && patience != Patience::Accepted => {}
                    Err(error) => return Err(error),
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
            let (branches, annotated) = self.branches(Some(Labels::US)).await?;
            Ok(branches
                .into_iter()
                .filter(|branch| !branch.default && !branch.protected)
                .filter_map(|branch| {
                    Some(Resource {
                        kind: "branch",
                        name: CloneName::parse(&branch.name)?,
                        labelled: if annotated.contains(&branch.id) {
                            Labelled::Ours
                        } else {
                            Labelled::Not
                        },
                        expires: branch.expires_at.as_deref().and_then(|at| at.parse().ok()),
                        monthly_dollars: None,
                    })
                })
                .collect())
        })
    }
}

/// A branch, as far as it matters here.
#[derive(Deserialize)]
pub(super) struct Branch {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub default: bool,
    #[serde(default)]
    pub protected: bool,
    pub expires_at: Option<String>,
    pub logical_size: Option<u64>,
}

/// Something that Neon does by and by.
#[derive(Deserialize)]
pub(super) struct Operation {
    pub id: String,
    pub action: String,
    pub status: String,
}

/// An endpoint, in Neon's word: the server of a branch.
#[derive(Deserialize)]
pub(super) struct Compute {
    pub id: String,
    pub host: String,
    pub branch_id: String,
    #[serde(rename = "type")]
    pub kind: String,
}

#[derive(Deserialize)]
pub(super) struct Database {
    pub name: String,
    pub owner_name: String,
}

pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
