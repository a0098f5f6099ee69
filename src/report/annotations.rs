//! Annotations: the most severe findings as workflow commands, which GitHub shows beside the lines.
//!
//! A runner keeps ten annotations of a kind for each step and drops the rest without a word, and it
//! cuts a message at 4,096 characters. So no more than ten are written, and the last one says how
//! many there are besides.

use super::escape::visible_line;
use super::words;
use crate::verdict::{Judged, Level, Place, RunReport};

/// What a runner shows of one step.
const LIMIT: usize = 10;

/// What a runner keeps of a message.
const MESSAGE_LIMIT: usize = 4096;

/// The kinds of annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Error,
    Warning,
    Notice,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// The annotations of a run, most severe first, one command a line.
pub fn render(report: &RunReport) -> String {
    let mut commands = Vec::new();
    for (stage, failure) in words::errored(report) {
        let title = format!("pgrehearse: {stage} could not tell");
        let mut message = failure.one_line();
        if let Some(hint) = &failure.hint {
            message.push_str("; hint: ");
            message.push_str(hint);
        }
        commands.push(command(Kind::Error, &title, None, &message));
    }
    let findings = |kind, judged: &Judged| {
        let title = format!("pgrehearse: {}", judged.finding.rule);
        let place = words::place_or_policy(report, judged);
        let message = words::sentences(judged).join("; ");
        command(kind, &title, Some(&place), &message)
    };
    commands.extend(
        report
            .blocking()
            .map(|judged| findings(Kind::Error, judged)),
    );
    for (level, kind) in [(Level::Warn, Kind::Warning), (Level::Info, Kind::Notice)] {
        let of_level = words::of_level(report, level);
        commands.extend(of_level.map(|judged| findings(kind, judged)));
    }
    if commands.len() > LIMIT {
        let more = commands.len() - (LIMIT - 1);
        commands.truncate(LIMIT - 1);
        commands.push(command(
            Kind::Notice,
            "pgrehearse",
            None,
            &format!("{more} more in the summary"),
        ));
    }
    commands.into_iter().map(|command| command + "\n").collect()
}

/// One annotation. Everything in it is escaped here, and nowhere else.
pub fn command(kind: Kind, title: &str, place: Option<&Place>, message: &str) -> String {
    let mut properties = Vec::new();
    if let Some(place) = place {
        properties.push(format!("file={}", property(&place.file)));
        if let Some(line) = place.line {
            properties.push(format!("line={line}"));
        }
    }
    properties.push(format!("title={}", property(title)));
    format!(
        "::{} {}::{}",
        kind.as_str(),
        properties.join(","),
        data(&cut(&visible_line(message)))
    )
}

/// What a workflow command may hold after its last colons. Also for masks, which hold any character.
pub fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(&visible_line(text))
        .replace(':', "%3A")
        .replace(',', "%2C")
}

fn cut(text: &str) -> String {
    if text.chars().count() <= MESSAGE_LIMIT {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(MESSAGE_LIMIT - 1).collect();
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::verdict::{Accepted, Failure, Finding, Outcome, Stage, StageReport, Verdict};

    fn judged(level: Level, message: &str) -> Judged {
        Judged {
            finding: Finding {
                rule: "rows-lost",
                stage: Stage::Verify,
                object: None,
                message: message.to_owned(),
                effect: "data is gone".to_owned(),
                advice: Some("keep it".to_owned()),
                sql: None,
                evidence: Vec::new(),
                place: Some(Place {
                    file: "m/a,b:c%.sql".to_owned(),
                    line: Some(7),
                }),
                within: &[],
                settled: None,
            },
            level,
            accepted: None,
        }
    }

    fn report(findings: Vec<Judged>) -> RunReport {
        RunReport {
            name: "shop".into(),
            policy_file: "db/pgrehearse.yml".into(),
            run: String::new(),
            started: jiff::Timestamp::UNIX_EPOCH,
            took: Duration::ZERO,
            verdict: Verdict::NoGo,
            reason: String::new(),
            stages: Vec::new(),
            findings,
            rules: Vec::new(),
            migrations: Vec::new(),
            trace: None,
            provenance: None,
            fingerprint: None,
        }
    }

    #[test]
    fn a_finding_is_shown_beside_its_line() {
        let text = render(&report(vec![judged(
            Level::Block,
            "3 rows are\ngone: 100 %",
        )]));
        assert_eq!(
            text,
            "::error file=db/m/a%2Cb%3Ac%25.sql,line=7,title=pgrehearse%3A rows-lost\
             ::3 rows are gone: 100 %25; data is gone; keep it\n"
        );
    }

    #[test]
    fn a_finding_of_no_file_is_shown_beside_the_policy() {
        let mut of_no_file = judged(Level::Warn, "x");
        of_no_file.finding.place = None;
        assert!(render(&report(vec![of_no_file])).starts_with(
            "::warning file=db/pgrehearse.yml,line=1,title=pgrehearse%3A rows-lost::x;"
        ));
    }

    #[test]
    fn what_could_not_be_told_comes_first_and_what_is_accepted_not_at_all() {
        let mut accepted = judged(Level::Block, "accepted");
        accepted.accepted = Some(Accepted {
            reason: "known".into(),
            until: jiff::civil::date(2030, 1, 1),
        });
        let mut report = report(vec![
            judged(Level::Block, "blocks"),
            accepted,
            judged(Level::Info, "informs"),
            judged(Level::Warn, "warns"),
        ]);
        report.stages.push(StageReport {
            stage: Stage::Restore,
            outcome: Outcome::Errored(Failure {
                chain: vec!["no room".into(), "disk full".into()],
                hint: Some("make room".into()),
            }),
            began: Duration::ZERO,
            took: Duration::ZERO,
            saw: Vec::new(),
        });
        let text = render(&report);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "::error title=pgrehearse%3A restore could not tell::no room: disk full; hint: make room"
        );
        for (line, (kind, word)) in lines[1..].iter().zip([
            ("::error ", "blocks"),
            ("::warning ", "warns"),
            ("::notice ", "informs"),
        ]) {
            assert!(line.starts_with(kind) && line.contains(word), "{line}");
        }
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn ten_are_written_and_the_rest_is_counted() {
        let many = |count| render(&report(vec![judged(Level::Block, "x"); count]));
        assert_eq!(many(10).lines().count(), 10);
        assert!(!many(10).contains("more in the summary"));
        let eleven = many(11);
        assert_eq!(eleven.lines().count(), 10);
        assert!(eleven.ends_with("::notice title=pgrehearse::2 more in the summary\n"));
    }

    #[test]
    fn text_ends_no_command_and_begins_none() {
        let text = render(&report(vec![judged(
            Level::Block,
            "x\r\n::set-env name=A::b\n##[add-path]\u{1b}[31m",
        )]));
        assert_eq!(text.lines().count(), 1);
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn a_long_message_is_cut() {
        let text = command(Kind::Notice, "t", None, &"é".repeat(5000));
        let message = text
            .split_once("::")
            .and_then(|(_, rest)| rest.split_once("::"));
        assert_eq!(message.map(|(_, text)| text.chars().count()), Some(4096));
    }
}
