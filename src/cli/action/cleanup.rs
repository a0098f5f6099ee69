//! The step after the job: what a run left that was killed before it could clear up.
//!
//! A run that ends by itself, by a signal, or by the loss of its main process clears up in its own
//! container. Here is the rest: the container, if it lives on after its client was killed; the run's
//! directories, if the policy puts them on a disk that outlives the container; its scratch
//! databases, if the policy's target is a server; what it made at Docker's for the policy's image.
//! All of them by the run's own names, so that a second run at the same time loses nothing.

use std::path::Path;
use std::process::ExitCode;

use super::inputs::policy_path;
use super::outputs::STATE_OF_END;
use crate::cli::{Exit, complain, runtime, say, variable};
use crate::container::{self, Stopped};
use crate::policy::{self, Policy};
use crate::process::RunId;
use crate::sweep::{self, Left, Place, Seen, SweepError};

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
    sweep_places(policy.as_ref(), &run, &mut swept);
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

/// Removes the run's directories, databases and clones, wherever its policy has it make them.
fn sweep_places(policy: Option<&Policy>, run: &RunId, swept: &mut Swept) {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&error, None);
            swept
                .kept
                .push("what the run has left, if there is anything".to_owned());
            return;
        }
    };
    runtime.block_on(async {
        let places = match sweep::places(policy) {
            Ok(places) => places,
            Err(error) => {
                say(&format!("error: {}", error.explain()));
                swept
                    .kept
                    .push("what the run has left, if there is anything".to_owned());
                return;
            }
        };
        // What is at Docker's was removed before, where there is a socket.
        let is_asked = |place: &Place| !matches!(place, Place::Docker(_));
        for place in places.into_iter().filter(is_asked) {
            if let Err(error) = sweep_place(&place, run, swept).await {
                say(&format!("error: {}", error.explain()));
                let what = format!(
                    "what the run has left in {}, if there is anything",
                    place.describe()
                );
                swept.kept.push(what);
            }
        }
    });
}

async fn sweep_place(place: &Place, run: &RunId, swept: &mut Swept) -> Result<(), SweepError> {
    let found = place.list().await?;
    let mut seen: Seen = found.iter().map(Left::key).collect();
    remove(place, run, found, swept).await;
    if variable(STATE_OF_END).is_some() {
        return Ok(());
    }
    loop {
        let late = place.list_late(&mut seen).await?;
        if remove(place, run, late, swept).await == 0 {
            return Ok(());
        }
    }
}

/// Removes what is the run's; how many things that were.
async fn remove(place: &Place, run: &RunId, found: Vec<Left>, swept: &mut Swept) -> usize {
    let mut count = 0;
    for left in found {
        if !left.is_leaked(Some(run), jiff::Timestamp::now()) {
            continue;
        }
        count += 1;
        let what = format!("the {} `{}`", left.kind, left.name);
        match place.remove(&left).await {
            Ok(()) => swept.removed.push(what),
            Err(error) => {
                say(&format!("error: {}", error.explain()));
                swept.kept.push(what);
            }
        }
    }
    count
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
