//! One child process: its own process group, its output line by line, and a sure end.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout_at};

use super::lines::LineBuffer;
use super::{RUN_VARIABLE, RunId};
use crate::text::Secret;
use crate::text::redact::Output;

/// How long a group may take to end after SIGTERM before it gets SIGKILL.
const GRACE: Duration = Duration::from_secs(3);

/// A command that is ready to start.
pub struct Program {
    command: Command,
    shown: String,
}

/// Takes the lines of both outputs, and hands on what is left of each without the values that a client of
/// PostgreSQL prints.
pub fn without_values(mut on_line: impl FnMut(Stream, &str)) -> impl FnMut(Stream, &str) {
    let (mut stdout, mut stderr) = (Output::default(), Output::default());
    move |stream, line| {
        let safe = match stream {
            Stream::Stdout => stdout.line(line),
            Stream::Stderr => stderr.line(line),
        };
        on_line(stream, &safe);
    }
}

impl Program {
    /// The binary at `path`.
    pub fn new(path: impl AsRef<OsStr>, run: &RunId) -> Self {
        let mut command = Command::new(path.as_ref());
        command
            .env(RUN_VARIABLE, run.as_str())
            .stdin(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        let name = Path::new(path.as_ref())
            .file_name()
            .unwrap_or(path.as_ref());
        Self {
            command,
            shown: name.to_string_lossy().into_owned(),
        }
    }

    /// A line for `sh -c`, as people write commands in a policy.
    pub fn shell(line: &str, run: &RunId) -> Self {
        let mut program = Self::new("/bin/sh", run);
        program.command.arg("-c").arg(line);
        program.shown = line.to_owned();
        program
    }

    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn envs(
        mut self,
        variables: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> Self {
        self.command.envs(variables);
        self
    }

    /// Like [`Self::env`], for a value that a password is in.
    pub fn secret_env(mut self, name: &str, value: &Secret) -> Self {
        self.command.env(name, value.expose());
        self
    }

    pub fn without_env(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    pub fn directory(mut self, path: &Path) -> Self {
        self.command.current_dir(path);
        self
    }

    /// Runs as another user, with that user's group only; needs root.
    pub fn as_user(mut self, user: Option<crate::postgres::ServerUser>) -> Self {
        if let Some(user) = user {
            self.command.uid(user.uid).gid(user.gid);
        }
        self
    }

    pub fn stdin(mut self, from: Stdio) -> Self {
        self.command.stdin(from);
        self
    }

    pub fn stdout(mut self, to: Stdio) -> Self {
        self.command.stdout(to);
        self
    }

    pub fn stderr(mut self, to: Stdio) -> Self {
        self.command.stderr(to);
        self
    }

    /// What people read of this command: its name, or its shell line.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Starts the program. Whatever happens to the handle, the whole group ends with it.
    pub fn start(mut self) -> Result<Running, StartError> {
        let child = self.command.spawn().map_err(|source| StartError {
            program: self.shown.clone(),
            source,
        })?;
        let group = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .map(Pid::from_raw);
        Ok(Running {
            child,
            group: Group(group),
            shown: self.shown,
        })
    }

    /// Starts the program, hands every line of both outputs to `on_line`, without the values that a
    /// client of PostgreSQL prints, and waits for the end.
    ///
    /// With a `limit`, the group is ended when it has passed, and [`Ended::TimedOut`] says so.
    pub async fn run_lines(
        self,
        limit: Option<Duration>,
        on_line: impl FnMut(Stream, &str),
    ) -> Result<Ended, StartError> {
        self.run_raw_lines(limit, without_values(on_line)).await
    }

    /// Like [`Self::run_lines`], with all that was written; for whoever shows none of it.
    pub async fn run_raw_lines(
        self,
        limit: Option<Duration>,
        mut on_line: impl FnMut(Stream, &str),
    ) -> Result<Ended, StartError> {
        let mut running = self.stdout(Stdio::piped()).stderr(Stdio::piped()).start()?;
        let deadline = limit.map(|limit| Instant::now() + limit);
        let mut stdout = Lines::new(running.child.stdout.take());
        let mut stderr = Lines::new(running.child.stderr.take());
        let reading = async {
            // Both ends are read until they close: a line that the tool wrote just before it
            // ended is often the one that says why.
            while !(stdout.done && stderr.done) {
                tokio::select! {
                    line = stdout.next(), if !stdout.done => {
                        if let Some(line) = line { on_line(Stream::Stdout, &line) }
                    }
                    line = stderr.next(), if !stderr.done => {
                        if let Some(line) = line { on_line(Stream::Stderr, &line) }
                    }
                }
            }
        };
        let in_time = match deadline {
            None => {
                reading_or_exit(reading, &mut running.child).await;
                true
            }
            Some(deadline) => timeout_at(deadline, reading_or_exit(reading, &mut running.child))
                .await
                .is_ok(),
        };
        if !in_time {
            running.end().await;
            return Ok(Ended::TimedOut);
        }
        let status = running.wait().await.map_err(|source| StartError {
            program: running.shown.clone(),
            source,
        })?;
        Ok(Ended::Exited(status))
    }
}

/// Reads until both outputs close, or for a moment longer than the child itself lives: a background
/// process that inherited the pipe must not hold the run up.
async fn reading_or_exit(reading: impl Future<Output = ()>, child: &mut Child) {
    tokio::pin!(reading);
    tokio::select! {
        () = &mut reading => {}
        _ = child.wait() => {
            let _ = tokio::time::timeout(Duration::from_millis(500), reading).await;
        }
    }
}

/// How a program came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Exited(ExitStatus),
    /// The limit passed and the group was ended.
    TimedOut,
}

/// Which output a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

#[derive(Debug, thiserror::Error)]
#[error("could not run `{program}`")]
pub struct StartError {
    pub program: String,
    pub source: io::Error,
}

/// A child that runs. Dropping it kills its process group.
pub struct Running {
    pub child: Child,
    group: Group,
    shown: String,
}

impl Running {
    pub fn shown(&self) -> &str {
        &self.shown
    }

    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        Ok(status)
    }

    /// Everything the child writes until it ends. Both outputs must be piped.
    pub async fn output(self) -> io::Result<std::process::Output> {
        let Self { child, group, .. } = self;
        let output = child.wait_with_output().await;
        drop(group);
        output
    }

    /// Asks the group to end, waits a little, then makes it.
    pub async fn end(&mut self) {
        self.group.signal(Signal::SIGTERM);
        let _ = tokio::time::timeout(GRACE, self.child.wait()).await;
        self.group.signal(Signal::SIGKILL);
        let _ = tokio::time::timeout(GRACE, self.child.wait()).await;
    }
}

/// The process group of a child. SIGKILL goes to all of it on drop, also when the leader has exited:
/// what it left in the background is ours as well.
struct Group(Option<Pid>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // ESRCH says that nothing is left, which is what we want.
            let _ = killpg(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// How a status reads: `exit code 3`, `killed by SIGKILL`.
pub fn describe_status(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(number)) => match Signal::try_from(number) {
            Ok(signal) => format!("killed by {}", signal.as_str()),
            Err(_) => format!("killed by signal {number}"),
        },
        (None, None) => "ended without a status".to_owned(),
    }
}

/// Where `name` is found on PATH.
pub fn find_on_path(name: &str) -> Option<PathBuf> {
    let path: OsString = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
}

/// The lines of one output.
struct Lines<R> {
    reader: Option<BufReader<R>>,
    buffer: LineBuffer,
    done: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    fn new(output: Option<R>) -> Self {
        Self {
            done: output.is_none(),
            reader: output.map(BufReader::new),
            buffer: LineBuffer::default(),
        }
    }

    /// Cancel safe: what was read so far stays in the buffer.
    async fn next(&mut self) -> Option<String> {
        let reader = self.reader.as_mut()?;
        loop {
            let available = match reader.fill_buf().await {
                Ok(available) if !available.is_empty() => available,
                _ => {
                    self.done = true;
                    return self.buffer.rest();
                }
            };
            let (taken, line) = self.buffer.take(available);
            reader.consume(taken);
            if line.is_some() {
                return line;
            }
        }
    }
}
