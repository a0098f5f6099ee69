//! What the server did while the migration ran: each statement where it stands in time, what it took
//! and what it cost the application.

use std::time::Duration;

use maud::{Markup, html};

use super::{Name, Sentence};
use crate::report::words;
use crate::text::{count_of, human_seconds};
use crate::verdict::{StatementReport, TraceReport};

/// More than these are in `report.json` alone.
const SHOWN: usize = 40;

/// The statements that took or blocked longest, in the order in which they began.
pub fn section(trace: &TraceReport) -> Markup {
    let mut longest: Vec<&StatementReport> = trace.statements.iter().collect();
    longest.sort_by_key(|statement| {
        std::cmp::Reverse(statement.took.max(
            words::blocked_by(trace, statement).map_or(Duration::ZERO, words::BlockedFor::duration),
        ))
    });
    let left_out = longest.len().saturating_sub(SHOWN) as u64;
    longest.truncate(SHOWN);
    longest.sort_by_key(|statement| statement.began);
    let whole = trace
        .statements
        .iter()
        .map(|statement| (statement.began + statement.took).as_secs_f64())
        .fold(0.0_f64, f64::max);
    html! {
        @if !longest.is_empty() {
            section {
                h2 { "On the server " span.count { (trace.statements.len()) } }
                ol.stages.statements {
                    @for statement in longest { (row(trace, statement, whole)) }
                }
                @if left_out > 0 {
                    p.rest { (count_of(left_out, "shorter statement")) " in report.json" }
                }
            }
        }
    }
}

fn row(trace: &TraceReport, statement: &StatementReport, whole: f64) -> Markup {
    let percent = |part: Duration| {
        if whole > 0.0 {
            100.0 * part.as_secs_f64() / whole
        } else {
            0.0
        }
    };
    let bar = format!(
        "margin-left:{:.1}%;width:{:.1}%",
        percent(statement.began),
        percent(statement.took)
    );
    let blocked = words::blocked_by(trace, statement);
    let class = match &blocked {
        Some(blocked) if blocked.reads => "reads",
        Some(_) => "writes",
        None => "free",
    };
    html! {
        li class=(class) {
            code { (Name(&statement.text)) }
            span.bar { i style=(bar) {} }
            span.took { (human_seconds(statement.took)) }
            span.saw { (Sentence(&words::of_statement(trace, statement).join(" · "))) }
        }
    }
}
