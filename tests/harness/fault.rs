//! A gate that something happens to: it is watched while it runs, and what it leaves is looked for.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::gate::{Project, Run};
use super::processes::{processes_below, processes_of};
use super::reports::REPORTS;

/// How long a condition may take that has no bound of its own.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a CI runner leaves a cancelled job for its cleanup.
pub const CLEANUP: Duration = Duration::from_secs(10);

/// Rules that need a second server, switched off.
pub const ONE_SERVER: &str = "rules: { schema-drift: off, fresh-install-broken: off }";

/// A project whose gate has a temporary directory of its own, so that leftovers are seen exactly.
pub struct Scene {
    pub project: Arc<Project>,
    temporary: Arc<tempfile::TempDir>,
    variables: Vec<(String, String)>,
    beside: Beside,
}

/// How many gates of a kind run at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    One,
    /// They have no servers, and mostly wait.
    Many,
}

/// A gate that runs.
pub struct Gate {
    child: Child,
    output: Vec<JoinHandle<()>>,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    project: Arc<Project>,
    temporary: Arc<tempfile::TempDir>,
    reports: PathBuf,
    /// When it was told to end.
    told: Option<Instant>,
    turn: Option<Turn>,
}

/// A gate that ended.
pub struct Ended {
    pub run: Run,
    /// From the moment it was told to end, or since it started.
    pub took: Duration,
    /// The reports are in it.
    _project: Arc<Project>,
    temporary: Arc<tempfile::TempDir>,
    id: Option<String>,
    _turn: Option<Turn>,
}

impl Scene {
    pub fn of(project: Project) -> Self {
        let temporary = tempfile::Builder::new()
            .prefix("pgrehearse-faults-")
            .tempdir()
            .expect("a directory");
        let_servers_in(temporary.path());
        Self {
            project: Arc::new(project),
            temporary: Arc::new(temporary),
            variables: Vec::new(),
            beside: Beside::One,
        }
    }

    pub fn sql(production: &str, migrations: &[(&str, &str)]) -> Self {
        Self::of(Project::sql(production, migrations))
    }

    /// Production and a migration in SQL, one server, and what a test adds to the policy.
    pub fn short(production: &str, migration: &str, more: &str) -> Self {
        let scene = Self::sql(production, &[("1.sql", migration)]);
        scene.project.short_policy(&format!("{ONE_SERVER}\n{more}"));
        scene
    }

    /// A migration by a command, on a table `t`.
    pub fn command(line: &str, more: &str) -> Self {
        let scene = Self::sql("create table t (id int);", &[("1.sql", "select 1;")]);
        scene.project.policy(&format!(
            "version: 1\nsource: {{ sql: production.sql }}\n{ONE_SERVER}\nmigrations:\n  command: {line}\n  files: migrations/*.sql\n{more}"
        ));
        scene
    }

    /// Sets a variable of the gate's environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Lets the gate run beside others: it has no servers, and waits most of the time.
    pub fn side_by_side(mut self) -> Self {
        self.beside = Beside::Many;
        self
    }

    pub fn temporary(&self) -> &Path {
        self.temporary.path()
    }

    /// What was set.
    pub fn variables(&self) -> Vec<(String, String)> {
        self.variables.clone()
    }

    pub fn start(&self) -> Gate {
        self.start_with(&[])
    }

    /// Starts the gate with more arguments; `--out` says where its reports are.
    pub fn start_with(&self, more: &[&str]) -> Gate {
        let mut gate = self.launch(more);
        gate.output = vec![
            read(
                gate.child.stdout.take().expect("piped"),
                gate.stdout.clone(),
            ),
            read(
                gate.child.stderr.take().expect("piped"),
                gate.stderr.clone(),
            ),
        ];
        gate
    }

    /// Starts the gate with pipes that nobody reads: every write fails.
    pub fn start_unheard(&self) -> Gate {
        let mut gate = self.launch(&[]);
        drop((gate.child.stdout.take(), gate.child.stderr.take()));
        gate
    }

