//! The trace as reports show it: names and figures.

use std::time::Duration;

use super::finding::Place;

/// What the server did while the migration ran. Times are since the trace began.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceReport {
    /// In the order in which they began.
    pub statements: Vec<StatementReport>,
    pub transactions: Vec<TransactionReport>,
    /// What the application would have waited, in the order in which it began.
    pub stalls: Vec<StallReport>,
    /// Every statement that the migrating role ran, by text.
    pub totals: Vec<TotalReport>,
    /// What could not be seen, in words.
    pub missing: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct StatementReport {
    pub pid: u32,
    /// Its place in [`TraceReport::transactions`].
    pub transaction: usize,
    pub tag: String,
    /// Without values.
    pub text: String,
    pub place: Option<Place>,
    /// Sent by a function, a procedure or a `DO` block.
    pub is_nested: bool,
    pub began: Duration,
    pub took: Duration,
    /// Rows that it read or wrote; `None`: not known.
    pub rows: Option<u64>,
    pub locks: Vec<LockReport>,
    /// The longest time for which it began to block reads or writes of what was there before.
    pub blocks: Option<BlockReport>,
    pub rewrites: Vec<RewriteReport>,
    pub scans: Vec<ScanReport>,
    pub dropped: Vec<String>,
    pub lock_timeout: Option<Duration>,
    pub statement_timeout: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionReport {
    pub pid: u32,
    pub began: Duration,
    pub ended: Duration,
    pub locks: Vec<LockSpanReport>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationReport {
    pub name: String,
    pub kind: &'static str,
    /// Made by the migration itself: nobody else can wait for it.
    pub is_new: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockReport {
    pub relation: RelationReport,
    pub mode: &'static str,
    /// No earlier statement of its transaction was seen with it.
    pub is_first: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockReport {
    pub relation: String,
    pub mode: &'static str,
    /// Reads wait as well as writes.
    pub reads: bool,
    pub held: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockSpanReport {
    pub relation: RelationReport,
    pub mode: &'static str,
    pub acquired: Duration,
    pub released: Duration,
    pub waited: Duration,
}

/// How long reads or writes of a table had to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StallReport {
    pub relation: String,
    /// `reads` or `writes`.
    pub access: &'static str,
    pub began: Duration,
    pub took: Duration,
    /// The statement that caused it: its place in [`TraceReport::statements`].
    pub statement: Option<usize>,
}

/// All executions of one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TotalReport {
    /// Without values.
    pub text: String,
    pub calls: u64,
    pub rows: u64,
    pub took: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RewriteReport {
    pub relation: RelationReport,
    pub bytes: u64,
    pub reasons: Vec<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanReport {
    pub relation: RelationReport,
    pub times: u64,
    /// By the session itself: what parallel workers read for it is not among them.
    pub rows: u64,
}
