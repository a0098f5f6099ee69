//! How a command in an image ends before its time, and who clears up after whom.

use std::path::Path;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use pgrehearse::cli::action::CLEANUP_NAME;

use crate::harness::docker::Docker;
use crate::harness::fault::Gate;
use crate::harness::killed::Sweep;
use crate::harness::processes::processes_below;
use crate::{HANGS, nothing_is_left_at, scene, turn, until_it_hangs};

#[test]
fn a_time_limit_ends_it() {
    let (_turn, Some(docker)) = (turn(), Docker::here()) else {
        return;
    };
    let scene = scene(HANGS, "  max_duration: 3s\n");
    let mut gate = scene.start();
    let run = until_it_hangs(&mut gate, &docker);
    let ended = gate.end();
    ended.expect(1, "no-go", "");
    ended
        .run
        .expect_besides_lint(1, "no-go", &["migration-timeout"]);
    nothing_is_left_at(&docker, &run);
}

#[test]
fn a_signal_ends_it() {
    let (_turn, Some(docker)) = (turn(), Docker::here()) else {
        return;
    };
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let scene = scene(HANGS, "");
        let mut gate = scene.start();
        let run = until_it_hangs(&mut gate, &docker);
        gate.tell(signal).expect_interrupted(signal);
        // At once: whoever waits for the gate waits for no more.
        assert_eq!(docker.left_of(&run), []);
    }
}

#[test]
fn the_guard_ends_it_when_the_gate_is_killed() {
    let (_turn, Some(docker)) = (turn(), Docker::here()) else {
        return;
    };
    let scene = scene(HANGS, "");
    let mut gate = scene.start();
    let run = until_it_hangs(&mut gate, &docker);
    gate.tell(Signal::SIGKILL).nothing_is_left();
    nothing_is_left_at(&docker, &run);
}

/// Kills the gate with its guard and all its servers, so that nobody of it is left to clear up.
fn kill_all(mut gate: Gate, docker: &Docker, temporary: &Path) -> String {
    let run = until_it_hangs(&mut gate, docker);
    let children = format!("/proc/{0}/task/{0}/children", gate.pid());
    let mut guards = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{}/task", gate.pid())).expect("it runs") {
        let children = thread.expect("a thread").path().join("children");
        let children = std::fs::read_to_string(children).unwrap_or_default();
        guards.extend(children.split_whitespace().map(str::to_owned));
    }
    guards.retain(|id| {
        std::fs::read_to_string(format!("/proc/{id}/cmdline"))
            .is_ok_and(|line| line.contains("stand-guard"))
    });
    assert_eq!(guards.len(), 1, "{children}");
    let guard = nix::unistd::Pid::from_raw(guards[0].parse().expect("a number"));
    kill(guard, Signal::SIGKILL).expect("it runs");
    drop(gate.tell(Signal::SIGKILL));
    for process in processes_below(temporary) {
        let _ = kill(process.id, Signal::SIGKILL);
    }
    assert!(!docker.left_of(&run).is_empty());
    run
}

#[test]
fn the_step_after_the_job_removes_what_is_left() {
    let (_turn, Some(docker)) = (turn(), Docker::here()) else {
        return;
    };
    let scene = scene(HANGS, "");
    let run = kill_all(scene.start(), &docker, scene.temporary());
    let program = scene.temporary().join(CLEANUP_NAME);
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_pgrehearse"), &program).expect("linked");
    let output = Command::new(&program)
        .arg("action")
        .current_dir(scene.project.path())
        .env("TMPDIR", scene.temporary())
        .env("STATE_run", &run)
        .output()
        .expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    for what in ["removed the container", "removed the network"] {
        assert!(stderr.contains(what), "{stderr}");
    }
    assert_eq!(docker.left_of(&run), []);
}

#[test]
fn the_next_run_removes_what_a_dead_one_left_and_nothing_of_a_living_one() {
    let (_turn, Some(docker)) = (turn(), Docker::here()) else {
        return;
    };
    let dead = scene(HANGS, "");
    let dead_run = kill_all(dead.start(), &docker, dead.temporary());
    let living = scene(HANGS, "");
    let mut gate = living.start();
    let living_run = until_it_hangs(&mut gate, &docker);
    assert_eq!(docker.left_of(&dead_run), []);

    let next = scene("psql -q -f migrations/0001_note.sql\n", "");
    next.run().expect(0, "go", "");
    assert_eq!(docker.left_of(&living_run).len(), 2);
    gate.tell(Signal::SIGTERM)
        .expect_interrupted(Signal::SIGTERM);
    assert_eq!(docker.left_of(&living_run), []);
}

/// A run of long ago.
const OLD: &str = "20260101000000_0123abcd";

#[test]
fn a_sweep_removes_what_is_ours_and_over() {
    let (_turn, Some(docker)) = (turn(), Docker::here()) else {
        return;
    };
    let ours = format!("pgrehearse-{OLD}");
    docker.make_network(&ours, OLD);
    // Somebody's, who likes our labels.
    docker.make_network("shop_default", OLD);
    let scene = scene(HANGS, "");
    let run = kill_all(scene.start(), &docker, scene.temporary());
    assert_eq!(
        docker.left_of(OLD).len(),
        2,
        "its owner is not known to be gone"
    );

    let listed = Sweep::of(&scene, &[]).run();
    listed.expect(
        1,
        &[
            &format!("leaked  network `{ours}` in Docker at"),
            ", 1 leaked",
        ],
    );
    let deleted = Sweep::of(&scene, &["--delete"]).run();
    deleted.expect(1, &[&format!("deleted network `{ours}`")]);
    assert_eq!(
        docker.left_of(OLD),
        [("network", "shop_default".to_owned())]
    );
    docker.remove_network("shop_default");
    assert!(!docker.left_of(&run).is_empty(), "that run may be alive");

    let swept = Sweep::everything_of(&scene, &run).run();
    swept.expect(1, &["deleted container", "deleted network"]);
    assert_eq!(docker.left_of(&run), []);
    let nothing = Sweep::of(&scene, &[]).run();
    nothing.expect(0, &["no run has left anything"]);
}
