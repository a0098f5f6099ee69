//! Facts are judged, levels are applied, and one word comes of it. Here and nowhere else.

use std::fmt;

use serde::Serialize;

use super::finding::{Accepted, Finding, Judged, Level};
use super::outcome::{NotRunKind, Outcome, Stage};
use super::report::StageReport;
use crate::text::{count_of, human_count};

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Go,
    NoGo,
    Undecided,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::NoGo => "no-go",
            Self::Undecided => "undecided",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Gives each finding its level and what accepts it. Findings of rules that are off go.
pub fn judge(
    findings: Vec<Finding>,
    level_of: impl Fn(&Finding) -> Level,
    accepted_by: impl Fn(&Finding) -> Option<Accepted>,
) -> Vec<Judged> {
    let mut judged: Vec<Judged> = findings
        .into_iter()
        .map(|finding| Judged {
            level: match finding.settled {
                Some(_) => level_of(&finding).min(Level::Info),
                None => level_of(&finding),
            },
            accepted: accepted_by(&finding),
            finding,
        })
        .filter(|judged| judged.level != Level::Off)
        .collect();
    fold(&mut judged);
    judged.sort_by_key(|judged| {
        (
            !judged.blocks(),
            judged.accepted.is_some(),
            std::cmp::Reverse(judged.level),
            judged.finding.stage,
        )
    });
    judged
}

/// Makes a finding a line of another's evidence where that one says the same and more.
fn fold(judged: &mut Vec<Judged>) {
    let mut place = 0;
    while let Some(inner) = judged.get(place) {
        // The first that is named is the one that says most.
        let outer = inner.finding.within.iter().find_map(|rule| {
            judged.iter().position(|outer| {
                !std::ptr::eq(outer, inner)
                    && outer.finding.rule == *rule
                    && outer.finding.object == inner.finding.object
                    && outer.level >= inner.level
            })
        });
        let Some(outer) = outer else {
            place += 1;
            continue;
        };
        let inner = judged.remove(place).finding;
        let outer = &mut judged[if outer > place { outer - 1 } else { outer }];
        outer
            .finding
            .evidence
            .push(format!("`{}`: {}", inner.rule, inner.message));
    }
}

/// Makes a stage that ran a failed one where a finding of it blocks.
pub fn apply(stages: &mut [StageReport], findings: &[Judged]) {
    for report in stages {
        let blocked = findings
            .iter()
            .any(|judged| judged.blocks() && judged.finding.stage == report.stage);
        if blocked && report.outcome == Outcome::Passed {
            report.outcome = Outcome::Failed;
        }
    }
}

/// Stages without which nothing was rehearsed.
const NEEDED: [Stage; 5] = [
    Stage::Preflight,
    Stage::Clone,
    Stage::Restore,
    Stage::Migrate,
    Stage::Verify,
];

/// The verdict, and its reason in a sentence.
///
/// A finding that blocks is a certain no, whatever else went wrong. Without one, everything that was
/// to be done must have been done: silence is never green.
pub fn decide(stages: &[StageReport], findings: &[Judged]) -> (Verdict, String) {
    let blocking: Vec<&Judged> = findings.iter().filter(|judged| judged.blocks()).collect();
    if let Some(first) = blocking.first() {
        let others = blocking.len() as u64 - 1;
        let mut reason = first.finding.message.clone();
        if others > 0 {
            reason.push_str(&format!(" (and {} more)", human_count(others)));
        }
        return (Verdict::NoGo, reason);
    }
    for report in stages {
        match &report.outcome {
            Outcome::Errored(failure) => {
                return (
                    Verdict::Undecided,
                    format!("{}: {}", report.stage, failure.one_line()),
                );
            }
            Outcome::NotRun(not_run) if not_run.kind == NotRunKind::CutShort => {
                return (
                    Verdict::Undecided,
                    format!("{} did not run: {}", report.stage, not_run.because),
                );
            }
            Outcome::Passed | Outcome::Failed | Outcome::NotRun(_) => {}
        }
    }
    if let Some(because) = unneeded(stages) {
        return (Verdict::Go, format!("{because}, so nothing was rehearsed"));
    }
    for needed in NEEDED {
        let passed = stages
            .iter()
            .any(|report| report.stage == needed && report.outcome == Outcome::Passed);
        if !passed {
            return (Verdict::Undecided, format!("{needed} did not run"));
        }
    }
    let reason = match findings.len() as u64 {
        0 => "the migration ran on a clone of production and nothing speaks against it".to_owned(),
        some => format!(
            "the migration ran on a clone of production and nothing blocks it; {} to read",
            count_of(some, "finding")
        ),
    };
    (Verdict::Go, reason)
}

