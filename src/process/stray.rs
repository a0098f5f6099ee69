//! Processes of a run that left their group: found by the run's id in their environment.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{RUN_VARIABLE, RunId};

/// Ends every process that carries `run` in its environment, first asking, then forcing.
///
/// Linux only: elsewhere the environment of another process can't be read, and process groups have
/// to do.
pub fn end_all(run: &RunId) {
    let deadline = Instant::now() + Duration::from_secs(2);
    let mut signal = Signal::SIGTERM;
    loop {
        let found = processes_of(run);
        if found.is_empty() {
            return;
        }
        if Instant::now() > deadline {
            signal = Signal::SIGKILL;
        }
        for process in found {
            let _ = kill(process, signal);
        }
        if Instant::now() > deadline + Duration::from_secs(2) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The processes that carry `run` in their environment; empty where there is no `/proc`.
pub fn processes_of(run: &RunId) -> Vec<Pid> {
    let marker = format!("{RUN_VARIABLE}={run}");
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let own = std::process::id();
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|&id| u32::try_from(id).is_ok_and(|id| id != own))
        .filter(|id| {
            std::fs::read(format!("/proc/{id}/environ")).is_ok_and(|environment| {
                environment
                    .split(|&byte| byte == 0)
                    .any(|variable| variable == marker.as_bytes())
            })
        })
        .filter(|id| !is_zombie(*id))
        .map(Pid::from_raw)
        .collect()
}

fn is_zombie(id: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/stat"))
        .ok()
        .and_then(|stat| {
            let after_name = stat.rsplit_once(')')?.1;
            after_name.trim_start().chars().next()
        })
        .is_none_or(|state| state == 'Z' || state == 'X')
}
