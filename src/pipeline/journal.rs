//! What is known of a run at any moment. It outlives the run, so that a report can be written
//! whatever ended it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::judgement;
use crate::clone::{self, Left};
use crate::context::Context;
use crate::migrate::MigrationResult;
use crate::policy::Policy;
use crate::progress::{Event, Progress};
use crate::rules::{self, Facts};
use crate::verdict::{
    self, Explained, Failure, Fingerprint, MigrationReport, MigrationState, NotRun, NotRunKind,
    Outcome, Provenance, RuleReport, RunReport, Stage, StageReport, Verdict,
};

/// What a run has come to so far.
pub struct Journal {
    policy: std::sync::Arc<Policy>,
    progress: Progress,
    /// The last stage that is asked for.
    until: Stage,
    began: Instant,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    stages: Vec<StageReport>,
    running: Vec<(Stage, Instant)>,
    facts: Facts,
    provenance: Option<Provenance>,
    fingerprint: Option<Fingerprint>,
    /// Why the run was cut, if it was.
    cut: Option<String>,
    /// Why nothing need be rehearsed, if so.
    unneeded: Option<String>,
}

/// What a stage leaves in the journal besides how it ended.
pub struct Seen<'n> {
    pub facts: &'n mut Facts,
    pub provenance: &'n mut Option<Provenance>,
    /// Why what was seen does not let the gate tell.
    pub unclear: Option<Failure>,
}

