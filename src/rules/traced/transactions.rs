//! `no-lock-timeout`, `lock-held-across-statements`, `mixed-ddl-and-backfill` and `rows-locked`: how a
//! transaction uses its locks.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{CLOSE, Held, heaviest_of_each, trace};
use crate::rules::{Facts, Limit, Rule};
use crate::text::{count_of, human_seconds};
use crate::trace::{Age, Inside, LockMode, LockSpan, Statement};
use crate::verdict::{Finding, Level, Stage};

pub(in crate::rules) static NO_LOCK_TIMEOUT: Rule = Rule {
    id: "no-lock-timeout",
    stage: Stage::Migrate,
    level: Level::Warn,
    limit: None,
    summary: "no statement waits without a limit for a lock that reads or writes wait for",
    effect: "behind one long query the statement waits for as long as that takes, and everything else that needs the table queues behind it",
    remedy: "set `lock_timeout` in the migration, or for the role that migrates, and try again when it gives up; `migrations.timeouts.lock` sets it for the rehearsal alone",
    judge: no_lock_timeout,
};

pub(in crate::rules) static LOCK_HELD_ACROSS_STATEMENTS: Rule = Rule {
    id: "lock-held-across-statements",
    stage: Stage::Migrate,
    level: Level::Warn,
    limit: Some(Limit::Duration(Duration::from_millis(500))),
    summary: "no lock that reads or writes wait for is kept through later statements for longer than its limit",
    effect: "a lock lasts until its transaction ends: a statement of a millisecond blocks the table for as long as all that follow it",
    remedy: "put the statement that takes the lock last, or into a transaction of its own",
    judge: held_across_statements,
};

pub(in crate::rules) static MIXED_DDL_AND_BACKFILL: Rule = Rule {
    id: "mixed-ddl-and-backfill",
    stage: Stage::Migrate,
    level: Level::Warn,
    limit: Some(Limit::Duration(Duration::from_millis(500))),
    summary: "no transaction that locks an existing table writes rows for longer than its limit",
    effect: "the table is locked while rows are written, or the rows while the table waits for its lock; a failure undoes both, and the rows are as many in production",
    remedy: "change the schema in one migration and write the rows in another, in batches that each commit",
    judge: mixed,
};

pub(in crate::rules) static ROWS_LOCKED: Rule = Rule {
    id: "rows-locked",
    stage: Stage::Migrate,
    level: Level::Warn,
    limit: Some(Limit::Duration(Duration::from_secs(5))),
    summary: "no transaction that changes rows of an existing table lasts longer than its limit",
    effect: "whoever wants to change one of these rows waits until the transaction ends; the old versions of the rows stay until then, too",
    remedy: "change the rows in batches of some thousands that each commit",
    judge: rows_locked,
};

/// What keeps others from changing the same rows.
const CHANGING: &[&str] = &["UPDATE", "DELETE", "MERGE"];

/// What writes rows and is no DDL.
const WRITING: &[&str] = &["INSERT", "UPDATE", "DELETE", "MERGE", "COPY"];

/// What releases a lock: however slow the disk makes it, no other order of statements would spare it.
const ENDING: &[&str] = &["COMMIT", "END", "ROLLBACK", "ABORT"];

/// More statements than these are counted.
const SHOWN: usize = 5;

/// All of them together: a session that sets no timeout is one mistake, not one for each statement.
fn no_lock_timeout(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let Some(trace) = trace(facts) else {
        return Vec::new();
    };
    let mut tables: BTreeSet<String> = BTreeSet::new();
    let mut without: Vec<&Statement> = Vec::new();
    for held in Held::all(trace) {
        let has_rows = matches!(held.span.relation.age, Age::Existing { bytes } if bytes > 0);
        let Some(by) = held
            .taken_by()
            .filter(|by| has_rows && by.lock_timeout.is_none())
        else {
            continue;
        };
        tables.insert(held.span.relation.name.to_string());
        if !without.iter().any(|known| std::ptr::eq(*known, by)) {
            without.push(by);
        }
    }
    without.sort_by_key(|statement| statement.began);
    let Some(first) = without.first() else {
        return Vec::new();
    };
    let mut evidence: Vec<String> = without
        .iter()
        .take(SHOWN)
        .map(|statement| format!("`{}`", statement.text))
        .collect();
    if without.len() > SHOWN {
        evidence.push(format!("and {} more", without.len() - SHOWN));
    }
    let message = match (tables.first(), tables.len()) {
        (Some(table), 1) => format!("a lock on `{table}` is waited for without a limit"),
        _ => format!(
            "locks on {} are waited for without a limit",
            count_of(tables.len() as u64, "table")
        ),
    };
    vec![Finding {
        object: tables.first().filter(|_| tables.len() == 1).cloned(),
        sql: Some("set lock_timeout = '2s';".to_owned()),
        evidence,
        place: first.place.clone(),
        ..rule.finding(message)
    }]
}

