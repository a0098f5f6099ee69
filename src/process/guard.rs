//! A second process that outlives this one for a moment and clears up what it left.
//!
//! The guard holds the read end of a pipe whose only write end is ours. However this process ends,
//! the kernel closes the pipe; the guard then stops the servers, ends the children and removes the
//! directories that were announced and not taken back. It is the same binary, started with a hidden
//! subcommand, in a group of its own so that Ctrl-C does not reach it, and with no environment but the
//! way out to providers, so that a CI runner that hunts processes by their variables does not find it.

use std::io::{self, BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use serde::{Deserialize, Serialize};

use super::{RunId, stray};
use crate::cloud::Access;
use crate::cloud::ledger::{self, Known, Look, Making};
use crate::container;
use crate::postgres::throwaway;

/// The hidden subcommand that makes a process a guard.
pub const SUBCOMMAND: &str = "stand-guard";

/// What leads out of the machine, and whom to trust there: a provider is asked through it.
const WAY_OUT: [&str; 10] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Something that must not outlive the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watched {
    /// A throwaway server's private directory: its postmaster is stopped, then it is removed.
    Server(PathBuf),
    /// A private directory without a server.
    Directory(PathBuf),
    /// A scratch database on a server that is not ours: dropped.
    ///
    /// The endpoint carries a password, which is why this travels by pipe and not by argument.
    ScratchDatabase { endpoint: String, name: String },
    /// A clone at a provider: asked to be removed.
    Clone {
        access: Access,
        name: String,
        making: Making,
    },
    /// What a run makes at Docker's, by the daemon's socket and the run's id: removed.
    Siblings { socket: PathBuf, run: String },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message {
    Run(String),
    Watch(Watched),
    Forget(Watched),
}

/// Our end of the pipe.
pub struct Guard {
    pipe: Mutex<Option<ChildStdin>>,
    process: Mutex<Child>,
    /// Whether nobody waits for its end.
    is_alone: AtomicBool,
}

impl Guard {
    /// Starts `program` (this binary, as a rule) as the guard of `run`.
    pub fn start(program: &Path, run: &RunId) -> io::Result<Self> {
        use std::os::unix::process::CommandExt as _;
        let way_out = (WAY_OUT.iter()).filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut process = Command::new(program)
            .arg(SUBCOMMAND)
            .env_clear()
            .envs(way_out)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let guard = Self {
            pipe: Mutex::new(process.stdin.take()),
            process: Mutex::new(process),
            is_alone: AtomicBool::new(false),
        };
        guard.send(&Message::Run(run.to_string()))?;
        Ok(guard)
    }

    /// Announces `watched`. To be called before it exists, so that no moment is uncovered.
    pub fn watch(&self, watched: Watched) -> io::Result<()> {
        self.send(&Message::Watch(watched))
    }

    /// Takes `watched` back: it is gone, or it is meant to stay.
    pub fn forget(&self, watched: Watched) {
        // A guard that is gone has nothing to forget.
        let _ = self.send(&Message::Forget(watched));
    }

    /// Lets the guard end by itself: it still looks for what may come late, and nobody waits for that.
    pub fn work_on_alone(&self) {
        self.is_alone.store(true, Ordering::Relaxed);
    }

    fn send(&self, message: &Message) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        let mut pipe = self
            .pipe
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match pipe.as_mut() {
            Some(pipe) => pipe.write_all(&line),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Closing the pipe is the signal; waiting keeps the guard from becoming a zombie and makes
        // "everything is gone when we exit" true also for what only the guard clears up.
        if let Ok(mut pipe) = self.pipe.lock() {
            pipe.take();
        }
        if !self.is_alone.load(Ordering::Relaxed)
            && let Ok(mut process) = self.process.lock()
        {
            let _ = process.wait();
        }
    }
}

/// The guard's whole life: listen until the pipe closes, then clear up.
pub fn stand_guard(pipe: impl io::Read) {
    // SIGINT and SIGTERM meant for the run must not end the guard before its work is done.
    let mut meant_for_the_run = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        meant_for_the_run.add(signal);
    }
    let _ = meant_for_the_run.thread_block();
    let mut run = None;
    let mut watched: Vec<Watched> = Vec::new();
    for line in io::BufReader::new(pipe).lines() {
        let Ok(line) = line else { break };
        match serde_json::from_str(&line) {
            Ok(Message::Run(id)) => run = Some(RunId(id)),
            Ok(Message::Watch(thing)) => watched.push(thing),
            Ok(Message::Forget(thing)) => watched.retain(|known| *known != thing),
            // Half a line: the run died while it wrote.
            Err(_) => break,
        }
    }
    if watched.is_empty() {
        return;
    }
    let clones: Vec<Known<'_>> = (watched.iter())
        .filter_map(|thing| match thing {
            Watched::Clone {
                access,
                name,
                making,
            } => Some((access, name.as_str(), *making)),
            _ => None,
        })
        .collect();
    for thing in &watched {
        if let Watched::Server(directory) = thing {
            throwaway::stop_server_in(directory);
        }
    }
    ledger::remove_from_guard(&clones, Look::First);
    for thing in &watched {
        if let Watched::Siblings { socket, run } = thing
            && let Some(run) = RunId::parse(run)
        {
            // Nobody is left to be told; a later run tries again.
            let _ = container::remove_run(socket, &run);
        }
    }
    if let Some(run) = &run {
        stray::end_all(run);
    }
    for thing in &watched {
        match thing {
            Watched::Server(directory) | Watched::Directory(directory) => {
                remove_directory(directory);
            }
            Watched::ScratchDatabase { endpoint, name } => {
                crate::postgres::scratch::drop_from_guard(endpoint, name);
            }
            // Asked for before, for it takes the provider's time.
            Watched::Clone { .. } | Watched::Siblings { .. } => {}
        }
    }
    ledger::remove_from_guard(&clones, Look::Later);
}

/// Removes `directory`, again if a process that is just ending still wrote into it.
pub fn remove_directory(directory: &Path) {
    for _ in 0..50 {
        match std::fs::remove_dir_all(directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                std::thread::sleep(Duration::from_millis(100));
            }
            _ => return,
        }
    }
}
