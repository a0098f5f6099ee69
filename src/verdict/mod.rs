//! What a run comes to: findings, outcomes of stages, and one word.

mod decide;
mod finding;
mod fingerprint;
mod outcome;
mod report;
mod traced;

pub use decide::{Verdict, apply, decide, judge};
pub use finding::{Accepted, Finding, Judged, Level, Place};
pub use fingerprint::Fingerprint;
pub use outcome::{Explained, Failure, NotRun, NotRunKind, Outcome, Stage};
pub use report::{MigrationReport, MigrationState, Provenance, RuleReport, RunReport, StageReport};
pub use traced::{
    BlockReport, LockReport, LockSpanReport, RelationReport, RewriteReport, ScanReport,
    StallReport, StatementReport, TotalReport, TraceReport, TransactionReport,
};
