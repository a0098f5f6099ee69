//! Nobody reads what the gate says; two gates at once.

use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::harness::fault::{ONE_SERVER, Scene};
use crate::{HANGING, HANGS};

const TABLE: &str = "create table t (id int);";
const CHANGE: &str = "alter table t add note text;";

#[test]
fn a_closed_pipe_changes_nothing() {
    let scene = Scene::short(TABLE, CHANGE, "");
    scene.start_unheard().end().expect(0, "go", "");

    let scene = Scene::short(TABLE, "select 1 / 0;", "");
    scene.start_unheard().end().expect(1, "no-go", "");
}

#[test]
fn a_signal_is_obeyed_though_nobody_listens() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let scene = Scene::short(TABLE, HANGS, "");
        let mut gate = scene.start_unheard();
        gate.until_server_runs(HANGING);
        gate.tell(signal).expect_interrupted(signal);
    }
}

#[test]
fn outputs_that_never_were_open_change_nothing() {
    let scene = Scene::short(TABLE, CHANGE, "");
    let gate = scene.project.command(&[]);
    let status = Command::new("sh")
        .args(["-c", "exec \"$0\" run <&- >&- 2>&-"])
        .arg(gate.get_program())
        .current_dir(scene.project.path())
        .env("TMPDIR", scene.temporary())
        .stdin(Stdio::null())
        .status()
        .expect("a shell");
    assert_eq!(status.code(), Some(0));
    let left = std::fs::read_dir(scene.temporary()).expect("ours").count();
    assert_eq!(left, 0);
}

#[test]
fn two_gates_in_one_project_do_not_meet() {
    let scene = Scene::sql(TABLE, &[("1.sql", CHANGE)]);
    scene.project.short_policy(ONE_SERVER);
    let (one, two) = (
        scene.start_with(&["--out", "one"]),
        scene.start_with(&["--out", "two"]),
    );
    let (one, two) = (one.end(), two.end());
    one.expect(0, "go", "");
    two.expect(0, "go", "");
    assert_ne!(one.run.report["run"], two.run.report["run"]);
}
