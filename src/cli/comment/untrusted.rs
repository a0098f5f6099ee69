//! A `report.json` that a stranger may have written: of bounded size, of known words, and every text in
//! it goes through the same escapes as in a report of our own.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::report::json::SCHEMA_VERSION;
use crate::rules;
use crate::verdict::{
    Accepted, Failure, Finding, Judged, Level, MigrationReport, MigrationState, NotRun, NotRunKind,
    Outcome, Place, RunReport, Stage, StageReport, Verdict,
};

/// A trace of thousands of statements is some megabytes.
const SIZE_LIMIT: u64 = 32 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum UntrustedError {
    #[error("could not read `{}`", path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("`{}` is larger than {} MB", path.display(), SIZE_LIMIT / 1024 / 1024)]
    TooLarge { path: PathBuf },
    #[error("`{}` is no report", path.display())]
    NoReport {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("the report is of version {0}, and this gate reads version {SCHEMA_VERSION}")]
    Version(u32),
    #[error("the report has `{0}`, which no gate writes")]
    Word(String),
    #[error("the report is of `{0}`, and the policy here is not")]
    Name(String),
    #[error("the report says go, and what is in it does not")]
    Contradiction,
}

#[derive(Deserialize)]
struct Report {
    schema_version: u32,
    verdict: String,
    reason: String,
    name: String,
    policy: String,
    run: String,
    started: jiff::Timestamp,
    seconds: f64,
    stages: Vec<StageEntry>,
    findings: Vec<FindingEntry>,
    migrations: Vec<MigrationEntry>,
}

#[derive(Deserialize)]
struct StageEntry {
    name: String,
    outcome: String,
    began: f64,
    seconds: f64,
    because: Option<String>,
    hint: Option<String>,
    saw: Vec<String>,
}

#[derive(Deserialize)]
struct FindingEntry {
    rule: String,
    level: String,
    stage: String,
    object: Option<String>,
    message: String,
    effect: String,
    advice: Option<String>,
    sql: Option<String>,
    evidence: Vec<String>,
    file: Option<String>,
    line: Option<u32>,
    accepted: Option<AcceptedEntry>,
}

#[derive(Deserialize)]
struct AcceptedEntry {
    reason: String,
    until: jiff::civil::Date,
}

#[derive(Deserialize)]
struct MigrationEntry {
    file: String,
    state: String,
    seconds: Option<f64>,
    note: Option<String>,
}

/// Reads the report at `path`, which must be of the policy's `name`.
pub fn read(path: &Path, name: &str) -> Result<RunReport, UntrustedError> {
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(SIZE_LIMIT + 1).read_to_string(&mut text))
        .map_err(|source| UntrustedError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
    if text.len() as u64 > SIZE_LIMIT {
        return Err(UntrustedError::TooLarge {
            path: path.to_owned(),
        });
    }
    let report: Report =
        serde_json::from_str(&text).map_err(|source| UntrustedError::NoReport {
            path: path.to_owned(),
            source,
        })?;
    if report.schema_version != SCHEMA_VERSION {
        return Err(UntrustedError::Version(report.schema_version));
    }
    if report.name != name {
        return Err(UntrustedError::Name(report.name));
    }
    let verdict = match report.verdict.as_str() {
        "go" => Verdict::Go,
        "no-go" => Verdict::NoGo,
        "undecided" => Verdict::Undecided,
        other => return Err(unknown(other)),
    };
    let stages: Vec<StageReport> = report
        .stages
        .into_iter()
        .map(stage_report)
        .collect::<Result<_, _>>()?;
    let findings: Vec<Judged> = report
        .findings
        .into_iter()
        .map(judged)
        .collect::<Result<_, _>>()?;
    let speaks_against_it = findings.iter().any(Judged::blocks)
        || (stages.iter())
            .any(|stage| matches!(stage.outcome, Outcome::Failed | Outcome::Errored(_)));
    if verdict == Verdict::Go && speaks_against_it {
        return Err(UntrustedError::Contradiction);
    }
    Ok(RunReport {
        name: report.name,
        // Places are the repository's already.
        policy_file: Path::new(&report.policy)
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        run: report.run,
        started: report.started,
        took: duration(report.seconds),
        verdict,
        reason: report.reason,
        stages,
        findings,
        rules: Vec::new(),
        migrations: report
            .migrations
            .into_iter()
            .map(migration)
            .collect::<Result<_, _>>()?,
        trace: None,
        provenance: None,
        fingerprint: None,
    })
}

fn stage_report(entry: StageEntry) -> Result<StageReport, UntrustedError> {
    let because = entry.because.unwrap_or_default();
    Ok(StageReport {
        stage: stage(&entry.name)?,
        outcome: match entry.outcome.as_str() {
            "passed" => Outcome::Passed,
            "failed" => Outcome::Failed,
            "errored" => Outcome::Errored(Failure {
                chain: vec![because],
                hint: entry.hint,
            }),
            "not-run" => Outcome::NotRun(NotRun {
                because,
                kind: NotRunKind::NotAskedFor,
            }),
            other => return Err(unknown(other)),
        },
        began: duration(entry.began),
        took: duration(entry.seconds),
        saw: entry.saw,
    })
}

fn judged(entry: FindingEntry) -> Result<Judged, UntrustedError> {
    let rule = rules::by_id(&entry.rule).ok_or_else(|| unknown(&entry.rule))?;
    Ok(Judged {
        level: match entry.level.as_str() {
            "info" => Level::Info,
            "warn" => Level::Warn,
            "block" => Level::Block,
            other => return Err(unknown(other)),
        },
        accepted: entry.accepted.map(|accepted| Accepted {
            reason: accepted.reason,
            until: accepted.until,
        }),
        finding: Finding {
            rule: rule.id,
            stage: stage(&entry.stage)?,
            object: entry.object,
            message: entry.message,
            effect: entry.effect,
            advice: entry.advice,
            sql: entry.sql,
            evidence: entry.evidence,
            place: entry.file.map(|file| Place {
                file,
                line: entry.line,
            }),
            within: &[],
            settled: None,
        },
    })
}

fn migration(entry: MigrationEntry) -> Result<MigrationReport, UntrustedError> {
    Ok(MigrationReport {
        file: entry.file,
        state: match entry.state.as_str() {
            "ran" => MigrationState::Ran,
            "failed" => MigrationState::Failed,
            "did-not-run" => MigrationState::DidNotRun,
            "held-back" => MigrationState::HeldBack,
            other => return Err(unknown(other)),
        },
        took: entry.seconds.map(duration),
        note: entry.note,
    })
}

fn stage(name: &str) -> Result<Stage, UntrustedError> {
    let mut stages = Stage::ALL.into_iter();
    stages
        .find(|stage| stage.as_str() == name)
        .ok_or_else(|| unknown(name))
}

/// A number that is no time is none.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn unknown(word: &str) -> UntrustedError {
    UntrustedError::Word(crate::text::one_line(word, 60))
}
