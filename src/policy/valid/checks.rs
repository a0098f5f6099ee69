//! What must hold of the migrated clone, how hard each rule is, and what is accepted.

use std::collections::BTreeMap;

use super::Context;
use super::migrations::date;
use crate::policy::check::nearest;
use crate::policy::path::Path;
use crate::policy::raw::{
    RawAllow, RawCompared, RawLevel, RawRows, RawRowsRule, RawRowsWord, RawRule, RawSchemaDiff,
    RawVerify,
};
use crate::policy::units::{self, ObjectGlob, Percent, Size};
use crate::rules::{self, Limit, Limits};
use crate::schema_diff::{Comments, FunctionBodies, Privileges};
use crate::text::QualifiedName;
use crate::verdict::{Accepted, Level};

/// What must be true of the migrated clone.
#[derive(Clone, Debug, Default)]
pub struct Verify {
    pub required_tables: Vec<QualifiedName>,
    pub required_extensions: Vec<String>,
    pub rows: RowsRules,
    pub assertions: Vec<Assertion>,
}

/// A query with one expected value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    pub name: String,
    pub sql: String,
    pub expect: String,
}

/// What may become of a table's rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum RowsRule {
    #[default]
    Unchanged,
    MayGrow,
    MayShrink,
    Any,
    Within(Percent),
}

impl RowsRule {
    /// The rule as it is written in a policy.
    pub fn written(self) -> String {
        match self {
            Self::Unchanged => "unchanged".to_owned(),
            Self::MayGrow => "may_grow".to_owned(),
            Self::MayShrink => "may_shrink".to_owned(),
            Self::Any => "any".to_owned(),
            Self::Within(share) => format!("within {share}"),
        }
    }
}

/// The rules for rows, by table.
#[derive(Clone, Debug, Default)]
pub struct RowsRules {
    pub default: RowsRule,
    pub tables: Vec<(ObjectGlob, RowsRule)>,
}

impl RowsRules {
    /// The rule for a table: that of the first pattern, in the order of the file, which names it.
    pub fn of(&self, table: &QualifiedName) -> RowsRule {
        self.tables
            .iter()
            .find(|(pattern, _)| pattern.matches(table))
            .map_or(self.default, |(_, rule)| *rule)
    }
}

/// How the migrated clone is compared with a fresh install.
#[derive(Clone, Debug)]
pub struct SchemaDiff {
    pub ignore: Vec<ObjectGlob>,
    pub privileges: Privileges,
    pub comments: Comments,
    pub function_bodies: FunctionBodies,
}

/// Levels by rule, where they differ from the rule's own.
#[derive(Clone, Debug, Default)]
pub struct Levels(BTreeMap<String, Level>);

impl Levels {
    pub fn of(&self, rule: &rules::Rule) -> Level {
        self.0.get(rule.id).copied().unwrap_or(rule.level)
    }
}

/// A finding that is accepted.
#[derive(Clone, Debug)]
pub struct Allow {
    pub rule: &'static str,
    pub object: Option<ObjectGlob>,
    pub accepted: Accepted,
    /// The line of the policy, for a finding about this entry.
    pub line: u32,
}

pub(super) fn verify(raw: RawVerify, context: &mut Context<'_>) -> Verify {
    let at = Path::of("verify");
    let required_tables = raw
        .required_tables
        .iter()
        .enumerate()
        .filter_map(|(index, text)| {
            context.parsed(&at.key("required_tables").index(index), text, |text| {
                QualifiedName::parse(text).ok_or_else(|| "expected `schema.table`".to_owned())
            })
        })
        .collect();
    Verify {
        required_tables,
        required_extensions: raw.required_extensions,
        rows: rows(&raw.rows, &at.key("rows"), context),
        assertions: raw
            .assertions
            .into_iter()
            .map(|raw| Assertion {
                name: raw.name,
                sql: raw.sql,
                expect: raw
                    .expect
                    .map_or_else(|| "true".to_owned(), |value| value.as_text()),
            })
            .collect(),
    }
}

fn rows(raw: &RawRows, at: &Path, context: &mut Context<'_>) -> RowsRules {
    let default = raw
        .default
        .as_ref()
        .and_then(|rule| rows_rule(rule, &at.key("default"), context))
        .unwrap_or_default();
    let tables = raw
        .tables
        .0
        .iter()
        .filter_map(|(pattern, rule)| {
            let here = at.key("tables").key(pattern.as_str());
            let glob = ObjectGlob::parse(pattern)
                .map_err(|expected| {
                    let message = format!("`{pattern}` names no table");
                    context.problem_of_key(&here, message, Some(expected));
                })
                .ok();
            let rule = rows_rule(rule, &here, context);
            Some((glob?, rule?))
        })
        .collect();
    RowsRules { default, tables }
}

