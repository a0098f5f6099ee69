//! The one comment: found among others, kept up to date, never an older run's over a newer one's.

use axum::http::Method;
use pgrehearse::github::{Announcement, End, Limits};
use pgrehearse::policy::{CommentWhen, Told};
use pgrehearse::report::markdown::marker;
use pgrehearse::text::Secret;

use crate::harness::github::{ACTIONS, Fault, GitHub, HEAD, MERGE};
use crate::{COMMENT, TOKEN, begin, conclude, run, sample, started};

const OLD: &str = MERGE;

#[test]
fn it_is_there_at_once_and_says_the_verdict_at_the_end() {
    let github = GitHub::start();
    let mut announcement = begin(&github, 1, COMMENT, "shop");
    assert_eq!(
        announcement.begun(End::Whole, std::future::pending()),
        Vec::<String>::new()
    );
    let body = github.bodies().remove(0);
    let lines: Vec<&str> = body.lines().collect();
    assert_eq!(lines[0], "<!-- pgrehearse: shop -->");
    assert_eq!(
        lines[1],
        format!("<!-- pgrehearse-at: {} of {HEAD} run 1.1 -->", started(1))
    );
    assert!(
        lines[2].starts_with("### ⏳ shop: rehearsing commit [ec26c3e]("),
        "{body}"
    );
    assert!(
        body.contains("/octo/shop/actions/runs/1/attempts/1"),
        "{body}"
    );

    assert_eq!(
        conclude(announcement, &sample::no_go()),
        Vec::<String>::new()
    );
    let bodies = github.bodies();
    assert_eq!(bodies.len(), 1);
    assert!(bodies[0].contains("⛔ NO-GO"), "{}", bodies[0]);
    assert!(!bodies[0].contains('⏳'));
    assert!(bodies[0].trim_end().ends_with("</sub>"));
    assert!(bodies[0].contains("commit [ec26c3e]("));
    assert_eq!(github.asked("POST /repos"), 1);
    assert_eq!(github.asked("PATCH"), 1);
}

#[test]
fn the_next_run_takes_it_and_another_name_does_not() {
    let github = GitHub::start();
    run(&github, 1, COMMENT, &sample::no_go());
    run(&github, 2, COMMENT, &sample::go());
    assert_eq!(github.bodies().len(), 1);
    assert!(github.bodies()[0].contains("✅ GO"));
    let mut other = sample::undecided();
    other.name = "shop-2".to_owned();
    run(&github, 3, COMMENT, &other);
    assert_eq!(github.bodies().len(), 2);
    assert!(github.bodies()[0].contains("✅ GO"));
}

#[test]
fn it_is_found_on_the_third_page() {
    let github = GitHub::start();
    for number in 0..250 {
        github.comment("octocat", "User", &format!("what about {number}?"));
    }
    run(&github, 1, COMMENT, &sample::no_go());
    assert_eq!(github.bodies().len(), 251);
    run(&github, 2, COMMENT, &sample::go());
    assert_eq!(github.bodies().len(), 251);
    assert!(github.bodies()[250].contains("✅ GO"));
    assert_eq!(
        github.asked("GET /repos/octo/shop/issues/34/comments?per_page=100&page=4"),
        0
    );
}

#[test]
fn a_strangers_mark_is_not_ours() {
    let github = GitHub::start();
    let spoofed = format!(
        "{}\n<!-- pgrehearse-at: 2999-01-01T00:00:00Z of {HEAD} run 9.1 -->\n### ✅ GO\n",
        marker("shop")
    );
    for (login, kind) in [
        ("mallory", "User"),
        ("github-actions", "User"),
        ("mallory[bot]", "Bot"),
    ] {
        github.comment(login, kind, &spoofed);
    }
    // Ours, but not ours by its mark.
    github.comment(ACTIONS, "Bot", "deployed\n<!-- pgrehearse: shop -->");
    assert!(run(&github, 1, COMMENT, &sample::no_go()).is_empty());
    let bodies = github.bodies();
    assert_eq!(bodies.len(), 5);
    assert!(bodies[..3].iter().all(|body| *body == spoofed));
    assert!(bodies[4].contains("NO-GO"));
}

/// A run of a commit that the pull request has left behind.
fn of_an_old_commit(github: &GitHub, number: u64) -> Announcement {
    let mut context = github.context(number);
    context.commit = OLD.to_owned();
    let token = Secret::new(TOKEN);
    let limits = Limits::default();
    Announcement::begin(context, COMMENT, "shop", started(number), &token, limits)
        .expect("it begins")
}

fn begun(mut announcement: Announcement) -> Announcement {
    let problems = announcement.begun(End::Whole, std::future::pending());
    assert_eq!(problems, Vec::<String>::new());
    announcement
}

#[test]
fn an_old_commit_that_is_rehearsed_again_leaves_the_heads_comment_alone() {
    let github = GitHub::start();
    run(&github, 1, COMMENT, &sample::no_go());
    let of_the_head = github.bodies();
    let again = begun(of_an_old_commit(&github, 2));
    assert_eq!(github.bodies(), of_the_head);
    assert!(conclude(again, &sample::go()).is_empty());
    assert_eq!(github.bodies(), of_the_head);
    assert_eq!(github.asked("PATCH"), 1);
}