impl Journal {
    pub fn new(context: &Context, until: Option<Stage>) -> Self {
        Self {
            policy: context.policy.clone(),
            progress: context.progress.clone(),
            until: until.unwrap_or(Stage::SmokeIngest),
            began: Instant::now(),
            notes: Mutex::new(Notes {
                facts: Facts {
                    today: context.today(),
                    limits: context.policy.limits.clone(),
                    change: context.change.clone(),
                    ..Facts::default()
                },
                ..Notes::default()
            }),
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the policy and the command line ask for a stage.
    pub fn wants(&self, stage: Stage) -> bool {
        stage <= self.until && self.not_asked_for(stage).is_none()
    }

    /// Whether the lint already refuses what git says is new: then nothing need be cloned.
    pub fn is_refused_by_lint(&self) -> bool {
        judgement::judge(&self.policy, &self.notes().facts)
            .iter()
            .any(|judged| judged.blocks() && rules::lint::by_id(judged.finding.rule).is_some())
    }

    /// Why the policy does not ask for a stage.
    fn not_asked_for(&self, stage: Stage) -> Option<&'static str> {
        let is_off = |id: &str| {
            rules::by_id(id).is_none_or(|rule| self.policy.levels.of(rule) == verdict::Level::Off)
        };
        match stage {
            Stage::SchemaDiff if is_off("schema-drift") && is_off("fresh-install-broken") => {
                Some("the policy switches its rules off")
            }
            Stage::SmokeIngest if self.policy.smoke.is_none() => Some("the policy has no `smoke`"),
            _ => None,
        }
    }

    /// Runs one stage and notes how it ended: `None` if it gave nothing to go on with.
    ///
    /// `see` takes the facts from its result and says in short sentences what was seen.
    pub async fn stage<T, E: Explained>(
        &self,
        stage: Stage,
        work: impl Future<Output = Result<T, E>>,
        see: impl FnOnce(&T, &Policy, &mut Seen<'_>) -> Vec<String>,
    ) -> Option<T> {
        if !self.wants(stage) {
            return None;
        }
        let started = Instant::now();
        self.notes().running.push((stage, started));
        self.progress.tell(Event::Started(stage));
        let result = work.await;
        let took = started.elapsed();
        let mut notes = self.notes();
        notes.running.retain(|(running, _)| *running != stage);
        let Notes {
            facts, provenance, ..
        } = &mut *notes;
        let (outcome, saw) = match &result {
            Ok(value) => {
                let mut seen = Seen {
                    facts,
                    provenance,
                    unclear: None,
                };
                let saw = see(value, &self.policy, &mut seen);
                (seen.unclear.map_or(Outcome::Passed, Outcome::Errored), saw)
            }
            Err(error) => (Outcome::Errored(error.explain()), Vec::new()),
        };
        let mut report = [StageReport {
            stage,
            outcome,
            began: started.duration_since(self.began),
            took,
            saw,
        }];
        verdict::apply(&mut report, &judgement::judge(&self.policy, &notes.facts));
        self.progress.tell(Event::Ended {
            stage,
            outcome: &report[0].outcome,
            took,
        });
        notes.stages.extend(report);
        drop(notes);
        result.ok()
    }

    /// Notes that the run was cut: what was under way could not tell.
    pub fn interrupt(&self, because: &str) {
        let mut notes = self.notes();
        notes.cut = Some(because.to_owned());
        for (stage, started) in std::mem::take(&mut notes.running) {
            notes.stages.push(StageReport {
                stage,
                outcome: Outcome::Errored(Failure::because(because)),
                began: started.duration_since(self.began),
                took: started.elapsed(),
                saw: Vec::new(),
            });
        }
    }

    /// Notes what the verdict is of.
    pub fn is_of(&self, fingerprint: Fingerprint) {
        self.notes().fingerprint = Some(fingerprint);
    }

    /// Notes that there is nothing to rehearse.
    pub fn is_unneeded(&self, because: String) {
        self.notes().unneeded = Some(because);
    }

    /// Notes what became of the clones that a provider made: a sentence for each that is gone, and those
    /// that are left.
    pub fn gave_back(&self, gone: Vec<String>, left: Vec<Left>) {
        let mut notes = self.notes();
        let cloning = (notes.stages.iter_mut()).find(|stage| stage.stage == Stage::Clone);
        if let Some(stage) = cloning {
            stage.saw.extend(gone);
        }
        notes.facts.clone = Some(clone::Facts { left });
    }

    /// The whole run, as reports are written of it.
    pub fn report(&self, context: &Context) -> RunReport {
        let notes = self.notes();
        let findings = judgement::judge(&self.policy, &notes.facts);
        let mut stages = self.all_stages(&notes);
        verdict::apply(&mut stages, &findings);
        let (mut verdict, mut reason) = verdict::decide(&stages, &findings);
        // Also a run that was cut after its last stage: nobody waited for its end.
        if let (true, Some(because)) = (verdict != Verdict::NoGo, &notes.cut) {
            verdict = Verdict::Undecided;
            if !reason.contains(because) {
                reason = because.clone();
            }
        }
        if verdict == Verdict::Go && nothing_was_pending(&notes.facts) {
            reason =
                "no migration is pending, and nothing speaks against the clone as it is".to_owned();
        }
        RunReport {
            name: self.policy.name.clone(),
            policy_file: self.policy.file.display().to_string(),
            run: context.run.to_string(),
            started: context.started,
            took: self.began.elapsed(),
            verdict,
            reason,
            stages,
            rules: self.rules(),
            migrations: migrations(&notes.facts),
            trace: notes
                .facts
                .migrate
                .as_ref()
                .map(|migrate| super::traced::report(&migrate.trace)),
            provenance: notes.provenance.clone(),
            fingerprint: notes.fingerprint.clone(),
            findings,
        }
    }

    /// All stages in their order, those that never ran with the reason.
    fn all_stages(&self, notes: &Notes) -> Vec<StageReport> {
        Stage::ALL
            .into_iter()
            .map(|stage| {
                notes
                    .stages
                    .iter()
                    .find(|report| report.stage == stage)
                    .cloned()
                    .unwrap_or_else(|| StageReport {
                        stage,
                        outcome: Outcome::NotRun(self.why_not(stage, notes)),
                        began: Duration::ZERO,
                        took: Duration::ZERO,
                        saw: Vec::new(),
                    })
            })
            .collect()
    }

    fn why_not(&self, stage: Stage, notes: &Notes) -> NotRun {
        if let Some(because) = &notes.unneeded {
            return NotRun {
                because: because.clone(),
                kind: NotRunKind::Unneeded,
            };
        }
        if let Some(because) = self.not_asked_for(stage) {
            return NotRun {
                because: because.to_owned(),
                kind: NotRunKind::NotAskedFor,
            };
        }
        let because = if stage > self.until {
            format!("stopped after {} (`--until`)", self.until)
        } else if let Some(because) = &notes.cut {
            because.clone()
        } else {
            match notes.stages.iter().max_by_key(|report| report.stage) {
                Some(last) => match last.outcome {
                    Outcome::Errored(_) => format!("{} could not tell", last.stage),
                    _ => format!("{} did not pass", last.stage),
                },
                None => "no stage before it ran".to_owned(),
            }
        };
        NotRun {
            because,
            kind: NotRunKind::CutShort,
        }
    }

    fn rules(&self) -> Vec<RuleReport> {
        let level = |rule: &rules::Rule| self.policy.levels.of(rule);
        // Most of the lint is off, and nobody misses it.
        let lint = rules::lint::ALL.iter().map(|lint| &lint.rule);
        rules::ALL
            .iter()
            .copied()
            .chain(lint.filter(|rule| level(rule) != verdict::Level::Off))
            .map(|rule| RuleReport {
                id: rule.id,
                stage: rule.stage,
                level: level(rule),
                summary: rule.summary,
                effect: rule.effect,
                remedy: rule.remedy,
            })
            .collect()
    }
}

fn nothing_was_pending(facts: &Facts) -> bool {
    facts
        .migrate
        .as_ref()
        .is_some_and(|migrate| matches!(migrate.result, MigrationResult::NothingPending))
}

/// What became of each migration file.
fn migrations(facts: &Facts) -> Vec<MigrationReport> {
    let Some(migrate) = &facts.migrate else {
        return Vec::new();
    };
    let broken = match &migrate.result {
        MigrationResult::Failed(failed) => failed.place.as_ref().map(|place| place.file.as_str()),
        MigrationResult::TimedOut { file, .. } => file.as_deref(),
        MigrationResult::NothingPending | MigrationResult::Succeeded => None,
    };
    let pending = migrate.pending.iter().map(|file| {
        let ran = migrate.ran.iter().find(|ran| ran.file == *file);
        MigrationReport {
            file: file.clone(),
            state: match ran {
                _ if broken == Some(file.as_str()) => MigrationState::Failed,
                Some(_) => MigrationState::Ran,
                None if migrate.is_assumed_run() => MigrationState::Ran,
                None => MigrationState::DidNotRun,
            },
            took: ran.and_then(|ran| ran.took),
            note: None,
        }
    });
    let held_back = migrate.held_back.iter().map(|held| MigrationReport {
        file: held.file.clone(),
        state: MigrationState::HeldBack,
        took: None,
        note: Some(format!("until {}: {}", held.until, held.reason)),
    });
    pending.chain(held_back).collect()
}
