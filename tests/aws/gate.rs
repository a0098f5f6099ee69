//! The whole gate on an RDS instance that is restored beside production.

use crate::harness::fault::Scene;
use crate::harness::killed::{Sweep, Who, is_gone_from_here, kill_now};
use crate::instance::{Kind, RECIPES, Rehearsal};

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_instance_is_streamed_and_deleted() {
    let Some(rehearsed) = Rehearsal::of(Kind::Instance).run().await else {
        return;
    };
    rehearsed.went_as_planned();
    let run = &rehearsed.ended.run;
    run.expect_besides_lint(0, "go", &[]);
    let said = rehearsed.told().await;
    assert!(said.contains("every row of the source is there"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_instance_is_used_where_it_is() {
    let rehearsal = Rehearsal {
        migration: "begin;
            set lock_timeout = '2s';
            alter table recipes add column rating int;
            delete from recipes where id > 10;
            select pg_sleep(1.5);
            commit;",
        policy: "target: in_place",
        ..Rehearsal::of(Kind::Instance)
    };
    let Some(rehearsed) = rehearsal.run().await else {
        return;
    };
    rehearsed.went_as_planned();
    let run = &rehearsed.ended.run;
    run.expect_besides_lint(1, "no-go", &["blocking-lock", "rows-lost"]);
    let said = rehearsed.told().await;
    assert!(
        said.contains("1 index with 40.0 kB could not be read"),
        "{said}"
    );
    for finding in run.besides_lint() {
        let message = finding["message"].as_str().unwrap_or_default();
        let is_of_a_lock = finding["rule"] == "blocking-lock";
        assert_eq!(
            message.ends_with(" (cold indexes)"),
            is_of_a_lock,
            "{message}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_read_before_is_not_cold() {
    let production = format!(
        "create extension pg_prewarm; {RECIPES}
         create table notes (id int primary key, text text);
         alter table notes alter text set storage external;
         insert into notes select i, repeat('a note', 2000) from generate_series(1, 100) i;"
    );
    let rehearsal = Rehearsal {
        production: &production,
        migration: "begin;
            set lock_timeout = '2s';
            alter table recipes add column rating int;
            select pg_sleep(1.5);
            commit;",
        policy: "target: in_place",
        ..Rehearsal::of(Kind::Instance)
    };
    let Some(rehearsed) = rehearsal.run().await else {
        return;
    };
    let run = &rehearsed.ended.run;
    run.expect_besides_lint(1, "no-go", &["blocking-lock"]);
    let said = rehearsed.told().await;
    assert!(
        said.contains("all of them were read before the migration"),
        "{said}"
    );
    assert!(!said.contains("(cold "), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_after_the_clone_is_swept() {
    for stage in ["restore", "migrate", "verify"] {
        let kill_and_sweep = move |scene: &Scene| {
            let mut gate = scene.start();
            gate.until_says(&format!("{stage}: started"));
            let (run, _) = kill_now(gate, Who::GateAndGuard);
            let swept = Sweep::everything_of(scene, &run).run();
            swept.expect(1, &["deleted DB instance"]);
            is_gone_from_here(&run, scene);
        };
        let rehearsal = Rehearsal {
            policy: "target: in_place",
            ..Rehearsal::of(Kind::Instance)
        };
        let Some(killed) = rehearsal.drive(kill_and_sweep).await else {
            return;
        };
        assert_eq!(killed.aws.everything().await, killed.before);
    }
}
