//! `migration-failed`, `migration-timeout`, `pending-mismatch`, `hold-back-overdue`: what became of
//! the migration as a whole.

use super::{Facts, Rule};
use crate::migrate::{FailedMigration, MigrationResult};
use crate::text::{human_seconds, one_line};
use crate::verdict::{Finding, Level, Place, Stage};

pub(super) static MIGRATION_FAILED: Rule = Rule {
    id: "migration-failed",
    stage: Stage::Migrate,
    level: Level::Block,
    limit: None,
    summary: "the migration runs to its end",
    effect: "the deployment stops in the middle: it fails in production as it failed here",
    remedy: "repair the statement; what ran before it may have to be undone by hand",
    judge: failed,
};

pub(super) static MIGRATION_TIMEOUT: Rule = Rule {
    id: "migration-timeout",
    stage: Stage::Migrate,
    level: Level::Block,
    limit: None,
    summary: "the migration ends within `migrations.max_duration`",
    effect: "the deployment would hang, with whatever locks the migration holds",
    remedy: "do the work in batches, or raise `migrations.max_duration` if this long is meant",
    judge: timed_out,
};

pub(super) static PENDING_MISMATCH: Rule = Rule {
    id: "pending-mismatch",
    stage: Stage::Migrate,
    level: Level::Block,
    limit: None,
    summary: "every pending migration file was run",
    effect: "the deployment ends without an error and without the change; the code that needs it fails",
    remedy: "give the file the name and number that the tool looks for: tools pass over files that are named otherwise, or are older than what they have applied",
    judge: skipped,
};

pub(super) static HOLD_BACK_OVERDUE: Rule = Rule {
    id: "hold-back-overdue",
    stage: Stage::Migrate,
    level: Level::Warn,
    limit: None,
    summary: "no held-back migration is past its day",
    effect: "the second half of a change is forgotten: nobody rehearses it, and it may never run",
    remedy: "take the file out of `migrations.hold_back`, or give it a new day and a reason",
    judge: overdue,
};

fn failed(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let Some(MigrationResult::Failed(failed)) = facts.migrate.as_ref().map(|facts| &facts.result)
    else {
        return Vec::new();
    };
    // A row that breaks a constraint has a rule of its own.
    if failed.violation.is_some() {
        return Vec::new();
    }
    vec![of_failure(rule, "the migration failed", failed)]
}

/// A failure as a finding of `rule`.
pub(super) fn of_failure(rule: &Rule, what: &str, failed: &FailedMigration) -> Finding {
    // What `npm` says last of every failure.
    let telling = |line: &&String| !line.contains("A complete log of this run");
    let message = match (&failed.error, failed.said.iter().rfind(telling)) {
        (Some(error), _) => format!("{what}: {error}"),
        (None, Some(said)) => format!("{what} ({}): {}", failed.how, one_line(said, 200)),
        (None, None) => format!("{what} ({})", failed.how),
    };
    let mut evidence: Vec<String> = failed
        .statement
        .iter()
        .map(|statement| format!("statement: {}", one_line(statement, 400)))
        .collect();
    if failed.error.is_none() || failed.place.is_none() {
        evidence.extend(failed.said.iter().map(|line| format!("output: {line}")));
    }
    let sqlstate = failed.error.as_ref().map(|error| error.sqlstate.as_str());
    let remedy = match sqlstate {
        Some(sqlstate) => advice_for(sqlstate).unwrap_or(rule.remedy),
        None => {
            "no statement is known that the server refused: read the output, and repair the migration or its command"
        }
    };
    Finding {
        object: failed.place.as_ref().map(|place| place.file.clone()),
        advice: Some(remedy.to_owned()),
        evidence,
        place: failed.place.clone(),
        ..rule.finding(message)
    }
}

/// What to do about the SQLSTATEs that migrations meet most.
fn advice_for(sqlstate: &str) -> Option<&'static str> {
    Some(match sqlstate {
        "55P03" => {
            "the lock was not free within `migrations.timeouts.lock`: nothing but the migration uses the clone, so most likely another session of its own tool holds it"
        }
        "57014" => {
            "the statement ran longer than `migrations.timeouts.statement` on production's data; do it in batches, or give it more time if nothing waits for it"
        }
        "25001" => {
            "put the statement alone into a file, or begin the file with `-- pgrehearse: no-transaction`: it refuses to run inside a transaction"
        }
        "42501" => {
            "the migrating role lacks a right; if production's has it, name the role in `migrations.role` or its attributes in `migrations.role_attributes`"
        }
        "42P07" | "42701" | "42710" | "42P06" => {
            "it exists in production already: made by hand, or by a migration that the history does not know; check it and use `IF NOT EXISTS` only if both are the same"
        }
        "42P01" | "42703" | "42704" | "42883" | "3F000" => {
            "production does not have it: it was made elsewhere by hand, or by a migration that never ran here"
        }
        "42804" | "42846" => {
            "give the conversion with `USING`, and rehearse what it makes of the rows"
        }
        "22P02" | "22007" | "22008" | "22003" | "22001" => {
            "production holds values that do not fit; find and repair them in a migration before this one"
        }
        "2BP01" => {
            "something in production depends on it; drop or change that first, by name rather than with `CASCADE`"
        }
        "40P01" => {
            "the migration deadlocked with itself or with the application; take locks in one order, each in a short transaction"
        }
        "53100" => {
            "the server's disk is full; the migration needs that much space in production too"
        }
        _ => return None,
    })
}

fn timed_out(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let Some(MigrationResult::TimedOut { limit, file }) =
        facts.migrate.as_ref().map(|facts| &facts.result)
    else {
        return Vec::new();
    };
    let during = file
        .as_ref()
        .map(|file| format!(", in `{file}`"))
        .unwrap_or_default();
    vec![Finding {
        object: file.clone(),
        place: file.as_ref().map(|file| Place {
            file: file.clone(),
            line: None,
        }),
        ..rule.finding(format!(
            "the migration was still running after {} and was stopped{during}",
            human_seconds(*limit)
        ))
    }]
}

fn skipped(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let Some(migrate) = &facts.migrate else {
        return Vec::new();
    };
    migrate
        .skipped
        .iter()
        .map(|file| Finding {
            object: Some(file.clone()),
            place: Some(Place {
                file: file.clone(),
                line: None,
            }),
            ..rule.finding(format!(
                "`{file}` was pending and was not run: the command ended without an error, and the history does not have it"
            ))
        })
        .collect()
}

fn overdue(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let Some(migrate) = &facts.migrate else {
        return Vec::new();
    };
    migrate
        .held_back
        .iter()
        .filter(|held| held.until < facts.today)
        .map(|held| Finding {
            object: Some(held.file.clone()),
            place: Some(Place {
                file: held.file.clone(),
                line: None,
            }),
            ..rule.finding(format!(
                "`{}` was held back until {}, which is over: {}",
                held.file, held.until, held.reason
            ))
        })
        .collect()
}
