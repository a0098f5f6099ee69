//! The check run and the commit status: on the head, concluded whatever happened.

use axum::http::Method;
use pgrehearse::github::End;
use pgrehearse::policy::{CommentWhen, Told};
use pgrehearse::report::markdown;
use pgrehearse::verdict::{Level, Place, RunReport};

use crate::harness::github::{Fault, GitHub, HEAD};
use crate::{begin, conclude, run, sample};

const CHECK: Told = Told {
    comment: CommentWhen::Never,
    check: true,
    status: false,
};

const STATUS: Told = Told {
    comment: CommentWhen::Never,
    check: false,
    status: true,
};

/// A no-go with so many findings that have a line.
fn with_findings(number: u32) -> RunReport {
    let mut report = sample::no_go();
    let mut judged = report.findings[0].clone();
    judged.level = Level::Block;
    judged.accepted = None;
    report.findings = (1..=number)
        .map(|line| {
            let mut judged = judged.clone();
            judged.finding.message = format!("🦆 {line}");
            judged.finding.place = Some(Place {
                file: "migrations/1.sql".to_owned(),
                line: Some(line),
            });
            judged
        })
        .collect();
    report
}

#[test]
fn it_is_in_progress_at_once_and_on_the_head() {
    let github = GitHub::start();
    let mut announcement = begin(&github, 1, CHECK, "shop");
    assert!(
        announcement
            .begun(End::Whole, std::future::pending())
            .is_empty()
    );
    {
        let state = github.state();
        assert_eq!(state.checks[0]["name"], "pgrehearse: shop");
        assert_eq!(state.checks[0]["head_sha"], HEAD);
        assert_eq!(state.checks[0]["status"], "in_progress");
        assert_eq!(state.comments.len(), 0);
    }
    assert!(conclude(announcement, &sample::no_go()).is_empty());
    let state = github.state();
    assert_eq!(state.checks.len(), 1);
    assert_eq!(state.checks[0]["status"], "completed");
    assert_eq!(state.checks[0]["conclusion"], "failure");
    let summary = state.checks[0]["output"]["summary"].as_str();
    assert!(summary.is_some_and(|text| text.starts_with("### ⛔ NO-GO")));
}

#[test]
fn undecided_is_never_neutral() {
    for (report, end, conclusion, state, title) in [
        (sample::go(), End::Whole, "success", "success", "go: "),
        (sample::no_go(), End::Whole, "failure", "failure", "no-go: "),
        (
            sample::undecided(),
            End::Whole,
            "failure",
            "error",
            "undecided: ",
        ),
        (
            sample::undecided(),
            End::Interrupted,
            "cancelled",
            "error",
            "interrupted: ",
        ),
    ] {
        let github = GitHub::start();
        let mut announcement = begin(&github, 1, crate::EVERYTHING, "shop");
        announcement.begun(End::Whole, std::future::pending());
        let text = markdown::render(&report);
        let problems = announcement.conclude(&report, &text, end, std::future::pending());
        assert_eq!(problems, Vec::<String>::new());
        let told = github.state();
        assert_eq!(told.checks[0]["conclusion"], conclusion);
        let said = told.checks[0]["output"]["title"].as_str().expect("a title");
        assert!(said.starts_with(title), "{said}");
        assert_eq!(told.statuses[0]["state"], "pending");
        assert_eq!(told.statuses[1]["state"], state);
        assert_eq!(told.statuses[1]["context"], "pgrehearse/shop");
    }
}

#[test]
fn annotations_go_fifty_at_a_time_and_none_twice() {
    let github = GitHub::start();
    // Two of the three updates are done, and nobody hears of it.
    github.fail(Method::PATCH, "check-runs", 2, Fault::LostAfterwards);
    assert!(run(&github, 1, CHECK, &with_findings(120)).is_empty());
    let state = github.state();
    let annotations = state.checks[0]["annotations"].as_array().expect("a list");
    let lines: Vec<u64> = annotations
        .iter()
        .filter_map(|annotation| annotation["start_line"].as_u64())
        .collect();
    assert_eq!(lines, (1..=120).collect::<Vec<u64>>());
    let updates = state.requests.iter();
    assert_eq!(
        updates
            .filter(|request| request.starts_with("PATCH"))
            .count(),
        3
    );
    assert_eq!(annotations[0]["path"], "db/migrations/1.sql");
    assert_eq!(annotations[0]["annotation_level"], "failure");
    assert_eq!(state.checks[0]["conclusion"], "failure");
}

