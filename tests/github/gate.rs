//! The gate in a job: the same verdict and exit code, whatever GitHub does.

use std::process::Command;

use axum::http::Method;
use serde_json::{Value, json};

use crate::harness::fault::ONE_SERVER;
use crate::harness::gate::{Project, Run};
use crate::harness::github::{Fault, GitHub, MERGE, TOKEN};

/// A run that ends in its preflight: there is no such dump.
pub fn project(more: &str) -> Project {
    let project = Project::new();
    project.file("migrations/1.sql", "select 1;").policy(&format!(
        "version: 1\nname: shop\nsource: {{ dump: production.dump }}\nmigrations: {{ files: migrations/*.sql }}\n{more}"
    ));
    project
}

pub fn command(github: &GitHub, project: &Project, event: &Value) -> Command {
    let mut command = project.command(&["run"]);
    command
        .env_remove("GITHUB_TOKEN")
        .envs(github.variables(1, event))
        .env("INPUT_GITHUB-TOKEN", TOKEN);
    command
}

fn run(github: &GitHub, project: &Project) -> Run {
    ended(
        project,
        &mut command(github, project, &GitHub::event_of(project)),
    )
}

pub fn ended(project: &Project, command: &mut Command) -> Run {
    let run = project.ended(&command.output().expect("the gate starts"));
    assert!(!run.everything().contains(TOKEN), "{}", run.everything());
    run
}

#[test]
fn a_pull_request_is_told() {
    let github = GitHub::start();
    let project = project("report: { check: true, status: true }");
    let run = run(&github, &project);
    run.expect(3, "undecided", &[]);
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    assert!(github.bodies()[0].contains("UNDECIDED"));
    // It was there before the verdict was, and is one.
    assert_eq!(github.asked("POST /repos/octo/shop/issues"), 1);
    assert_eq!(github.asked("PATCH /repos/octo/shop/issues"), 1);
    let state = github.state();
    assert_eq!(state.checks[0]["conclusion"], "failure");
    assert_eq!(state.statuses[1]["state"], "error");
    assert!(!state.requests.iter().any(|request| request.contains(MERGE)));
}

#[test]
fn nothing_that_fails_there_changes_the_verdict() {
    for (method, fault) in [
        (
            Method::POST,
            Fault::status(403, "Resource not accessible by integration"),
        ),
        (Method::GET, Fault::status(404, "Not Found")),
        (Method::POST, Fault::status(422, "Validation Failed")),
        (Method::POST, Fault::limit(429, &[("retry-after", "900")])),
        (Method::GET, Fault::status(401, "Bad credentials")),
        (
            Method::POST,
            Fault::status(451, "##[add-mask]e\n::error::pwned"),
        ),
    ] {
        let github = GitHub::start();
        github.fail(method, "", 999, fault);
        let run = run(&github, &project(""));
        run.expect(3, "undecided", &[]);
        assert!(run.stdout.contains("UNDECIDED"), "{}", run.stdout);
        let warnings = run
            .stderr
            .matches("warning: the comment on the pull request")
            .count();
        assert_eq!(warnings, 2, "{}", run.stderr);
        assert!(!run.stderr.contains("##["), "{}", run.stderr);
        // What was known by then stands in the reports too.
        let saw = run.stage("preflight").to_string();
        assert!(saw.contains("was not begun"), "{saw}");
    }
}

#[test]
fn a_fork_is_not_told_and_learns_why() {
    let github = GitHub::start();
    let mut fork = GitHub::event();
    fork["pull_request"]["head"]["repo"]["id"] = json!(8);
    let project = project("");
    let mut command = command(&github, &project, &fork);
    let run = ended(&project, command.env("GITHUB_ACTOR", "mallory"));
    run.expect(3, "undecided", &[]);
    let why = "of a fork, whose token may only read; docs/recipes/fork-comment.md";
    assert!(run.stderr.contains(why), "{}", run.stderr);
    assert_eq!(github.state().requests, Vec::<String>::new());
}

fn by_dependabot(github: &GitHub) -> Run {
    let project = project("report: { check: true, status: true }");
    let event = GitHub::event_of(&project);
    let mut command = command(github, &project, &event);
    let run = ended(&project, command.env("GITHUB_ACTOR", "dependabot[bot]"));
    run.expect(3, "undecided", &[]);
    run
}

