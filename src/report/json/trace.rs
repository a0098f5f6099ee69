//! `trace` in `report.json`: what the server did, in full. Times are seconds since the trace began.

use serde::Serialize;

use super::seconds;
use crate::verdict::{
    LockReport, LockSpanReport, RelationReport, StallReport, StatementReport, TotalReport,
    TraceReport, TransactionReport,
};

#[derive(Serialize)]
pub struct Trace<'a> {
    statements: Vec<Statement<'a>>,
    transactions: Vec<Transaction<'a>>,
    stalls: Vec<Stall<'a>>,
    totals: Vec<Total<'a>>,
    missing: &'a [String],
}

#[derive(Serialize)]
#[allow(clippy::struct_field_names, reason = "PostgreSQL's own name")]
struct Statement<'a> {
    tag: &'a str,
    text: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
    nested: bool,
    pid: u32,
    transaction: usize,
    began: f64,
    seconds: f64,
    rows: Option<u64>,
    lock_timeout: Option<f64>,
    statement_timeout: Option<f64>,
    locks: Vec<Lock<'a>>,
    rewrites: Vec<Rewrite<'a>>,
    scans: Vec<Scan<'a>>,
    dropped: &'a [String],
}

#[derive(Serialize)]
struct Relation<'a> {
    #[serde(rename = "relation")]
    name: &'a str,
    kind: &'static str,
    new: bool,
}

#[derive(Serialize)]
struct Lock<'a> {
    #[serde(flatten)]
    relation: Relation<'a>,
    mode: &'static str,
    first: bool,
}

#[derive(Serialize)]
struct Rewrite<'a> {
    #[serde(flatten)]
    relation: Relation<'a>,
    bytes: u64,
    reasons: &'a [&'static str],
}

#[derive(Serialize)]
struct Scan<'a> {
    #[serde(flatten)]
    relation: Relation<'a>,
    times: u64,
    rows: u64,
}

#[derive(Serialize)]
struct Transaction<'a> {
    pid: u32,
    began: f64,
    ended: f64,
    locks: Vec<LockSpan<'a>>,
}

#[derive(Serialize)]
struct LockSpan<'a> {
    #[serde(flatten)]
    relation: Relation<'a>,
    mode: &'static str,
    acquired: f64,
    released: f64,
    waited: f64,
}

#[derive(Serialize)]
struct Stall<'a> {
    relation: &'a str,
    access: &'static str,
    began: f64,
    seconds: f64,
    /// Its place in `statements`.
    statement: Option<usize>,
}

#[derive(Serialize)]
struct Total<'a> {
    text: &'a str,
    calls: u64,
    rows: u64,
    seconds: f64,
}

impl<'a> Trace<'a> {
    pub fn of(report: &'a TraceReport) -> Self {
        Self {
            statements: report.statements.iter().map(statement).collect(),
            transactions: report.transactions.iter().map(transaction).collect(),
            stalls: report.stalls.iter().map(stall).collect(),
            totals: report.totals.iter().map(total).collect(),
            missing: &report.missing,
        }
    }
}

fn statement(report: &StatementReport) -> Statement<'_> {
    Statement {
        tag: &report.tag,
        text: &report.text,
        file: report.place.as_ref().map(|place| place.file.as_str()),
        line: report.place.as_ref().and_then(|place| place.line),
        nested: report.is_nested,
        pid: report.pid,
        transaction: report.transaction,
        began: seconds(report.began),
        seconds: seconds(report.took),
        rows: report.rows,
        lock_timeout: report.lock_timeout.map(seconds),
        statement_timeout: report.statement_timeout.map(seconds),
        locks: report.locks.iter().map(lock).collect(),
        rewrites: report
            .rewrites
            .iter()
            .map(|rewrite| Rewrite {
                relation: relation(&rewrite.relation),
                bytes: rewrite.bytes,
                reasons: &rewrite.reasons,
            })
            .collect(),
        scans: report
            .scans
            .iter()
            .map(|scan| Scan {
                relation: relation(&scan.relation),
                times: scan.times,
                rows: scan.rows,
            })
            .collect(),
        dropped: &report.dropped,
    }
}

fn transaction(report: &TransactionReport) -> Transaction<'_> {
    Transaction {
        pid: report.pid,
        began: seconds(report.began),
        ended: seconds(report.ended),
        locks: report.locks.iter().map(span).collect(),
    }
}

fn lock(report: &LockReport) -> Lock<'_> {
    Lock {
        relation: relation(&report.relation),
        mode: report.mode,
        first: report.is_first,
    }
}

fn span(report: &LockSpanReport) -> LockSpan<'_> {
    LockSpan {
        relation: relation(&report.relation),
        mode: report.mode,
        acquired: seconds(report.acquired),
        released: seconds(report.released),
        waited: seconds(report.waited),
    }
}

fn stall(report: &StallReport) -> Stall<'_> {
    Stall {
        relation: &report.relation,
        access: report.access,
        began: seconds(report.began),
        seconds: seconds(report.took),
        statement: report.statement,
    }
}

fn total(report: &TotalReport) -> Total<'_> {
    Total {
        text: &report.text,
        calls: report.calls,
        rows: report.rows,
        seconds: seconds(report.took),
    }
}

fn relation(report: &RelationReport) -> Relation<'_> {
    Relation {
        name: &report.name,
        kind: report.kind,
        new: report.is_new,
    }
}
