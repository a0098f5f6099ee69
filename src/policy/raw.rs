//! The mirror of the file: keys and types, no meaning. Doc comments become the JSON Schema's
//! descriptions and `docs/policy.md`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_yaml::Value;

use super::document::{Document, Path};
use super::problem::Problem;
use super::schema::{DateText, DurationText, SizeText};

/// Reads a value that [`super::check`] has passed.
pub fn read(value: Value, document: &Document, problems: &mut Vec<Problem>) -> Option<RawPolicy> {
    serde_path_to_error::deserialize(value)
        .map_err(|error: serde_path_to_error::Error<serde_yaml::Error>| {
            problems.push(Problem {
                span: document.value_span(&Path::of(&error.path().to_string())),
                message: error.inner().to_string(),
                hint: None,
            });
        })
        .ok()
}

/// One text, or a list of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::More(texts) => texts,
        }
    }
}

impl Default for OneOrMore {
    fn default() -> Self {
        Self::More(Vec::new())
    }
}

/// What pgrehearse is to rehearse, and what would make the answer no.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPolicy {
    /// The version of this format: 1.
    pub version: u32,
    /// Names the rehearsal in reports. Default: the directory's name.
    pub name: Option<String>,
    /// Where production's data comes from: exactly one of the keys below.
    pub source: RawSource,
    /// The PostgreSQL programs on this machine.
    #[serde(default)]
    pub postgres: RawPostgres,
    /// The server that the clone lives on. Default: a throwaway of the source's major version.
    #[serde(default)]
    pub target: RawTarget,
    /// How the clone is filled.
    #[serde(default)]
    pub restore: RawRestore,
    /// The migrations to rehearse, and how they are run.
    pub migrations: RawMigrations,
    /// What a fresh install has: these files, then all migrations.
    #[serde(default)]
    pub baseline: RawBaseline,
    /// What must be true of the migrated clone.
    #[serde(default)]
    pub verify: RawVerify,
    /// How the migrated clone is compared with a fresh install.
    #[serde(default)]
    pub schema_diff: RawSchemaDiff,
    /// The application that is started against the clone.
    pub smoke: Option<RawSmoke>,
    /// Levels of rules, by the rule's name.
    #[serde(default)]
    #[schemars(schema_with = "super::schema::rule_levels")]
    pub rules: BTreeMap<String, RawRule>,
    /// Findings that are accepted, each with a reason and a last day.
    #[serde(default)]
    pub allow: Vec<RawAllow>,
    /// Where the reports go.
    #[serde(default)]
    pub report: RawReport,
}

/// Where production's data comes from. Exactly one key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawSource {
    /// A dump made by `pg_dump`: a file or a directory by pattern, the newest one that fits.
    /// Custom, directory, tar or plain format; plain also compressed with gzip or zstd.
    pub dump: Option<String>,
    /// A live database, read in one read-only snapshot.
    pub database: Option<RawDatabase>,
    /// A command that writes a dump to its output.
    pub command: Option<String>,
    /// SQL files that build "production": for demos and open-source projects.
    pub sql: Option<OneOrMore>,
}

/// A live database.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawDatabase {
    /// `postgres://user@host:5432/database`, the password from the environment. A replica will do.
    pub url: String,
    /// How long reading may wait for a lock that somebody holds. Default: `10s`.
    #[schemars(with = "Option<DurationText>")]
    pub lock_timeout: Option<String>,
}

/// The PostgreSQL programs on this machine.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPostgres {
    /// The directory of `postgres`, `initdb`, `psql`, `pg_dump` and `pg_restore`. Default: searched
    /// on PATH and where packages put them.
    pub bin_dir: Option<String>,
}

/// The server that the clone lives on. At most one key.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTarget {
    /// A server that is started for this run and destroyed after it.
    pub throwaway: Option<RawThrowaway>,
    /// An existing server, never production: a scratch database is made in it and dropped.
    pub server: Option<String>,
}

/// A server that is started for this run and destroyed after it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawThrowaway {
    /// Major version: 15 to 18, or `auto` for the source's. Default: `auto`.
    pub version: Option<RawVersion>,
    /// Server settings while the migration runs, such as production's `work_mem`.
    #[serde(default)]
    pub settings: BTreeMap<String, RawScalar>,
    /// Where the server's private directory is made. Default: the system's temporary directory.
    pub directory: Option<String>,
}

/// `auto`, or a number.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawVersion {
    Number(u32),
    Word(RawAuto),
}

/// The word `auto`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawAuto {
    Auto,
}

