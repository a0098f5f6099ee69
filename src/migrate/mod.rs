//! The migrate stage: the user's own migrations, on a clone that was shown to be one.

mod aftermath;
mod border;
mod command;
mod contention;
mod error;
mod facts;
mod files;
mod fresh;
mod history;
mod locate;
mod runner;
mod shadow;
mod timeouts;
pub mod tool;
mod traced;
mod violation;

use std::collections::BTreeSet;

use crate::context::Context;
use crate::policy::{Policy, Runner};
use crate::postgres::server_log::Record;
use crate::postgres::{Endpoint, Session};
use crate::restore::Restored;
use crate::target::Database;
use crate::trace::Trace;
use crate::verdict::Stage;

use aftermath::{Aftermath, Failure};

pub use contention::{Contention, ContentionEnding};
pub use error::MigrateError;
pub use facts::{Facts, FailedMigration, Held, ImageNetwork, Matched, MigrationResult, Ran, RanIn};
pub use files::{Found, HeldBack, MigrationFile, find, relative};
pub use fresh::install;
pub use history::{Applied, DecidedBy, History, changed, pending};
pub use runner::{Broken, Ending, transaction_for};
pub use violation::{Violation, ViolationKind};

/// A clone after its migration.
pub struct Migrated {
    restored: Restored,
}

impl Migrated {
    /// The clone and its server.
    pub fn clone_of(&self) -> &Restored {
        &self.restored
    }

    pub fn into_restored(self) -> Restored {
        self.restored
    }
}

/// What the migrate stage hands on.
pub struct Migration {
    pub facts: Facts,
    pub outcome: AfterMigration,
}

/// The clone after the migration ran, or did not.
pub enum AfterMigration {
    Migrated(Box<Migrated>),
    /// The migration failed; the clone is kept only so that `--keep` can leave it up.
    Broken(Box<Restored>),
}

/// Runs the migrate stage. `copy`: the clone as it is, for the contention drill.
pub async fn run(
    context: &Context,
    restored: Restored,
    found: &Found,
    copy: Option<Database>,
) -> Result<Migration, MigrateError> {
    let policy = &context.policy;
    let history = History::of(&policy.migrations);
    let admin = &restored.database().admin;
    let session = Session::open(admin, &[]).await?;
    let before = history.read(&session).await?;
    let source_before = border::read_source(context, &history).await?;
    let (pending, decided_by) = pending(
        &policy.migrations,
        &policy.root,
        &found.files,
        &history,
        before.as_ref(),
    )
    .await?;

    let started = std::time::Instant::now();
    let endpoint = restored.migrator_endpoint();
    let role = &restored.migrator().name;
    let database = restored.database().name();
    timeouts::set(context, &session, role, database).await?;
    let mut aftermath = Aftermath::from_now(restored.target());
    let tracing = traced::start(&restored, &session).await?;
    let held_back = found.held_back_paths();
    let log_file = context.log_directory.join("migrate.log");
    let job = runner::Job {
        tools: &restored.target().tools,
        endpoint: &endpoint,
        admin,
        files: files_of(&policy.migrations.runner, found, &pending),
        held_back: &held_back,
        history: &history,
        site: restored.target().site(),
        stage: Stage::Migrate,
        log: &log_file,
    };
    let ending = runner::run(context, &job).await;
    let took = started.elapsed();
    border::refuse_a_changed_source(context, &history, source_before.as_ref()).await?;
    let failure = Failure::of(ending.as_ref());
    let session = aftermath
        .session(Some(session), admin, &endpoint, failure)
        .await?;
    let ending = ending?;
    let tracing = tracing.settle().await;
    aftermath::end_sessions(&session, &endpoint.user).await?;
    let trace = traced::finish(tracing, &session, aftermath.records(), &pending).await?;
    timeouts::reset(context, &session, role, database).await?;

    let after = history.read(&session).await?;
    drop(session);
    let matched = Matched::of(&history, after.as_ref());
    let applied = after
        .as_ref()
        .map(|after| history.expand(after, &found.files))
        .unwrap_or_default();
    let ran = what_ran(&pending, &ending, matched, &applied);
    let result = match ending {
        Ending::TimedOut { limit, file } => MigrationResult::TimedOut { limit, file },
        Ending::Failed(broken) => {
            let records = aftermath.records();
            failed(context, &restored, *broken, records, &pending, &endpoint).await?
        }
        Ending::Done { .. } if pending.is_empty() && before == after => {
            MigrationResult::NothingPending
        }
        Ending::Done { .. } => MigrationResult::Succeeded,
    };
    let (before, after) = (before.as_ref(), after.as_ref());
    let skipped = match &result {
        result if result.is_success() => {
            skipped(policy, found, &history, &pending, before, after).await
        }
        _ => Vec::new(),
    };
    let contention = match copy {
        Some(copy) if result.is_success() => {
            contend(context, &restored, copy, &trace, &job).await?
        }
        _ => None,
    };
    let facts = Facts {
        skipped,
        pending: pending.iter().map(|file| file.shown.clone()).collect(),
        decided_by,
        ran,
        held_back: found.held_back.iter().map(Held::of).collect(),
        unexplained: unexplained(before, found, matched),
        matched,
        role: restored.migrator().name.clone(),
        image: restored.target().site().map(RanIn::of),
        result,
        took,
        trace,
        contention,
    };
    let outcome = AfterMigration::of(&facts.result, restored);
    Ok(Migration { facts, outcome })
}

