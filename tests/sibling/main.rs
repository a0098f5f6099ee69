//! The policy's image: the migration command in a container beside the gate. Each test does nothing
//! but say so where no Docker daemon answers.

#[path = "../harness/mod.rs"]
mod harness;

mod ends;
mod images;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use harness::docker::{Docker, TOOL};
use harness::fault::{CLEANUP, Ended, Gate, ONE_SERVER, Scene};
use harness::gate::Project;
use nix::sys::signal::Signal;

/// One at a time: each run removes what it finds of dead ones.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

const PRODUCTION: &str =
    "create table t (id int primary key); insert into t select generate_series(1, 1000);";

/// Runs until it is ended, whatever it is asked.
const HANGS: &str = "trap '' TERM INT\necho hanging\nwhile :; do sleep 1; done\n";

/// A project whose migration is a script that runs in an image.
fn project(image: &str, script: &str, more: &str) -> Project {
    let project = Project::sql(
        PRODUCTION,
        &[("0001_note.sql", "alter table t add column note text;")],
    );
    project.file("migrate.sh", script);
    project.policy(&format!(
        "version: 1\nsource: {{ sql: production.sql }}\nmigrations:\n  image: {image}\n  \
         command: sh migrate.sh\n  files: migrations/*.sql\n  pending: all\n{more}"
    ));
    project
}

/// The same with one server, and a temporary directory of its own.
fn scene(script: &str, more: &str) -> Scene {
    Scene::of(project(TOOL, script, &format!("{more}{ONE_SERVER}\n")))
}

/// What the migration command said, line by line.
fn said(ended: &Ended) -> Vec<String> {
    let lines = ended.run.stderr.lines();
    lines
        .filter_map(|line| Some(line.split_once(" migrate | ")?.1.to_owned()))
        .collect()
}

