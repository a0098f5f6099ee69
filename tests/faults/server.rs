//! The clone's server dies, or a process of it: that is no answer about the migration.

use nix::sys::signal::{Signal, kill};

use crate::harness::fault::Scene;
use crate::{HANGING, HANGS};

const TABLE: &str = "create table t (id int);";

#[test]
fn the_postmaster_is_killed_during_restore() {
    let scene = Scene::short(HANGS, "select 1;", "");
    let mut gate = scene.start();
    gate.until_server_runs(HANGING);
    let postmaster = gate.until_postmaster("clone");
    kill(postmaster, Signal::SIGKILL).expect("it runs");
    let ended = gate.end();
    ended.expect(3, "undecided", "connection to server was lost");
    assert_eq!(ended.run.outcome("restore"), "errored");
}

#[test]
fn a_backend_is_killed_during_restore() {
    let scene = Scene::short(HANGS, "select 1;", "");
    let mut gate = scene.start();
    let backend = gate.until_server_runs(HANGING);
    kill(backend, Signal::SIGKILL).expect("it runs");
    let ended = gate.end();
    ended.expect(3, "undecided", "connection to server was lost");
    assert_eq!(ended.run.outcome("restore"), "errored");
}

#[test]
fn the_postmaster_is_killed_during_a_migration() {
    let scene = Scene::short(TABLE, HANGS, "");
    let mut gate = scene.start();
    gate.until_says("migrate: started")
        .until_server_runs(HANGING);
    let postmaster = gate.until_postmaster("clone");
    kill(postmaster, Signal::SIGKILL).expect("it runs");
    gate.end()
        .expect(3, "undecided", "the clone's server broke");
}

#[test]
fn a_backend_is_killed_during_a_migration() {
    let scene = Scene::short(TABLE, HANGS, "");
    let mut gate = scene.start();
    let backend = gate
        .until_says("migrate: started")
        .until_server_runs(HANGING);
    kill(backend, Signal::SIGKILL).expect("it runs");
    gate.end()
        .expect(3, "undecided", "was terminated by signal 9: Killed");
}

#[test]
fn a_backend_of_a_command_is_killed() {
    let scene = Scene::command("psql -qX -f hang.sql", "");
    scene.project.file("hang.sql", HANGS);
    let mut gate = scene.start();
    let backend = gate
        .until_says("migrate: started")
        .until_server_runs(HANGING);
    kill(backend, Signal::SIGKILL).expect("it runs");
    gate.end()
        .expect(3, "undecided", "was terminated by signal 9: Killed");
}

#[test]
fn the_baselines_server_is_killed() {
    let scene = Scene::sql(TABLE, &[("1.sql", "select 1;")]);
    scene.project.file("init.sql", HANGS);
    scene.project.short_policy("baseline: { init: init.sql }");
    let mut gate = scene.start();
    gate.until_server_runs(HANGING);
    let postmaster = gate.until_postmaster("baseline");
    kill(postmaster, Signal::SIGKILL).expect("it runs");
    gate.end().expect(3, "undecided", "schema-diff: ");
}

#[test]
fn a_migration_that_ends_its_own_session_has_only_itself_to_blame() {
    let scene = Scene::short(TABLE, "select pg_terminate_backend(pg_backend_pid());", "");
    let ended = scene.run();
    ended.expect(1, "no-go", "the migration failed");
    assert_eq!(ended.run.rules(), ["migration-failed"]);
}
