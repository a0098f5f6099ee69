//! Rules that judge the trace: what the server did while the migration ran.

pub(super) mod contention;
pub(super) mod drops;
pub(super) mod duration;
pub(super) mod locks;
pub(super) mod sessions;
pub(super) mod stalls;
pub(super) mod transactions;

use super::Facts;
use crate::trace::{LockSpan, Statement, Trace};

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
}
