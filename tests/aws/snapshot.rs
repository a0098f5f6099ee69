//! A restored snapshot, from moto's side.

use std::collections::BTreeMap;
use std::time::Duration;

use pgrehearse::cloud::aws::Choice;
use pgrehearse::cloud::{Account as _, Blocks, Patience, Provider as _};
use pgrehearse::postgres::endpoint::TlsMode;
use pgrehearse::text::Secret;

use crate::harness::aws::{Aws, PASSWORD, PRODUCTION};
use crate::scene::{Scene, home, snapshot, wanted};

/// What is there when no run is.
const NOTHING_OF_OURS: [&str; 2] = ["DBInstance orcha-prod", "DBSnapshot automatic"];

#[tokio::test]
async fn the_newest_snapshot_is_restored_with_our_tags_and_another_password() {
    let Some(aws) = Aws::with_instance().await else {
        return;
    };
    let scene = Scene::new();
    let provider = snapshot(&aws, wanted());
    let looked = provider.look().await.expect("looked at");
    assert_eq!(looked.version.as_deref(), Some("17.4"));
    assert_eq!(looked.size, None);
    assert_eq!(looked.database.as_deref(), Some("orcha"));
    assert!(looked.data_as_of.is_some());
    assert_eq!(aws.actions()[0], "GetCallerIdentity");
    let made = scene.make(&provider).await.expect("a clone");

    let ours: BTreeMap<String, String> = (scene.labels.pairs().into_iter())
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    assert_eq!(aws.tags("db", scene.name.as_str()).await, ours);
    let restored = aws.call("RestoreDBInstanceFromDBSnapshot");
    assert!(
        restored
            .get("DBSnapshotIdentifier")
            .is_some_and(|id| id.starts_with("rds:orcha-prod-")),
        "{restored:?}"
    );
    for (parameter, value) in [
        ("DBInstanceClass", "db.t4g.medium"),
        ("PubliclyAccessible", "false"),
        ("DeletionProtection", "false"),
        ("MultiAZ", "false"),
        ("CopyTagsToSnapshot", "false"),
        ("BackupRetentionPeriod", "0"),
        ("StorageType", "gp3"),
        ("VpcSecurityGroupIds.VpcSecurityGroupId.1", "sg-0abc"),
        (
            "EngineLifecycleSupport",
            "open-source-rds-extended-support-disabled",
        ),
    ] {
        assert_eq!(restored.get(parameter), Some(value), "{parameter}");
    }
    let modified = aws.call("ModifyDBInstance");
    assert_eq!(
        modified.get("DBInstanceIdentifier"),
        Some(scene.name.as_str())
    );
    assert_eq!(modified.get("ApplyImmediately"), Some("true"));
    let password = modified.get("MasterUserPassword").expect("a password");
    assert_ne!(password, PASSWORD);
    assert_eq!(
        made.endpoint.password.as_ref().map(Secret::expose),
        Some(password)
    );

    assert!(made.endpoint.is_at(&format!(
        "{}.aaaaaaaaaa.eu-central-1.rds.amazonaws.com",
        scene.name
    )));
    assert_eq!(made.endpoint.tls.mode, TlsMode::VerifyFull);
    let authorities = (made.endpoint.tls.root_certificate.as_ref())
        .map(|path| std::fs::read_to_string(path).expect("a file"));
    assert_eq!(
        authorities.map(|pem| pem.matches("BEGIN CERTIFICATE").count()),
        Some(3),
        "the region's own"
    );
    assert_eq!(made.endpoint.user, "master");
    assert_eq!(made.endpoint.database, "orcha");
    assert_eq!(
        made.source_hosts,
        ["orcha-prod.aaaaaaaaaa.eu-central-1.rds.amazonaws.com"]
    );
    assert_eq!(made.version.as_deref(), Some("17.4"));
    assert_eq!(made.blocks, Blocks::Lazy);
    assert!(!aws.actions().contains(&"CreateDBSnapshot".to_owned()));

    // Somebody protects it meanwhile.
    aws.rds(
        "ModifyDBInstance",
        &[
            ("DBInstanceIdentifier", scene.name.as_str()),
            ("DeletionProtection", "true"),
        ],
    )
    .await;
    scene.remove(&aws).await.expect("removed");
    let deleted = aws.call("DeleteDBInstance");
    assert_eq!(deleted.get("SkipFinalSnapshot"), Some("true"));
    assert_eq!(deleted.get("DeleteAutomatedBackups"), Some("true"));
    assert_eq!(aws.everything().await, NOTHING_OF_OURS);
    assert_eq!(
        aws.tags("db", PRODUCTION).await["environment"],
        "production"
    );
    scene
        .remove(&aws)
        .await
        .expect("there is nothing to remove");
}

