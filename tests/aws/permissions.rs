//! The policy that `plan` prints: what a run calls passes by it, nothing of it can be left out, and
//! production can't be harmed with it.
//!
//! moto's own enforcement decides about the actions. It knows neither resources nor conditions: those are
//! decided here, as AWS's service authorization reference says, for every call that was made.

use std::collections::{BTreeMap, BTreeSet};

use pgrehearse::cloud::aws::{
    Access, Choice, Cluster, ClusterWanted, Home, Keys, Policy, Snapshot, SnapshotWanted,
    permissions,
};
use pgrehearse::cloud::{Account as _, CloudError, Connect, Patience, Provider};
use regex::Regex;
use serde_json::{Value, json};

use crate::harness::aws::{ACCOUNT, Aws, Call, Checked, PACE, PRODUCTION, REGION, values};
use crate::scene::{Scene, wanted};

const USER: &str = "ci";

#[tokio::test]
async fn a_snapshots_policy_is_enough_and_no_more() {
    let Some(aws) = Aws::with_instance().await else {
        return;
    };
    let mut wanted = wanted();
    wanted.choice = Choice::Fresh;
    let policy = permissions(&aws.access(), Policy::Snapshot(&wanted), &BTreeSet::new());
    let provider = |access: &Access| -> Box<dyn Provider> {
        Box::new(Snapshot::paced(access, wanted.clone(), PACE))
    };
    prove(&aws, &policy, &provider).await;
}

#[tokio::test]
async fn a_clusters_policy_is_enough_and_no_more() {
    let Some(aws) = Aws::with_cluster().await else {
        return;
    };
    let wanted = ClusterWanted {
        cluster: PRODUCTION.to_owned(),
        ..ClusterWanted::default()
    };
    let policy = permissions(&aws.access(), Policy::Cluster(&wanted), &BTreeSet::new());
    let provider = |access: &Access| -> Box<dyn Provider> {
        Box::new(Cluster::paced(access, wanted.clone(), PACE))
    };
    prove(&aws, &policy, &provider).await;
}

async fn prove(
    aws: &Aws,
    policy: &Value,
    provider: &(dyn Fn(&Access) -> Box<dyn Provider> + Sync),
) {
    let access = user(aws).await;
    let before = aws.everything().await;

    allow(aws, policy).await;
    aws.take_calls();
    whole_life(aws, &access, provider)
        .await
        .expect("the policy is enough");
    let calls = aws.take_calls();
    let needed = needed(&calls);
    for one in &needed {
        assert!(is_allowed(policy, one), "not allowed: {one:?}\n{policy:#}");
    }
    for (index, _) in statements(policy).iter().enumerate() {
        let less = without(policy, index);
        assert!(
            needed.iter().any(|one| !is_allowed(&less, one)),
            "not needed: {}",
            statements(policy)[index]
        );
    }
    for wrong in harmful() {
        assert!(!is_allowed(policy, &wrong), "allowed: {wrong:?}");
    }

    for action in actions(policy) {
        // moto asks for no permission to label what is made, as AWS does.
        if action == "rds:AddTagsToResource" {
            continue;
        }
        allow(aws, &without_action(policy, &action)).await;
        let error = whole_life(aws, &access, provider).await;
        let error = error.expect_err(&action).to_string();
        assert!(error.contains("(403)"), "{action}: {error}");
        aws.check_permissions(Checked::None).await;
        clear(aws).await;
        assert_eq!(aws.everything().await, before, "without {action}");
    }
}

/// Everything that a run and a sweep do.
async fn whole_life(
    aws: &Aws,
    access: &Access,
    provider: &(dyn Fn(&Access) -> Box<dyn Provider> + Sync),
) -> Result<(), CloudError> {
    let mut scene = Scene::new();
    // moto checks the signature of a body that it has written anew, with its own way for spaces.
    scene.labels.source = PRODUCTION.to_owned();
    let home = Home::paced(access, PACE);
    let provider = provider(access);
    provider.look().await?;
    home.list().await?;
    let made = scene.make(provider.as_ref()).await;
    // What is left of it in any case; the credentials of the test itself can always.
    let by = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    let removed = home.remove(&scene.name, Patience::Gone { by }).await;
    made?;
    removed?;
    // A temporary snapshot that could not be removed is found by the list.
    let left = home.list().await?;
    if let Some(left) = left.first() {
        return Err(CloudError::NotTheClone {
            name: left.name.clone(),
            why: format!("{} is left (403)", left.kind),
        });
    }
    let _ = aws;
    Ok(())
}

