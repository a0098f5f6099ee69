//! What is told at a run's beginning and at its end, each to its own place and all at once: one that
//! does not answer keeps back no other.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::check::CheckRun;
use super::client::Client;
use super::comment::{Comment, Wish, Written};
use super::error::ApiError;
use super::event::{Context, Origin};
use super::outcome::{Conclusion, End};
use super::status::Status;
use super::sticky::{self, At};
use crate::policy::{CommentWhen, Told};
use crate::report::markdown::marker;
use crate::text::Secret;
use crate::verdict::RunReport;

/// Room between the last answer and the end of the time, so that what failed is told and not that time
/// was over.
const ROOM: Duration = Duration::from_millis(200);

const OF_DEPENDABOT: &str = "nothing is told on GitHub: this run is Dependabot's, whose token may only read; \
     docs/recipes/fork-comment.md shows how another workflow comments";

pub struct Teller {
    context: Context,
    name: String,
    at: At,
    client: Client,
    comment: Option<(Comment, CommentWhen)>,
    check: Option<CheckRun>,
    status: Option<Status>,
}

impl Teller {
    /// Must be called in a runtime.
    pub fn new(
        context: Context,
        told: Told,
        name: &str,
        started: jiff::Timestamp,
        token: &Secret,
    ) -> Result<Self, ApiError> {
        let client = Client::new(&context, token, Instant::now())?;
        let comment = context
            .pull_request()
            .filter(|_| told.comment != CommentWhen::Never)
            .map(|pull_request| {
                let comment = Comment::new(pull_request.number, name, &context.commit);
                (comment, told.comment)
            });
        Ok(Self {
            at: At::of(&context, started),
            comment,
            check: told.check.then(|| CheckRun::new(&context, name, started)),
            status: told.status.then(|| Status::new(&context, name)),
            name: name.to_owned(),
            client,
            context,
        })
    }

    /// Says that the rehearsal goes on. Returns what could not be told.
    pub async fn begin(&self, until: Instant) -> Vec<String> {
        let client = self.client.until(until - ROOM);
        let (comment, check, status) = tokio::join!(
            in_time(until, self.begin_comment(&client)),
            in_time(until, async {
                match &self.check {
                    Some(check) => check.begin(&client).await,
                    None => Ok(()),
                }
            }),
            in_time(until, async {
                match &self.status {
                    Some(status) => status.begin(&client).await,
                    None => Ok(()),
                }
            }),
        );
        self.problems("begun", comment, check, status)
    }

    /// Says how it ended. Returns what could not be told.
    pub async fn conclude(
        &self,
        report: &RunReport,
        text: &str,
        end: End,
        until: Instant,
    ) -> Vec<String> {
        let client = self.client.until(until - ROOM);
        let conclusion = Conclusion::of(report, end);
        let summary = text.strip_prefix(&marker(&self.name)).unwrap_or(text);
        let (comment, check, status) = tokio::join!(
            in_time(until, self.conclude_comment(&client, conclusion, text)),
            in_time(until, async {
                match &self.check {
                    Some(check) => {
                        check
                            .conclude(&client, conclusion, report, summary.trim_start())
                            .await
                    }
                    None => Ok(()),
                }
            }),
            in_time(until, async {
                match &self.status {
                    Some(status) => status.conclude(&client, conclusion, report).await,
                    None => Ok(()),
                }
            }),
        );
        self.problems("concluded", comment, check, status)
    }

    async fn begin_comment(&self, client: &Client) -> Result<(), ApiError> {
        let Some((comment, when)) = &self.comment else {
            return Ok(());
        };
        let wish = match when {
            CommentWhen::Always => Wish::Any,
            CommentWhen::OnProblem | CommentWhen::Never => Wish::IfThere,
        };
        let body = sticky::in_progress(&self.context, &self.name, self.at);
        remember(comment.put(client, self.at, &body, wish).await?);
        Ok(())
    }

    async fn conclude_comment(
        &self,
        client: &Client,
        conclusion: Conclusion,
        text: &str,
    ) -> Result<(), ApiError> {
        let Some((comment, when)) = &self.comment else {
            return Ok(());
        };
        let wish = match (when, conclusion) {
            (CommentWhen::Always, _) => Wish::Any,
            (CommentWhen::OnProblem, conclusion) if conclusion != Conclusion::Go => Wish::Any,
            (CommentWhen::OnProblem | CommentWhen::Never, _) => Wish::IfThere,
        };
        let body = sticky::concluded(&self.context, &self.name, self.at, text);
        remember(comment.put(client, self.at, &body, wish).await?);
        Ok(())
    }

    /// What was asked for and not told, in sentences.
    fn problems(
        &self,
        verb: &str,
        comment: Result<(), ApiError>,
        check: Result<(), ApiError>,
        status: Result<(), ApiError>,
    ) -> Vec<String> {
        let parts = [
            ("the comment on the pull request", comment),
            ("the check run", check),
            ("the commit status", status),
        ];
        let failed: Vec<(&str, ApiError)> = parts
            .into_iter()
            .filter_map(|(what, result)| Some((what, result.err()?)))
            .collect();
        let asked = usize::from(self.comment.is_some())
            + usize::from(self.check.is_some())
            + usize::from(self.status.is_some());
        let may_only_read =
            failed.len() == asked && failed.iter().all(|(_, error)| error.is_of_rights());
        let pull_request = self.context.pull_request();
        if may_only_read && pull_request.is_some_and(|it| it.origin == Origin::Dependabot) {
            return vec![OF_DEPENDABOT.to_owned()];
        }
        failed
            .into_iter()
            .map(|(what, error)| format!("{what} was not {verb}: {error}"))
            .collect()
    }
}

fn remember(written: Written) {
    tracing::info!(?written, "the comment on the pull request");
}

/// The work, until its time is over.
async fn in_time(
    until: Instant,
    work: impl Future<Output = Result<(), ApiError>>,
) -> Result<(), ApiError> {
    timeout_at(until, work)
        .await
        .unwrap_or_else(|_| Err(ApiError::unsure("there was no more time")))
}
