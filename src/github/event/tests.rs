//! Events of the shape that GitHub sends, and some that nobody should.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Context, Event, EventError, Origin, PullRequest};

const HEAD: &str = "ec26c3e57ca3a959ca5aad62de7213c562f8c821";
const BASE: &str = "f95f852bd8fca8fcc58a9a2d6c842781e32a215e";
const MERGE: &str = "a10867b14bb761a232cd80139fbd4c0d33264240";

/// The variables that a runner sets, with some set otherwise.
fn variables<'a>(changed: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
    move |name| {
        if let Some((_, value)) = changed.iter().find(|(changed, _)| *changed == name) {
            return (*value != "-").then(|| (*value).to_owned());
        }
        let value = match name {
            "GITHUB_EVENT_NAME" => "pull_request",
            "GITHUB_REPOSITORY" => "octo/shop.db",
            "GITHUB_SHA" => MERGE,
            "GITHUB_RUN_ID" => "1658821493",
            "GITHUB_RUN_ATTEMPT" => "2",
            "GITHUB_WORKFLOW" => "database",
            "GITHUB_SERVER_URL" => "https://github.com",
            "GITHUB_API_URL" => "https://api.github.com",
            "GITHUB_GRAPHQL_URL" => "https://api.github.com/graphql",
            "GITHUB_WORKSPACE" => "/github/workspace",
            "GITHUB_ACTOR" => "octocat",
            _ => return None,
        };
        Some(value.to_owned())
    }
}

fn pull_request() -> Value {
    json!({
        "action": "synchronize",
        "number": 34,
        "pull_request": {
            "id": 279_147_437,
            "number": 34,
            "state": "open",
            "user": { "login": "octocat", "type": "User" },
            "head": { "ref": "faster", "sha": HEAD, "repo": { "id": 186_853_002, "full_name": "octo/shop.db", "fork": false } },
            "base": { "ref": "main", "sha": BASE, "repo": { "id": 186_853_002, "full_name": "octo/shop.db", "fork": false } },
            "merge_commit_sha": MERGE
        },
        "repository": { "id": 186_853_002, "full_name": "octo/shop.db" }
    })
}

/// The job of a pull request in `octo/shop`.
pub fn example() -> Context {
    read(&[("GITHUB_REPOSITORY", "octo/shop")], &pull_request()).expect("a job")
}

fn read(changed: &[(&str, &str)], event: &Value) -> Result<Context, EventError> {
    Context::read(variables(changed), &event.to_string())
}

fn origin(context: &Context) -> Option<Origin> {
    context
        .pull_request()
        .map(|pull_request| pull_request.origin)
}

#[test]
fn a_pull_request_is_about_its_head_and_not_about_the_merge() {
    let context = read(&[], &pull_request()).expect("a job");
    assert_eq!(context.commit, HEAD);
    assert_eq!(context.short_commit(), "ec26c3e");
    assert_eq!(
        context.pull_request(),
        Some(&PullRequest {
            number: 34,
            head_sha: HEAD.to_owned(),
            base_ref: "main".to_owned(),
            base_sha: BASE.to_owned(),
            origin: Origin::Ours,
        })
    );
    assert_eq!(context.repository.to_string(), "octo/shop.db");
    assert_eq!(
        context.run_url(),
        "https://github.com/octo/shop.db/actions/runs/1658821493/attempts/2"
    );
    assert_eq!(context.workspace, Some(PathBuf::from("/github/workspace")));
}

#[test]
fn a_fork_is_one_even_when_it_is_gone() {
    let mut event = pull_request();
    event["pull_request"]["head"]["repo"]["id"] = json!(7);
    assert_eq!(
        origin(&read(&[], &event).expect("a job")),
        Some(Origin::Fork)
    );
    // Dependabot in a fork is a fork: that is the stricter of the two.
    let by_dependabot = read(&[("GITHUB_ACTOR", "dependabot[bot]")], &event).expect("a job");
    assert_eq!(origin(&by_dependabot), Some(Origin::Fork));
    event["pull_request"]["head"]["repo"] = Value::Null;
    assert_eq!(
        origin(&read(&[], &event).expect("a job")),
        Some(Origin::Fork)
    );
}

#[test]
fn the_one_who_pushed_makes_it_dependabots() {
    let mut event = pull_request();
    let context = read(&[("GITHUB_ACTOR", "dependabot[bot]")], &event).expect("a job");
    assert_eq!(origin(&context), Some(Origin::Dependabot));
    // Somebody who may write has pushed to its branch: the token is a usual one.
    event["pull_request"]["user"]["login"] = json!("dependabot[bot]");
    assert_eq!(
        origin(&read(&[], &event).expect("a job")),
        Some(Origin::Ours)
    );
}

