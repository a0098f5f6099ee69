//! The action's surface: `action.yml`, what docs/action.md says of it, and what the binary reads and
//! writes, which must be the same.

mod harness;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use harness::Server;
use pgrehearse::cli::action::{CLEANUP_NAME, INPUTS, OUTPUTS};
use pgrehearse::postgres::Session;
use serde::Deserialize;

#[derive(Deserialize)]
struct Action {
    inputs: BTreeMap<String, Input>,
    outputs: BTreeMap<String, Described>,
    runs: serde_json::Value,
}

#[derive(Deserialize)]
struct Input {
    description: String,
    default: String,
}

#[derive(Deserialize)]
struct Described {
    description: String,
}

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn action() -> Action {
    serde_yaml::from_str(&file("action.yml")).expect("action.yml is valid")
}

fn sorted(names: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    names.sort();
    names
}

#[test]
fn the_binary_knows_exactly_the_inputs_and_outputs() {
    let action = action();
    let inputs: Vec<String> = action.inputs.into_keys().collect();
    assert_eq!(inputs, sorted(&INPUTS));
    let outputs: Vec<String> = action.outputs.into_keys().collect();
    assert_eq!(outputs, sorted(&OUTPUTS));
}

#[test]
fn the_documentation_has_the_action_s_own_words() {
    let action = action();
    let mut expected = String::from("| input | default | |\n|---|---|---|\n");
    for name in INPUTS {
        let input = &action.inputs[name];
        let default = match input.default.as_str() {
            "" => String::new(),
            default => format!("`{default}`"),
        };
        expected += &format!("| `{name}` | {default} | {} |\n", input.description);
    }
    expected += "\n| output | |\n|---|---|\n";
    for name in OUTPUTS {
        expected += &format!("| `{name}` | {} |\n", action.outputs[name].description);
    }
    assert!(
        file("docs/action.md").contains(&expected),
        "docs/action.md must have these tables:\n\n{expected}"
    );
}

#[test]
fn the_step_after_the_job_is_the_image_s_second_name() {
    let runs = action().runs;
    assert_eq!(
        runs["post-entrypoint"],
        format!("/usr/local/bin/{CLEANUP_NAME}")
    );
    assert_eq!(runs["args"], serde_json::json!(["action"]));
    let dockerfile = file("Dockerfile");
    assert!(dockerfile.contains(&format!("ln -s pgrehearse /usr/local/bin/{CLEANUP_NAME}")));
    assert!(dockerfile.contains("ENTRYPOINT [\"/usr/local/bin/pgrehearse\"]"));
}

/// A workspace, and the files by which a runner is answered.
struct Job {
    directory: tempfile::TempDir,
}

impl Job {
    fn new(policy: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(directory.path().join("files")).expect("made");
        std::fs::create_dir(directory.path().join("workspace")).expect("made");
        let job = Self { directory };
        std::fs::write(job.workspace().join("pgrehearse.yml"), policy).expect("written");
        job
    }

    fn workspace(&self) -> PathBuf {
        self.directory.path().join("workspace")
    }

    fn run(&self, inputs: &[(&str, &str)]) -> Output {
        let file = |name: &str| self.directory.path().join("files").join(name);
        Command::new(env!("CARGO_BIN_EXE_pgrehearse"))
            .arg("action")
            .current_dir(self.workspace())
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_WORKSPACE", self.workspace())
            .env("GITHUB_OUTPUT", file("output"))
            .env("GITHUB_STATE", file("state"))
            .env("GITHUB_STEP_SUMMARY", file("summary"))
            .envs(inputs.iter().copied())
            .output()
            .expect("it runs")
    }

    /// The step after the job: the second name, with the arguments of the first.
    fn clean_up(&self, variables: &[(&str, &str)]) -> Output {
        let program = self.directory.path().join(CLEANUP_NAME);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_pgrehearse"), &program).expect("linked");
        Command::new(&program)
            .arg("action")
            .current_dir(self.workspace())
            .env("GITHUB_ACTIONS", "true")
            .envs(variables.iter().copied())
            .output()
            .expect("it runs")
    }

    fn answer(&self, name: &str) -> String {
        let path = self.directory.path().join("files").join(name);
        std::fs::read_to_string(path).unwrap_or_default()
    }

    /// An output as a runner reads it.
    fn output(&self, name: &str) -> Option<String> {
        let text = self.answer("output");
        let mut lines = text.lines();
        lines.find(|line| line.starts_with(&format!("{name}<<")))?;
        lines.next().map(str::to_owned)
    }
}

/// A run that ends in preflight, so that no server is needed.
const NO_DUMP: &str =
    "version: 1\nsource: { dump: nowhere.dump }\nmigrations: { files: '*.sql' }\n";

#[test]
fn a_run_that_could_not_tell_answers_in_every_file() {
    let job = Job::new(NO_DUMP);
    let output = job.run(&[("INPUT_REPORT-DIR", "out/report")]);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{stdout}");
    assert_eq!(job.output("verdict").as_deref(), Some("undecided"));
    assert_eq!(job.output("exit-code").as_deref(), Some("3"));
    assert_eq!(job.output("report-path").as_deref(), Some("out/report"));
    let junit = job.output("junit-path").expect("an output");
    assert_eq!(junit, "out/report/junit.xml");
    assert!(job.workspace().join(junit).is_file());
    assert!(job.answer("summary").contains("UNDECIDED"));
    assert!(job.answer("state").starts_with("run="));
    let annotation = stdout
        .lines()
        .find(|line| line.starts_with("::error title=pgrehearse%3A preflight could not tell::"));
    assert!(annotation.is_some(), "{stdout}");
}

