//! `allow-expired` and `allow-unused`: the policy's own exceptions, which must not outlive their
//! reason.

use jiff::civil::Date;

use super::{Facts, Rule};
use crate::verdict::{Accepted, Finding, Level, Place, Stage};

pub static ALLOW_EXPIRED: Rule = Rule {
    id: "allow-expired",
    stage: Stage::Preflight,
    level: Level::Warn,
    limit: None,
    summary: "no entry of `allow` is past its last day",
    effect: "an exception that nobody looks at again becomes the rule",
    remedy: "repair what the entry accepts, or give it a new day and a reason",
    judge: |_, _| Vec::new(),
};

pub static ALLOW_UNUSED: Rule = Rule {
    id: "allow-unused",
    stage: Stage::Preflight,
    level: Level::Warn,
    limit: None,
    summary: "every entry of `allow` accepts something",
    effect: "an exception without its cause would hide the next finding that fits it",
    remedy: "delete the entry, or mend its `object` if that is misspelt",
    judge: |_, _| Vec::new(),
};

/// An entry of `allow`, and what it did in this run.
pub struct Allowance<'a> {
    pub rule: &'a str,
    /// The pattern it was written with.
    pub object: Option<&'a str>,
    pub accepted: &'a Accepted,
    pub place: Place,
    /// Whether a finding fits it.
    pub is_used: bool,
    /// Whether the stage of its rule ran, so that a finding could have come.
    pub could_be_used: bool,
}

/// Judges the entries. An expired one accepts nothing.
pub fn judge(entries: &[Allowance<'_>], today: Date) -> Vec<Finding> {
    entries
        .iter()
        .filter_map(|entry| {
            let about = match entry.object {
                Some(object) => {
                    format!("the `allow` entry for `{}` on `{object}`", entry.rule)
                }
                None => format!("the `allow` entry for `{}`", entry.rule),
            };
            let (rule, message) = if entry.accepted.until < today && entry.is_used {
                (
                    &ALLOW_EXPIRED,
                    format!(
                        "{about} ended on {}, and what it accepted is still there",
                        entry.accepted.until
                    ),
                )
            } else if !entry.is_used && entry.could_be_used {
                (
                    &ALLOW_UNUSED,
                    format!("{about} accepts nothing: no finding fits it"),
                )
            } else {
                return None;
            };
            Some(Finding {
                object: entry.object.map(str::to_owned),
                evidence: vec![format!("its reason: {}", entry.accepted.reason)],
                place: Some(entry.place.clone()),
                ..rule.finding(message)
            })
        })
        .collect()
}

impl Facts {
    /// Whether the stage of a rule observed anything.
    pub fn cover(&self, stage: Stage) -> bool {
        match stage {
            // What is pending is known only then.
            Stage::Preflight => self.lint.is_some() && self.migrate.is_some(),
            Stage::Clone => self.clone.is_some(),
            Stage::Restore => self.restore.is_some(),
            Stage::Migrate => self.migrate.is_some(),
            Stage::Verify => self.verify.is_some(),
            Stage::SchemaDiff => self.schema_diff.is_some(),
            Stage::SmokeIngest => self.smoke.is_some(),
        }
    }
}
