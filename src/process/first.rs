//! Process 1 of a container: hands signals on, reaps what others left, ends as its one child ends.
//!
//! The kernel asks two things of process 1. A signal that it has no handler for does not reach it,
//! so `docker stop` would wait ten seconds and kill. And every process whose parent is gone becomes
//! its child and stays a zombie until it is waited for, which a run that only waits for its own
//! children never does; a server that the guard stops would look alive. So where this program is
//! process 1, it starts itself again and does nothing but these two duties.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getppid};

/// What may be meant for the run.
const HANDED_ON: [Signal; 6] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

/// How long the guard may clear up after a run that was killed. The container ends with process 1,
/// and what is outside it (a mounted directory, a scratch database) would stay.
const GUARD_TIME: Duration = Duration::from_secs(8);

/// Whether this process has the duties of a container's first one.
pub fn is_first_process() -> bool {
    std::process::id() == 1
}

/// Lets signals through again in the child of [`serve`], which inherits what is blocked there.
///
/// To be called before there is a second thread. Anywhere else it changes nothing.
pub fn unblock_signals() {
    if getppid() == Pid::from_raw(1) {
        let _ = served().thread_unblock();
    }
}

/// What process 1 waits for.
fn served() -> SigSet {
    let mut signals = SigSet::empty();
    for signal in HANDED_ON {
        signals.add(signal);
    }
    signals.add(Signal::SIGCHLD);
    signals
}

/// Starts this program again, with the same arguments, and serves it until it ends.
///
/// Returns its exit code, or 128 and the number of the signal that ended it.
pub fn serve() -> io::Result<u8> {
    let signals = served();
    // Before the child exists: neither its end nor a signal for it must be missed.
    signals.thread_block()?;
    let child = start()?;
    loop {
        match signals.wait()? {
            Signal::SIGCHLD => {
                if let Some(end) = reap(child) {
                    return Ok(end.code());
                }
            }
            signal => {
                // ESRCH: it has just ended, which the next SIGCHLD tells.
                let _ = kill(child, signal);
            }
        }
    }
}

fn start() -> io::Result<Pid> {
    let mut arguments = std::env::args_os();
    // The name that was typed, since a program may do different things by different names.
    let name = arguments
        .next()
        .unwrap_or_else(|| OsString::from("pgrehearse"));
    // Waited for with all others, by `reap`.
    let child = Command::new(std::env::current_exe()?)
        .arg0(name)
        .args(arguments)
        .spawn()?;
    i32::try_from(child.id())
        .map(Pid::from_raw)
        .map_err(io::Error::other)
}

/// How the child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Exited(i32),
    Killed(Signal),
}

impl End {
    /// As shells tell it.
    fn code(self) -> u8 {
        match self {
            Self::Exited(code) => u8::try_from(code & 0xff).unwrap_or(u8::MAX),
            Self::Killed(signal) => 128 + u8::try_from(signal as i32).unwrap_or(0),
        }
    }
}

/// Waits for everything that has ended; says how `child` did, if it is among it.
fn reap(child: Pid) -> Option<End> {
    let end = reap_ended(child)?;
    if let End::Killed(_) = end {
        let deadline = Instant::now() + GUARD_TIME;
        while Instant::now() < deadline && has_children() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Some(end)
}

fn reap_ended(child: Pid) -> Option<End> {
    let mut end = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(process, code)) if process == child => {
                end = Some(End::Exited(code));
            }
            Ok(WaitStatus::Signaled(process, signal, _)) if process == child => {
                end = Some(End::Killed(signal));
            }
            Ok(WaitStatus::StillAlive) => return end,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return end,
        }
    }
}

/// Whether anything is left in the container; what has ended is waited for.
fn has_children() -> bool {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return true,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{End, Signal};

    #[test]
    fn ends_are_told_as_shells_tell_them() {
        assert_eq!(End::Exited(0).code(), 0);
        assert_eq!(End::Exited(3).code(), 3);
        assert_eq!(End::Killed(Signal::SIGTERM).code(), 143);
        assert_eq!(End::Killed(Signal::SIGKILL).code(), 137);
    }
}
