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

/// What `pg_cron` has in the database that it is told to keep its jobs in.
const JOBS: &str = "set session authorization rdsadmin;
    create schema cron;
    grant usage on schema cron to public;
    create table cron.job (jobid int primary key, command text, username text, active bool);
    insert into cron.job values (1, 'select call_out()', 'master', true);
    grant select, update on cron.job to rds_superuser;";

/// Its own rule: everybody sees their own.
const OWN_JOBS: &str = "alter table cron.job enable row level security;
    create policy cron_job_policy on cron.job using (username = current_user);
    insert into cron.job values (2, 'select call_out()', 'somebody', true);";

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_another_database_are_switched_off() {
    /// What the server has, what is told and what is not.
    type Case<'a> = (&'a str, &'a [&'a str], &'a [&'a str]);
    const DISARMED: &str = "cron jobs `cron.job of postgres`";
    const OTHERS: &str = "scheduled jobs may run in the clone that `master` can't switch off";
    let own = format!("{JOBS}{OWN_JOBS}");
    let none = JOBS.replace("'master', true", "'master', false");
    let refused = JOBS.replace("select, update", "select");
    let cases: [Case<'_>; 4] = [
        (JOBS, &[DISARMED], &[OTHERS]),
        (&own, &[DISARMED, OTHERS], &[]),
        (&none, &[], &[DISARMED, OTHERS]),
        (&refused, &[OTHERS, "`parameter_group`"], &[DISARMED]),
    ];
    for (beside, told, untold) in cases {
        let rehearsal = Rehearsal {
            beside,
            policy: "target: in_place",
            ..Rehearsal::of(Kind::Instance)
        };
        let Some(rehearsed) = rehearsal.run().await else {
            return;
        };
        let run = &rehearsed.ended.run;
        run.expect_besides_lint(0, "go", &[]);
        rehearsed.told().await;
        let said = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in told {
            assert!(said.contains(words), "no `{words}` in {said}");
        }
        for words in untold {
            assert!(!said.contains(words), "`{words}` in {said}");
        }
    }
}

/// A clone that goes on with production's subscription would take what production waits for.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_ended_or_the_answer_is_undecided() {
    const SUBSCRIBED: &str = "create subscription partner
            connection 'host=127.0.0.1 port=1 password=p connect_timeout=1' publication orders
            with (connect = false, slot_name = 'partner');
        alter subscription partner enable;";
    let newest = pgrehearse::postgres::binaries::newest(None).expect("a server is installed");
    // Before 16, only a superuser has subscriptions; RDS's own servers let the master have them.
    let is_masters = newest.major.0 >= 16;
    let mut beside = SUBSCRIBED.to_owned();
    if is_masters {
        beside.push_str(
            "grant pg_create_subscription to master; grant create on database postgres to master;
             alter subscription partner owner to master;",
        );
    }
    for policy in ["target: in_place", ""] {
        let rehearsal = Rehearsal {
            beside: &beside,
            policy,
            ..Rehearsal::of(Kind::Instance)
        };
        let Some(rehearsed) = rehearsal.run().await else {
            return;
        };
        let run = &rehearsed.ended.run;
        let (code, verdict) = if is_masters {
            (0, "go")
        } else {
            (3, "undecided")
        };
        run.expect_besides_lint(code, verdict, &[]);
        rehearsed.told().await;
        let said = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        let told = "subscription `partner` in `postgres` could not be ended";
        assert_eq!(said.contains(told), !is_masters, "{said}");
    }
}
