//! How a server ends: at once, without a checkpoint, since nobody needs its data.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Child;

/// Stops the server whose private directory is `directory`, for a guard that knows only the path.
pub fn stop_server_in(directory: &Path) {
    if let Some(postmaster) = process_in(directory) {
        stop_at_once(postmaster, || kill(postmaster, None).is_err());
    }
}

/// The same long after the server's run: its lock file may name a process that is another's by now.
pub fn stop_own_server_in(directory: &Path) {
    let data = directory.join("data").canonicalize();
    let is_in_it = |process: Pid| {
        let at = std::fs::read_link(format!("/proc/{process}/cwd"));
        matches!((at, &data), (Ok(at), Ok(data)) if at == *data)
    };
    if process_in(directory).is_some_and(is_in_it) {
        stop_server_in(directory);
    }
}

/// The postmaster, as the server's own lock file names it.
pub fn process_in(directory: &Path) -> Option<Pid> {
    let text = std::fs::read_to_string(directory.join("data/postmaster.pid")).ok()?;
    let id: i32 = text.lines().next()?.trim().parse().ok()?;
    // A server without a postmaster, as `initdb` runs it, writes its process negated; to `kill` a
    // negative number is a group, and -1 everything.
    (id != i32::MIN && id.abs() > 1).then(|| Pid::from_raw(id.abs()))
}

/// Stops a postmaster without a checkpoint. SIGQUIT first: a server killed outright leaves its
/// shared memory segment behind.
pub fn stop_at_once(postmaster: Pid, mut gone: impl FnMut() -> bool) {
    let started = Instant::now();
    let mut chosen = Signal::SIGQUIT;
    let _ = kill(postmaster, chosen);
    while !gone() && started.elapsed() < Duration::from_secs(7) {
        if chosen == Signal::SIGQUIT && started.elapsed() > Duration::from_secs(5) {
            chosen = Signal::SIGKILL;
            let _ = kill(postmaster, chosen);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn signal(process: &Child, signal: Signal) {
    if let Some(id) = process.id().and_then(|id| i32::try_from(id).ok()) {
        let _ = kill(Pid::from_raw(id), signal);
    }
}
