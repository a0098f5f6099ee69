//! What a trace is made of.

use std::fmt;
use std::time::Duration;

use crate::text::QualifiedName;
use crate::verdict::Place;

/// What the server did while the migration ran.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// In the order in which they began.
    pub statements: Vec<Statement>,
    /// In the order in which they began; those that held no lock on a relation are left out.
    pub transactions: Vec<Transaction>,
    /// In the order in which they began.
    pub stalls: Vec<Stall>,
    /// Every statement that the migrating role ran, by text; the longest in total first.
    pub totals: Vec<Total>,
    pub sessions: Sessions,
    /// What could not be seen.
    pub missing: Vec<Missing>,
}

/// What a trace could not see, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Statements, on a server that is not ours.
    OutOfReach,
    /// Statements, since the migration removed what tells of them.
    Removed,
    Locks,
    /// What reads and writes of some tables wait.
    Waits,
    Rows,
}

impl Missing {
    /// Whether what a statement locked, rewrote and read is not known.
    pub fn is_of_locks(self) -> bool {
        matches!(self, Self::OutOfReach | Self::Removed | Self::Locks)
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::OutOfReach => {
                "statements, rewrites and scans: the log of the clone's server is out of reach"
            }
            Self::Removed => {
                "statements, rewrites and scans: the migration removed the trace's event triggers"
            }
            Self::Locks => "locks: the session that looks at them was ended",
            Self::Waits => "waits: the role that watches may not use every table",
            Self::Rows => "rows: the server has no pg_stat_statements",
        })
    }
}

/// The sessions that the migration opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sessions {
    /// The most that were open at once.
    pub most: u64,
    /// How many the server allows (`max_connections`).
    pub allowed: u64,
}

/// A statement that the server told of.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// The server process of its session.
    pub pid: u32,
    /// Its place in [`Trace::transactions`].
    pub transaction: usize,
    /// What PostgreSQL calls it: `ALTER TABLE`.
    pub tag: String,
    /// Without values.
    pub text: String,
    pub place: Option<Place>,
    pub inside: Inside,
    /// Since the trace began.
    pub began: Duration,
    pub took: Duration,
    /// Rows that it read or wrote; `None`: not known.
    pub rows: Option<u64>,
    /// What its transaction held when it ended, of what was there before the migration.
    pub locks: Vec<HeldLock>,
    pub rewrites: Vec<Rewrite>,
    pub scans: Vec<Scan>,
    /// Type and name: `table public.orders`.
    pub dropped: Vec<String>,
    /// `None`: it would wait for ever; or, of a statement that no trigger told of, nothing is known.
    pub lock_timeout: Option<Duration>,
    pub statement_timeout: Option<Duration>,
}

/// A transaction of the migration's. Times are since the trace began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub pid: u32,
    pub began: Duration,
    /// When it was last seen: its end, to the sampler's hundredth of a second.
    pub ended: Duration,
    /// On what was there before the migration: nobody waits for what is new. By relation, then by
    /// strength.
    pub locks: Vec<LockSpan>,
}

/// How long a relation was locked. Times are since the trace began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockSpan {
    pub relation: Relation,
    pub mode: LockMode,
    /// At the earliest: from the beginning of the statement that took it, what it waited left out.
    pub acquired: Duration,
    /// Locks are held until the transaction ends.
    pub released: Duration,
    /// What the migration itself waited for it.
    pub waited: Duration,
}

impl Trace {
    /// The longest time for which `statement` began to block reads or writes; of two that are as
    /// long, that of the stronger lock.
    pub fn longest_block(&self, statement: &Statement) -> Option<&LockSpan> {
        let transaction = self.transactions.get(statement.transaction)?;
        transaction
            .locks
            .iter()
            .filter(|span| span.is_felt() && statement.is_first_with(span))
            .max_by_key(|span| (span.held(), span.mode))
    }
}

impl Statement {
    /// Whether it is the first of its transaction that was seen with this lock.
    pub fn is_first_with(&self, span: &LockSpan) -> bool {
        self.locks.iter().any(|lock| {
            lock.taken == Taken::Now
                && lock.mode == span.mode
                && lock.relation.oid == span.relation.oid
        })
    }
}

impl LockSpan {
    /// Whether the application may have to wait for it.
    pub fn is_felt(&self) -> bool {
        self.mode.blocks_writes() && self.relation.is_existing_data()
    }

    pub fn held(&self) -> Duration {
        self.released.saturating_sub(self.acquired)
    }
}

