//! What the trace costs: the same script with `psql -f`, with and without it in turns, on one server.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use pgrehearse::postgres::server_log::LogReader;
use pgrehearse::postgres::{Endpoint, Session, binaries};
use pgrehearse::trace::{Places, Reach, Tracing};

use super::by_hand::Server;

/// Of each script, with the trace and without it: more where a run is short.
const ROUNDS: usize = 11;
const LONG_ROUNDS: usize = 7;

/// Tables that the scripts do not touch: a catalogue of an ordinary size.
const OTHERS: u32 = 300;

pub fn run() {
    let binaries = binaries::newest(None).expect("a PostgreSQL server is installed");
    let settings = [
        ("logging_collector", "on"),
        ("log_destination", "jsonlog"),
        ("log_filename", "server.log"),
        ("log_timezone", "UTC"),
        ("shared_preload_libraries", "pg_stat_statements"),
        ("pg_stat_statements.track", "none"),
        // What autovacuum does meanwhile is no cost of either.
        ("autovacuum", "off"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let server = Server::start(&binaries, &settings);
    server.run("createdb", &["clone"]);
    server.psql(
        "clone",
        &[
            "-c",
            "create role app login; grant all on schema public to app",
            "-c",
            &format!(
                "do $$ begin for i in 1..{OTHERS} loop execute format( \
                 'create table other_%s (id bigint primary key, note text)', i); end loop; end $$"
            ),
        ],
    );
    println!(
        "\nthe trace beside plain `psql -f`, medians of pairs of runs in turns, \
         wall seconds\n"
    );
    println!("{:<44}{:>9}{:>9}{:>9}", "", "without", "with", "ratio");
    for (name, rounds, setup, script) in [
        (
            "200 DDL statements, tables of 200,000 rows",
            LONG_ROUNDS,
            filled(200_000),
            ddl(),
        ),
        (
            "200 DDL statements, tables of 20,000 rows",
            ROUNDS,
            filled(20_000),
            ddl(),
        ),
        (
            "200 DDL statements, empty tables",
            ROUNDS,
            filled(0),
            ddl(),
        ),
        (
            "50,000 rows, one INSERT each",
            ROUNDS,
            "drop table if exists inserted; create table inserted (id int primary key, note text); \
             alter table inserted owner to app"
                .to_owned(),
            inserts(),
        ),
    ] {
        let file = server.file("script.sql");
        std::fs::write(&file, script).expect("the script is written");
        measure(&server, rounds, name, &setup, &file);
    }
}

fn measure(server: &Server, rounds: usize, name: &str, setup: &str, file: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    // What the setup has written is not to be paid for by the script.
    let prepare = ["-c", setup, "-c", "checkpoint"];
    let (mut plain, mut traced, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let without = || {
            server.psql("clone", &prepare);
            runtime.block_on(timed(server, file))
        };
        let with = || {
            server.psql("clone", &prepare);
            runtime.block_on(with_trace(server, file))
        };
        // What comes second finds warmer caches.
        let (one, other) = if round % 2 == 0 {
            let one = without();
            (one, with())
        } else {
            let other = with();
            (without(), other)
        };
        plain.push(one);
        traced.push(other);
        ratios.push(other / one);
    }
    println!(
        "{name:<44}{:>9.3}{:>9.3}{:>9.3}",
        middle(plain),
        middle(traced),
        middle(ratios)
    );
}

/// Seconds that `psql -f` takes, as the role that migrates.
async fn timed(server: &Server, file: &Path) -> f64 {
    let mut command = tokio::process::Command::from(server.command("psql"));
    command
        .env("PGUSER", "app")
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "clone", "-f"])
        .arg(file)
        .stdout(std::process::Stdio::null());
    let began = Instant::now();
    let status = command.status().await.expect("psql runs");
    let took = began.elapsed().as_secs_f64();
    assert!(status.success(), "{}: {status}", file.display());
    took
}

async fn with_trace(server: &Server, file: &Path) -> f64 {
    let admin = Endpoint::parse(&server.url("clone")).expect("a URL");
    let session = Session::open(&admin, &[]).await.expect("a session");
    let mut log = LogReader::at_end(&server.file("data/log"));
    let reach = Reach::Everything { role: "app" };
    let tracing = Tracing::start(&session, &admin, reach)
        .await
        .expect("the trace begins");
    let took = timed(server, file).await;
    let settled = tracing.settle().await;
    let records = log.new_records().unwrap_or_default();
    settled
        .finish(&session, &records, &Places::default())
        .await
        .expect("the trace ends");
    took
}

/// Twenty tables of the migrating role's.
fn filled(rows: u32) -> String {
    let mut sql = "set client_min_messages = warning;".to_owned();
    for table in 0..20 {
        let _ = write!(
            sql,
            "drop table if exists t{table} cascade; drop table if exists n{table}; \
             create table t{table} (id int primary key, a int, b text, c text); \
             insert into t{table} select i, i, md5(i::text), 'x' from generate_series(1, {rows}) i; \
             alter table t{table} owner to app;"
        );
    }
    sql
}

/// Ten statements for each of twenty tables.
fn ddl() -> String {
    (0..20).fold(String::new(), |mut sql, table| {
        let _ = writeln!(
            sql,
            "alter table t{table} add d text;\n\
             create index t{table}_b on t{table} (b);\n\
             alter table t{table} add constraint t{table}_a check (a > 0) not valid;\n\
             alter table t{table} validate constraint t{table}_a;\n\
             alter table t{table} alter b set not null;\n\
             create table n{table} (id int primary key, t int);\n\
             alter table n{table} add foreign key (t) references t{table};\n\
             alter table t{table} alter a type bigint;\n\
             alter table t{table} drop c;\n\
             drop table n{table};"
        );
        sql
    })
}

fn inserts() -> String {
    (0..50_000).fold("begin;\n".to_owned(), |mut sql, row| {
        let _ = writeln!(
            sql,
            "insert into inserted values ({row}, 'a note of some length');"
        );
        sql
    }) + "commit;\n"
}

fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