/// Removes what a run without a permission could not.
async fn clear(aws: &Aws) {
    let home = Home::paced(&aws.access(), PACE);
    for left in home.list().await.expect("a list") {
        home.remove(&left.name, Patience::Accepted)
            .await
            .expect("removed");
    }
}

/// A user with a key, whose policy is set later.
async fn user(aws: &Aws) -> Access {
    aws.iam("CreateUser", &[("UserName", USER)]).await;
    let made = aws.iam("CreateAccessKey", &[("UserName", USER)]).await;
    let one = |name: &str| values(&made, &format!("<{name}>([^<]*)</")).remove(0);
    Access {
        keys: Some(Keys {
            id: one("AccessKeyId"),
            secret: one("SecretAccessKey"),
            token: None,
            expires: None,
        }),
        ..aws.access()
    }
}

/// Gives the user the policy, as far as moto understands it.
async fn allow(aws: &Aws, policy: &Value) {
    let mut plain = policy.clone();
    for statement in plain["Statement"].as_array_mut().expect("statements") {
        statement["Resource"] = json!("*");
        let statement = statement.as_object_mut().expect("a statement");
        statement.remove("Condition");
    }
    aws.check_permissions(Checked::None).await;
    aws.iam(
        "PutUserPolicy",
        &[
            ("UserName", USER),
            ("PolicyName", "gate"),
            ("PolicyDocument", &plain.to_string()),
        ],
    )
    .await;
    aws.check_permissions(Checked::Every).await;
}

/// Something that AWS decides about.
#[derive(Debug)]
struct Asked {
    action: String,
    resources: BTreeSet<String>,
    /// `aws:RequestTag/…` and `aws:ResourceTag/…`.
    context: BTreeMap<String, String>,
}

fn arn(kind: &str, name: &str) -> String {
    format!("arn:aws:rds:{REGION}:{ACCOUNT}:{kind}:{name}")
}

/// What the calls ask for, by the resource types that AWS's reference gives their actions.
fn needed(calls: &[Call]) -> Vec<Asked> {
    const NAMES: [(&str, &str); 7] = [
        ("DBInstanceIdentifier", "db"),
        ("DBSnapshotIdentifier", "snapshot"),
        ("DBClusterIdentifier", "cluster"),
        ("SourceDBClusterIdentifier", "cluster"),
        ("DBSubnetGroupName", "subgrp"),
        ("DBParameterGroupName", "pg"),
        ("DBClusterParameterGroupName", "cluster-pg"),
    ];
    let mut asked = Vec::new();
    for call in calls
        .iter()
        .filter(|call| call.action != "GetCallerIdentity")
    {
        let mut resources: BTreeSet<String> = NAMES
            .iter()
            .filter_map(|(parameter, kind)| Some(arn(kind, call.get(parameter)?)))
            .collect();
        if call.action.starts_with("Describe") && resources.is_empty() {
            let kind = match call.action.as_str() {
                "DescribeDBInstances" => "db",
                "DescribeDBSnapshots" => "snapshot",
                _ => "cluster",
            };
            resources.insert(arn(kind, "*"));
        }
        let mut context: BTreeMap<String, String> = (call.tags().into_iter())
            .map(|(name, value)| (format!("aws:RequestTag/{name}"), value))
            .collect();
        if ["Modify", "Delete"]
            .iter()
            .any(|verb| call.action.starts_with(verb))
        {
            context.insert(
                "aws:ResourceTag/managed-by".to_owned(),
                "pgrehearse".to_owned(),
            );
        }
        if !call.tags().is_empty() {
            let made = match call.action.as_str() {
                "CreateDBSnapshot" => {
                    arn("snapshot", call.get("DBSnapshotIdentifier").expect("named"))
                }
                "RestoreDBClusterToPointInTime" => {
                    arn("cluster", call.get("DBClusterIdentifier").expect("named"))
                }
                _ => arn("db", call.get("DBInstanceIdentifier").expect("named")),
            };
            asked.push(Asked {
                action: "rds:AddTagsToResource".to_owned(),
                resources: BTreeSet::from([made]),
                context: context.clone(),
            });
        }
        asked.push(Asked {
            action: format!("rds:{}", call.action),
            resources,
            context,
        });
    }
    asked
}

