//! `migrations`: what is rehearsed, and how it is run.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{OneOrMore, RawScalar};
use crate::policy::schema::{DateText, DurationText};

/// The migrations to rehearse, and how they are run: at least one of `tool`, `command` and `files`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawMigrations {
    /// A tool by name: brings its command, files, history table and URL variable.
    #[schemars(length(min = 1))]
    pub tool: Option<String>,
    /// The command that migrates, run by `sh -c`. Default: the tool's; with no tool, the files are
    /// run by `psql` in the order of their names.
    #[schemars(length(min = 1))]
    pub command: Option<String>,
    /// The image that the command runs in, by Docker: in a container of its own, which sees the
    /// workspace, read only, and reaches the clone and not the internet. Default: the command runs where
    /// the gate does.
    #[schemars(length(min = 1))]
    pub image: Option<String>,
    /// The variable that gives the command the clone's URL. Default: the tool's, or `DATABASE_URL`.
    #[schemars(length(min = 1))]
    pub url_env: Option<String>,
    /// Where the command runs, relative to the policy. Default: the policy's directory.
    #[schemars(length(min = 1))]
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
    #[schemars(length(min = 1))]
    pub base: Option<String>,
    /// What becomes of a pull request that touches no migration: `go` at once, with nothing rehearsed,
    /// or `rehearse` all the same. Default: `go`.
    pub unchanged: Option<RawUnchanged>,
    /// The table that records what was applied. Default: the tool's.
    pub history: Option<RawHistory>,
    /// Files that are not rehearsed yet.
    #[serde(default)]
    pub hold_back: Vec<RawHoldBack>,
    /// Settings of every session that migrates.
    #[serde(default)]
    pub timeouts: RawTimeouts,
    /// The role that migrates. Default: the owner of most tables of the clone.
    #[schemars(length(min = 1))]
    pub role: Option<String>,
    /// What that role may do besides owning. Default: what it may in a source that is a database,
    /// else nothing.
    pub role_attributes: Option<Vec<RawRoleAttribute>>,
    /// The migration is stopped and refused after this long. Default: `1h`.
    #[schemars(with = "Option<DurationText>")]
    pub max_duration: Option<String>,
    /// Runs the migration once more on a copy of the clone, beside a long query on the tables that it
    /// shuts to readers. Default: it does not.
    pub contention: Option<RawContention>,
}

/// The contention drill.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawContention {
    /// How long the query takes. A migration that waits that long for it is queued. Default: `30s`.
    #[schemars(with = "Option<DurationText>")]
    pub hold: Option<String>,
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

/// What becomes of a change that touches no migration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawUnchanged {
    #[default]
    Go,
    Rehearse,
}

/// All files after one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPendingAfter {
    /// The last applied file's name.
    #[schemars(length(min = 1))]
    pub after: String,
}

/// The table that records what was applied.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawHistory {
    /// The table's name, with its schema.
    #[schemars(length(min = 1))]
    pub table: String,
    /// The column that names a migration: the file's name without its ending.
    #[schemars(length(min = 1))]
    pub column: String,
}

/// A file that is not rehearsed yet.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawHoldBack {
    /// The file's name, or a pattern.
    #[schemars(length(min = 1))]
    pub file: String,
    /// The day from which it is overdue.
    #[schemars(with = "DateText")]
    pub until: String,
    /// Why it waits.
    #[schemars(length(min = 1))]
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
