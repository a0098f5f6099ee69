//! The policy's image: the migration command in a container beside the gate. Each test does nothing
//! but say so where no Docker daemon answers.

mod harness;

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use harness::docker::{Docker, TOOL, tool};
use harness::fault::{CLEANUP, Ended, Gate, ONE_SERVER, Scene};
use harness::gate::Project;
use harness::processes::processes_below;
use harness::registry::{Door, Registry};
use nix::sys::signal::{Signal, kill};
use pgrehearse::cli::action::CLEANUP_NAME;

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
fn the_clone_and_the_baseline_are_migrated_in_the_image() {
    let (_turn, Some(docker)) = (turn(), Docker::here()) else {
        return;
    };
    let repository = "pgrehearse-test-moved";
    let image = format!("{repository}:1");
    docker.tag(TOOL, repository, "1");
    let project = project(
        &image,
        "psql -q -v ON_ERROR_STOP=1 -f migrations/0001_note.sql\n",
        "  timeouts: { lock: 2s }\nbaseline: { init: production.sql }\n",
    );
    let run = project.run();
    run.expect(0, "go", &[]);
    assert_eq!(run.outcome("schema-diff"), "passed");
    let id = docker.image_id(&image).expect("it is here");
    assert_eq!(run.report["fingerprint"]["image"], id.as_str());
    let saw = run.stage("migrate")["saw"].to_string();
    assert!(
        saw.contains(&format!("in the image `{image}` (`{id}`)")),
        "{saw}"
    );
    nothing_is_left_at(&docker, run.report["run"].as_str().unwrap_or_default());

    let report = project.path().join("pgrehearse-report/report.json");
    let verify = ["run", "--verify-fresh", &report.display().to_string()];
    let output = project.command(&verify).output().expect("it runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    docker.import(&image, another());
    let output = project.command(&verify).output().expect("it runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert!(
        stdout.contains("the migration's image is another"),
        "{stdout}"
    );
    docker.untag(&image);
    let output = project.command(&verify).output().expect("it runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{stdout}");
    assert!(
        stdout.contains("not known: the migration's image"),
        "{stdout}"
    );
}

/// Files of another image, without a shell.
fn another() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    header.set_mode(0o644);
    header.set_cksum();
    archive
        .append_data(&mut header, "nothing", std::io::empty())
        .expect("packed");
    archive.into_inner().expect("packed")
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

#[test]
fn an_image_that_can_t_be_had_is_undecided() {
    let (_turn, Some(_docker)) = (turn(), Docker::here()) else {
        return;
    };
    // A registry that refuses at once.
    let scene = Scene::of(project("127.0.0.1:1/o/tool:1", "true\n", ""));
    let ended = scene.run();
    ended.expect(3, "undecided", "could not be pulled");
    let hint = &ended.run.stage("preflight")["hint"];
    assert!(
        hint.as_str()
            .is_some_and(|hint| hint.contains("docker pull 127.0.0.1:1/o/tool:1")),
        "{hint}"
    );
}

#[test]
fn an_image_that_is_not_here_is_pulled() {
    let (_turn, Some(docker)) = (turn(), Docker::here()) else {
        return;
    };
    let registry = Registry::of(&tool(), Door::Open);
    let image = format!("{}:1", registry.repository);
    let project = project(
        &image,
        "psql -q -v ON_ERROR_STOP=1 -f migrations/0001_note.sql\n",
        &format!("  timeouts: {{ lock: 2s }}\n{ONE_SERVER}\n"),
    );
    let plan = project.command(&["plan"]).output().expect("it runs");
    let plan = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert!(
        plan.contains(&format!("pull the image `{image}`")),
        "{plan}"
    );
    assert_eq!(docker.image_id(&image), None);

    let run = project.run();
    run.expect(0, "go", &[]);
    assert!(
        run.stderr.contains(&format!("pulling `{image}`")),
        "{}",
        run.stderr
    );
    let identity = format!("{}@{}", registry.repository, registry.digest);
    assert_eq!(run.report["fingerprint"]["image"], identity);

    // Another machine's image is asked for, and not pulled.
    docker.untag(&image);
    let report = project.path().join("pgrehearse-report/report.json");
    let verify = ["run", "--verify-fresh", &report.display().to_string()];
    let output = project.command(&verify).output().expect("it runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert_eq!(docker.image_id(&image), None);
}

#[test]
fn an_image_that_wants_a_login_is_undecided() {
    let (_turn, Some(_docker)) = (turn(), Docker::here()) else {
        return;
    };
    let registry = Registry::of(&another(), Door::Closed);
    let image = format!("{}:1", registry.repository);
    let ended = Scene::of(project(&image, "true\n", ONE_SERVER)).run();
    ended.expect(3, "undecided", "could not be pulled");
    let hint = &ended.run.stage("preflight")["hint"];
    assert!(
        hint.as_str()
            .is_some_and(|hint| hint.contains("docker login")),
        "{hint}"
    );
}

#[test]
fn an_image_without_a_shell_or_the_tool_is_undecided() {
    let (_turn, Some(docker)) = (turn(), Docker::here()) else {
        return;
    };
    let image = "pgrehearse-test-empty:1";
    docker.import(image, another());
    let scene_of = |image| Scene::of(project(image, "no-such-tool\n", ONE_SERVER));
    let ended = scene_of(image).run();
    ended.expect(3, "undecided", "has no `/bin/sh`");
    nothing_is_left_at(
        &docker,
        ended.run.report["run"].as_str().unwrap_or_default(),
    );
    docker.untag(image);
    let ended = scene_of(TOOL).run();
    ended.expect(3, "undecided", "could not start a program (exit code 127)");
}

#[test]
fn without_docker_it_is_undecided() {
    let scene = Scene::of(project(TOOL, "true\n", ONE_SERVER))
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let ended = scene.run();
    ended.expect(
        3,
        "undecided",
        "Docker does not answer at `/nowhere/docker.sock`",
    );
    let hint = &ended.run.stage("preflight")["hint"];
    assert!(
        hint.as_str()
            .is_some_and(|hint| hint.contains("`migrations.image` needs Docker")),
        "{hint}"
    );
}

#[test]
fn a_plan_names_the_image_and_makes_nothing() {
    let (_turn, Some(docker)) = (turn(), Docker::here()) else {
        return;
    };
    let project = project(TOOL, "true\n", "");
    let output = project.command(&["plan"]).output().expect("it runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert!(
        stdout.contains(&format!("run `sh migrate.sh` in the image `{TOOL}`")),
        "{stdout}"
    );
    assert!(!stdout.contains("pull"), "{stdout}");
    drop(docker);
}
