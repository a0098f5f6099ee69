//! The application that is started against the clone, what it is fed, and what must come of it.

use std::path::PathBuf;
use std::time::Duration;

use regex::Regex;

use super::Context;
use crate::policy::path::Path;
pub use crate::policy::raw::RawWhen as When;
use crate::policy::raw::{
    RawApp, RawIngest, RawPage, RawReady, RawRequest, RawScalar, RawSmoke, RawUntil,
};
use crate::policy::units;

/// How long the application and each ingest may take where the policy does not say.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);

/// The smoke test.
#[derive(Clone, Debug)]
pub struct Smoke {
    pub when: Vec<When>,
    pub app: App,
    pub ingest: Vec<Ingest>,
    pub pages: Vec<Page>,
    pub forbidden: Vec<Regex>,
    /// SQLSTATEs or classes that the application may provoke.
    pub expected_sqlstates: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct App {
    pub command: String,
    pub env: Vec<(String, String)>,
    pub working_directory: PathBuf,
    pub role: Option<String>,
    pub base_url: String,
    pub ready: Option<Ready>,
}

#[derive(Clone, Debug)]
pub struct Ready {
    pub when: ReadyWhen,
    pub within: Duration,
}

#[derive(Clone, Debug)]
pub enum ReadyWhen {
    /// A URL, or a path below the base URL.
    Http(String),
    /// `host:port`.
    Tcp(String),
    Log(Regex),
}

#[derive(Clone, Debug)]
pub struct Ingest {
    pub name: String,
    pub feed: Feed,
    pub until: Option<Until>,
}

#[derive(Clone, Debug)]
pub enum Feed {
    Command(String),
    Http(Request),
}

#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub target: String,
    pub body: Body,
    pub headers: Vec<(String, String)>,
    /// `None`: any from 200 to 299.
    pub expect: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Post,
    Put,
}

#[derive(Clone, Debug)]
pub enum Body {
    Empty,
    /// One file as a multipart form.
    File {
        path: PathBuf,
        field: String,
    },
    Json(String),
    Text(String),
}

#[derive(Clone, Debug)]
pub struct Until {
    pub sql: String,
    pub good: Vec<String>,
    pub bad: Vec<String>,
    pub within: Duration,
}

#[derive(Clone, Debug)]
pub struct Page {
    pub target: String,
    pub expect: u16,
    pub contains: Option<String>,
    pub not_contains: Option<String>,
}

pub(super) fn smoke(raw: RawSmoke, context: &mut Context<'_>) -> Option<Smoke> {
    let at = Path::of("smoke");
    let app = app(raw.app, &at.key("app"), context);
    let ingest = raw
        .ingest
        .into_iter()
        .enumerate()
        .filter_map(|(index, raw)| ingest(raw, &at.key("ingest").index(index), context))
        .collect();
    let forbidden = raw
        .log_must_not_match
        .iter()
        .enumerate()
        .filter_map(|(index, pattern)| {
            let here = at.key("log_must_not_match").index(index);
            context.parsed(&here, pattern, regex)
        })
        .collect();
    let when = raw.when.unwrap_or_else(|| vec![When::Before, When::After]);
    if !when.contains(&When::After) {
        context.problem(
            &at.key("when"),
            "`smoke.when` needs `after`",
            Some("only that is the migrated clone".to_owned()),
        );
    }
    for (index, state) in raw.expected_sqlstates.iter().enumerate() {
        let here = at.key("expected_sqlstates").index(index);
        context.parsed(&here, state, sqlstate);
    }
    Some(Smoke {
        when,
        app: app?,
        ingest,
        pages: raw.pages.into_iter().map(page).collect(),
        forbidden,
        expected_sqlstates: raw.expected_sqlstates,
    })
}

fn app(raw: RawApp, at: &Path, context: &mut Context<'_>) -> Option<App> {
    let ready = match raw.ready {
        Some(raw) => Some(ready(raw, &at.key("ready"), context)?),
        None => None,
    };
    Some(App {
        command: raw.command,
        env: context.variables(&at.key("env"), &raw.env),
        working_directory: context
            .root
            .join(raw.working_directory.as_deref().unwrap_or_default()),
        role: raw.role,
        base_url: raw
            .base_url
            .unwrap_or_else(|| "http://127.0.0.1:{port}".to_owned()),
        ready,
    })
}

