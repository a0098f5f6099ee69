//! Rules, levels and allowances put together.

use crate::policy::{Allow, Policy};
use crate::rules::{self, Allowance, Facts};
use crate::verdict::{self, Accepted, Finding, Judged, Level, Place};

/// All findings of a run so far, with what the policy makes of them.
pub fn judge(policy: &Policy, facts: &Facts) -> Vec<Judged> {
    let mut findings = rules::judge(facts);
    let entries: Vec<Allowance<'_>> = policy
        .allow
        .iter()
        .map(|allow| Allowance {
            rule: allow.rule,
            object: allow.object.as_ref().map(crate::policy::ObjectGlob::as_str),
            accepted: &allow.accepted,
            place: Place {
                // As all files that findings name: from the policy's directory.
                file: file_name(policy),
                line: Some(allow.line),
            },
            is_used: findings.iter().any(|finding| fits(allow, finding)),
            could_be_used: rules::by_id(allow.rule).is_some_and(|rule| facts.cover(rule.stage)),
        })
        .collect();
    findings.extend(rules::judge_allowances(&entries, facts.today));
    verdict::judge(
        findings,
        |finding| rules::by_id(finding.rule).map_or(Level::Block, |rule| policy.levels.of(rule)),
        |finding| accepted(policy, facts, finding),
    )
}

fn file_name(policy: &Policy) -> String {
    let name = policy.file.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn accepted(policy: &Policy, facts: &Facts, finding: &Finding) -> Option<Accepted> {
    policy
        .allow
        .iter()
        .find(|allow| fits(allow, finding) && allow.accepted.until >= facts.today)
        .map(|allow| allow.accepted.clone())
}

fn fits(allow: &Allow, finding: &Finding) -> bool {
    allow.rule == finding.rule
        && allow.object.as_ref().is_none_or(|pattern| {
            finding
                .object
                .as_ref()
                .is_some_and(|object| pattern.matches_text(object))
        })
}
