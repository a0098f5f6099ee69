//! Our files in the hands of those who read them: the parsers of CI servers, and their schemas.

use std::path::Path;
use std::process::Command;

use pgrehearse::report;
use pgrehearse::verdict::RunReport;
use serde_json::{Value, json};

use crate::tools::tools;
use crate::{sample, traces};

/// What each reader makes of a report's files.
fn read(report: &RunReport) -> Value {
    let directory = tempfile::tempdir().expect("a directory");
    report::write(report, directory.path()).expect("written");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = tools(
        "report-tools/python/bin/python",
        "scripts/install-report-tools.sh",
    );
    let output = Command::new(python)
        .arg(root.join("tests/report/readers.py"))
        .arg(directory.path())
        .arg(root.join("tests/fixtures"))
        .output()
        .expect("python starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_str(&text).expect("JSON")
}

/// What they should see: cases, of which so many failed, errored or were skipped, and SARIF's results.
#[derive(Default)]
struct Seen {
    tests: u32,
    failures: u32,
    errors: u32,
    skipped: u32,
    results: u32,
}

impl Seen {
    #[track_caller]
    fn in_files_of(&self, report: &RunReport) {
        let read = read(report);
        let junit = json!({
            "tests": self.tests,
            "failures": self.failures,
            "errors": self.errors,
            "skipped": self.skipped,
        });
        assert_eq!(read["junit"], junit, "{read}");
        assert_eq!(read["sarif"]["results"], self.results, "{read}");
        // A page for people, in which every case of ours is a line.
        assert_eq!(read["junit2html"], self.tests, "{read}");
    }
}

#[test]
fn a_go() {
    Seen {
        tests: 16,
        ..Seen::default()
    }
    .in_files_of(&sample::go());
}

#[test]
fn a_no_go_with_one_finding() {
    let mut report = sample::go();
    report.findings = sample::no_go().findings;
    report.findings.truncate(1);
    Seen {
        tests: 16,
        failures: 1,
        results: 1,
        ..Seen::default()
    }
    .in_files_of(&sample::decided(report));
}

#[test]
fn a_no_go_with_many_findings() {
    let report = sample::no_go_for_many_reasons();
    // One case for each rule: the three hundred are in the text of one.
    Seen {
        tests: 17,
        failures: 1,
        results: 324,
        ..Seen::default()
    }
    .in_files_of(&report);
}

#[test]
fn an_undecided_run() {
    Seen {
        tests: 16,
        errors: 1,
        skipped: 12,
        ..Seen::default()
    }
    .in_files_of(&sample::undecided());
}

#[test]
fn a_run_of_hostile_names() {
    let report = sample::with_trace(sample::hostile(), traces::hostile(sample::HOSTILE));
    Seen {
        tests: 16,
        failures: 2,
        errors: 1,
        skipped: 3,
        results: 25,
    }
    .in_files_of(&report);
}