#[tokio::test]
async fn a_temporary_snapshot_is_taken_where_none_will_do_and_goes_again() {
    let Some(aws) = Aws::with_instance().await else {
        return;
    };
    for choice in [
        Choice::Fresh,
        Choice::UpTo {
            max_age: Duration::ZERO,
        },
    ] {
        let scene = Scene::new();
        let mut wanted = wanted();
        wanted.choice = choice;
        let provider = snapshot(&aws, wanted);
        let looked = provider.look().await.expect("looked at");
        assert_eq!(looked.data_as_of, None);
        let made = scene.make(&provider).await.expect("a clone");
        assert!(made.data_as_of.is_some());
        let taken = aws.call("CreateDBSnapshot");
        assert_eq!(taken.get("DBInstanceIdentifier"), Some(PRODUCTION));
        assert_eq!(taken.tags()["managed-by"], "pgrehearse");
        let restored = aws.call("RestoreDBInstanceFromDBSnapshot");
        assert_eq!(
            restored.get("DBSnapshotIdentifier"),
            Some(scene.name.as_str())
        );
        // It is of no use any more when the clone is there.
        let left = aws.everything().await;
        assert!(left.contains(&scene.instance()), "{left:?}");
        assert!(
            !left.contains(&format!("DBSnapshot {}", scene.name)),
            "{left:?}"
        );
        scene.remove(&aws).await.expect("removed");
        assert_eq!(aws.everything().await, NOTHING_OF_OURS);
        aws.take_calls();
    }
    // Another run's temporary snapshot may go at any moment: it is never the newest.
    let other = Scene::new();
    aws.rds(
        "CreateDBSnapshot",
        &[
            ("DBInstanceIdentifier", PRODUCTION),
            ("DBSnapshotIdentifier", other.name.as_str()),
        ],
    )
    .await;
    let scene = Scene::new();
    let provider = snapshot(&aws, wanted());
    scene.make(&provider).await.expect("a clone");
    let restored = aws.call("RestoreDBInstanceFromDBSnapshot");
    assert!(
        restored
            .get("DBSnapshotIdentifier")
            .is_some_and(|id| id.starts_with("rds:"))
    );
}

#[tokio::test]
async fn only_what_the_tags_say_is_the_runs_is_removed() {
    let Some(aws) = Aws::with_instance().await else {
        return;
    };
    let (scene, other) = (Scene::new(), Scene::new());
    for (name, run) in [
        (&scene.name, "20200101000000_00000000"),
        (&other.name, other.name.run().as_str()),
    ] {
        aws.rds(
            "CreateDBInstance",
            &[
                ("DBInstanceIdentifier", name.as_str()),
                ("DBInstanceClass", "db.r6g.large"),
                ("Engine", "postgres"),
                ("AllocatedStorage", "20"),
                ("MasterUsername", "master"),
                ("MasterUserPassword", PASSWORD),
                ("Tags.Tag.1.Key", "managed-by"),
                ("Tags.Tag.1.Value", "pgrehearse"),
                ("Tags.Tag.2.Key", "run-id"),
                ("Tags.Tag.2.Value", run),
            ],
        )
        .await;
    }
    let before = aws.everything().await;
    let error = scene.remove(&aws).await.expect_err("not ours");
    assert!(error.to_string().contains("its tags do not say"), "{error}");
    // Nor is it used.
    let provider = snapshot(&aws, wanted());
    let error = scene.make(&provider).await.expect_err("not ours");
    assert!(error.to_string().contains("its tags do not say"), "{error}");
    assert_eq!(aws.everything().await, before);
    assert!(!aws.actions().contains(&"ModifyDBInstance".to_owned()));
    let home = home(&aws);
    home.remove(&other.name, Patience::Accepted)
        .await
        .expect("removed");
    let left = aws.everything().await;
    assert!(
        left.contains(&scene.instance()) && !left.contains(&other.instance()),
        "{left:?}"
    );
}
