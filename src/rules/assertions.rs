//! `assertion-failed`: what the policy asserts of the migrated clone does not hold.

use super::{Facts, Rule};
use crate::verdict::{Finding, Level, Stage};
use crate::verify::Held;

pub(super) static ASSERTION_FAILED: Rule = Rule {
    id: "assertion-failed",
    stage: Stage::Verify,
    level: Level::Block,
    limit: None,
    summary: "every query of `verify.assertions` returns what is expected",
    effect: "production's data would not be what the policy says it must be",
    remedy: "repair the migration, or the assertion if it no longer says what is meant",
    judge,
};

fn judge(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let Some(verify) = &facts.verify else {
        return Vec::new();
    };
    verify
        .assertions
        .iter()
        .filter_map(|assertion| {
            let what = match &assertion.held {
                Held::Yes => return None,
                Held::No(found) => format!("{found}, expected `{}`", assertion.expected),
                Held::Refused(said) => format!("the query is refused: {said}"),
            };
            Some(Finding {
                object: Some(assertion.name.clone()),
                sql: Some(assertion.sql.trim().to_owned()),
                ..rule.finding(format!("\"{}\" does not hold: {what}", assertion.name))
            })
        })
        .collect()
}
