//! What the user wrote: `pgrehearse.yml`, read in passes that each do one thing.
//!
//! ```text
//! text ─ document ─ interpolate ─ check ─ raw ─ valid ─ Policy
//!        places,    ${VAR}        keys    a      meaning
//!        duplicates               types   mirror
//! ```
//!
//! No pass stops at its first problem: a person sees everything that is wrong at once, each with
//! line, column and source line. A mistyped key would disable a protection, so unknown keys are
//! refused.

mod check;
mod document;
mod interpolate;
pub mod problem;
mod raw;
pub mod schema;
mod units;
mod valid;

use std::path::{Path, PathBuf};

pub use problem::{Problem, Problems};
pub use units::{
    FileGlob, IdleInTransactionTimeout, LockTimeout, ObjectGlob, Percent, Size, StatementTimeout,
};
pub use valid::*;

/// The name a policy has where none is given.
pub const DEFAULT_FILE: &str = "pgrehearse.yml";

/// A policy file is read no further than this: it is written by hand, and a pull request's policy
/// is a stranger's.
const SIZE_LIMIT: u64 = 256 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("could not read the policy `{path}`")]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the policy `{path}` is larger than {} kB", SIZE_LIMIT / 1024)]
    TooLarge { path: PathBuf },
    #[error(transparent)]
    Wrong(Problems),
}

impl LoadError {
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreadable { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Some("`pgrehearse init` writes one".to_owned())
            }
            _ => None,
        }
    }
}

/// Reads and checks the policy at `path`. `variable` gives the environment's value of a name.
pub fn load(path: &Path, variable: impl Fn(&str) -> Option<String>) -> Result<Policy, LoadError> {
    let unreadable = |source| LoadError::Unreadable {
        path: path.to_owned(),
        source,
    };
    if std::fs::metadata(path).map_err(unreadable)?.len() > SIZE_LIMIT {
        return Err(LoadError::TooLarge {
            path: path.to_owned(),
        });
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    parse(path, &text, variable).map_err(LoadError::Wrong)
}

/// Reads a policy from its text. `path` names it in messages and is the root of its relative paths.
pub fn parse(
    path: &Path,
    text: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Policy, Problems> {
    let shown = path.display().to_string();
    let mut found = Vec::new();
    let document = match document::read(text) {
        Ok(document) => document,
        Err(problems) => return Err(Problems::new(&shown, text, problems)),
    };
    let mut value = document.value.clone();
    let interpolated = interpolate::apply(&mut value, &document, variable, &mut found);
    let complete = check::apply(&mut value, &document, &interpolated.paths, &mut found);
    // A missing key stops the typed reading; everything else that was wrong has been cut out of
    // the value, so that the rest is still judged.
    let policy = complete
        .then(|| raw::read(value, &document, &mut found))
        .flatten()
        .and_then(|raw| validate(raw, path, &interpolated.variables, &document, &mut found));
    match policy {
        Some(policy) if found.is_empty() => Ok(policy),
        _ => Err(Problems::new(&shown, text, found)),
    }
}