    fn launch(&self, more: &[&str]) -> Gate {
        let turn = (self.beside == Beside::One).then(Turn::take);
        let mut arguments = vec!["run"];
        arguments.extend(more);
        let reports = more
            .iter()
            .position(|argument| *argument == "--out")
            .and_then(|at| more.get(at + 1))
            .unwrap_or(&"pgrehearse-report");
        let child = self
            .project
            .command(&arguments)
            .env("TMPDIR", self.temporary())
            .envs(self.variables.clone())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the gate starts");
        Gate {
            child,
            output: Vec::new(),
            stdout: Arc::default(),
            stderr: Arc::default(),
            project: self.project.clone(),
            temporary: self.temporary.clone(),
            reports: self.project.path().join(reports),
            told: None,
            turn,
        }
    }

    pub fn run(&self) -> Ended {
        self.start().end()
    }
}

impl Gate {
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("small"))
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Waits until the gate says `text` on standard error.
    #[track_caller]
    pub fn until_says(&mut self, text: &str) -> &mut Self {
        self.until(&format!("it says `{text}`"), |stderr| {
            stderr.contains(text).then_some(())
        });
        self
    }

    /// Waits until a file is there that one of the gate's children writes.
    #[track_caller]
    pub fn until_written(&mut self, path: &Path) -> &mut Self {
        self.until(&format!("`{}` is written", path.display()), |_| {
            path.is_file().then_some(())
        });
        self
    }

    /// Waits until a server of the gate runs `text`; the process that does.
    #[track_caller]
    pub fn until_server_runs(&mut self, text: &str) -> Pid {
        let temporary = self.temporary.path().to_owned();
        self.until(&format!("a server runs `{text}`"), |_| {
            processes_below(&temporary)
                .into_iter()
                .find(|process| process.command.contains(text))
                .map(|process| process.id)
        })
    }

    /// The postmaster of the server whose directory is called so, after the run.
    #[track_caller]
    pub fn until_postmaster(&mut self, label: &str) -> Pid {
        let temporary = self.temporary.clone();
        let called = format!("-{label}-");
        self.until(&format!("the server `{label}` runs"), |_| {
            processes_below(temporary.path())
                .into_iter()
                .find(|process| {
                    process.command.contains("/postgres -D ") && process.command.contains(&called)
                })
                .map(|process| process.id)
        })
    }

    /// Waits until `look`, which is given standard error, finds something.
    #[track_caller]
    pub fn until<T>(&mut self, what: &str, mut look: impl FnMut(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let stderr = self.stderr.lock().expect("no panic").clone();
            if let Some(found) = look(&stderr) {
                return found;
            }
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none(), "{ended:?} before {what}\n{stderr}");
            assert!(Instant::now() < deadline, "not in time: {what}\n{stderr}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The run's id, by the name of its private directory.
    pub fn id(&self) -> Option<String> {
        std::fs::read_dir(self.temporary.path())
            .ok()?
            .flatten()
            .find_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                // The run's own directory; those of its servers go on after the id.
                let id = name.strip_prefix("pgrehearse-")?;
                (!id.contains('-')).then(|| id.to_owned())
            })
    }

    /// Sends a signal and waits for the end.
    pub fn tell(mut self, signal: Signal) -> Ended {
        self.told = Some(Instant::now());
        kill(self.pid(), signal).expect("it runs");
        self.end()
    }

    /// Waits for the end.
    #[track_caller]
    pub fn end(mut self) -> Ended {
        let began = self.told.unwrap_or_else(Instant::now);
        let id = self.id();
        let deadline = Instant::now() + 3 * PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
                panic!("the gate hangs\n{}", self.stderr.lock().expect("no panic"));
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let took = began.elapsed();
        for reader in self.output.drain(..) {
            // A child that the gate left would hold the pipe open; that is found elsewhere.
            let deadline = Instant::now() + Duration::from_secs(5);
            while !reader.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        let text = |text: &Mutex<String>| text.lock().expect("no panic").clone();
        Ended {
            run: Run {
                code: status.code(),
                stdout: text(&self.stdout),
                stderr: text(&self.stderr),
                report: std::fs::read_to_string(self.reports.join("report.json"))
                    .ok()
                    .and_then(|text| serde_json::from_str(&text).ok())
                    .unwrap_or(Value::Null),
                reports: self.reports.clone(),
            },
            took,
            id,
            _project: self.project.clone(),
            temporary: self.temporary.clone(),
            _turn: self.turn.take(),
        }
    }
}

