//! Requests to the application.

use std::time::Duration;

use tokio::time::Instant;

use super::SmokeError;
use crate::policy::{Body, Method, Page, Request};
use crate::process::environment::Address;

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(30);

/// A page is read no further than this.
const PAGE_LIMIT: usize = 8 * 1024 * 1024;

/// A client that follows no redirect and no proxy: what the application itself answers is meant.
pub struct Client {
    requests: reqwest::Client,
    base: String,
    filled: Filled,
}

/// Fills placeholders in targets and bodies.
struct Filled(Box<dyn Fn(&str) -> String + Send + Sync>);

impl Client {
    pub fn new(address: &Address<'_>, base: &str) -> Result<Self, SmokeError> {
        // Whoever was first has installed the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER)
            .build()
            .map_err(|error| SmokeError::Http(error.to_string()))?;
        let (endpoint, port) = (address.endpoint.clone(), address.port);
        Ok(Self {
            requests: client,
            base: address.fill(base),
            filled: Filled(Box::new(move |text| {
                Address {
                    endpoint: &endpoint,
                    port,
                }
                .fill(text)
            })),
        })
    }

    fn url(&self, target: &str) -> String {
        let target = (self.filled.0)(target);
        if target.contains("://") {
            target
        } else {
            format!(
                "{}/{}",
                self.base.trim_end_matches('/'),
                target.trim_start_matches('/')
            )
        }
    }

    /// Whether `target` answers with a status below 400 before the deadline.
    pub async fn is_up(&self, target: &str, deadline: Instant) -> Result<(), String> {
        let request = self.requests.get(self.url(target)).send();
        match tokio::time::timeout_at(deadline, request).await {
            Ok(Ok(answer)) if answer.status().as_u16() < 400 => Ok(()),
            Ok(Ok(answer)) => Err(format!("`{target}` answers {}", answer.status().as_u16())),
            Ok(Err(_)) => Err(format!("`{target}` does not answer")),
            // A request that the deadline cut says nothing new.
            Err(_) => Err(String::new()),
        }
    }

    /// Asks for a page; what is wrong with the answer.
    pub async fn page(&self, page: &Page) -> Result<(), String> {
        let answer = self
            .requests
            .get(self.url(&page.target))
            .send()
            .await
            .map_err(|error| describe(&error))?;
        let status = answer.status().as_u16();
        if status != page.expect {
            return Err(format!("answers {status}, expected {}", page.expect));
        }
        if page.contains.is_none() && page.not_contains.is_none() {
            return Ok(());
        }
        let text = body_of(answer).await?;
        if let Some(wanted) = &page.contains
            && !text.contains(wanted.as_str())
        {
            return Err(format!("does not contain `{wanted}`"));
        }
        if let Some(unwanted) = &page.not_contains
            && text.contains(unwanted.as_str())
        {
            return Err(format!("contains `{unwanted}`"));
        }
        Ok(())
    }

    /// Sends something to be ingested; what is wrong with the answer.
    pub async fn send(&self, request: &Request) -> Result<(), String> {
        let url = self.url(&request.target);
        let mut builder = match request.method {
            Method::Post => self.requests.post(url),
            Method::Put => self.requests.put(url),
        };
        for (name, value) in &request.headers {
            builder = builder.header(name, (self.filled.0)(value));
        }
        builder = match &request.body {
            Body::Empty => builder,
            Body::Json(json) => builder
                .header("content-type", "application/json")
                .body(json.clone()),
            Body::Text(text) => builder.body(text.clone()),
            Body::File { path, field } => {
                let bytes = tokio::fs::read(path)
                    .await
                    .map_err(|error| format!("`{}` could not be read: {error}", path.display()))?;
                let name = path
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned())
                    .unwrap_or_default();
                let part = reqwest::multipart::Part::bytes(bytes).file_name(name);
                builder.multipart(reqwest::multipart::Form::new().part(field.clone(), part))
            }
        };
        let answer = builder.send().await.map_err(|error| describe(&error))?;
        let status = answer.status();
        match request.expect {
            Some(expected) if status.as_u16() != expected => Err(format!(
                "the answer is {}, expected {expected}",
                status.as_u16()
            )),
            None if !status.is_success() => Err(format!("the answer is {}", status.as_u16())),
            _ => Ok(()),
        }
    }
}

async fn body_of(mut answer: reqwest::Response) -> Result<String, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| describe(&error))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > PAGE_LIMIT {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// In words, without the URL, which may carry a token.
fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        format!("does not answer within {} s", ANSWER.as_secs())
    } else if error.is_connect() {
        "accepts no connection".to_owned()
    } else if error.is_builder() {
        "is no valid URL".to_owned()
    } else {
        "breaks off its answer".to_owned()
    }
}
