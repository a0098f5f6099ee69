//! The main job from end to end, on small projects.

mod harness;

use std::process::Command;

use harness::gate::Project;
use harness::reports::REPORTS;
use pgrehearse::postgres::binaries;

const PRODUCTION: &str = "\
    create table customers (id int primary key, mail text);\n\
    insert into customers select i, 'jane' || i || '@secret.example' from generate_series(1, 100) i;\n";

/// What a fresh install has before the migrations of these tests.
const INIT: &str = "create table customers (id int primary key, mail text);\n";

fn project(migrations: &[(&str, &str)]) -> Project {
    let project = Project::sql(PRODUCTION, migrations);
    project.file("init.sql", INIT);
    project
}

#[test]
fn three_lines_are_enough() {
    let project = Project::sql(
        "create table t (id int);",
        &[
            ("1.sql", "create table if not exists t (id int);"),
            ("2.sql", "alter table t add note text;"),
        ],
    );
    let run = project.short_policy("").run();
    run.expect(0, "go", &[]);
    for stage in [
        "preflight",
        "clone",
        "restore",
        "migrate",
        "verify",
        "schema-diff",
    ] {
        assert_eq!(run.outcome(stage), "passed", "{stage}");
    }
    assert_eq!(run.outcome("smoke-ingest"), "not-run");
    for file in REPORTS {
        assert!(run.reports.join(file).is_file(), "{file}");
    }
}

#[test]
fn a_row_that_breaks_a_constraint_is_counted_and_never_shown() {
    let project = project(&[("1.sql", "create unique index on customers (left(mail, 4));")]);
    let run = project.short_policy("baseline: { init: init.sql }").run();
    run.expect(
        1,
        "no-go",
        &["unique-violated", "lint/require-concurrent-index-creation"],
    );
    assert_eq!(
        run.findings()[0]["message"],
        "100 of 100 rows of `public.customers` share their `(\"left\"(mail, 4))` with another, which the migration makes unique"
    );
    assert_eq!(run.findings()[0]["file"], "migrations/1.sql");
    assert!(
        !run.everything().contains("secret.example"),
        "{}",
        run.everything()
    );
}

#[test]
fn held_back_files_are_listed_and_overdue_ones_warned_of() {
    let project = project(&[
        ("1.sql", "alter table customers add note text;"),
        ("2_cleanup.sql", "drop table customers;"),
    ]);
    let policy = |until: &str| {
        format!(
            "version: 1\nsource: {{ sql: production.sql }}\nbaseline: {{ init: init.sql }}\nmigrations:\n  files: migrations/*.sql\n  hold_back: [{{ file: '*_cleanup.sql', until: {until}, reason: after the cut-over }}]\n"
        )
    };
    let run = project.policy(&policy("2099-01-01")).run();
    // Of the file that is held back, the lint says nothing.
    run.expect(0, "go", &["no-lock-timeout"]);
    assert_eq!(run.report["migrations"][1]["state"], "held-back");
    project.policy(&policy("2020-01-01")).run().expect(
        0,
        "go",
        &["no-lock-timeout", "hold-back-overdue"],
    );
}

#[test]
fn nothing_pending_is_said() {
    let project = Project::sql(
        "create table history (version text); insert into history values ('1'); create table t (id int);",
        &[("1.sql", "create table t (id int);")],
    );
    let run = project
        .policy(
            "version: 1\nsource: { sql: production.sql }\nmigrations:\n  files: migrations/*.sql\n  history: { table: public.history, column: version }\n",
        )
        .run();
    run.expect(0, "go", &[]);
    assert_eq!(
        run.report["reason"],
        "no migration is pending, and nothing speaks against the clone as it is"
    );
}

