//! Everything in an account's region that runs have made, all pages of it.

use aws_sdk_rds::types::{DbCluster, DbInstance, DbSnapshot, Tag};
use jiff::Timestamp;

use super::failure::Failure;
use super::seen::{Thing, are_of, value};
use super::{Home, price};
use crate::cloud::{CloneName, CloudError, Labelled, Labels, Resource};

/// So many are asked for at once, the most that AWS gives.
const PAGE: i32 = 100;

pub(super) async fn list(home: &Home) -> Result<Vec<Resource>, CloudError> {
    let (instances, clusters, snapshots) =
        tokio::try_join!(instances(home), clusters(home), snapshots(home))?;
    let instances = instances.iter().filter_map(|instance| {
        let cost = price::instance(
            instance.db_instance_class()?,
            instance.engine().unwrap_or_default(),
            &price::Storage {
                kind: instance.storage_type().unwrap_or_default(),
                gibibytes: instance.allocated_storage().unwrap_or_default(),
                iops: instance.iops().unwrap_or_default(),
            },
        );
        let id = instance.db_instance_identifier();
        resource(Thing::Instance, id, instance.tag_list(), cost)
    });
    // A clone's storage is production's until it is written to.
    let clusters = clusters.iter().filter_map(|cluster| {
        let id = cluster.db_cluster_identifier();
        resource(Thing::Cluster, id, cluster.tag_list(), None)
    });
    let snapshots = snapshots.iter().filter_map(|snapshot| {
        let cost = snapshot.allocated_storage().map(price::snapshot);
        let id = snapshot.db_snapshot_identifier();
        resource(Thing::Snapshot, id, snapshot.tag_list(), cost)
    });
    Ok(instances.chain(clusters).chain(snapshots).collect())
}

fn resource(
    thing: Thing,
    id: Option<&str>,
    tags: &[Tag],
    monthly_dollars: Option<f64>,
) -> Option<Resource> {
    let name = CloneName::parse(id?)?;
    let expires: Option<Timestamp> = value(tags, Labels::EXPIRES).and_then(|at| at.parse().ok());
    Some(Resource {
        kind: thing.kind(),
        labelled: if are_of(tags, &name) {
            Labelled::Ours
        } else {
            Labelled::Not
        },
        expires,
        name,
        monthly_dollars,
    })
}

async fn instances(home: &Home) -> Result<Vec<DbInstance>, CloudError> {
    (home.rds().await?)
        .describe_db_instances()
        .into_paginator()
        .page_size(PAGE)
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .map_err(|error| Failure::during("list the instances")(error).into())
}

async fn clusters(home: &Home) -> Result<Vec<DbCluster>, CloudError> {
    (home.rds().await?)
        .describe_db_clusters()
        .into_paginator()
        .page_size(PAGE)
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .map_err(|error| Failure::during("list the clusters")(error).into())
}

async fn snapshots(home: &Home) -> Result<Vec<DbSnapshot>, CloudError> {
    (home.rds().await?)
        .describe_db_snapshots()
        .snapshot_type("manual")
        .into_paginator()
        .page_size(PAGE)
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .map_err(|error| Failure::during("list the snapshots")(error).into())
}