fn rows_rule(raw: &RawRowsRule, at: &Path, context: &mut Context<'_>) -> Option<RowsRule> {
    Some(match raw {
        RawRowsRule::Word(RawRowsWord::Unchanged) => RowsRule::Unchanged,
        RawRowsRule::Word(RawRowsWord::MayGrow) => RowsRule::MayGrow,
        RawRowsRule::Word(RawRowsWord::MayShrink) => RowsRule::MayShrink,
        RawRowsRule::Word(RawRowsWord::Any) => RowsRule::Any,
        RawRowsRule::Within(share) => {
            RowsRule::Within(context.parsed(&at.key("within"), &share.within, Percent::parse)?)
        }
    })
}

pub(super) fn schema_diff(raw: &RawSchemaDiff, context: &mut Context<'_>) -> SchemaDiff {
    let at = Path::of("schema_diff");
    let ignore = raw
        .ignore
        .iter()
        .enumerate()
        .filter_map(|(index, pattern)| {
            context.parsed(&at.key("ignore").index(index), pattern, ObjectGlob::parse)
        })
        .collect();
    SchemaDiff {
        ignore,
        privileges: match raw.privileges {
            Some(RawCompared::Compare) => Privileges::Compare,
            None | Some(RawCompared::Ignore) => Privileges::Ignore,
        },
        comments: match raw.comments {
            None | Some(RawCompared::Compare) => Comments::Compare,
            Some(RawCompared::Ignore) => Comments::Ignore,
        },
        function_bodies: match raw.function_whitespace {
            None | Some(RawCompared::Compare) => FunctionBodies::Exact,
            Some(RawCompared::Ignore) => FunctionBodies::IgnoreWhitespace,
        },
    }
}

pub(super) fn levels(raw: &BTreeMap<String, RawRule>) -> Levels {
    Levels(
        raw.iter()
            .filter_map(|(id, rule)| {
                let level = match rule {
                    RawRule::Level(level) => *level,
                    RawRule::Settings(settings) => settings.level?,
                };
                let level = match level {
                    RawLevel::Block => Level::Block,
                    RawLevel::Warn => Level::Warn,
                    RawLevel::Info => Level::Info,
                    RawLevel::Off => Level::Off,
                };
                Some((id.clone(), level))
            })
            .collect(),
    )
}

pub(super) fn limits(raw: &BTreeMap<String, RawRule>, context: &mut Context<'_>) -> Limits {
    let mut limits = Limits::default();
    for (id, rule) in raw {
        let RawRule::Settings(settings) = rule else {
            continue;
        };
        let limit = rules::by_id(id).and_then(|rule| rule.limit);
        let (Some(over), Some(limit)) = (&settings.over, limit) else {
            continue;
        };
        let at = Path::of("rules").key(id.as_str()).key("over");
        let limit = context.parsed(&at, over, |text| match limit {
            Limit::Duration(_) => units::duration(text).map(Limit::Duration),
            Limit::Size(_) => Size::parse(text).map(|size| Limit::Size(size.0)),
            Limit::Percent(_) => Percent::parse(text).map(Limit::Percent),
        });
        if let Some(limit) = limit {
            limits.0.insert(id.clone(), limit);
        }
    }
    limits
}

pub(super) fn allow(raw: Vec<RawAllow>, context: &mut Context<'_>) -> Vec<Allow> {
    raw.into_iter()
        .enumerate()
        .filter_map(|(index, raw)| {
            let at = Path::of("allow").index(index);
            let rule = rules::by_id(&raw.rule);
            if rule.is_none() {
                let known = rules::every().map(|rule| rule.id);
                let hint = match nearest(&raw.rule, known) {
                    Some(word) => format!("did you mean `{word}`?"),
                    None => {
                        "no rule is like it; `pgrehearse schema --markdown` lists them".to_owned()
                    }
                };
                context.problem(
                    &at.key("rule"),
                    context.document.unknown("rule", &at.key("rule"), &raw.rule),
                    Some(hint),
                );
            }
            let object = raw
                .object
                .as_ref()
                .map(|text| context.parsed(&at.key("object"), text, ObjectGlob::parse));
            let until = context.parsed(&at.key("until"), &raw.until, date);
            let line = context.document.line_of(&at);
            Some(Allow {
                rule: rule?.id,
                object: match object {
                    Some(parsed) => Some(parsed?),
                    None => None,
                },
                accepted: Accepted {
                    reason: raw.reason,
                    until: until?,
                },
                line,
            })
        })
        .collect()
}
