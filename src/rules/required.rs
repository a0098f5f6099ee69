//! `required-table-missing` and `required-extension-missing`: what the policy says must be there.

use super::{Facts, Rule};
use crate::verdict::{Finding, Level, Stage};

pub(super) static REQUIRED_TABLE_MISSING: Rule = Rule {
    id: "required-table-missing",
    stage: Stage::Verify,
    level: Level::Block,
    limit: None,
    summary: "every table of `verify.required_tables` exists after the migration",
    effect: "whatever uses the table fails",
    remedy: "keep the table, or take it out of `verify.required_tables`",
    judge: tables,
};

pub(super) static REQUIRED_EXTENSION_MISSING: Rule = Rule {
    id: "required-extension-missing",
    stage: Stage::Verify,
    level: Level::Block,
    limit: None,
    summary: "every extension of `verify.required_extensions` is installed after the migration",
    effect: "whatever uses the extension's types and functions fails",
    remedy: "create the extension in a migration, or take it out of `verify.required_extensions`",
    judge: extensions,
};

fn tables(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let Some(verify) = &facts.verify else {
        return Vec::new();
    };
    verify
        .missing_tables
        .iter()
        .map(|table| Finding {
            object: Some(table.to_string()),
            ..rule.finding(format!(
                "table `{table}` does not exist after the migration"
            ))
        })
        .collect()
}

fn extensions(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let Some(verify) = &facts.verify else {
        return Vec::new();
    };
    verify
        .missing_extensions
        .iter()
        .map(|name| Finding {
            object: Some(name.clone()),
            sql: Some(format!(
                "create extension if not exists {};",
                crate::text::Ident(name)
            )),
            ..rule.finding(format!(
                "extension `{name}` is not installed after the migration"
            ))
        })
        .collect()
}
