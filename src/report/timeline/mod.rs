//! What a picture of the trace is made of: sessions, tables that somebody may have waited for, and
//! the time that all of it took. How it is drawn is each format's own.

mod bars;
mod scale;
mod words;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::text::human_time;
use crate::verdict::{
    LockSpanReport, StallReport, StatementReport, TraceReport, TransactionReport,
};

pub use bars::{Bar, merged};
pub use scale::{Scale, Unit};
pub use words::fitted;

/// What is shorter than this is nothing to draw: the sampler looks every 10 ms.
pub const TRIVIAL: Duration = Duration::from_millis(20);

/// What a lock keeps others from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    Weak,
    Writes,
    ReadsAndWrites,
}

impl Strength {
    /// Of a lock mode by its name in the documentation.
    pub fn of(mode: &str) -> Self {
        match mode {
            "ACCESS EXCLUSIVE" => Self::ReadsAndWrites,
            "EXCLUSIVE" | "SHARE ROW EXCLUSIVE" | "SHARE" => Self::Writes,
            _ => Self::Weak,
        }
    }

    /// What waits for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Weak => "neither reads nor writes",
            Self::Writes => "writes",
            Self::ReadsAndWrites => "reads and writes",
        }
    }
}

/// A trace, sorted for drawing.
#[derive(Debug)]
pub struct Timeline<'a> {
    /// Sessions that came one after another share a lane: a tool that connects for each file has as
    /// many as files.
    pub lanes: Vec<Lane<'a>>,
    /// Those of production's that were locked against reads or writes or for which somebody waited;
    /// the one that was blocked longest first.
    pub tables: Vec<Table<'a>>,
    pub scale: Scale,
}

/// What server processes did, never two of them at the same time.
#[derive(Debug)]
pub struct Lane<'a> {
    /// The processes, in the order in which they began.
    pub pids: Vec<u32>,
    /// With their numbers: their places in the trace, from 1.
    pub statements: Vec<(usize, &'a StatementReport)>,
    pub transactions: Vec<&'a TransactionReport>,
}

/// What a table of production's went through.
#[derive(Debug)]
pub struct Table<'a> {
    pub name: &'a str,
    pub locks: Vec<Lock<'a>>,
    pub stalls: Vec<&'a StallReport>,
}

#[derive(Clone, Copy, Debug)]
pub struct Lock<'a> {
    pub strength: Strength,
    pub span: &'a LockSpanReport,
}

impl Lock<'_> {
    pub fn held(&self) -> Duration {
        self.span.released.saturating_sub(self.span.acquired)
    }

    /// When the migration asked for it.
    pub fn asked(&self) -> Duration {
        self.span.acquired.saturating_sub(self.span.waited)
    }
}

impl<'a> Timeline<'a> {
    /// `None`: the trace is empty.
    pub fn of(trace: &'a TraceReport) -> Option<Self> {
        let lanes = lanes(trace);
        let tables = tables(trace);
        if lanes.is_empty() && tables.is_empty() {
            return None;
        }
        let spans = (trace.statements.iter())
            .map(|statement| (statement.began, statement.began + statement.took))
            .chain((trace.transactions.iter()).map(|part| (part.began, part.ended)))
            .chain((trace.stalls.iter()).map(|stall| (stall.began, stall.began + stall.took)))
            .chain((tables.iter()).flat_map(|table| {
                (table.locks.iter()).map(|lock| (lock.asked(), lock.span.released))
            }));
        let scale = Scale::of(spans);
        Some(Self {
            lanes,
            tables,
            scale,
        })
    }

    /// The table that was locked longest, and the lock.
    pub fn longest_block(&self) -> Option<(&Table<'a>, &Lock<'a>)> {
        self.tables
            .iter()
            .filter_map(|table| Some((table, table.longest_block()?)))
            .min_by_key(|(_, lock)| Reverse((lock.held(), lock.strength)))
    }

    /// The longest time for which a table was locked or somebody waited for it.
    pub fn longest(&self) -> Duration {
        self.tables
            .iter()
            .map(Table::longest)
            .max()
            .unwrap_or_default()
    }

