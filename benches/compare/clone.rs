//! Cloning a live database, and restoring a directory dump of it.

use std::path::Path;
use std::process::{Command, Stdio};

use pgrehearse::postgres::Binaries;
use pgrehearse::postgres::binaries;
use pgrehearse::postgres::settings::{self, Profile};

use super::by_hand::Server;
use super::measure::{Cost, measured, median};
use super::pgrehearse;

/// Rows of the large table for each megabyte of the whole, as COPY writes it.
const ROWS_A_MEGABYTE: u64 = 3_900;

/// How often each way is measured.
const ROUNDS: usize = 3;

pub fn run() {
    let megabytes: u64 = number("PGREHEARSE_BENCH_MB").unwrap_or(2200);
    let rounds = number("PGREHEARSE_BENCH_ROUNDS").map_or(ROUNDS, |rounds| rounds as usize);
    let binaries = binaries::newest(None).expect("a PostgreSQL server is installed");
    let source = Server::start(&binaries, &source_settings());
    source.run("createdb", &["shop"]);
    source.psql(
        "shop",
        &[
            "-v",
            &format!("rows={}", megabytes * ROWS_A_MEGABYTE),
            "-f",
            concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/benches/compare/production.sql"
            ),
        ],
    );
    let dump = source.file("dump.dir");
    dump_directory(&source, &dump);
    let copydb = pgcopydb();
    let mut ways: Vec<(&str, Vec<Cost>)> = Vec::new();
    // In turns, so that what else the machine does meets all of them.
    for _ in 0..rounds {
        record(
            &mut ways,
            "live, by hand",
            measured(Some(source.postmaster()), || {
                by_hand_live(&binaries, &source);
            }),
        );
        if let Some(program) = &copydb {
            record(
                &mut ways,
                "live, pgcopydb",
                measured(Some(source.postmaster()), || {
                    with_pgcopydb(&binaries, program, &source);
                }),
            );
        }
        record(
            &mut ways,
            "live, pgrehearse",
            measured(Some(source.postmaster()), || {
                with_gate(&format!("database: {{ url: \"{}\" }}", source.url("shop")));
            }),
        );
        record(
            &mut ways,
            "live, dump and pgrehearse",
            measured(Some(source.postmaster()), || {
                let again = source.file("again.dir");
                dump_directory(&source, &again);
                with_gate(&format!("dump: \"{}\"", again.display()));
                std::fs::remove_dir_all(&again).expect("removed");
            }),
        );
        record(
            &mut ways,
            "directory, by hand",
            measured(None, || {
                by_hand_directory(&binaries, &dump);
            }),
        );
        record(
            &mut ways,
            "directory, pgrehearse",
            measured(None, || {
                with_gate(&format!("dump: \"{}\"", dump.display()));
            }),
        );
    }
    tell(megabytes, &ways);
}

fn dump_directory(source: &Server, to: &Path) {
    source.run(
        "pg_dump",
        &["-Fd", "-j2", "-Z0", "-f", &to.to_string_lossy(), "shop"],
    );
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// The source is made quickly; how it answers is as it comes.
fn source_settings() -> Vec<(String, String)> {
    [
        ("fsync", "off"),
        ("max_wal_size", "8GB"),
        ("shared_buffers", "512MB"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

fn pgcopydb() -> Option<String> {
    let program = std::env::var("PGCOPYDB").unwrap_or_else(|_| "pgcopydb".to_owned());
    Command::new(&program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
        .then_some(program)
}

fn by_hand_live(binaries: &Binaries, source: &Server) {
    let target = Server::start(binaries, &[]);
    let dump = target.file("shop.dump");
    let dump = dump.to_string_lossy();
    source.run("pg_dump", &["-Fc", "-f", &dump, "shop"]);
    target.run("createdb", &["shop"]);
    target.run("pg_restore", &["-d", "shop", &dump]);
    target.psql("shop", &["-c", "analyze"]);
}

fn by_hand_directory(binaries: &Binaries, dump: &Path) {
    let target = Server::start(binaries, &[]);
    target.run("createdb", &["shop"]);
    target.run("pg_restore", &["-d", "shop", &dump.to_string_lossy()]);
    target.psql("shop", &["-c", "analyze"]);
}

/// As its manual has it, into a server that is tuned for loading.
fn with_pgcopydb(binaries: &Binaries, program: &str, source: &Server) {
    let target = Server::start(binaries, &settings::of(Profile::Loading, &[], &[]));
    target.run("createdb", &["shop"]);
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new(program)
        .args([
            "clone",
            "--table-jobs",
            "2",
            "--index-jobs",
            "2",
            "--restart",
        ])
        .arg("--dir")
        .arg(target.file("pgcopydb"))
        .args([
            "--source",
            &source.url("shop"),
            "--target",
            &target.url("shop"),
        ])
        .env("PATH", format!("{}:{path}", binaries.directory.display()))
        .stdin(Stdio::null())
        .output()
        .expect("pgcopydb runs");
    assert!(
        output.status.success(),
        "pgcopydb: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn with_gate(source: &str) {
    let project = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| {
        std::fs::write(project.path().join(name), text).expect("written");
    };
    file("1.sql", "select 1;");
    file(
        "pgrehearse.yml",
        &format!("version: 1\nsource: {{ {source} }}\nmigrations: {{ files: 1.sql }}\n"),
    );
    let output = Command::new(pgrehearse())
        .args(["run", "--until", "restore"])
        .current_dir(project.path())
        .output()
        .expect("the gate runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("every row of the source is there"),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn record(ways: &mut Vec<(&'static str, Vec<Cost>)>, name: &'static str, cost: Cost) {
    eprintln!(
        "{name}: {:.1} s, {:.1} CPU s",
        cost.wall.as_secs_f64(),
        cost.cpu.as_secs_f64()
    );
    match ways.iter_mut().find(|(known, _)| *known == name) {
        Some((_, costs)) => costs.push(cost),
        None => ways.push((name, vec![cost])),
    }
}

fn tell(megabytes: u64, ways: &[(&str, Vec<Cost>)]) {
    println!(
        "\nclone of {megabytes} MB, medians of {} rounds\n",
        ways[0].1.len()
    );
    println!(
        "{:<28}{:>9}{:>9}{:>16}{:>16}",
        "", "wall s", "CPU s", "CPU / by hand", "CPU / pgcopydb"
    );
    let cpu_of = |name: &str| {
        ways.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, costs)| median(costs.clone()).cpu.as_secs_f64())
    };
    for (name, costs) in ways {
        let cost = median(costs.clone());
        let cpu = cost.cpu.as_secs_f64();
        let kind = name.split(',').next().unwrap_or_default();
        let ratio = |other: Option<f64>| {
            other.map_or_else(String::new, |other| format!("{:.2}", cpu / other))
        };
        let copydb = if kind == "live" {
            cpu_of("live, pgcopydb")
        } else {
            None
        };
        println!(
            "{name:<28}{:>9.1}{cpu:>9.1}{:>16}{:>16}",
            cost.wall.as_secs_f64(),
            ratio(cpu_of(&format!("{kind}, by hand"))),
            ratio(copydb)
        );
    }
}
