//! What is to be merged: the commit it builds on, the policy that holds there, and whether it touches a
//! migration at all.
//!
//! A change must not loosen its own gate. So where a change is rehearsed, the policy is the one of the
//! branch that it goes to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use crate::git::{self, GitError};
use crate::github::event::{Context, Event, EventError};
use crate::migrate::{Found, relative};
use crate::policy::{Policy, Runner};
use crate::verdict::Explained;

/// Where git can't tell of the base.
const FETCH: &str = "fetch the base branch too: `actions/checkout` with `fetch-depth: 0`";

/// So many keys of a policy are named.
const NAMED: usize = 10;

#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error("the base of this change is not here: `{}`", revisions.join("`, `"))]
    NoBase { revisions: Vec<String> },
    #[error("what this run is for can't be told")]
    Event(#[from] EventError),
    #[error("the policy `{}` is not below the working directory's repository", path.display())]
    Outside { path: PathBuf },
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Explained for ChangeError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoBase { .. } | Self::Git(_) => Some(FETCH.to_owned()),
            Self::Event(_) | Self::Outside { .. } => None,
        }
    }
}

/// A change, by the commit that it is to be merged into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub base: String,
    pub policy: PolicyChange,
}

/// What becomes of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyChange {
    Same,
    /// The base has another, and that one counts.
    Other {
        file: String,
        /// The keys that differ, without their values.
        keys: Vec<String>,
    },
    /// The base has none.
    New {
        file: String,
    },
}

/// What names the base of the change that this run is for, the surest first; nothing where it is for
/// no change. `named` is what the command line says.
pub fn revisions(named: Option<&str>, job: Option<&Context>) -> Vec<String> {
    if let Some(named) = named {
        return vec![named.to_owned()];
    }
    match job.map(|job| &job.event) {
        Some(Event::PullRequest(of)) => {
            vec![of.base_sha.clone(), format!("origin/{}", of.base_ref)]
        }
        Some(Event::MergeGroup { base_sha, .. }) => vec![base_sha.clone()],
        _ => Vec::new(),
    }
}

/// The commit that one of `revisions` names in the repository of the policy at `path`.
pub async fn base(path: &Path, revisions: Vec<String>) -> Result<String, ChangeError> {
    let (root, _) = split(path)?;
    for revision in &revisions {
        if let Some(commit) = git::commit(&root, revision).await {
            return Ok(commit);
        }
    }
    Err(ChangeError::NoBase { revisions })
}

/// The policy that the base has at `path`; `None`: it has none.
pub async fn policy_of(base: &str, path: &Path) -> Result<Option<String>, ChangeError> {
    let (root, file) = split(path)?;
    if git::files_in(&root, base).await?.contains(&file) {
        return Ok(Some(git::show(&root, base, &file).await?));
    }
    Ok(None)
}

/// The directory of a policy and its name in it.
fn split(path: &Path) -> Result<(PathBuf, String), ChangeError> {
    let outside = || ChangeError::Outside {
        path: path.to_owned(),
    };
    let file = path.file_name().and_then(|name| name.to_str());
    let root = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    Ok((root, file.ok_or_else(outside)?.to_owned()))
}

/// How `own` differs from what the base has.
pub fn compare(path: &Path, own: &str, base: Option<&str>) -> PolicyChange {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let file = file.into_owned();
    match base {
        None => PolicyChange::New { file },
        Some(base) if base == own => PolicyChange::Same,
        Some(_) if own.is_empty() => PolicyChange::Other {
            file,
            keys: vec!["the file is gone".to_owned()],
        },
        Some(base) => PolicyChange::Other {
            file,
            keys: keys_that_differ(own, base),
        },
    }
}

/// A key below its keys; a member of a list is `[2]`.
type Keys = Vec<String>;

/// `rules.blocking-lock`, `allow[2].until`: no value is named, for it may be a secret in a policy that
/// nobody has checked yet.
fn keys_that_differ(own: &str, base: &str) -> Vec<String> {
    let (Some(own), Some(base)) = (leaves(own), leaves(base)) else {
        return vec!["it can't be read as YAML".to_owned()];
    };
    let mut said = BTreeSet::new();
    for (keys, value) in &own {
        match base.get(keys) {
            Some(known) if known == value => {}
            Some(_) => {
                said.insert(format!("`{}` is another", shown(keys)));
            }
            None => {
                said.insert(format!("`{}` is new", shown(missing(keys, &base))));
            }
        }
    }
    for keys in base.keys().filter(|keys| !own.contains_key(*keys)) {
        said.insert(format!("`{}` is gone", shown(missing(keys, &own))));
    }
    let mut said: Vec<String> = said.into_iter().collect();
    if let Some(more) = said.len().checked_sub(NAMED).filter(|more| *more > 0) {
        said.truncate(NAMED);
        said.push(format!("{more} more"));
    }
    if said.is_empty() {
        said.push("comments and layout alone".to_owned());
    }
    said
}

/// The first of `keys` and what is above it that `other` has nothing below.
fn missing<'k>(keys: &'k [String], other: &BTreeMap<Keys, serde_yaml::Value>) -> &'k [String] {
    let mut lengths = 1..keys.len();
    let length = lengths.find(|length| {
        !other
            .keys()
            .any(|known| known.starts_with(&keys[..*length]))
    });
    &keys[..length.unwrap_or(keys.len())]
}

