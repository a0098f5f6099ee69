//! `app-not-ready`, `app-crashed`, `ingest-failed`, `page-failed`, `log-pattern`, `app-sql-error`:
//! the application on the migrated clone.
//!
//! What went wrong on the clone before the migration too is not the change's, and no finding.

use super::{Facts, Rule};
use crate::smoke_ingest::ProblemKind;
use crate::verdict::{Finding, Level, Stage};

pub(super) static APP_NOT_READY: Rule = Rule {
    id: "app-not-ready",
    stage: Stage::SmokeIngest,
    level: Level::Block,
    limit: None,
    summary: "the application becomes ready on the migrated clone",
    effect: "after the deployment the application does not come up",
    remedy: "read the application's log beside the report, and what it asks of the schema when it starts",
    judge: |rule, facts| judge(rule, facts, ProblemKind::NotReady),
};

pub(super) static APP_CRASHED: Rule = Rule {
    id: "app-crashed",
    stage: Stage::SmokeIngest,
    level: Level::Block,
    limit: None,
    summary: "the application stays up while it is used",
    effect: "after the deployment the application goes down under its first requests",
    remedy: "read the last lines of the application's log beside the report",
    judge: |rule, facts| judge(rule, facts, ProblemKind::Crashed),
};

pub(super) static INGEST_FAILED: Rule = Rule {
    id: "ingest-failed",
    stage: Stage::SmokeIngest,
    level: Level::Block,
    limit: None,
    summary: "everything in `smoke.ingest` is taken and processed to its end",
    effect: "after the deployment the application can't do its work",
    remedy: "read the application's log beside the report, from the moment of the ingest on",
    judge: |rule, facts| judge(rule, facts, ProblemKind::Ingest),
};

pub(super) static PAGE_FAILED: Rule = Rule {
    id: "page-failed",
    stage: Stage::SmokeIngest,
    level: Level::Block,
    limit: None,
    summary: "every page of `smoke.pages` answers as expected",
    effect: "after the deployment users see an error or a page without its content",
    remedy: "keep the clone with `--keep`, open the page, and read the application's log",
    judge: |rule, facts| judge(rule, facts, ProblemKind::Page),
};

pub(super) static LOG_PATTERN: Rule = Rule {
    id: "log-pattern",
    stage: Stage::SmokeIngest,
    level: Level::Block,
    limit: None,
    summary: "no line of the application's log matches `smoke.log_must_not_match`",
    effect: "the application itself says that something is wrong",
    remedy: "read the line in the application's log beside the report; it is not repeated here, since it may hold data",
    judge: |rule, facts| judge(rule, facts, ProblemKind::Log),
};

pub(super) static APP_SQL_ERROR: Rule = Rule {
    id: "app-sql-error",
    stage: Stage::SmokeIngest,
    level: Level::Block,
    limit: None,
    summary: "the server refuses no statement of the application (SQLSTATE classes 22, 23 and 42)",
    effect: "the application asks for what the migrated database does not have or does not allow, even where no page shows it",
    remedy: "keep what the running code uses until no code uses it; if the application handles the error, name it in `smoke.expected_sqlstates`",
    judge: |rule, facts| judge(rule, facts, ProblemKind::Sql),
};

/// The rule that judges a kind of problem.
pub fn rule_of(kind: ProblemKind) -> &'static Rule {
    match kind {
        ProblemKind::NotReady => &APP_NOT_READY,
        ProblemKind::Crashed => &APP_CRASHED,
        ProblemKind::Ingest => &INGEST_FAILED,
        ProblemKind::Page => &PAGE_FAILED,
        ProblemKind::Log => &LOG_PATTERN,
        ProblemKind::Sql => &APP_SQL_ERROR,
    }
}

fn judge(rule: &Rule, facts: &Facts, kind: ProblemKind) -> Vec<Finding> {
    let Some(smoke) = &facts.smoke else {
        return Vec::new();
    };
    smoke
        .new_problems()
        .filter(|problem| problem.kind == kind)
        .map(|problem| Finding {
            object: Some(problem.object.clone()),
            evidence: problem.evidence.clone(),
            ..rule.finding(problem.what.clone())
        })
        .collect()
}