    /// The worst that was done to tables, in one sentence.
    pub fn sentence(&self) -> String {
        let stalled = self
            .tables
            .iter()
            .filter_map(|table| Some((table, table.longest_stall(|_| true)?)))
            .min_by_key(|(_, stall)| Reverse(stall.took))
            .map(|(table, longest)| {
                let waited = human_time(longest.took);
                let other = table.longest_stall(|stall| stall.access != longest.access);
                let access = match other {
                    Some(other) if human_time(other.took) == waited => "reads and writes",
                    _ => longest.access,
                };
                format!("{access} of `{}` waited for {waited}", table.name)
            });
        let locked = self.longest_block().map(|(table, lock)| {
            format!(
                "`{}` was locked against {} for {}",
                table.name,
                lock.strength.as_str(),
                human_time(lock.held())
            )
        });
        match (locked, stalled) {
            (Some(locked), Some(stalled)) => format!("{locked}; {stalled}"),
            (Some(said), None) | (None, Some(said)) => said,
            (None, None) => "no existing table was locked against reads or writes".to_owned(),
        }
    }
}

impl Lane<'_> {
    pub fn name(&self) -> String {
        match self.pids.as_slice() {
            [pid] => format!("session {pid}"),
            pids => format!("{} sessions, one after another", pids.len()),
        }
    }

    fn began(&self) -> Option<Duration> {
        let statements = self.statements.iter().map(|(_, it)| it.began);
        statements
            .chain(self.transactions.iter().map(|it| it.began))
            .min()
    }

    fn ended(&self) -> Option<Duration> {
        let statements = self.statements.iter().map(|(_, it)| it.began + it.took);
        statements
            .chain(self.transactions.iter().map(|it| it.ended))
            .max()
    }
}

impl<'a> Table<'a> {
    /// The longest of the locks that kept others from it; of two as long, the stronger.
    pub fn longest_block(&self) -> Option<&Lock<'a>> {
        self.locks
            .iter()
            .filter(|lock| lock.strength > Strength::Weak)
            .max_by_key(|lock| (lock.held(), lock.strength))
    }

    fn longest_stall(&self, is_wanted: impl Fn(&StallReport) -> bool) -> Option<&'a StallReport> {
        let stalls = self.stalls.iter().copied();
        stalls
            .filter(|stall| is_wanted(stall))
            .max_by_key(|stall| stall.took)
    }

    /// The longest time for which it was blocked or somebody waited.
    pub fn longest(&self) -> Duration {
        let stalled = self.stalls.iter().map(|stall| stall.took).max();
        let blocked = self.longest_block().map(Lock::held);
        stalled.max(blocked).unwrap_or_default()
    }
}

fn lanes(trace: &TraceReport) -> Vec<Lane<'_>> {
    let mut by_pid: BTreeMap<u32, Lane<'_>> = BTreeMap::new();
    let empty = |pid| Lane {
        pids: vec![pid],
        statements: Vec::new(),
        transactions: Vec::new(),
    };
    for (index, statement) in trace.statements.iter().enumerate() {
        let session = by_pid
            .entry(statement.pid)
            .or_insert_with(|| empty(statement.pid));
        session.statements.push((index + 1, statement));
    }
    for transaction in &trace.transactions {
        let session = by_pid
            .entry(transaction.pid)
            .or_insert_with(|| empty(transaction.pid));
        session.transactions.push(transaction);
    }
    let mut sessions: Vec<Lane<'_>> = by_pid.into_values().collect();
    sessions.sort_by_key(Lane::began);
    let mut lanes: Vec<Lane<'_>> = Vec::new();
    for session in sessions {
        let began = session.began();
        match lanes.iter_mut().find(|lane| lane.ended() <= began) {
            Some(lane) => {
                lane.pids.extend(session.pids);
                lane.statements.extend(session.statements);
                lane.transactions.extend(session.transactions);
            }
            None => lanes.push(session),
        }
    }
    lanes
}

