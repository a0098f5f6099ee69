//! The step after the job: what a run left that was killed before it could clear up.
//!
//! A run that ends by itself, by a signal, or by the loss of its main process clears up in its own
//! container. Here is the rest: the container, if it lives on after its client was killed; the run's
//! directories, if the policy puts them on a disk that outlives the container; its scratch
//! databases, if the policy's target is a server; what it made at Docker's for the policy's image.
//! All of them by the run's own names, so that a second run at the same time loses nothing.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::inputs::policy_path;
use crate::cli::{Exit, complain, runtime, say, variable};
use crate::container::{self, Stopped};
use crate::policy::{self, Policy, Target};
use crate::postgres::scratch;
use crate::process::RunId;
use crate::process::guard::remove_directory;

/// What was found and removed, and what could not be.
#[derive(Default)]
struct Swept {
    removed: Vec<String>,
    kept: Vec<String>,
}

/// Removes what is left of the run that the state names.
pub fn run() -> ExitCode {
    let Some(run) = variable("STATE_run").and_then(|run| RunId::parse(&run)) else {
        say("nothing to clear up: no rehearsal was started");
        return Exit::Go.into();
    };
    let mut swept = Swept::default();
    // A runner without Docker's socket, as on Kubernetes, ends the container itself.
    let socket = Path::new(container::SOCKET);
    let own = variable("STATE_container").filter(|id| container::is_container(id));
    if let Some(own) = own.filter(|_| socket.exists()) {
        stop_container(socket, &own, &mut swept);
    }
    // The policy may need variables that only the first step had; its directory is then the usual
    // one, which went with the container.
    let policy = policy::load(&policy_path(variable), variable).ok();
    let has_image = |policy: &Policy| policy.migrations.image.is_some();
    if socket.exists() && policy.as_ref().is_none_or(has_image) {
        remove_siblings(socket, &run, &mut swept);
    }
    for parent in parents(policy.as_ref()) {
        remove_directories(&parent, &run, &mut swept);
    }
    drop_databases(policy.as_ref(), &run, &mut swept);
    tell(&run, &swept).into()
}

fn stop_container(socket: &Path, id: &str, swept: &mut Swept) {
    if container::own_container(socket).as_deref() == Some(id) {
        return;
    }
    match container::stop(socket, id) {
        Ok(Stopped::ByUs) => swept.removed.push(format!("the container `{id}`")),
        Ok(Stopped::Before) => {}
        Err(error) => {
            complain(&error, None);
            swept.kept.push(format!("the container `{id}`"));
        }
    }
}

fn remove_siblings(socket: &Path, run: &RunId, swept: &mut Swept) {
    match container::remove_run(socket, run) {
        Ok(removed) => swept.removed.extend(removed),
        Err(error) => {
            complain(&error, None);
            let what = "what the run made at Docker's, if there is anything".to_owned();
            swept.kept.push(what);
        }
    }
}

/// Where a run makes its directories.
fn parents(policy: Option<&Policy>) -> Vec<PathBuf> {
    let mut parents = vec![std::env::temp_dir()];
    if let Some(Target::Throwaway {
        directory: Some(directory),
        ..
    }) = policy.map(|policy| &policy.target)
    {
        parents.push(directory.clone());
    }
    parents
}

/// Removes the run's directories in `parent`.
///
/// A server in one of them ended with its container. The process that its lock file names is not
/// looked for: here the same number is another process.
fn remove_directories(parent: &Path, run: &RunId, swept: &mut Swept) {
    let prefix = run.directory_prefix();
    let Ok(entries) = std::fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let is_ours = entry
            .file_name()
            .to_str()
            .and_then(|name| name.strip_prefix(&prefix))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        if !is_ours {
            continue;
        }
        let path = entry.path();
        remove_directory(&path);
        let shown = format!("`{}`", path.display());
        if path.symlink_metadata().is_ok() {
            swept.kept.push(shown);
        } else {
            swept.removed.push(shown);
        }
    }
}

fn drop_databases(policy: Option<&Policy>, run: &RunId, swept: &mut Swept) {
    let Some(Target::Server(endpoint)) = policy.map(|policy| &policy.target) else {
        return;
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&error, None);
            return;
        }
    };
    match runtime.block_on(scratch::drop_left(endpoint, run)) {
        Ok(names) => swept
            .removed
            .extend(names.iter().map(|name| format!("the database `{name}`"))),
        Err(error) => {
            complain(&error, None);
            swept
                .kept
                .push(format!("databases on `{endpoint}`, if there are any"));
        }
    }
}

/// A clone that stays holds personal data, so it is no small matter.
fn tell(run: &RunId, swept: &Swept) -> Exit {
    for removed in &swept.removed {
        say(&format!("removed {removed}"));
    }
    for kept in &swept.kept {
        say(&format!("error: could not remove {kept}"));
    }
    if swept.removed.is_empty() && swept.kept.is_empty() {
        say(&format!("run {run} left nothing"));
    }
    if swept.kept.is_empty() {
        Exit::Go
    } else {
        Exit::Undecided
    }
}

#[cfg(test)]
mod tests {
    use super::{RunId, Swept, remove_directories};

    #[test]
    fn only_this_run_s_directories_go() {
        let parent = tempfile::tempdir().expect("a directory");
        let (ours, theirs) = (RunId::new(), RunId::new());
        let made = [
            ours.directory_prefix(),
            format!("{}-clone-0a1b2c3d", ours.directory_prefix()),
            theirs.directory_prefix(),
            "pgrehearse-report".to_owned(),
        ];
        for name in &made {
            std::fs::create_dir_all(parent.path().join(name).join("data")).expect("made");
        }
        let mut swept = Swept::default();
        remove_directories(parent.path(), &ours, &mut swept);
        assert_eq!((swept.removed.len(), swept.kept.len()), (2, 0));
        let is_there = |name: &String| parent.path().join(name).exists();
        assert_eq!(made.each_ref().map(is_there), [false, false, true, true]);
    }
}
