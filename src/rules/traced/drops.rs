//! `irreversible-drop` and `dropped-object-in-use`: what is dropped with rows in it, or while it is used.

use std::collections::BTreeMap;

use super::trace;
use crate::rules::{Facts, Rule};
use crate::text::human_bytes;
use crate::trace::{Age, RelationKind, Statement, Trace};
use crate::verdict::{Finding, Level, Stage};

pub(in crate::rules) static IRREVERSIBLE_DROP: Rule = Rule {
    id: "irreversible-drop",
    stage: Stage::Migrate,
    level: Level::Warn,
    limit: None,
    summary: "no table or column of production's that has rows is dropped",
    effect: "no down script brings the values back, only a backup does; and the version of the application that runs meanwhile may still want them",
    remedy: "stop using it in one release and drop it in a later one; until then rename it, or keep a copy",
    judge: dropped_with_rows,
};

pub(in crate::rules) static DROPPED_OBJECT_IN_USE: Rule = Rule {
    id: "dropped-object-in-use",
    stage: Stage::SmokeIngest,
    level: Level::Block,
    limit: None,
    summary: "every statement that the application sent before the migration can be sent after it",
    effect: "the version that runs while the migration is deployed asks for what is gone, and its requests fail",
    remedy: "release a version that does not ask for it first, and drop or rename it after that; until then keep the old name as a column or a view",
    judge: dropped_in_use,
};

/// More statements than these are counted.
const SHOWN: usize = 5;

/// One finding for each thing that is missing.
fn dropped_in_use(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let mut missing: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for refused in facts.smoke.iter().flat_map(|smoke| &smoke.after.refused) {
        missing
            .entry((&refused.sqlstate, &refused.message))
            .or_default()
            .push(&refused.statement);
    }
    missing
        .into_iter()
        .map(|((sqlstate, message), statements)| {
            let by = trace(facts).and_then(|trace| culprit(trace, message));
            let mut evidence: Vec<String> = statements
                .iter()
                .take(SHOWN)
                .map(|statement| format!("the application asks: `{statement}`"))
                .collect();
            if statements.len() > SHOWN {
                evidence.push(format!("and {} more", statements.len() - SHOWN));
            }
            evidence.extend(by.map(|by| format!("gone by `{}`", by.text)));
            Finding {
                object: Some(format!("{sqlstate} {message}")),
                evidence,
                place: by.and_then(|by| by.place.clone()),
                within: &["app-sql-error"],
                ..rule.finding(format!(
                    "the application can't ask any more what it asked before: {message} (SQLSTATE {sqlstate})"
                ))
            }
        })
        .collect()
}

/// The last statement that dropped or renamed what the server's message names.
fn culprit<'t>(trace: &'t Trace, message: &str) -> Option<&'t Statement> {
    let names: Vec<&str> = message
        .split('"')
        .skip(1)
        .step_by(2)
        .chain(message.split_whitespace().filter(|word| word.contains('.')))
        .filter_map(|name| name.rsplit('.').next())
        .filter(|name| !name.is_empty())
        .collect();
    let is_named = |text: &str| {
        text.split(|character: char| !character.is_alphanumeric() && character != '_')
            .any(|word| names.contains(&word))
    };
    trace.statements.iter().rev().find(|statement| {
        statement.dropped.iter().any(|dropped| is_named(dropped))
            || statement.tag.starts_with("ALTER ") && is_named(&statement.text)
    })
}

fn dropped_with_rows(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    trace(facts)
        .into_iter()
        .flat_map(|trace| &trace.statements)
        .flat_map(|statement| {
            statement
                .dropped
                .iter()
                .filter_map(|dropped| lost(statement, dropped))
                .map(|(what, name, bytes)| Finding {
                    object: Some(name.to_owned()),
                    evidence: vec![format!("by `{}`", statement.text)],
                    place: statement.place.clone(),
                    ..rule.finding(match what {
                        Lost::Table => {
                            format!("table `{name}` is dropped with {}", human_bytes(bytes))
                        }
                        Lost::Column => format!(
                            "column `{name}` is dropped from a table of {}",
                            human_bytes(bytes)
                        ),
                    })
                })
        })
        .collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Lost {
    Table,
    Column,
}

/// The kind and the name of what a statement dropped, and the bytes of its table, if it is
/// production's and has any.
fn lost<'s>(statement: &Statement, dropped: &'s str) -> Option<(Lost, &'s str, u64)> {
    let (what, name) = if let Some(name) = dropped.strip_prefix("table column ") {
        (Lost::Column, name)
    } else {
        (Lost::Table, dropped.strip_prefix("table ")?)
    };
    // Dropping takes a lock: the table is among those of the statement.
    statement.locks.iter().find_map(|lock| {
        let table = lock.relation.name.to_string();
        let is_it = match what {
            Lost::Table => name == table,
            Lost::Column => name
                .strip_prefix(&table)
                .is_some_and(|rest| rest.starts_with('.')),
        };
        match lock.relation.age {
            Age::Existing { bytes }
                if is_it && bytes > 0 && lock.relation.kind == RelationKind::Table =>
            {
                Some((what, name, bytes))
            }
            _ => None,
        }
    })
}
