//! Why GitHub did not do what it was asked, in words that say what to change.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use octocrab::GitHubError;
use serde_json::Value;

use crate::report::escape::visible_line;
use crate::text::one_line;

/// What a job must be allowed to do, as its `permissions:` name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    PullRequests,
    Checks,
    Statuses,
}

impl fmt::Display for Permission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::PullRequests => "pull-requests: write",
            Self::Checks => "checks: write",
            Self::Statuses => "statuses: write",
        })
    }
}

/// A request that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    #[error("GitHub does not know the token, or it has expired (401)")]
    Token,
    #[error(
        "GitHub refuses it ({status}: {message}): the job needs `{permission}` in its `permissions:`"
    )]
    Lacking {
        status: u16,
        message: String,
        permission: Permission,
    },
    #[error("GitHub refuses it ({status}: {message})")]
    Refused { status: u16, message: String },
    #[error("GitHub asks to wait {} s ({status}: {message})", wait.as_secs())]
    Limited {
        status: u16,
        message: String,
        wait: Duration,
    },
    /// It may have been done, or not.
    #[error("GitHub did not answer it: {0}")]
    Unsure(String),
    #[error("can't speak to GitHub: {0}")]
    Client(String),
    #[error("GitHub's answer has no `{0}`")]
    Shape(&'static str),
}

/// GitHub's messages are of one line, but what is between us and it may answer with a page.
const MESSAGE: usize = 160;

/// What GitHub asks of programs that met a limit and were told no time:
/// <https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api>
const UNTOLD_WAIT: Duration = Duration::from_secs(60);

impl ApiError {
    /// From octocrab's, for something that needs a permission.
    pub fn of(error: octocrab::Error, need: Permission) -> Self {
        match error {
            octocrab::Error::GitHub { source, .. } => Self::answered(&source, need),
            other => Self::unsure(&root_cause(&other)),
        }
    }

    pub fn unsure(why: &str) -> Self {
        Self::Unsure(one_line(&visible_line(why), MESSAGE))
    }

    pub fn client(error: &dyn std::error::Error) -> Self {
        Self::Client(one_line(&visible_line(&root_cause(error)), MESSAGE))
    }

    /// Whether another attempt could succeed.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Limited { .. } | Self::Unsure(_))
    }

    /// Whether the token may not do it.
    pub fn is_of_rights(&self) -> bool {
        matches!(self, Self::Lacking { status: 403, .. })
    }

    /// How long GitHub wants to be left alone.
    pub fn asked_wait(&self) -> Duration {
        match self {
            Self::Limited { wait, .. } => *wait,
            _ => Duration::ZERO,
        }
    }

    fn answered(error: &GitHubError, need: Permission) -> Self {
        let status = error.status_code.as_u16();
        let message = message(error);
        let is_limit = status == 429
            || (status == 403
                && (header(error, "retry-after").is_some()
                    || header(error, "x-ratelimit-remaining") == Some(0)
                    || message.to_lowercase().contains("rate limit")));
        match status {
            _ if is_limit => Self::Limited {
                status,
                message,
                wait: wait(error, Timestamp::now()),
            },
            401 => Self::Token,
            // To a token without rights, what it may not see is not there.
            404 => Self::Lacking {
                status,
                message,
                permission: need,
            },
            403 if message.to_lowercase().contains("not accessible by") => Self::Lacking {
                status,
                message,
                permission: need,
            },
            500.. => Self::unsure(&format!("{status}: {message}")),
            _ => Self::Refused { status, message },
        }
    }
}

/// GitHub's sentence, with the first of the reasons that it gives for a 422.
fn message(error: &GitHubError) -> String {
    let mut text = error.message.clone();
    let reason = error
        .errors
        .iter()
        .flatten()
        .find_map(|reason| match reason {
            Value::String(text) => Some(text.clone()),
            Value::Object(parts) => match parts.get("message").and_then(Value::as_str) {
                Some(text) => Some(text.to_owned()),
                None => Some(format!(
                    "{} {}",
                    parts.get("field")?.as_str()?,
                    parts.get("code")?.as_str()?
                )),
            },
            _ => None,
        });
    if let Some(reason) = reason {
        text.push_str(&format!("; {reason}"));
    }
    one_line(&visible_line(&text), MESSAGE)
}

fn header(error: &GitHubError, name: &str) -> Option<u64> {
    let headers = error.headers.as_ref()?;
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// How long a limit asks to wait: told in seconds, or as the moment when it ends.
fn wait(error: &GitHubError, now: Timestamp) -> Duration {
    if let Some(seconds) = header(error, "retry-after") {
        return Duration::from_secs(seconds);
    }
    let ends = header(error, "x-ratelimit-reset")
        .filter(|_| header(error, "x-ratelimit-remaining") == Some(0))
        .and_then(|second| i64::try_from(second).ok());
    match ends {
        // One second more: clocks differ, and an early request makes the wait longer.
        Some(second) => Duration::from_secs(
            u64::try_from(second.saturating_sub(now.as_second()).max(0)).unwrap_or(0) + 1,
        ),
        None => UNTOLD_WAIT,
    }
}

/// What an error says at its bottom: octocrab's and hyper's own words say little.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