/// A text, a number, true or false.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawScalar {
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(String),
}

impl RawScalar {
    pub fn as_text(&self) -> String {
        match self {
            Self::Boolean(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(value) => value.clone(),
        }
    }
}

/// How the clone is filled.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRestore {
    /// Parallel jobs, or `auto` for two a processor. Default: `auto`.
    pub jobs: Option<RawVersion>,
    /// SQL files that mask personal data, run right after the restore.
    #[serde(default)]
    pub mask: Vec<String>,
    /// Tables whose rows are left out, by pattern: `audit.*`.
    #[serde(default)]
    pub exclude_data: Vec<String>,
    /// Restore errors that are known and accepted.
    #[serde(default)]
    pub accept_errors: Vec<RawAcceptedError>,
    /// A larger source is refused before it is copied.
    #[schemars(with = "Option<SizeText>")]
    pub max_size: Option<String>,
}

/// A restore error that is known and accepted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawAcceptedError {
    /// A part of the error's message.
    pub message: String,
    /// Why it does no harm.
    pub reason: String,
}

/// The migrations to rehearse, and how they are run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawMigrations {
    /// A tool by name: brings its command, files, history table and URL variable.
    pub tool: Option<String>,
    /// The command that migrates, run by `sh -c`. Default: the tool's; with no tool, the files are
    /// run by `psql` in the order of their names.
    pub command: Option<String>,
    /// The variable that gives the command the clone's URL. Default: the tool's, or `DATABASE_URL`.
    pub url_env: Option<String>,
    /// Where the command runs, relative to the policy. Default: the policy's directory.
    pub working_directory: Option<String>,
    /// Further variables for the command.
    #[serde(default)]
    pub env: BTreeMap<String, RawScalar>,
    /// The migration files, by pattern. Default: the tool's.
    #[serde(default)]
    pub files: OneOrMore,
    /// Which files are pending: `auto` (by the history table, else by git, else all), `all`, or the
    /// last applied one as `{ after: NAME }`. Default: `auto`.
    pub pending: Option<RawPending>,
    /// The branch or commit that files are new against, where there is no history table. Default:
    /// `origin/` and the pull request's base branch, else `origin/main`.
    pub base: Option<String>,
    /// The table that records what was applied. Default: the tool's.
    pub history: Option<RawHistory>,
    /// Files that are not rehearsed yet.
    #[serde(default)]
    pub hold_back: Vec<RawHoldBack>,
    /// Settings of every session that migrates.
    #[serde(default)]
    pub timeouts: RawTimeouts,
    /// The role that migrates. Default: the owner of most tables of the clone.
    pub role: Option<String>,
    /// What that role may do besides owning. Default: what it may in a source that is a database,
    /// else nothing.
    pub role_attributes: Option<Vec<RawRoleAttribute>>,
    /// The migration is stopped and refused after this long. Default: `1h`.
    #[schemars(with = "Option<DurationText>")]
    pub max_duration: Option<String>,
}

/// Which files are pending.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawPending {
    Word(RawPendingWord),
    After(RawPendingAfter),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawPendingWord {
    Auto,
    All,
}

/// All files after one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPendingAfter {
    /// The last applied file's name.
    pub after: String,
}

/// The table that records what was applied.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawHistory {
    /// The table's name, with its schema.
    pub table: String,
    /// The column that names a migration: the file's name without its ending.
    pub column: String,
}

/// A file that is not rehearsed yet.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawHoldBack {
    /// The file's name, or a pattern.
    pub file: String,
    /// The day from which it is overdue.
    #[schemars(with = "DateText")]
    pub until: String,
    /// Why it waits.
    pub reason: String,
}

/// Settings of every session that migrates.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTimeouts {
    /// `lock_timeout`: how long a statement may wait for a lock.
    #[schemars(with = "Option<DurationText>")]
    pub lock: Option<String>,
    /// `statement_timeout`: how long a statement may run.
    #[schemars(with = "Option<DurationText>")]
    pub statement: Option<String>,
    /// `idle_in_transaction_session_timeout`.
    #[schemars(with = "Option<DurationText>")]
    pub idle_in_transaction: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawRoleAttribute {
    Superuser,
    Createrole,
    Createdb,
    Bypassrls,
    Replication,
}

/// What a fresh install has before its migrations.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawBaseline {
    /// SQL files that a fresh install runs before all migrations.
    #[serde(default)]
    pub init: OneOrMore,
}

