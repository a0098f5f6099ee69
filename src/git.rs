//! What git says of the user's repository. Names and contents are read; no hook runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tokio::process::Command;

#[derive(Debug, thiserror::Error)]
#[error("`git {command}` failed: {said}")]
pub struct GitError {
    command: String,
    said: String,
}

/// What is said where git is not installed.
const NO_GIT: &str = "git is not installed";

/// Runs git in `root`. A workspace that another user owns is read all the same: in a container it
/// always is.
pub async fn run(root: &Path, arguments: &[&str]) -> Result<String, GitError> {
    let failed = |said: String| GitError {
        command: arguments.join(" "),
        said,
    };
    let output = Command::new("git")
        .args(["-c", "safe.directory=*", "-C"])
        .arg(root)
        .args(arguments)
        // `readable` reads what it says.
        .env("LC_ALL", "C")
        // A clone without all objects would ask its server, by a command that its own settings name.
        .env("GIT_NO_LAZY_FETCH", "1")
        .output()
        .await
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => failed(NO_GIT.to_owned()),
            _ => failed(error.to_string()),
        })?;
    if !output.status.success() {
        return Err(failed(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Fails if there is a repository that git does not read: it would have told what is new.
pub async fn readable(root: &Path) -> Result<(), GitError> {
    match run(root, &["rev-parse", "--git-dir"]).await {
        Err(error) if error.said.contains("not a git repository") || error.said == NO_GIT => Ok(()),
        other => other.map(drop),
    }
}

/// The top of the repository that `root` is in, if it is in one.
pub async fn top(root: &Path) -> Option<PathBuf> {
    let top = run(root, &["rev-parse", "--show-toplevel"]).await.ok()?;
    let top = top.trim_end_matches('\n');
    (!top.is_empty()).then(|| PathBuf::from(top))
}

/// The commit that `revision` names; `None`: it is not here.
pub async fn commit(root: &Path, revision: &str) -> Option<String> {
    let revision = format!("{revision}^{{commit}}");
    let arguments = [
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        &revision,
    ];
    let commit = run(root, &arguments).await.ok()?;
    Some(commit.trim().to_owned())
}

/// Where this branch left `base`. Files that came to the base later are not this branch's.
pub async fn merge_base(root: &Path, base: &str) -> Result<String, GitError> {
    let commit = run(root, &["merge-base", base, "HEAD"]).await?;
    Ok(commit.trim().to_owned())
}

/// The files below `root` in a commit, as paths from `root`.
pub async fn files_in(root: &Path, commit: &str) -> Result<BTreeSet<String>, GitError> {
    let arguments = ["ls-tree", "-r", "-z", "--name-only", commit, "./"];
    Ok(listed(&run(root, &arguments).await?))
}

/// The files below `root` that are other than in `commit`, or gone, as paths from `root`. New ones are
/// among them once they are in a commit.
pub async fn different(root: &Path, commit: &str) -> Result<BTreeSet<String>, GitError> {
    let arguments = [
        "diff",
        "--name-only",
        "--relative",
        // A file that has another name has left this one.
        "--no-renames",
        "-z",
        commit,
        "--",
        "./",
    ];
    Ok(listed(&run(root, &arguments).await?))
}

/// A file as a commit has it, by its path from `root`.
pub async fn show(root: &Path, commit: &str, file: &str) -> Result<String, GitError> {
    run(root, &["show", &format!("{commit}:./{file}")]).await
}

/// Names that git separates with zero bytes.
fn listed(names: &str) -> BTreeSet<String> {
    names
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}
