//! `connection-budget`: a migration that opens more sessions than production has to spare.

use super::trace;
use crate::policy::Percent;
use crate::rules::{Facts, Limit, Rule};
use crate::text::count_of;
use crate::verdict::{Finding, Level, Stage};

pub(in crate::rules) static CONNECTION_BUDGET: Rule = Rule {
    id: "connection-budget",
    stage: Stage::Migrate,
    level: Level::Warn,
    limit: Some(Limit::Percent(Percent(10.0))),
    summary: "the migration opens no larger share of `max_connections` than its limit",
    effect: "the application's pool holds most sessions already: the migration, or the application, is refused with \"too many clients\"",
    remedy: "give the tool one connection: its pool's size, or its number of workers",
    judge,
};

fn judge(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let Some(trace) = trace(facts) else {
        return Vec::new();
    };
    let limit = facts.limits.percent(rule);
    let sessions = trace.sessions;
    // One is the least that can be opened.
    if sessions.most <= limit.of(sessions.allowed).max(1) {
        return Vec::new();
    }
    vec![rule.finding(format!(
        "the migration has {} open at once, of {} that the server allows",
        count_of(sessions.most, "session"),
        sessions.allowed
    ))]
}
