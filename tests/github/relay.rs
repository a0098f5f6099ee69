//! The comment that a fork's run could not make, by a job that may.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::harness::gate::{Project, Run};
use crate::harness::github::{GitHub, HEAD, MERGE, TOKEN};

const POLICY: &str = "version: 1\nname: shop\nsource: { database: { url: '${REPLICA_URL}' } }\nmigrations: { files: migrations/*.sql }\n";

/// What a fork's run left, and a `workflow_run` after it.
fn artifact(change: impl FnOnce(&mut Value)) -> Project {
    let project = Project::new();
    let mut report = json!({
        "schema_version": 1, "verdict": "no-go", "reason": "rows are gone", "name": "shop",
        "policy": "pgrehearse.yml", "run": "r", "started": "2099-01-01T00:00:00Z", "seconds": 2.5,
        "stages": [
            { "name": "preflight", "outcome": "passed", "began": 0.0, "seconds": 0.1, "saw": [] },
            { "name": "verify", "outcome": "failed", "began": 0.1, "seconds": 1e300, "saw": ["@team"] },
        ],
        "findings": [{
            "rule": "rows-lost", "level": "block", "stage": "verify", "object": "public.orders",
            "message": "`public.orders` lost rows </details> @team ![i](//x)", "effect": "they are gone",
            "sql": "select 1;\n```\n@team", "evidence": [], "file": "migrations/1.sql", "line": 3,
        }],
        "migrations": [{ "file": "migrations/1.sql", "state": "ran", "seconds": 0.5 }],
        "trace": { "whatever": 1 },
    });
    change(&mut report);
    project
        .policy(POLICY)
        .file("migrations/1.sql", "select 1;")
        .file("artifact/report.json", &report.to_string());
    project
}

fn event(sha: &str) -> Value {
    json!({
        "action": "completed",
        "workflow_run": {
            "id": 77, "run_attempt": 2, "event": "pull_request", "head_sha": sha,
            "head_branch": "faster", "head_repository": { "owner": { "login": "stranger" } },
            "run_started_at": "2026-11-20T12:00:00Z", "pull_requests": [],
        },
        "repository": { "id": 7, "full_name": "octo/shop" },
    })
}

fn relay(github: &GitHub, project: &Project, event: &Value) -> Run {
    let mut command = project.command(&["comment", "--from", "artifact"]);
    command
        .envs(github.variables(500, event))
        .env("GITHUB_EVENT_NAME", "workflow_run")
        .env("GITHUB_TOKEN", TOKEN);
    let run = project.ended(&command.output().expect("the gate starts"));
    assert!(!run.everything().contains(TOKEN), "{}", run.everything());
    run
}

#[test]
fn a_strangers_run_is_told_of_as_its_own_words() {
    let github = GitHub::start();
    let project = artifact(|_| ());
    let run = relay(&github, &project, &event(HEAD));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let body = github.bodies().remove(0);
    // It began by GitHub's clock: a report could say that it is of 2099, and no later run would come after
    // it.
    insta::with_settings!({ filters => crate::FILTERS.to_vec() }, {
        assert_snapshot!("fork", body);
    });
    // Told again it is the same comment.
    let run = relay(&github, &project, &event(HEAD));
    assert!(run.stderr.contains("says it already"), "{}", run.stderr);
    assert_eq!(github.bodies().len(), 1);
}

#[test]
fn what_no_gate_wrote_is_not_told() {
    let refused = |change: fn(&mut Value), why: &str| {
        let github = GitHub::start();
        let run = relay(&github, &artifact(change), &event(HEAD));
        assert_eq!(run.code, Some(3), "{}", run.stderr);
        assert!(run.stderr.contains(why), "{}", run.stderr);
        assert!(github.bodies().is_empty());
    };
    refused(
        |report| report["verdict"] = "go".into(),
        "what is in it does not",
    );
    refused(
        |report| report["name"] = "payments".into(),
        "the report is of `payments`",
    );
    refused(|report| report["schema_version"] = 2.into(), "version 2");
    refused(
        |report| report["findings"][0]["rule"] = "made-up".into(),
        "`made-up`",
    );
    refused(|report| report["stages"] = "x".into(), "is no report");
    refused(
        |report| report["reason"] = "x".repeat(33 * 1024 * 1024).into(),
        "is larger than 32 MB",
    );
}

/// Where it goes is GitHub's to say, and not the report's.
#[test]
fn a_pull_request_that_moved_on_is_not_told() {
    let github = GitHub::start();
    let run = relay(&github, &artifact(|_| ()), &event(&HEAD.replace('e', "d")));
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(
        run.stderr.contains("no open pull request"),
        "{}",
        run.stderr
    );
    let mut push = event(MERGE);
    push["workflow_run"]["event"] = "push".into();
    let run = relay(&github, &artifact(|_| ()), &push);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(github.bodies().is_empty());
}