#[test]
fn dependabots_token_may_have_been_raised() {
    let github = GitHub::start();
    let run = by_dependabot(&github);
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    assert!(github.bodies()[0].contains("UNDECIDED"));
    assert_eq!(github.state().checks[0]["conclusion"], "failure");
}

#[test]
fn dependabot_learns_once_why_it_is_not_told() {
    let github = GitHub::start();
    let fault = Fault::status(403, "Resource not accessible by integration");
    github.fail(Method::POST, "/repos/", 999, fault);
    let run = by_dependabot(&github);
    let why = "this run is Dependabot's, whose token may only read; docs/recipes/fork-comment.md";
    assert_eq!(run.stderr.matches("warning").count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains(why), "{}", run.stderr);
    assert_eq!(github.bodies(), Vec::<String>::new());
}

#[test]
fn what_dependabots_token_lacks_is_named_where_it_has_some() {
    let github = GitHub::start();
    let fault = Fault::status(403, "Resource not accessible by integration");
    github.fail(Method::POST, "check-runs", 999, fault);
    let run = by_dependabot(&github);
    assert!(
        run.stderr.contains("the job needs `checks: write`"),
        "{}",
        run.stderr
    );
    assert!(github.bodies()[0].contains("UNDECIDED"));
}

#[test]
fn outside_of_such_a_job_nothing_is_told_and_nothing_said() {
    let github = GitHub::start();
    for (name, value) in [
        ("GITHUB_ACTIONS", "false"),
        ("GITHUB_EVENT_NAME", "push"),
        ("GITHUB_EVENT_NAME", "schedule"),
    ] {
        let project = project("");
        let mut command = command(&github, &project, &GitHub::event());
        let run = ended(&project, command.env(name, value));
        run.expect(3, "undecided", &[]);
        assert!(!run.stderr.contains("GitHub"), "{}", run.stderr);
    }
    let never = project("report: { comment: never }");
    let run = run(&github, &never);
    assert!(!run.stderr.contains("GitHub"), "{}", run.stderr);
    assert_eq!(github.state().requests, Vec::<String>::new());
}

#[test]
fn without_a_token_or_an_event_it_says_so() {
    let github = GitHub::start();
    let quiet = project("");
    let mut without_token = command(&github, &quiet, &GitHub::event());
    let run = ended(&quiet, without_token.env_remove("INPUT_GITHUB-TOKEN"));
    run.expect(3, "undecided", &[]);
    assert!(
        run.stderr.contains("there is no token in `GITHUB_TOKEN`"),
        "{}",
        run.stderr
    );
    let mut without_number = GitHub::event();
    without_number["pull_request"]["number"] = Value::Null;
    let run = ended(&quiet, &mut command(&github, &quiet, &without_number));
    run.expect(3, "undecided", &[]);
    assert!(
        run.stderr
            .contains("has no `/pull_request/number` that is a number"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_strangers_code_is_not_run_with_the_bases_secrets() {
    let github = GitHub::start();
    let project = project("");
    let mut command = command(&github, &project, &GitHub::event());
    let run = ended(
        &project,
        command.env("GITHUB_EVENT_NAME", "pull_request_target"),
    );
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("`pull_request_target`"),
        "{}",
        run.stderr
    );
    assert_eq!(github.state().requests, Vec::<String>::new());
}

#[test]
fn a_go_that_nobody_can_read_is_told_as_none() {
    // The migration puts a file where the reports belong.
    let github = GitHub::start();
    let project = Project::sql("create table t (id int);", &[("1.sql", "select 1;")]);
    project.policy(&format!(
        "version: 1\nsource: {{ sql: production.sql }}\n{ONE_SERVER}\nmigrations: {{ files: migrations/*.sql, command: sh migrate.sh, pending: all }}\n"
    ));
    project.file(
        "migrate.sh",
        "rm -rf pgrehearse-report\ntouch pgrehearse-report\n",
    );
    let event = GitHub::event_of(&project);
    let run = ended(&project, &mut command(&github, &project, &event));
    assert_eq!(run.code, Some(3), "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("GO"), "{}{}", run.stdout, run.stderr);
    let body = github.bodies().remove(0);
    assert!(body.contains("UNDECIDED"), "{body}");
    assert!(body.contains("the reports could not be written"), "{body}");
}
