//! The whole gate on `examples/shop-go`, stage by stage, beside a person's steps.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgrehearse::postgres::binaries;

use super::by_hand::Server;
use super::measure::{Cost, measured};
use super::pgrehearse;

/// What both do, in the gate's words.
const STEPS: [&str; 5] = [
    "restore",
    "migrate",
    "verify",
    "schema-diff",
    "smoke-ingest",
];

pub fn run() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop-go");
    let app = application();
    let mut by_hand = Vec::new();
    let whole_by_hand = measured(None, || by_hand = steps_by_hand(&example, &app));
    let mut stages = Vec::new();
    let whole_gate = measured(None, || stages = steps_of_gate(&example, &app));
    println!("\nexamples/shop-go, wall seconds\n");
    println!("{:<16}{:>10}{:>10}{:>8}", "", "by hand", "gate", "ratio");
    for ((step, hand), gate) in STEPS.iter().zip(&by_hand).zip(&stages) {
        row(step, hand.as_secs_f64(), *gate);
    }
    row(
        "whole",
        whole_by_hand.wall.as_secs_f64(),
        whole_gate.wall.as_secs_f64(),
    );
    row("whole, CPU", cpu(whole_by_hand), cpu(whole_gate));
}

fn cpu(cost: Cost) -> f64 {
    cost.cpu.as_secs_f64()
}

fn row(name: &str, hand: f64, gate: f64) {
    println!("{name:<16}{hand:>10.2}{gate:>10.2}{:>8.2}", gate / hand);
}

/// The example's application, built as this benchmark is.
fn application() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--example", "shop-app"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .is_ok_and(|status| status.success());
    assert!(built, "the example's application is not built");
    pgrehearse()
        .parent()
        .expect("a directory")
        .join("examples/shop-app")
}

fn steps_of_gate(example: &Path, app: &Path) -> Vec<f64> {
    let out = tempfile::tempdir().expect("a directory");
    let output = Command::new(pgrehearse())
        .args(["run", "--out"])
        .arg(out.path())
        .current_dir(example)
        .env("SHOP_APP", app)
        .output()
        .expect("the gate runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    let text = std::fs::read_to_string(out.path().join("report.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    STEPS
        .iter()
        .map(|step| {
            report["stages"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|stage| stage["name"] == *step)
                .and_then(|stage| stage["seconds"].as_f64())
                .expect("a stage with its time")
        })
        .collect()
}

/// One after another, as a runbook has them.
fn steps_by_hand(example: &Path, app: &Path) -> Vec<Duration> {
    let binaries = binaries::newest(None).expect("a PostgreSQL server is installed");
    let mut times = Vec::new();
    let mut began = Instant::now();
    let mut step = |times: &mut Vec<Duration>| {
        times.push(began.elapsed());
        began = Instant::now();
    };
    let server = Server::start(&binaries, &[]);
    server.run("createdb", &["shop"]);
    server.psql_file("shop", &example.join("production.sql"));
    server.psql("shop", &["-c", "analyze"]);
    count(&server, "shop");
    server.run("createdb", &["-T", "shop", "before"]);
    step(&mut times);

    let migrations = migrations(example);
    for file in &migrations[5..] {
        server.psql_file("shop", file);
    }
    step(&mut times);

    count(&server, "shop");
    step(&mut times);

    server.run("createdb", &["fresh"]);
    server.psql_file("fresh", &example.join("db/init.sql"));
    for file in &migrations {
        server.psql_file("fresh", file);
    }
    for database in ["shop", "fresh"] {
        let file = server.file(database);
        server.run(
            "pg_dump",
            &["-s", "-O", "-x", "-f", &file.to_string_lossy(), database],
        );
    }
    let _ = Command::new("diff")
        .args([server.file("shop"), server.file("fresh")])
        .stdout(Stdio::null())
        .status();
    step(&mut times);

    for database in ["before", "shop"] {
        use_application(app, &server, database);
    }
    step(&mut times);
    times
}

fn migrations(example: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(example.join("migrations"))
        .expect("the example has migrations")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.sort();
    files
}

/// Every table's rows, one statement a table.
fn count(server: &Server, database: &str) {
    server.psql(
        database,
        &[
            "-c",
            "do $$ declare t regclass; begin for t in select oid from pg_class where relkind = 'r' \
             and relnamespace = 'public'::regnamespace loop execute 'select count(*) from ' || t; \
             end loop; end $$",
        ],
    );
}

fn use_application(app: &Path, server: &Server, database: &str) {
    let port = server.port.checked_add(1).expect("a port");
    let running = Running(
        Command::new(app)
            .env("DATABASE_URL", server.url(database))
            .env("PORT", port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the application starts"),
    );
    let deadline = Instant::now() + Duration::from_secs(30);
    while !get(port, "/health") {
        assert!(Instant::now() < deadline, "the application is not ready");
        std::thread::sleep(Duration::from_millis(50));
    }
    for page in ["/products", "/customers/42"] {
        assert!(get(port, page), "{page}");
    }
    drop(running);
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn get(port: u16, page: &str) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        write!(stream, "GET {page} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        std::io::Result::Ok(answer)
    };
    ask().is_ok_and(|answer| {
        answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200")
    })
}
