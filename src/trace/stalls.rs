//! Stalls: what the canaries felt, with the statement that caused it.

use std::time::Duration;

use super::assemble::duration;
use super::canaries::Felt;
use super::facts::{LockSpan, Stall, Statement, Transaction};
use super::relations::Relations;

/// What is shorter is the canary's own way.
const SHORTEST: Duration = Duration::from_millis(5);

/// How late a canary can be: a look, a session that must be opened first, and a busy machine.
const LATE: Duration = Duration::from_millis(250);

/// The stalls of a trace that began at `began`, in seconds since 1970, in their order.
pub fn of(
    felt: Vec<Felt>,
    began: f64,
    relations: &Relations,
    statements: &[Statement],
    transactions: &[Transaction],
) -> Vec<Stall> {
    let mut stalls: Vec<Stall> = felt
        .into_iter()
        .filter_map(|felt| {
            let relation = relations.get(felt.table)?;
            let (from, to) = (duration(felt.began - began), duration(felt.ended - began));
            let cause = transactions
                .iter()
                .enumerate()
                .flat_map(|(place, transaction)| {
                    transaction.locks.iter().map(move |span| (place, span))
                })
                .filter(|(_, span)| {
                    let is_here = span.relation.oid == felt.table
                        || relations.index_of(span.relation.oid) == Some(felt.table)
                            && span.mode.blocks_reads();
                    is_here && span.mode.stops(felt.access)
                })
                .filter(|(_, span)| requested(span) < to && span.released > from)
                .min_by_key(|(_, span)| requested(span));
            // The canary came after the lock: who asked with the lock itself waited longer.
            let from = cause.map_or(from, |(_, span)| {
                let requested = requested(span);
                if requested + LATE >= from {
                    requested.min(from)
                } else {
                    from
                }
            });
            let took = to.saturating_sub(from);
            (took >= SHORTEST).then(|| Stall {
                relation,
                access: felt.access,
                began: from,
                took,
                statement: cause.and_then(|(place, span)| culprit(statements, place, span)),
            })
        })
        .collect();
    stalls.sort_by_key(|stall| stall.began);
    stalls
}

/// From when on who comes later queues behind it.
fn requested(span: &LockSpan) -> Duration {
    span.acquired.saturating_sub(span.waited)
}

/// What takes no lock that anybody waits for.
const HARMLESS: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "COPY"];

/// The statement that took the lock; where no trigger told of it, the one that was running then, if it
/// is one that could. Too short for the log, it stays unknown.
fn culprit(statements: &[Statement], transaction: usize, span: &LockSpan) -> Option<usize> {
    let of_transaction = || {
        statements
            .iter()
            .enumerate()
            .filter(move |(_, statement)| statement.transaction == transaction)
    };
    of_transaction()
        .find(|(_, statement)| statement.is_first_with(span))
        .or_else(|| {
            of_transaction()
                .rfind(|(_, statement)| statement.began <= span.acquired)
                .filter(|(_, statement)| !HARMLESS.contains(&statement.tag.as_str()))
        })
        .map(|(place, _)| place)
}
