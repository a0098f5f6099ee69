//! `smoke`: the application, what it is fed, and what must come of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::RawScalar;
use crate::policy::schema::DurationText;

/// The application that is started against the clone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawSmoke {
    /// On which clone: `after`, or `before` and `after` (`before` is a copy without the migration, so
    /// that a failure that was there already is not the change's). Default: both.
    pub when: Option<Vec<RawWhen>>,
    /// The application.
    pub app: RawApp,
    /// What is fed to it, in order.
    #[serde(default)]
    pub ingest: Vec<RawIngest>,
    /// Pages that must answer.
    #[serde(default)]
    pub pages: Vec<RawPage>,
    /// Patterns that no line of the application's log may match.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub log_must_not_match: Vec<String>,
    /// SQLSTATEs, or their classes, that the application may provoke: it handles them.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub expected_sqlstates: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawWhen {
    Before,
    After,
}

/// The application. `{clone_url}`, `{jdbc_url}`, `{host}`, `{port_of_clone}`, `{database}`, `{user}`,
/// `{password}` and `{port}` (a free port) are replaced in `command` and `env`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawApp {
    /// Run by `sh -c`. It is stopped, with all its children, when the smoke test is over.
    #[schemars(length(min = 1))]
    pub command: String,
    /// Its variables.
    #[serde(default)]
    pub env: BTreeMap<String, RawScalar>,
    /// Where it runs, relative to the policy.
    #[schemars(length(min = 1))]
    pub working_directory: Option<String>,
    /// The role it connects as. Default: the role that migrates.
    #[schemars(length(min = 1))]
    pub role: Option<String>,
    /// What paths of pages are relative to. Default: `http://127.0.0.1:{port}`.
    #[schemars(length(min = 1))]
    pub base_url: Option<String>,
    /// When it is ready. Default: at once.
    pub ready: Option<RawReady>,
}

/// When the application is ready: exactly one of `http`, `tcp` and `log`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawReady {
    /// A path or URL that answers with a status below 400.
    #[schemars(length(min = 1))]
    pub http: Option<String>,
    /// `host:port` that accepts connections.
    #[schemars(length(min = 1))]
    pub tcp: Option<String>,
    /// A pattern that a line of its log matches.
    #[schemars(length(min = 1))]
    pub log: Option<String>,
    /// How long it may take. Default: `1m`.
    #[schemars(with = "Option<DurationText>")]
    pub within: Option<String>,
}

/// Something that is fed to the application: exactly one of `run` and `http`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawIngest {
    /// Names it in reports. Default: the command, or the method and path.
    #[schemars(length(min = 1))]
    pub name: Option<String>,
    /// A command, run by `sh -c` with the application's variables; it must succeed.
    #[schemars(length(min = 1))]
    pub run: Option<String>,
    /// A request; it must be answered with the expected status.
    pub http: Option<RawRequest>,
    /// What the database must say in the end.
    pub until: Option<RawUntil>,
}

/// A request. Exactly one of `post` and `put`, at most one of `file`, `json` and `body`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRequest {
    /// Where it is posted: a path or URL.
    #[schemars(length(min = 1))]
    pub post: Option<String>,
    /// Where it is put: a path or URL.
    #[schemars(length(min = 1))]
    pub put: Option<String>,
    /// A file that is sent as a multipart form.
    #[schemars(length(min = 1))]
    pub file: Option<String>,
    /// The form's field that carries the file. Default: `file`.
    #[schemars(length(min = 1))]
    pub field: Option<String>,
    /// A body that is sent as JSON.
    pub json: Option<serde_json::Value>,
    /// A body that is sent as it is.
    pub body: Option<String>,
    /// Further headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The status that must come back. Default: any from 200 to 299.
    #[schemars(range(min = 100, max = 599))]
    pub expect: Option<u16>,
}

/// What the database must say in the end.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawUntil {
    /// A query that returns one value.
    #[schemars(length(min = 1))]
    pub sql: String,
    /// The values that end the wait well.
    #[serde(rename = "in")]
    pub terminal: Vec<RawScalar>,
    /// The values that end it badly.
    #[serde(default)]
    pub not_in: Vec<RawScalar>,
    /// How long it may take. Default: `1m`.
    #[schemars(with = "Option<DurationText>")]
    pub within: Option<String>,
}

/// A page that must answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPage {
    /// A path or URL.
    #[schemars(length(min = 1))]
    pub get: String,
    /// The status. Default: 200.
    #[schemars(range(min = 100, max = 599))]
    pub expect: Option<u16>,
    /// A text that must be in it.
    #[schemars(length(min = 1))]
    pub contains: Option<String>,
    /// A text that must not be in it.
    #[schemars(length(min = 1))]
    pub not_contains: Option<String>,
}