fn shown(keys: &[String]) -> String {
    keys.join(".").replace(".[", "[")
}

/// The values of a document by their keys.
fn leaves(text: &str) -> Option<BTreeMap<Keys, serde_yaml::Value>> {
    fn walk(
        at: &[String],
        value: &serde_yaml::Value,
        found: &mut BTreeMap<Keys, serde_yaml::Value>,
    ) {
        let mut below = |key: String, value| walk(&[at, &[key]].concat(), value, found);
        match value {
            serde_yaml::Value::Mapping(mapping) if !mapping.is_empty() => {
                for (key, value) in mapping {
                    below(key.as_str().unwrap_or("?").to_owned(), value);
                }
            }
            serde_yaml::Value::Sequence(members) if !members.is_empty() => {
                for (index, value) in members.iter().enumerate() {
                    below(format!("[{index}]"), value);
                }
            }
            _ => {
                found.insert(at.to_vec(), value.clone());
            }
        }
    }
    let value = serde_yaml::from_str(text).ok()?;
    let mut found = BTreeMap::new();
    walk(&[], &value, &mut found);
    Some(found)
}

/// Whether a change to `base` touches what a rehearsal is of: a migration file or one beside it, a file
/// of `baseline.init` or `restore.mask`, what the migration command names, the policy. Where that can't
/// be told, it does.
pub async fn touches_a_migration(policy: &Policy, found: &Found, base: &str) -> bool {
    match touched(policy, found, base).await {
        Ok(touched) => touched,
        Err(error) => {
            tracing::debug!(%error, "whether a migration changed is not known");
            true
        }
    }
}

async fn touched(policy: &Policy, found: &Found, base: &str) -> Result<bool, GitError> {
    let root = &policy.root;
    let left_base = git::merge_base(root, base).await?;
    let in_base = git::files_in(root, &left_base).await?;
    let different = git::different(root, &left_base).await?;
    let files = found.files.iter();
    let held_back = found.held_back.iter().map(|held| &held.file);
    let mut named: Vec<String> = files
        .chain(held_back)
        .map(|file| file.shown.clone())
        .collect();
    if named.is_empty() {
        // Nobody knows what this tool's migrations are.
        return Ok(true);
    }
    let others = policy.baseline_init.iter().chain(&policy.restore.mask);
    named.extend(others.map(|path| relative(path, root)));
    named.extend(
        policy
            .file
            .file_name()
            .map(|name| name.to_string_lossy().into_owned()),
    );
    let patterns = policy.migrations.files.patterns();
    let directories: Vec<PathBuf> = patterns
        .iter()
        .map(|pattern| plain(&pattern.fixed_directory()))
        .collect();
    let mut all = named.iter().map(Path::new);
    if all.any(is_outside) || directories.iter().any(|directory| is_outside(directory)) {
        return Ok(true);
    }
    // A file that is gone is found by the patterns alone. Of one at the policy's own directory not all
    // that is beside it counts: that is the whole repository.
    let is_of_a_pattern = |file: &str| {
        let file = Path::new(file);
        let mut directories = directories.iter();
        directories
            .any(|directory| !directory.as_os_str().is_empty() && file.starts_with(directory))
            || patterns.iter().any(|pattern| pattern.matches(file))
    };
    let in_command = match &policy.migrations.runner {
        Runner::Command { line, .. } => line.as_str(),
        Runner::Psql => "",
    };
    let is_run = |file: &str| {
        in_command
            .split(|letter: char| letter.is_whitespace() || "'\"=;&|()".contains(letter))
            .any(|word| !word.is_empty() && plain(Path::new(word)) == Path::new(file))
    };
    Ok(named
        .iter()
        .any(|file| different.contains(file) || !in_base.contains(file))
        || (different.iter()).any(|file| is_of_a_pattern(file) || is_run(file)))
}

/// A path without `./`, as git writes it.
fn plain(path: &Path) -> PathBuf {
    let components = path.components();
    components
        .filter(|component| *component != Component::CurDir)
        .collect()
}

fn is_outside(path: &Path) -> bool {
    path.is_absolute() || path.components().any(|part| part == Component::ParentDir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_that_differ_are_named_without_values() {
        let base = "version: 1\nrules: { blocking-lock: { over: 1s } }\nallow: []\n";
        let own = "version: 1\nrules: { blocking-lock: { over: 9s }, rows-lost: off }\n";
        let file = Path::new("db/pgrehearse.yml");
        let PolicyChange::Other { file, keys } = compare(file, own, Some(base)) else {
            panic!("it is another");
        };
        assert_eq!(file, "pgrehearse.yml");
        assert_eq!(
            keys,
            [
                "`allow` is gone",
                "`rules.blocking-lock.over` is another",
                "`rules.rows-lost` is new"
            ]
        );
        assert_eq!(
            keys_that_differ("a: 1 # why\n", "a: 1\n"),
            ["comments and layout alone"]
        );
        assert_eq!(
            compare(Path::new("a.yml"), base, Some(base)),
            PolicyChange::Same
        );
    }
}
