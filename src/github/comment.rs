//! The one comment of a rehearsal on a pull request.
//!
//! It is found by a hidden first line *and* its author: anybody may paste the line. The second line
//! says when its run began and of which commit it was: neither a run that ends late nor an old commit's
//! run that is started again puts an old verdict over a new one.

use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::time::{Duration, timeout};

use super::client::Client;
use super::error::{ApiError, Permission};
use super::sticky::{self, At};

/// Who a job's own token is, where nobody tells.
const ACTIONS: &str = "github-actions[bot]";

const NEED: Permission = Permission::PullRequests;

/// How long the pull request's head may take to be told. What is told without it is seldom wrong, and
/// the comment has to be written in the time that is left.
const HEAD: Duration = Duration::from_secs(2);

/// Whether there must be a comment afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Any,
    /// Only one that is there is kept up to date.
    IfThere,
}

/// What became of the comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    Created(u64),
    Updated(u64),
    /// It says just this.
    Same(u64),
    /// The comment of a newer commit or run is left as it is.
    Newer(u64),
    /// None was there and none was wished for.
    Nothing,
}

/// The comment of one policy's name on one pull request.
pub struct Comment {
    number: u64,
    name: String,
    /// What was rehearsed.
    commit: String,
    author: OnceCell<String>,
}

/// A comment that is there.
struct Found {
    id: u64,
    body: String,
}

impl Comment {
    pub fn new(number: u64, name: &str, commit: &str) -> Self {
        Self {
            number,
            name: name.to_owned(),
            commit: commit.to_owned(),
            author: OnceCell::new(),
        }
    }

    /// Makes the comment say this, as of that run.
    pub async fn put(
        &self,
        client: &Client,
        at: At,
        body: &str,
        wish: Wish,
    ) -> Result<Written, ApiError> {
        client
            .attempts(|| self.put_once(client, at, body, wish))
            .await
    }

    async fn put_once(
        &self,
        client: &Client,
        at: At,
        body: &str,
        wish: Wish,
    ) -> Result<Written, ApiError> {
        let found = self.find(client).await?;
        if let Some(found) = &found
            && self.stays(client, &found.body, at).await
        {
            return Ok(Written::Newer(found.id));
        }
        match found {
            Some(found) if sticky::is_same(&found.body, body) => Ok(Written::Same(found.id)),
            Some(found) => {
                let what = format!("issues/comments/{}", found.id);
                match client.patch(NEED, &what, &json!({ "body": body })).await {
                    Ok(_) => Ok(Written::Updated(found.id)),
                    // It was read a moment ago.
                    Err(ApiError::Lacking { status: 404, .. }) => {
                        Err(ApiError::unsure("the comment is gone"))
                    }
                    Err(error) => Err(error),
                }
            }
            None if wish == Wish::IfThere => Ok(Written::Nothing),
            None => {
                let what = format!("issues/{}/comments", self.number);
                let made = client.post(NEED, &what, &json!({ "body": body })).await?;
                let id = made["id"].as_u64().ok_or(ApiError::Shape("id"))?;
                Ok(Written::Created(id))
            }
        }
    }

    /// Whether the comment that is there says more than this run can: it is of the pull request's head
    /// and this run is not, or it is of a later run.
    async fn stays(&self, client: &Client, body: &str, at: At) -> bool {
        let Some(said) = sticky::said_by(body) else {
            return false;
        };
        if said.commit != self.commit
            && let Some(head) = self.head(client).await
        {
            if head == said.commit {
                return true;
            }
            if head == self.commit {
                return false;
            }
        }
        said.at > at
    }

    /// The commit that the pull request is at now, if that can be learnt in time.
    async fn head(&self, client: &Client) -> Option<String> {
        let what = format!("pulls/{}", self.number);
        match timeout(HEAD, client.get(NEED, &what)).await {
            Ok(Ok(answer)) => answer.json["head"]["sha"].as_str().map(str::to_owned),
            Ok(Err(error)) => {
                tracing::debug!(%error, "the pull request's head is not known");
                None
            }
            Err(_) => None,
        }
    }

    /// Our comment; the newest if a race has made two, so that the other is left to say what it says.
    async fn find(&self, client: &Client) -> Result<Option<Found>, ApiError> {
        let author = self.author(client).await?;
        let mut found: Option<Found> = None;
        let mut page = 1;
        loop {
            // By number and not by the link's address, to which the token would be sent.
            let what = format!("issues/{}/comments?per_page=100&page={page}", self.number);
            let answer = client.get(NEED, &what).await?;
            let comments = answer.json.as_array().ok_or(ApiError::Shape("list"))?;
            for comment in comments {
                let (Some(id), Some(body)) = (comment["id"].as_u64(), comment["body"].as_str())
                else {
                    continue;
                };
                if is_by(&comment["user"], author)
                    && sticky::is_of(body, &self.name)
                    && found.as_ref().is_none_or(|found| found.id < id)
                {
                    let body = body.to_owned();
                    found = Some(Found { id, body });
                }
            }
            if !answer.has_next || comments.is_empty() {
                return Ok(found);
            }
            page += 1;
        }
    }

    async fn author(&self, client: &Client) -> Result<&str, ApiError> {
        let asked = || async {
            let login = client.login(NEED).await?;
            Ok(login.unwrap_or_else(|| ACTIONS.to_owned()))
        };
        Ok(self.author.get_or_try_init(asked).await?)
    }
}

/// Whether a user is this account. GraphQL calls a bot without the `[bot]` that REST puts behind it;
/// no person's name can have brackets.
fn is_by(user: &Value, author: &str) -> bool {
    let Some(login) = user["login"].as_str() else {
        return false;
    };
    let is_bot = user["type"] == "Bot" && login.strip_suffix("[bot]") == Some(author);
    is_bot || login.eq_ignore_ascii_case(author)
}
