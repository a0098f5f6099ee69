//! What the canaries feel: how long reads and writes of a table would have waited.

use serde_json::Value;

use crate::NOT_JUDGED;
use crate::harness::gate::{Project, Run};

const PRODUCTION: &str = "
    create table orders (id int primary key, note text);
    insert into orders select i, 'n' from generate_series(1, 200000) i;
    create table quiet (id int primary key);
    insert into quiet values (1);
    create table audit (what text);
    create function told() returns trigger language plpgsql as $f$
    begin insert into audit values (tg_op); return null; end $f$;
    create trigger told after insert or update or delete or truncate on orders
        for each statement execute function told();
    create materialized view totals as select count(*) from orders;
";

fn migrated(migration: &str) -> Run {
    let project = Project::sql(PRODUCTION, &[("1.sql", migration)]);
    project.policy(&format!(
        "version: 1\nsource: {{ sql: production.sql }}\nmigrations: {{ files: migrations/*.sql }}\n\
         baseline: {{ init: production.sql }}\n{NOT_JUDGED}\n\
         verify: {{ assertions: [{{ name: no canary writes, sql: select count(*) from audit, expect: 0 }}] }}\n",
    ));
    let run = project.run();
    run.expect_besides_lint(0, "go", &[]);
    run
}

/// Each stall of 300 ms or more: the table, what stalled, and the line of what caused it.
fn stalls(run: &Run) -> Vec<String> {
    let trace = &run.report["trace"];
    let mut stalls: Vec<String> = trace["stalls"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|stall| stall["seconds"].as_f64() >= Some(0.3))
        .map(|stall| {
            let place = stall["statement"].as_u64().unwrap_or(u64::MAX);
            let line = &trace["statements"][usize::try_from(place).unwrap_or(usize::MAX)]["line"];
            let text = |key: &str| stall[key].as_str().unwrap_or_default().to_owned();
            format!("{} of {} by line {line}", text("access"), text("relation"))
        })
        .collect();
    stalls.sort();
    stalls
}

#[test]
fn reads_and_writes_stall_behind_access_exclusive() {
    let run = migrated(
        "create table new ();\nalter table orders add state text;\nlock table new;\nselect pg_sleep(0.5);\n",
    );
    assert_eq!(
        stalls(&run),
        [
            "reads of public.orders by line 2",
            "writes of public.orders by line 2"
        ]
    );
    let longest = run.report["trace"]["stalls"][0]["seconds"].as_f64();
    assert!(longest >= Some(0.48), "{:#}", run.report["trace"]);
}

#[test]
fn writes_alone_stall_behind_an_index_build() {
    let run = migrated("create index orders_note on orders (note);\nselect pg_sleep(0.5);\n");
    assert_eq!(stalls(&run), ["writes of public.orders by line 1"]);
}

/// The table has a SHARE lock alone; but who plans a read locks the index.
#[test]
fn reads_stall_behind_a_reindex_too() {
    let run = migrated("reindex index orders_pkey;\nselect pg_sleep(0.5);\n");
    assert_eq!(
        stalls(&run),
        [
            "reads of public.orders by line 1",
            "writes of public.orders by line 1"
        ]
    );
}

#[test]
fn a_materialized_view_is_read() {
    let run = migrated("refresh materialized view totals;\nselect pg_sleep(0.5);\n");
    assert_eq!(stalls(&run), ["reads of public.totals by line 1"]);
}

#[test]
fn what_blocks_nobody_stalls_nobody() {
    let run = migrated(
        "create table new (id int);\nalter table new add x int;\n\
         alter table orders alter note set default 'n';\n",
    );
    assert_eq!(stalls(&run), Vec::<String>::new());
    let run =
        migrated("alter table orders alter note set statistics 500;\nselect pg_sleep(0.5);\n");
    assert_eq!(run.report["trace"]["stalls"], Value::Array(Vec::new()));
}

/// Two sessions of the migration's share a lock. The second would wait behind the canary that feels the
/// first, and give up.
#[test]
fn a_canary_makes_way_for_the_migration() {
    let project = Project::sql(PRODUCTION, &[]);
    project.file(
        "migrate.sh",
        r#"set -e
        psql "$DATABASE_URL" -qAtXc "begin; lock table orders in share mode; select pg_sleep(2); commit" &
        first=$!
        until [ "$(psql "$DATABASE_URL" -qAtXc "select count(*) from pg_locks where relation = 'orders'::regclass and mode = 'ShareLock'")" = 1 ]; do :; done
        # The fresh install has no canary to wait for.
        for _ in $(seq 40); do
            [ "$(psql "$DATABASE_URL" -qAtXc "select count(*) from pg_locks where relation = 'orders'::regclass and not granted")" = 1 ] && break
        done
        psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -qAtXc "set lock_timeout = '700ms'" -c "begin" -c "lock table orders in share mode" -c "commit"
        wait $first
        "#,
    );
    project.policy(&format!(
        "version: 1\nsource: {{ sql: production.sql }}\n{NOT_JUDGED}\n\
         migrations: {{ command: sh migrate.sh, url_env: DATABASE_URL, files: [] }}\n\
         baseline: {{ init: production.sql }}\n",
    ));
    let run = project.run();
    run.expect_besides_lint(0, "go", &[]);
    assert_eq!(stalls(&run).len(), 1, "{:#}", run.report["trace"]);
}
