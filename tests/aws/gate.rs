//! The whole gate on an RDS instance that is restored beside production.

use crate::instance::{Kind, Rehearsal};

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_instance_is_streamed_and_deleted() {
    let Some(rehearsed) = Rehearsal::of(Kind::Instance).run().await else {
        return;
    };
    let run = &rehearsed.ended.run;
    run.expect_besides_lint(0, "go", &[]);
    let said = rehearsed.told().await;
    assert!(said.contains("every row of the source is there"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_instance_is_used_where_it_is() {
    let rehearsal = Rehearsal {
        migration: "delete from recipes where id > 10;",
        policy: "target: in_place",
        ..Rehearsal::of(Kind::Instance)
    };
    let Some(rehearsed) = rehearsal.run().await else {
        return;
    };
    let run = &rehearsed.ended.run;
    run.expect_besides_lint(1, "no-go", &["rows-lost"]);
    let said = rehearsed.told().await;
    assert!(
        said.contains("durations are those of cold storage"),
        "{said}"
    );
}
