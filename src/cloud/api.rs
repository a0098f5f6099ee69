//! Requests to a provider that speaks JSON over HTTP.
//!
//! What only reads is asked again when it fails for a while. What changes something is sent once: the
//! caller looks whether it was done, by the clone's name, before it is sent again.

use std::time::Duration;

use backon::{ConstantBuilder, Retryable as _};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use url::Url;

use super::{CloudError, Lacks, Refusal, Speaker};
use crate::text::{Secret, one_line};

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(30);

/// How long after a failure the same is asked again.
const PAUSE: Duration = Duration::from_secs(2);

/// So often.
const AGAIN: usize = 5;

/// More of an error's text is not shown.
const SAID: usize = 300;

/// One provider's API.
pub struct Api {
    pub provider: &'static str,
    client: reqwest::Client,
    base: Url,
    /// The header that carries the secret, and its value.
    header: (&'static str, Secret),
}

impl Api {
    pub fn new(
        provider: &'static str,
        base: &Url,
        header: (&'static str, Secret),
    ) -> Result<Self, CloudError> {
        // Whoever was first has installed the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            // A redirect would carry the secret to somebody else.
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER)
            .build()
            .map_err(|error| CloudError::Unreachable {
                provider,
                doing: "prepare".to_owned(),
                why: error.to_string(),
            })?;
        Ok(Self {
            provider,
            client,
            base: base.clone(),
            header,
        })
    }

    /// Reads something.
    pub async fn get(&self, doing: &str, path: &str) -> Result<Value, CloudError> {
        let ask = || self.once(Method::GET, doing, path, None);
        ask.retry(again()).when(CloudError::may_pass).await
    }

    /// The same of something that may not be there, which `says_none` tells from a failure.
    pub async fn find(
        &self,
        doing: &str,
        path: &str,
        says_none: fn(&Refusal) -> bool,
    ) -> Result<Option<Value>, CloudError> {
        let is_none = |error: &CloudError| match error {
            // A proxy that finds no service says nothing of what the service has.
            CloudError::Refused { refusal, .. } => {
                refusal.by == Speaker::Service && says_none(refusal)
            }
            _ => false,
        };
        let ask = || self.once(Method::GET, doing, path, None);
        // That there is none is an answer, whatever its status: nobody waits for another one.
        let asked = ask.retry(again());
        let asked = asked
            .when(|error| error.may_pass() && !is_none(error))
            .await;
        match asked {
            Ok(json) => Ok(Some(json)),
            Err(error) if is_none(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Changes something, once; again only where the provider says that it did nothing.
    pub async fn send(
        &self,
        method: Method,
        doing: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, CloudError> {
        let send = || self.once(method.clone(), doing, path, body);
        send.retry(again()).when(CloudError::did_nothing).await
    }

    async fn once(
        &self,
        method: Method,
        doing: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, CloudError> {
        let unreachable = |error: &reqwest::Error| CloudError::Unreachable {
            provider: self.provider,
            doing: doing.to_owned(),
            why: describe(error),
        };
        let url = format!(
            "{}/{}",
            self.base.as_str().trim_end_matches('/'),
            path.trim_start_matches('/')
        );
        let (name, value) = &self.header;
        let mut request = self
            .client
            .request(method, url)
            .header(*name, value.expose());
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|error| unreachable(&error))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| unreachable(&error))?;
        let json = serde_json::from_str(&text).ok();
        if status.is_success() {
            // Some say only `OK`.
            return Ok(json.unwrap_or(Value::Null));
        }
        let message = (json.as_ref()).and_then(|json: &Value| json["message"].as_str());
        let said = match message {
            Some(message) => one_line(message, SAID),
            None => one_line(&text, SAID),
        };
        Err(CloudError::Refused {
            provider: self.provider,
            refusal: Refusal {
                doing: doing.to_owned(),
                status: status.as_u16(),
                said,
                hint: hint(status).map(str::to_owned),
                lacks: match status {
                    StatusCode::FORBIDDEN => Lacks::Permission,
                    _ => Lacks::Other,
                },
                by: match message {
                    Some(_) => Speaker::Service,
                    None => Speaker::Anybody,
                },
            },
        })
    }
}

fn again() -> ConstantBuilder {
    ConstantBuilder::default()
        .with_delay(PAUSE)
        .with_max_times(AGAIN)
}

fn hint(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::UNAUTHORIZED => Some("the key is not known there, or it has expired"),
        StatusCode::FORBIDDEN => Some("the key may not do that"),
        _ => None,
    }
}

/// As HTTP says that there is no such thing.
pub fn is_not_found(refusal: &Refusal) -> bool {
    refusal.status == StatusCode::NOT_FOUND.as_u16()
}

/// What kept an answer from coming, without the URL.
fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    one_line(&cause.to_string(), SAID)
}

impl CloudError {
    /// The HTTP status of a refusal.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal.status),
            _ => None,
        }
    }

    /// Whether the same question may be answered a little later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Refused { refusal, .. } => {
                self.did_nothing() || matches!(refusal.status, 500..=599)
            }
            Self::Unreachable { .. } => true,
            _ => false,
        }
    }

    /// Whether the provider says that it did nothing, and that it may do it later: it was locked (423) or
    /// had been asked too much (429).
    pub(super) fn did_nothing(&self) -> bool {
        matches!(self.status(), Some(423 | 429))
    }

    /// Whether what was asked for may have been done all the same.
    pub(super) fn is_unsure(&self) -> bool {
        self.may_pass() && !self.did_nothing()
    }
}
