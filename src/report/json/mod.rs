//! `report.json`: the frozen, versioned form for programs.
//!
//! The structs are copies, so that a change of a domain type cannot change the file unseen. Fields may
//! be added to version 1; none is renamed, removed or given another meaning.

mod trace;

use serde::Serialize;

use trace::Trace;

use crate::report::words;
use crate::verdict::{
    Finding, Fingerprint, Judged, Level, MigrationState, Outcome, RunReport, StageReport,
};

/// The version of the format, raised when a reader of the old one would misread the new one.
pub const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Report<'a> {
    schema_version: u32,
    verdict: &'static str,
    reason: &'a str,
    name: &'a str,
    policy: &'a str,
    run: &'a str,
    started: String,
    seconds: f64,
    pgrehearse: &'static str,
    stages: Vec<Stage<'a>>,
    findings: Vec<FindingEntry<'a>>,
    migrations: Vec<Migration<'a>>,
    trace: Option<Trace<'a>>,
    provenance: Option<Provenance<'a>>,
    /// Its form is its own: an earlier report is read again.
    fingerprint: Option<&'a Fingerprint>,
}

#[derive(Serialize)]
struct Stage<'a> {
    name: &'static str,
    outcome: &'static str,
    /// Since the run began.
    began: f64,
    seconds: f64,
    because: Option<String>,
    hint: Option<&'a str>,
    saw: &'a [String],
}

#[derive(Serialize)]
struct FindingEntry<'a> {
    rule: &'static str,
    level: &'static str,
    blocks: bool,
    stage: &'static str,
    object: Option<&'a str>,
    message: &'a str,
    effect: &'a str,
    advice: Option<&'a str>,
    sql: Option<&'a str>,
    evidence: &'a [String],
    file: Option<String>,
    line: Option<u32>,
    accepted: Option<Accepted<'a>>,
}

#[derive(Serialize)]
struct Accepted<'a> {
    reason: &'a str,
    until: String,
}

#[derive(Serialize)]
struct Migration<'a> {
    file: &'a str,
    state: &'static str,
    seconds: Option<f64>,
    note: Option<&'a str>,
}

#[derive(Serialize)]
struct Provenance<'a> {
    source: &'a str,
    database: Option<&'a str>,
    source_version: Option<&'a str>,
    server_version: &'a str,
    data_as_of: Option<String>,
    source_bytes: Option<u64>,
    caveats: &'a [String],
}

/// The report as JSON, indented, with a line end.
pub fn render(report: &RunReport) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&Report {
        schema_version: SCHEMA_VERSION,
        verdict: report.verdict.as_str(),
        reason: &report.reason,
        name: &report.name,
        policy: &report.policy_file,
        run: &report.run,
        started: report.started.to_string(),
        seconds: seconds(report.took),
        pgrehearse: words::VERSION,
        stages: report.stages.iter().map(stage).collect(),
        findings: report
            .findings
            .iter()
            .map(|judged| finding(report, judged))
            .collect(),
        migrations: report
            .migrations
            .iter()
            .map(|migration| Migration {
                file: &migration.file,
                state: migration_state(migration.state),
                seconds: migration.took.map(seconds),
                note: migration.note.as_deref(),
            })
            .collect(),
        trace: report.trace.as_ref().map(Trace::of),
        provenance: report.provenance.as_ref().map(|provenance| Provenance {
            source: &provenance.source,
            database: provenance.database.as_deref(),
            source_version: provenance.source_version.as_deref(),
            server_version: &provenance.server_version,
            data_as_of: provenance.data_as_of.map(|moment| moment.to_string()),
            source_bytes: provenance.source_bytes,
            caveats: &provenance.caveats,
        }),
        fingerprint: report.fingerprint.as_ref(),
    })?;
    text.push('\n');
    Ok(for_eyes(&text))
}

fn stage(report: &StageReport) -> Stage<'_> {
    Stage {
        name: report.stage.as_str(),
        outcome: match &report.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed => "failed",
            Outcome::Errored(_) => "errored",
            Outcome::NotRun(_) => "not-run",
        },
        began: seconds(report.began),
        seconds: seconds(report.took),
        because: words::because(&report.outcome),
        hint: match &report.outcome {
            Outcome::Errored(failure) => failure.hint.as_deref(),
            _ => None,
        },
        saw: &report.saw,
    }
}

fn finding<'a>(report: &RunReport, judged: &'a Judged) -> FindingEntry<'a> {
    let Finding {
        rule,
        stage,
        object,
        message,
        effect,
        advice,
        sql,
        evidence,
        place: _,
        within: _,
        // It stands among the evidence.
        settled: _,
    } = &judged.finding;
    let place = words::place(report, judged);
    FindingEntry {
        rule,
        level: match judged.level {
            Level::Off => "off",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Block => "block",
        },
        blocks: judged.blocks(),
        stage: stage.as_str(),
        object: object.as_deref(),
        message,
        effect,
        advice: advice.as_deref(),
        sql: sql.as_deref(),
        evidence,
        line: place.as_ref().and_then(|place| place.line),
        file: place.map(|place| place.file),
        accepted: judged.accepted.as_ref().map(|accepted| Accepted {
            reason: &accepted.reason,
            until: accepted.until.to_string(),
        }),
    }
}

fn migration_state(state: MigrationState) -> &'static str {
    match state {
        MigrationState::Ran => "ran",
        MigrationState::Failed => "failed",
        MigrationState::DidNotRun => "did-not-run",
        MigrationState::HeldBack => "held-back",
    }
}

/// Whole milliseconds: more digits are noise.
fn seconds(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

/// Writes as `\u….` what JSON lets through and a terminal obeys or hides. The value stays the same.
fn for_eyes(json: &str) -> String {
    let mut written = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '\u{7f}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}' => written.push_str(&format!("\\u{:04x}", character as u32)),
            _ => written.push(character),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::for_eyes;

    #[test]
    fn what_a_terminal_obeys_is_written_as_a_number() {
        assert_eq!(for_eyes("\"a\u{9b}31m\""), "\"a\\u009b31m\"");
    }
}
