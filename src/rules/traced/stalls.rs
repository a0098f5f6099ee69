//! `reads-stalled` and `writes-stalled`: how long the application would have waited.

use std::time::Duration;

use super::{CLOSE, Held, heaviest_of_each, trace};
use crate::rules::{Facts, Limit, Rule};
use crate::text::human_seconds;
use crate::trace::{Access, Stall, Trace};
use crate::verdict::{Finding, Level, Stage};

pub(in crate::rules) static READS_STALLED: Rule = Rule {
    id: "reads-stalled",
    stage: Stage::Migrate,
    level: Level::Block,
    limit: Some(Limit::Duration(Duration::from_secs(1))),
    summary: "no read of an existing table waits longer than its limit",
    effect: "every page that reads the table waits that long; with enough traffic no connection is left",
    remedy: "take the lock in a short transaction of its own, with a `lock_timeout`, and do what takes long under a weaker lock",
    judge: |rule, facts| stalled(rule, facts, Access::Reads),
};

pub(in crate::rules) static WRITES_STALLED: Rule = Rule {
    id: "writes-stalled",
    stage: Stage::Migrate,
    level: Level::Block,
    limit: Some(Limit::Duration(Duration::from_secs(1))),
    summary: "no write of an existing table waits longer than its limit",
    effect: "every INSERT, UPDATE and DELETE of the table waits that long, and so does whoever sent it",
    remedy: "do what takes long in a way that lets writes go on: an index CONCURRENTLY, a constraint NOT VALID first and VALIDATE later, rows in batches",
    judge: |rule, facts| stalled(rule, facts, Access::Writes),
};

/// The longest stall of each table.
fn stalled(rule: &Rule, facts: &Facts, access: Access) -> Vec<Finding> {
    let Some(trace) = trace(facts) else {
        return Vec::new();
    };
    let limit = facts.limits.duration(rule);
    let stalls = trace.stalls.iter().filter(|stall| stall.access == access);
    heaviest_of_each(stalls.map(|stall| (stall.relation.oid, stall.took, stall)))
        .filter(|(took, _)| *took > limit)
        .map(|(_, stall)| {
            let name = &stall.relation.name;
            let by = stall
                .statement
                .and_then(|place| trace.statements.get(place));
            Finding {
                object: Some(name.to_string()),
                evidence: by
                    .map(|by| format!("behind `{}`", by.text))
                    .into_iter()
                    .collect(),
                place: by.and_then(|by| by.place.clone()),
                within: told_with(trace, stall),
                ..rule.finding(format!(
                    "{} of `{name}` wait {}",
                    access.as_str(),
                    human_seconds(stall.took)
                ))
            }
        })
        .collect()
}

/// The rules that tell of the same wait as a lock, or as the wait of reads.
fn told_with(trace: &Trace, stall: &Stall) -> &'static [&'static str] {
    // A stall lasts as long as the lock behind it, and a canary's way longer.
    let ended = stall.began + stall.took;
    let one_lock = Held::all(trace).find(|held| {
        held.span.relation.oid == stall.relation.oid
            && held.span.acquired <= stall.began + CLOSE
            && held.span.released + CLOSE >= ended
    });
    let is_the_reads = stall.access == Access::Writes
        && trace.stalls.iter().any(|reads| {
            reads.access == Access::Reads
                && reads.relation.oid == stall.relation.oid
                && reads.began <= stall.began + CLOSE
                && reads.began + reads.took + CLOSE >= ended
        });
    match (one_lock, is_the_reads) {
        (Some(lock), _) if lock.is_index_build_alone() => {
            &["index-blocks-writes", "blocking-lock", "reads-stalled"]
        }
        (Some(_), _) => &["blocking-lock", "reads-stalled"],
        (None, true) => &["reads-stalled"],
        (None, false) => &[],
    }
}
