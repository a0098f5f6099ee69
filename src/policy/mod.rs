//! What the user wrote: `pgrehearse.yml`, read in passes that each do one thing.
//!
//! ```text
//! text ─ reader ─ interpolate ─ check ─ raw ─ valid ─ Policy
//!        places,  ${VAR}        keys,   a      meaning
//!        duplicates             types   mirror
//! ```
//!
//! No pass stops at its first problem: a person sees everything that is wrong at once, each with
//! line, column and source line. A mistyped key would disable a protection, so unknown keys are
//! refused.

mod check;
mod document;
mod interpolate;
mod path;
pub mod problem;
mod raw;
mod reader;
pub mod reference;
mod scalar;
pub mod schema;
mod secrets;
mod units;
mod valid;

use std::io::Read as _;
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
    #[error("the policy `{path}` is not UTF-8 text: see line {line}")]
    NotText { path: PathBuf, line: usize },
    #[error(transparent)]
    Wrong(Problems),
}

impl LoadError {
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreadable { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Some("`pgrehearse init` writes one".to_owned())
            }
            Self::NotText { .. } => Some("save the file as UTF-8".to_owned()),
            _ => None,
        }
    }
}

/// Reads and checks the policy at `path`. `variable` gives the environment's value of a name.
pub fn load(path: &Path, variable: impl Fn(&str) -> Option<String>) -> Result<Policy, LoadError> {
    let text = read(path)?;
    parse(path, &text, variable).map_err(LoadError::Wrong)
}

/// Like [`load`], with `source` in the place of the policy's own, whose variables need not be set.
pub fn load_with_source(
    path: &Path,
    variable: impl Fn(&str) -> Option<String>,
    source: Source,
) -> Result<Policy, LoadError> {
    let text = read(path)?;
    parse_with_source(path, &text, variable, source).map_err(LoadError::Wrong)
}

/// The policy's text as it stands at `path`.
pub fn read(path: &Path) -> Result<String, LoadError> {
    let mut bytes = Vec::new();
    // The length that a file claims says nothing of a device or a pipe.
    std::fs::File::open(path)
        .and_then(|file| file.take(SIZE_LIMIT + 1).read_to_end(&mut bytes))
        .map_err(|source| LoadError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
    if bytes.len() as u64 > SIZE_LIMIT {
        return Err(LoadError::TooLarge {
            path: path.to_owned(),
        });
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| LoadError::NotText {
        path: path.to_owned(),
        line: memchr::memchr_iter(b'\n', &bytes[..error.valid_up_to()]).count() + 1,
    })?;
    Ok(text.to_owned())
}

/// Like [`parse`], with `source` in the place of the policy's own, whose variables need not be set.
pub fn parse_with_source(
    path: &Path,
    text: &str,
    variable: impl Fn(&str) -> Option<String>,
    source: Source,
) -> Result<Policy, Problems> {
    let mut policy = parse_with(path, text, variable, SourceKey::StandsIn)?;
    policy.source = source;
    Ok(policy)
}

/// What becomes of the policy's `source`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SourceKey {
    Read,
    /// Another source is taken; something valid stands in for it.
    StandsIn,
}

/// Reads a policy from its text. `path` names it in messages and is the root of its relative paths.
pub fn parse(
    path: &Path,
    text: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Policy, Problems> {
    parse_with(path, text, variable, SourceKey::Read)
}

fn parse_with(
    path: &Path,
    text: &str,
    variable: impl Fn(&str) -> Option<String>,
    source: SourceKey,
) -> Result<Policy, Problems> {
    let mut found = Vec::new();
    // Editors of one system begin a file with a mark that is no part of the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let policy = reader::read(text, &mut found).and_then(|(mut value, mut document)| {
        if source == SourceKey::StandsIn
            && let Some(source) = value.get_mut("source")
        {
            *source = serde_yaml::Mapping::from_iter([("dump".into(), "-".into())]).into();
        }
        let variables = interpolate::apply(&mut value, &mut document, variable, &mut found);
        check::apply(&mut value, &mut document, &mut found)?;
        let raw = raw::read(value, &document, &mut found)?;
        validate(raw, path, &variables, &document, &mut found)
    });
    match policy {
        Some(policy) if found.is_empty() => Ok(Policy {
            text: text.to_owned(),
            ..policy
        }),
        _ => Err(Problems::new(&path.display().to_string(), text, found)),
    }
}
