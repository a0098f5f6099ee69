//! `verify`, `schema_diff`, `rules` and `allow`: what makes the answer no.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{InOrder, RawScalar};
use crate::policy::schema::{DateText, DurationText, PercentText, SizeText};

/// What must be true of the migrated clone.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawVerify {
    /// Tables that must exist.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub required_tables: Vec<String>,
    /// Extensions that must be installed.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
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
    /// By table, or by pattern; the first one that fits counts.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, RawRowsRule>")]
    pub tables: InOrder<RawRowsRule>,
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
    /// The share of the rows that were there before.
    #[schemars(with = "PercentText")]
    pub within: String,
}

/// A query with one expected value.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawAssertion {
    /// What it shows, in a few words.
    #[schemars(length(min = 1))]
    pub name: String,
    /// A query that returns one value.
    #[schemars(length(min = 1))]
    pub sql: String,
    /// The value; numbers are compared as numbers. Default: true.
    pub expect: Option<RawScalar>,
}

/// How the migrated clone is compared with a fresh install.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawSchemaDiff {
    /// Objects that are not compared, by pattern.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
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

/// A level, or a level with the rule's own settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawRule {
    Level(RawLevel),
    Settings(RawRuleSettings),
}

/// A rule's settings. What else a rule can be set to is in the schema of the rule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRuleSettings {
    pub level: Option<RawLevel>,
    #[schemars(skip)]
    pub over: Option<String>,
}

/// A level, or a level with how long is too long.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "read as a `RawRule`; this is its schema")]
pub enum RawDurationRule {
    Level(RawLevel),
    Settings(RawDurationRuleSettings),
}

/// A rule's settings.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read as a `RawRule`; this is its schema")]
pub struct RawDurationRuleSettings {
    pub level: Option<RawLevel>,
    /// The longest that is no finding.
    #[schemars(with = "Option<DurationText>")]
    pub over: Option<String>,
}

/// A level, or a level with how large is too large.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "read as a `RawRule`; this is its schema")]
pub enum RawSizeRule {
    Level(RawLevel),
    Settings(RawSizeRuleSettings),
}

/// A rule's settings.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read as a `RawRule`; this is its schema")]
pub struct RawSizeRuleSettings {
    pub level: Option<RawLevel>,
    /// The largest that is no finding.
    #[schemars(with = "Option<SizeText>")]
    pub over: Option<String>,
}

/// A level, or a level with how large a share is too large.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "read as a `RawRule`; this is its schema")]
pub enum RawPercentRule {
    Level(RawLevel),
    Settings(RawPercentRuleSettings),
}

/// A rule's settings.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read as a `RawRule`; this is its schema")]
pub struct RawPercentRuleSettings {
    pub level: Option<RawLevel>,
    /// The largest that is no finding.
    #[schemars(with = "Option<PercentText>")]
    pub over: Option<String>,
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
    #[schemars(length(min = 1))]
    pub rule: String,
    /// The object, or a pattern. Default: every object.
    #[schemars(length(min = 1))]
    pub object: Option<String>,
    /// Why it is accepted.
    #[schemars(length(min = 1))]
    pub reason: String,
    /// The last day on which it is accepted.
    #[schemars(with = "DateText")]
    pub until: String,
}
