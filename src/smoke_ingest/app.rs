//! The application as a child: started, watched, stopped.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use regex::Regex;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};

use super::http::Client;
use super::{Problem, ProblemKind, SmokeError};
use crate::context::Context;
use crate::policy::{self, Ready, ReadyWhen};
use crate::process::child::{Program, Running, describe_status};
use crate::process::environment::{self, Address};
use crate::text::redact::Output;
use crate::text::{Mask, count_of, human_seconds};

/// How often a state that nobody announces is looked at.
pub(super) const POLL: Duration = Duration::from_millis(50);

/// A running application.
pub struct App {
    running: Running,
    log: Arc<AppLog>,
    readers: Vec<tokio::task::JoinHandle<()>>,
}

impl App {
    pub fn start(
        context: &Context,
        app: &policy::App,
        address: &Address<'_>,
        log: &Arc<AppLog>,
    ) -> Result<Self, SmokeError> {
        let program = prepared(context, app, address, &address.fill(&app.command));
        let mut running = program
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .start()?;
        let mut readers = Vec::new();
        if let Some(output) = running.child.stdout.take() {
            readers.push(tokio::spawn(read(output, log.clone())));
        }
        if let Some(output) = running.child.stderr.take() {
            readers.push(tokio::spawn(read(output, log.clone())));
        }
        Ok(Self {
            running,
            log: log.clone(),
            readers,
        })
    }

    /// Waits until the application is ready; why it did not become so.
    pub async fn until_ready(
        &mut self,
        ready: &Ready,
        client: &Client,
        address: &Address<'_>,
    ) -> Result<(), String> {
        let deadline = Instant::now() + ready.within;
        let mut last = String::new();
        loop {
            let log = self.log.clone();
            let changed = log.changed.notified();
            let answer = match &ready.when {
                ReadyWhen::Http(target) => client.is_up(target, deadline).await,
                ReadyWhen::Tcp(place) => {
                    let place = address.fill(place);
                    match timeout_at(deadline, tokio::net::TcpStream::connect(&place)).await {
                        Ok(Ok(_)) => Ok(()),
                        _ => Err(format!("`{place}` accepts no connection")),
                    }
                }
                ReadyWhen::Log(_) if self.log.has_seen_ready() => Ok(()),
                ReadyWhen::Log(pattern) => Err(format!("no line of its log matches `{pattern}`")),
            };
            match answer {
                Ok(()) => return Ok(()),
                Err(why) => last = if why.is_empty() { last } else { why },
            }
            if let Some(how) = self.has_crashed() {
                return Err(format!("it ended first ({how})"));
            }
            if Instant::now() >= deadline {
                return Err(format!("{last} after {}", human_seconds(ready.within)));
            }
            tokio::select! {
                () = changed => {}
                () = sleep(POLL) => {}
            }
        }
    }

    /// How the application ended, if it ended with an error. A command that put the application into
    /// the background and succeeded is no crash.
    pub fn has_crashed(&mut self) -> Option<String> {
        match self.running.child.try_wait() {
            Ok(Some(status)) if !status.success() => Some(describe_status(status)),
            _ => None,
        }
    }

    /// Stops the application and all of its group, and reads its last lines.
    pub async fn stop(mut self) {
        self.running.end().await;
        drop(self.running);
        for reader in self.readers {
            let abort = reader.abort_handle();
            if tokio::time::timeout(Duration::from_millis(500), reader)
                .await
                .is_err()
            {
                abort.abort();
            }
        }
    }
}

/// A command of the application's, with its environment.
pub(super) fn prepared(
    context: &Context,
    app: &policy::App,
    address: &Address<'_>,
    line: &str,
) -> Program {
    // What most frameworks read where nothing else is said.
    let mut own = vec![
        ("DATABASE_URL".to_owned(), "{clone_url}".to_owned()),
        ("PORT".to_owned(), "{port}".to_owned()),
    ];
    own.extend(app.env.iter().cloned());
    environment::prepare(
        Program::shell(line, &context.run).directory(&app.working_directory),
        address,
        &context.policy.variables,
        &own,
    )
}

async fn read(output: impl AsyncRead + Unpin, log: Arc<AppLog>) {
    let mut lines = BufReader::new(output).split(b'\n');
    let mut safe = Output::default();
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line);
        log.line(&line, &safe.line(&line));
    }
}

/// The application's log: kept in a file without secrets, searched for what must not be in it.
pub struct AppLog {
    state: Mutex<State>,
    changed: Notify,
    mask: Mask,
    forbidden: Vec<Regex>,
    ready: Option<Regex>,
}

struct State {
    file: File,
    lines: u64,
    is_ready: bool,
    /// For each forbidden pattern: how many lines match, and the first one's number.
    found: Vec<(u64, u64)>,
}

impl AppLog {
    pub fn create(
        path: &Path,
        mask: Mask,
        forbidden: Vec<Regex>,
        app: &policy::App,
    ) -> Result<Self, SmokeError> {
        let file = File::create(path).map_err(|source| SmokeError::Log {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            state: Mutex::new(State {
                file,
                lines: 0,
                is_ready: false,
                found: vec![(0, 0); forbidden.len()],
            }),
            changed: Notify::new(),
            mask,
            forbidden,
            ready: app.ready.as_ref().and_then(|ready| match &ready.when {
                ReadyWhen::Log(pattern) => Some(pattern.clone()),
                _ => None,
            }),
        })
    }

    /// Looks at a line and keeps what is safe of it.
    fn line(&self, line: &str, safe: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.lines += 1;
        let number = state.lines;
        for (pattern, (count, first)) in self.forbidden.iter().zip(&mut state.found) {
            if pattern.is_match(line) {
                *count += 1;
                if *count == 1 {
                    *first = number;
                }
            }
        }
        if self
            .ready
            .as_ref()
            .is_some_and(|pattern| pattern.is_match(line))
        {
            state.is_ready = true;
        }
        let safe = self.mask.apply(safe);
        if let Err(error) = writeln!(state.file, "{safe}") {
            tracing::debug!(%error, "a line of the application's log was not kept");
        }
        drop(state);
        self.changed.notify_waiters();
    }

    fn has_seen_ready(&self) -> bool {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_ready
    }

    /// The forbidden patterns that lines match. The lines themselves are not repeated: they may
    /// hold a row.
    pub fn problems(&self, file: &str) -> Vec<Problem> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.forbidden
            .iter()
            .zip(&state.found)
            .filter(|(_, (count, _))| *count > 0)
            .map(|(pattern, (count, first))| Problem {
                kind: ProblemKind::Log,
                object: pattern.as_str().to_owned(),
                what: format!(
                    "{} of the application's log {} `{pattern}`",
                    count_of(*count, "line"),
                    if *count == 1 { "matches" } else { "match" }
                ),
                evidence: vec![format!("first: line {first} of `{file}`")],
            })
            .collect()
    }
}
