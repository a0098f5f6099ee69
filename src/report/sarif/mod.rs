//! `report.sarif`: findings as code scanning reads them, each at its line of the repository.
//!
//! GitHub keeps the first 5,000 results of a file by severity and refuses one with more than 25,000.
//! It knows a result again by its rule, its file and one fingerprint, which its upload makes from
//! the text of the line. Where results of one rule share a line, that would make one alert of them:
//! there, and only there, the fingerprint is ours, since the upload warns of each that it did not make.

mod fingerprint;
mod format;

use std::collections::HashMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use self::fingerprint::Fingerprinter;
use self::format::{
    ArtifactLocation, AutomationDetails, Configuration, Descriptor, DescriptorProperties, Driver,
    Fingerprints, Help, Invocation, Location, Log, LogicalLocation, Message, Notice,
    NoticeReference, Notification, OutcomeProperties, PhysicalLocation, Region, Run, RunProperties,
    Suppression, Tool,
};
use super::escape::{Sarif, visible, visible_line};
use super::words;
use crate::verdict::{Judged, Level, Place, RuleReport, RunReport, Verdict};

/// GitHub refuses a file with more results.
const MOST: usize = 25_000;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// A release's pages: what a rule says may change with the next one.
const DOCS: &str = concat!(
    env!("CARGO_PKG_REPOSITORY"),
    "/blob/v",
    env!("CARGO_PKG_VERSION"),
    "/docs/rules"
);

/// What a path may have in a URI as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// The report as SARIF 2.1.0, indented, with a line end.
pub fn render(report: &RunReport) -> Result<String, serde_json::Error> {
    let rules = rules(report);
    let notices = notices(report);
    let is_sure = notices.is_empty();
    let cut = report.findings.len().saturating_sub(MOST);
    let (mut descriptors, mut notifications): (Vec<Notice>, Vec<Notification>) =
        notices.into_iter().unzip();
    if cut > 0 {
        let (descriptor, notification) = notice(
            "results-left-out",
            "a reader takes no more results",
            Level::Warn,
            &format!("{cut} findings are in `report.json` only"),
            descriptors.len(),
        );
        descriptors.push(descriptor);
        notifications.push(notification);
    }
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            results: results(report, &rules),
            tool: Tool {
                driver: Driver {
                    name: "pgrehearse",
                    semantic_version: words::VERSION,
                    information_uri: env!("CARGO_PKG_REPOSITORY"),
                    rules,
                    notifications: descriptors,
                },
            },
            // What stands before the last slash is the category: one for each policy of a repository.
            automation_details: AutomationDetails {
                id: format!(
                    "pgrehearse/{}/",
                    visible_line(&report.name).replace('/', "-")
                ),
            },
            invocations: [Invocation {
                execution_successful: is_sure,
                start_time_utc: report.started.to_string(),
                end_time_utc: ended(report).to_string(),
                tool_execution_notifications: notifications,
            }],
            properties: RunProperties {
                verdict: report.verdict.as_str(),
                reason: visible_line(&report.reason),
            },
        }],
    };
    let mut text = serde_json::to_string_pretty(&log)?;
    text.push('\n');
    Ok(text)
}

fn ended(report: &RunReport) -> jiff::Timestamp {
    report
        .started
        .checked_add(report.took)
        .unwrap_or(report.started)
}

/// What kept the gate from telling.
fn notices(report: &RunReport) -> Vec<(Notice, Notification)> {
    let mut notices = Vec::new();
    for (stage, failure) in words::errored(report) {
        let text = match &failure.hint {
            Some(hint) => format!("{stage}: {}; hint: {hint}", failure.one_line()),
            None => format!("{stage}: {}", failure.one_line()),
        };
        notices.push(notice(
            &format!("{stage}-could-not-tell"),
            "a stage could not tell",
            Level::Block,
            &text,
            notices.len(),
        ));
    }
    if notices.is_empty() && report.verdict == Verdict::Undecided {
        notices.push(notice(
            "undecided",
            "the gate could not tell",
            Level::Block,
            &report.reason,
            0,
        ));
    }
    notices
}

fn notice(id: &str, about: &str, of: Level, text: &str, index: usize) -> (Notice, Notification) {
    (
        Notice {
            id: id.to_owned(),
            short_description: message(about),
        },
        Notification {
            level: level(of),
            message: message(text),
            descriptor: NoticeReference {
                id: id.to_owned(),
                index,
            },
        },
    )
}

/// The listed rules, and those of findings that no listed rule owns.
fn rules(report: &RunReport) -> Vec<Descriptor> {
    let mut rules: Vec<Descriptor> = report.rules.iter().map(descriptor).collect();
    for judged in &report.findings {
        let id = judged.finding.rule;
        if !rules.iter().any(|rule| rule.id == id) {
            rules.push(descriptor(&RuleReport {
                id,
                stage: judged.finding.stage,
                level: judged.level,
                summary: id,
                effect: "",
                remedy: "",
            }));
        }
    }
    rules
}

