//! One request to GitHub, and how long to go on trying.
//!
//! A request is sent once: octocrab's own retry, which also repeats writes, is left out. What is tried again
//! is a whole attempt, and an attempt looks at what is there before it writes. So a write that was done
//! although its answer got lost is found and not done twice.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use octocrab::Octocrab;
use serde_json::Value;
use tokio::time::Instant;
use url::{Position, Url};

use super::error::{ApiError, Permission};
use super::event::{Context, Repository};
use crate::text::Secret;

/// The first wait between two attempts. Each one is twice as long as the one before.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// An attempt is made so often again, so five times at most.
const AGAIN: usize = 4;

/// How long a connection may take, through a proxy or not.
const CONNECTED: Duration = Duration::from_secs(5);

/// How long GitHub may take to answer one request: it cuts its own off after ten seconds.
const ANSWER: Duration = Duration::from_secs(12);

/// What speaks to GitHub for one repository.
#[derive(Clone)]
pub struct Client {
    octocrab: Octocrab,
    /// The API's path on its server: empty, or `/api/v3` on an Enterprise server.
    root: String,
    graphql: Option<String>,
    repository: Repository,
    /// No attempt begins after this.
    until: Instant,
}

/// What GitHub answered.
#[derive(Debug)]
pub struct Answer {
    pub json: Value,
    /// There are more pages.
    pub has_next: bool,
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Get,
    Post,
    Patch,
}

impl Client {
    /// For the repository of a job. Must be called in a runtime, on which it then lives.
    pub fn new(context: &Context, token: &Secret, until: Instant) -> Result<Self, ApiError> {
        let api = &context.api_url;
        let server = &api[..Position::BeforePath];
        // Whoever was first has installed the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A runner behind a proxy names it in the environment, where reqwest looks.
        let transport = reqwest::Client::builder()
            .connect_timeout(CONNECTED)
            .read_timeout(ANSWER)
            // octocrab follows, and can send a body again.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| ApiError::client(&error))?;
        // The base is the server alone: octocrab would put the API's path before GraphQL's too.
        let octocrab = Octocrab::builder()
            .base_uri(server)
            .map_err(|error| ApiError::client(&error))?
            .personal_token(token.expose().to_owned())
            .build_with_reqwest(transport)
            .map_err(|error| ApiError::client(&error))?;
        let is_same_server = |url: &&Url| url[..Position::BeforePath] == *server;
        Ok(Self {
            octocrab,
            root: api.path().trim_end_matches('/').to_owned(),
            graphql: (context.graphql_url.as_ref())
                .filter(is_same_server)
                .map(|url| url.path().to_owned()),
            repository: context.repository.clone(),
            until,
        })
    }

    /// The same with another end.
    pub fn until(&self, until: Instant) -> Self {
        Self {
            until,
            ..self.clone()
        }
    }

    /// Reads something of the repository: `issues/3/comments?page=2`.
    pub async fn get(&self, need: Permission, what: &str) -> Result<Answer, ApiError> {
        let route = self.route(what);
        self.once(need, Method::Get, &route, None).await
    }

    /// Makes something in the repository.
    pub async fn post(
        &self,
        need: Permission,
        what: &str,
        body: &Value,
    ) -> Result<Value, ApiError> {
        self.write(need, Method::Post, what, body).await
    }

    /// Changes something in the repository. By PATCH: `update_comment` of octocrab sends POST.
    pub async fn patch(
        &self,
        need: Permission,
        what: &str,
        body: &Value,
    ) -> Result<Value, ApiError> {
        self.write(need, Method::Patch, what, body).await
    }

    async fn write(
        &self,
        need: Permission,
        method: Method,
        what: &str,
        body: &Value,
    ) -> Result<Value, ApiError> {
        let route = self.route(what);
        let answer = self.once(need, method, &route, Some(body)).await?;
        Ok(answer.json)
    }

    /// The account that the token is of, where GitHub tells it.
    ///
    /// A user's token may ask for its user. A job's own token and an app's may not, but GraphQL tells
    /// them the viewer.
    pub async fn login(&self, need: Permission) -> Result<Option<String>, ApiError> {
        let route = format!("{}/user", self.root);
        match self.once(need, Method::Get, &route, None).await {
            Ok(answer) => return Ok(answer.json["login"].as_str().map(str::to_owned)),
            Err(ApiError::Refused { .. } | ApiError::Lacking { .. }) => {}
            Err(error) => return Err(error),
        }
        let Some(route) = &self.graphql else {
            return Ok(None);
        };
        let query = serde_json::json!({ "query": "query { viewer { login } }" });
        match self.once(need, Method::Post, route, Some(&query)).await {
            Ok(answer) => {
                let login = &answer.json["data"]["viewer"]["login"];
                Ok(login.as_str().map(str::to_owned))
            }
            Err(ApiError::Refused { .. } | ApiError::Lacking { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes attempts until one succeeds, fails for good, or there is no time for another.
    ///
    /// An attempt is all of it, from looking to writing.
    pub async fn attempts<T, F>(&self, attempt: impl FnMut() -> F) -> Result<T, ApiError>
    where
        F: Future<Output = Result<T, ApiError>>,
    {
        attempt
            .retry(
                ExponentialBuilder::default()
                    .with_min_delay(FIRST_WAIT)
                    .with_max_times(AGAIN),
            )
            .when(ApiError::may_pass)
            .adjust(|error, planned| {
                let wait = planned?.max(error.asked_wait());
                (Instant::now() + wait < self.until).then_some(wait)
            })
            .await
    }

    fn route(&self, what: &str) -> String {
        format!("{}/repos/{}/{what}", self.root, self.repository)
    }

    async fn once(
        &self,
        need: Permission,
        method: Method,
        route: &str,
        body: Option<&Value>,
    ) -> Result<Answer, ApiError> {
        let sent = async {
            let response = match method {
                Method::Get => self.octocrab._get(route).await?,
                Method::Post => self.octocrab._post(route, body).await?,
                Method::Patch => self.octocrab._patch(route, body).await?,
            };
            let response = octocrab::map_github_error(response).await?;
            let has_next = response
                .headers()
                .get_all("link")
                .iter()
                .filter_map(|value| value.to_str().ok())
                .any(|value| value.contains("rel=\"next\""));
            let text = self.octocrab.body_to_string(response).await?;
            Ok((text, has_next))
        };
        // A server that sends a byte now and then passes every other limit.
        let (text, has_next) = tokio::time::timeout(ANSWER, sent)
            .await
            .map_err(|_| ApiError::unsure("no answer in time"))?
            .map_err(|error| ApiError::of(error, need))?;
        let json =
            serde_json::from_str(&text).map_err(|_| ApiError::unsure("the answer is no JSON"))?;
        Ok(Answer { json, has_next })
    }
}
