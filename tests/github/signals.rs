//! SIGINT and SIGTERM in a job: the pull request learns of it, and the runner need not kill.

use std::net::TcpListener;

use axum::http::Method;
use insta::assert_snapshot;
use nix::sys::signal::Signal;

use crate::harness::fault::{CLEANUP, Scene};
use crate::harness::gate::Project;
use crate::harness::github::{Fault, GitHub, TOKEN};

/// A gate in a job of this GitHub, with this source.
fn scene(github: &GitHub, source: &str) -> Scene {
    let project = Project::new();
    project.file("migrations/1.sql", "select 1;").policy(&format!(
        "version: 1\nname: shop\nsource: {source}\nmigrations: {{ files: migrations/*.sql }}\nreport: {{ check: true, status: true }}\n"
    ));
    let event = GitHub::event_of(&project);
    let mut scene = Scene::of(project).env("GITHUB_TOKEN", TOKEN);
    for (name, value) in github.variables(1, &event) {
        scene = scene.env(name, &value);
    }
    scene
}

/// A database that accepts and says nothing.
fn silent() -> (TcpListener, String) {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = silent.local_addr().expect("bound").port();
    let source = format!("{{ database: {{ url: 'postgres://reader@127.0.0.1:{port}/shop' }} }}");
    (silent, source)
}

fn wait_for(github: &GitHub, what: &str) {
    let began = std::time::Instant::now();
    while github.asked(what) == 0 {
        assert!(began.elapsed() < CLEANUP * 3, "nobody asked {what}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// What is another in every run.
fn filters() -> Vec<(&'static str, &'static str)> {
    let mut filters = crate::FILTERS.to_vec();
    filters.extend([
        (r"\d{4}-\d{2}-\d{2}T[0-9:.]+Z", "<started>"),
        (r"\d+(?:\.\d+)? m?s\b", "<time>"),
        (r"run \d{14}\S+ · [0-9: -]+ UTC", "run <run> · <started>"),
    ]);
    filters
}

#[test]
fn a_run_that_is_cut_says_so() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let github = GitHub::start();
        let (silent, source) = silent();
        let scene = scene(&github, &source);
        let mut gate = scene.start();
        gate.until_says("preflight: started");
        let _accepted = silent.accept().expect("the gate connects");
        wait_for(&github, "POST /repos/octo/shop/issues");
        gate.tell(signal).expect_interrupted(signal);
        insta::with_settings!({ filters => filters() }, {
            assert_snapshot!(format!("interrupted_by_{signal}"), github.bodies().remove(0));
        });
        let state = github.state();
        assert_eq!(state.checks[0]["conclusion"], "cancelled");
        assert_eq!(state.statuses[1]["state"], "error");
    }
}

#[test]
fn who_does_not_answer_costs_no_cleanup() {
    let github = GitHub::start();
    for method in [Method::GET, Method::POST, Method::PATCH] {
        github.fail(method, "", 999, Fault::Hang);
    }
    let (silent, source) = silent();
    let scene = scene(&github, &source);
    let mut gate = scene.start();
    gate.until_says("preflight: started");
    let _accepted = silent.accept().expect("the gate connects");
    gate.tell(Signal::SIGTERM)
        .expect_interrupted(Signal::SIGTERM);
}

#[test]
fn a_signal_at_the_very_end_ends_the_telling_and_not_the_verdict() {
    let github = GitHub::start();
    github.fail(Method::PATCH, "", 999, Fault::Hang);
    let scene = scene(&github, "{ dump: production.dump }");
    let gate = scene.start();
    wait_for(&github, "PATCH /repos");
    let ended = gate.tell(Signal::SIGTERM);
    ended.expect(3, "undecided", "");
    assert!(ended.took < CLEANUP, "{:?}", ended.took);
    let warnings = &ended.run.stderr;
    assert!(
        warnings.contains("a signal came before all was told on GitHub"),
        "{warnings}"
    );
}
