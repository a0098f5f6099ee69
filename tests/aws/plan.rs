//! What `plan` tells is what a run calls: the whole life of a clone is held against the plan of the same
//! policy, each call and its names.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use pgrehearse::cloud::aws::{Choice, Cluster, ClusterWanted, Place, Snapshot, SnapshotWanted};
use pgrehearse::cloud::{Patience, Provider};
use tokio::time::Instant;

use crate::harness::aws::{ACCOUNT, Aws, Call, Fault, PACE, PRODUCTION, REGION};
use crate::harness::gate::Project;
use crate::harness::told::{Told, segments};
use crate::scene::Scene;

/// Labels of a plan, and the parameters that have their values.
const PARAMETERS: [(&str, &str); 8] = [
    ("instance", "DBInstanceIdentifier"),
    ("snapshot", "DBSnapshotIdentifier"),
    ("cluster", "DBClusterIdentifier"),
    ("of", "SourceDBClusterIdentifier"),
    ("class", "DBInstanceClass"),
    ("subnet group", "DBSubnetGroupName"),
    (
        "security groups",
        "VpcSecurityGroupIds.VpcSecurityGroupId.1",
    ),
    ("storage", "StorageType"),
];

/// A project whose source is at AWS.
pub fn project(source: &str, more: &str) -> Project {
    let project = Project::new();
    project.file("migrations/1.sql", "select 1;");
    project.policy(&format!(
        "version: 1\nname: orcha\nsource:\n  {source}\nmigrations: {{ files: migrations/*.sql }}\n\
         rules: {{ schema-drift: off, fresh-install-broken: off }}\n{more}\n"
    ));
    project
}

pub fn rds(more: &str) -> String {
    format!(
        "rds_snapshot: {{ instance: {PRODUCTION}, account: \"{ACCOUNT}\", region: {REGION}{more} }}"
    )
}

/// Runs the command there, with credentials that moto takes.
pub async fn command(
    aws: &Aws,
    project: &Project,
    arguments: &[&str],
    path: Option<&Path>,
) -> Output {
    let mut child = project.command(arguments);
    child
        .env("AWS_ENDPOINT_URL", &aws.url)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    if let Some(path) = path {
        let all = format!(
            "{}:{}",
            path.display(),
            std::env::var("PATH").unwrap_or_default()
        );
        child.env("PATH", all);
    }
    tokio::task::spawn_blocking(move || child.output())
        .await
        .expect("not cancelled")
        .expect("it starts")
}

fn is_look(action: &str) -> bool {
    action.starts_with("Describe") || action.starts_with("Get")
}

/// The plan's text, once it is seen to have changed nothing and to say what it asked.
pub async fn plan(aws: &Aws, project: &Project, path: Option<&Path>) -> (String, Told) {
    let before = aws.everything().await;
    aws.take_calls();
    let output = command(aws, project, &["plan"], path).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    let actions = aws.actions();
    assert_eq!(actions[0], "GetCallerIdentity", "{actions:?}");
    assert!(actions.iter().all(|action| is_look(action)), "{actions:?}");
    let told = Told::read(&text);
    assert_eq!(told.asked, actions.into_iter().collect(), "{text}");
    assert_eq!(aws.everything().await, before);
    aws.take_calls();
    (text, told)
}

/// Names of clones, without the run's id.
pub fn nameless(text: &str) -> String {
    let name = regex::Regex::new("pgrehearse-orcha-[0-9]{14}-[0-9a-f]{8}").expect("a pattern");
    name.replace_all(text, "pgrehearse-orcha-<run>")
        .into_owned()
}

/// What was called is what was told: the order of all, and the names of what changes something.
#[track_caller]
pub fn compare(told: &Told, calls: &[Call]) {
    let made = segments(calls.iter().map(|call| call.action.clone()), is_look);
    assert_eq!(made, told.segments, "{}", told.text);
    for call in calls.iter().filter(|call| !is_look(&call.action)) {
        let details = told.of(&call.action);
        for (label, parameter) in PARAMETERS {
            let named = call.get(parameter).map(nameless);
            let shown = details.get(label).map(|value| nameless(value));
            let action = &call.action;
            match (named, shown) {
                (Some(named), Some(shown)) if label == "storage" => {
                    assert!(shown.ends_with(&named), "{action}: {shown}, not {named}");
                }
                (None, Some(shown)) if shown == "the VPC's default one" => {}
                (named, shown) => assert_eq!(named, shown, "{action}: {label}\n{}", told.text),
            }
        }
        let groups: BTreeMap<&str, &str> = (call.parameters.iter())
            .filter(|(name, _)| name.ends_with("ParameterGroupName"))
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let shown = details.get("parameter group").map(String::as_str);
        assert_eq!(groups.values().copied().next(), shown, "{}", told.text);
    }
}

/// A clone's life, from the first look to its end.
async fn live(aws: &Aws, provider: &dyn Provider) -> Vec<Call> {
    let scene = Scene::new();
    aws.take_calls();
    provider.look().await.expect("looked at");
    scene.make(provider).await.expect("a clone");
    let by = Instant::now() + std::time::Duration::from_secs(10);
    (provider
        .account()
        .remove(&scene.name, Patience::Gone { by })
        .await)
        .expect("removed");
    aws.take_calls()
}

/// One whose programs are here.
pub fn version() -> String {
    let newest = pgrehearse::postgres::binaries::newest(None).expect("installed");
    format!("{}.4", newest.major)
}

