//! The trace, as the report takes it.

use crate::trace::{
    Age, Inside, LockSpan, Relation, Stall, Statement, Taken, Total, Trace, Transaction,
};
use crate::verdict::{
    BlockReport, LockReport, LockSpanReport, RelationReport, RewriteReport, ScanReport,
    StallReport, StatementReport, TotalReport, TraceReport, TransactionReport,
};

pub fn report(trace: &Trace) -> TraceReport {
    TraceReport {
        statements: trace
            .statements
            .iter()
            .map(|told| statement(trace, told))
            .collect(),
        transactions: trace.transactions.iter().map(transaction).collect(),
        stalls: trace.stalls.iter().map(stall).collect(),
        totals: trace.totals.iter().map(total).collect(),
        missing: trace.missing.iter().map(ToString::to_string).collect(),
    }
}

fn statement(trace: &Trace, statement: &Statement) -> StatementReport {
    StatementReport {
        pid: statement.pid,
        transaction: statement.transaction,
        tag: statement.tag.clone(),
        text: statement.text.clone(),
        place: statement.place.clone(),
        is_nested: statement.inside == Inside::Code,
        began: statement.began,
        took: statement.took,
        rows: statement.rows,
        locks: statement
            .locks
            .iter()
            .map(|lock| LockReport {
                relation: relation(&lock.relation),
                mode: lock.mode.as_str(),
                is_first: lock.taken == Taken::Now,
            })
            .collect(),
        blocks: trace.longest_block(statement).map(|span| BlockReport {
            relation: span.relation.name.to_string(),
            mode: span.mode.as_str(),
            reads: span.mode.blocks_reads(),
            held: span.held(),
        }),
        rewrites: statement
            .rewrites
            .iter()
            .map(|rewrite| RewriteReport {
                relation: relation(&rewrite.relation),
                bytes: rewrite.bytes,
                reasons: rewrite.reasons.clone(),
            })
            .collect(),
        scans: statement
            .scans
            .iter()
            .map(|scan| ScanReport {
                relation: relation(&scan.relation),
                times: scan.times,
                rows: scan.rows,
            })
            .collect(),
        dropped: statement.dropped.clone(),
        lock_timeout: statement.lock_timeout,
        statement_timeout: statement.statement_timeout,
    }
}

fn transaction(transaction: &Transaction) -> TransactionReport {
    TransactionReport {
        pid: transaction.pid,
        began: transaction.began,
        ended: transaction.ended,
        locks: transaction.locks.iter().map(span).collect(),
    }
}

fn span(span: &LockSpan) -> LockSpanReport {
    LockSpanReport {
        relation: relation(&span.relation),
        mode: span.mode.as_str(),
        acquired: span.acquired,
        released: span.released,
        waited: span.waited,
    }
}

fn stall(stall: &Stall) -> StallReport {
    StallReport {
        relation: stall.relation.name.to_string(),
        access: stall.access.as_str(),
        began: stall.began,
        took: stall.took,
        statement: stall.statement,
    }
}

fn total(total: &Total) -> TotalReport {
    TotalReport {
        text: total.text.clone(),
        calls: total.calls,
        rows: total.rows,
        took: total.took,
    }
}

fn relation(relation: &Relation) -> RelationReport {
    RelationReport {
        name: relation.name.to_string(),
        kind: relation.kind.as_str(),
        is_new: relation.age == Age::New,
    }
}
