//! What GitHub says of the job that we run in: its variables and the event that began it.
//!
//! A pure function of a lookup of variables and the event's JSON. What is read here comes from whoever
//! opened the pull request, so each value has its form checked before it is part of an address.

mod read;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use url::Url;

#[cfg(test)]
pub use self::tests::example;

/// A job of GitHub Actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    pub repository: Repository,
    pub event: Event,
    /// What a verdict is about: a pull request's head, never the merge that `GITHUB_SHA` names.
    pub commit: String,
    pub run_id: u64,
    /// From 1; a run that is started again has the same id and the next number.
    pub attempt: u64,
    pub workflow: String,
    /// Where people look: `https://github.com`.
    pub server_url: Url,
    /// Where programs ask: `https://api.github.com`, and another on an Enterprise server.
    pub api_url: Url,
    /// Where programs ask in GraphQL, if it was told.
    pub graphql_url: Option<Url>,
    /// The checkout, if the job has one.
    pub workspace: Option<PathBuf>,
}

/// A repository's name in two parts, each of the characters that GitHub allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    pub owner: String,
    pub name: String,
}

impl fmt::Display for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.owner, self.name)
    }
}

/// What began the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    PullRequest(PullRequest),
    /// With the base's secrets and rights, for code of anybody: never to be rehearsed.
    PullRequestTarget(PullRequest),
    /// There is no pull request in it, and a group may have several.
    MergeGroup {
        base_sha: String,
        base_ref: String,
    },
    Push,
    /// By hand.
    Dispatch,
    /// After another workflow, with the rights of the default branch.
    WorkflowRun {
        id: u64,
        attempt: u64,
        /// What had begun the other workflow.
        event: String,
        head_sha: String,
        head_owner: String,
        head_branch: String,
        /// When this attempt of it began.
        started: Timestamp,
    },
    Other(String),
}

/// A pull request as its event tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    pub number: u64,
    pub head_sha: String,
    pub base_ref: String,
    pub base_sha: String,
    pub origin: Origin,
}

/// Who a pull request's commits are from, which decides what its token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A branch of this repository, pushed by somebody who may write to it.
    Ours,
    /// Another repository, or one that is gone.
    Fork,
    /// A branch of this repository, pushed by Dependabot, which is treated as a fork.
    Dependabot,
}

/// Why the environment is not one of GitHub Actions that we understand.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EventError {
    #[error("`{0}` is not set")]
    Missing(&'static str),
    #[error("`{variable}` is not {expected}")]
    Variable {
        variable: &'static str,
        expected: &'static str,
    },
    #[error("the event `{event}` has no `{path}` that is {expected}")]
    Json {
        event: String,
        path: &'static str,
        expected: &'static str,
    },
    #[error("the event's file is no JSON: {0}")]
    NoJson(String),
    #[error("the event's file `{}` can't be read: {why}", path.display())]
    File { path: PathBuf, why: String },
}

impl Context {
    /// The pull request that a comment of ours belongs to.
    pub fn pull_request(&self) -> Option<&PullRequest> {
        match &self.event {
            Event::PullRequest(pull_request) => Some(pull_request),
            _ => None,
        }
    }

    /// The page of this run and this attempt.
    pub fn run_url(&self) -> String {
        format!(
            "{}/{}/actions/runs/{}/attempts/{}",
            self.server_url.as_str().trim_end_matches('/'),
            self.repository,
            self.run_id,
            self.attempt
        )
    }

    /// The page of the commit that the verdict is about.
    pub fn commit_url(&self) -> String {
        format!(
            "{}/{}/commit/{}",
            self.server_url.as_str().trim_end_matches('/'),
            self.repository,
            self.commit
        )
    }

    /// The commit as people write it.
    pub fn short_commit(&self) -> &str {
        self.commit.get(..7).unwrap_or(&self.commit)
    }
}