#[test]
fn the_head_takes_the_comment_of_an_old_commit_that_began_later() {
    let github = GitHub::start();
    let old = begun(of_an_old_commit(&github, 2));
    assert!(conclude(old, &sample::go()).is_empty());
    assert!(github.bodies()[0].contains(OLD));
    assert!(run(&github, 1, COMMENT, &sample::no_go()).is_empty());
    let body = github.bodies().remove(0);
    assert!(body.contains("NO-GO") && body.contains(HEAD), "{body}");
}

#[test]
fn where_the_head_is_not_told_the_later_run_is_the_newer_one() {
    let github = GitHub::start();
    run(&github, 1, COMMENT, &sample::no_go());
    let fault = Fault::status(403, "Resource not accessible by integration");
    github.fail(Method::GET, "/pulls/34", 9, fault);
    let old = begun(of_an_old_commit(&github, 2));
    assert!(conclude(old, &sample::go()).is_empty());
    assert!(github.bodies()[0].contains("✅ GO"));
}

#[test]
fn an_older_run_leaves_a_newer_one_alone() {
    let github = GitHub::start();
    let [older, newer] = [1, 2].map(|number| {
        let mut announcement = begin(&github, number, COMMENT, "shop");
        assert!(
            announcement
                .begun(End::Whole, std::future::pending())
                .is_empty()
        );
        announcement
    });
    assert!(conclude(newer, &sample::no_go()).is_empty());
    let after_the_newer = github.bodies();
    assert!(conclude(older, &sample::go()).is_empty());
    assert_eq!(github.bodies(), after_the_newer);
    assert_eq!(after_the_newer.len(), 1);
    assert!(after_the_newer[0].contains(" run 2.1 -->"));
    // Nor does its beginning.
    assert!(run(&github, 1, COMMENT, &sample::go()).is_empty());
    assert_eq!(github.bodies(), after_the_newer);
}

#[test]
fn of_two_the_newest_is_kept_up_to_date() {
    let github = GitHub::start();
    let first = format!("{}\nfirst", marker("shop"));
    github.comment(ACTIONS, "Bot", &first);
    github.comment(ACTIONS, "Bot", &format!("{}\nsecond", marker("shop")));
    assert!(run(&github, 1, COMMENT, &sample::go()).is_empty());
    let bodies = github.bodies();
    assert_eq!(bodies[0], first);
    assert!(bodies[1].contains("✅ GO"));
}

#[test]
fn on_problem_says_nothing_of_a_go_unless_something_was_said() {
    let on_problem = Told {
        comment: CommentWhen::OnProblem,
        ..COMMENT
    };
    let github = GitHub::start();
    assert!(run(&github, 1, on_problem, &sample::go()).is_empty());
    assert_eq!(github.bodies().len(), 0);
    assert!(run(&github, 2, on_problem, &sample::undecided()).is_empty());
    assert!(github.bodies()[0].contains("UNDECIDED"));
    assert!(run(&github, 3, on_problem, &sample::go()).is_empty());
    assert_eq!(github.bodies().len(), 1);
    assert!(github.bodies()[0].contains("✅ GO"));
    let never = Told {
        comment: CommentWhen::Never,
        ..COMMENT
    };
    let github = GitHub::start();
    assert!(run(&github, 1, never, &sample::no_go()).is_empty());
    assert_eq!(github.asked(""), 0);
}

#[test]
fn the_author_is_whoever_the_token_is_of() {
    for (login, tells_user, viewer) in [
        ("octo-ci", Some("octo-ci"), None),
        ("shop-app[bot]", None, Some("shop-app[bot]")),
        // GraphQL may leave the brackets out.
        ("shop-app[bot]", None, Some("shop-app")),
        (ACTIONS, None, None),
    ] {
        let github = GitHub::start();
        {
            let mut state = github.state();
            state.login = login.to_owned();
            state.tells_user = tells_user.map(str::to_owned);
            state.viewer = viewer.map(str::to_owned);
        }
        run(&github, 1, COMMENT, &sample::no_go());
        run(&github, 2, COMMENT, &sample::go());
        assert_eq!(github.bodies().len(), 1, "{login}");
    }
}

#[test]
fn hostile_text_breaks_nothing() {
    let github = GitHub::start();
    let report = sample::hostile();
    assert!(run(&github, 1, crate::EVERYTHING, &report).is_empty());
    assert!(run(&github, 2, crate::EVERYTHING, &report).is_empty());
    let bodies = github.bodies();
    assert_eq!(bodies.len(), 1);
    assert!(bodies[0].chars().count() < 65_536);
    let state = github.state();
    let name = state.checks[0]["name"].as_str().expect("a name");
    assert!(
        !name.contains('\n') && name.starts_with("pgrehearse: "),
        "{name}"
    );
    let context = state.statuses[0]["context"].as_str().expect("a context");
    assert!(
        !context.contains('\n') && context.starts_with("pgrehearse/"),
        "{context}"
    );
}

#[test]
fn the_longest_text_is_short_enough() {
    let github = GitHub::start();
    let report = sample::go();
    for length in [64_999, 65_535, 100_000] {
        let mut announcement = begin(&github, length, crate::EVERYTHING, "shop");
        announcement.begun(End::Whole, std::future::pending());
        let text = format!(
            "{}\n{}",
            marker("shop"),
            "🦆 a line\n".repeat(length as usize / 9)
        );
        let problems = announcement.conclude(&report, &text, End::Whole, std::future::pending());
        assert_eq!(problems, Vec::<String>::new());
    }
    let body = github.bodies().remove(0);
    assert!(body.chars().count() < 65_536 && body.contains("…the rest is in the run's report"));
}