/// What must not be allowed, whoever asks.
fn harmful() -> Vec<Asked> {
    let asked = |action: &str, resource: String, context: &[(&str, &str)]| Asked {
        action: format!("rds:{action}"),
        resources: BTreeSet::from([resource]),
        context: (context.iter())
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    };
    let ours = [("aws:ResourceTag/managed-by", "pgrehearse")];
    let labelled = [("aws:RequestTag/managed-by", "pgrehearse")];
    let mut harmful = Vec::new();
    for (kind, action) in [
        ("db", "DeleteDBInstance"),
        ("db", "ModifyDBInstance"),
        ("cluster", "DeleteDBCluster"),
        ("cluster", "ModifyDBCluster"),
        ("snapshot", "DeleteDBSnapshot"),
    ] {
        // By its name, and one in a name like ours without our label.
        harmful.push(asked(action, arn(kind, PRODUCTION), &ours));
        harmful.push(asked(action, arn(kind, "pgrehearse-x"), &[]));
    }
    // A label that would let production be removed; a thing that nobody would find again.
    harmful.push(asked("AddTagsToResource", arn("db", PRODUCTION), &labelled));
    harmful.push(asked(
        "RestoreDBInstanceFromDBSnapshot",
        arn("db", "pgrehearse-x"),
        &[],
    ));
    harmful.push(asked(
        "RestoreDBClusterToPointInTime",
        arn("cluster", "pgrehearse-x"),
        &[],
    ));
    harmful.push(asked("CreateDBInstance", arn("db", "another"), &labelled));
    harmful
}

/// IAM's decision: one statement allows the action on all of its resources.
fn is_allowed(policy: &Value, asked: &Asked) -> bool {
    statements(policy).iter().any(|statement| {
        texts(&statement["Action"]).contains(&asked.action)
            && asked.resources.iter().all(|resource| {
                texts(&statement["Resource"])
                    .iter()
                    .any(|pattern| fits(pattern, resource))
            })
            && statement["Condition"]["StringEquals"]
                .as_object()
                .into_iter()
                .flatten()
                .all(|(key, value)| asked.context.get(key).map(String::as_str) == value.as_str())
    })
}

fn fits(pattern: &str, resource: &str) -> bool {
    let pattern = regex::escape(pattern).replace(r"\*", ".*");
    Regex::new(&format!("^{pattern}$"))
        .expect("a pattern")
        .is_match(resource)
}

fn statements(policy: &Value) -> &[Value] {
    policy["Statement"].as_array().expect("statements")
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(all) => all.iter().flat_map(texts).collect(),
        value => value.as_str().map(str::to_owned).into_iter().collect(),
    }
}

fn actions(policy: &Value) -> BTreeSet<String> {
    statements(policy)
        .iter()
        .flat_map(|one| texts(&one["Action"]))
        .collect()
}

fn without(policy: &Value, index: usize) -> Value {
    let mut less = policy.clone();
    less["Statement"]
        .as_array_mut()
        .expect("statements")
        .remove(index);
    less
}

fn without_action(policy: &Value, action: &str) -> Value {
    let mut less = policy.clone();
    for statement in less["Statement"].as_array_mut().expect("statements") {
        let kept: Vec<String> = texts(&statement["Action"])
            .into_iter()
            .filter(|known| known != action)
            .collect();
        // moto takes no statement without an action.
        statement["Action"] = if kept.is_empty() {
            json!("none:None")
        } else {
            json!(kept)
        };
    }
    less
}

#[test]
fn what_is_configured_is_named() {
    let mut wanted = SnapshotWanted {
        instance: PRODUCTION.to_owned(),
        ..SnapshotWanted::default()
    };
    wanted.place.subnet_group = Some("rehearsal".to_owned());
    wanted.reach.connect = Connect::Ssm {
        target: "i-0bastion".to_owned(),
    };
    let key = "arn:aws-cn:kms:cn-north-1:123456789012:key/1";
    let access = Access::new(ACCOUNT, "cn-north-1");
    let keys = BTreeSet::from([key.to_owned()]);
    let policy = permissions(&access, Policy::Snapshot(&wanted), &keys);
    let text = policy.to_string();
    for part in [
        "arn:aws-cn:rds:cn-north-1:123456789012:subgrp:rehearsal",
        "arn:aws-cn:rds:cn-north-1:123456789012:db:orcha-prod",
        "arn:aws-cn:ec2:cn-north-1:123456789012:instance/i-0bastion",
        "document/AWS-StartPortForwardingSessionToRemoteHost",
        "kms:CreateGrant",
        "kms:GrantIsForAWSResource",
        "ssm:SessionDocumentAccessCheck",
        key,
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("\"*\""), "{text}");
    let sids: BTreeSet<&str> = (statements(&policy).iter())
        .filter_map(|one| one["Sid"].as_str())
        .collect();
    assert_eq!(sids.len(), statements(&policy).len());
}
