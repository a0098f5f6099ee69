//! `rows-lost` and `rows-gained`: tables whose number of rows is not what the policy allows.

use super::{Facts, Rule};
use crate::policy::RowsRule;
use crate::text::{count_of, human_count};
use crate::verdict::{Finding, Level, Stage};
use crate::verify::RowChange;

pub(super) static ROWS_LOST: Rule = Rule {
    id: "rows-lost",
    stage: Stage::Verify,
    level: Level::Block,
    limit: None,
    summary: "no table has fewer rows than `verify.rows` allows",
    effect: "the data is gone in production too, and only a backup brings it back",
    remedy: "look for the DELETE, TRUNCATE, DROP or join that removed them; if the loss is meant, say so in `verify.rows.tables`",
    judge: |rule, facts| judge(rule, facts, lost),
};

pub(super) static ROWS_GAINED: Rule = Rule {
    id: "rows-gained",
    stage: Stage::Verify,
    level: Level::Warn,
    limit: None,
    summary: "no table has more rows than `verify.rows` allows",
    effect: "rows appear twice or by surprise; a second run of the migration may add them again",
    remedy: "look for the INSERT that added them, and make it safe to run twice; if the rows are meant, say so in `verify.rows.tables`",
    judge: |rule, facts| judge(rule, facts, gained),
};

fn judge(rule: &Rule, facts: &Facts, is_found: fn(&RowChange) -> bool) -> Vec<Finding> {
    let Some(verify) = &facts.verify else {
        return Vec::new();
    };
    verify
        .row_changes
        .iter()
        .filter(|change| is_found(change))
        .map(|change| Finding {
            object: Some(change.table.to_string()),
            evidence: vec![format!("`verify.rows` says `{}`", change.rule.written())],
            ..rule.finding(describe(change))
        })
        .collect()
}

fn describe(change: &RowChange) -> String {
    let table = &change.table;
    match change.after {
        None => format!(
            "`{table}` is dropped with its {}",
            count_of(change.before, "row")
        ),
        Some(after) => {
            let difference = after.abs_diff(change.before);
            let word = if after < change.before {
                "fewer"
            } else {
                "more"
            };
            let noun = if difference == 1 { "row" } else { "rows" };
            format!(
                "`{table}` has {} {word} {noun} than before: {} instead of {}",
                human_count(difference),
                human_count(after),
                human_count(change.before)
            )
        }
    }
}

fn lost(change: &RowChange) -> bool {
    let after = change.after.unwrap_or(0);
    let missing = change.before.saturating_sub(after);
    missing > 0
        && match change.rule {
            RowsRule::Unchanged | RowsRule::MayGrow => true,
            RowsRule::MayShrink | RowsRule::Any => false,
            RowsRule::Within(share) => missing > share.of(change.before),
        }
}

fn gained(change: &RowChange) -> bool {
    let more = change.after.unwrap_or(0).saturating_sub(change.before);
    more > 0
        && match change.rule {
            RowsRule::Unchanged | RowsRule::MayShrink => true,
            RowsRule::MayGrow | RowsRule::Any => false,
            RowsRule::Within(share) => more > share.of(change.before),
        }
}

#[cfg(test)]
mod tests {
    use super::{describe, gained, lost};
    use crate::policy::{Percent, RowsRule};
    use crate::text::QualifiedName;
    use crate::verify::RowChange;

    fn change(before: u64, after: Option<u64>, rule: RowsRule) -> RowChange {
        RowChange {
            table: QualifiedName::new("public", "orders"),
            before,
            after,
            rule,
        }
    }

    #[test]
    fn the_policy_says_what_is_a_loss() {
        let share = RowsRule::Within(Percent::parse("10%").expect("valid"));
        for (rule, losing, gaining) in [
            (RowsRule::Unchanged, true, true),
            (RowsRule::MayGrow, true, false),
            (RowsRule::MayShrink, false, true),
            (RowsRule::Any, false, false),
            (share, true, true),
        ] {
            assert_eq!(lost(&change(100, Some(80), rule)), losing, "{rule:?}");
            assert_eq!(gained(&change(100, Some(120), rule)), gaining, "{rule:?}");
        }
        assert!(!lost(&change(100, Some(90), share)));
        assert!(lost(&change(100, None, RowsRule::Unchanged)));
        assert!(!lost(&change(100, Some(100), RowsRule::Unchanged)));
    }

    #[test]
    fn numbers_are_told() {
        assert_eq!(
            describe(&change(1200, Some(1199), RowsRule::Unchanged)),
            "`public.orders` has 1 fewer row than before: 1,199 instead of 1,200"
        );
        assert_eq!(
            describe(&change(1200, None, RowsRule::Unchanged)),
            "`public.orders` is dropped with its 1,200 rows"
        );
    }
}
