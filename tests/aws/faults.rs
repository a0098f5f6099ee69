//! A service that fails on the way: throttling, silence, answers that get lost, states that never change.

use std::time::Duration;

use pgrehearse::cloud::aws::Choice;
use pgrehearse::cloud::{Account as _, CloudError, Patience, Provider as _};
use pgrehearse::verdict::Explained as _;
use tokio::time::Instant;

use crate::harness::aws::{Aws, Fault};
use crate::scene::{Scene, home, snapshot, wanted};

const STATUS: &str = "<DBInstanceStatus>[^<]*</DBInstanceStatus>";

fn status(status: &str) -> Fault {
    Fault::Rewrite(
        STATUS,
        format!("<DBInstanceStatus>{status}</DBInstanceStatus>"),
    )
}

#[tokio::test]
async fn a_lost_answer_leaves_one_clone_that_is_found_again() {
    let Some(aws) = Aws::with_instance().await else {
        return;
    };
    let before = aws.everything().await;
    // Once, so that the second attempt finds it; and every time.
    for times in [1, 3] {
        aws.trap("CreateDBSnapshot", times, Fault::LostAfterwards);
        aws.trap(
            "RestoreDBInstanceFromDBSnapshot",
            times,
            Fault::LostAfterwards,
        );
        aws.trap("ModifyDBInstance", 1, Fault::LostAfterwards);
        aws.trap("DeleteDBInstance", 1, Fault::LostAfterwards);
        let scene = Scene::new();
        let mut wanted = wanted();
        wanted.choice = Choice::Fresh;
        let made = scene.make(&snapshot(&aws, wanted)).await.expect("a clone");
        let set = aws.call("ModifyDBInstance");
        let password = made.endpoint.password.expect("a password");
        assert_eq!(set.get("MasterUserPassword"), Some(password.expose()));
        scene.remove(&aws).await.expect("removed");
        assert_eq!(aws.everything().await, before);
        aws.no_more_traps();
    }
}

#[tokio::test]
async fn throttling_and_silence_are_outwaited_and_refusal_is_told() {
    let Some(aws) = Aws::with_instance().await else {
        return;
    };
    aws.trap(
        "DescribeDBInstances",
        2,
        Fault::Error {
            status: 400,
            code: "Throttling",
            message: "Rate exceeded",
        },
    );
    aws.trap("DescribeDBInstances", 1, Fault::Pass);
    // More than the SDK's own attempts: the wait goes on.
    aws.trap("DescribeDBInstances", 4, Fault::Status(503));
    aws.trap("RestoreDBInstanceFromDBSnapshot", 1, Fault::Hang);
    let scene = Scene::new();
    scene
        .make(&snapshot(&aws, wanted()))
        .await
        .expect("a clone");
    scene.remove(&aws).await.expect("removed");

    aws.no_more_traps();
    let before = aws.everything().await;
    aws.trap("RestoreDBInstanceFromDBSnapshot", 9, Fault::Status(503));
    let scene = Scene::new();
    let error = scene
        .make(&snapshot(&aws, wanted()))
        .await
        .expect_err("never restored");
    assert_eq!(
        error.to_string(),
        "AWS refused to restore the snapshot (503): it did not say why"
    );
    scene.remove(&aws).await.expect("there is nothing");
    assert_eq!(aws.everything().await, before);
}

