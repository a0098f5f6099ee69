//! The lint: what squawk says of the files, what a comment or the policy makes of it, and what the
//! rehearsal settles.

mod harness;

use std::process::Command;

use harness::gate::{Project, Run};
use pgrehearse::rules::lint;
use pgrehearse::verdict::Level;
use squawk_linter::Rule;

const PRODUCTION: &str = "create table customers (id int primary key, mail text);\n\
    insert into customers select i, 'jane' || i || '@secret.example' from generate_series(1, 1000) i;\n";

const INIT: &str = "create table customers (id int primary key, mail text);\n";

fn project(migrations: &[(&str, &str)]) -> Project {
    let project = Project::sql(PRODUCTION, migrations);
    project.file("init.sql", INIT);
    project
}

const POLICY: &str = "version: 1\nsource: { sql: production.sql }\nbaseline: { init: init.sql }\nmigrations: { files: migrations/*.sql, timeouts: { lock: 2s } }\n";

/// What `pgrehearse lint` says and how it ends.
fn lint(project: &Project, more: &str) -> (Option<i32>, String) {
    project.policy(&format!("{POLICY}{more}"));
    let output = project.command(&["lint"]).output().expect("it starts");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

/// The first line of each finding, without its message.
fn heads(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn every_rule_of_squawk_has_a_record() {
    let known: Vec<String> = enum_iterator::all::<Rule>()
        // An alias finds nothing by itself.
        .filter(|rule| rule.expands_to().is_empty())
        .map(|rule| format!("lint/{rule}"))
        .collect();
    assert_eq!(known.len(), 77);
    for id in &known {
        assert!(lint::by_id(id).is_some(), "`{id}` has no record");
    }
    for record in lint::ALL {
        let id = record.rule.id;
        assert!(known.iter().any(|known| known == id), "`{id}` is no rule");
        let name = id.strip_prefix(lint::PREFIX).expect("the family's prefix");
        let rule = enum_iterator::all::<Rule>()
            .find(|rule| rule.to_string() == name)
            .expect("squawk's name");
        assert!(
            record.rule.level == Level::Off || !rule.is_opt_in(),
            "`{id}` is on, and squawk itself would have to be asked"
        );
    }
}

#[test]
fn findings_are_told_with_their_place() {
    let project = project(&[(
        "1.sql",
        "-- two\nalter table customers\n  drop column mail;\ncreate index on customers (id);\n",
    )]);
    let (code, text) = lint(&project, "");
    assert_eq!(code, Some(0));
    insta::assert_snapshot!(text, @"
    migrations/1.sql:3 lint/ban-drop-column `public.customers`: dropping a column may break existing clients
        instead: drop it in a later release, when no running code names it
    migrations/1.sql:4 lint/require-concurrent-index-creation `public.customers`: during normal index creation, table updates are blocked, but reads are still allowed
        instead: use `concurrently` to avoid blocking writes
    ");
}

#[test]
fn what_is_no_sql_is_no_finding() {
    let project = project(&[
        (
            "1.sql",
            "\u{feff}\\set x 'drop table a;'\ncopy customers from stdin;\n1\tdrop table customers;\n\\.\nalter table customers drop column :x;\nalter tabel customers drop column mail;\n",
        ),
        // The parser loses its way, and finds it again.
        (
            "2.sql",
            "alter table customers frobnicate;\nalter table customers drop column mail;\n",
        ),
        (
            "3.sql",
            "-- +goose Up\nselect 1;\n-- +goose Down\ndrop table customers;\n",
        ),
        ("4.txt", "drop table customers;"),
        ("5.sql", "select 'never closed; drop table customers;"),
    ]);
    let (code, text) = lint(&project, "");
    assert_eq!(code, Some(0));
    assert_eq!(heads(&text), ["migrations/2.sql:2 lint/ban-drop-column"]);
}

/// A file is a stranger's, and no nesting in it may end the gate.
#[test]
fn a_deep_statement_breaks_nothing() {
    let deep = |open: &str, close: &str, times: usize| {
        format!("select {}1{};\n", open.repeat(times), close.repeat(times))
    };
    let mut text = String::new();
    for times in [300, 50_000] {
        text += &deep("(", ")", times);
        text += &deep("- ", "", times);
        text += &deep("case when true then ", " end", times / 2);
        text += &deep("", " + 1", times);
        text += &deep("", " union select 1, 2", times / 2);
        text += &deep("array[", "]", times);
        text += &deep("", "[1]", times);
    }
    let lines = text.lines().count() + 1;
    text += "alter table customers drop column mail;\n";
    let project = project(&[("1.sql", &text)]);
    let (code, text) = lint(&project, "");
    assert_eq!(code, Some(0));
    assert_eq!(
        heads(&text),
        [format!("migrations/1.sql:{lines} lint/ban-drop-column")]
    );
}

#[test]
fn comments_of_squawk_are_honoured() {
    let project = project(&[
        (
            "1.sql",
            "-- squawk-ignore ban-drop-column\nalter table customers drop column mail;\nalter table customers drop column id;\n",
        ),
        (
            "2.sql",
            "-- squawk-ignore-file ban-drop-table\ndrop table customers;\ndrop table orders;\n",
        ),
    ]);
    let (_, text) = lint(&project, "");
    assert_eq!(heads(&text), ["migrations/1.sql:3 lint/ban-drop-column"]);
}

#[test]
fn levels_and_allowances_are_the_policys() {
    let project = project(&[("1.sql", "drop table customers;\n")]);
    let levels = |level: &str| format!("rules: {{ lint/ban-drop-table: {level} }}\n");
    assert_eq!(lint(&project, &levels("off")), (Some(0), String::new()));
    assert_eq!(lint(&project, &levels("block")).0, Some(1));
    let allow = "allow: [{ rule: lint/ban-drop-table, object: customers, reason: unused, until: 2099-01-01 }]\n";
    let allowed = format!("{}{allow}", levels("block"));
    assert_eq!(lint(&project, &allowed), (Some(0), String::new()));
    let (code, _) = lint(&project, "rules: { ban-drop-table: block }\n");
    assert_eq!(code, Some(2));
}

#[test]
fn a_mistyped_name_is_asked_about() {
    let project = project(&[("1.sql", "select 1;")]);
    for (more, meant) in [
        (
            "rules: { lint/ban-drop-colum: block }\n",
            "lint/ban-drop-column",
        ),
        (
            "rules: { ban-drop-column: block }\n",
            "lint/ban-drop-column",
        ),
        (
            "allow: [{ rule: renaming-table, reason: x, until: 2099-01-01 }]\n",
            "lint/renaming-table",
        ),
    ] {
        project.policy(&format!("{POLICY}{more}"));
        let output = project.command(&["lint"]).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&format!("did you mean `{meant}`?")), "{said}");
    }
}

#[test]
fn what_the_migration_makes_needs_no_care() {
    let project = project(&[
        (
            "1.sql",
            "create table baskets (id int);\ncreate view full_baskets as select * from baskets;\n",
        ),
        (
            "2.sql",
            "create index on Baskets (id);\nalter table public.baskets add check (id > 0);\ndrop view full_baskets;\nalter table customers add constraint c check (id > 0) not valid;\n",
        ),
        (
            "3.sql",
            "alter table customers drop constraint c;\ncreate index on customers (id);\nalter table other.baskets add check (id > 0);\n",
        ),
        // Whether it is made, or was there, is not known.
        (
            "4.sql",
            "-- no-transaction\ncreate table if not exists crates (id int);\ncreate index on crates (id);\n",
        ),
    ]);
    let (_, text) = lint(&project, "");
    assert_eq!(
        heads(&text),
        [
            "migrations/3.sql:2 lint/require-concurrent-index-creation",
            "migrations/3.sql:3 lint/constraint-missing-not-valid",
            "migrations/4.sql:3 lint/require-concurrent-index-creation",
        ]
    );
}

/// A single statement runs in no transaction of ours; two do, unless a tool sends them as they are.
#[test]
fn a_file_is_in_a_transaction_if_the_runner_makes_it_one() {
    let concurrently = "create index concurrently a on customers (id);\n";
    let project = project(&[
        ("1.sql", concurrently),
        ("2.sql", &format!("{concurrently}select 1;\n")),
    ]);
    let nested = "lint/ban-concurrent-index-creation-in-transaction";
    let (_, text) = lint(&project, "");
    assert_eq!(heads(&text), [format!("migrations/2.sql:1 {nested}")]);
    for (tool, expected) in [("sqlx", 1), ("golang-migrate", 0)] {
        project.policy(&format!(
            "version: 1\nsource: {{ dump: x.dump }}\nmigrations: {{ tool: {tool}, files: migrations/*.sql, timeouts: {{ lock: 2s }} }}\n"
        ));
        let output = project.command(&["lint"]).output().expect("it starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(heads(&text).len(), expected, "{tool}: {text}");
    }
}

#[test]
fn a_lock_timeout_may_be_the_policys() {
    let project = project(&[("1.sql", "alter table customers add note text;\n")]);
    let rules = "rules: { lint/require-lock-timeout: warn }\n";
    assert_eq!(lint(&project, rules), (Some(0), String::new()));
    project.short_policy(rules);
    let output = project.command(&["lint"]).output().expect("it starts");
    assert_eq!(
        heads(&String::from_utf8_lossy(&output.stdout)),
        ["migrations/1.sql:1 lint/require-lock-timeout"]
    );
}

/// Each rule at a level at which it is told, over files with a value wherever one can stand.
#[test]
fn no_value_is_ever_told() {
    let secret = "hunter2";
    let project = project(&[(
        "1.sql",
        &format!(
            "-- squawk-ignore password-{secret}\n\
             alter table customers add a char(3) not null default '{secret}' check (a <> '{secret}');\n\
             alter table customers alter a set default '{secret}', add constraint c check (a = '{secret}'), alter a type varchar(7) using '{secret}';\n\
             update customers set a = '{secret}', a = $x${secret}$x$, mail = E'{secret}';\n\
             insert into customers (a, a) values ('{secret}', '{secret}');\n\
             alter role app password '{secret}';\n\
             create user u password '{secret}';\n\
             alter type mood add value '{secret}';\n\
             create type t as enum ('{secret}');\n\
             alter type t rename value '{secret}' to '{secret}x';\n\
             create domain d text check (value <> '{secret}');\n\
             alter domain d add check (value <> '{secret}');\n\
             create or replace function f(a text default '{secret}') returns text language sql as '{secret}';\n\
             alter function f set work_mem = '{secret}';\n\
             alter system set x = '{secret}';\n\
             alter database d set x = '{secret}';\n\
             create policy p on customers using (mail = '{secret}');\n\
             alter policy p on customers using (mail = '{secret}');\n\
             create subscription s connection 'password={secret}' publication p;\n\
             alter table customers add partition p for values in ('{secret}');\n\
             drop table customers, '{secret}';\n\
             alter table '{secret}' drop column '{secret}';\n\
             begin;\n"
        ),
    )]);
    let levels: String = lint::ALL
        .iter()
        .map(|lint| format!("  {}: warn\n", lint.rule.id))
        .collect();
    let (_, text) = lint(&project, &format!("rules:\n{levels}"));
    assert!(heads(&text).len() > 20, "{text}");
    assert!(!text.contains(secret), "{text}");
}

fn run_with(project: &Project, more: &str) -> Run {
    project.policy(&format!("{POLICY}{more}"));
    project.run()
}

#[test]
fn what_the_rehearsal_measured_settles_the_fear() {
    let project = project(&[
        (
            "1.sql",
            "-- in a transaction\ncreate index customers_mail on customers (mail);\nalter table customers drop constraint customers_pkey;\n",
        ),
        ("2.sql", "alter table customers add primary key (id);\n"),
    ]);
    let run = run_with(
        &project,
        "rules: { lint/require-concurrent-index-creation: block }\n",
    );
    run.expect(
        0,
        "go",
        &[
            "lint/ban-drop-constraint",
            "lint/require-concurrent-index-creation",
            "lint/constraint-missing-not-valid",
            "lint/adding-serial-primary-key-field",
        ],
    );
    let levels: Vec<&str> = run
        .findings()
        .iter()
        .filter_map(|finding| finding["level"].as_str())
        .collect();
    assert_eq!(levels, ["warn", "info", "info", "info"]);
    let evidence = run.findings()[1]["evidence"][0].as_str().expect("measured");
    assert!(
        evidence.starts_with("the rehearsal measured it: SHARE on `public.customers` for ")
            && evidence.contains(" ms, ")
            && evidence.ends_with("1,000 rows of `public.customers` read"),
        "{evidence}"
    );
    assert_eq!(run.outcome("preflight"), "passed");
}

#[test]
fn what_was_measured_too_long_stays() {
    let project = project(&[(
        "1.sql",
        "create index customers_mail on customers (mail);\nselect pg_sleep(0.3);\n",
    )]);
    let rules = |level: &str| {
        format!(
            "rules: {{ blocking-lock: {{ level: off, over: 200ms }}, lint/require-concurrent-index-creation: {level} }}\n"
        )
    };
    let run = run_with(&project, &rules("block"));
    run.expect(1, "no-go", &["lint/require-concurrent-index-creation"]);
    let evidence = run.findings()[0]["evidence"][0].as_str().expect("measured");
    assert!(
        evidence.contains("SHARE on `public.customers` for "),
        "{evidence}"
    );
    // Outside a repository nothing tells that the file is new before the clone does.
    assert_eq!(run.outcome("verify"), "passed");
    assert_eq!(run.outcome("preflight"), "failed");
}

/// Nothing is measured on a table that is empty here and full in production.
#[test]
fn a_table_without_its_rows_settles_nothing() {
    let project = project(&[(
        "1.sql",
        "create index customers_mail on customers (mail);\n",
    )]);
    let run = run_with(&project, "restore: { exclude_data: [public.customers] }\n");
    let finding = &run.findings()[0];
    assert_eq!(finding["rule"], "lint/require-concurrent-index-creation");
    assert_eq!(finding["level"], "warn");
}

#[test]
fn only_what_is_pending_is_told() {
    let project = Project::sql(
        "create table history (version text); insert into history values ('1'); create table t (id int, old int);",
        &[
            ("1.sql", "drop table t_old;"),
            ("2.sql", "alter table t drop column old;"),
        ],
    );
    project.policy(
        "version: 1\nsource: { sql: production.sql }\nrules: { schema-drift: off, fresh-install-broken: off, lint/ban-drop-table: block }\nallow: [{ rule: lint/ban-drop-column, object: t, reason: no code has it, until: 2099-01-01 }, { rule: lint/renaming-table, reason: none, until: 2099-01-01 }]\nmigrations:\n  files: migrations/*.sql\n  timeouts: { lock: 2s }\n  history: { table: public.history, column: version }\n",
    );
    let run = project.run();
    run.expect(0, "go", &["allow-unused", "lint/ban-drop-column"]);
    assert_eq!(run.findings()[1]["accepted"]["reason"], "no code has it");
    // Before the history is read, nothing is known to be pending, and nothing blocks.
    let run = project.run_with(&["--until", "preflight"]);
    assert_eq!((run.code, run.verdict()), (Some(3), "undecided"));
    assert_eq!(run.outcome("preflight"), "passed");
}

/// What this branch adds is refused before anything is cloned; what the base has is not looked at.
#[test]
fn a_new_file_that_is_refused_ends_the_run() {
    let project = project(&[("1.sql", "drop table if exists old;\n")]);
    project.policy(&format!(
        "{POLICY}rules: {{ lint/ban-drop-table: block }}\n"
    ));
    let git = |arguments: &[&str]| {
        let done = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(arguments)
            .current_dir(project.path())
            .status()
            .expect("git starts");
        assert!(done.success(), "{arguments:?}");
    };
    git(&["init", "--quiet"]);
    git(&["add", "migrations"]);
    git(&["commit", "--quiet", "--message", "base"]);
    git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    project.run().expect(0, "go", &[]);
    project.file("migrations/2.sql", "drop table customers;\n");
    let run = project.run();
    run.expect(1, "no-go", &["lint/ban-drop-table"]);
    assert_eq!(run.findings()[0]["file"], "migrations/2.sql");
    assert_eq!(run.outcome("preflight"), "failed");
    assert_eq!(run.outcome("clone"), "not-run");
    // An old file that was changed is new as well.
    project.file("migrations/2.sql", "select 1;\n");
    project.file("migrations/1.sql", "drop table customers;\n");
    project.run().expect(1, "no-go", &["lint/ban-drop-table"]);
}