#[test]
fn a_pull_request_with_the_bases_rights_is_another_event() {
    let context = read(
        &[
            ("GITHUB_EVENT_NAME", "pull_request_target"),
            ("GITHUB_SHA", BASE),
        ],
        &pull_request(),
    )
    .expect("a job");
    assert!(matches!(context.event, Event::PullRequestTarget(_)));
    assert_eq!(context.commit, HEAD);
    assert_eq!(context.pull_request(), None);
}

#[test]
fn a_merge_group_has_no_pull_request() {
    let event = json!({
        "action": "checks_requested",
        "merge_group": {
            "head_sha": HEAD,
            "head_ref": "refs/heads/gh-readonly-queue/main/pr-34-f95f852bd8fca8fcc58a9a2d6c842781e32a215e",
            "base_sha": BASE,
            "base_ref": "refs/heads/main",
            "head_commit": { "id": HEAD, "message": "Merge pull request #34" }
        },
        "repository": { "id": 186_853_002, "full_name": "octo/shop.db" }
    });
    let context = read(&[("GITHUB_EVENT_NAME", "merge_group")], &event).expect("a job");
    assert_eq!(
        context.event,
        Event::MergeGroup {
            base_sha: BASE.to_owned(),
            base_ref: "refs/heads/main".to_owned(),
        }
    );
    assert_eq!(context.commit, HEAD);
}

#[test]
fn other_events_are_about_the_runs_own_commit() {
    let run = json!({
        "action": "completed",
        "workflow_run": { "id": 30_433_642, "run_attempt": 1, "event": "pull_request", "head_sha": HEAD,
            "conclusion": "success", "pull_requests": [], "head_branch": "faster",
            "head_repository": { "owner": { "login": "stranger" } }, "run_started_at": "2026-11-20T12:00:00Z" },
        "repository": { "id": 186_853_002, "full_name": "octo/shop.db" }
    });
    for (name, payload, expected) in [
        (
            "push",
            json!({ "ref": "refs/heads/main", "after": MERGE }),
            Event::Push,
        ),
        (
            "workflow_dispatch",
            json!({ "inputs": null, "ref": "refs/heads/main" }),
            Event::Dispatch,
        ),
        (
            "workflow_run",
            run,
            Event::WorkflowRun {
                id: 30_433_642,
                attempt: 1,
                event: "pull_request".to_owned(),
                head_sha: HEAD.to_owned(),
                head_owner: "stranger".to_owned(),
                head_branch: "faster".to_owned(),
                started: "2026-11-20T12:00:00Z".parse().expect("a moment"),
            },
        ),
        (
            "schedule",
            json!({ "schedule": "0 3 * * *" }),
            Event::Other("schedule".to_owned()),
        ),
    ] {
        let context = read(&[("GITHUB_EVENT_NAME", name)], &payload).expect("a job");
        assert_eq!(context.event, expected);
        assert_eq!(context.commit, MERGE);
    }
}

#[test]
fn an_error_names_the_variable_or_the_path() {
    let told = |changed: &[(&str, &str)], event: &Value| {
        read(changed, event).expect_err("no job").to_string()
    };
    assert_eq!(
        told(&[("GITHUB_RUN_ID", "-")], &pull_request()),
        "`GITHUB_RUN_ID` is not set"
    );
    assert_eq!(
        told(&[("GITHUB_RUN_ATTEMPT", "x")], &pull_request()),
        "`GITHUB_RUN_ATTEMPT` is not a number"
    );
    for hostile in [
        "octo",
        "octo/shop/..",
        "octo/shop?x",
        "../shop",
        "octo/sh op",
    ] {
        assert_eq!(
            told(&[("GITHUB_REPOSITORY", hostile)], &pull_request()),
            "`GITHUB_REPOSITORY` is not an owner and a name such as `octo/shop`"
        );
    }
    for hostile in ["file:///etc/passwd", "api.github.com", "http://"] {
        assert_eq!(
            told(&[("GITHUB_API_URL", hostile)], &pull_request()),
            "`GITHUB_API_URL` is not an address such as `https://github.com`"
        );
    }
    let mut event = pull_request();
    event["pull_request"]["head"]["sha"] = json!("ec26c3e; rm -rf /");
    assert_eq!(
        told(&[], &event),
        "the event `pull_request` has no `/pull_request/head/sha` that is a commit"
    );
    event = pull_request();
    event["pull_request"]["number"] = json!("34");
    assert_eq!(
        told(&[], &event),
        "the event `pull_request` has no `/pull_request/number` that is a number"
    );
    assert!(matches!(
        Context::read(variables(&[]), "{"),
        Err(EventError::NoJson(_))
    ));
}
