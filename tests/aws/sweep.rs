//! `pgrehearse sweep` at AWS: what is ours and of no more use is deleted, and nothing else. What is there is
//! asked of moto.

use crate::harness::aws::{Aws, PASSWORD, PRODUCTION};
use crate::harness::fault::Scene;
use crate::harness::killed::{Sweep, Swept};
use crate::kill::{SNAPSHOT, orcha};

/// More than the most that one answer has.
const MANY: usize = 101;

const OVER: &str = "2026-01-02T00:00:00Z";

const NOT_YET: &str = "2999-01-01T00:00:00Z";

/// What the tags of a thing say.
#[derive(Clone, Copy)]
struct Says {
    run: &'static str,
    expires: &'static str,
}

fn tags(says: Option<Says>) -> Vec<(String, String)> {
    let Some(Says { run, expires }) = says else {
        return Vec::new();
    };
    let tags = [
        ("managed-by", "pgrehearse"),
        ("run-id", run),
        ("expires-at", expires),
    ];
    (tags.iter().zip(1..))
        .flat_map(|((key, value), number)| {
            [
                (format!("Tags.Tag.{number}.Key"), (*key).to_owned()),
                (format!("Tags.Tag.{number}.Value"), (*value).to_owned()),
            ]
        })
        .collect()
}

async fn ask(aws: &Aws, action: &str, parameters: &[(&str, &str)], says: Option<Says>) {
    let tags = tags(says);
    let mut all = parameters.to_vec();
    all.extend(
        tags.iter()
            .map(|(key, value)| (key.as_str(), value.as_str())),
    );
    aws.rds(action, &all).await;
}

const MASTER: [(&str, &str); 2] = [
    ("MasterUsername", "master"),
    ("MasterUserPassword", PASSWORD),
];

async fn instance(aws: &Aws, name: &str, more: &[(&str, &str)], says: Option<Says>) {
    let own = [
        ("DBInstanceIdentifier", name),
        ("DBInstanceClass", "db.t4g.medium"),
        ("Engine", "postgres"),
        ("AllocatedStorage", "100"),
        ("StorageType", "gp3"),
    ];
    let all = [&own[..], &MASTER, more].concat();
    ask(aws, "CreateDBInstance", &all, says).await;
}

async fn cluster(aws: &Aws, name: &str, more: &[(&str, &str)], says: Option<Says>) {
    let own = [
        ("DBClusterIdentifier", name),
        ("Engine", "aurora-postgresql"),
    ];
    let all = [&own[..], &MASTER, more].concat();
    ask(aws, "CreateDBCluster", &all, says).await;
}

async fn instance_of(aws: &Aws, name: &str, says: Option<Says>) {
    let own = [
        ("DBInstanceIdentifier", name),
        ("DBClusterIdentifier", name),
        ("DBInstanceClass", "db.r6g.large"),
        ("Engine", "aurora-postgresql"),
    ];
    ask(aws, "CreateDBInstance", &own, says).await;
}

async fn snapshot(aws: &Aws, name: &str, says: Option<Says>) {
    let own = [
        ("DBInstanceIdentifier", PRODUCTION),
        ("DBSnapshotIdentifier", name),
    ];
    ask(aws, "CreateDBSnapshot", &own, says).await;
}

/// Everything but what moto makes by itself.
async fn there(aws: &Aws) -> Vec<String> {
    let mut found = aws.everything().await;
    found.retain(|one| !one.contains(" rds:"));
    found
}

async fn sweep(scene: &Scene, more: &[&str]) -> Swept {
    let sweep = Sweep::of(scene, more);
    (tokio::task::spawn_blocking(|| sweep.run()).await).expect("no panic")
}

macro_rules! name {
    ($last:literal) => {
        concat!("pgrehearse-orcha-20260101000000-0000000", $last)
    };
}

macro_rules! says {
    ($last:literal, $expires:expr) => {
        Some(Says {
            run: concat!("20260101000000_0000000", $last),
            expires: $expires,
        })
    };
}

const PROTECTED: [(&str, &str); 1] = [("DeletionProtection", "true")];

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_ours_and_over_is_deleted() {
    let Some(aws) = Aws::with_instance().await else {
        return;
    };
    aws.make_cluster_of("16.6").await;
    // Somebody's, who likes the name; they fill the first page.
    for number in 0..MANY {
        let name = format!("pgrehearse-orcha-20250101000000-{number:08x}");
        instance(&aws, &name, &[], None).await;
    }
    // Its tags are another run's.
    snapshot(&aws, name!("8"), says!("9", OVER)).await;
    // Ours by its tags alone.
    instance(&aws, "pgrehearse-notes", &[], says!("1", OVER)).await;
    instance(&aws, name!("7"), &[], says!("7", NOT_YET)).await;
    let stays = there(&aws).await;

    // A temporary snapshot whose instance is gone, a cluster that was given no instance, one with an
    // instance, and two that somebody has protected.
    snapshot(&aws, name!("1"), says!("1", OVER)).await;
    cluster(&aws, name!("2"), &[], says!("2", OVER)).await;
    cluster(&aws, name!("3"), &[], says!("3", OVER)).await;
    instance_of(&aws, name!("3"), says!("3", OVER)).await;
    instance(&aws, name!("4"), &PROTECTED, says!("4", OVER)).await;
    cluster(&aws, name!("5"), &PROTECTED, says!("5", OVER)).await;
    let all = there(&aws).await;
    assert_eq!(all.len(), stays.len() + 6);

    let scene = orcha(&aws.url, SNAPSHOT);
    let listed = sweep(&scene, &[]).await;
    let leaked: Vec<&str> = (listed.stdout.lines())
        .filter(|line| line.starts_with("leaked"))
        .collect();
    let total = format!("{} things of runs, 6 leaked, about $", MANY + 2 + 6);
    listed.expect(1, &[&total]);
    assert_eq!(leaked.len(), 6, "{leaked:#?}");
    for line in &leaked {
        assert!(
            line.contains(" days old, expired 2026-01-02 00:00 UTC"),
            "{line}"
        );
        assert_eq!(
            line.contains("about $"),
            !line.contains("DB cluster"),
            "{line}"
        );
    }
    assert_eq!(there(&aws).await, all, "it was only looked at");

    let deleted = sweep(&scene, &["--delete"]).await;
    deleted.expect(1, &[&format!("deleted DB snapshot `{}`", name!("1"))]);
    assert_eq!(there(&aws).await, stays, "{}", deleted.stdout);
    sweep(&scene, &["--delete"]).await.expect(0, &["0 leaked"]);

    // One that has not expired, of a run that is over.
    let run = ["--run-id", "20260101000000_00000007", "--delete"];
    sweep(&scene, &run)
        .await
        .expect(1, &["deleted DB instance"]);
    let left = there(&aws).await;
    assert_eq!(left.len(), stays.len() - 1);
    assert!(!left.contains(&format!("DBInstance {}", name!("7"))));
}
