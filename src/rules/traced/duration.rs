//! `migration-too-slow` and `statement-too-slow`: what takes longer than a deploy has.

use std::time::Duration;

use super::trace;
use crate::rules::{Facts, Limit, Rule};
use crate::text::human_seconds;
use crate::trace::Inside;
use crate::verdict::{Finding, Level, Stage};

pub(in crate::rules) static MIGRATION_TOO_SLOW: Rule = Rule {
    id: "migration-too-slow",
    stage: Stage::Migrate,
    level: Level::Warn,
    limit: Some(Limit::Duration(Duration::from_secs(15 * 60))),
    summary: "the migration takes no longer than its limit",
    effect: "the deploy waits that long, and production has more load and perhaps slower disks than the clone",
    remedy: "move what takes long out of the deploy: indexes CONCURRENTLY, rows in a job of their own",
    judge: slow_migration,
};

pub(in crate::rules) static STATEMENT_TOO_SLOW: Rule = Rule {
    id: "statement-too-slow",
    stage: Stage::Migrate,
    level: Level::Warn,
    limit: Some(Limit::Duration(Duration::from_secs(60))),
    summary: "no statement takes longer than its limit",
    effect: "it holds its locks and its snapshot that long, keeps VACUUM from cleaning up, and starts again from nothing when it is stopped",
    remedy: "split it: rows in batches that each commit, an index CONCURRENTLY, a constraint NOT VALID first and VALIDATE later",
    judge: slow_statements,
};

fn slow_migration(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let Some(migrate) = &facts.migrate else {
        return Vec::new();
    };
    if migrate.took <= facts.limits.duration(rule) {
        return Vec::new();
    }
    let slowest = migrate
        .trace
        .statements
        .iter()
        .max_by_key(|statement| statement.took);
    vec![Finding {
        evidence: slowest
            .map(|slowest| format!("the longest statement is `{}`", slowest.text))
            .into_iter()
            .collect(),
        place: slowest.and_then(|slowest| slowest.place.clone()),
        ..rule.finding(format!(
            "the migration takes {}",
            human_seconds(migrate.took)
        ))
    }]
}

fn slow_statements(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let limit = facts.limits.duration(rule);
    trace(facts)
        .into_iter()
        .flat_map(|trace| &trace.statements)
        .filter(|statement| statement.inside == Inside::Nothing && statement.took > limit)
        .map(|statement| Finding {
            object: statement.place.as_ref().map(|place| place.file.clone()),
            evidence: vec![format!("`{}`", statement.text)],
            place: statement.place.clone(),
            ..rule.finding(format!(
                "{} takes {}",
                statement.tag,
                human_seconds(statement.took)
            ))
        })
        .collect()
}
