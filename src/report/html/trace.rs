//! What the server did while the migration ran: each statement where it stands in time, what it took
//! and what it cost the application.

use maud::{Markup, html};

use super::{Name, Scale, Sentence};
use crate::report::words;
use crate::text::{count_of, human_seconds};
use crate::verdict::{StatementReport, TraceReport};

/// More than these are in `report.json` alone.
const SHOWN: usize = 40;

/// The statements that took or blocked longest, in the order in which they began.
pub fn section(trace: &TraceReport) -> Markup {
    let mut longest: Vec<&StatementReport> = trace.statements.iter().collect();
    longest.sort_by_key(|statement| {
        let blocked = statement.blocks.as_ref().map(|blocked| blocked.held);
        std::cmp::Reverse(blocked.unwrap_or_default().max(statement.took))
    });
    let left_out = longest.len().saturating_sub(SHOWN) as u64;
    longest.truncate(SHOWN);
    longest.sort_by_key(|statement| statement.began);
    let whole = Scale::of(
        longest
            .iter()
            .map(|statement| (statement.began, statement.took)),
    );
    html! {
        @if !longest.is_empty() {
            section {
                h2 { "On the server " span.count { (trace.statements.len()) } }
                ol.stages.statements {
                    @for statement in longest { (row(statement, &whole)) }
                }
                @if left_out > 0 {
                    p.rest { (count_of(left_out, "shorter statement")) " in report.json" }
                }
            }
        }
    }
}

fn row(statement: &StatementReport, whole: &Scale) -> Markup {
    let class = match &statement.blocks {
        Some(blocked) if blocked.reads => "reads",
        Some(_) => "writes",
        None => "free",
    };
    html! {
        li class=(class) {
            code { (Name(&statement.text)) }
            span.bar { i style=(whole.bar(statement.began, statement.took)) {} }
            span.took { (human_seconds(statement.took)) }
            span.saw { (Sentence(&words::of_statement(statement).join(" · "))) }
        }
    }
}
