//! `not-null-violated`, `unique-violated`, `foreign-key-violated`, `check-violated`: the migration
//! asks for what production's rows do not keep.

use super::{Facts, Rule};
use crate::migrate::{FailedMigration, MigrationResult, Violation, ViolationKind};
use crate::text::{count_of, human_count, one_line};
use crate::verdict::{Finding, Level, Stage};

/// So much of a statement is shown.
const STATEMENT: usize = 400;

pub(super) static NOT_NULL_VIOLATED: Rule = Rule {
    id: "not-null-violated",
    stage: Stage::Migrate,
    level: Level::Block,
    limit: None,
    summary: "no row has a NULL where the migration forbids it",
    effect: "the deployment stops in the middle: the statement fails in production as it failed here",
    remedy: "fill the NULLs in a migration before this one",
    judge: |rule, facts| judge(rule, facts, ViolationKind::NotNull),
};

pub(super) static UNIQUE_VIOLATED: Rule = Rule {
    id: "unique-violated",
    stage: Stage::Migrate,
    level: Level::Block,
    limit: None,
    summary: "no two rows share a key that the migration makes unique",
    effect: "the deployment stops in the middle: the statement fails in production as it failed here",
    remedy: "merge or rename the duplicates in a migration before this one, and keep new ones out until it runs",
    judge: |rule, facts| judge(rule, facts, ViolationKind::Unique),
};

pub(super) static FOREIGN_KEY_VIOLATED: Rule = Rule {
    id: "foreign-key-violated",
    stage: Stage::Migrate,
    level: Level::Block,
    limit: None,
    summary: "every row has the parent that the migration's foreign key asks for",
    effect: "the deployment stops in the middle: the statement fails in production as it failed here",
    remedy: "repair or remove the rows without a parent in a migration before this one",
    judge: |rule, facts| judge(rule, facts, ViolationKind::ForeignKey),
};

pub(super) static CHECK_VIOLATED: Rule = Rule {
    id: "check-violated",
    stage: Stage::Migrate,
    level: Level::Block,
    limit: None,
    summary: "every row keeps the condition that the migration's check asks for",
    effect: "the deployment stops in the middle: the statement fails in production as it failed here",
    remedy: "repair the rows in a migration before this one, or widen the check if they are right",
    judge: |rule, facts| judge(rule, facts, ViolationKind::Check),
};

fn judge(rule: &Rule, facts: &Facts, kind: ViolationKind) -> Vec<Finding> {
    let Some(MigrationResult::Failed(failed)) = facts.migrate.as_ref().map(|facts| &facts.result)
    else {
        return Vec::new();
    };
    match &failed.violation {
        Some(violation) if violation.kind == kind => vec![of(rule, failed, violation)],
        _ => Vec::new(),
    }
}

fn of(rule: &Rule, failed: &FailedMigration, violation: &Violation) -> Finding {
    let Violation { table, what, .. } = violation;
    let rows = match (violation.rows, violation.of) {
        (Some(rows), Some(of)) => Some(format!("{} of {}", human_count(rows), count_of(of, "row"))),
        _ => None,
    };
    let some = rows.unwrap_or_else(|| "some rows".to_owned());
    let verb =
        |one: &'static str, more: &'static str| if violation.rows == Some(1) { one } else { more };
    let message = match violation.kind {
        ViolationKind::NotNull => {
            format!(
                "{some} of `{table}` {} NULL in `{what}`, which the migration makes NOT NULL",
                verb("has", "have")
            )
        }
        ViolationKind::Unique => {
            format!(
                "{some} of `{table}` share their `({what})` with another, which the migration makes unique"
            )
        }
        ViolationKind::ForeignKey => {
            format!(
                "{some} of `{table}` {} no parent for `({what})`, which the migration makes a foreign key",
                verb("has", "have")
            )
        }
        ViolationKind::Check => {
            format!(
                "{some} of `{table}` {} the check `{what}` of the migration",
                verb("breaks", "break")
            )
        }
    };
    let mut evidence = Vec::new();
    if let Some(error) = &failed.error {
        evidence.push(format!("the server said: {error}"));
    }
    if let Some(statement) = &failed.statement {
        evidence.push(format!("statement: {}", one_line(statement, STATEMENT)));
    }
    Finding {
        object: Some(match violation.kind {
            ViolationKind::NotNull => format!("{table}.{what}"),
            _ => table.clone(),
        }),
        sql: violation
            .query
            .as_ref()
            .map(|query| format!("-- finds the rows, on a copy of production\n{query}")),
        evidence,
        place: failed.place.clone(),
        ..rule.finding(message)
    }
}
