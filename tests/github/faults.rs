//! A GitHub that refuses, waits, fails and does not answer: what is told, how long it takes, and that
//! nothing is written twice.

use std::time::{Duration, Instant};

use axum::http::Method;
use pgrehearse::github::End;
use pgrehearse::report::markdown;

use crate::harness::github::{Fault, GitHub};
use crate::{COMMENT, EVERYTHING, begin, begin_within, conclude, run, sample, short};

const NOT_ALLOWED: &str = "Resource not accessible by integration";

#[test]
fn what_the_job_may_not_do_is_named() {
    let github = GitHub::start();
    for (part, status) in [("comments", 403), ("check-runs", 403), ("statuses", 404)] {
        github.fail(Method::POST, part, 99, Fault::status(status, NOT_ALLOWED));
    }
    let problems = run(&github, 1, EVERYTHING, &sample::go());
    let refused = |what: &str, status: u16, permission: &str| {
        ["begun", "concluded"].map(|verb| {
            format!(
                "{what} was not {verb}: GitHub refuses it ({status}: {NOT_ALLOWED}): the job needs `{permission}` in its `permissions:`"
            )
        })
    };
    let [comment, check, status] = [
        refused(
            "the comment on the pull request",
            403,
            "pull-requests: write",
        ),
        refused("the check run", 403, "checks: write"),
        refused("the commit status", 404, "statuses: write"),
    ];
    assert_eq!(
        problems.iter().collect::<Vec<_>>(),
        [
            &comment[0],
            &check[0],
            &status[0],
            &comment[1],
            &check[1],
            &status[1]
        ]
    );
    // What is refused for good is not tried again.
    assert_eq!(github.asked("POST /repos/octo/shop/statuses"), 2);
}

#[test]
fn githubs_own_words_are_told_and_shortened() {
    for (fault, told) in [
        (
            Fault::status(401, "Bad credentials"),
            "GitHub does not know the token, or it has expired (401)",
        ),
        (
            Fault::status(403, "Unable to create comment because issue is locked."),
            "GitHub refuses it (403: Unable to create comment because issue is locked.)",
        ),
        (
            Fault::status(410, "##[error]gone\n\u{1b}[31mfor good"),
            "GitHub refuses it (410: ##[error]gone for good)",
        ),
    ] {
        let github = GitHub::start();
        github.fail(Method::POST, "comments", 9, fault);
        let problems = run(&github, 1, COMMENT, &sample::go());
        assert_eq!(
            problems[0],
            format!("the comment on the pull request was not begun: {told}")
        );
        // What is refused for good is not tried again: once at the beginning, once at the end.
        assert_eq!(github.asked("POST /repos"), 2);
    }
    let github = GitHub::start();
    let words: &'static str = "a very long answer of a proxy ".repeat(100).leak();
    github.fail(Method::POST, "comments", 9, Fault::status(422, words));
    let problems = run(&github, 1, COMMENT, &sample::go());
    assert!(problems[0].len() < 300, "{}", problems[0]);
}

