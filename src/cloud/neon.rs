//! Neon: a branch of a project's branch, made and used in place.
//!
//! A branch has its parent's roles with their passwords. So the role's password is set anew on the
//! branch: no password of production is needed, and who can log in with it is in the branch.

mod calls;
mod project;

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::api::is_not_found;
use super::{
    Account, Blocks, BoxFuture, CloudError, Intended, Looked, Made, Order, Outline, Provider,
};
use crate::postgres::{Endpoint, Major};
use crate::text::Secret;

use project::{Branch, Compute, Database, Operation, PAGE, encoded};

pub use project::{Access, Project};

const NEON: &str = "Neon";

/// How often an operation's state is asked for.
const POLL: Duration = Duration::from_secs(1);

/// What of a project is cloned.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The branch to clone, by name or id. `None`: the project's default branch.
    pub branch: Option<String>,
    /// `None`: the branch's only one.
    pub database: Option<String>,
    /// `None`: the database's owner.
    pub role: Option<String>,
}

/// The branch of a project that is production.
pub struct Neon {
    project: Arc<Project>,
    wanted: Wanted,
}

impl Neon {
    pub fn new(access: &Access, wanted: Wanted) -> Result<Self, CloudError> {
        Ok(Self {
            project: Arc::new(Project::new(access)?),
            wanted,
        })
    }

    /// The branch to clone.
    async fn parent(&self) -> Result<Branch, CloudError> {
        let (branches, _) = self.project.branches(self.wanted.branch.as_deref()).await?;
        let is_wanted = |branch: &Branch| match &self.wanted.branch {
            Some(wanted) => branch.name == *wanted || branch.id == *wanted,
            None => branch.default,
        };
        let found = branches.into_iter().find(is_wanted);
        if let (None, Some(id)) = (&found, &self.wanted.branch) {
            const DOING: &str = "read a branch";
            // The search is by name.
            let path = self.project.path(&format!("branches/{}", encoded(id)));
            if let Some(found) = self.project.api.find(DOING, &path, is_not_found).await? {
                return self.project.read(&found["branch"], DOING);
            }
        }
        found.ok_or_else(|| CloudError::Source {
            what: match &self.wanted.branch {
                Some(wanted) => format!(
                    "there is no branch `{wanted}` in {}",
                    self.project.describe()
                ),
                None => format!("{} has no default branch", self.project.describe()),
            },
            hint: Some("`source.neon.branch` is a branch's name or its id".to_owned()),
        })
    }

    /// The branch by the order's name, made now or by a call whose answer got lost.
    async fn branch(&self, order: &Order<'_>, parent: &Branch) -> Result<Branch, CloudError> {
        const DOING: &str = "make a branch";
        let annotations: serde_json::Map<String, Value> = (order.labels.pairs().into_iter())
            .map(|(name, value)| (name.to_owned(), Value::String(value)))
            .collect();
        let expires = order.labels.expires.strftime("%Y-%m-%dT%H:%M:%SZ");
        let body = json!({
            "branch": {
                "name": order.name.as_str(),
                "parent_id": parent.id,
                "expires_at": expires.to_string(),
            },
            "endpoints": [{ "type": "read_write" }],
            "annotation_value": annotations,
        });
        let path = self.project.path("branches");
        let made = self
            .project
            .api
            .send(Method::POST, DOING, &path, Some(&body));
        let (branch, answer): (Branch, Value) = match made.await {
            Ok(answer) => (self.project.read(&answer["branch"], DOING)?, answer),
            Err(error) if error.is_unsure() => {
                let branch = self.project.named(order.name).await?.ok_or(error)?;
                let path = self.project.path(&format!("operations?limit={PAGE}"));
                let doing = "list the project's operations";
                let mut answer = self.project.api.get(doing, &path).await?;
                if let Some(operations) = answer["operations"].as_array_mut() {
                    operations.retain(|operation| operation["branch_id"] == *branch.id);
                }
                (branch, answer)
            }
            Err(error) => return Err(error),
        };
        let wrong = |why: &str| CloudError::NotTheClone {
            name: order.name.clone(),
            why: format!("{NEON} answered with the branch `{}`, {why}", branch.name),
        };
        if branch.id == parent.id || branch.default {
            return Err(wrong("which is the source"));
        }
        if branch.protected {
            return Err(wrong("which is protected"));
        }
        if branch.name != order.name.as_str() {
            return Err(wrong("which has another name"));
        }
        self.wait(order, &answer).await?;
        Ok(branch)
    }

    /// Waits until what was begun is done.
    async fn wait(&self, order: &Order<'_>, answer: &Value) -> Result<(), CloudError> {
        const DOING: &str = "read how far an operation is";
        let began = Instant::now();
        let operations: Vec<Operation> = match &answer["operations"] {
            Value::Null => Vec::new(),
            operations => self.project.read(operations, DOING)?,
        };
        for operation in operations {
            let path = self
                .project
                .path(&format!("operations/{}", encoded(&operation.id)));
            let mut now = operation;
            // What failed is tried again by Neon itself.
            while !matches!(now.status.as_str(), "finished" | "skipped" | "cancelled") {
                let state = format!("`{}` is {}", now.action, now.status);
                if Instant::now() + POLL > order.by {
                    return Err(CloudError::NotReady {
                        name: order.name.clone(),
                        after: began.elapsed(),
                        state,
                    });
                }
                (order.doing)(state);
                tokio::time::sleep(POLL).await;
                let json = self.project.api.get(DOING, &path).await?;
                now = self.project.read(&json["operation"], DOING)?;
            }
        }
        Ok(())
    }

