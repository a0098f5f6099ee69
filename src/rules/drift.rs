//! `schema-drift` and `fresh-install-broken`: the migrated clone beside a fresh install.

use super::migration::of_failure;
use super::{Facts, Rule};
use crate::schema_diff;
use crate::verdict::{Finding, Level, Stage};

pub(super) static SCHEMA_DRIFT: Rule = Rule {
    id: "schema-drift",
    stage: Stage::SchemaDiff,
    level: Level::Block,
    limit: None,
    summary: "the migrated clone has the schema that a fresh install gets",
    effect: "what is tested on fresh databases is not what runs in production; the next migration is written against the wrong schema",
    remedy: "bring production to the fresh install's schema with a migration, or the fresh install to production's",
    judge: drift,
};

pub(super) static FRESH_INSTALL_BROKEN: Rule = Rule {
    id: "fresh-install-broken",
    stage: Stage::SchemaDiff,
    level: Level::Block,
    limit: None,
    summary: "all migrations run on an empty database",
    effect: "nobody can set up a new installation, a test database or a disaster recovery from the repository",
    remedy: "make the migration independent of production's data, or name what a fresh install has before its migrations in `baseline.init`",
    judge: broken,
};

fn drift(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let Some(schema_diff::Facts::Compared(compared)) = &facts.schema_diff else {
        return Vec::new();
    };
    compared
        .differences
        .iter()
        .map(|difference| {
            let sides = [
                difference
                    .clone
                    .as_ref()
                    .map(|side| format!("migrated clone: {side}")),
                difference
                    .baseline
                    .as_ref()
                    .map(|side| format!("fresh install: {side}")),
            ];
            Finding {
                object: Some(difference.object.clone()),
                sql: difference.remedy.as_ref().map(|sql| {
                    let deletes = ["drop column", "drop table"];
                    let warning = if deletes.iter().any(|words| sql.contains(words)) {
                        ", and deletes the data that only production has"
                    } else {
                        ""
                    };
                    format!("-- brings production to the fresh install's schema{warning}\n{sql}")
                }),
                evidence: sides.into_iter().flatten().collect(),
                ..rule.finding(format!(
                    "{} `{}`: {}",
                    difference.kind, difference.object, difference.what
                ))
            }
        })
        .collect()
}

fn broken(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let Some(schema_diff::Facts::FreshInstallBroken(failed)) = &facts.schema_diff else {
        return Vec::new();
    };
    let finding = of_failure(rule, "a fresh install fails", failed);
    vec![Finding {
        advice: Some(rule.remedy.to_owned()),
        ..finding
    }]
}