fn ready(raw: RawReady, at: &Path, context: &mut Context<'_>) -> Option<Ready> {
    context.exactly_one(
        at,
        &[
            ("http", raw.http.is_some()),
            ("tcp", raw.tcp.is_some()),
            ("log", raw.log.is_some()),
        ],
    )?;
    let when = match (raw.http, raw.tcp, raw.log) {
        (Some(target), _, _) => ReadyWhen::Http(target),
        (_, Some(address), _) => ReadyWhen::Tcp(address),
        (_, _, pattern) => ReadyWhen::Log(context.parsed(&at.key("log"), &pattern?, regex)?),
    };
    Some(Ready {
        when,
        within: wait(raw.within.as_deref(), at, context)?,
    })
}

fn ingest(raw: RawIngest, at: &Path, context: &mut Context<'_>) -> Option<Ingest> {
    context.exactly_one(
        at,
        &[("run", raw.run.is_some()), ("http", raw.http.is_some())],
    )?;
    let (shown, feed) = match (raw.run, raw.http) {
        (Some(command), _) => (command.clone(), Feed::Command(command)),
        (None, request) => {
            let request = http_request(request?, &at.key("http"), context)?;
            let verb = match request.method {
                Method::Post => "POST",
                Method::Put => "PUT",
            };
            (format!("{verb} {}", request.target), Feed::Http(request))
        }
    };
    let until = match raw.until {
        Some(raw) => Some(until(raw, &at.key("until"), context)?),
        None => None,
    };
    Some(Ingest {
        name: raw.name.unwrap_or(shown),
        feed,
        until,
    })
}

fn http_request(raw: RawRequest, at: &Path, context: &mut Context<'_>) -> Option<Request> {
    context.exactly_one(
        at,
        &[("post", raw.post.is_some()), ("put", raw.put.is_some())],
    )?;
    let (method, target) = match (raw.post, raw.put) {
        (Some(target), _) => (Method::Post, target),
        (None, target) => (Method::Put, target?),
    };
    let bodies = [
        ("file", raw.file.is_some()),
        ("json", raw.json.is_some()),
        ("body", raw.body.is_some()),
    ];
    let body = match (raw.file, raw.json, raw.body) {
        (Some(file), None, None) => Body::File {
            path: context.existing_file(&at.key("file"), &file),
            field: raw.field.unwrap_or_else(|| "file".to_owned()),
        },
        (None, Some(json), None) => Body::Json(json.to_string()),
        (None, None, Some(text)) => Body::Text(text),
        (None, None, None) => Body::Empty,
        _ => {
            context.exactly_one(at, &bodies);
            return None;
        }
    };
    Some(Request {
        method,
        target,
        body,
        headers: raw.headers.into_iter().collect(),
        expect: raw.expect,
    })
}

fn until(raw: RawUntil, at: &Path, context: &mut Context<'_>) -> Option<Until> {
    let texts = |values: &[RawScalar]| values.iter().map(RawScalar::as_text).collect();
    Some(Until {
        sql: raw.sql,
        good: texts(&raw.terminal),
        bad: texts(&raw.not_in),
        within: wait(raw.within.as_deref(), at, context)?,
    })
}

fn page(raw: RawPage) -> Page {
    Page {
        target: raw.get,
        expect: raw.expect.unwrap_or(200),
        contains: raw.contains,
        not_contains: raw.not_contains,
    }
}

fn wait(text: Option<&str>, at: &Path, context: &mut Context<'_>) -> Option<Duration> {
    match text {
        Some(text) => context.parsed(&at.key("within"), text, units::duration),
        None => Some(DEFAULT_WAIT),
    }
}

/// An empty text would be a part of every SQLSTATE.
fn sqlstate(text: &str) -> Result<(), units::Expected> {
    let is_one = matches!(text.len(), 2 | 5)
        && text
            .chars()
            .all(|character| character.is_ascii_digit() || character.is_ascii_uppercase());
    is_one
        .then_some(())
        .ok_or_else(|| "expected an SQLSTATE such as `23505`, or a class such as `23`".to_owned())
}

fn regex(text: &str) -> Result<Regex, units::Expected> {
    Regex::new(text).map_err(|error| match error {
        regex::Error::Syntax(message) => message
            .lines()
            .last()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .to_owned(),
        other => other.to_string(),
    })
}
