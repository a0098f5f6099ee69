//! What the server did while the migration ran: the picture, and the same in words, table by table
//! and statement by statement.

use std::cmp::Reverse;
use std::time::Duration;

use maud::{Markup, html};

use super::timeline::{LANES, TABLES, class, picture};
use super::tips::at;
use super::{Name, Sentence};
use crate::report::timeline::{Lane, Lock, Strength, Table, Timeline};
use crate::report::words;
use crate::text::{count_of, human_time, one_line};
use crate::verdict::{StallReport, StatementReport, TraceReport};

/// More than these are in `report.json` alone.
const SHOWN: usize = 40;

/// Locks of one table, and waits of reads or of writes, that have words of their own.
const NAMED: usize = 3;

/// No more of a statement: a function can be as long as a book.
const TEXT_LIMIT: usize = 400;

pub fn section(trace: &TraceReport) -> Markup {
    let Some(timeline) = Timeline::of(trace) else {
        return html! {};
    };
    let tables = &timeline.tables[..timeline.tables.len().min(TABLES)];
    html! {
        section {
            h2 { "On the server " span.count { (trace.statements.len()) } }
            p.lead { (Sentence(&capital(&timeline.sentence()))) "." }
            (picture(&timeline))
            @for missing in &trace.missing { p.rest { "Not seen: " (Sentence(missing)) } }
            @if !tables.is_empty() {
                h3.caveats { "Existing tables" }
                ol.stages.tables { @for table in tables { (table_row(table)) } }
                (rest(timeline.tables.len() - tables.len(), "table that was blocked for less", "tables that were blocked for less"))
            }
            (statements(trace))
            @for lane in timeline.lanes.iter().take(LANES) { p.rest { (lane_words(lane)) } }
            (rest(timeline.lanes.len().saturating_sub(LANES), "session", "sessions"))
        }
    }
}

fn capital(sentence: &str) -> String {
    let mut rest = sentence.chars();
    match rest.next() {
        Some(first) => first.to_uppercase().chain(rest).collect(),
        None => String::new(),
    }
}

fn rest(number: usize, one: &str, many: &str) -> Markup {
    html! {
        @if number > 0 {
            p.rest { (number) " more " (if number == 1 { one } else { many }) " in report.json" }
        }
    }
}

fn table_row(table: &Table) -> Markup {
    let strength = table.longest_block().map(|lock| lock.strength);
    html! {
        li class=(class(strength.unwrap_or(Strength::Weak))) {
            code { (Name(table.name)) }
            span.took { (human_time(table.longest())) }
            ul.saw { @for said in table_words(table) { li { (Sentence(&said)) } } }
        }
    }
}

/// What a table went through: the longest by themselves, the others together.
fn table_words(table: &Table) -> Vec<String> {
    let mut said = Vec::new();
    for strength in [Strength::ReadsAndWrites, Strength::Writes, Strength::Weak] {
        let locks = (table.locks.iter()).filter(|lock| lock.strength == strength);
        let mut locks: Vec<&Lock> = locks.collect();
        locks.sort_by_key(|lock| Reverse(lock.held()));
        let shown = match strength {
            Strength::Weak => 0,
            Strength::Writes | Strength::ReadsAndWrites => NAMED.min(locks.len()),
        };
        for lock in &locks[..shown] {
            said.push(lock_words(lock));
        }
        let others = &locks[shown..];
        if let Some(longest) = others.first() {
            said.push(format!(
                "{} blocked {}, the longest for {} ({}){}",
                locks_of(others.len(), shown),
                strength.as_str(),
                at(longest.span.acquired, longest.held()),
                longest.span.mode,
                waited(others.iter().map(|lock| lock.span.waited).sum())
            ));
        }
    }
    for access in ["reads", "writes"] {
        let stalls = (table.stalls.iter().copied()).filter(|stall| stall.access == access);
        let mut stalls: Vec<&StallReport> = stalls.collect();
        stalls.sort_by_key(|stall| Reverse(stall.took));
        let shown = NAMED.min(stalls.len());
        for stall in &stalls[..shown] {
            let cause = (stall.statement)
                .map(|index| format!(", because of statement {}", index + 1))
                .unwrap_or_default();
            said.push(format!(
                "{access} waited {}{cause}",
                at(stall.began, stall.took)
            ));
        }
        if let Some(longest) = stalls.get(shown) {
            said.push(format!(
                "{access} waited {} more, no longer than {}",
                times(stalls.len() - shown),
                human_time(longest.took)
            ));
        }
    }
    said
}

fn lock_words(lock: &Lock) -> String {
    format!(
        "{} blocked {} for {}{}",
        lock.span.mode,
        lock.strength.as_str(),
        at(lock.span.acquired, lock.held()),
        waited(lock.span.waited)
    )
}

fn waited(waited: Duration) -> String {
    if waited.is_zero() {
        String::new()
    } else {
        format!("; the migration had waited {} for it", human_time(waited))
    }
}

fn locks_of(number: usize, shown: usize) -> String {
    let more = if shown > 0 { " more" } else { "" };
    let noun = if number == 1 { "lock" } else { "locks" };
    format!("{number}{more} {noun}")
}

fn times(number: usize) -> String {
    match number {
        1 => "once".to_owned(),
        _ => format!("{number} times"),
    }
}

/// The statements that took or blocked longest, in the order in which they began.
fn statements(trace: &TraceReport) -> Markup {
    let mut longest: Vec<(usize, &StatementReport)> = trace.statements.iter().enumerate().collect();
    longest.sort_by_key(|(_, statement)| {
        let blocked = statement.blocks.as_ref().map(|blocked| blocked.held);
        Reverse(blocked.unwrap_or_default().max(statement.took))
    });
    longest.truncate(SHOWN);
    longest.sort_by_key(|(index, _)| *index);
    html! {
        @if !longest.is_empty() {
            h3.caveats { "Statements" }
            ol.stages.statements {
                @for (index, statement) in &longest { (statement_row(index + 1, statement)) }
            }
            (rest(trace.statements.len() - longest.len(), "shorter statement", "shorter statements"))
        }
    }
}

fn statement_row(number: usize, statement: &StatementReport) -> Markup {
    let strength =
        (statement.blocks.as_ref()).map_or(Strength::Weak, |blocked| Strength::of(blocked.mode));
    let said = words::of_statement(statement).join(" · ");
    html! {
        li class=(class(strength)) {
            span.mark { (number) }
            code { (Name(&one_line(&statement.text, TEXT_LIMIT))) }
            span.from { "at " (human_time(statement.began)) }
            span.took { (human_time(statement.took)) }
            @if !said.is_empty() { span.saw { (Sentence(&said)) } }
        }
    }
}

fn lane_words(lane: &Lane) -> String {
    let mut said = vec![count_of(lane.statements.len() as u64, "statement")];
    let longest = (lane.transactions.iter()).max_by_key(|it| it.ended.saturating_sub(it.began));
    if let Some(longest) = longest {
        let held = longest.ended.saturating_sub(longest.began);
        said.push(format!(
            "{}, the longest {}",
            count_of(lane.transactions.len() as u64, "transaction"),
            at(longest.began, held)
        ));
    }
    let pids: Vec<String> = lane.pids.iter().take(12).map(u32::to_string).collect();
    let others = lane.pids.len() - pids.len();
    let which = match (pids.len(), others) {
        (1, _) => String::new(),
        (_, 0) => format!(" ({})", pids.join(", ")),
        _ => format!(" ({} and {others} more)", pids.join(", ")),
    };
    format!("{}{which}: {}", capital(&lane.name()), said.join("; "))
}
