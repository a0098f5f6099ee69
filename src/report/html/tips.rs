//! What a bar says when it is pointed at; all of it is in the lists below the picture too.

use std::time::Duration;

use crate::report::timeline::{Lock, fitted};
use crate::report::{escape, words};
use crate::text::{count_of, human_time};
use crate::verdict::{StallReport, StatementReport, TransactionReport};

/// A few words of a statement.
fn beginning(text: &str) -> String {
    fitted(&escape::visible_line(text), 160)
}

pub fn statement(of: &[(usize, &StatementReport)]) -> String {
    let longest = of.iter().max_by_key(|(_, statement)| statement.took);
    let Some((number, statement)) = longest else {
        return String::new();
    };
    if of.len() > 1 {
        return format!(
            "{}, {} altogether; the longest is number {number}: {}",
            count_of(of.len() as u64, "statement"),
            human_time(of.iter().map(|(_, it)| it.took).sum()),
            beginning(&statement.text)
        );
    }
    let mut said = vec![
        format!("{number}: {}", beginning(&statement.text)),
        at(statement.began, statement.took),
    ];
    said.extend(words::of_statement(statement));
    said.join(" · ")
}

pub fn transaction(of: &[&TransactionReport]) -> String {
    match of {
        [one] => format!(
            "transaction of session {}, {}",
            one.pid,
            at(one.began, one.ended.saturating_sub(one.began))
        ),
        many => count_of(many.len() as u64, "transaction"),
    }
}

pub fn held(of: &[Lock]) -> String {
    let Some(longest) = of.iter().max_by_key(|lock| lock.held()) else {
        return String::new();
    };
    let one = format!(
        "{}, blocks {}, {}",
        longest.span.mode,
        longest.strength.as_str(),
        at(longest.span.acquired, longest.held())
    );
    among(of.len(), "lock", &one)
}

pub fn waited(of: &[Lock]) -> String {
    let Some(longest) = of.iter().max_by_key(|lock| lock.span.waited) else {
        return String::new();
    };
    let one = format!(
        "the migration waits for {}, {}",
        longest.span.mode,
        at(longest.asked(), longest.span.waited)
    );
    among(of.len(), "wait", &one)
}

pub fn stall(of: &[&StallReport]) -> String {
    let Some(longest) = of.iter().max_by_key(|stall| stall.took) else {
        return String::new();
    };
    let one = format!(
        "{} wait, {}",
        longest.access,
        at(longest.began, longest.took)
    );
    among(of.len(), "wait", &one)
}

fn among(number: usize, what: &str, longest: &str) -> String {
    match number {
        1 => longest.to_owned(),
        _ => format!("{}; the longest: {longest}", count_of(number as u64, what)),
    }
}

/// A stretch of time in words.
pub fn at(began: Duration, took: Duration) -> String {
    format!("{} from {}", human_time(took), human_time(began))
}
