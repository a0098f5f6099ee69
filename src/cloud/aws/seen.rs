//! What AWS shows of one thing by a clone's name, as far as it is the same for instances, clusters and
//! snapshots.

use aws_sdk_rds::types::{
    ClusterPendingModifiedValues, DbCluster, DbInstance, DbSnapshot, PendingModifiedValues, Tag,
};

use super::Home;
use super::failure::Failure;
use crate::cloud::{CloneName, CloudError, Labels};

/// What a run makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thing {
    Instance,
    Cluster,
    Snapshot,
}

impl Thing {
    pub const ALL: [Self; 3] = [Self::Instance, Self::Cluster, Self::Snapshot];

    /// In AWS's words.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Instance => "DB instance",
            Self::Cluster => "DB cluster",
            Self::Snapshot => "DB snapshot",
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Cluster => "cluster",
            Self::Snapshot => "snapshot",
        }
    }
}

/// One thing, now.
#[derive(Debug)]
pub(super) struct Seen {
    pub thing: Thing,
    pub status: String,
    pub percent: Option<String>,
    pub tags: Vec<Tag>,
    pub password: Password,
    /// Protected from deletion.
    pub protected: bool,
    /// An instance of a cluster's.
    pub in_cluster: bool,
    /// Its password is kept, and changed, by Secrets Manager.
    pub kept_secret: bool,
}

/// Whether the master password is the one that was set last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Password {
    InForce,
    Pending,
}

impl From<Option<&str>> for Password {
    fn from(pending: Option<&str>) -> Self {
        match pending {
            Some(_) => Self::Pending,
            None => Self::InForce,
        }
    }
}

impl Seen {
    fn instance(instance: &DbInstance) -> Self {
        Self {
            thing: Thing::Instance,
            status: word(instance.db_instance_status()),
            percent: instance.percent_progress().map(str::to_owned),
            tags: instance.tag_list().to_vec(),
            password: (instance.pending_modified_values())
                .and_then(PendingModifiedValues::master_user_password)
                .into(),
            protected: instance.deletion_protection() == Some(true),
            in_cluster: instance.db_cluster_identifier().is_some(),
            kept_secret: instance.master_user_secret().is_some(),
        }
    }

    fn cluster(cluster: &DbCluster) -> Self {
        Self {
            thing: Thing::Cluster,
            status: word(cluster.status()),
            percent: cluster.percent_progress().map(str::to_owned),
            tags: cluster.tag_list().to_vec(),
            password: (cluster.pending_modified_values())
                .and_then(ClusterPendingModifiedValues::master_user_password)
                .into(),
            protected: cluster.deletion_protection() == Some(true),
            in_cluster: false,
            kept_secret: cluster.master_user_secret().is_some(),
        }
    }

    fn snapshot(snapshot: &DbSnapshot) -> Self {
        Self {
            thing: Thing::Snapshot,
            status: word(snapshot.status()),
            percent: snapshot
                .percent_progress()
                .map(|percent| percent.to_string()),
            tags: snapshot.tag_list().to_vec(),
            password: Password::InForce,
            protected: false,
            in_cluster: false,
            kept_secret: false,
        }
    }

    /// Whether its labels say that this run made it.
    pub fn is_of(&self, name: &CloneName) -> bool {
        are_of(&self.tags, name)
    }
}

/// Whether the labels say that the run of that name made it.
pub(super) fn are_of(tags: &[Tag], name: &CloneName) -> bool {
    value(tags, Labels::MANAGED_BY) == Some(Labels::US)
        && value(tags, Labels::RUN) == Some(name.run().as_str())
}

pub(super) fn value<'t>(tags: &'t [Tag], key: &str) -> Option<&'t str> {
    tags.iter()
        .find(|tag| tag.key() == Some(key))
        .and_then(Tag::value)
}

fn word(status: Option<&str>) -> String {
    status.unwrap_or("unknown").to_owned()
}

/// `None` where AWS says that there is none.
fn found<T>(asked: Result<Option<T>, Failure>) -> Result<Option<T>, Failure> {
    match asked {
        Err(failure) if failure.is_not_found() => Ok(None),
        other => other,
    }
}

impl Home {
    pub(super) async fn instance(&self, id: &str) -> Result<Option<DbInstance>, Asked> {
        let answer = self.rds().await?.describe_db_instances();
        let instance = answer
            .db_instance_identifier(id)
            .send()
            .await
            .map_err(Failure::during("read an instance"))
            .map(|answer| answer.db_instances.unwrap_or_default().into_iter().next());
        Ok(found(instance)?)
    }

    pub(super) async fn cluster(&self, id: &str) -> Result<Option<DbCluster>, Asked> {
        let answer = self.rds().await?.describe_db_clusters();
        let cluster = answer
            .db_cluster_identifier(id)
            .send()
            .await
            .map_err(Failure::during("read a cluster"))
            .map(|answer| answer.db_clusters.unwrap_or_default().into_iter().next());
        Ok(found(cluster)?)
    }

    async fn snapshot(&self, id: &str) -> Result<Option<DbSnapshot>, Asked> {
        let answer = self.rds().await?.describe_db_snapshots();
        let snapshot = answer
            .db_snapshot_identifier(id)
            .send()
            .await
            .map_err(Failure::during("read a snapshot"))
            .map(|answer| answer.db_snapshots.unwrap_or_default().into_iter().next());
        Ok(found(snapshot)?)
    }

    /// The thing by that name, if there is one.
    pub(super) async fn look_at(
        &self,
        thing: Thing,
        name: &CloneName,
    ) -> Result<Option<Seen>, Asked> {
        let id = name.as_str();
        Ok(match thing {
            Thing::Instance => self.instance(id).await?.as_ref().map(Seen::instance),
            Thing::Cluster => self.cluster(id).await?.as_ref().map(Seen::cluster),
            Thing::Snapshot => self.snapshot(id).await?.as_ref().map(Seen::snapshot),
        })
    }
}

/// Why a question has no answer: AWS's own failure, or there was nobody to ask.
#[derive(Debug)]
pub(super) enum Asked {
    Failed(Failure),
    Not(CloudError),
}

impl Asked {
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Failed(failure) => failure.may_pass(),
            Self::Not(error) => error.may_pass(),
        }
    }
}

impl From<Failure> for Asked {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<CloudError> for Asked {
    fn from(error: CloudError) -> Self {
        Self::Not(error)
    }
}

impl From<Asked> for CloudError {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::Failed(failure) => failure.into(),
            Asked::Not(error) => error,
        }
    }
}
