//! All that a report needs to know of a run. Reports are pure functions of a [`RunReport`].

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::decide::Verdict;
use super::finding::{Judged, Level};
use super::fingerprint::Fingerprint;
use super::outcome::{Outcome, Stage};
use super::traced::TraceReport;

/// Where the clone came from, and what makes it another thing than production.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Provenance {
    /// The source in a phrase: ``dump `prod-*.dump` ``.
    pub source: String,
    /// Production's name of the database, where the source tells it.
    pub database: Option<String>,
    /// The server version that the data comes from.
    pub source_version: Option<String>,
    /// The server version that the clone lives on.
    pub server_version: String,
    /// The moment the data is of.
    pub data_as_of: Option<Timestamp>,
    /// Bytes, as the source stores them.
    pub source_bytes: Option<u64>,
    /// What a reader must know before trusting the clone: left out, disarmed, masked.
    pub caveats: Vec<String>,
}

/// One stage of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageReport {
    pub stage: Stage,
    pub outcome: Outcome,
    /// Since the run began. Stages overlap.
    pub began: Duration,
    pub took: Duration,
    /// What it saw, in short sentences: `24 tables, 1,204,331 rows`.
    pub saw: Vec<String>,
}

/// A rule as a report names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleReport {
    pub id: &'static str,
    pub stage: Stage,
    /// The policy's level of it.
    pub level: Level,
    /// What it refuses, in a sentence.
    pub summary: &'static str,
    /// What it does to the service.
    pub effect: &'static str,
    /// What to do instead.
    pub remedy: &'static str,
}

/// A migration file, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MigrationReport {
    /// The file, relative to the policy.
    pub file: String,
    pub state: MigrationState,
    /// How long it took, where it is known of the single file.
    #[serde(skip)]
    pub took: Option<Duration>,
    /// Why it is held back.
    pub note: Option<String>,
}

/// What became of a migration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MigrationState {
    Ran,
    Failed,
    /// It was pending and did not run.
    DidNotRun,
    HeldBack,
}

impl MigrationState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ran => "ran",
            Self::Failed => "failed",
            Self::DidNotRun => "did not run",
            Self::HeldBack => "held back",
        }
    }
}

/// One run, whole.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// The policy's name of the rehearsal.
    pub name: String,
    /// The policy's file, as it was given.
    pub policy_file: String,
    pub run: String,
    pub started: Timestamp,
    pub took: Duration,
    pub verdict: Verdict,
    /// The one reason, in a sentence.
    pub reason: String,
    /// All seven, in the order of the sentence.
    pub stages: Vec<StageReport>,
    /// Blocking ones first, then by stage.
    pub findings: Vec<Judged>,
    pub rules: Vec<RuleReport>,
    pub migrations: Vec<MigrationReport>,
    /// `None` if nothing was migrated.
    pub trace: Option<TraceReport>,
    /// `None` if no clone came to be.
    pub provenance: Option<Provenance>,
    /// What the verdict is of; `None` if nothing was rehearsed.
    pub fingerprint: Option<Fingerprint>,
}

impl RunReport {
    pub fn stage(&self, stage: Stage) -> Option<&StageReport> {
        self.stages.iter().find(|report| report.stage == stage)
    }

    /// The findings that refuse the migration.
    pub fn blocking(&self) -> impl Iterator<Item = &Judged> {
        self.findings.iter().filter(|judged| judged.blocks())
    }
}