#[test]
fn allowances_accept_until_their_day_and_only_what_they_name() {
    let project = project(&[("1.sql", "delete from customers where id > 90;")]);
    let policy = |allow: &str| format!("baseline: {{ init: init.sql }}\nallow: [{allow}]");
    let accepted =
        "{ rule: rows-lost, object: public.customers, reason: asked for, until: 2099-01-01 }";
    let run = project.short_policy(&policy(accepted)).run();
    run.expect(0, "go", &["rows-lost"]);
    assert_eq!(run.findings()[0]["accepted"]["reason"], "asked for");

    let expired = "{ rule: rows-lost, object: customers, reason: asked for, until: 2020-01-01 }";
    project.short_policy(&policy(expired)).run().expect(
        1,
        "no-go",
        &["rows-lost", "allow-expired"],
    );

    let other = "{ rule: rows-lost, object: orders, reason: asked for, until: 2099-01-01 }";
    project
        .short_policy(&policy(other))
        .run()
        .expect(1, "no-go", &["rows-lost", "allow-unused"]);
}

#[test]
fn a_stage_that_is_left_out_is_never_green() {
    let project = project(&[("1.sql", "alter table customers add note text;")]);
    project.short_policy("baseline: { init: init.sql }");
    let run = project.run_with(&["--until", "migrate"]);
    run.expect(3, "undecided", &["no-lock-timeout"]);
    assert_eq!(run.outcome("migrate"), "passed");
    assert_eq!(run.outcome("verify"), "not-run");
}

#[test]
fn a_wrong_policy_is_exit_code_two_and_leaves_no_report() {
    let project = project(&[]);
    let run = project.short_policy("verfy: {}").run();
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(
        run.stderr.contains("did you mean `verify`?"),
        "{}",
        run.stderr
    );
    assert_eq!(run.verdict(), "no report");
}