/// What somebody waited who wanted to read or write a table. Times are since the trace began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stall {
    pub relation: Relation,
    pub access: Access,
    pub began: Duration,
    pub took: Duration,
    /// The statement that caused it: its place in [`Trace::statements`].
    pub statement: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    Reads,
    Writes,
}

impl Access {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Writes => "writes",
        }
    }
}

/// All executions of one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// Without values.
    pub text: String,
    pub calls: u64,
    pub rows: u64,
    pub took: Duration,
}

/// Who sent a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    /// The client.
    Nothing,
    /// A function, a procedure or a `DO` block.
    Code,
}

/// A lock on a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLock {
    pub relation: Relation,
    pub mode: LockMode,
    pub taken: Taken,
}

/// Since when a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// This statement is the first of its transaction that was seen with it.
    Now,
    Before,
}

/// A relation as it was called when it was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    pub oid: u32,
    pub name: QualifiedName,
    pub kind: RelationKind,
    pub age: Age,
}

/// Whether anybody but the migration can be waiting for a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// It was there before the migration began.
    Existing {
        bytes: u64,
    },
    New,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationKind {
    Table,
    Index,
    View,
    MaterializedView,
    Sequence,
    ForeignTable,
    Other,
}

/// A lock mode on a relation, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockMode {
    AccessShare,
    RowShare,
    RowExclusive,
    ShareUpdateExclusive,
    Share,
    ShareRowExclusive,
    Exclusive,
    AccessExclusive,
}

/// A table that was written anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    pub relation: Relation,
    /// What it had before, with its indexes' share left out.
    pub bytes: u64,
    pub reasons: Vec<&'static str>,
}

/// A table that was read from end to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    pub relation: Relation,
    pub times: u64,
    /// By the session itself: what parallel workers read for it is not among them.
    pub rows: u64,
}

impl LockMode {
    /// By its name in `pg_locks`: `AccessExclusiveLock`.
    pub fn from_catalogue(name: &str) -> Option<Self> {
        Some(match name {
            "AccessShareLock" => Self::AccessShare,
            "RowShareLock" => Self::RowShare,
            "RowExclusiveLock" => Self::RowExclusive,
            "ShareUpdateExclusiveLock" => Self::ShareUpdateExclusive,
            "ShareLock" => Self::Share,
            "ShareRowExclusiveLock" => Self::ShareRowExclusive,
            "ExclusiveLock" => Self::Exclusive,
            "AccessExclusiveLock" => Self::AccessExclusive,
            _ => return None,
        })
    }

    /// Whether such an access waits for it.
    pub fn stops(self, access: Access) -> bool {
        match access {
            Access::Reads => self.blocks_reads(),
            Access::Writes => self.blocks_writes(),
        }
    }

    /// Whether a SELECT waits for it.
    pub fn blocks_reads(self) -> bool {
        self == Self::AccessExclusive
    }

    /// Whether an INSERT, UPDATE or DELETE waits for it.
    pub fn blocks_writes(self) -> bool {
        self >= Self::Share
    }

    /// As the documentation writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessShare => "ACCESS SHARE",
            Self::RowShare => "ROW SHARE",
            Self::RowExclusive => "ROW EXCLUSIVE",
            Self::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Self::Share => "SHARE",
            Self::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Self::Exclusive => "EXCLUSIVE",
            Self::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }
}

impl fmt::Display for LockMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl RelationKind {
    /// By `pg_class.relkind`.
    pub fn from_relkind(kind: &str) -> Self {
        match kind {
            "r" | "p" => Self::Table,
            "i" | "I" => Self::Index,
            "v" => Self::View,
            "m" => Self::MaterializedView,
            "S" => Self::Sequence,
            "f" => Self::ForeignTable,
            _ => Self::Other,
        }
    }

    /// By the object type of an event trigger: `materialized view`.
    pub fn from_object_type(name: &str) -> Self {
        match name {
            "table" => Self::Table,
            "index" => Self::Index,
            "view" => Self::View,
            "materialized view" => Self::MaterializedView,
            "sequence" => Self::Sequence,
            "foreign table" => Self::ForeignTable,
            _ => Self::Other,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Index => "index",
            Self::View => "view",
            Self::MaterializedView => "materialized view",
            Self::Sequence => "sequence",
            Self::ForeignTable => "foreign table",
            Self::Other => "relation",
        }
    }
}

impl Relation {
    pub fn is_existing(&self) -> bool {
        matches!(self.age, Age::Existing { .. })
    }

    /// Whether it is something of production's that the application reads or writes.
    pub fn is_existing_data(&self) -> bool {
        self.is_existing()
            && matches!(
                self.kind,
                RelationKind::Table | RelationKind::MaterializedView | RelationKind::View
            )
    }
}
