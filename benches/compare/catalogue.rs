//! Comparing two schemas of many tables, beside two `pg_dump --schema-only` and `diff`.

use std::process::{Command, Stdio};
use std::time::Instant;

use pgrehearse::postgres::{Endpoint, binaries};
use pgrehearse::schema_diff::{self, Options};

use super::by_hand::Server;

const TABLES: u32 = 2000;

pub fn run() {
    let binaries = binaries::newest(None).expect("a PostgreSQL server is installed");
    let settings = [("fsync", "off"), ("max_locks_per_transaction", "4096")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let server = Server::start(&binaries, &settings);
    server.run("createdb", &["a"]);
    server.psql(
        "a",
        &[
            "-c",
            &format!(
                "do $$ begin for i in 1..{TABLES} loop execute format( \
                 'create table t_%1$s (id bigint primary key, parent bigint references t_%2$s, \
                  mail text not null unique, note text default ''x'', n int check (n > 0)); \
                  create index on t_%1$s (note)', i, greatest(i - 1, 1)); end loop; end $$"
            ),
        ],
    );
    server.run("createdb", &["-T", "a", "b"]);

    let began = Instant::now();
    for database in ["a", "b"] {
        let file = server.file(database);
        server.run(
            "pg_dump",
            &["-s", "-O", "-x", "-f", &file.to_string_lossy(), database],
        );
    }
    let _ = Command::new("diff")
        .args([server.file("a"), server.file("b")])
        .stdout(Stdio::null())
        .status();
    let by_hand = began.elapsed().as_secs_f64();

    let endpoint = |database: &str| Endpoint::parse(&server.url(database)).expect("a URL");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let began = Instant::now();
    let (a, b) = runtime
        .block_on(async {
            let (a, b) = (endpoint("a"), endpoint("b"));
            tokio::try_join!(schema_diff::read(&a), schema_diff::read(&b))
        })
        .expect("both are read");
    let diff = schema_diff::compare(&a, &b, &Options::default());
    let gate = began.elapsed().as_secs_f64();
    assert!(diff.is_empty(), "copies are the same");
    println!("\ncomparing {TABLES} tables with {TABLES}, wall seconds\n");
    println!(
        "two pg_dump and diff {by_hand:.2}, pgrehearse diff {gate:.2}, ratio {:.2}",
        gate / by_hand
    );
}