    /// The way into the branch's database.
    async fn endpoint(&self, order: &Order<'_>, branch: &Branch) -> Result<Endpoint, CloudError> {
        const DOING: &str = "read the way into the branch";
        let project = &self.project;
        let at = format!("branches/{}", encoded(&branch.id));
        let json = project
            .api
            .get(DOING, &project.path(&format!("{at}/endpoints")))
            .await?;
        let hosts: Vec<Compute> = project.read(&json["endpoints"], DOING)?;
        let compute = hosts
            .into_iter()
            .find(|host| host.branch_id == branch.id && host.kind == "read_write")
            .ok_or_else(|| project.not_understood(DOING))?;
        let json = project
            .api
            .get(DOING, &project.path(&format!("{at}/databases")))
            .await?;
        let databases: Vec<Database> = project.read(&json["databases"], DOING)?;
        let database = self.database(&databases)?;
        let role = self.wanted.role.as_ref().unwrap_or(&database.owner_name);
        (order.doing)(format!("setting a password of `{role}` in the branch"));
        let path = project.path(&format!("{at}/roles/{}/reset_password", encoded(role)));
        let doing = "set a role's password in the branch";
        let answer = project.api.send(Method::POST, doing, &path, None).await?;
        self.wait(order, &answer).await?;
        let password = answer["role"]["password"]
            .as_str()
            .ok_or_else(|| project.not_understood(doing))?
            .to_owned();
        // Without the branch it would be the default branch's.
        let path = project.path(&format!(
            "connection_uri?branch_id={}&endpoint_id={}&database_name={}&role_name={}&pooled=false",
            encoded(&branch.id),
            encoded(&compute.id),
            encoded(&database.name),
            encoded(role)
        ));
        let json = project.api.get(DOING, &path).await?;
        let mut endpoint = (json["uri"].as_str())
            .and_then(|uri| Endpoint::parse(uri).ok())
            .ok_or_else(|| project.not_understood(DOING))?;
        if !endpoint.is_at(&compute.host) {
            return Err(CloudError::NotTheClone {
                name: order.name.clone(),
                why: format!("{NEON} gave a way into another host than the branch's"),
            });
        }
        endpoint.password = Some(Secret::new(password));
        Ok(endpoint)
    }

    fn database<'d>(&self, databases: &'d [Database]) -> Result<&'d Database, CloudError> {
        let wanted = self.wanted.database.as_deref();
        let found = match (wanted, databases) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (Some(wanted), _) => databases.iter().find(|database| database.name == wanted),
        };
        found.ok_or_else(|| {
            let names: Vec<String> = (databases.iter())
                .map(|database| format!("`{}`", database.name))
                .collect();
            CloudError::Source {
                what: match wanted {
                    Some(wanted) => format!("the branch has no database `{wanted}`"),
                    None => "which of the branch's databases is meant can't be told".to_owned(),
                },
                hint: Some(format!(
                    "name one as `source.neon.database`: {}",
                    names.join(", ")
                )),
            }
        })
    }

    /// The hosts of what is there, which the clone must have none of.
    async fn hosts(&self) -> Result<Vec<String>, CloudError> {
        const DOING: &str = "list the project's endpoints";
        let path = self.project.path("endpoints");
        let json = self.project.api.get(DOING, &path).await?;
        let hosts: Vec<Compute> = self.project.read(&json["endpoints"], DOING)?;
        Ok(hosts.into_iter().map(|compute| compute.host).collect())
    }
}

impl Provider for Neon {
    fn describe(&self) -> String {
        match &self.wanted.branch {
            Some(branch) => format!("branch `{branch}` of {}", self.project.describe()),
            None => format!("default branch of {}", self.project.describe()),
        }
    }

    fn account(&self) -> Arc<dyn Account> {
        self.project.clone()
    }

    fn look(&self) -> BoxFuture<'_, Result<Looked, CloudError>> {
        Box::pin(async {
            const DOING: &str = "read the project";
            let json = self.project.api.get(DOING, &self.project.path("")).await?;
            let major = json["project"]["pg_version"]
                .as_u64()
                .and_then(|major| u32::try_from(major).ok())
                .map(Major);
            let parent = self.parent().await?;
            let path = self
                .project
                .path(&format!("branches/{}/databases", encoded(&parent.id)));
            let json = self.project.api.get(DOING, &path).await?;
            let databases: Vec<Database> = self.project.read(&json["databases"], DOING)?;
            Ok(Looked {
                major,
                version: major.map(|major| major.to_string()),
                size: parent.logical_size,
                data_as_of: None,
                database: Some(self.database(&databases)?.name.clone()),
            })
        })
    }

    fn outline<'a>(&'a self, intended: Intended<'a>) -> BoxFuture<'a, Result<Outline, CloudError>> {
        Box::pin(self.calls(intended))
    }

    fn make<'a>(&'a self, order: &'a Order<'a>) -> BoxFuture<'a, Result<Made, CloudError>> {
        Box::pin(async move {
            let parent = self.parent().await?;
            let source_hosts = self.hosts().await?;
            (order.doing)(format!("making the branch `{}`", order.name));
            let data_as_of = jiff::Timestamp::now();
            let branch = self.branch(order, &parent).await?;
            Ok(Made {
                endpoint: self.endpoint(order, &branch).await?,
                tunnel: None,
                source_hosts,
                data_as_of: Some(data_as_of),
                version: None,
                blocks: Blocks::Lazy,
            })
        })
    }
}