#[test]
fn what_is_wrong_is_told_and_is_no_verdict() {
    let wrong_policy = Job::new("version: 2\n");
    let wrong_input = Job::new(NO_DUMP);
    for (job, inputs) in [
        (&wrong_policy, &[][..]),
        (&wrong_input, &[("INPUT_UNTIL", "production")][..]),
    ] {
        let output = job.run(inputs);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(job.output("verdict").as_deref(), Some("undecided"));
        assert_eq!(job.output("junit-path").as_deref(), Some(""));
        assert!(String::from_utf8_lossy(&output.stdout).starts_with("::error "));
    }
}

#[test]
fn outputs_that_can_t_be_written_take_a_go_away() {
    let job = Job::new(NO_DUMP);
    std::fs::create_dir(job.directory.path().join("files/output")).expect("in the way");
    let validate = [("INPUT_COMMAND", "validate")];
    let output = job.run(&validate);
    assert_eq!(output.status.code(), Some(3));
    let free = Job::new(NO_DUMP);
    assert_eq!(free.run(&validate).status.code(), Some(0));
    assert_eq!(free.output("verdict").as_deref(), Some("go"));
}

#[test]
fn the_state_leads_the_second_step_to_what_is_left() {
    let job = Job::new(NO_DUMP);
    job.run(&[]);
    let state = job.answer("state");
    let run = state
        .lines()
        .find_map(|line| line.strip_prefix("run="))
        .expect("a run");
    let temporary = tempfile::tempdir().expect("a directory");
    let left = temporary
        .path()
        .join(format!("pgrehearse-{run}-clone-01234567"));
    let other = temporary.path().join("pgrehearse-20260101000000_00000000");
    for directory in [&left, &other] {
        std::fs::create_dir_all(directory.join("data")).expect("made");
    }
    let output = job.clean_up(&[
        ("TMPDIR", &temporary.path().display().to_string()),
        ("STATE_run", run),
    ]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains(&left.display().to_string()), "{stderr}");
    assert!(!left.exists() && other.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_step_drops_the_run_s_scratch_databases_and_no_other() {
    let (ours, theirs) = ("20260101000000_0a1b2c3d", "20260101000000_0a1b2c3e");
    let server = Server::newest().await;
    let maintenance = server.throwaway.superuser("postgres");
    let session = Session::open(&maintenance, &[]).await.expect("it answers");
    for name in [
        format!("pgrehearse_{ours}_clone"),
        format!("pgrehearse_{ours}_baseline"),
        format!("pgrehearse_{theirs}_clone"),
        "pgrehearse".to_owned(),
    ] {
        let create = format!("create database {name}");
        session.batch_execute(&create).await.expect("made");
    }
    let job = Job::new(
        "version: 1\nsource: { dump: x }\ntarget: { server: '${TARGET_URL}' }\nmigrations: { files: '*.sql' }\n",
    );
    let url = maintenance.url();
    let output = job.clean_up(&[("STATE_run", ours), ("TARGET_URL", url.expose())]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(
        stderr.matches("removed the database").count(),
        2,
        "{stderr}"
    );
    let left = session
        .query(
            "select datname::text from pg_database where datname like 'pgrehearse%' order by 1",
            &[],
        )
        .await
        .expect("an answer");
    let left: Vec<String> = left.iter().map(|row| row.get(0)).collect();
    assert_eq!(left, ["pgrehearse", &format!("pgrehearse_{theirs}_clone")]);

    let gone = Job::new(
        "version: 1\nsource: { dump: x }\ntarget: { server: '${TARGET_URL}' }\nmigrations: { files: '*.sql' }\n",
    );
    let nobody = [
        ("STATE_run", ours),
        ("TARGET_URL", "postgres://a@127.0.0.1:1/b"),
    ];
    assert_eq!(
        gone.clean_up(&nobody).status.code(),
        Some(3),
        "it can't tell"
    );
}

/// git reads no repository of another user's unless it is told to, and a workspace is one.
#[test]
fn what_is_new_is_known_in_another_user_s_repository() {
    let job = Job::new("version: 1\nsource: { dump: x }\nmigrations: { files: '*.sql' }\n");
    let workspace = job.workspace();
    let git = |arguments: &[&str]| {
        let done = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(arguments)
            .current_dir(&workspace)
            .status()
            .expect("git starts");
        assert!(done.success(), "{arguments:?}");
    };
    std::fs::write(workspace.join("1.sql"), "drop table old;\n").expect("written");
    git(&["init", "--quiet"]);
    git(&["add", "1.sql"]);
    git(&["commit", "--quiet", "--message", "base"]);
    git(&["update-ref", "refs/heads/release", "HEAD"]);
    std::fs::write(workspace.join("2.sql"), "drop table new;\n").expect("written");
    let output = job.run(&[
        ("INPUT_COMMAND", "lint"),
        ("INPUT_BASE", "release"),
        // git's own switch for its tests.
        ("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1"),
    ]);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("2.sql"), "{stdout}");
    assert!(!stdout.contains("1.sql"), "{stdout}");
}
