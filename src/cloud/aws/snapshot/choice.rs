//! Which of production's snapshots is restored, and the temporary one where none will do.

use std::time::Duration;

use aws_sdk_rds::types::{DbInstance, DbSnapshot};
use jiff::Timestamp;

use super::{Snapshot, Source};
use crate::cloud::aws::failure::Failure;
use crate::cloud::aws::seen::Thing;
use crate::cloud::aws::{not_understood, tags, time};
use crate::cloud::{CloneName, CloudError, Order};
use crate::text::human_seconds;

const READY: &str = "available";

/// Which snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The newest, if it is no older; otherwise a temporary one is taken.
    UpTo { max_age: Duration },
    /// The newest, however old.
    #[default]
    Newest,
    /// A temporary one, always.
    Fresh,
}

/// The snapshot that is restored.
pub(super) struct Used {
    pub id: String,
    pub data_as_of: Option<Timestamp>,
    pub of: Whose,
    /// The key that it is encrypted with. A copy of a snapshot may have another than production.
    pub key: Option<String>,
    /// GiB.
    pub size: Option<i32>,
}

#[derive(PartialEq)]
pub(super) enum Whose {
    Production,
    /// Taken for this clone, and removed with it.
    Ours,
}

impl Snapshot {
    /// The newest of production's snapshots that will do.
    pub(super) async fn newest(&self, source: &Source) -> Result<Option<Used>, CloudError> {
        let limit = match self.wanted.choice {
            Choice::Fresh => return Ok(None),
            Choice::UpTo { max_age } => Some(max_age),
            Choice::Newest => None,
        };
        let snapshots: Vec<DbSnapshot> = (self.home.rds().await?)
            .describe_db_snapshots()
            .db_instance_identifier(&self.wanted.instance)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<_, _>>()
            .await
            .map_err(Failure::during("list production's snapshots"))?;
        let newest = snapshots
            .into_iter()
            .filter(|snapshot| is_usable(snapshot, &source.instance))
            .filter_map(|snapshot| Some((taken(&snapshot)?, snapshot)))
            .max_by_key(|(taken, _)| *taken);
        let Some((taken, snapshot)) = newest else {
            return Ok(None);
        };
        let age = Duration::try_from(Timestamp::now().duration_since(taken)).unwrap_or_default();
        if limit.is_some_and(|limit| age > limit) {
            return Ok(None);
        }
        let id = snapshot
            .db_snapshot_identifier()
            .ok_or_else(|| not_understood("list production's snapshots"))?;
        Ok(Some(Used {
            id: id.to_owned(),
            data_as_of: Some(taken),
            of: Whose::Production,
            key: snapshot.kms_key_id().map(str::to_owned),
            size: snapshot.allocated_storage(),
        }))
    }

    /// Takes a snapshot for this clone alone.
    pub(super) async fn take(
        &self,
        order: &Order<'_>,
        source: &Source,
    ) -> Result<Used, CloudError> {
        self.can_be_taken(source)?;
        (order.doing)(format!("taking a snapshot of `{}`", self.wanted.instance));
        let taken = (self.home.rds().await?)
            .create_db_snapshot()
            .db_instance_identifier(&self.wanted.instance)
            .db_snapshot_identifier(order.name.as_str())
            .set_tags(Some(tags(order.labels)))
            .send()
            .await
            .map_err(Failure::during("take a snapshot of production"));
        let data_as_of = Timestamp::now();
        if let Err(failure) = taken {
            self.home
                .made_after_all(order, Thing::Snapshot, failure)
                .await?;
        }
        self.home.ready(order, Thing::Snapshot).await?;
        Ok(Used {
            id: order.name.to_string(),
            data_as_of: Some(data_as_of),
            of: Whose::Ours,
            key: source.instance.kms_key_id().map(str::to_owned),
            size: source.instance.allocated_storage(),
        })
    }

    pub(super) fn can_be_taken(&self, source: &Source) -> Result<(), CloudError> {
        let status = source.instance.db_instance_status().unwrap_or_default();
        if matches!(status, READY | "storage-optimization" | "backing-up") {
            return Ok(());
        }
        let instance = &self.wanted.instance;
        Err(CloudError::Source {
            what: match self.wanted.choice {
                Choice::Fresh => {
                    format!("no snapshot can be taken of `{instance}`: it is {status}")
                }
                Choice::UpTo { max_age } => format!(
                    "`{instance}` has no snapshot younger than {}, and none can be taken: it is {status}",
                    human_seconds(max_age)
                ),
                Choice::Newest => {
                    format!("`{instance}` has no snapshot, and none can be taken: it is {status}")
                }
            },
            hint: Some(
                "raise the source's `max_age`, or wait until the instance is available".to_owned(),
            ),
        })
    }
}

/// Whether the snapshot is complete, of this very instance and not of an earlier one by its name, and
/// nobody's temporary one.
fn is_usable(snapshot: &DbSnapshot, instance: &DbInstance) -> bool {
    let is_same = match (snapshot.dbi_resource_id(), instance.dbi_resource_id()) {
        (Some(of), Some(is)) => of == is,
        _ => true,
    };
    let is_temporary = snapshot
        .db_snapshot_identifier()
        .is_none_or(|id| CloneName::parse(id).is_some());
    snapshot.status() == Some(READY) && is_same && !is_temporary
}

/// When the data was as it is in the snapshot. A copy was made later.
fn taken(snapshot: &DbSnapshot) -> Option<Timestamp> {
    snapshot
        .original_snapshot_create_time()
        .or_else(|| snapshot.snapshot_create_time())
        .and_then(time)
}
