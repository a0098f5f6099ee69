//! What is fed to the application, and what the database must say in the end.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::SmokeError;
use super::app::{POLL, prepared};
use super::http::Client;
use crate::context::Context;
use crate::policy::{App, Feed, Ingest, Until};
use crate::postgres::{QueryError, Session};
use crate::process::child::{Ended, describe_status};
use crate::process::environment::Address;
use crate::text::human_seconds;
use crate::verdict::Stage;

/// How long a command may take that has no `until` of its own.
const COMMAND: Duration = Duration::from_secs(60);

/// Feeds one thing; why it was not taken and processed.
pub async fn feed(
    context: &Context,
    ingest: &Ingest,
    client: &Client,
    address: &Address<'_>,
    app: &App,
    session: &Session,
) -> Result<Result<(), String>, SmokeError> {
    match &ingest.feed {
        Feed::Http(request) => {
            if let Err(why) = client.send(request).await {
                return Ok(Err(why));
            }
        }
        Feed::Command(line) => {
            let limit = ingest
                .until
                .as_ref()
                .map_or(COMMAND, |until| until.within.max(COMMAND));
            let mut mask = context.mask.clone();
            if let Some(password) = &address.endpoint.password {
                mask.add(password);
            }
            let ended = prepared(context, app, address, &address.fill(line))
                .run_lines(Some(limit), |_, line| {
                    context
                        .progress
                        .output(Stage::SmokeIngest, &mask.apply(line));
                })
                .await?;
            match ended {
                Ended::Exited(status) if status.success() => {}
                Ended::Exited(status) => return Ok(Err(describe_status(status))),
                Ended::TimedOut => {
                    return Ok(Err(format!("not done after {}", human_seconds(limit))));
                }
            }
        }
    }
    match &ingest.until {
        Some(until) => wait(until, session).await,
        None => Ok(Ok(())),
    }
}

/// Asks the database until it says one of the final values.
async fn wait(until: &Until, session: &Session) -> Result<Result<(), String>, SmokeError> {
    let deadline = Instant::now() + until.within;
    loop {
        let messages = match session.simple_query(&until.sql).await {
            Ok(messages) => messages,
            Err(error) => {
                let error = QueryError::new("ask for the ingest's state", &error);
                return match error.server_error() {
                    Some(said) if !said.sqlstate.starts_with("57P") => {
                        Ok(Err(format!("its `until.sql` is refused: {said}")))
                    }
                    _ => Err(error.into()),
                };
            }
        };
        let value = messages.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(spelled),
            _ => None,
        });
        if let Some(value) = value {
            if until.good.contains(&value) {
                return Ok(Ok(()));
            }
            if until.bad.contains(&value) {
                return Ok(Err(format!("it ended as `{value}`")));
            }
        }
        if Instant::now() >= deadline {
            return Ok(Err(format!(
                "it was in no final state after {}",
                human_seconds(until.within)
            )));
        }
        sleep(POLL).await;
    }
}

/// True and false as a policy writes them.
fn spelled(value: &str) -> String {
    match value {
        "t" => "true".to_owned(),
        "f" => "false".to_owned(),
        other => other.to_owned(),
    }
}
