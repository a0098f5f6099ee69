//! `policy-changed`: a change that brings its own gate along.

use super::{Facts, Rule};
use crate::change::PolicyChange;
use crate::verdict::{Finding, Level, Place, Stage};

pub(super) static POLICY_CHANGED: Rule = Rule {
    id: "policy-changed",
    stage: Stage::Preflight,
    level: Level::Warn,
    limit: None,
    summary: "a change that is to be merged leaves the policy as it is",
    effect: "what refuses the next migration is about to be another thing, and this run does not show it",
    remedy: "read the policy's change as what it is: it counts from the next change on",
    judge,
};

fn judge(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let Some(change) = &facts.change else {
        return Vec::new();
    };
    let base: String = change.base.chars().take(7).collect();
    let (file, message, evidence) = match &change.policy {
        PolicyChange::Same => return Vec::new(),
        PolicyChange::Other { file, keys } => (
            file,
            format!("the change has another policy; this run follows the one of its base `{base}`"),
            keys.clone(),
        ),
        PolicyChange::New { file } => (
            file,
            format!(
                "its base `{base}` has no policy; this run follows the one that the change brings"
            ),
            Vec::new(),
        ),
    };
    vec![Finding {
        object: Some(file.clone()),
        evidence,
        place: Some(Place {
            file: file.clone(),
            line: None,
        }),
        ..rule.finding(message)
    }]
}