/// What must be true of the migrated clone.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawVerify {
    /// Tables that must exist.
    #[serde(default)]
    pub required_tables: Vec<String>,
    /// Extensions that must be installed.
    #[serde(default)]
    pub required_extensions: Vec<String>,
    /// What may become of the tables' rows.
    #[serde(default)]
    pub rows: RawRows,
    /// Queries with one expected value.
    #[serde(default)]
    pub assertions: Vec<RawAssertion>,
}

/// What may become of the tables' rows.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRows {
    /// For every table that is not named below. Default: `unchanged`.
    pub default: Option<RawRowsRule>,
    /// By table, or by pattern.
    #[serde(default)]
    pub tables: BTreeMap<String, RawRowsRule>,
}

/// `unchanged`, `may_grow`, `may_shrink`, `any`, or `{ within: 2% }`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawRowsRule {
    Word(RawRowsWord),
    Within(RawWithin),
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawRowsWord {
    Unchanged,
    MayGrow,
    MayShrink,
    Any,
}

/// A share by which the number of rows may change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawWithin {
    /// For example `2%`.
    pub within: String,
}

/// A query with one expected value.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawAssertion {
    /// What it shows, in a few words.
    pub name: String,
    /// A query that returns one value.
    pub sql: String,
    /// The value as text. Default: true.
    pub expect: Option<RawScalar>,
}

/// How the migrated clone is compared with a fresh install.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawSchemaDiff {
    /// Objects that are not compared, by pattern.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// Owners, grants and default privileges. Default: `ignore`.
    pub privileges: Option<RawCompared>,
    /// Comments on objects. Default: `compare`.
    pub comments: Option<RawCompared>,
    /// White space inside function bodies. Default: `compare`.
    pub function_whitespace: Option<RawCompared>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawCompared {
    Compare,
    Ignore,
}

/// The application that is started against the clone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawSmoke {
    /// On which clone: `before` (a copy without the migration, so that a failure that was there
    /// already is not the change's), `after`, or both. Default: both.
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
    pub log_must_not_match: Vec<String>,
    /// SQLSTATEs, or their classes, that the application may provoke: it handles them.
    #[serde(default)]
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
    pub command: String,
    /// Its variables.
    #[serde(default)]
    pub env: BTreeMap<String, RawScalar>,
    /// Where it runs, relative to the policy.
    pub working_directory: Option<String>,
    /// The role it connects as. Default: the role that migrates.
    pub role: Option<String>,
    /// What paths of pages are relative to. Default: `http://127.0.0.1:{port}`.
    pub base_url: Option<String>,
    /// When it is ready. Default: at once.
    pub ready: Option<RawReady>,
}

/// When the application is ready: exactly one of `http`, `tcp` and `log`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawReady {
    /// A path or URL that answers with a status below 400.
    pub http: Option<String>,
    /// `host:port` that accepts connections.
    pub tcp: Option<String>,
    /// A pattern that a line of its log matches.
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
    pub name: Option<String>,
    /// A command, run by `sh -c` with the application's variables; it must succeed.
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
    pub post: Option<String>,
    pub put: Option<String>,
    /// A file that is sent as a multipart form.
    pub file: Option<String>,
    /// The form's field that carries the file. Default: `file`.
    pub field: Option<String>,
    /// A body that is sent as JSON.
    pub json: Option<serde_json::Value>,
    /// A body that is sent as it is.
    pub body: Option<String>,
    /// Further headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The status that must come back. Default: any from 200 to 299.
    pub expect: Option<u16>,
}

/// What the database must say in the end.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawUntil {
    /// A query that returns one value.
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
    pub get: String,
    /// The status. Default: 200.
    pub expect: Option<u16>,
    /// A text that must be in it.
    pub contains: Option<String>,
    /// A text that must not be in it.
    pub not_contains: Option<String>,
}

/// A level, or a level with the rule's own settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawRule {
    Level(RawLevel),
    Settings(RawRuleSettings),
}

/// A rule's settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRuleSettings {
    pub level: RawLevel,
}

/// `block` refuses the migration, `warn` and `info` are reported, `off` is not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawLevel {
    Block,
    Warn,
    Info,
    Off,
}

/// A finding that is accepted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawAllow {
    /// The rule's name.
    pub rule: String,
    /// The object, or a pattern. Default: every object.
    pub object: Option<String>,
    /// Why it is accepted.
    pub reason: String,
    /// The last day on which it is accepted.
    #[schemars(with = "DateText")]
    pub until: String,
}

/// Where the reports go.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawReport {
    /// A directory, relative to the policy. Default: `pgrehearse-report`.
    pub dir: Option<String>,
}
