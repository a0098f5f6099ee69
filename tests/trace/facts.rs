//! What the trace says of a migration, statement by statement.

use serde_json::Value;

use pgrehearse::text::Secret;

use crate::NOT_JUDGED;
use crate::harness::Server;
use crate::harness::gate::{Project, Run};

const PRODUCTION: &str = "
    create table customers (id int primary key, name text);
    insert into customers select i, 'c' from generate_series(1, 100) i;
    create table orders (id int primary key, customer int, note varchar(100), total numeric(10, 2));
    insert into orders select i, 1 + i % 100, 'n', i from generate_series(1, 20000) i;
    create role app login;
    alter table customers owner to app;
    alter table orders owner to app;
";

fn migrated(migration: &str, more: &str) -> Run {
    let project = Project::sql(PRODUCTION, &[("1.sql", migration)]);
    project.policy(&format!(
        "version: 1\nsource: {{ sql: production.sql }}\n{NOT_JUDGED}\n\
         migrations:\n  files: migrations/*.sql\n  role: app\n{more}"
    ));
    project.run()
}

/// The statements that name `word`.
#[track_caller]
fn statement<'r>(run: &'r Run, word: &str) -> &'r Value {
    run.report["trace"]["statements"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|statement| {
            statement["text"]
                .as_str()
                .is_some_and(|text| text.contains(word))
        })
        .unwrap_or_else(|| panic!("no statement has `{word}`: {:#}", run.report["trace"]))
}

fn relations<'r>(statement: &'r Value, what: &str) -> Vec<&'r str> {
    statement[what]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry["relation"].as_str())
        .collect()
}

#[test]
fn statements_have_places_and_no_values() {
    let run = migrated(
        "-- a comment\nalter table orders\n    add column state text default 'secret';\n\n\
         update orders set note = 'secret ' || id;\n",
        "",
    );
    let altered = statement(&run, "add column state");
    assert_eq!(
        (
            &altered["tag"],
            &altered["file"],
            &altered["line"],
            &altered["text"]
        ),
        (
            &"ALTER TABLE".into(),
            &"migrations/1.sql".into(),
            &2.into(),
            &"alter table orders add column state text default ?".into()
        )
    );
    let updated = statement(&run, "update orders");
    assert_eq!(
        (&updated["tag"], &updated["line"]),
        (&"UPDATE".into(), &5.into())
    );
    assert!(updated["seconds"].as_f64() > Some(0.004), "{updated:#}");
    let trace = &run.report["trace"];
    // A server without `pg_stat_statements` says so.
    if !trace["missing"].to_string().contains("rows") {
        assert_eq!(updated["rows"], 20000);
        let total = trace["totals"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|total| total["text"] == "update orders set note = ? || id")
            .unwrap_or_else(|| panic!("{:#}", trace["totals"]));
        assert_eq!(
            (&total["calls"], &total["rows"]),
            (&1.into(), &20000.into())
        );
    }
    assert!(!run.report["trace"].to_string().contains("secret"));
}

#[test]
fn rewrites_and_scans_are_told_from_catalogue_changes() {
    let run = migrated(
        "alter table orders alter note type varchar(900);
         alter table orders alter id type bigint;
         alter table orders add added timestamptz default clock_timestamp();
         alter table orders add constant int default 7;
         alter table orders alter customer set not null;
         alter table orders add constraint positive check (total > 0) not valid;
         alter table orders validate constraint positive;
         alter table orders add constraint f foreign key (customer) references customers;",
        "",
    );
    let told = |word: &str| {
        let statement = statement(&run, word);
        let scanned: u64 = statement["scans"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|scan| scan["relation"] == "public.orders")
            .filter_map(|scan| scan["rows"].as_u64())
            .sum();
        (relations(statement, "rewrites"), scanned)
    };
    let rewritten = vec!["public.orders"];
    assert_eq!(told("varchar(?)"), (vec![], 0));
    assert_eq!(told("type bigint").0, rewritten);
    assert_eq!(
        statement(&run, "type bigint")["rewrites"][0]["reasons"][0],
        "a column's type changed"
    );
    assert_eq!(told("clock_timestamp").0, rewritten);
    assert_eq!(told("add constant"), (vec![], 0));
    assert_eq!(told("set not null"), (vec![], 20000));
    assert_eq!(told("not valid"), (vec![], 0));
    assert_eq!(told("validate constraint"), (vec![], 20000));
    assert_eq!(told("add constraint f foreign").0, Vec::<&str>::new());
}

#[test]
fn what_code_runs_is_seen_and_where_it_stands() {
    let run = migrated(
        "create function add_it() returns void language plpgsql as $f$
         begin execute 'alter table orders add from_function int'; end $f$;
         do $$
         begin
             alter table orders add \"from do\" int;
             perform add_it();
             begin
                 alter table orders add note int;
             exception when duplicate_column then null;
             end;
             drop table customers cascade;
         end $$;",
        "",
    );
    for (word, line) in [("from do", 3), ("from_function", 3), ("drop table", 3)] {
        let statement = statement(&run, word);
        assert_eq!(
            (&statement["nested"], &statement["line"]),
            (&true.into(), &line.into()),
            "{statement:#}"
        );
    }
    assert_eq!(
        statement(&run, "drop table")["dropped"][0],
        "table public.customers"
    );
    let transaction = &statement(&run, "from do")["transaction"];
    assert_eq!(transaction, &statement(&run, "drop table")["transaction"]);
}

