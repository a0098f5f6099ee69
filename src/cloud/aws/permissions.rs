//! The IAM policy that one configuration needs, and no more: for people to give to the job's role.
//!
//! What AWS's service authorization reference says of each action decides what a statement can name: the
//! actions that only describe are for all of the region, those that make or change are for our names, and
//! for what wears our label where the thing is there already.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Access, Choice, ClusterWanted, FORWARDING_DOCUMENT, Place, SnapshotWanted};
use crate::cloud::{Connect, Labels};

/// Names of what we make.
const OURS: &str = "pgrehearse-*";

/// What a policy is for.
#[derive(Clone, Copy, Debug)]
pub enum Policy<'a> {
    Snapshot(&'a SnapshotWanted),
    Cluster(&'a ClusterWanted),
}

/// The IAM policy, as a document. `keys` are the ARNs of the keys that production's storage and its newest
/// snapshot are encrypted with.
///
/// Asking whose the credentials are needs no permission.
pub fn permissions(access: &Access, policy: Policy<'_>, keys: &BTreeSet<String>) -> Value {
    let mut statements = match policy {
        Policy::Snapshot(wanted) => of_snapshot(access, wanted),
        Policy::Cluster(wanted) => of_cluster(access, wanted),
    };
    let connect = match policy {
        Policy::Snapshot(wanted) => &wanted.reach.connect,
        Policy::Cluster(wanted) => &wanted.reach.connect,
    };
    if !keys.is_empty() {
        statements.extend(of_keys(access, keys));
    }
    if let Connect::Ssm { target } = connect {
        statements.extend(of_session(access, target));
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// RDS uses a key on behalf of whoever asks it to: it may be looked at, and granted to AWS's own use, and
/// nothing can be read with it. AWS's own key, `aws/rds`, allows that by itself.
fn of_keys(access: &Access, keys: &BTreeSet<String>) -> [Value; 2] {
    let by_rds = json!({ "kms:ViaService": format!("rds.{}.amazonaws.com", access.region) });
    [
        json!({
            "Sid": "LookAtTheKey",
            "Effect": "Allow",
            "Action": "kms:DescribeKey",
            "Resource": keys,
            "Condition": { "StringEquals": by_rds },
        }),
        json!({
            "Sid": "UseTheKey",
            "Effect": "Allow",
            "Action": "kms:CreateGrant",
            "Resource": keys,
            "Condition": {
                "Bool": { "kms:GrantIsForAWSResource": "true" },
                "StringEquals": by_rds,
            },
        }),
    ]
}

fn of_snapshot(access: &Access, wanted: &SnapshotWanted) -> Vec<Value> {
    let arn = |what: &str, name: &str| format!("{}:{what}:{name}", access.arn("rds"));
    // Production's own snapshots may have any name.
    let snapshots = match wanted.choice {
        Choice::Fresh => OURS,
        Choice::UpTo { .. } | Choice::Newest => "*",
    };
    let mut restored = vec![arn("db", OURS), arn("snapshot", snapshots), arn("og", "*")];
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
    let session = format!("{}:session/${{aws:userid}}-*", access.arn("ssm"));
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
            // Without it a session that names no document is a shell on the target.
            "Condition": { "BoolIfExists": { "ssm:SessionDocumentAccessCheck": "true" } },
        }),
        json!({
            "Sid": "UseTheTunnel",
            "Effect": "Allow",
            "Action": "ssmmessages:OpenDataChannel",
            "Resource": session,
        }),
        json!({
            "Sid": "CloseTheTunnel",
            "Effect": "Allow",
            "Action": "ssm:TerminateSession",
            "Resource": session,
        }),
    ]
}

fn asked_with_our_label() -> Value {
    json!({ "StringEquals": { (format!("aws:RequestTag/{}", Labels::MANAGED_BY)): Labels::US } })
}

fn wears_our_label() -> Value {
    json!({ "StringEquals": { (format!("aws:ResourceTag/{}", Labels::MANAGED_BY)): Labels::US } })
}