fn descriptor(rule: &RuleReport) -> Descriptor {
    let page = page(rule.id);
    let said = [("effect", rule.effect), ("instead", rule.remedy)];
    let said: Vec<_> = said
        .into_iter()
        .filter(|(_, words)| !words.is_empty())
        .collect();
    let lines = |line: fn(&str, &str) -> String| -> String {
        said.iter()
            .map(|(name, words)| line(name, words))
            .collect::<String>()
    };
    Descriptor {
        id: rule.id.to_owned(),
        short_description: message(rule.summary),
        full_description: message(rule.summary),
        help: Help {
            text: format!(
                "What must hold: {}.\n{}{page}",
                rule.summary,
                lines(|name, words| format!("{name}: {words}\n"))
            ),
            markdown: format!(
                "**What must hold:** {}.\n\n{}[An example, and how to set its level]({page})",
                rule.summary,
                lines(|name, words| format!("* {name}: {words}\n")) + "\n"
            ),
        },
        help_uri: page,
        default_configuration: Configuration {
            enabled: rule.level != Level::Off,
            level: level(rule.level),
        },
        properties: DescriptorProperties {
            tags: vec!["postgresql", "migration", rule.stage.as_str()],
            severity: match rule.level {
                Level::Block => "error",
                Level::Warn => "warning",
                Level::Info | Level::Off => "recommendation",
            },
        },
    }
}

/// The lint's rules share one page.
fn page(rule: &str) -> String {
    let name = if rule.starts_with("lint/") {
        "lint"
    } else {
        rule
    };
    format!("{DOCS}/{name}.md")
}

fn results(report: &RunReport, rules: &[Descriptor]) -> Vec<format::Outcome> {
    let findings: Vec<(&Judged, Place)> = report
        .findings
        .iter()
        .take(MOST)
        .map(|judged| (judged, words::place_or_policy(report, judged)))
        .collect();
    let mut at_line: HashMap<(&str, &Place), u32> = HashMap::new();
    for (judged, place) in &findings {
        *at_line.entry((judged.finding.rule, place)).or_default() += 1;
    }
    let indices: HashMap<&str, usize> = rules
        .iter()
        .enumerate()
        .map(|(index, rule)| (rule.id.as_str(), index))
        .collect();
    let mut fingerprinter = Fingerprinter::default();
    findings
        .iter()
        .map(|(judged, place)| {
            let rule = judged.finding.rule;
            let object = judged.finding.object.as_deref();
            let own = fingerprinter.of(rule, object, &place.file);
            let shares_its_line =
                judged.finding.place.is_none() || at_line.get(&(rule, place)) != Some(&1);
            format::Outcome {
                rule_id: rule.to_owned(),
                rule_index: indices.get(rule).copied().unwrap_or_default(),
                level: level(judged.level),
                message: message(&in_full(judged)),
                locations: [location(place, object)],
                partial_fingerprints: Fingerprints {
                    primary_location_line_hash: shares_its_line.then(|| own.clone()),
                    own,
                },
                suppressions: suppressions(judged),
                properties: OutcomeProperties {
                    stage: judged.finding.stage.as_str(),
                    blocks: judged.blocks(),
                    sql: judged.finding.sql.as_deref().map(visible),
                    evidence: judged
                        .finding
                        .evidence
                        .iter()
                        .map(|fact| visible_line(fact))
                        .collect(),
                },
            }
        })
        .collect()
}

fn location(place: &Place, object: Option<&str>) -> Location {
    let file = visible_line(&place.file);
    let path = utf8_percent_encode(&file, PATH);
    let (uri, uri_base_id) = if file.starts_with('/') {
        (format!("file://{path}"), None)
    } else {
        (path.to_string(), Some("%SRCROOT%"))
    };
    Location {
        physical_location: PhysicalLocation {
            artifact_location: ArtifactLocation { uri, uri_base_id },
            region: Region {
                start_line: place.line.unwrap_or(1).max(1),
            },
        },
        logical_locations: object
            .map(|object| LogicalLocation {
                fully_qualified_name: visible_line(object),
            })
            .into_iter()
            .collect(),
    }
}

/// An entry of `allow` stands outside of what it is about.
fn suppressions(judged: &Judged) -> Vec<Suppression> {
    judged
        .accepted
        .iter()
        .map(|accepted| Suppression {
            kind: "external",
            status: "accepted",
            justification: format!(
                "{} (until {})",
                visible_line(&accepted.reason),
                accepted.until
            ),
        })
        .collect()
}

/// Sentences: where there is room for one only, GitHub shows the first.
fn in_full(judged: &Judged) -> String {
    let finding = &judged.finding;
    let mut text = format!("{}.", finding.message);
    if !finding.effect.is_empty() {
        text.push_str(&format!(" Effect: {}.", finding.effect));
    }
    if let Some(advice) = &finding.advice {
        text.push_str(&format!(" Instead: {advice}."));
    }
    text
}

fn message(text: &str) -> Message {
    Message {
        text: Sarif::line(text).into_string(),
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Block => "error",
        Level::Warn => "warning",
        Level::Info => "note",
        Level::Off => "none",
    }
}