#[track_caller]
fn nothing_is_left_at(docker: &Docker, run: &str) {
    let deadline = Instant::now() + CLEANUP;
    loop {
        let left = docker.left_of(run);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "left: {left:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until the command hangs, in its container.
fn until_it_hangs(gate: &mut Gate, docker: &Docker) -> String {
    gate.until_says("migrate | hanging");
    let run = gate.id().expect("a run");
    let left = docker.left_of(&run);
    assert!(
        left.iter().any(|(kind, _)| *kind == "container")
            && left.iter().any(|(kind, _)| *kind == "network"),
        "{left:?}"
    );
    run
}

#[test]
fn a_migration_that_fails_is_a_no_go() {
    let (_turn, Some(docker)) = (turn(), Docker::here()) else {
        return;
    };
    let scene = scene(
        "psql -q -v ON_ERROR_STOP=1 -f migrations/0001_note.sql\n",
        "",
    );
    scene.project.file(
        "migrations/0001_note.sql",
        "select 1;\nalter table t add check (id < 1000);",
    );
    let ended = scene.run();
    ended.expect(1, "no-go", "");
    ended
        .run
        .expect_besides_lint(1, "no-go", &["check-violated"]);
    let finding = ended.run.besides_lint()[0].clone();
    assert_eq!(finding["file"], "migrations/0001_note.sql", "{finding}");
    assert_eq!(finding["line"], 2, "{finding}");
    nothing_is_left_at(
        &docker,
        ended.run.report["run"].as_str().unwrap_or_default(),
    );
}

/// What a command can see, reach and do, as it finds out itself.
const LOOKS_AROUND: &str = "\
env | grep -v PASSWORD
id -u
ls migrations
ls -a .git
cat data.txt
touch written && echo 'the workspace is written to'
touch /tmp/written && echo 'the temporary directory is written to'
test -e /var/run/docker.sock && echo 'the socket is there'
grep -E '^(CapEff|NoNewPrivs):' /proc/self/status
timeout 3 bash -c 'echo >/dev/tcp/NEIGHBOUR/1'; echo \"outside: $?\"
psql -qc 'select 1' -U pgrehearse; echo \"superuser: $?\"
psql -q -v ON_ERROR_STOP=1 -f migrations/0001_note.sql
";

#[test]
fn the_command_sees_the_workspace_and_the_clone_and_nothing_else() {
    let (_turn, Some(docker)) = (turn(), Docker::here()) else {
        return;
    };
    let (_neighbour, address) = docker.neighbour();
    let scene = scene(
        &LOOKS_AROUND.replace("NEIGHBOUR", &address),
        "  env: { OWN: own, ADDRESS: '{host}' }\n  hold_back: [{ file: '*_cleanup.sql', until: 2090-01-01, reason: later }]\n",
    )
    .env("GITHUB_TOKEN", "ghs_token")
    .env("GITHUB_ACTIONS", "true")
    .env("ACTIONS_RUNTIME_TOKEN", "runtime")
    .env("INPUT_GITHUB-TOKEN", "ghs_input")
    .env("REPLICA_URL", "postgres://somebody@replica/shop");
    scene
        .project
        .file("migrations/0002_cleanup.sql", "drop table t;")
        .file(".git/config", "a token")
        .file("data.txt", "a file\n");
    let ended = scene.run();
    ended.expect(0, "go", "");
    let said = said(&ended);
    let says = |line: &str| said.iter().any(|other| other == line);
    let all = said.join("\n");
    for line in [
        "OWN=own",
        "CI=true",
        "HOME=/tmp",
        "TMPDIR=/tmp",
        "0001_note.sql",
        "a file",
        "the temporary directory is written to",
        "CapEff:    0000000000000000",
        "NoNewPrivs:    1",
        // No answer at all: who is merely not listening refuses at once.
        "outside: 124",
        "superuser: 2",
        &nix::unistd::Uid::current().to_string(),
    ] {
        assert!(says(line), "`{line}` is not in\n{all}");
    }
    for part in [
        "0002_cleanup.sql",
        "the workspace is written to",
        "the socket is there",
        "config",
        "GITHUB",
        "ACTIONS_",
        "INPUT_",
        "REPLICA",
        "PGREHEARSE_RUN",
        "ghs_",
    ] {
        assert!(!all.contains(part), "`{part}` is in\n{all}");
    }
    let names: Vec<&str> = said
        .iter()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        .filter(|name| {
            !name.starts_with("PG") && !name.starts_with("JDBC_") && !name.contains([' ', ':'])
        })
        .collect();
    for name in &names {
        // The last ones are Docker's and the shell's.
        let known = [
            "OWN",
            "ADDRESS",
            "CI",
            "HOME",
            "TMPDIR",
            "DATABASE_URL",
            "PATH",
            "HOSTNAME",
            "PWD",
            "SHLVL",
            "_",
            "OLDPWD",
        ];
        assert!(known.contains(name), "{names:?}");
    }
    nothing_is_left_at(
        &docker,
        ended.run.report["run"].as_str().unwrap_or_default(),
    );
}

#[test]
fn its_container_is_confined_and_its_network_leads_nowhere() {
    let (_turn, Some(docker)) = (turn(), Docker::here()) else {
        return;
    };
    let scene = scene(HANGS, "");
    let mut gate = scene.start();
    let run = until_it_hangs(&mut gate, &docker);
    for (kind, name) in docker.left_of(&run) {
        if kind == "container" {
            let inspected = docker.container(&name);
            let config = inspected.host_config.expect("configured");
            assert_eq!(config.cap_drop, Some(vec!["ALL".to_owned()]));
            assert_eq!(config.pids_limit, Some(1024));
            assert_eq!(config.memory, Some(2 * 1024 * 1024 * 1024));
            assert_eq!(config.privileged, Some(false));
            let mounts = inspected.mounts.expect("mounts");
            let mount = mounts.iter().find(|mount| mount.rw == Some(false));
            let at = mount.and_then(|mount| mount.destination.clone());
            let workspace = scene.project.path().canonicalize().expect("it is there");
            assert_eq!(at.as_deref(), workspace.to_str(), "{mounts:?}");
            assert_eq!(mounts.len(), 1, "{mounts:?}");
            let labels = inspected.config.and_then(|config| config.labels);
            let labels = labels.expect("labels");
            assert_eq!(labels["managed-by"], "pgrehearse");
            assert_eq!(labels["run-id"], run);
        } else {
            assert_eq!(docker.network(&name).internal, Some(true));
        }
    }
    gate.tell(Signal::SIGTERM)
        .expect_interrupted(Signal::SIGTERM);
    nothing_is_left_at(&docker, &run);
}
