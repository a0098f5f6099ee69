//! A check run beside the job's own, on the pull request's head: a verdict with notes at lines.
//!
//! Undecided is a failure and never neutral: GitHub lets a required check pass that is neutral.

use std::sync::OnceLock;

use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::client::Client;
use super::error::{ApiError, Permission};
use super::event::Context;
use super::outcome::Conclusion;
use crate::report::escape::visible_line;
use crate::text::one_line;
use crate::verdict::RunReport;

const SUMMARY: usize = 65_535;
const TITLE: usize = 255;

/// GitHub takes so many annotations a request, and adds those of an update to what is there.
const ANNOTATIONS: usize = 50;

const NEED: Permission = Permission::Checks;

/// Whether an earlier attempt may have made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Making {
    New,
    UnlessThere,
}

/// The check run of one policy's name for one run of the job.
pub struct CheckRun {
    name: String,
    head_sha: String,
    /// By which it is found again if the answer to its making got lost.
    external_id: String,
    details_url: String,
    started: Timestamp,
    id: OnceLock<u64>,
}

impl CheckRun {
    pub fn new(context: &Context, name: &str, started: Timestamp) -> Self {
        Self {
            name: format!("pgrehearse: {}", visible_line(name)),
            head_sha: context.commit.clone(),
            external_id: format!("pgrehearse {}.{}", context.run_id, context.attempt),
            details_url: context.run_url(),
            started,
            id: OnceLock::new(),
        }
    }

    /// Puts it there at once, so that an earlier conclusion is not taken for this run's.
    pub async fn begin(&self, client: &Client) -> Result<(), ApiError> {
        let mut earlier = 0;
        client
            .attempts(|| {
                earlier += 1;
                let making = match earlier {
                    1 => Making::New,
                    _ => Making::UnlessThere,
                };
                self.make(client, making)
            })
            .await?;
        Ok(())
    }

    pub async fn conclude(
        &self,
        client: &Client,
        conclusion: Conclusion,
        report: &RunReport,
        summary: &str,
    ) -> Result<(), ApiError> {
        let id = match self.id.get() {
            Some(id) => *id,
            // It may be there all the same.
            None => {
                client
                    .attempts(|| self.make(client, Making::UnlessThere))
                    .await?
            }
        };
        let title = visible_line(&format!("{}: {}", conclusion.word(), report.reason));
        let title = one_line(&title, TITLE);
        let summary = cut(summary);
        let output = |annotations: &[Value]| json!({ "title": title, "summary": summary, "annotations": annotations });
        let annotations = super::annotations::of(report);
        let (first, more) = annotations.split_at(annotations.len().min(ANNOTATIONS));
        // The conclusion first: what comes behind it may get no time.
        let concluded = json!({
            "status": "completed",
            "conclusion": word(conclusion),
            "completed_at": Timestamp::now().to_string(),
            "output": output(first),
        });
        self.update(client, id, &concluded, |there| {
            there["status"] == "completed" && there["conclusion"] == word(conclusion)
        })
        .await?;
        let mut sent = first.len();
        for part in more.chunks(ANNOTATIONS) {
            sent += part.len();
            let added = json!({ "output": output(part) });
            self.update(client, id, &added, |there| {
                let count = there["output"]["annotations_count"].as_u64();
                count.is_some_and(|count| count >= sent as u64)
            })
            .await?;
        }
        Ok(())
    }

    /// Makes the check run, in progress.
    async fn make(&self, client: &Client, making: Making) -> Result<u64, ApiError> {
        let there = match making {
            Making::New => None,
            Making::UnlessThere => self.find(client).await?,
        };
        let id = match there {
            Some(id) => id,
            None => {
                let body = json!({
                    "name": self.name,
                    "head_sha": self.head_sha,
                    "status": "in_progress",
                    "external_id": self.external_id,
                    "details_url": self.details_url,
                    "started_at": self.started.to_string(),
                    "output": { "title": "rehearsing", "summary": "The verdict will stand here." },
                });
                let made = client.post(NEED, "check-runs", &body).await?;
                made["id"].as_u64().ok_or(ApiError::Shape("id"))?
            }
        };
        Ok(*self.id.get_or_init(|| id))
    }

    async fn find(&self, client: &Client) -> Result<Option<u64>, ApiError> {
        let what = format!(
            "commits/{}/check-runs?check_name={}&filter=all&per_page=100",
            self.head_sha,
            utf8_percent_encode(&self.name, NON_ALPHANUMERIC)
        );
        let answer = client.get(NEED, &what).await?;
        let ours = answer.json["check_runs"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|run| run["external_id"] == self.external_id.as_str())
            .filter(|run| run["name"] == self.name.as_str());
        Ok(ours.filter_map(|run| run["id"].as_u64()).max())
    }

    /// Sends an update. One whose answer got lost is looked for before it is sent again: annotations
    /// would be there twice.
    async fn update(
        &self,
        client: &Client,
        id: u64,
        body: &Value,
        is_done: impl Fn(&Value) -> bool,
    ) -> Result<(), ApiError> {
        let what = format!("check-runs/{id}");
        let mut tries = 0;
        client
            .attempts(|| {
                tries += 1;
                let is_first = tries == 1;
                let (what, is_done) = (&what, &is_done);
                async move {
                    if is_first || !is_done(&client.get(NEED, what).await?.json) {
                        client.patch(NEED, what, body).await?;
                    }
                    Ok(())
                }
            })
            .await
    }
}

fn word(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Go => "success",
        Conclusion::NoGo | Conclusion::Undecided => "failure",
        Conclusion::Interrupted => "cancelled",
    }
}

/// As much of the text as GitHub takes, in whole lines.
fn cut(text: &str) -> &str {
    let Some((end, _)) = text.char_indices().nth(SUMMARY) else {
        return text;
    };
    let kept = &text[..end];
    &kept[..kept.rfind('\n').unwrap_or(end)]
}

#[cfg(test)]
mod tests {
    use super::{SUMMARY, cut};

    #[test]
    fn a_summary_is_cut_at_a_line() {
        assert_eq!(cut("short"), "short");
        let text = format!("{}\n{}", "é".repeat(SUMMARY - 10), "x".repeat(100));
        assert_eq!(cut(&text).chars().count(), SUMMARY - 10);
        assert_eq!(cut(&"é".repeat(SUMMARY + 1)).chars().count(), SUMMARY);
    }
}
