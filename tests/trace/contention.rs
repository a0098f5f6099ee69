//! The contention drill: what becomes of a migration that meets a long query.

use crate::NOT_JUDGED;
use crate::harness::gate::{Project, Run};

/// The database's own search path decides what `orders` is.
const PRODUCTION: &str = "
    create schema shop;
    create table shop.orders (id int primary key, note text);
    insert into shop.orders select i, 'n' from generate_series(1, 1000) i;
    do $$ begin
        execute format('alter database %I set search_path = shop, public', current_database());
    end $$;
";

fn drilled(migration: &str, runner: &str) -> Run {
    let project = Project::sql(PRODUCTION, &[("1.sql", migration)]);
    project.file(
        "migrate.sh",
        "psql \"$DATABASE_URL\" -X -q -v ON_ERROR_STOP=1 -f migrations/1.sql\n",
    );
    project.file(
        "once.sh",
        "case \"$DATABASE_URL\" in *_drill*) ;; *) sh migrate.sh ;; esac\n",
    );
    project.policy(&format!(
        "version: 1\nsource: {{ sql: production.sql }}\nbaseline: {{ init: production.sql }}\n{NOT_JUDGED}\n\
         migrations:\n  files: migrations/*.sql\n  contention: {{ hold: 2s }}\n{runner}"
    ));
    project.run()
}

#[track_caller]
fn expect(run: &Run, words: &str) {
    let said = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(words), "{}\n{}", run.stdout, run.stderr);
}

const ALTER: &str = "alter table orders add state text;";

#[test]
fn who_waits_for_ever_is_refused() {
    let run = drilled(ALTER, "");
    run.expect(1, "no-go", &["contention-queues"]);
    assert_eq!(run.findings()[0]["object"], "shop.orders");
}

#[test]
fn who_gives_up_passes_with_a_command_too() {
    let run = drilled(
        "set lock_timeout = '300ms'; alter table orders add state text;",
        "  command: sh migrate.sh\n  url_env: DATABASE_URL\n",
    );
    run.expect(0, "go", &[]);
    expect(&run, "beside a long query: it gave up waiting");
}

#[test]
fn who_asks_without_waiting_passes() {
    let run = drilled(
        "lock table orders nowait; alter table orders add state text;",
        "",
    );
    run.expect(0, "go", &[]);
    expect(&run, "beside a long query: it gave up waiting");
}

#[test]
fn what_shuts_nothing_needs_no_drill() {
    let run = drilled("create index orders_note on orders (note);", "");
    run.expect_besides_lint(0, "go", &[]);
    expect(&run, "it shuts no existing table to readers");
}

/// A command that does nothing the second time shows nothing.
#[test]
fn a_run_that_meets_nobody_is_no_pass() {
    let run = drilled(ALTER, "  command: sh once.sh\n  url_env: DATABASE_URL\n");
    run.expect(3, "undecided", &[]);
    expect(
        &run,
        "the migration ended without asking for what it locked before",
    );
}
