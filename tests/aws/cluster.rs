//! A clone of an Aurora cluster, from moto's side.

use std::collections::BTreeMap;

use pgrehearse::cloud::{Blocks, CloudError, Provider as _};
use pgrehearse::text::Secret;

use crate::harness::aws::{Aws, Fault, PASSWORD, PRODUCTION};
use crate::scene::{Scene, cluster, snapshot, wanted};

#[tokio::test]
async fn a_cluster_is_cloned_with_an_instance_and_removed_with_it() {
    let Some(aws) = Aws::with_cluster().await else {
        return;
    };
    let before = aws.everything().await;
    let scene = Scene::new();
    let provider = cluster(&aws);
    let looked = provider.look().await.expect("looked at");
    assert_eq!(looked.version.as_deref(), Some("16.6"));
    assert_eq!(looked.database.as_deref(), Some("orcha"));
    // AWS may make the clone with its newest minor version.
    aws.trap("DescribeDBClusters", 1, Fault::Pass);
    aws.trap(
        "DescribeDBClusters",
        99,
        Fault::Rewrite("<EngineVersion>16.6<", "<EngineVersion>16.8<".to_owned()),
    );
    let made = scene.make(&provider).await.expect("a clone");
    aws.no_more_traps();
    assert_eq!(made.version.as_deref(), Some("16.8"));
    assert_eq!(made.blocks, Blocks::There);

    let ours: BTreeMap<String, String> = (scene.labels.pairs().into_iter())
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    assert_eq!(aws.tags("cluster", scene.name.as_str()).await, ours);
    assert_eq!(aws.tags("db", scene.name.as_str()).await, ours);
    let restored = aws.call("RestoreDBClusterToPointInTime");
    for (parameter, value) in [
        ("RestoreType", "copy-on-write"),
        ("UseLatestRestorableTime", "true"),
        ("SourceDBClusterIdentifier", PRODUCTION),
        ("DeletionProtection", "false"),
    ] {
        assert_eq!(restored.get(parameter), Some(value), "{parameter}");
    }
    let added = aws.call("CreateDBInstance");
    for (parameter, value) in [
        ("DBClusterIdentifier", scene.name.as_str()),
        ("DBInstanceClass", "db.r6g.large"),
        ("PubliclyAccessible", "false"),
    ] {
        assert_eq!(added.get(parameter), Some(value), "{parameter}");
    }
    for call in aws.take_calls() {
        let traps = ["Monitoring", "PerformanceInsights"];
        let trapped = call
            .parameters
            .keys()
            .any(|name| traps.iter().any(|trap| name.contains(trap)));
        assert!(!trapped, "{call:?}");
        if call.action == "ModifyDBCluster" {
            let password = call.get("MasterUserPassword").expect("a password");
            assert_ne!(password, PASSWORD);
            let made = made.endpoint.password.as_ref().map(Secret::expose);
            assert_eq!(made, Some(password));
        }
    }
    let place = format!("{}.cluster-", scene.name);
    assert!(
        made.endpoint.to_string().contains(&place),
        "{}",
        made.endpoint
    );
    assert!(made.source_hosts.len() >= 3, "{:?}", made.source_hosts);
    assert!(
        !made
            .source_hosts
            .iter()
            .any(|host| made.endpoint.is_at(host))
    );

    // Somebody protects it meanwhile.
    aws.rds(
        "ModifyDBCluster",
        &[
            ("DBClusterIdentifier", scene.name.as_str()),
            ("DeletionProtection", "true"),
        ],
    )
    .await;
    scene.remove(&aws).await.expect("removed");
    assert_eq!(aws.everything().await, before);
}

/// What moto does not say: it makes the same cluster anew.
fn already_exists() -> Fault {
    Fault::Error {
        status: 400,
        code: "DBClusterAlreadyExistsFault",
        message: "DB Cluster already exists",
    }
}

#[tokio::test]
async fn lost_answers_leave_one_cluster() {
    let Some(aws) = Aws::with_cluster().await else {
        return;
    };
    let before = aws.everything().await;
    for times in [1, 3] {
        for action in [
            "RestoreDBClusterToPointInTime",
            "CreateDBInstance",
            "ModifyDBCluster",
            "DeleteDBCluster",
        ] {
            aws.trap(action, times, Fault::LostAfterwards);
        }
        aws.trap("RestoreDBClusterToPointInTime", 1, already_exists());
        let scene = Scene::new();
        scene.make(&cluster(&aws)).await.expect("a clone");
        scene.remove(&aws).await.expect("removed");
        assert_eq!(aws.everything().await, before);
        aws.no_more_traps();
    }
    // Somebody else's cluster by the name is neither used nor removed.
    let scene = Scene::new();
    aws.rds(
        "CreateDBCluster",
        &[
            ("DBClusterIdentifier", scene.name.as_str()),
            ("Engine", "aurora-postgresql"),
            ("MasterUsername", "master"),
            ("MasterUserPassword", PASSWORD),
        ],
    )
    .await;
    aws.trap("RestoreDBClusterToPointInTime", 1, already_exists());
    let error = scene.make(&cluster(&aws)).await.expect_err("not ours");
    assert!(matches!(error, CloudError::NotTheClone { .. }), "{error}");
    let error = scene.remove(&aws).await.expect_err("not ours");
    assert!(matches!(error, CloudError::NotTheClone { .. }), "{error}");
    let left = aws.everything().await;
    assert!(
        left.contains(&format!("DBCluster {}", scene.name)),
        "{left:?}"
    );
}

#[tokio::test]
async fn a_source_of_the_wrong_kind_is_told() {
    let Some(aws) = Aws::with_cluster().await else {
        return;
    };
    let mut wanted = wanted();
    wanted.instance = "orcha-prod-writer".to_owned();
    let error = snapshot(&aws, wanted).look().await.expect_err("Aurora");
    assert_eq!(
        error.to_string(),
        "`orcha-prod-writer` is an instance of an Aurora cluster"
    );
    aws.rds(
        "DeleteDBInstance",
        &[
            ("DBInstanceIdentifier", "orcha-prod-writer"),
            ("SkipFinalSnapshot", "true"),
        ],
    )
    .await;
    let error = cluster(&aws).look().await.expect_err("no instance");
    assert!(error.to_string().contains("has no instance"), "{error}");
}
