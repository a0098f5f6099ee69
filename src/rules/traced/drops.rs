//! `irreversible-drop`: what is dropped with rows in it.

use super::trace;
use crate::rules::{Facts, Rule};
use crate::text::human_bytes;
use crate::trace::{Age, RelationKind, Statement};
use crate::verdict::{Finding, Level, Stage};

pub(in crate::rules) static IRREVERSIBLE_DROP: Rule = Rule {
    id: "irreversible-drop",
    stage: Stage::Migrate,
    level: Level::Warn,
    limit: None,
    summary: "no table or column of production's that has rows is dropped",
    effect: "no down script brings the values back, only a backup does; and the version of the application that runs meanwhile may still want them",
    remedy: "stop using it in one release and drop it in a later one; until then rename it, or keep a copy",
    judge,
};

fn judge(rule: &Rule, facts: &Facts) -> Vec<Finding> {
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
