//! `clone-left`: a clone that a provider made is still there.

use super::{Facts, Rule};
use crate::verdict::{Finding, Level, Stage};

pub(super) static CLONE_LEFT: Rule = Rule {
    id: "clone-left",
    stage: Stage::Clone,
    // It says nothing of the migration.
    level: Level::Warn,
    limit: None,
    summary: "a clone that a provider made is deleted when the run ends",
    effect: "production's data stays where nobody looks after it, and costs money until it is deleted",
    remedy: "delete it with `pgrehearse sweep`; a scheduled job that sweeps finds what no run could delete",
    judge,
};

fn judge(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let left = facts.clone.iter().flat_map(|clone| &clone.left);
    left.map(|left| Finding {
        object: Some(left.clone.clone()),
        advice: Some(left.cure()),
        ..rule.finding(left.describe())
    })
    .collect()
}
