//! Rules judge facts. Pure functions: what they need was observed by a stage.
//!
//! A rule is a record in a static list. Levels are the policy's to change and are applied later, in
//! [`crate::verdict`].

mod allowances;
mod assertions;
mod change;
mod cold;
mod constraints;
mod drift;
mod left;
mod limit;
pub mod lint;
mod migration;
pub mod page;
mod required;
mod restored;
mod rows;
mod smoke;
mod traced;
mod violations;

use jiff::civil::Date;

use crate::change::Change;
use crate::verdict::{Finding, Level, Stage};
use traced::contention::CONTENTION_QUEUES;
use traced::drops::{DROPPED_OBJECT_IN_USE, IRREVERSIBLE_DROP};
use traced::duration::{MIGRATION_TOO_SLOW, STATEMENT_TOO_SLOW};
use traced::locks::{BLOCKING_LOCK, INDEX_BLOCKS_WRITES, TABLE_REWRITE};
use traced::sessions::CONNECTION_BUDGET;
use traced::stalls::{READS_STALLED, WRITES_STALLED};
use traced::transactions::{
    LOCK_HELD_ACROSS_STATEMENTS, MIXED_DDL_AND_BACKFILL, NO_LOCK_TIMEOUT, ROWS_LOCKED,
};

use crate::{clone, migrate, preflight, restore, schema_diff, smoke_ingest, verify};

pub use allowances::{ALLOW_EXPIRED, ALLOW_UNUSED, Allowance, judge as judge_allowances};
pub use limit::{Limit, Limits};
pub use smoke::rule_of;

/// A rule.
pub struct Rule {
    /// Its name in policies and reports.
    pub id: &'static str,
    pub stage: Stage,
    /// Its level where the policy says nothing.
    pub level: Level,
    /// How much it lets pass where the policy says nothing. `None`: the policy has no say in it.
    pub limit: Option<Limit>,
    /// What it refuses, in a sentence.
    pub summary: &'static str,
    /// What it does to the service.
    pub effect: &'static str,
    /// What to do instead.
    pub remedy: &'static str,
    judge: fn(&Rule, &Facts) -> Vec<Finding>,
}

/// Everything that the stages of a run observed. A stage that did not run has no facts.
#[derive(Clone, Default)]
pub struct Facts {
    /// The day by which dates are judged.
    pub today: Date,
    /// How much the policy lets pass.
    pub limits: Limits,
    /// What is to be merged; `None`: a state is rehearsed and not a change.
    pub change: Option<Change>,
    pub lint: Option<preflight::lint::Facts>,
    pub clone: Option<clone::Facts>,
    pub restore: Option<restore::Facts>,
    pub migrate: Option<migrate::Facts>,
    pub verify: Option<verify::Facts>,
    pub schema_diff: Option<schema_diff::Facts>,
    pub smoke: Option<smoke_ingest::Facts>,
}

impl Rule {
    /// A finding of this rule, to be filled in.
    fn finding(&self, message: impl Into<String>) -> Finding {
        Finding {
            rule: self.id,
            stage: self.stage,
            object: None,
            message: message.into(),
            effect: self.effect.to_owned(),
            advice: Some(self.remedy.to_owned()),
            sql: None,
            evidence: Vec::new(),
            place: None,
            within: &[],
            settled: None,
        }
    }
}

/// Every rule that is a record of its own, in the order in which its facts come to be. Those of the
/// lint are in [`lint::ALL`].
pub const ALL: &[&Rule] = &[
    &change::POLICY_CHANGED,
    &left::CLONE_LEFT,
    &restored::RESTORE_INCOMPLETE,
    &violations::NOT_NULL_VIOLATED,
    &violations::UNIQUE_VIOLATED,
    &violations::FOREIGN_KEY_VIOLATED,
    &violations::CHECK_VIOLATED,
    &migration::MIGRATION_FAILED,
    &migration::MIGRATION_TIMEOUT,
    &migration::PENDING_MISMATCH,
    &INDEX_BLOCKS_WRITES,
    &BLOCKING_LOCK,
    &READS_STALLED,
    &WRITES_STALLED,
    &TABLE_REWRITE,
    &MIXED_DDL_AND_BACKFILL,
    &LOCK_HELD_ACROSS_STATEMENTS,
    &ROWS_LOCKED,
    &NO_LOCK_TIMEOUT,
    &CONTENTION_QUEUES,
    &STATEMENT_TOO_SLOW,
    &MIGRATION_TOO_SLOW,
    &IRREVERSIBLE_DROP,
    &CONNECTION_BUDGET,
    &migration::HOLD_BACK_OVERDUE,
    &constraints::CONSTRAINT_NOT_VALIDATED,
    &constraints::INDEX_NOT_VALID,
    &required::REQUIRED_TABLE_MISSING,
    &required::REQUIRED_EXTENSION_MISSING,
    &rows::ROWS_LOST,
    &rows::ROWS_GAINED,
    &assertions::ASSERTION_FAILED,
    &drift::SCHEMA_DRIFT,
    &drift::FRESH_INSTALL_BROKEN,
    &smoke::APP_NOT_READY,
    &smoke::APP_CRASHED,
    &smoke::INGEST_FAILED,
    &smoke::PAGE_FAILED,
    &smoke::LOG_PATTERN,
    &smoke::APP_SQL_ERROR,
    &DROPPED_OBJECT_IN_USE,
    &ALLOW_EXPIRED,
    &ALLOW_UNUSED,
];

/// Every rule that a policy can name.
pub fn every() -> impl Iterator<Item = &'static Rule> {
    let family = lint::ALL.iter().map(|lint| &lint.rule);
    ALL.iter().copied().chain(family)
}

/// The rule of that name.
pub fn by_id(id: &str) -> Option<&'static Rule> {
    every().find(|rule| rule.id == id)
}

/// What all rules find.
pub fn judge(facts: &Facts) -> Vec<Finding> {
    ALL.iter()
        .flat_map(|rule| cold::marked(rule, facts, (rule.judge)(rule, facts)))
        .chain(lint::judge(facts))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Facts, by_id, every, judge};

    #[test]
    fn names_are_unique_and_found() {
        let names: BTreeSet<&str> = every().map(|rule| rule.id).collect();
        assert_eq!(names.len(), every().count());
        assert!(by_id("schema-drift").is_some());
        assert!(by_id("schema_drift").is_none());
    }

    #[test]
    fn nothing_observed_is_nothing_found() {
        assert_eq!(judge(&Facts::default()), []);
    }
}