async fn groups(aws: &Aws) {
    let group = [
        ("DBParameterGroupName", "like-production"),
        ("DBParameterGroupFamily", "postgres17"),
        ("Description", "x"),
    ];
    aws.rds("CreateDBParameterGroup", &group).await;
}

#[tokio::test]
async fn a_restored_snapshots_plan_is_what_a_run_calls() {
    let Some(aws) = Aws::start().await else {
        return;
    };
    // moto gives a clone production's protection, whatever is asked for; AWS does not.
    aws.make_instance_with(&version(), "false").await;
    groups(&aws).await;
    let place = Place {
        instance_class: Some("db.t4g.medium".to_owned()),
        security_groups: vec!["sg-0abc".to_owned()],
        parameter_group: Some("like-production".to_owned()),
        ..Place::default()
    };
    let written = ", instance_class: db.t4g.medium, security_groups: [sg-0abc], parameter_group: like-production";
    for (choice, more, target) in [
        (Choice::Newest, "", ""),
        (
            Choice::UpTo {
                max_age: std::time::Duration::from_millis(1),
            },
            ", max_age: 1ms",
            "",
        ),
        (Choice::Fresh, ", fresh: true", "target: in_place"),
    ] {
        let (_, told) = plan(
            &aws,
            &project(&rds(&format!("{written}{more}")), target),
            None,
        )
        .await;
        let provider = Snapshot::paced(
            &aws.access(),
            SnapshotWanted {
                instance: PRODUCTION.to_owned(),
                place: place.clone(),
                choice,
                ..SnapshotWanted::default()
            },
            PACE,
        );
        compare(&told, &live(&aws, &provider).await);
    }
}

#[tokio::test]
async fn a_clusters_plan_is_what_a_run_calls() {
    let Some(aws) = Aws::start().await else {
        return;
    };
    aws.make_cluster_of(&version()).await;
    let source = format!(
        "aurora_clone: {{ cluster: {PRODUCTION}, account: \"{ACCOUNT}\", region: {REGION} }}"
    );
    for class in ["", "db.serverless"] {
        let source = match class {
            "" => source.clone(),
            class => source.replace(" }", &format!(", instance_class: {class} }}")),
        };
        let (text, told) = plan(&aws, &project(&source, ""), None).await;
        let mut wanted = ClusterWanted {
            cluster: PRODUCTION.to_owned(),
            ..ClusterWanted::default()
        };
        wanted.place.instance_class = Some(class.to_owned()).filter(|class| !class.is_empty());
        let provider = Cluster::paced(&aws.access(), wanted, PACE);
        let calls = live(&aws, &provider).await;
        compare(&told, &calls);
        if class.is_empty() {
            insta::with_settings!({ filters => FILTERS.to_vec() }, {
                insta::assert_snapshot!("cluster", nameless(&text));
            });
        } else {
            assert!(text.contains("$0.06 to $0.96 an hour"), "{text}");
        }
    }
}

const FILTERS: [(&str, &str); 5] = [
    (r"rds:orcha-prod-[0-9-]+", "rds:orcha-prod-<day>"),
    (r"[0-9.]+ (?:m?s|min [0-9]+ s) ago", "<age> ago"),
    (r"sg-[0-9a-f]{17}", "sg-<id>"),
    (r"(default\.[a-z-]*postgres(?:ql)?)[0-9]+", "$1<major>"),
    (r"PostgreSQL [0-9.]+ server", "PostgreSQL <version> server"),
];

#[tokio::test]
async fn a_plan_says_what_is_made_and_what_it_costs() {
    let Some(aws) = Aws::start().await else {
        return;
    };
    aws.make_instance_of(&version()).await;
    let (text, _) = plan(&aws, &project(&rds(", max_age: 24h"), ""), None).await;
    insta::with_settings!({ filters => FILTERS.to_vec() }, {
        insta::assert_snapshot!("snapshot", nameless(&text));
    });

    // A temporary one, through Systems Manager, of a class that nobody knows the price of.
    let directory = tempfile::tempdir().expect("a directory");
    for name in ["aws", "session-manager-plugin"] {
        crate::tunnels::program(directory.path(), name, "exit 0");
    }
    let source = rds(", fresh: true, instance_class: db.z9.huge, connect: { ssm: i-0bastion }");
    let project = project(&source, "restore: { max_size: 20GB }\ntarget: in_place");
    let (text, told) = plan(&aws, &project, Some(directory.path())).await;
    insta::with_settings!({ filters => FILTERS.to_vec() }, {
        insta::assert_snapshot!("fresh", nameless(&text));
    });
    let (block, _) = told.text.split_once("\nThe job's role").expect("a policy");
    for line in block.lines() {
        assert!(line.chars().count() <= 88, "{line}");
    }
}

#[tokio::test]
async fn an_encrypted_production_has_its_keys_in_the_policy() {
    let Some(aws) = Aws::start().await else {
        return;
    };
    aws.make_instance_of(&version()).await;
    let key = |number: u8| format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{number}");
    // The newest snapshot is a copy that somebody has made with another key.
    for (action, before, number) in [
        ("DescribeDBInstances", "<DBInstanceStatus>", 1),
        ("DescribeDBSnapshots", "<Status>", 2),
    ] {
        let with = format!("<KmsKeyId>{}</KmsKeyId>{before}", key(number));
        aws.trap(action, 99, Fault::Rewrite(before, with));
    }
    let (text, _) = plan(&aws, &project(&rds(""), ""), None).await;
    for number in [1, 2] {
        // For looking, and for using.
        assert_eq!(text.matches(&key(number)).count(), 2, "{text}");
    }
}
