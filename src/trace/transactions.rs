//! The transactions of a trace: when they ended, and how long they held what.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::time::Duration;

use super::assemble::{Key, Keyed, duration};
use super::facts::{LockMode, LockSpan, Relation, Taken, Transaction};
use super::relations::Relations;
use super::sampler::{Samples, SeenLock};

/// A relation's OID and a mode.
type Lock = (u32, LockMode);

type Spans = BTreeMap<Lock, LockSpan>;

/// What the triggers and the sampler saw of each transaction, the first first.
pub fn of(
    statements: &[Keyed],
    samples: Samples,
    began: f64,
    relations: &Relations,
) -> Vec<(Key, Transaction)> {
    let mut all: BTreeMap<Key, (Duration, Spans)> = BTreeMap::new();
    let mut seen: BTreeMap<Key, BTreeMap<Lock, SeenLock>> = BTreeMap::new();
    for (key, sample) in samples.transactions {
        let mut locks = BTreeMap::new();
        for ((oid, mode), lock) in &sample.locks {
            let Some(relation) = relations.get(*oid).filter(Relation::is_existing) else {
                continue;
            };
            let Some(held) = lock.held else { continue };
            let span = LockSpan {
                relation,
                mode: *mode,
                acquired: duration(held - began),
                released: Duration::ZERO,
                waited: duration(lock.waited),
            };
            locks.insert((*oid, *mode), span);
        }
        all.insert(key, (duration(sample.last - began), locks));
        seen.insert(key, sample.locks);
    }
    for (key, statement) in statements {
        let (ended, locks) = all.entry(*key).or_default();
        *ended = (*ended).max(statement.began + statement.took);
        for lock in statement
            .locks
            .iter()
            .filter(|lock| lock.taken == Taken::Now)
        {
            let id = (lock.relation.oid, lock.mode);
            let waited = seen
                .get(key)
                .and_then(|locks| locks.get(&id))
                .map_or(Duration::ZERO, |lock| duration(lock.waited));
            let acquired = statement.began + waited;
            match locks.entry(id) {
                btree_map::Entry::Occupied(mut known) => {
                    let known = known.get_mut();
                    known.acquired = known.acquired.min(acquired);
                }
                btree_map::Entry::Vacant(free) => {
                    free.insert(LockSpan {
                        relation: lock.relation.clone(),
                        mode: lock.mode,
                        acquired,
                        released: Duration::ZERO,
                        waited,
                    });
                }
            }
        }
    }
    let with_statements: BTreeSet<Key> = statements.iter().map(|(key, _)| *key).collect();
    let mut transactions: Vec<(Key, Transaction)> = all
        .into_iter()
        .filter(|(key, (_, locks))| !locks.is_empty() || with_statements.contains(key))
        .map(|(key, (ended, locks))| {
            let mut locks: Vec<LockSpan> = locks
                .into_values()
                .map(|span| LockSpan {
                    released: ended,
                    ..span
                })
                .collect();
            locks.sort_by(|a, b| (&a.relation.name, a.mode).cmp(&(&b.relation.name, b.mode)));
            let transaction = Transaction {
                pid: key.0,
                began: duration(seconds(key.1) - began),
                ended,
                locks,
            };
            (key, transaction)
        })
        .collect();
    transactions.sort_by_key(|((_, began), _)| *began);
    transactions
}

#[allow(
    clippy::cast_precision_loss,
    reason = "microseconds since 1970 fit in an f64 until 2255"
)]
fn seconds(microseconds: i64) -> f64 {
    microseconds as f64 / 1e6
}
