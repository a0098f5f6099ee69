//! `kill -9` of the gate: the guard clears up, and no report of an older run speaks for this one.

use nix::sys::signal::Signal;

use crate::harness::fault::{Ended, Scene};
use crate::harness::reports::REPORTS;
use crate::interrupted::STUBBORN;
use crate::{HANGING, HANGS};

/// Leaves the reports of a run that passed.
fn with_old_reports(scene: &Scene) {
    for file in REPORTS {
        scene.project.file(
            &format!("pgrehearse-report/{file}"),
            "{\"verdict\": \"go\"}",
        );
    }
}

#[track_caller]
fn nothing_speaks_for(ended: &Ended) {
    assert_eq!(ended.run.code, None, "{}", ended.run.stderr);
    for file in REPORTS {
        assert!(!ended.run.reports.join(file).exists(), "`{file}` is left");
    }
    ended.nothing_is_left();
}

#[test]
fn during_the_start_of_a_server() {
    let scene = Scene::short("select 1;", "select 1;", "");
    with_old_reports(&scene);
    let mut gate = scene.start();
    gate.until_server_runs("initdb");
    nothing_speaks_for(&gate.tell(Signal::SIGKILL));
}

#[test]
fn during_restore() {
    let scene = Scene::short(HANGS, "select 1;", "");
    with_old_reports(&scene);
    let mut gate = scene.start();
    gate.until_server_runs(HANGING);
    nothing_speaks_for(&gate.tell(Signal::SIGKILL));
}

#[test]
fn during_a_migration() {
    let scene = Scene::short("create table t (id int);", HANGS, "");
    with_old_reports(&scene);
    let mut gate = scene.start();
    gate.until_says("migrate: started")
        .until_server_runs(HANGING);
    nothing_speaks_for(&gate.tell(Signal::SIGKILL));
}

#[test]
fn during_a_command_that_ignores_signals() {
    let scene = Scene::command("sh stubborn.sh", "");
    scene.project.file("stubborn.sh", STUBBORN);
    with_old_reports(&scene);
    let mut gate = scene.start();
    gate.until_written(&scene.project.path().join("away"));
    nothing_speaks_for(&gate.tell(Signal::SIGKILL));
}
