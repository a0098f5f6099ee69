//! The IAM policy that one configuration needs, and no more: for people to give to the job's role.
//!
//! What AWS's service authorization reference says of each action decides what a statement can name: the
//! actions that only describe are for all of the region, those that make or change are for our names, and
//! for what wears our label where the thing is there already.

use serde_json::{Value, json};

use super::{Access, ClusterWanted, FORWARDING_DOCUMENT, Place, SnapshotWanted};
use crate::cloud::{Connect, Labels};

/// Names of what we make.
const OURS: &str = "pgrehearse-*";

/// What a policy is for.
#[derive(Clone, Copy, Debug)]
pub enum Policy<'a> {
    Snapshot(&'a SnapshotWanted),
    Cluster(&'a ClusterWanted),
}

/// The IAM policy, as a document. `key` is the ARN of the key that production's storage is encrypted with.
///
/// Asking whose the credentials are needs no permission.
pub fn permissions(access: &Access, policy: Policy<'_>, key: Option<&str>) -> Value {
    let mut statements = match policy {
        Policy::Snapshot(wanted) => of_snapshot(access, wanted),
        Policy::Cluster(wanted) => of_cluster(access, wanted),
    };
    let connect = match policy {
        Policy::Snapshot(wanted) => &wanted.reach.connect,
        Policy::Cluster(wanted) => &wanted.reach.connect,
    };
    if let Some(key) = key {
        statements.push(json!({
            "Sid": "UseTheKey",
            "Effect": "Allow",
            "Action": ["kms:CreateGrant", "kms:DescribeKey"],
            "Resource": key,
            "Condition": {
                "StringEquals": {
                    "kms:ViaService": format!("rds.{}.amazonaws.com", access.region),
                },
            },
        }));
    }
    if let Connect::Ssm { target } = connect {
        statements.extend(of_session(access, target));
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn of_snapshot(access: &Access, wanted: &SnapshotWanted) -> Vec<Value> {
    let arn = |what: &str, name: &str| format!("{}:{what}:{name}", access.arn("rds"));
    let mut restored = vec![arn("db", OURS), arn("snapshot", "*"), arn("og", "*")];
    restored.extend(groups(access, &wanted.place));
    vec![
        json!({
            "Sid": "Look",
            "Effect": "Allow",
            "Action": ["rds:DescribeDBInstances", "rds:DescribeDBSnapshots", "rds:DescribeDBClusters"],
            "Resource": [arn("db", "*"), arn("snapshot", "*"), arn("cluster", "*")],
        }),
        json!({
            "Sid": "TakeATemporarySnapshot",
            "Effect": "Allow",
            "Action": "rds:CreateDBSnapshot",
            "Resource": [arn("db", &wanted.instance), arn("snapshot", OURS)],
            "Condition": asked_with_our_label(),
        }),
        json!({
            "Sid": "Restore",
            "Effect": "Allow",
            "Action": "rds:RestoreDBInstanceFromDBSnapshot",
            "Resource": restored,
            "Condition": asked_with_our_label(),
        }),
        json!({
            "Sid": "Label",
            "Effect": "Allow",
            "Action": "rds:AddTagsToResource",
            "Resource": [arn("db", OURS), arn("snapshot", OURS)],
            "Condition": asked_with_our_label(),
        }),
        json!({
            "Sid": "SetThePassword",
            "Effect": "Allow",
            "Action": "rds:ModifyDBInstance",
            "Resource": arn("db", OURS),
            "Condition": wears_our_label(),
        }),
        json!({
            "Sid": "Remove",
            "Effect": "Allow",
            "Action": "rds:DeleteDBInstance",
            "Resource": arn("db", OURS),
            "Condition": wears_our_label(),
        }),
        json!({
            "Sid": "RemoveTheSnapshot",
            "Effect": "Allow",
            "Action": "rds:DeleteDBSnapshot",
            "Resource": arn("snapshot", OURS),
            "Condition": wears_our_label(),
        }),
    ]
}

fn of_cluster(access: &Access, wanted: &ClusterWanted) -> Vec<Value> {
    let arn = |what: &str, name: &str| format!("{}:{what}:{name}", access.arn("rds"));
    let mut restored = vec![
        arn("cluster", &wanted.cluster),
        arn("cluster", OURS),
        arn("og", "*"),
        arn(
            "cluster-pg",
            wanted.cluster_parameter_group.as_deref().unwrap_or("*"),
        ),
    ];
    restored.push(arn(
        "subgrp",
        wanted.place.subnet_group.as_deref().unwrap_or("*"),
    ));
    let mut added = vec![arn("db", OURS), arn("cluster", OURS), arn("og", "*")];
    added.extend(groups(access, &wanted.place));
    vec![
        json!({
            "Sid": "Look",
            "Effect": "Allow",
            "Action": ["rds:DescribeDBInstances", "rds:DescribeDBSnapshots", "rds:DescribeDBClusters"],
            "Resource": [arn("db", "*"), arn("snapshot", "*"), arn("cluster", "*")],
        }),
        json!({
            "Sid": "Clone",
            "Effect": "Allow",
            "Action": "rds:RestoreDBClusterToPointInTime",
            "Resource": restored,
            "Condition": asked_with_our_label(),
        }),
        json!({
            "Sid": "AddAnInstance",
            "Effect": "Allow",
            "Action": "rds:CreateDBInstance",
            "Resource": added,
            "Condition": asked_with_our_label(),
        }),
        json!({
            "Sid": "Label",
            "Effect": "Allow",
            "Action": "rds:AddTagsToResource",
            "Resource": [arn("db", OURS), arn("cluster", OURS)],
            "Condition": asked_with_our_label(),
        }),
        json!({
            "Sid": "SetThePassword",
            "Effect": "Allow",
            "Action": "rds:ModifyDBCluster",
            "Resource": arn("cluster", OURS),
            "Condition": wears_our_label(),
        }),
        json!({
            "Sid": "RemoveTheInstance",
            "Effect": "Allow",
            "Action": "rds:DeleteDBInstance",
            "Resource": arn("db", OURS),
            "Condition": wears_our_label(),
        }),
        json!({
            "Sid": "Remove",
            "Effect": "Allow",
            "Action": "rds:DeleteDBCluster",
            "Resource": arn("cluster", OURS),
            "Condition": wears_our_label(),
        }),
    ]
}

/// What a clone is put into. One that production decides is not known here.
fn groups(access: &Access, place: &Place) -> Vec<String> {
    let arn = |what: &str, name: Option<&str>| {
        format!("{}:{what}:{}", access.arn("rds"), name.unwrap_or("*"))
    };
    vec![
        arn("subgrp", place.subnet_group.as_deref()),
        arn("pg", place.parameter_group.as_deref()),
    ]
}

fn of_session(access: &Access, target: &str) -> Vec<Value> {
    // Instances that are not EC2's are Systems Manager's own.
    let target = if target.starts_with("mi-") {
        format!("{}:managed-instance/{target}", access.arn("ssm"))
    } else {
        format!("{}:instance/{target}", access.arn("ec2"))
    };
    let anybody = access.arn("ssm");
    let (partition, _) = anybody.split_once(":ssm:").unwrap_or(("arn:aws", ""));
    vec![
        json!({
            "Sid": "OpenTheTunnel",
            "Effect": "Allow",
            "Action": "ssm:StartSession",
            "Resource": [
                target,
                format!("{partition}:ssm:{}::document/{FORWARDING_DOCUMENT}", access.region),
            ],
        }),
        json!({
            "Sid": "CloseTheTunnel",
            "Effect": "Allow",
            "Action": "ssm:TerminateSession",
            "Resource": format!("{}:session/${{aws:userid}}-*", access.arn("ssm")),
        }),
    ]
}

fn asked_with_our_label() -> Value {
    json!({ "StringEquals": { (format!("aws:RequestTag/{}", Labels::MANAGED_BY)): Labels::US } })
}

fn wears_our_label() -> Value {
    json!({ "StringEquals": { (format!("aws:ResourceTag/{}", Labels::MANAGED_BY)): Labels::US } })
}
