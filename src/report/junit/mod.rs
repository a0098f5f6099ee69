//! `junit.xml`: one flat suite per stage, one case per rule, so that any CI shows the answer.
//!
//! A *failure* is a no-go, an *error* is a gate that could not tell, *skipped* is a rule or a stage
//! that judged nothing. Names are rule ids and never change from run to run.

mod attributes;

use std::time::Duration;

use junit_report::{
    OffsetDateTime, ReportBuilder, TestCase, TestCaseBuilder, TestSuite, TestSuiteBuilder,
};

use self::attributes::CaseLine;
use super::escape::{Xml, XmlCdata};
use super::words;
use crate::verdict::{Judged, Level, NotRunKind, Outcome, Place, RunReport, Stage, Verdict};

/// The case of each suite that says whether its stage ran to its end.
const COMPLETED: &str = "completed";

/// Bytes of one case's text. GitHub refuses an annotation that has more than 64 KB of it, and with it
/// all others of the request; not every reader cuts what it hands on.
const LONGEST: usize = 60_000;

/// Why no XML came to be.
#[derive(Debug, thiserror::Error)]
pub enum JunitError {
    #[error("the moment of the start is out of range")]
    Moment(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the writer refused a suite")]
    Suites(#[source] junit_report::Error),
    #[error("the finished suites could not be read back")]
    Attributes(#[from] attributes::AttributesError),
}

/// The report as JUnit XML.
pub fn render(report: &RunReport) -> Result<String, JunitError> {
    let started = OffsetDateTime::from_unix_timestamp(report.started.as_second())
        .map_err(|error| JunitError::Moment(Box::new(error)))?;
    let doubtful = speaks_for_undecided(report);
    let mut lines = Vec::new();
    let mut suites = Vec::new();
    for stage in Stage::ALL {
        let mut suite = TestSuiteBuilder::new(stage.as_str());
        suite.set_timestamp(started);
        for case in cases(report, stage, doubtful) {
            lines.push(CaseLine(case.place.line));
            suite.add_testcase(case.written);
        }
        let mut suite: TestSuite = suite.build();
        suite.package = Xml::new(&report.name).as_str().to_owned();
        suites.push(suite);
    }
    let mut xml = Vec::new();
    ReportBuilder::new()
        .add_testsuites(suites)
        .build()
        .write_xml(&mut xml)
        .map_err(JunitError::Suites)?;
    Ok(attributes::complete(&xml, &lines)?)
}

/// A case, with the place that the writer has no attribute for.
struct Case {
    written: TestCase,
    place: Place,
}

fn cases(report: &RunReport, stage: Stage, doubtful: Option<Stage>) -> Vec<Case> {
    let mut cases = vec![completed(report, stage, doubtful)];
    let known = report
        .rules
        .iter()
        .filter(|rule| rule.stage == stage)
        .map(|rule| (rule.id, rule.level == Level::Off));
    let mut seen: Vec<&str> = Vec::new();
    // A finding that no listed rule of the stage owns must not get lost.
    let unlisted = report
        .findings
        .iter()
        .filter(|judged| judged.finding.stage == stage)
        .map(|judged| (judged.finding.rule, false));
    for (rule, is_off) in known.chain(unlisted) {
        if !seen.contains(&rule) {
            seen.push(rule);
            let switch = if is_off {
                RuleState::Off
            } else {
                RuleState::On
            };
            cases.push(rule_case(report, stage, rule, switch));
        }
    }
    cases
}

/// Whether the policy has a rule judge at all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RuleState {
    On,
    Off,
}

fn rule_case(report: &RunReport, stage: Stage, rule: &str, switch: RuleState) -> Case {
    let findings: Vec<&Judged> = report
        .findings
        .iter()
        .filter(|judged| judged.finding.stage == stage && judged.finding.rule == rule)
        .collect();
    let blocking: Vec<&Judged> = findings
        .iter()
        .copied()
        .filter(|judged| judged.blocks())
        .collect();
    let name = Xml::new(rule);
    let mut builder = match (blocking.first(), judged_nothing(report, stage)) {
        (Some(first), _) => {
            let texts: Vec<String> = blocking
                .iter()
                .map(|judged| in_full(report, judged))
                .collect();
            failure(
                &name,
                &name,
                &Xml::new(&first.finding.message),
                &XmlCdata::new(&fitted(&texts, "\n\n")),
            )
        }
        (None, _) if switch == RuleState::Off => skipped(
            &name,
            &Xml::new("off"),
            &Xml::new("switched off by the policy"),
        ),
        (None, Some(because)) => skipped(&name, &Xml::new("not-judged"), &Xml::new(&because)),
        (None, None) => TestCaseBuilder::success(name.as_str(), zero()),
    };
    let beside: Vec<String> = findings
        .iter()
        .filter(|judged| !judged.blocks())
        .map(|judged| noted(report, judged))
        .collect();
    if !beside.is_empty() {
        builder.set_system_out(XmlCdata::new(&fitted(&beside, "\n")).as_str());
    }
    let place = blocking
        .iter()
        .chain(&findings)
        .find_map(|judged| words::place(report, judged));
    finish(report, builder, stage, place)
}

fn completed(report: &RunReport, stage: Stage, doubtful: Option<Stage>) -> Case {
    let name = Xml::new(COMPLETED);
    let took = report
        .stage(stage)
        .map_or(Duration::ZERO, |stage| stage.took);
    let outcome = report.stage(stage).map(|report| &report.outcome);
    let builder = match outcome {
        Some(Outcome::Errored(failure)) => error(
            &name,
            took,
            &Xml::new(&failure.one_line()),
            &XmlCdata::new(&failure.to_string()),
        ),
        _ if doubtful == Some(stage) => error(
            &name,
            took,
            &Xml::new(&report.reason),
            &XmlCdata::new(&report.reason),
        ),
        Some(Outcome::NotRun(not_run)) => {
            skipped(&name, &Xml::new("not-run"), &Xml::new(&not_run.because))
        }
        None => skipped(&name, &Xml::new("not-run"), &Xml::new("it did not begin")),
        // A failed stage always has the finding that failed it; if not, it must not look passed.
        Some(Outcome::Failed) if !blocked(report, stage) => failure(
            &name,
            &Xml::new("failed"),
            &Xml::new(&report.reason),
            &XmlCdata::new(&report.reason),
        ),
        Some(Outcome::Passed | Outcome::Failed) => {
            TestCaseBuilder::success(name.as_str(), milliseconds(took))
        }
    };
    finish(report, builder, stage, None)
}

fn blocked(report: &RunReport, stage: Stage) -> bool {
    report
        .blocking()
        .any(|judged| judged.finding.stage == stage)
}

/// The stage that carries an undecided verdict when none errored: a report of nothing but skipped
/// cases would look green.
fn speaks_for_undecided(report: &RunReport) -> Option<Stage> {
    if report.verdict != Verdict::Undecided || words::errored(report).next().is_some() {
        return None;
    }
    let cut_short = |stage: &Stage| match report.stage(*stage).map(|report| &report.outcome) {
        Some(Outcome::NotRun(not_run)) => not_run.kind == NotRunKind::CutShort,
        Some(_) => false,
        None => true,
    };
    let not_passed = |stage: &Stage| {
        report
            .stage(*stage)
            .is_none_or(|report| report.outcome != Outcome::Passed)
    };
    let mut stages = Stage::ALL.into_iter();
    stages
        .clone()
        .find(cut_short)
        .or_else(|| stages.find(not_passed))
        .or(Some(Stage::Preflight))
}

/// Why a rule of this stage had nothing to judge.
fn judged_nothing(report: &RunReport, stage: Stage) -> Option<String> {
    match report.stage(stage).map(|report| &report.outcome) {
        Some(Outcome::Passed | Outcome::Failed) => None,
        Some(Outcome::Errored(_)) => Some(format!("{stage} could not tell")),
        Some(Outcome::NotRun(not_run)) => Some(format!("{stage} did not run: {}", not_run.because)),
        None => Some(format!("{stage} did not begin")),
    }
}

fn failure(name: &Xml, kind: &Xml, message: &Xml, text: &XmlCdata) -> TestCaseBuilder {
    let mut builder =
        TestCaseBuilder::failure(name.as_str(), zero(), kind.as_str(), message.as_str());
    builder.set_trace(text.as_str());
    builder
}

fn error(name: &Xml, took: Duration, message: &Xml, text: &XmlCdata) -> TestCaseBuilder {
    let mut builder = TestCaseBuilder::error(
        name.as_str(),
        milliseconds(took),
        "could-not-tell",
        message.as_str(),
    );
    builder.set_trace(text.as_str());
    builder
}

fn skipped(name: &Xml, kind: &Xml, message: &Xml) -> TestCaseBuilder {
    TestCaseBuilder::skipped_with_cause(name.as_str(), kind.as_str(), message.as_str())
}

/// A case without a place of its own has the policy's: for one without any,
/// `mikepenz/action-junit-report` takes the first file that is called like the stage, `migrate.sh`.
fn finish(
    report: &RunReport,
    mut builder: TestCaseBuilder,
    stage: Stage,
    place: Option<Place>,
) -> Case {
    let place = place.unwrap_or_else(|| words::policy_place(report));
    builder.set_classname(stage.as_str());
    builder.set_filepath(Xml::new(&place.file).as_str());
    Case {
        written: builder.build(),
        place,
    }
}

/// Times are whole milliseconds: Jenkins' schema has three digits.
fn milliseconds(duration: Duration) -> junit_report::Duration {
    junit_report::Duration::milliseconds(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

fn zero() -> junit_report::Duration {
    junit_report::Duration::ZERO
}

/// A finding with all that is known of it.
fn in_full(report: &RunReport, judged: &Judged) -> String {
    let finding = &judged.finding;
    let mut lines = Vec::new();
    // Readers that know no attributes find the place in the text: `file:line` on a line of its own.
    if let Some(place) = words::place(report, judged) {
        lines.push(place.to_string());
    }
    if let Some(object) = &finding.object {
        lines.push(format!("object: {object}"));
    }
    lines.push(finding.message.clone());
    if !finding.effect.is_empty() {
        lines.push(format!("effect: {}", finding.effect));
    }
    if let Some(advice) = &finding.advice {
        lines.push(format!("instead: {advice}"));
    }
    if let Some(sql) = &finding.sql {
        lines.push("sql to paste:".to_owned());
        lines.extend(sql.lines().map(|line| format!("    {line}")));
    }
    if !finding.evidence.is_empty() {
        lines.push("evidence:".to_owned());
        lines.extend(finding.evidence.iter().map(|fact| format!("  - {fact}")));
    }
    lines.join("\n")
}

/// As many of the texts as there is room for, whole, and how many more there are.
fn fitted(texts: &[String], between: &str) -> String {
    let mut fitted = String::new();
    for (number, text) in texts.iter().enumerate() {
        if number == 0 {
            fitted.push_str(&text[..text.floor_char_boundary(LONGEST)]);
        } else if fitted.len() + between.len() + text.len() <= LONGEST {
            fitted.push_str(between);
            fitted.push_str(text);
        } else {
            let more = texts.len() - number;
            fitted.push_str(&format!(
                "{between}{more} more, in report.html and report.json"
            ));
            break;
        }
    }
    fitted
}

/// A finding that does not fail its case, in a line.
fn noted(report: &RunReport, judged: &Judged) -> String {
    let mut line = match &judged.accepted {
        Some(accepted) => format!("accepted until {} ({})", accepted.until, accepted.reason),
        None => judged.level.to_string(),
    };
    line.push_str(&format!(": {}", judged.finding.message));
    if let Some(place) = words::place(report, judged) {
        line.push_str(&format!(" ({place})"));
    }
    line
}
