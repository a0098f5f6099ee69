//! The comment on a stranger's pull request, made after its run by a job that may write.
//!
//! The run had a token that may only read, and what it left was written by code of the pull request.
//! So nothing of it says where the comment goes: the pull request is looked up by the branch that
//! GitHub says the run was of, and must still be at that commit.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::{Duration, Instant, timeout};

use super::client::Client;
use super::comment::{Comment, Wish, Written};
use super::error::{ApiError, Permission};
use super::event::{Context, Event};
use super::sticky::{self, At};
use crate::report::markdown::marker;
use crate::text::Secret;

const LIMIT: Duration = Duration::from_secs(60);

const NEED: Permission = Permission::PullRequests;

/// Stands before what the run says of itself.
const NOTE: &str = "> This is what the pull request's own run says. Its code could have changed every word of it: \
     the check is the run itself, not this comment.\n\n";

#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    #[error(
        "this job is not one of `workflow_run` after a `pull_request`: only there is a run told of afterwards"
    )]
    NotAfterARun,
    #[error("no open pull request is at commit `{0}`: it was closed, or has a newer commit")]
    Gone(String),
    #[error("GitHub did not answer in time")]
    Late,
    #[error(transparent)]
    Api(#[from] ApiError),
}

/// What became of the comment, in words.
pub async fn relay(
    context: &Context,
    token: &Secret,
    name: &str,
    text: &str,
) -> Result<&'static str, RelayError> {
    timeout(LIMIT, tell(context, token, name, text))
        .await
        .unwrap_or(Err(RelayError::Late))
}

async fn tell(
    context: &Context,
    token: &Secret,
    name: &str,
    text: &str,
) -> Result<&'static str, RelayError> {
    let Event::WorkflowRun {
        id,
        attempt,
        event,
        head_sha,
        head_owner,
        head_branch,
        started,
    } = &context.event
    else {
        return Err(RelayError::NotAfterARun);
    };
    if event != "pull_request" {
        return Err(RelayError::NotAfterARun);
    }
    let client = Client::new(context, token, Instant::now() + LIMIT)?;
    let head = format!("{head_owner}:{head_branch}");
    let head = utf8_percent_encode(&head, NON_ALPHANUMERIC);
    let what = format!("pulls?state=open&per_page=100&head={head}");
    let answer = client.attempts(|| client.get(NEED, &what)).await?;
    let pull_requests = answer.json.as_array().ok_or(ApiError::Shape("list"))?;
    let number = pull_requests
        .iter()
        .find(|pull_request| pull_request["head"]["sha"] == head_sha.as_str())
        .and_then(|pull_request| pull_request["number"].as_u64())
        .ok_or_else(|| RelayError::Gone(head_sha.clone()))?;
    // As of the run that is told of: a later run of the same pull request is newer.
    let told = Context {
        commit: head_sha.clone(),
        run_id: *id,
        attempt: *attempt,
        ..context.clone()
    };
    let at = At::of(&told, *started);
    let mark = marker(name);
    let said = text.strip_prefix(&mark).unwrap_or(text).trim_start();
    let body = sticky::concluded(&told, name, at, &format!("{NOTE}{said}"));
    let comment = Comment::new(number, name, head_sha);
    Ok(match comment.put(&client, at, &body, Wish::Any).await? {
        Written::Created(_) => "the comment was made",
        Written::Updated(_) => "the comment was brought up to date",
        Written::Same(_) => "the comment says it already",
        Written::Newer(_) => "the comment is of a newer commit or run, and stays",
        Written::Nothing => "there is no comment",
    })
}