#[test]
fn an_update_whose_answer_got_lost_is_not_sent_again() {
    let github = GitHub::start();
    github.fail(Method::PATCH, "check-runs", 1, Fault::DoneAnd(502));
    assert!(run(&github, 1, CHECK, &with_findings(3)).is_empty());
    assert_eq!(github.asked("PATCH"), 1);
}

#[test]
fn a_check_run_whose_making_got_lost_is_found() {
    let github = GitHub::start();
    github.fail(Method::POST, "check-runs", 1, Fault::LostAfterwards);
    assert!(run(&github, 1, CHECK, &sample::go()).is_empty());
    let state = github.state();
    assert_eq!(state.checks.len(), 1);
    assert_eq!(state.checks[0]["conclusion"], "success");
}

#[test]
fn a_path_that_is_no_repositorys_is_left_out() {
    let mut report = with_findings(5);
    for (judged, file) in report.findings.iter_mut().zip([
        "/etc/passwd",
        "../../x.sql",
        "a\n::error::b.sql",
        "a//b.sql",
    ]) {
        judged.finding.place = Some(Place {
            file: file.to_owned(),
            line: Some(1),
        });
    }
    let github = GitHub::start();
    assert!(run(&github, 1, CHECK, &report).is_empty());
    let state = github.state();
    let annotations = state.checks[0]["annotations"].as_array().expect("a list");
    assert_eq!(annotations.len(), 1);
    assert_eq!(annotations[0]["start_line"], 5);
}

#[test]
fn a_finding_of_no_file_is_shown_beside_the_policy() {
    let mut report = with_findings(2);
    for (judged, rule) in report
        .findings
        .iter_mut()
        .zip(["rows-lost", "schema-drift"])
    {
        judged.finding.rule = rule;
        judged.finding.place = None;
    }
    let github = GitHub::start();
    assert!(run(&github, 1, CHECK, &report).is_empty());
    let state = github.state();
    let annotations = state.checks[0]["annotations"].as_array().expect("a list");
    let shown: Vec<_> = annotations
        .iter()
        .map(|it| {
            (
                it["title"].as_str(),
                it["path"].as_str(),
                it["start_line"].as_u64(),
            )
        })
        .collect();
    let policy = Some("db/pgrehearse.yml");
    assert_eq!(
        shown,
        [
            (Some("rows-lost"), policy, Some(1)),
            (Some("schema-drift"), policy, Some(1)),
        ]
    );
}

#[test]
fn a_status_is_at_most_140_characters_of_whole_words() {
    let mut report = sample::no_go();
    report.reason = "a reason of many words ".repeat(20);
    let github = GitHub::start();
    assert!(run(&github, 1, STATUS, &report).is_empty());
    let state = github.state();
    let description = state.statuses[1]["description"].as_str().expect("a text");
    assert!(description.chars().count() <= 140, "{description}");
    assert!(description.ends_with('…') && description.starts_with("no-go: a reason"));
    let last = description.trim_end_matches('…').rsplit(' ').next();
    assert!(["a", "reason", "of", "many", "words"].contains(&last.expect("a word")));
}

#[test]
fn a_status_whose_answer_got_lost_is_not_sent_again() {
    for fault in [Fault::LostAfterwards, Fault::DoneAnd(500)] {
        let github = GitHub::start();
        github.fail(Method::POST, "statuses", 1, fault);
        assert!(run(&github, 1, STATUS, &sample::go()).is_empty());
        assert_eq!(github.state().statuses.len(), 2);
    }
}
