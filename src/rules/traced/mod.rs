//! Rules that judge the trace: what the server did while the migration ran.

pub(super) mod contention;
pub(super) mod drops;
pub(super) mod duration;
pub(super) mod locks;
pub(super) mod sessions;
pub(super) mod stalls;
pub(super) mod transactions;

use std::collections::BTreeMap;
use std::time::Duration;

use super::Facts;
use crate::trace::{LockMode, LockSpan, Statement, Trace};

/// Two moments that are closer are one: the clocks are a sampler's and a canary's.
const CLOSE: Duration = Duration::from_millis(250);

fn trace(facts: &Facts) -> Option<&Trace> {
    Some(&facts.migrate.as_ref()?.trace)
}

/// A lock that the application may have to wait for, and the transaction that held it.
#[derive(Clone, Copy)]
struct Held<'t> {
    trace: &'t Trace,
    /// Its place in [`Trace::transactions`].
    transaction: usize,
    span: &'t LockSpan,
}

impl<'t> Held<'t> {
    /// Every such lock of a trace.
    fn all(trace: &'t Trace) -> impl Iterator<Item = Self> {
        trace
            .transactions
            .iter()
            .enumerate()
            .flat_map(move |(transaction, of)| {
                of.locks
                    .iter()
                    .filter(|span| span.is_felt())
                    .map(move |span| Self {
                        trace,
                        transaction,
                        span,
                    })
            })
    }

    /// The statements of its transaction.
    fn statements(self) -> impl Iterator<Item = &'t Statement> {
        self.trace
            .statements
            .iter()
            .filter(move |statement| statement.transaction == self.transaction)
    }

    /// The statement that took it, where one was told of.
    fn taken_by(self) -> Option<&'t Statement> {
        self.statements()
            .find(|statement| statement.is_first_with(self.span))
    }

    /// The index build that took it, where it lets nobody write and nothing worse.
    fn index_build(self) -> Option<&'t Statement> {
        self.taken_by().filter(|by| {
            ["CREATE INDEX", "REINDEX"].contains(&by.tag.as_str())
                && self.span.mode == LockMode::Share
        })
    }

    /// Whether it was kept for its index build alone.
    fn is_index_build_alone(self) -> bool {
        self.index_build()
            .is_some_and(|by| self.span.held() <= by.took + CLOSE)
    }
}

/// Of the candidates of each table the one that weighs most, in the order of the tables' OIDs.
fn heaviest_of_each<W: PartialOrd, T>(
    candidates: impl Iterator<Item = (u32, W, T)>,
) -> impl Iterator<Item = (W, T)> {
    let mut heaviest: BTreeMap<u32, (W, T)> = BTreeMap::new();
    for (table, weight, of) in candidates {
        match heaviest.get(&table) {
            Some((known, _)) if *known >= weight => {}
            _ => {
                heaviest.insert(table, (weight, of));
            }
        }
    }
    heaviest.into_values()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::QualifiedName;
    use crate::trace::{Age, HeldLock, Inside, Relation, RelationKind, Taken, Trace, Transaction};

    /// An index build of two seconds in a transaction that lasts until `ended`, in milliseconds.
    fn build(ended: u64) -> Trace {
        let relation = Relation {
            oid: 20000,
            name: QualifiedName::new("public", "orders"),
            kind: RelationKind::Table,
            age: Age::Existing { bytes: 8192 },
        };
        let ended = Duration::from_millis(ended);
        Trace {
            statements: vec![Statement {
                pid: 1,
                transaction: 0,
                tag: "CREATE INDEX".to_owned(),
                text: "create index on orders (id)".to_owned(),
                place: None,
                inside: Inside::Nothing,
                began: Duration::ZERO,
                took: Duration::from_secs(2),
                rows: None,
                locks: vec![HeldLock {
                    relation: relation.clone(),
                    mode: LockMode::Share,
                    taken: Taken::Now,
                }],
                rewrites: Vec::new(),
                scans: Vec::new(),
                dropped: Vec::new(),
                lock_timeout: None,
                statement_timeout: None,
            }],
            transactions: vec![Transaction {
                pid: 1,
                began: Duration::ZERO,
                ended,
                locks: vec![LockSpan {
                    relation,
                    mode: LockMode::Share,
                    acquired: Duration::ZERO,
                    released: ended,
                    waited: Duration::ZERO,
                }],
            }],
            ..Trace::default()
        }
    }

    /// Whoever accepts an index build does not accept what its lock was kept for afterwards.
    #[test]
    fn a_lock_that_outlasts_its_index_build_is_not_its_alone() {
        for (ended, is_alone) in [(2_010, true), (60_000, false)] {
            let trace = build(ended);
            let held: Vec<bool> = Held::all(&trace).map(Held::is_index_build_alone).collect();
            assert_eq!(held, [is_alone], "{ended}");
        }
    }

    #[test]
    fn each_table_is_told_of_once() {
        let heaviest: Vec<(u32, char)> =
            heaviest_of_each([(1, 5, 'a'), (2, 1, 'b'), (1, 7, 'c'), (1, 7, 'd')].into_iter())
                .collect();
        assert_eq!(heaviest, [(7, 'c'), (1, 'b')]);
    }
}