#[test]
fn files_that_nobody_wrote_are_undecided() {
    let project = project(&[]);
    let run = project.short_policy("").run();
    run.expect(3, "undecided", &[]);
    assert!(
        run.report["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("migrations/*.sql"))
    );
}

#[test]
fn a_command_sees_the_clone_and_nothing_else() {
    let project = project(&[("1.sql", "alter table customers add note text;")]);
    project.file(
        "migrate.sh",
        "set -eu\n\
         test -z \"${PRODUCTION_URL:-}\"\n\
         case \"$DATABASE_URL\" in postgres://*@127.0.0.1:*) ;; *) exit 7;; esac\n\
         test \"$PGHOST\" = 127.0.0.1\n\
         case \"$JDBC_DATABASE_URL\" in jdbc:postgresql://*) ;; *) exit 8;; esac\n\
         echo \"connecting to $DATABASE_URL\"\n\
         for file in migrations/*.sql; do psql -qX -v ON_ERROR_STOP=1 -d \"$DATABASE_URL\" -f \"$file\"; done\n",
    );
    project.policy(
        "version: 1\nsource: { sql: production.sql }\nbaseline: { init: init.sql }\nmigrations:\n  command: sh migrate.sh\n  files: migrations/*.sql\n",
    );
    let output = project
        .command(&["run"])
        .env("PRODUCTION_URL", "postgres://u:hunter22@prod/db")
        .env("DATABASE_URL", "postgres://u:hunter22@prod/db")
        .output()
        .expect("the gate starts");
    let run = project.ended(&output);
    run.expect(0, "go", &["no-lock-timeout"]);
    let log = std::fs::read_to_string(run.reports.join("logs/migrate.log")).expect("kept");
    assert!(
        log.contains("connecting to postgres://") && log.contains(":***@"),
        "{log}"
    );
    assert!(!run.everything().contains("hunter22"));
}

#[test]
fn a_commands_failure_is_found_in_the_users_file() {
    let project = project(&[
        ("1.sql", "alter table customers add note text;"),
        (
            "2.sql",
            "-- fills\n\nalter table customers alter note set not null;",
        ),
    ]);
    project.policy(
        "version: 1\nsource: { sql: production.sql }\nbaseline: { init: init.sql }\nmigrations:\n  command: 'for f in migrations/*.sql; do psql -qX -v ON_ERROR_STOP=1 -d \"$DATABASE_URL\" -f $f || exit 3; done'\n  files: migrations/*.sql\n",
    );
    let run = project.run();
    run.expect(
        1,
        "no-go",
        &[
            "not-null-violated",
            "lint/adding-not-nullable-field",
            "no-lock-timeout",
        ],
    );
    assert_eq!(run.findings()[0]["file"], "migrations/2.sql");
    assert_eq!(run.findings()[0]["line"], 3);
}

/// The server is left up, and the line that is said ends it and all that it has on disk.
#[test]
fn a_clone_is_kept_until_a_person_ends_it() {
    let project = Project::sql(
        "create table t as select 7 as n;",
        &[("1.sql", "select 1;")],
    );
    for (arguments, code) in [
        (&["--keep", "--until", "restore"][..], 3),
        (&["--keep", "--until", "verify"][..], 3),
    ] {
        let run = project.short_policy("").run_with(arguments);
        assert_eq!(run.code, Some(code), "{}", run.stdout);
        let said = |start: &str| {
            run.stdout
                .lines()
                .find_map(|line| line.strip_prefix(start))
                .unwrap_or_else(|| panic!("`{start}` is not said: {}", run.stdout))
                .to_owned()
        };
        let (url, stop) = (said("the clone is up: "), said("stop it with: "));
        let directory = stop.rsplit('\'').nth(1).expect("a directory").to_owned();
        let ask = |query: &str| {
            let psql = binaries::newest(None).expect("a server").program("psql");
            Command::new(psql)
                .args(["-XAt", "-c", query, &url])
                .output()
                .expect("psql starts")
        };
        let answer = ask("select n from t").stdout;
        assert_eq!(String::from_utf8_lossy(&answer), "7\n", "{url}");
        let stopped = Command::new("sh")
            .args(["-c", &stop])
            .status()
            .expect("a shell starts");
        assert!(stopped.success(), "{stop}");
        assert!(!std::path::Path::new(&directory).exists(), "{directory}");
        assert!(!ask("select 1").status.success(), "{url} still answers");
    }
}

/// The tool would have made its history table; that is not there, so it never ran.
#[test]
fn a_command_that_did_nothing_is_not_green() {
    let project = project(&[("1_note.sql", "alter table customers add note text;")]);
    project.policy(
        "version: 1\nsource: { sql: production.sql }\nbaseline: { init: init.sql }\nmigrations: { tool: sqlx, command: 'true', files: migrations/*.sql }\n",
    );
    let run = project.run();
    run.expect(1, "no-go", &["pending-mismatch"]);
    assert_eq!(run.findings()[0]["object"], "migrations/1_note.sql");
}

/// A history of one number takes every older file for applied. One that this branch adds is not.
#[test]
fn a_file_that_its_tool_passes_over_is_not_green() {
    let project = Project::sql(
        "create table t (id int); create table schema_migrations (version bigint, dirty boolean); insert into schema_migrations values (3, false);",
        &[
            ("000001_t.up.sql", "create table t (id int);"),
            ("000003_more.up.sql", "select 3;"),
        ],
    );
    project.policy(
        "version: 1\nsource: { sql: production.sql }\nrules: { schema-drift: off, fresh-install-broken: off }\nmigrations: { tool: golang-migrate, command: 'true' }\n",
    );
    project.commit(&["migrations"]);
    let named = Command::new("git")
        .args(["update-ref", "refs/remotes/origin/main", "HEAD"])
        .current_dir(project.path())
        .status()
        .expect("git starts");
    assert!(named.success());
    project.run().expect(0, "go", &[]);
    project.file("migrations/000002_backfill.up.sql", "update t set id = 1;");
    let run = project.run();
    run.expect(1, "no-go", &["pending-mismatch"]);
    assert_eq!(
        run.findings()[0]["object"],
        "migrations/000002_backfill.up.sql"
    );
}

/// `psql` would undo it without an error.
#[test]
fn a_transaction_that_is_left_open_is_not_green() {
    let project = project(&[("1.sql", "begin;\nalter table customers add note text;\n")]);
    let run = project.short_policy("baseline: { init: init.sql }\n").run();
    assert_eq!((run.code, run.verdict()), (Some(1), "no-go"));
    assert_eq!(
        run.report["reason"],
        "the migration failed: the file ends inside a transaction that it began, and all of that is undone (SQLSTATE PGR01)"
    );
    project.file(
        "migrations/1.sql",
        "begin;\nalter table customers add note text;\ncommit;\n",
    );
    project.run().expect(0, "go", &["no-lock-timeout"]);
}

#[test]
fn a_command_that_lacks_its_program_is_undecided() {
    let project = project(&[("1.sql", "select 1;")]);
    for (script, because) in [
        (
            "no-such-migrator up",
            "could not start a program (exit code 127)",
        ),
        (
            "echo 'npm error npx canceled due to missing packages and no YES option' >&2; exit 1",
            "could not start a program (exit code 1)",
        ),
    ] {
        project.file("migrate.sh", script);
        project.policy(
            "version: 1\nsource: { sql: production.sql }\nbaseline: { init: init.sql }\nmigrations: { command: sh migrate.sh, files: migrations/*.sql }\n",
        );
        let run = project.run();
        run.expect(3, "undecided", &[]);
        assert!(run.stdout.contains(because), "{}", run.stdout);
    }
}

#[test]
fn an_assertion_is_one_value() {
    let project = project(&[("1.sql", "select 1;")]);
    let run = project
        .short_policy(
            "baseline: { init: init.sql }\nverify:\n  assertions:\n    - { name: rows, sql: 'select x from (values (0), (7)) v(x)', expect: 0 }\n    - { name: columns, sql: 'select 0, 7', expect: 0 }\n    - { name: statements, sql: 'select 0; select 7', expect: 0 }\n    - { name: number, sql: 'select 1.0', expect: 1 }\n",
        )
        .run();
    run.expect(1, "no-go", &["assertion-failed"; 3]);
    assert_eq!(
        run.findings()
            .iter()
            .map(|finding| finding["message"].as_str().unwrap_or_default())
            .collect::<Vec<_>>(),
        [
            "\"rows\" does not hold: the query returns 2 rows, not one value, expected `0`",
            "\"columns\" does not hold: the query returns 2 columns, not one value, expected `0`",
            "\"statements\" does not hold: the query returns 2 rows, not one value, expected `0`",
        ]
    );
}

/// A name that ends like a way back, with no way forth beside it.
#[test]
fn a_migration_about_a_rollback_is_a_migration() {
    let project = project(&[
        ("1_note.sql", "alter table customers add note text;"),
        ("1_note_rollback.sql", "alter table customers drop note;"),
        (
            "2_payment_rollback.sql",
            "alter table customers add refunded boolean not null;",
        ),
    ]);
    let run = project.short_policy("baseline: { init: init.sql }\n").run();
    run.expect(
        1,
        "no-go",
        &[
            "not-null-violated",
            "lint/adding-required-field",
            "no-lock-timeout",
        ],
    );
    assert_eq!(
        run.findings()[0]["file"],
        "migrations/2_payment_rollback.sql"
    );
}

#[test]
fn a_domains_constraint_is_not_left_unvalidated() {
    let project = Project::sql(
        "create domain mail as text; create table t (mail mail); insert into t values ('nobody');",
        &[(
            "2_mail.sql",
            "alter domain mail add constraint has_at check (value like '%@%') not valid;",
        )],
    );
    project.file(
        "init.sql",
        "create domain mail as text; create table t (mail mail);",
    );
    let run = project.short_policy("baseline: { init: init.sql }\n").run();
    run.expect(
        1,
        "no-go",
        &[
            "constraint-not-validated",
            "lint/ban-alter-domain-with-add-constraint",
        ],
    );
    assert_eq!(
        run.findings()[0]["sql"],
        "alter domain public.mail validate constraint has_at;"
    );
}

/// The source that is replaced need not be there, nor its variables be set.
#[test]
fn a_dump_takes_the_sources_place() {
    let project = Project::sql("create table t (id int);", &[("1.sql", "select 1;")]);
    project.file("init.sql", "create table t (id int);");
    project.policy(
        "version: 1\nsource: { database: { url: '${PRODUCTION_URL}' } }\nbaseline: { init: init.sql }\nmigrations: { files: migrations/*.sql }\n",
    );
    project.file(
        "given.sql",
        "CREATE TABLE public.t (\n    id integer\n);\nCOPY public.t (id) FROM stdin;\n1\n\\.\n",
    );
    let run = project.run_with(&["--from-dump", "given.sql"]);
    run.expect(0, "go", &[]);
    assert!(
        run.stdout.contains("1 table, 1 row; every row"),
        "{}",
        run.stdout
    );
}
