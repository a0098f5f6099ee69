//! `restore-incomplete`: the clone is not all of production.

use super::{Facts, Rule};
use crate::text::count_of;
use crate::verdict::{Finding, Level, Stage};

pub(super) static RESTORE_INCOMPLETE: Rule = Rule {
    id: "restore-incomplete",
    stage: Stage::Restore,
    level: Level::Block,
    limit: None,
    summary: "every table and every row of the source is in the clone, and every restore error is explained",
    effect: "a migration that ran on a part of production says nothing of the rest",
    remedy: "dump production again, whole; if the error does no harm, accept it in `restore.accept_errors` with the reason",
    judge,
};

fn judge(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let Some(restore) = &facts.restore else {
        return Vec::new();
    };
    let fidelity = &restore.fidelity;
    let missing = fidelity.missing_tables.iter().map(|table| Finding {
        object: Some(table.clone()),
        ..rule.finding(format!("table `{table}` of the source is not in the clone"))
    });
    let rows = fidelity.row_mismatches.iter().map(|mismatch| Finding {
        object: Some(mismatch.table.clone()),
        ..rule.finding(format!(
            "`{}` has {} in the clone and {} in the source",
            mismatch.table,
            count_of(mismatch.found, "row"),
            count_of(mismatch.expected, "row")
        ))
    });
    let without_data = fidelity.tables_without_data.iter().map(|table| Finding {
        object: Some(table.clone()),
        advice: Some(
            "dump production with its rows; if those of this table are left out on purpose, name it in `restore.exclude_data`"
                .to_owned(),
        ),
        ..rule.finding(format!("the dump has table `{table}` and does not have its rows"))
    });
    let errors = restore.errors.iter().map(|error| {
        let about = if error.about.is_empty() {
            &error.statement
        } else {
            &error.about
        };
        Finding {
            object: (!about.is_empty()).then(|| about.clone()),
            ..rule.finding(format!(
                "restoring {} failed: {}",
                shown(about),
                error.message
            ))
        }
    });
    missing
        .chain(rows)
        .chain(without_data)
        .chain(errors)
        .collect()
}

/// A part of the dump by its name, or a line of it by its number.
fn shown(about: &str) -> String {
    if about.starts_with("line ") && about.ends_with(" of the dump") {
        about.to_owned()
    } else {
        format!("`{about}`")
    }
}
