//! The reading of a job: variables by a lookup, and paths in the event's JSON.

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use super::{Context, Event, EventError, Origin, PullRequest, Repository};

impl Context {
    /// The job that this process is part of.
    pub fn of_this_job() -> Result<Self, EventError> {
        let lookup = |name: &str| std::env::var(name).ok();
        let path = PathBuf::from(needed(&lookup, "GITHUB_EVENT_PATH")?);
        let event = std::fs::read_to_string(&path).map_err(|error| EventError::File {
            path,
            why: error.to_string(),
        })?;
        Self::read(lookup, &event)
    }

    /// From the variables that a runner sets and the text of the event's file.
    pub fn read(lookup: impl Fn(&str) -> Option<String>, event: &str) -> Result<Self, EventError> {
        let name = needed(&lookup, "GITHUB_EVENT_NAME")?;
        let payload: Value =
            serde_json::from_str(event).map_err(|error| EventError::NoJson(error.to_string()))?;
        let payload = Payload {
            event: &name,
            json: &payload,
        };
        let (event, commit) = payload.read(&lookup)?;
        Ok(Self {
            repository: repository(&lookup)?,
            event,
            commit,
            run_id: number(&lookup, "GITHUB_RUN_ID")?,
            attempt: number(&lookup, "GITHUB_RUN_ATTEMPT")?,
            workflow: needed(&lookup, "GITHUB_WORKFLOW")?,
            server_url: address(&lookup, "GITHUB_SERVER_URL")?,
            api_url: address(&lookup, "GITHUB_API_URL")?,
            graphql_url: address(&lookup, "GITHUB_GRAPHQL_URL").ok(),
            workspace: lookup("GITHUB_WORKSPACE")
                .filter(|path| !path.is_empty())
                .map(PathBuf::from),
        })
    }
}

fn needed(
    lookup: &impl Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<String, EventError> {
    lookup(name)
        .filter(|value| !value.is_empty())
        .ok_or(EventError::Missing(name))
}

fn number(lookup: &impl Fn(&str) -> Option<String>, name: &'static str) -> Result<u64, EventError> {
    needed(lookup, name)?
        .parse()
        .map_err(|_| EventError::Variable {
            variable: name,
            expected: "a number",
        })
}

fn address(
    lookup: &impl Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<Url, EventError> {
    needed(lookup, name)?
        .parse()
        .ok()
        .filter(|url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or(EventError::Variable {
            variable: name,
            expected: "an address such as `https://github.com`",
        })
}

fn repository(lookup: &impl Fn(&str) -> Option<String>) -> Result<Repository, EventError> {
    let full = needed(lookup, "GITHUB_REPOSITORY")?;
    let is_part = |part: &str| {
        !part.is_empty()
            && !matches!(part, "." | "..")
            && part
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'))
    };
    full.split_once('/')
        .filter(|(owner, name)| is_part(owner) && is_part(name))
        .map(|(owner, name)| Repository {
            owner: owner.to_owned(),
            name: name.to_owned(),
        })
        .ok_or(EventError::Variable {
            variable: "GITHUB_REPOSITORY",
            expected: "an owner and a name such as `octo/shop`",
        })
}

/// The event's JSON with its name, by which errors call it.
struct Payload<'a> {
    event: &'a str,
    json: &'a Value,
}

impl Payload<'_> {
    /// The event, and the commit that it is about.
    fn read(
        &self,
        lookup: &impl Fn(&str) -> Option<String>,
    ) -> Result<(Event, String), EventError> {
        let event = match self.event {
            "pull_request" => {
                let pull_request = self.pull_request(lookup)?;
                let commit = pull_request.head_sha.clone();
                return Ok((Event::PullRequest(pull_request), commit));
            }
            "pull_request_target" => {
                let pull_request = self.pull_request(lookup)?;
                let commit = pull_request.head_sha.clone();
                return Ok((Event::PullRequestTarget(pull_request), commit));
            }
            "merge_group" => {
                let group = Event::MergeGroup {
                    base_sha: self.sha("/merge_group/base_sha")?,
                    base_ref: self.text("/merge_group/base_ref")?,
                };
                return Ok((group, self.sha("/merge_group/head_sha")?));
            }
            "workflow_run" => Event::WorkflowRun {
                id: self.number("/workflow_run/id")?,
                attempt: self.number("/workflow_run/run_attempt")?,
                event: self.text("/workflow_run/event")?,
                head_sha: self.sha("/workflow_run/head_sha")?,
                head_owner: self.text("/workflow_run/head_repository/owner/login")?,
                head_branch: self.text("/workflow_run/head_branch")?,
                started: self.moment("/workflow_run/run_started_at")?,
            },
            "push" => Event::Push,
            "workflow_dispatch" => Event::Dispatch,
            other => Event::Other(other.to_owned()),
        };
        let commit = needed(lookup, "GITHUB_SHA")?;
        if !is_sha(&commit) {
            return Err(EventError::Variable {
                variable: "GITHUB_SHA",
                expected: "a commit",
            });
        }
        Ok((event, commit))
    }

    fn pull_request(
        &self,
        lookup: &impl Fn(&str) -> Option<String>,
    ) -> Result<PullRequest, EventError> {
        // A fork that was deleted leaves null.
        let head = self.json.pointer("/pull_request/head/repo/id");
        let base = self.number("/pull_request/base/repo/id")?;
        let origin = if head.and_then(Value::as_u64) != Some(base) {
            Origin::Fork
        // The one who pushed decides what the token may do, not the one who opened the pull request:
        // https://docs.github.com/code-security/dependabot/working-with-dependabot/automating-dependabot-with-github-actions
        } else if needed(lookup, "GITHUB_ACTOR")? == "dependabot[bot]" {
            Origin::Dependabot
        } else {
            Origin::Ours
        };
        Ok(PullRequest {
            number: self.number("/pull_request/number")?,
            head_sha: self.sha("/pull_request/head/sha")?,
            base_ref: self.text("/pull_request/base/ref")?,
            base_sha: self.sha("/pull_request/base/sha")?,
            origin,
        })
    }

    fn text(&self, path: &'static str) -> Result<String, EventError> {
        self.json
            .pointer(path)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .ok_or_else(|| self.error(path, "a text"))
    }

    fn number(&self, path: &'static str) -> Result<u64, EventError> {
        self.json
            .pointer(path)
            .and_then(Value::as_u64)
            .ok_or_else(|| self.error(path, "a number"))
    }

    fn sha(&self, path: &'static str) -> Result<String, EventError> {
        self.json
            .pointer(path)
            .and_then(Value::as_str)
            .filter(|text| is_sha(text))
            .map(str::to_owned)
            .ok_or_else(|| self.error(path, "a commit"))
    }

    fn moment(&self, path: &'static str) -> Result<Timestamp, EventError> {
        let moment = self.json.pointer(path).and_then(Value::as_str);
        moment
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| self.error(path, "a moment"))
    }

    fn error(&self, path: &'static str, expected: &'static str) -> EventError {
        EventError::Json {
            event: self.event.to_owned(),
            path,
            expected,
        }
    }
}

/// A whole commit id, by SHA-1 or SHA-256.
fn is_sha(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
