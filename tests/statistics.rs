//! What the planner knows of a clone that was streamed: what production's knows, where that can be
//! had, and what ANALYZE finds where not.

mod harness;

use harness::gate::{Project, Run};
use harness::production::{self, FULL_READER, Production};
use pgrehearse::postgres::{Binaries, binaries};

const STATISTICS: &str = include_str!("fixtures/sources/statistics.sql");

fn newest() -> Binaries {
    binaries::newest(None).expect("a PostgreSQL server is installed")
}

async fn production() -> Production {
    let production = Production::start(&newest()).await;
    production.run(FULL_READER).await;
    production
        .run(include_str!("fixtures/sources/typed.sql"))
        .await;
    production
}

/// Runs the gate on `production`; what `looks` sees on the clone.
fn clone_of(production: &Production, more: &str, looks: &str) -> (Project, Run, String) {
    let project = production.project("{ database: { url: '${SOURCE_URL}' } }", more);
    project.file("more.sql", looks);
    project.file(
        "mask.sql",
        "update typed set few = 'masked'; update a set id = id + 1000;",
    );
    let run = production.run_live(&project);
    production::expect_restored(&run);
    let seen = production::look(&project, "more");
    (project, run, seen)
}

#[tokio::test]
async fn the_clone_plans_with_production_s_statistics() {
    let production = production().await;
    let (project, run, seen) = clone_of(&production, "", STATISTICS);
    production.expect_complete(&project, &run);
    let known =
        String::from_utf8_lossy(&production.tool("psql", &["-XAtqc", STATISTICS])).into_owned();
    assert!(known.lines().count() > 40);
    production::assert_same("statistics", &known, &seen);
}

#[tokio::test]
async fn the_clone_counts_its_own_rows_and_pages() {
    let production = production().await;
    let (_, _, seen) = clone_of(
        &production,
        "",
        "select reltuples, relpages = pg_relation_size(oid) / 8192 from pg_class
         where oid in ('typed'::regclass, 'orphans'::regclass) order by relname;
         select n_mod_since_analyze, n_ins_since_vacuum from pg_stat_user_tables where relname = 'typed';
         select count(*) from pg_statistic_ext_data;
         select most_common_vals::text ~ 'new' from pg_stats where tablename = 'typed' and attname = 'few'",
    );
    assert_eq!(seen, "1|t\n900|t\n0|0\n1\nf\n");
}

#[tokio::test]
async fn without_the_right_to_read_them_statistics_are_made() {
    let production = production().await;
    production
        .run(
            "revoke pg_read_all_data from reader;
             grant usage on schema audit, \"My Schema\" to reader;
             grant select on all tables in schema public, audit, \"My Schema\" to reader;
             grant select on all sequences in schema public, audit, \"My Schema\" to reader;",
        )
        .await;
    let (_, _, seen) = clone_of(&production, "", HAS_NEW);
    assert_eq!(seen, "t\n");
}

/// The domain forbids by now what the statistics still hold.
#[tokio::test]
async fn statistics_that_the_clone_can_not_read_are_made() {
    let production = production().await;
    production
        .run("update typed set small = abs(small); alter domain positive add check (value >= 0)")
        .await;
    let (_, _, seen) = clone_of(&production, "", HAS_NEW);
    assert_eq!(seen, "t\n");
}

#[tokio::test]
async fn masked_values_are_in_no_statistics() {
    let production = production().await;
    let (_, _, seen) = clone_of(
        &production,
        "restore: { mask: [mask.sql] }",
        "select most_common_vals from pg_stats where tablename = 'typed' and attname = 'few';
         select histogram_bounds from pg_stats where tablename = 'a'",
    );
    assert_eq!(seen, "{masked}\n{1001,1002,1003}\n");
}

/// Production's own do not have it.
const HAS_NEW: &str = "select most_common_vals::text ~ 'new' from pg_stats where tablename = 'typed' and attname = 'few'";