/// A lock lasts to the end of its transaction, and the session's timeouts are told.
#[test]
fn a_transaction_holds_its_locks_to_its_end() {
    let run = migrated(
        "begin;
         set local lock_timeout = '1500ms';
         alter table orders add added int;
         create index orders_note on orders (note);
         select pg_sleep(0.2);
         commit;
         alter table orders add later int;",
        "",
    );
    let added = statement(&run, "add added");
    let index = statement(&run, "create index");
    assert_eq!(added["transaction"], index["transaction"]);
    assert_eq!(added["lock_timeout"], 1.5);
    assert_eq!(statement(&run, "add later")["lock_timeout"], Value::Null);
    let first = |statement: &Value, mode: &str| {
        statement["locks"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|lock| lock["relation"] == "public.orders" && lock["mode"] == mode)
            .map(|lock| lock["first"].clone())
    };
    assert_eq!(first(added, "ACCESS EXCLUSIVE"), Some(true.into()));
    assert_eq!(first(index, "ACCESS EXCLUSIVE"), Some(false.into()));
    assert_eq!(first(index, "SHARE"), Some(true.into()));
    let place = usize::try_from(added["transaction"].as_u64().unwrap_or(u64::MAX)).unwrap_or(0);
    let transaction = &run.report["trace"]["transactions"][place];
    let held = transaction["locks"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|lock| lock["relation"] == "public.orders" && lock["mode"] == "ACCESS EXCLUSIVE")
        .map(|lock| {
            lock["released"].as_f64().unwrap_or_default() - lock["acquired"].as_f64().unwrap_or(9.0)
        });
    assert!(held > Some(0.2), "{held:?} {transaction:#}");
}

/// What a transaction did before it was rolled back is told all the same.
#[test]
fn a_migration_that_fails_is_traced_up_to_its_failure() {
    let run = migrated(
        "begin; alter table orders add added int; alter table orders add constraint one check (total < 5); commit;",
        "",
    );
    assert_eq!(run.outcome("migrate"), "failed");
    assert_eq!(statement(&run, "add added")["line"], 1);
}

/// The trace's own objects are gone when the catalogues are compared, and a user's own event trigger is
/// left in peace.
#[test]
fn nothing_of_the_trace_is_left() {
    let project = Project::sql(
        "create table seen (tag text); create table t (id int);
         create function note() returns event_trigger language plpgsql as $$ begin insert into seen values (tg_tag); end $$;
         create event trigger notes on ddl_command_end execute function note();",
        &[("1.sql", "alter table t add a int;\n")],
    );
    project.file("init.sql", "create table seen (tag text); create table t (id int);
         create function note() returns event_trigger language plpgsql as $$ begin insert into seen values (tg_tag); end $$;
         create event trigger notes on ddl_command_end execute function note();");
    project.short_policy(
        "baseline: { init: init.sql }\n\
         verify:\n  rows: { tables: { seen: may_grow } }\n  assertions:\n\
         \x20   - { name: it saw the one statement, sql: \"select string_agg(tag, ',') from seen where tag <> 'CREATE EVENT TRIGGER'\", expect: ALTER TABLE }\n\
         \x20   - { name: no trigger of ours, sql: \"select count(*) from pg_event_trigger\", expect: 1 }\n\
         \x20   - { name: no schema of ours, sql: \"select count(*) from pg_namespace where nspname ~ 'pgrehearse'\", expect: 0 }\n\
         \x20   - { name: no setting of ours, sql: \"select count(*) from pg_db_role_setting where setconfig::text ~ 'log_min_duration|pg_stat'\", expect: 0 }\n\
         \x20   - { name: no extension of ours, sql: \"select string_agg(extname, ',') from pg_extension\", expect: plpgsql }\n",
    );
    project.run().expect_besides_lint(0, "go", &[]);
}

/// On somebody's server the locks are seen, and what is not is said.
#[tokio::test]
async fn a_foreign_server_tells_of_its_locks() {
    let staging = Server::newest().await;
    let at = staging
        .database_with("create role stager login createdb password 'staging-password-1'")
        .await;
    let target = staging
        .throwaway
        .role("stager", &Secret::new("staging-password-1"), &at.database);
    let project = Project::sql(
        "create table orders (id int);",
        &[(
            "1.sql",
            "alter table orders add added int; select pg_sleep(0.3);",
        )],
    );
    project.short_policy(
        "target: { server: '${TARGET_URL}' }\nbaseline: { init: production.sql }\nrules: { schema-drift: off, no-lock-timeout: off, blocking-lock: { over: 200ms } }\n",
    );
    let output = project
        .command(&["run"])
        .env("TARGET_URL", target.url().expose())
        .output()
        .expect("the gate starts");
    let run = project.ended(&output);
    run.expect_besides_lint(1, "no-go", &["blocking-lock"]);
    assert_eq!(run.findings()[0]["object"], "public.orders");
    // What is felt needs no log.
    let felt = run.report["trace"]["stalls"].as_array();
    assert!(
        felt.is_some_and(|felt| felt.iter().any(|stall| stall["access"] == "reads"
            && stall["relation"] == "public.orders"
            && stall["seconds"].as_f64() > Some(0.2))),
        "{:#}",
        run.report["trace"]
    );
    assert_eq!(
        run.report["trace"]["missing"][0],
        "statements, rewrites and scans: the log of the clone's server is out of reach"
    );
    assert!(
        run.stdout.contains("not traced: statements"),
        "{}",
        run.stdout
    );
}

/// Whoever may drop anything may drop the trace. Then it is said, and nothing fails.
#[test]
fn a_trace_that_was_removed_is_missed() {
    let run = migrated(
        "alter table orders add added int; drop schema pgrehearse_trace cascade; alter table orders add later int;",
        "  role_attributes: [superuser]\n",
    );
    assert_eq!(run.outcome("migrate"), "passed", "{}", run.stdout);
    assert_eq!(
        run.report["trace"]["missing"][0],
        "statements, rewrites and scans: the migration removed the trace's event triggers"
    );
}
