//! `constraint-not-validated` and `index-not-valid`: what the migration left half done.

use super::{Facts, Rule};
use crate::text::Ident;
use crate::verdict::{Finding, Level, Stage};
use crate::verify::{Flaw, FlawKind};

pub(super) static CONSTRAINT_NOT_VALIDATED: Rule = Rule {
    id: "constraint-not-validated",
    stage: Stage::Verify,
    level: Level::Block,
    limit: None,
    summary: "the migration leaves no constraint NOT VALID",
    effect: "old rows may break the constraint, any update of such a row then fails, and the planner does not trust it",
    remedy: "validate it in a later migration: that reads the table and does not block writes",
    judge: |rule, facts| {
        judge(
            rule,
            facts,
            &[FlawKind::NotValidated, FlawKind::DomainNotValidated],
        )
    },
};

pub(super) static INDEX_NOT_VALID: Rule = Rule {
    id: "index-not-valid",
    stage: Stage::Verify,
    level: Level::Block,
    limit: None,
    summary: "the migration leaves no index invalid or not ready",
    effect: "queries do not use the index, writes pay for it, and uniqueness is not guaranteed",
    remedy: "drop it and build it again",
    judge: |rule, facts| judge(rule, facts, &[FlawKind::NotValid]),
};

fn judge(rule: &Rule, facts: &Facts, kinds: &[FlawKind]) -> Vec<Finding> {
    let Some(verify) = &facts.verify else {
        return Vec::new();
    };
    verify
        .new_flaws
        .iter()
        .filter(|flaw| kinds.contains(&flaw.kind))
        .map(|flaw| {
            let (table, name) = (&flaw.table, Ident(&flaw.name));
            let (message, sql) = match flaw.kind {
                FlawKind::NotValidated => (
                    format!("constraint `{name}` on `{table}` is not validated"),
                    format!("alter table {table} validate constraint {name};"),
                ),
                FlawKind::DomainNotValidated => (
                    format!("constraint `{name}` of domain `{table}` is not validated"),
                    format!("alter domain {table} validate constraint {name};"),
                ),
                // `ON ONLY` leaves a partitioned table's index invalid until each partition has one.
                FlawKind::NotValid if flaw.definition.contains(" ON ONLY ") => {
                    return attach(rule, flaw);
                }
                FlawKind::NotValid => {
                    let schema = Ident(&flaw.table.schema);
                    (
                        format!("index `{name}` on `{table}` is not valid"),
                        format!(
                            "drop index concurrently {schema}.{name};\n{};",
                            flaw.definition
                                .replacen(" INDEX ", " INDEX CONCURRENTLY ", 1)
                        ),
                    )
                }
            };
            Finding {
                object: Some(format!("{}.{name}", flaw.table)),
                sql: Some(sql),
                evidence: vec![format!("definition: {}", flaw.definition)],
                ..rule.finding(message)
            }
        })
        .collect()
}

/// The index of a partitioned table, which waits for those of its partitions.
fn attach(rule: &Rule, flaw: &Flaw) -> Finding {
    let (schema, name) = (Ident(&flaw.table.schema), Ident(&flaw.name));
    Finding {
        object: Some(format!("{}.{name}", flaw.table)),
        advice: Some(format!(
            "build the same index on each partition with CREATE INDEX CONCURRENTLY, then `alter index {schema}.{name} attach partition` each of them"
        )),
        evidence: vec![format!("definition: {}", flaw.definition)],
        ..rule.finding(format!(
            "index `{name}` on partitioned table `{}` is not valid: a partition has no index for it",
            flaw.table
        ))
    }
}
