//! `blocking-lock`, `index-blocks-writes` and `table-rewrite`: what keeps the application from its tables.

use std::time::Duration;

use super::{Held, heaviest_of_each, trace};
use crate::rules::{Facts, Limit, Rule};
use crate::text::{human_bytes, human_seconds};
use crate::trace::{Age, Statement};
use crate::verdict::{Finding, Level, Stage};

pub(in crate::rules) static BLOCKING_LOCK: Rule = Rule {
    id: "blocking-lock",
    stage: Stage::Migrate,
    level: Level::Block,
    limit: Some(Limit::Duration(Duration::from_secs(1))),
    summary: "no lock blocks reads or writes of an existing table for longer than its limit",
    effect: "requests that need the table wait that long, and whatever queues behind them; with enough traffic no connection is left",
    remedy: "take the lock in a short transaction of its own, with a `lock_timeout`, and do what takes long before or after it, under a weaker lock",
    judge: blocking_locks,
};

pub(in crate::rules) static INDEX_BLOCKS_WRITES: Rule = Rule {
    id: "index-blocks-writes",
    stage: Stage::Migrate,
    level: Level::Block,
    limit: Some(Limit::Duration(Duration::from_secs(1))),
    summary: "no index of an existing table is built for longer than its limit while writes wait",
    effect: "every INSERT, UPDATE and DELETE of the table waits until the index is built",
    remedy: "build it CONCURRENTLY, in a migration of its own that runs outside a transaction; after a failure, drop the invalid index before trying again",
    judge: index_builds,
};

pub(in crate::rules) static TABLE_REWRITE: Rule = Rule {
    id: "table-rewrite",
    stage: Stage::Migrate,
    level: Level::Block,
    limit: Some(Limit::Size(100 * 1024 * 1024)),
    summary: "no existing table above its limit is written anew",
    effect: "reads and writes of the table wait while it is copied, and it needs its size again on disk, in the WAL and on every replica",
    remedy: "add a new column, fill it in batches, and let the application change over; then drop the old one",
    judge: rewrites,
};

/// The longest time that each table was blocked.
fn blocking_locks(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let Some(trace) = trace(facts) else {
        return Vec::new();
    };
    let limit = facts.limits.duration(rule);
    // Of two that were held as long, the one that blocks more.
    heaviest_of_each(Held::all(trace).map(|held| {
        let weight = (held.span.held(), held.span.mode);
        (held.span.relation.oid, weight, held)
    }))
    .filter(|((held, _), _)| *held > limit)
    .map(|(_, held)| blocked(rule, held))
    .collect()
}

fn blocked(rule: &Rule, held: Held<'_>) -> Finding {
    let span = held.span;
    let by = held.taken_by();
    let what = if span.mode.blocks_reads() {
        "reads and writes"
    } else {
        "writes"
    };
    let mut evidence = Vec::new();
    evidence.extend(by.map(|by| format!("taken by `{}`", by.text)));
    let slowest = held.statements().max_by_key(|statement| statement.took);
    if let Some(slowest) = slowest.filter(|slowest| by.is_none_or(|by| by.text != slowest.text)) {
        evidence.push(format!("and kept through `{}`", slowest.text));
    }
    Finding {
        object: Some(span.relation.name.to_string()),
        evidence,
        place: by.and_then(|by| by.place.clone()),
        within: if held.is_index_build_alone() {
            &["index-blocks-writes"]
        } else {
            &[]
        },
        ..rule.finding(format!(
            "{what} of `{}` are blocked for {} by {}",
            span.relation.name,
            human_seconds(span.held()),
            span.mode
        ))
    }
}

/// Index builds that block writes, the longest of each table.
fn index_builds(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let Some(trace) = trace(facts) else {
        return Vec::new();
    };
    let limit = facts.limits.duration(rule);
    let builds = Held::all(trace).filter_map(|held| Some((held, held.index_build()?)));
    heaviest_of_each(builds.map(|(held, by)| (held.span.relation.oid, by.took, (held, by))))
        .filter(|(took, _)| *took > limit)
        .map(|(_, (held, by))| {
            let name = &held.span.relation.name;
            Finding {
                object: Some(name.to_string()),
                sql: concurrently(by),
                evidence: vec![format!("by `{}`", by.text)],
                place: by.place.clone(),
                ..rule.finding(format!(
                    "writes of `{name}` are blocked for {} while an index is built",
                    human_seconds(by.took)
                ))
            }
        })
        .collect()
}

/// The statement that does the same and blocks nobody, where it is the same but for a word.
fn concurrently(statement: &Statement) -> Option<String> {
    let text = &statement.text;
    // A text that lost its values can't be run.
    if statement.tag != "CREATE INDEX" || text.contains('?') {
        return None;
    }
    let place = text.to_lowercase().find(" index ")? + " index ".len();
    Some(format!(
        "{}concurrently {};",
        &text[..place],
        &text[place..]
    ))
}

fn rewrites(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let Some(trace) = trace(facts) else {
        return Vec::new();
    };
    let limit = facts.limits.size(rule);
    let mut findings = Vec::new();
    for statement in &trace.statements {
        for rewrite in &statement.rewrites {
            let is_old = matches!(rewrite.relation.age, Age::Existing { .. });
            if !is_old || rewrite.bytes <= limit {
                continue;
            }
            let name = &rewrite.relation.name;
            findings.push(Finding {
                object: Some(name.to_string()),
                evidence: vec![
                    format!("by `{}`", statement.text),
                    format!("because {}", rewrite.reasons.join(" and ")),
                ],
                place: statement.place.clone(),
                ..rule.finding(format!(
                    "`{name}` with its {} is written anew",
                    human_bytes(rewrite.bytes)
                ))
            });
        }
    }
    findings
}
