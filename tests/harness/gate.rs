//! The gate as its users meet it: the binary, a directory with a policy, an exit code, reports.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A project in a directory of its own.
pub struct Project {
    directory: tempfile::TempDir,
}

/// What a run of the gate came to.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// `report.json`; null if there is none.
    pub report: Value,
    pub reports: PathBuf,
}

impl Project {
    pub fn new() -> Self {
        Self {
            directory: tempfile::Builder::new()
                .prefix("pgrehearse-project-")
                .tempdir()
                .expect("a directory"),
        }
    }

    /// A project whose production and migrations are SQL.
    pub fn sql(production: &str, migrations: &[(&str, &str)]) -> Self {
        let project = Self::new();
        project.file("production.sql", production);
        for (name, text) in migrations {
            project.file(&format!("migrations/{name}"), text);
        }
        project
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn file(&self, name: &str, text: &str) -> &Self {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("inside")).expect("a directory is made");
        std::fs::write(path, text).expect("a file is written");
        self
    }

    pub fn policy(&self, text: &str) -> &Self {
        self.file("pgrehearse.yml", text)
    }

    /// Commits these files, or patterns of git's, as the newest of a repository that begins with it. The
    /// same contents always are the same commit.
    pub fn commit(&self, files: &[&str]) -> &Self {
        let git = |arguments: &[&str]| {
            let done = Command::new("git")
                .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
                .args([
                    "-c",
                    "init.defaultBranch=main",
                    "-c",
                    "commit.gpgsign=false",
                ])
                .args(arguments)
                .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
                .env("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
                .current_dir(self.path())
                .status()
                .expect("git starts");
            assert!(done.success(), "{arguments:?}");
        };
        if !self.path().join(".git").exists() {
            git(&["init", "--quiet"]);
        }
        git(&[&["add", "--all", "--"], files].concat());
        git(&["commit", "--quiet", "--message", "a commit"]);
        self
    }

    /// The newest commit.
    pub fn head(&self) -> String {
        let output = Command::new("git")
            .args(["rev-parse", "HEAD"])
            .current_dir(self.path())
            .output()
            .expect("git starts");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The three-line policy, with what a test adds to it.
    pub fn short_policy(&self, more: &str) -> &Self {
        self.policy(&format!(
            "version: 1\nsource: {{ sql: production.sql }}\nmigrations: {{ files: migrations/*.sql }}\n{more}"
        ))
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        gate(self.path(), arguments)
    }

    /// Runs the gate to its end.
    pub fn run(&self) -> Run {
        self.run_with(&[])
    }

    pub fn run_with(&self, more: &[&str]) -> Run {
        let mut arguments = vec!["run"];
        arguments.extend(more);
        let output = self.command(&arguments).output().expect("the gate starts");
        self.ended(&output)
    }

    /// Starts the gate and goes on.
    pub fn start(&self) -> Child {
        self.command(&["run"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the gate starts")
    }

    /// What a run that has ended left.
    pub fn ended(&self, output: &Output) -> Run {
        Run::of(output, self.path().join("pgrehearse-report"))
    }
}

/// The gate, to be started in a directory.
pub fn gate(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgrehearse"));
    for name in PROXIES {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITHUB_BASE_REF")
        .env("NO_COLOR", "1");
    command
}

/// Variables of the person at the machine, behind which no server of a test is.
const PROXIES: [&str; 4] = ["ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/// The webshop's application, which is built with the tests, or else now.
pub fn shop_app() -> PathBuf {
    let test = std::env::current_exe().expect("a test is a file");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("tests are in `target/<profile>/deps`");
    let app = profile.join("examples/shop-app");
    // `cargo test --test rules` builds no examples.
    if !app.is_file() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .args(["build", "--example", "shop-app", "--target-dir"])
            .arg(profile.parent().expect("a profile is in a directory"))
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        if profile.ends_with("release") {
            command.arg("--release");
        }
        let status = command.status().expect("cargo starts");
        assert!(status.success() && app.is_file(), "`{}`", app.display());
    }
    app
}

impl Run {
    /// A run that has ended and wrote its reports there.
    pub fn of(output: &Output, reports: PathBuf) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            report: std::fs::read_to_string(reports.join("report.json"))
                .ok()
                .and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or(Value::Null),
            reports,
        }
    }

    pub fn verdict(&self) -> &str {
        self.report["verdict"].as_str().unwrap_or("no report")
    }

    /// The rules that fired, in the order of the report.
    pub fn rules(&self) -> Vec<&str> {
        self.findings()
            .iter()
            .filter_map(|finding| finding["rule"].as_str())
            .collect()
    }

    pub fn findings(&self) -> &[Value] {
        self.report["findings"]
            .as_array()
            .map_or(&[], Vec::as_slice)
    }

    /// The findings of all rules but the lint's, which reads every file of a fixture.
    pub fn besides_lint(&self) -> Vec<&Value> {
        self.findings()
            .iter()
            .filter(|finding| {
                let rule = finding["rule"].as_str().unwrap_or_default();
                !rule.starts_with("lint/")
            })
            .collect()
    }

    /// `passed`, `failed`, `errored` or `not-run`.
    pub fn outcome(&self, stage: &str) -> &str {
        self.stage(stage)["outcome"]
            .as_str()
            .unwrap_or("no such stage")
    }

    pub fn stage(&self, stage: &str) -> &Value {
        self.report["stages"]
            .as_array()
            .and_then(|stages| stages.iter().find(|report| report["name"] == stage))
            .unwrap_or(&Value::Null)
    }

    /// Everything that was printed or written, for looking for what must not be there.
    pub fn everything(&self) -> String {
        let mut text = format!("{}\n{}", self.stdout, self.stderr);
        let mut directories = vec![self.reports.clone()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    directories.push(path);
                } else {
                    text.push_str(&std::fs::read_to_string(path).unwrap_or_default());
                }
            }
        }
        text
    }

    /// Fails the test with all that is known, unless this holds.
    #[track_caller]
    pub fn expect(&self, code: i32, verdict: &str, rules: &[&str]) -> &Self {
        self.expect_rules(code, verdict, rules, &self.rules())
    }

    /// The same with the lint's findings left out.
    #[track_caller]
    pub fn expect_besides_lint(&self, code: i32, verdict: &str, rules: &[&str]) -> &Self {
        let findings = self.besides_lint();
        let told: Vec<&str> = findings
            .iter()
            .filter_map(|finding| finding["rule"].as_str())
            .collect();
        self.expect_rules(code, verdict, rules, &told)
    }

    #[track_caller]
    fn expect_rules(&self, code: i32, verdict: &str, rules: &[&str], told: &[&str]) -> &Self {
        assert!(
            self.code == Some(code) && self.verdict() == verdict && told == rules,
            "expected {code}, {verdict}, {rules:?}; got {:?}, {}, {told:?}\n{}\n{}",
            self.code,
            self.verdict(),
            self.stdout,
            self.stderr
        );
        self
    }
}
