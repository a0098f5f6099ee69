//! What `sweep` is told: all pages, all kinds, and whose each is.

use std::collections::BTreeSet;

use pgrehearse::cloud::{Account as _, Labelled};
use pgrehearse::process::RunId;

use crate::harness::aws::{Aws, PASSWORD, PRODUCTION};
use crate::scene::{Scene, cluster, home, snapshot, wanted};

/// More than the most that one answer has.
const MANY: usize = 103;

#[tokio::test]
async fn all_pages_of_all_kinds_are_listed() {
    let Some(aws) = Aws::with_instance().await else {
        return;
    };
    aws.make_cluster().await;
    let mut names = BTreeSet::new();
    for _ in 0..MANY {
        let name = format!(
            "pgrehearse-many-{}",
            RunId::new().as_str().replace('_', "-")
        );
        aws.rds(
            "CreateDBInstance",
            &[
                ("DBInstanceIdentifier", &name),
                ("DBInstanceClass", "db.z9.large"),
                ("Engine", "postgres"),
                ("AllocatedStorage", "20"),
                ("MasterUsername", "master"),
                ("MasterUserPassword", PASSWORD),
            ],
        )
        .await;
        names.insert(name);
    }
    let scene = Scene::new();
    scene.make(&cluster(&aws)).await.expect("a cluster");
    let other = Scene::new();
    other
        .make(&snapshot(&aws, wanted()))
        .await
        .expect("a clone");
    aws.rds(
        "CreateDBSnapshot",
        &[
            ("DBInstanceIdentifier", PRODUCTION),
            ("DBSnapshotIdentifier", scene.name.as_str()),
            ("Tags.Tag.1.Key", "managed-by"),
            ("Tags.Tag.1.Value", "pgrehearse"),
            ("Tags.Tag.2.Key", "run-id"),
            ("Tags.Tag.2.Value", scene.name.run().as_str()),
        ],
    )
    .await;

    let listed = home(&aws).list().await.expect("a list");
    let pages = aws.take_calls();
    let next = pages.iter().find(|call| call.get("Marker").is_some());
    assert_eq!(
        next.map(|call| call.action.as_str()),
        Some("DescribeDBInstances")
    );
    let (many, few): (Vec<_>, Vec<_>) =
        listed.iter().partition(|one| one.labelled == Labelled::Not);
    let found: BTreeSet<String> = many.iter().map(|one| one.name.to_string()).collect();
    assert_eq!(found, names);
    assert!(
        many.iter()
            .all(|one| one.expires.is_none() && one.monthly_dollars.is_none())
    );

    let mut kinds: Vec<(&str, &str)> = few
        .iter()
        .map(|one| (one.kind, one.name.as_str()))
        .collect();
    kinds.sort_unstable();
    let mut wanted = vec![
        ("DB cluster", scene.name.as_str()),
        ("DB instance", scene.name.as_str()),
        ("DB instance", other.name.as_str()),
        ("DB snapshot", scene.name.as_str()),
    ];
    wanted.sort_unstable();
    assert_eq!(kinds, wanted);
    let instance = few
        .iter()
        .find(|one| one.kind == "DB instance" && one.name == other.name)
        .expect("listed");
    let expires = instance.expires.expect("an expiry");
    assert_eq!(expires.as_second(), other.labels.expires.as_second());
    // db.t4g.medium and 100 GiB of gp3.
    let dollars = instance.monthly_dollars.expect("an estimate");
    assert!((55.0..65.0).contains(&dollars), "{dollars}");

    scene.remove(&aws).await.expect("removed");
    other.remove(&aws).await.expect("removed");
    let left = home(&aws).list().await.expect("a list");
    assert_eq!(left.len(), MANY);
}
