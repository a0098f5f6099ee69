//! The whole gate on a server as AWS sets it up.

use crate::instance::{Kind, Rehearsal, Rehearsed};
use crate::provider;

async fn rehearse(more: &str, migration: &str, policy: &str) -> Option<Rehearsed> {
    let directory = tempfile::tempdir().expect("a directory");
    let production = format!("{}{more}", provider::AWS);
    let rehearsal = Rehearsal {
        production: &production,
        migration,
        policy,
        binaries: Some(provider::binaries(directory.path())),
        ..Rehearsal::of(Kind::Instance)
    };
    rehearsal.run().await
}

const GOOD: &str = crate::instance::GOOD;

/// What of production needs AWS's own types.
const UPLOADS: &str = "create extension aws_commons;
    grant usage on schema aws_commons to master;
    set role master;
    create function uri(name text) returns aws_commons._s3_uri_1 language sql
        as $$ select aws_commons.create_s3_uri('bucket', name, 'eu-central-1') $$;
    reset role;";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_aws_s_own_is_left_out_and_told() {
    let Some(rehearsed) = rehearse(UPLOADS, GOOD, "").await else {
        return;
    };
    let run = &rehearsed.ended.run;
    run.expect_besides_lint(0, "go", &[]);
    rehearsed.told().await;
    let said = &run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for told in [
        "extension `rds_tools` exists only at the provider and is left out",
        "left out: event trigger `rds_ddl` of `rdsadmin`",
        "left out: publication `rds_blue_green` of `rdsadmin`",
        "left out: schema `rds_internal`, which the provider keeps for itself",
        "left out: `CREATE FUNCTION public.uri`, which needs the extension `aws_commons`",
    ] {
        assert!(said.contains(told), "{told}\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_aws_s_own_is_undecided() {
    let table = format!(
        "{UPLOADS} set role master;
         create table uploads (id int primary key, at aws_commons._s3_uri_1);
         create index on uploads (((at).bucket));
         insert into uploads values (1, uri('a'));
         reset role;"
    );
    let hints = "create extension pg_hint_plan; grant usage on schema hint_plan to master;";
    let cases = [
        (table.as_str(), GOOD, "public.uploads need"),
        (
            UPLOADS,
            "alter function uri(text) stable;",
            "the migration uses `CREATE FUNCTION public.uri`",
        ),
        (hints, GOOD, "not installed on this machine: pg_hint_plan"),
    ];
    for (production, migration, told) in cases {
        let Some(rehearsed) = rehearse(production, migration, "").await else {
            return;
        };
        let run = &rehearsed.ended.run;
        run.expect_besides_lint(3, "undecided", &[]);
        rehearsed.told().await;
        let said = &run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(told), "{told}\n{said}");
        assert!(said.contains("`target: in_place`"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_aws_s_own_is_in_the_way_in_place() {
    let migration = "set lock_timeout = '2s'; alter function uri(text) stable;";
    let Some(rehearsed) = rehearse(UPLOADS, migration, "target: in_place").await else {
        return;
    };
    let run = &rehearsed.ended.run;
    run.expect_besides_lint(0, "go", &[]);
    let said = rehearsed.told().await;
    assert!(!said.contains("target.server"), "{said}");
}