#[test]
fn a_limit_is_waited_for_and_a_long_one_is_not() {
    for (status, name) in [(429, "retry-after"), (403, "retry-after")] {
        let github = GitHub::start();
        github.fail(
            Method::POST,
            "comments",
            1,
            Fault::limit(status, &[(name, "1")]),
        );
        let began = Instant::now();
        assert!(run(&github, 1, COMMENT, &sample::go()).is_empty());
        assert!(began.elapsed() >= Duration::from_secs(1));
        assert_eq!(github.bodies().len(), 1);
    }
    let reset = (jiff::Timestamp::now().as_second() + 1).to_string();
    let headers = [
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", reset.as_str()),
    ];
    let github = GitHub::start();
    github.fail(Method::GET, "comments", 1, Fault::limit(403, &headers));
    assert!(run(&github, 1, COMMENT, &sample::go()).is_empty());

    let github = GitHub::start();
    github.fail(
        Method::POST,
        "comments",
        9,
        Fault::limit(429, &[("retry-after", "3600")]),
    );
    let began = Instant::now();
    let problems = run(&github, 1, COMMENT, &sample::go());
    assert_eq!(
        problems[1],
        "the comment on the pull request was not concluded: GitHub asks to wait 3600 s (429: API rate limit exceeded)"
    );
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_bad_gateway_passes() {
    let github = GitHub::start();
    for (method, part) in [
        (Method::GET, "comments"),
        (Method::POST, "comments"),
        (Method::PATCH, "comments"),
    ] {
        github.fail(method, part, 1, Fault::status(502, "Server Error"));
    }
    assert!(run(&github, 1, COMMENT, &sample::go()).is_empty());
    assert_eq!(github.bodies().len(), 1);
    assert!(github.bodies()[0].contains("✅ GO"));
}

#[test]
fn five_attempts_are_enough() {
    let github = GitHub::start();
    github.fail(
        Method::POST,
        "comments",
        99,
        Fault::status(500, "Server Error"),
    );
    let mut announcement = begin(&github, 1, COMMENT, "shop");
    let problems = announcement.begun(End::Whole, std::future::pending());
    assert_eq!(
        problems,
        [
            "the comment on the pull request was not begun: GitHub did not answer it: 500: Server Error"
        ]
    );
    assert_eq!(github.asked("POST /repos"), 5);
}

#[test]
fn a_comment_whose_answer_got_lost_is_not_made_twice() {
    for fault in [
        Fault::LostAfterwards,
        Fault::DoneAnd(502),
        Fault::DoneAnd(504),
    ] {
        let github = GitHub::start();
        github.fail(Method::POST, "comments", 1, fault.clone());
        github.fail(Method::PATCH, "comments", 1, fault);
        assert!(run(&github, 1, COMMENT, &sample::no_go()).is_empty());
        assert_eq!(github.bodies().len(), 1);
        assert_eq!(github.asked("POST /repos"), 1);
        assert_eq!(github.asked("PATCH"), 1);
    }
}

#[test]
fn a_comment_that_goes_away_is_made_again() {
    let github = GitHub::start();
    let mut announcement = begin(&github, 1, COMMENT, "shop");
    announcement.begun(End::Whole, std::future::pending());
    github.state().comments.clear();
    assert!(conclude(announcement, &sample::go()).is_empty());
    assert!(github.bodies()[0].contains("✅ GO"));
}

#[test]
fn who_never_answers_is_not_waited_for_longer_than_that() {
    let github = GitHub::start();
    github.fail(Method::GET, "", 99, Fault::Hang);
    github.fail(Method::POST, "", 99, Fault::Hang);
    let began = Instant::now();
    let mut announcement = begin_within(&github, 1, EVERYTHING, "shop", short());
    let problems = announcement.begun(End::Whole, std::future::pending());
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(began.elapsed() < Duration::from_secs(6));
    let problems = conclude(announcement, &sample::go());
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(began.elapsed() < Duration::from_secs(6));
}

#[test]
fn one_that_hangs_keeps_back_no_other() {
    let github = GitHub::start();
    github.fail(Method::GET, "comments", 99, Fault::Hang);
    let mut announcement = begin_within(&github, 1, EVERYTHING, "shop", short());
    assert_eq!(
        announcement.begun(End::Whole, std::future::pending()).len(),
        1
    );
    assert_eq!(conclude(announcement, &sample::go()).len(), 1);
    let state = github.state();
    assert_eq!(state.checks[0]["conclusion"], "success");
    assert_eq!(state.statuses[1]["state"], "success");
}

#[test]
fn a_signal_leaves_little_time() {
    // Without one there is a minute.
    let github = GitHub::start();
    github.fail(Method::GET, "", 99, Fault::Hang);
    let report = sample::undecided();
    let text = markdown::render(&report);
    for end in [End::Interrupted, End::Whole] {
        let limits = pgrehearse::github::Limits {
            begin: Duration::from_millis(300),
            hurried: Duration::from_secs(1),
            ..Default::default()
        };
        let announcement = begin_within(&github, 1, COMMENT, "shop", limits);
        let began = Instant::now();
        let signal = async {
            match end {
                End::Whole => tokio::time::sleep(Duration::from_millis(100)).await,
                End::Interrupted => std::future::pending().await,
            }
        };
        let problems = announcement.conclude(&report, &text, end, signal);
        assert!(!problems.is_empty());
        assert!(
            began.elapsed() < Duration::from_secs(6),
            "{:?}",
            began.elapsed()
        );
    }
}

#[test]
fn nobody_there_is_a_warning() {
    let github = GitHub::start();
    let announcement = {
        let context = github.context(1);
        drop(github);
        let token = pgrehearse::text::Secret::new("x");
        pgrehearse::github::Announcement::begin(
            context,
            COMMENT,
            "shop",
            crate::started(1),
            &token,
            short(),
        )
        .expect("it begins")
    };
    let problems = conclude(announcement, &sample::go());
    assert!(
        problems[0].contains("GitHub did not answer it: Connection refused"),
        "{problems:?}"
    );
}
