//! Which image it is: here, pulled, moved, missing, or of no use.

use crate::harness::docker::{Docker, TOOL, tool};
use crate::harness::fault::{ONE_SERVER, Scene};
use crate::harness::registry::{Door, Registry};
use crate::{nothing_is_left_at, project, turn};

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