/// Why none of the stages was needed; `None` where one was.
fn unneeded(stages: &[StageReport]) -> Option<&str> {
    let mut reasons = stages.iter().map(|report| match &report.outcome {
        Outcome::NotRun(not_run) if not_run.kind == NotRunKind::Unneeded => {
            Some(not_run.because.as_str())
        }
        _ => None,
    });
    let first = reasons.next()??;
    reasons.all(|reason| reason.is_some()).then_some(first)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::verdict::{Failure, NotRun};

    fn stages(change: impl Fn(Stage) -> Outcome) -> Vec<StageReport> {
        Stage::ALL
            .into_iter()
            .map(|stage| StageReport {
                stage,
                outcome: change(stage),
                began: Duration::ZERO,
                took: Duration::ZERO,
                saw: Vec::new(),
            })
            .collect()
    }

    fn finding(stage: Stage) -> Finding {
        Finding {
            rule: "rows-lost",
            stage,
            object: None,
            message: "rows are gone".into(),
            effect: String::new(),
            advice: None,
            sql: None,
            evidence: Vec::new(),
            place: None,
            within: &[],
            settled: None,
        }
    }

    #[test]
    fn one_that_is_within_another_is_a_line_of_it() {
        let about = |rule, within| Finding {
            rule,
            within,
            message: format!("it is {rule}"),
            ..finding(Stage::Migrate)
        };
        let findings = || {
            vec![
                about("outer", &[]),
                about("inner", &["missing", "outer"]),
                about("itself", &["itself"]),
                Finding {
                    object: Some("another".into()),
                    ..about("inner", &["outer"])
                },
            ]
        };
        let told = |judged: &[Judged]| -> Vec<(&str, usize)> {
            judged
                .iter()
                .map(|judged| (judged.finding.rule, judged.finding.evidence.len()))
                .collect()
        };
        let judged = judge(findings(), |_| Level::Block, |_| None);
        assert_eq!(told(&judged), [("outer", 1), ("itself", 0), ("inner", 0)]);
        assert_eq!(judged[0].finding.evidence, ["`inner`: it is inner"]);
        // What weighs less says nothing of what weighs more.
        let level = |finding: &Finding| match finding.rule {
            "outer" => Level::Warn,
            _ => Level::Block,
        };
        let judged = judge(findings(), level, |_| None);
        assert_eq!(
            told(&judged),
            [("inner", 0), ("itself", 0), ("inner", 0), ("outer", 0)]
        );
    }

    fn judged(level: Level, accepted: Option<&Accepted>) -> Vec<Judged> {
        judge(
            vec![finding(Stage::Verify)],
            |_| level,
            |_| accepted.cloned(),
        )
    }

    #[test]
    fn what_is_settled_is_told_and_blocks_nothing() {
        let settled = |level| {
            let finding = Finding {
                settled: Some("measured".into()),
                ..finding(Stage::Preflight)
            };
            judge(vec![finding], |_| level, |_| None)
        };
        assert_eq!(settled(Level::Block)[0].level, Level::Info);
        assert!(settled(Level::Off).is_empty());
    }

    #[test]
    fn everything_passed_is_go() {
        assert_eq!(decide(&stages(|_| Outcome::Passed), &[]).0, Verdict::Go);
    }

    #[test]
    fn silence_is_never_green() {
        assert_eq!(decide(&[], &[]).0, Verdict::Undecided);
        for silent in Stage::ALL {
            let cut = |kind| {
                stages(|stage| {
                    if stage == silent {
                        Outcome::NotRun(NotRun {
                            because: "x".into(),
                            kind,
                        })
                    } else {
                        Outcome::Passed
                    }
                })
            };
            assert_eq!(
                decide(&cut(NotRunKind::CutShort), &[]).0,
                Verdict::Undecided,
                "{silent}"
            );
            let optional = matches!(silent, Stage::SchemaDiff | Stage::SmokeIngest);
            let expected = if optional {
                Verdict::Go
            } else {
                Verdict::Undecided
            };
            for kind in [NotRunKind::NotAskedFor, NotRunKind::Unneeded] {
                assert_eq!(decide(&cut(kind), &[]).0, expected, "{silent}");
            }
        }
    }

    #[test]
    fn nothing_to_rehearse_is_go_and_says_so() {
        let unneeded = stages(|_| {
            Outcome::NotRun(NotRun {
                because: "no migration changed".into(),
                kind: NotRunKind::Unneeded,
            })
        });
        let (verdict, reason) = decide(&unneeded, &[]);
        assert_eq!(verdict, Verdict::Go);
        assert_eq!(reason, "no migration changed, so nothing was rehearsed");
    }

    #[test]
    fn a_blocking_finding_is_a_no_even_if_something_else_broke() {
        let broken = stages(|stage| match stage {
            Stage::SmokeIngest => Outcome::Errored(Failure::because("no answer")),
            _ => Outcome::Passed,
        });
        assert_eq!(decide(&broken, &[]).0, Verdict::Undecided);
        assert_eq!(
            decide(&broken, &judged(Level::Block, None)).0,
            Verdict::NoGo
        );
    }

    #[test]
    fn levels_and_acceptance_count() {
        let passed = stages(|_| Outcome::Passed);
        let accepted = Accepted {
            reason: "known".into(),
            until: jiff::civil::date(2027, 1, 1),
        };
        assert_eq!(decide(&passed, &judged(Level::Warn, None)).0, Verdict::Go);
        assert_eq!(
            decide(&passed, &judged(Level::Block, Some(&accepted))).0,
            Verdict::Go
        );
        assert!(judged(Level::Off, None).is_empty());
        let mut applied = passed;
        apply(&mut applied, &judged(Level::Block, None));
        let failed: Vec<Stage> = applied
            .iter()
            .filter(|report| report.outcome == Outcome::Failed)
            .map(|report| report.stage)
            .collect();
        assert_eq!(failed, [Stage::Verify]);
    }
}
