//! Who runs, as `/proc` shows it: for finding what a run left.

use std::path::Path;

use nix::unistd::Pid;

/// A process as `/proc` shows it.
pub struct Process {
    pub id: Pid,
    pub command: String,
}

/// The servers' processes whose data directory begins with `path`: postmasters by their arguments,
/// all others by where they work.
pub fn processes_below(path: &Path) -> Vec<Process> {
    let start = path.display().to_string();
    processes(|directory, command| {
        let works_there = std::fs::read_link(directory.join("cwd"))
            .is_ok_and(|at| at.display().to_string().starts_with(&start));
        works_there || command.contains(&start)
    })
}

/// The processes that carry the run's id in their environment.
pub fn processes_of(run: &str) -> Vec<Process> {
    let marker = format!("PGREHEARSE_RUN={run}");
    processes(|directory, _| {
        std::fs::read(directory.join("environ")).is_ok_and(|environment| {
            environment
                .split(|&byte| byte == 0)
                .any(|variable| variable == marker.as_bytes())
        })
    })
}

/// The guard of a gate.
#[track_caller]
pub fn guard_of(gate: Pid) -> Pid {
    let parent = format!("PPid:\t{gate}\n");
    let found = processes(|directory, command| {
        command.contains(" stand-guard")
            && std::fs::read_to_string(directory.join("status"))
                .is_ok_and(|status| status.contains(&parent))
    });
    assert_eq!(found.len(), 1, "a gate has one guard");
    found[0].id
}

/// Whether it runs. A zombie has ended.
pub fn is_running(process: Pid) -> bool {
    std::fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|command| !command.is_empty())
}

fn processes(is_wanted: impl Fn(&Path, &str) -> bool) -> Vec<Process> {
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            let command = std::fs::read(entry.path().join("cmdline")).ok()?;
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            // A zombie has no command line.
            (!command.is_empty() && is_wanted(&entry.path(), &command)).then(|| Process {
                id: Pid::from_raw(id),
                command,
            })
        })
        .collect()
}