#[tokio::test]
async fn states_are_waited_for_or_told() {
    let Some(aws) = Aws::with_instance().await else {
        return;
    };
    // The source, and then the clone.
    aws.trap("DescribeDBInstances", 1, Fault::Pass);
    aws.trap("DescribeDBInstances", 3, status("creating"));
    aws.trap("DescribeDBInstances", 3, Fault::Pass);
    aws.trap(
        "DescribeDBInstances",
        4,
        status("resetting-master-credentials"),
    );
    let scene = Scene::new();
    scene
        .make(&snapshot(&aws, wanted()))
        .await
        .expect("a clone");
    let said = scene.said.lock().expect("said").join("\n");
    assert!(said.contains("the instance is creating"), "{said}");
    let describes = aws.actions();
    let describes = describes.iter().filter(|one| *one == "DescribeDBInstances");
    assert!(describes.count() >= 12, "the password was not waited for");
    scene.remove(&aws).await.expect("removed");

    for (state, hint) in [
        ("storage-full", "raise production's"),
        ("incompatible-network", "subnet_group"),
        ("restore-error", "events"),
        ("insufficient-capacity", "instance_class"),
    ] {
        aws.no_more_traps();
        aws.trap("DescribeDBInstances", 1, Fault::Pass);
        aws.trap("DescribeDBInstances", 99, status(state));
        let scene = Scene::new();
        let error = scene
            .make(&snapshot(&aws, wanted()))
            .await
            .expect_err("never ready");
        assert!(
            error
                .to_string()
                .ends_with(&format!("ended in state `{state}`")),
            "{error}"
        );
        let said = error.hint().unwrap_or_default();
        assert!(said.contains(hint), "{said}");
        // It is removed all the same.
        aws.no_more_traps();
        scene.remove(&aws).await.expect("removed");
    }

    aws.trap("DescribeDBInstances", 1, Fault::Pass);
    aws.trap("DescribeDBInstances", 9999, status("creating"));
    let scene = Scene::new();
    let error = scene
        .make_within(&snapshot(&aws, wanted()), Duration::from_millis(500))
        .await
        .expect_err("never ready");
    assert!(matches!(error, CloudError::NotReady { .. }), "{error}");
    assert!(
        error.to_string().ends_with("the instance is creating"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_not_the_clone_is_refused_before_anything_is_set() {
    let Some(aws) = Aws::with_instance().await else {
        return;
    };
    aws.trap("DescribeDBInstances", 1, Fault::Pass);
    aws.trap(
        "DescribeDBInstances",
        99,
        Fault::Rewrite(
            "<Address>[^<]*</Address>",
            "<Address>orcha-prod.AAAAAAAAAA.eu-central-1.rds.amazonaws.com.</Address>".to_owned(),
        ),
    );
    let scene = Scene::new();
    let error = scene
        .make(&snapshot(&aws, wanted()))
        .await
        .expect_err("production");
    assert!(matches!(error, CloudError::NotTheClone { .. }), "{error}");
    assert!(!aws.actions().contains(&"ModifyDBInstance".to_owned()));

    // Upgraded on the way, it is no rehearsal.
    aws.no_more_traps();
    aws.trap("DescribeDBInstances", 1, Fault::Pass);
    aws.trap(
        "DescribeDBInstances",
        99,
        Fault::Rewrite("<EngineVersion>17.4<", "<EngineVersion>18.1<".to_owned()),
    );
    let error = Scene::new()
        .make(&snapshot(&aws, wanted()))
        .await
        .expect_err("another major");
    assert!(
        error
            .to_string()
            .ends_with("with version 18.1, and the source is 17.4"),
        "{error}"
    );
    let hint = error.hint().unwrap_or_default();
    assert!(hint.contains("extended_support"), "{hint}");

    // A source of which no snapshot can be taken is told before anything is made.
    aws.no_more_traps();
    aws.trap("DescribeDBInstances", 99, status("stopped"));
    let mut wanted = wanted();
    wanted.choice = Choice::UpTo {
        max_age: Duration::ZERO,
    };
    let error = snapshot(&aws, wanted).look().await.expect_err("stopped");
    assert_eq!(
        error.to_string(),
        "`orcha-prod` has no snapshot younger than 0.00 s, and none can be taken: it is stopped"
    );
}

#[tokio::test]
async fn a_removal_waits_for_what_is_being_done() {
    let Some(aws) = Aws::with_instance().await else {
        return;
    };
    let before = aws.everything().await;
    let busy = |times| {
        aws.trap(
            "DeleteDBInstance",
            times,
            Fault::Error {
                status: 400,
                code: "InvalidDBInstanceState",
                message: "Instance is currently resetting-master-credentials",
            },
        );
    };
    for patience in [None, Some(Patience::Accepted)] {
        let scene = Scene::new();
        scene
            .make(&snapshot(&aws, wanted()))
            .await
            .expect("a clone");
        busy(3);
        aws.trap("DescribeDBInstances", 1, Fault::Status(503));
        match patience {
            None => scene.remove(&aws).await.expect("removed"),
            Some(patience) => home(&aws)
                .remove(&scene.name, patience)
                .await
                .expect("accepted"),
        }
        assert_eq!(aws.everything().await, before);
    }
    // One that is being deleted is waited for, and not asked for again.
    let scene = Scene::new();
    scene
        .make(&snapshot(&aws, wanted()))
        .await
        .expect("a clone");
    aws.take_calls();
    aws.trap("DescribeDBInstances", 9999, status("deleting"));
    let home = home(&aws);
    let accepted = home.remove(&scene.name, Patience::Accepted).await;
    accepted.expect("accepted");
    let by = Instant::now() + Duration::from_millis(300);
    let error = home
        .remove(&scene.name, Patience::Gone { by })
        .await
        .expect_err("it stays");
    assert!(matches!(error, CloudError::NotGone { .. }), "{error}");
    assert!(!aws.actions().contains(&"DeleteDBInstance".to_owned()));
}
