//! `blocking-lock` and `table-rewrite`: what the application would have waited for.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Facts, Limit, Rule};
use crate::text::{human_bytes, human_seconds};
use crate::trace::{Age, LockMode, LockSpan, Statement, Trace};
use crate::verdict::{Finding, Level, Stage};

pub(super) static BLOCKING_LOCK: Rule = Rule {
    id: "blocking-lock",
    stage: Stage::Migrate,
    level: Level::Block,
    limit: Some(Limit::Duration(Duration::from_secs(1))),
    summary: "no lock blocks reads or writes of an existing table for longer than its limit",
    effect: "requests that need the table wait that long, and whatever queues behind them; with enough traffic no connection is left",
    remedy: "take the lock in a short transaction of its own, with a `lock_timeout`, and do what takes long before or after it, under a weaker lock",
    judge: blocking_locks,
};

pub(super) static TABLE_REWRITE: Rule = Rule {
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
    let mut longest: BTreeMap<u32, (usize, &LockSpan)> = BTreeMap::new();
    for (number, transaction) in trace.transactions.iter().enumerate() {
        for span in &transaction.locks {
            if !span.is_felt() || span.held() <= limit {
                continue;
            }
            let known = longest.entry(span.relation.oid).or_insert((number, span));
            // Of two that were held as long, the one that blocks more.
            if (span.held(), span.mode) > (known.1.held(), known.1.mode) {
                *known = (number, span);
            }
        }
    }
    longest
        .into_values()
        .map(|(number, span)| blocked(rule, trace, number, span))
        .collect()
}

fn blocked(rule: &Rule, trace: &Trace, number: usize, span: &LockSpan) -> Finding {
    let of_transaction = || {
        trace
            .statements
            .iter()
            .filter(move |statement| statement.transaction == number)
    };
    let by = of_transaction().find(|statement| statement.is_first_with(span));
    let what = if span.mode.blocks_reads() {
        "reads and writes"
    } else {
        "writes"
    };
    let mut evidence = Vec::new();
    evidence.extend(by.map(|by| format!("taken by `{}`", by.text)));
    let slowest = of_transaction().max_by_key(|statement| statement.took);
    if let Some(slowest) = slowest.filter(|slowest| by.is_none_or(|by| by.text != slowest.text)) {
        evidence.push(format!("and kept through `{}`", slowest.text));
    }
    Finding {
        object: Some(span.relation.name.to_string()),
        sql: by.and_then(|by| concurrently(by, span.mode)),
        evidence,
        place: by.and_then(|by| by.place.clone()),
        ..rule.finding(format!(
            "{what} of `{}` are blocked for {} by {}",
            span.relation.name,
            human_seconds(span.held()),
            span.mode
        ))
    }
}

/// The statement that does the same and blocks nobody, where it is the same but for a word.
fn concurrently(statement: &Statement, mode: LockMode) -> Option<String> {
    let text = &statement.text;
    // A text that lost its values can't be run.
    if statement.tag != "CREATE INDEX" || mode != LockMode::Share || text.contains('?') {
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

fn trace(facts: &Facts) -> Option<&Trace> {
    Some(&facts.migrate.as_ref()?.trace)
}
