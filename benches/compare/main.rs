//! The gate beside the same work done by hand, as ratios within one run.
//!
//! `cargo bench --bench compare -- gate` rehearses `examples/shop-go` stage by stage;
//! `cargo bench --bench compare -- catalogue` compares two schemas of 2,000 tables;
//! `cargo bench --bench compare -- trace` runs scripts with and without the trace in turns;
//! `cargo bench --bench compare -- clone` clones a live database of `PGREHEARSE_BENCH_MB` megabytes
//! (2200 unless set) and restores a directory dump of it. By hand means a stock server, `pg_dump`,
//! `pg_restore` and `psql`. With `pgcopydb` on PATH (or in `PGCOPYDB`) that is measured too.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints"
)]

mod by_hand;
mod catalogue;
mod clone;
mod gate;
mod measure;
mod trace;

use std::path::PathBuf;

/// The gate itself, as it is built for this run.
pub fn pgrehearse() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_pgrehearse"))
}

fn main() {
    // Cargo passes options of its own harness.
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let wants = |name: &str| asked.is_empty() || asked.iter().any(|word| word == name);
    if wants("gate") {
        gate::run();
    }
    if wants("catalogue") {
        catalogue::run();
    }
    if wants("trace") {
        trace::run();
    }
    if wants("clone") {
        clone::run();
    }
}
