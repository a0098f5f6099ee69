//! What a pull request is told of a run, and that nothing which happens there changes a verdict.

#[path = "github/checks.rs"]
mod checks;
#[path = "github/comments.rs"]
mod comments;
#[path = "github/faults.rs"]
mod faults;
#[path = "github/gate.rs"]
mod gate;
mod harness;
#[path = "github/proxy.rs"]
mod proxy;
#[path = "github/relay.rs"]
mod relay;
#[path = "github/signals.rs"]
mod signals;

#[allow(dead_code, reason = "made for the reports")]
#[path = "report/sample.rs"]
mod sample;
#[allow(dead_code, reason = "made for the reports")]
#[path = "report/traces.rs"]
mod traces;

use std::time::Duration;

use harness::github::{GitHub, TOKEN};
use jiff::Timestamp;
use pgrehearse::github::{Announcement, End, Limits};
use pgrehearse::policy::{CommentWhen, Told};
use pgrehearse::report::markdown;
use pgrehearse::text::Secret;
use pgrehearse::verdict::RunReport;

/// Only the comment, always.
const COMMENT: Told = Told {
    comment: CommentWhen::Always,
    check: false,
    status: false,
};

const EVERYTHING: Told = Told {
    comment: CommentWhen::Always,
    check: true,
    status: true,
};

/// What a snapshot leaves out: the port of a test's GitHub, and the version.
const FILTERS: [(&str, &str); 2] = [
    (r"http://127\.0\.0\.1:\d+", "<GitHub>"),
    (r"pgrehearse \d+\.\d+\.\d+", "pgrehearse VERSION"),
];

/// When the run of a number began: later numbers later.
fn started(run: u64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + i64::try_from(run).expect("few") * 60).expect("in range")
}

fn begin(github: &GitHub, run: u64, told: Told, name: &str) -> Announcement {
    begin_within(github, run, told, name, Limits::default())
}

fn begin_within(github: &GitHub, run: u64, told: Told, name: &str, limits: Limits) -> Announcement {
    let context = github.context(run);
    let token = Secret::new(TOKEN);
    Announcement::begin(context, told, name, started(run), &token, limits).expect("it begins")
}

/// Ends with this report, and returns what could not be told.
fn conclude(announcement: Announcement, report: &RunReport) -> Vec<String> {
    let text = markdown::render(report);
    announcement.conclude(report, &text, End::Whole, std::future::pending())
}

/// A run from its beginning to its end.
fn run(github: &GitHub, number: u64, told: Told, report: &RunReport) -> Vec<String> {
    let mut announcement = begin(github, number, told, &report.name);
    let mut problems = announcement.begun(End::Whole, std::future::pending());
    problems.extend(conclude(announcement, report));
    problems
}

/// Limits for what never answers.
fn short() -> Limits {
    Limits {
        begin: Duration::from_millis(700),
        conclude: Duration::from_millis(900),
        hurried: Duration::from_millis(500),
    }
}
