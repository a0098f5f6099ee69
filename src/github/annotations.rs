//! Findings as notes beside the lines of a change.

use serde_json::{Value, json};

use crate::report::escape::visible_line;
use crate::report::{place_or_policy, sentences};
use crate::text::one_line;
use crate::verdict::{Judged, Level, RunReport};

/// The findings, what blocks first, each at its line of the repository or else at the policy's first. What
/// the policy accepts is none.
pub fn of(report: &RunReport) -> Vec<Value> {
    report
        .findings
        .iter()
        .filter(|judged| judged.accepted.is_none())
        .filter_map(|judged| annotation(report, judged))
        .collect()
}

fn annotation(report: &RunReport, judged: &Judged) -> Option<Value> {
    let finding = &judged.finding;
    let place = place_or_policy(report, judged);
    // GitHub refuses the whole request for one path that can't be in a repository. A path with control
    // characters can be there, and be meant for whoever reads it.
    let is_inside = !place.file.starts_with('/')
        && place.file == visible_line(&place.file)
        && place
            .file
            .split('/')
            .all(|part| !matches!(part, "" | "." | ".."));
    if !is_inside {
        return None;
    }
    let line = place.line.unwrap_or(1).max(1);
    Some(json!({
        "path": plane_zero(&place.file),
        "start_line": line,
        "end_line": line,
        "annotation_level": match judged.level {
            Level::Block => "failure",
            Level::Warn => "warning",
            Level::Info | Level::Off => "notice",
        },
        "title": one_line(finding.rule, 255),
        "message": lines(&sentences(judged).join("\n")),
    }))
}

/// The lines without what drives a terminal, cut far below the 64 kB that GitHub takes.
fn lines(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| plane_zero(&one_line(&visible_line(line), 4000)))
        .collect();
    lines.join("\n")
}

/// GitHub does not store four-byte characters in an annotation.
fn plane_zero(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character > '\u{ffff}' {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect()
}