impl AfterMigration {
    fn of(result: &MigrationResult, restored: Restored) -> Self {
        if result.is_success() {
            Self::Migrated(Box::new(Migrated { restored }))
        } else {
            Self::Broken(Box::new(restored))
        }
    }
}

/// The files that a runner is given.
fn files_of<'f>(
    runner: &Runner,
    found: &'f Found,
    pending: &'f [MigrationFile],
) -> &'f [MigrationFile] {
    match runner {
        Runner::Psql => pending,
        Runner::Command { .. } => &found.files,
    }
}

/// What a migration failed of, where it is the migration's own doing.
async fn failed(
    context: &Context,
    restored: &Restored,
    broken: Broken,
    records: &[Record],
    pending: &[MigrationFile],
    endpoint: &Endpoint,
) -> Result<MigrationResult, MigrateError> {
    let root = &context.policy.root;
    let failed = locate::explain(broken, records, pending, endpoint, root).await;
    border::refuse_what_the_clone_lacks(&failed, restored)?;
    Ok(MigrationResult::Failed(Box::new(failed)))
}

/// Pending files that were not run by a migration that ended well.
async fn skipped(
    policy: &Policy,
    found: &Found,
    history: &History,
    pending: &[MigrationFile],
    before: Option<&Applied>,
    after: Option<&Applied>,
) -> Vec<String> {
    if records_nothing(&policy.migrations.runner, history, after) {
        return pending.iter().map(|file| file.shown.clone()).collect();
    }
    let applied = after
        .map(|after| history.expand(after, &found.files))
        .unwrap_or_default();
    let mut skipped = what_was_skipped(pending, Matched::of(history, after), &applied);
    skipped.extend(history::passed_over(policy, &found.files, before).await);
    skipped
}

/// The contention drill on `copy`, where the policy asks for it.
async fn contend(
    context: &Context,
    restored: &Restored,
    copy: Database,
    trace: &Trace,
    job: &runner::Job<'_>,
) -> Result<Option<Contention>, MigrateError> {
    let Some(hold) = context.policy.migrations.contention else {
        return Ok(None);
    };
    let drill = contention::Drill {
        restored,
        copy,
        tables: contention::tables(trace),
        hold,
        job,
    };
    contention::run(context, drill).await.map(Some)
}

/// Whether a command ended well and its history table is not even there: it migrated nothing, or
/// something else.
fn records_nothing(runner: &Runner, history: &History, after: Option<&Applied>) -> bool {
    matches!(runner, Runner::Command { .. }) && history.names_files() && after.is_none()
}

/// Pending files that the history does not have.
fn what_was_skipped(
    pending: &[MigrationFile],
    matched: Matched,
    applied: &BTreeSet<String>,
) -> Vec<String> {
    pending
        .iter()
        .filter(|file| matched == Matched::Yes && !file.is_in(applied))
        .map(|file| file.shown.clone())
        .collect()
}

/// The pending files that ran: by the history where it names files, else those we ran ourselves.
fn what_ran(
    pending: &[MigrationFile],
    ending: &Ending,
    matched: Matched,
    applied: &BTreeSet<String>,
) -> Vec<Ran> {
    let timed = ending.files();
    let time_of = |file: &MigrationFile| timed.iter().find(|timed| timed.file == *file);
    pending
        .iter()
        .filter(|file| match matched {
            Matched::Yes => file.is_in(applied),
            Matched::No => time_of(file).is_some(),
        })
        .map(|file| Ran {
            file: file.shown.clone(),
            took: time_of(file).map(|timed| timed.took),
        })
        .collect()
}

/// What was applied and has no file: a migration of another branch, or a file that is gone.
fn unexplained(before: Option<&Applied>, found: &Found, matched: Matched) -> Vec<String> {
    let Some(before) = before.filter(|_| matched == Matched::Yes) else {
        return Vec::new();
    };
    let files = found
        .files
        .iter()
        .chain(found.held_back.iter().map(|held| &held.file));
    let known: BTreeSet<&String> = files.flat_map(|file| &file.ids).collect();
    before
        .ids
        .iter()
        .filter(|id| !known.contains(id))
        .cloned()
        .collect()
}

/// The error that ended a migration, as the server logged it: the last one of the migrating role.
fn last_error<'r>(records: &'r [Record], user: &str, database: &str) -> Option<&'r Record> {
    records.iter().rev().find(|record| {
        record.is_error()
            && record.user.as_deref() == Some(user)
            && record.dbname.as_deref() == Some(database)
    })
}
