//! The policy that counts: the one of the working directory, or, where a change is rehearsed, the one of
//! the commit that it goes to.

use std::path::Path;

use super::{Exit, complain, runtime, say, told, variable};
use crate::change::{self, Change, ChangeError};
use crate::github::event::{Context, Origin};
use crate::policy::{self, LoadError, Policy, Source};

/// A policy, and the change that it is to judge.
pub struct Loaded {
    pub policy: Policy,
    pub change: Option<Change>,
    /// Why it can't be told which policy counts; then this one gives nothing but its name.
    pub doubt: Option<ChangeError>,
}

/// Reads the policy at `file`, as the base has it if this run is for a change. `named` is the base that
/// the command line names; `source` stands in for the policy's own.
pub fn load(file: &Path, named: Option<&str>, source: Option<Source>) -> Result<Loaded, Exit> {
    let runtime = runtime().map_err(|error| {
        complain(&error, None);
        Exit::Undecided
    })?;
    let (job, found) = match job() {
        Ok(job) => {
            let revisions = change::revisions(named, job.as_ref());
            let found = if revisions.is_empty() {
                Ok(None)
            } else {
                runtime.block_on(of_change(file, revisions)).map(Some)
            };
            (job, found)
        }
        Err(error) => (None, Err(error)),
    };
    let (base, change, doubt) = match found {
        Ok(Some((base, change))) => (base, Some(change), None),
        Ok(None) => (None, None, None),
        Err(error) => (None, None, Some(error)),
    };
    let is_the_bases = base.is_some();
    let text = match base {
        Some(text) => text,
        None => told(policy::read(file))?,
    };
    let parsed = match source {
        Some(source) => policy::parse_with_source(file, &text, variable, source),
        None => policy::parse(file, &text, variable),
    };
    if parsed.is_err() {
        explain(job.as_ref(), is_the_bases);
    }
    let mut policy = told(parsed.map_err(LoadError::Wrong))?;
    if let Some(change) = &change {
        let base = &mut policy.migrations.base;
        base.get_or_insert_with(|| change.base.clone());
    }
    Ok(Loaded {
        policy,
        change,
        doubt,
    })
}

/// What a reader of a policy's problems must know.
fn explain(job: Option<&Context>, is_the_bases: bool) {
    if is_the_bases {
        say("the policy that counts is the one of the base:");
    }
    let pull_request = job.and_then(Context::pull_request);
    if pull_request.is_some_and(|pull_request| pull_request.origin != Origin::Ours) {
        say("GitHub gives no secrets to the run of a fork's pull request, nor to Dependabot's:");
    }
}

/// The base's policy, if it has one, and what the change makes of it.
async fn of_change(
    file: &Path,
    revisions: Vec<String>,
) -> Result<(Option<String>, Change), ChangeError> {
    let base = change::base(file, revisions).await?;
    let text = change::policy_of(&base, file).await?;
    // A change may take its policy away: what the base has counts all the same.
    let own = policy::read(file).unwrap_or_default();
    let policy = change::compare(file, &own, text.as_deref());
    Ok((text, Change { base, policy }))
}

/// The job of GitHub's that this is, if it is for a change.
fn job() -> Result<Option<Context>, ChangeError> {
    let is_for_a_change = variable("GITHUB_ACTIONS").as_deref() == Some("true")
        && variable("GITHUB_EVENT_NAME")
            .is_some_and(|event| matches!(event.as_str(), "pull_request" | "merge_group"));
    if !is_for_a_change {
        return Ok(None);
    }
    Ok(Some(Context::of_this_job()?))
}
