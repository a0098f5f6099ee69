//! A commit status: one word on the pull request's head, for rules that ask for a context.

use serde_json::{Value, json};

use super::client::Client;
use super::error::{ApiError, Permission};
use super::event::Context;
use super::outcome::Conclusion;
use crate::report::escape::visible_line;
use crate::verdict::RunReport;

/// GitHub refuses a longer description.
const DESCRIPTION: usize = 140;

const NEED: Permission = Permission::Statuses;

/// The statuses of one policy's name on one commit.
pub struct Status {
    context: String,
    commit: String,
    target_url: String,
}

impl Status {
    pub fn new(context: &Context, name: &str) -> Self {
        Self {
            context: format!("pgrehearse/{}", visible_line(name)),
            commit: context.commit.clone(),
            target_url: context.run_url(),
        }
    }

    pub async fn begin(&self, client: &Client) -> Result<(), ApiError> {
        self.put(client, "pending", "rehearsing").await
    }

    pub async fn conclude(
        &self,
        client: &Client,
        conclusion: Conclusion,
        report: &RunReport,
    ) -> Result<(), ApiError> {
        let state = match conclusion {
            Conclusion::Go => "success",
            Conclusion::NoGo => "failure",
            Conclusion::Undecided | Conclusion::Interrupted => "error",
        };
        let text = format!("{}: {}", conclusion.word(), report.reason);
        self.put(client, state, &text).await
    }

    async fn put(&self, client: &Client, state: &str, description: &str) -> Result<(), ApiError> {
        let wanted = json!({
            "state": state,
            "target_url": self.target_url,
            "description": by_words(&visible_line(description), DESCRIPTION),
            "context": self.context,
        });
        let mut tries = 0;
        client
            .attempts(|| {
                tries += 1;
                let is_first = tries == 1;
                let wanted = &wanted;
                async move {
                    // What an earlier attempt left; before the first there is nothing to find.
                    if is_first || !self.is_there(client, wanted).await? {
                        let what = format!("statuses/{}", self.commit);
                        client.post(NEED, &what, wanted).await?;
                    }
                    Ok(())
                }
            })
            .await
    }

    /// Whether the newest status of our context says just this.
    async fn is_there(&self, client: &Client, wanted: &Value) -> Result<bool, ApiError> {
        let what = format!("commits/{}/statuses?per_page=100", self.commit);
        let answer = client.get(NEED, &what).await?;
        let newest = answer
            .json
            .as_array()
            .into_iter()
            .flatten()
            .find(|status| status["context"] == wanted["context"]);
        Ok(newest.is_some_and(|status| {
            ["state", "target_url", "description"]
                .iter()
                .all(|key| status[key] == wanted[key])
        }))
    }
}

/// The text, or as many whole words of it as fit with `…` behind them.
fn by_words(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let cut: String = text.chars().take(limit - 1).collect();
    let goes_on = text.chars().nth(limit - 1).is_some_and(|next| next != ' ');
    let end = match cut.rfind(' ') {
        Some(space) if goes_on => space,
        _ => cut.len(),
    };
    format!("{}…", cut[..end].trim_end_matches([' ', ',', ';', ':']))
}

#[cfg(test)]
mod tests {
    use super::by_words;

    #[test]
    fn a_description_ends_with_a_whole_word() {
        assert_eq!(by_words("no-go: one finding", 140), "no-go: one finding");
        assert_eq!(by_words("no-go: one finding", 17), "no-go: one…");
        assert_eq!(by_words("no-go: one finding", 12), "no-go: one…");
        assert_eq!(by_words("no-go: one finding", 11), "no-go: one…");
        assert_eq!(by_words("no-go: one finding", 8), "no-go…");
        assert_eq!(by_words("ééééé", 3), "éé…");
        for limit in 1..40 {
            let cut = by_words("what a long reason this is, truly", limit);
            assert!(cut.chars().count() <= limit, "{limit}: {cut}");
        }
    }
}