/// The lock of each table that was kept longest after its statement.
fn held_across_statements(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let Some(trace) = trace(facts) else {
        return Vec::new();
    };
    let limit = facts.limits.duration(rule);
    let kept = Held::all(trace).filter_map(|held| {
        let by = held.taken_by()?;
        let after: Duration = after(held, by).map(|later| later.took).sum();
        Some((held.span.relation.oid, after, (held, by)))
    });
    heaviest_of_each(kept)
        .filter(|(after, _)| *after > limit)
        .map(|(kept, (held, by))| {
            let span = held.span;
            let mut evidence = vec![format!("taken by `{}`", by.text)];
            let slowest = after(held, by).max_by_key(|later| later.took);
            evidence.extend(slowest.map(|later| format!("and kept through `{}`", later.text)));
            Finding {
                object: Some(span.relation.name.to_string()),
                evidence,
                place: by.place.clone(),
                within: &["blocking-lock", "mixed-ddl-and-backfill"],
                ..rule.finding(format!(
                    "{} on `{}` is kept for {} of later statements",
                    span.mode,
                    span.relation.name,
                    human_seconds(kept)
                ))
            }
        })
        .collect()
}

/// What the client sent after `by` in the same transaction: a statement inside a function is part of
/// its own.
fn after<'t>(held: Held<'t>, by: &Statement) -> impl Iterator<Item = &'t Statement> {
    let ended = by.began + by.took;
    held.statements()
        .filter(move |later| later.inside == Inside::Nothing && later.began >= ended)
        .filter(|later| !ENDING.contains(&later.tag.as_str()))
}

/// The statements of a lock's transaction that write rows.
fn writes(held: Held<'_>) -> impl Iterator<Item = &Statement> {
    held.statements()
        .filter(|statement| WRITING.contains(&statement.tag.as_str()))
}

/// One finding for each table that is locked by a transaction that writes rows for long.
fn mixed(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let Some(trace) = trace(facts) else {
        return Vec::new();
    };
    let limit = facts.limits.duration(rule);
    let mixed = Held::all(trace).map(|held| {
        let writing: Duration = writes(held).map(|statement| statement.took).sum();
        (held.span.relation.oid, writing, held)
    });
    heaviest_of_each(mixed)
        .filter(|(writing, _)| *writing > limit)
        .map(|(writing, held)| {
            let name = &held.span.relation.name;
            let slowest = writes(held).max_by_key(|statement| statement.took);
            let by = held.taken_by();
            let mut evidence = Vec::new();
            evidence.extend(by.map(|by| format!("locked by `{}`", by.text)));
            evidence.extend(slowest.map(|rows| format!("rows written by `{}`", rows.text)));
            Finding {
                object: Some(name.to_string()),
                evidence,
                place: slowest.and_then(|rows| rows.place.clone()),
                within: within_a_lock(held.span, writing),
                ..rule.finding(format!(
                    "one transaction locks `{name}` and writes rows for {}",
                    human_seconds(writing)
                ))
            }
        })
        .collect()
}

/// The transaction of each table that kept its rows longest, from the first statement that changed any.
/// The canaries touch no row, so they don't feel it.
fn rows_locked(rule: &Rule, facts: &Facts) -> Vec<Finding> {
    let Some(trace) = trace(facts) else {
        return Vec::new();
    };
    let limit = facts.limits.duration(rule);
    let kept = trace
        .transactions
        .iter()
        .enumerate()
        .flat_map(|(place, transaction)| {
            let changing = trace.statements.iter().find(|statement| {
                statement.transaction == place && CHANGING.contains(&statement.tag.as_str())
            });
            changing.into_iter().flat_map(move |changing| {
                let kept = transaction.ended.saturating_sub(changing.began);
                let changed = transaction.locks.iter().filter(|span| {
                    span.mode == LockMode::RowExclusive && span.relation.is_existing_data()
                });
                changed.map(move |span| (span.relation.oid, kept, (transaction, span, changing)))
            })
        });
    heaviest_of_each(kept)
        .filter(|(kept, _)| *kept > limit)
        .map(|(kept, (transaction, span, changing))| {
            let name = &span.relation.name;
            let rows = changing.rows.map_or_else(
                || format!("rows of `{name}`"),
                |rows| format!("{} of `{name}`", count_of(rows, "row")),
            );
            Finding {
                object: Some(name.to_string()),
                evidence: vec![format!("from `{}` on", changing.text)],
                place: changing.place.clone(),
                within: transaction
                    .locks
                    .iter()
                    .filter(|lock| lock.is_felt() && lock.relation.oid == span.relation.oid)
                    .map(|lock| within_a_lock(lock, kept))
                    .max_by_key(|within| within.len())
                    .unwrap_or_default(),
                ..rule.finding(format!("{rows} are locked for {}", human_seconds(kept)))
            }
        })
        .collect()
}

/// The rule that tells of a lock, where the lock lasted as long as what is told: else whoever accepts
/// the lock would accept more than was said of it.
fn within_a_lock(lock: &LockSpan, told: Duration) -> &'static [&'static str] {
    if lock.held() + CLOSE >= told {
        &["blocking-lock"]
    } else {
        &[]
    }
}