fn tables(trace: &TraceReport) -> Vec<Table<'_>> {
    let mut by_name: BTreeMap<&str, Table<'_>> = BTreeMap::new();
    let empty = |name| Table {
        name,
        locks: Vec::new(),
        stalls: Vec::new(),
    };
    let spans = trace
        .transactions
        .iter()
        .flat_map(|transaction| &transaction.locks);
    for span in spans.filter(|span| is_data(span)) {
        let name = span.relation.name.as_str();
        let table = by_name.entry(name).or_insert_with(|| empty(name));
        table.locks.push(Lock {
            strength: Strength::of(span.mode),
            span,
        });
    }
    for stall in &trace.stalls {
        let name = stall.relation.as_str();
        let table = by_name.entry(name).or_insert_with(|| empty(name));
        table.stalls.push(stall);
    }
    let mut tables: Vec<Table<'_>> = by_name
        .into_values()
        .filter(|table| table.longest_block().is_some() || !table.stalls.is_empty())
        .collect();
    for table in &mut tables {
        table.locks.sort_by_key(|lock| lock.span.acquired);
        table.stalls.sort_by_key(|stall| stall.began);
    }
    // A sort that keeps the order of names where two are alike.
    tables.sort_by_key(|table| Reverse(table.longest()));
    tables
}

/// Something that an application reads or writes. It is production's: a trace has no locks on others.
fn is_data(span: &LockSpanReport) -> bool {
    matches!(span.relation.kind, "table" | "materialized view" | "view")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::RelationReport;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn span(name: &str, mode: &'static str, from: u64, to: u64) -> LockSpanReport {
        LockSpanReport {
            relation: RelationReport {
                name: name.to_owned(),
                kind: "table",
                is_new: false,
            },
            mode,
            acquired: ms(from),
            released: ms(to),
            waited: Duration::ZERO,
        }
    }

    fn transaction(pid: u32, from: u64, locks: Vec<LockSpanReport>) -> TransactionReport {
        TransactionReport {
            pid,
            began: ms(from),
            ended: ms(from + 100),
            locks,
        }
    }

    fn stall(name: &str, took: u64) -> StallReport {
        StallReport {
            relation: name.to_owned(),
            access: "reads",
            began: ms(5),
            took: ms(took),
            statement: None,
        }
    }

    #[test]
    fn an_empty_trace_is_no_picture() {
        assert!(Timeline::of(&TraceReport::default()).is_none());
    }

    #[test]
    fn sessions_that_meet_have_a_lane_each() {
        let trace = TraceReport {
            transactions: vec![
                transaction(5, 0, Vec::new()),
                transaction(4, 50, Vec::new()),
                transaction(3, 100, Vec::new()),
                transaction(2, 200, Vec::new()),
            ],
            ..TraceReport::default()
        };
        let timeline = Timeline::of(&trace).expect("not empty");
        let pids: Vec<&[u32]> = timeline.lanes.iter().map(|it| &*it.pids).collect();
        assert_eq!(pids, [&[5, 3, 2][..], &[4]]);
        assert_eq!(timeline.lanes[0].name(), "3 sessions, one after another");
        assert_eq!(timeline.lanes[1].name(), "session 4");
    }

    #[test]
    fn tables_are_in_the_order_of_what_they_suffered() {
        let trace = TraceReport {
            transactions: vec![
                transaction(9, 10, vec![span("short", "SHARE", 10, 40)]),
                transaction(
                    3,
                    50,
                    vec![
                        span("long", "ACCESS EXCLUSIVE", 60, 900),
                        span("long", "ROW EXCLUSIVE", 50, 900),
                        span("weak", "ROW EXCLUSIVE", 50, 5_000),
                    ],
                ),
            ],
            stalls: vec![stall("stalled", 100), stall("stalled", 90)],
            ..TraceReport::default()
        };
        let timeline = Timeline::of(&trace).expect("not empty");
        let names: Vec<&str> = timeline.tables.iter().map(|it| it.name).collect();
        assert_eq!(names, ["long", "stalled", "short"]);
        assert_eq!(timeline.tables[0].locks[0].strength, Strength::Weak);
        assert_eq!(
            timeline.sentence(),
            "`long` was locked against reads and writes for 840 ms; reads of `stalled` waited for 100 ms"
        );
    }

    #[test]
    fn what_nobody_waited_for_is_said() {
        let trace = TraceReport {
            transactions: vec![transaction(
                1,
                0,
                vec![span("weak", "ROW EXCLUSIVE", 0, 50)],
            )],
            ..TraceReport::default()
        };
        let timeline = Timeline::of(&trace).expect("not empty");
        assert_eq!(timeline.longest(), Duration::ZERO);
        assert_eq!(
            timeline.sentence(),
            "no existing table was locked against reads or writes"
        );
    }
}
