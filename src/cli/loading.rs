//! The policy that counts: the one of the working directory, or, where a change is rehearsed, the one of
//! the commit that it goes to.

use std::path::Path;

use super::{Exit, complain, runtime, say, told, variable};
use crate::change::{self, Change, ChangeError, PolicyChange};
use crate::policy::{self, LoadError, Policy, Source};
use crate::verdict::Explained as _;

/// A policy, and the change that it is to judge.
pub struct Loaded {
    pub policy: Policy,
    pub change: Option<Change>,
}

/// Reads the policy at `file`, as the base has it if this run is for a change. `named` is the base that
/// the command line names; `source` stands in for the policy's own.
pub fn load(file: &Path, named: Option<&str>, source: Option<Source>) -> Result<Loaded, Exit> {
    let revisions = change::revisions(named, variable).map_err(|error| refused(&error))?;
    let (text, change) = if revisions.is_empty() {
        (told(policy::read(file))?, None)
    } else {
        let runtime = runtime().map_err(|error| {
            complain(&error, None);
            Exit::Undecided
        })?;
        let (text, change) = runtime
            .block_on(of_change(file, revisions))
            .map_err(|error| refused(&error))?;
        let text = match text {
            Some(text) => text,
            None => told(policy::read(file))?,
        };
        (text, Some(change))
    };
    let parsed = match source {
        Some(source) => policy::parse_with_source(file, &text, variable, source),
        None => policy::parse(file, &text, variable),
    };
    let is_the_bases = change
        .as_ref()
        .is_some_and(|change| matches!(change.policy, PolicyChange::Other { .. }));
    if parsed.is_err() && is_the_bases {
        say("the policy that counts is the base's, which this change has another of:");
    }
    let mut policy = told(parsed.map_err(LoadError::Wrong))?;
    if let Some(change) = &change {
        let base = &mut policy.migrations.base;
        base.get_or_insert_with(|| change.base.clone());
    }
    Ok(Loaded { policy, change })
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

fn refused(error: &ChangeError) -> Exit {
    complain(error, error.hint().as_deref());
    match error {
        ChangeError::PullRequestTarget => Exit::Wrong,
        _ => Exit::Undecided,
    }
}
