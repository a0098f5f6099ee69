//! The whole gate on a clone of an Aurora cluster, used where it is.

use crate::instance::{Kind, Minor, Rehearsal};

#[tokio::test(flavor = "multi_thread")]
async fn a_cloned_cluster_is_a_go_where_it_is() {
    let Some(rehearsed) = Rehearsal::of(Kind::Cluster).run().await else {
        return;
    };
    rehearsed.went_as_planned();
    let run = &rehearsed.ended.run;
    run.expect_besides_lint(0, "go", &[]);
    for stage in ["clone", "restore", "migrate", "verify"] {
        assert_eq!(run.outcome(stage), "passed", "{stage}\n{}", run.stdout);
    }
    rehearsed.told().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_migration_is_a_no_go_on_a_cloned_cluster() {
    let rehearsal = Rehearsal {
        migration: "set lock_timeout = '2s';
            create unique index recipes_name on recipes (name);",
        ..Rehearsal::of(Kind::Cluster)
    };
    let Some(rehearsed) = rehearsal.run().await else {
        return;
    };
    let run = &rehearsed.ended.run;
    run.expect_besides_lint(1, "no-go", &["unique-violated"]);
    assert!(!rehearsed.told().await.contains("a recipe"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_of_a_newer_version_is_told() {
    let rehearsal = Rehearsal {
        minor: Minor::Older,
        ..Rehearsal::of(Kind::Cluster)
    };
    let Some(rehearsed) = rehearsal.run().await else {
        return;
    };
    rehearsed.ended.run.expect_besides_lint(0, "go", &[]);
    let said = rehearsed.told().await;
    assert!(
        said.contains("the provider made the clone with PostgreSQL"),
        "{said}"
    );
    assert!(said.contains("and production has"), "{said}");
    assert!(said.contains("the source has"), "{said}");
}