impl Ended {
    pub fn reason(&self) -> &str {
        self.run.report["reason"].as_str().unwrap_or_default()
    }

    /// Exit code and verdict as given, a reason that contains `because`, all reports on disk, and
    /// nothing left.
    #[track_caller]
    pub fn expect(&self, code: i32, verdict: &str, because: &str) -> &Self {
        assert!(
            self.run.code == Some(code)
                && self.run.verdict() == verdict
                && self.reason().contains(because),
            "expected {code}, {verdict}, `{because}`; got {:?}, {}, `{}`\n{}\n{}",
            self.run.code,
            self.run.verdict(),
            self.reason(),
            self.run.stdout,
            self.run.stderr
        );
        for file in REPORTS {
            let text = std::fs::read_to_string(self.run.reports.join(file)).unwrap_or_default();
            assert!(!text.is_empty(), "`{file}` was not written");
        }
        self.nothing_is_left()
    }

    /// An ending by a signal, within what a CI runner allows.
    #[track_caller]
    pub fn expect_interrupted(&self, signal: Signal) -> &Self {
        let (code, because) = match signal {
            Signal::SIGINT => (130, "interrupted by SIGINT"),
            _ => (143, "interrupted by SIGTERM"),
        };
        self.expect(code, "undecided", because);
        // The reason is a field of `report.json`, which was read.
        for file in REPORTS.into_iter().filter(|file| *file != "report.json") {
            let text = std::fs::read_to_string(self.run.reports.join(file)).expect("written");
            assert!(text.contains(because), "`{file}` does not say why");
        }
        assert!(self.took < CLEANUP, "the cleanup took {:?}", self.took);
        self
    }

    /// No process and no directory of the run, at the latest when the runner would lose patience.
    #[track_caller]
    pub fn nothing_is_left(&self) -> &Self {
        let deadline = Instant::now() + CLEANUP;
        loop {
            let mut left: Vec<String> = processes_below(self.temporary.path())
                .into_iter()
                .chain(self.id.iter().flat_map(|id| processes_of(id)))
                .map(|process| format!("{} `{}`", process.id, process.command))
                .collect();
            let files = std::fs::read_dir(self.temporary.path())
                .into_iter()
                .flatten();
            left.extend(
                files
                    .flatten()
                    .map(|entry| entry.path().display().to_string()),
            );
            if left.is_empty() {
                return self;
            }
            assert!(
                Instant::now() < deadline,
                "left after {CLEANUP:?}: {left:#?}\n{}",
                self.run.stderr
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // Only a test that failed comes here with a gate that runs.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill(self.pid(), Signal::SIGTERM);
            let _ = self.child.wait();
        }
    }
}

/// Lets the user that servers run as into a directory of ours.
pub fn let_servers_in(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o711)).expect("it is ours");
}

fn read(from: impl Read + Send + 'static, into: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let mut text = into.lock().expect("no panic");
            text.push_str(&line);
            text.push('\n');
        }
    })
}

/// Two gates at a time: times are looked at here, and a small machine must keep up.
struct Turn;

static FREE: Mutex<u32> = Mutex::new(2);
static FREED: Condvar = Condvar::new();

impl Turn {
    fn take() -> Self {
        let free = FREE
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut free = FREED
            .wait_while(free, |free| *free == 0)
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *free -= 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *FREE
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) += 1;
        FREED.notify_one();
    }
}
