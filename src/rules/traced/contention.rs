//! `contention-queues`: a migration that waits behind a long query, and everybody behind it.

use std::time::Duration;

use super::{Held, trace};
use crate::migrate::ContentionEnding;
use crate::rules::{Facts, Limit, Rule};
use crate::text::human_seconds;
use crate::verdict::{Finding, Level, Stage};

pub(in crate::rules) static CONTENTION_QUEUES: Rule = Rule {
    id: "contention-queues",
    stage: Stage::Migrate,
    level: Level::Block,
    limit: Some(Limit::Duration(Duration::from_secs(5))),
    summary: "beside a long query (`migrations.contention`) the migration gives up within its limit, and nobody queues behind it for longer",
    effect: "one report, one backup, one idle transaction is enough: the migration waits for it, and every request for the table waits behind the migration",
    remedy: "set a `lock_timeout` of a few seconds where the lock is taken, and try again when it gives up",
    judge,
};

fn judge(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let drill = facts
        .migrate
        .as_ref()
        .and_then(|migrate| migrate.contention.as_ref());
    let Some(drill) = drill else {
        return Vec::new();
    };
    let longest = drill.stalls.iter().max_by_key(|stall| stall.took);
    let stalled = longest.map_or(Duration::ZERO, |stall| stall.took);
    let is_queued = drill.ending == ContentionEnding::Queued;
    if !is_queued && stalled <= facts.limits.duration(rule) {
        return Vec::new();
    }
    let table = longest
        .map(|stall| &stall.relation.name)
        .or(drill.tables.first())
        .map(ToString::to_string);
    let name = table.as_deref().unwrap_or_default();
    let message = if is_queued {
        format!(
            "the migration waits for a query on `{name}` for as long as it runs, here {}",
            human_seconds(drill.hold)
        )
    } else {
        format!(
            "the migration waits {} for a query on `{name}` before it gives up",
            human_seconds(stalled)
        )
    };
    let mut waits: Vec<(String, Duration)> = Vec::new();
    for stall in &drill.stalls {
        let what = format!("{} of `{}`", stall.access.as_str(), stall.relation.name);
        match waits.iter_mut().find(|(known, _)| *known == what) {
            Some((_, took)) => *took = (*took).max(stall.took),
            None => waits.push((what, stall.took)),
        }
    }
    waits.sort();
    let by = trace(facts).and_then(|trace| {
        Held::all(trace)
            .filter(|held| held.span.mode.blocks_reads())
            .filter(|held| Some(held.span.relation.name.to_string()) == table)
            .find_map(Held::taken_by)
    });
    let mut evidence: Vec<String> = by
        .map(|by| format!("by `{}`", by.text))
        .into_iter()
        .collect();
    evidence.extend(
        waits
            .into_iter()
            .map(|(what, took)| format!("{what} wait {} behind it", human_seconds(took))),
    );
    vec![Finding {
        object: table.clone(),
        sql: Some("set lock_timeout = '2s';".to_owned()),
        evidence,
        place: by.and_then(|by| by.place.clone()),
        ..rule.finding(message)
    }]
}
