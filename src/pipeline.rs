//! The whole run.
//!
//! Each stage takes what the stage before handed on, so that none can be left out. What a stage saw
//! goes to the [`Journal`], which outlives the run whatever ends it.

mod journal;
mod judgement;
mod kept;
mod saw;
mod traced;

use std::pin::pin;

use futures_util::future::{Either, join, select};
use tokio::sync::oneshot;

use crate::change::{self, PolicyChange};
use crate::clone::{self, CloneError, Cloned, Fetched};
use crate::context::Context;
use crate::fingerprint;
use crate::migrate::{self, AfterMigration, Migrated};
use crate::policy::{self, Unchanged, When};
use crate::postgres::tools::Tools;
use crate::postgres::{Binaries, Endpoint, Major, binaries};
use crate::preflight::{self, Plan};
use crate::restore::{self, RestoreError, Restored};
use crate::schema_diff::{self, Baseline, BaselineError, StageError};
use crate::smoke_ingest::{self, SmokeError};
use crate::target::{Database, ForeignServer, Target, TargetError};
use crate::text::Ident;
use crate::verdict::Stage;
use crate::verify;

pub use journal::Journal;
pub use judgement::judge;
pub use kept::{KeepError, keep};

/// Whether the clone stays when the run is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Clone,
    Nothing,
}

/// A clone that was left up.
pub struct Kept {
    pub endpoint: Endpoint,
    /// How a person ends it: a sentence with a command.
    pub end: String,
}

/// Runs every stage. The journal says how they ended; what comes back is a clone to be kept.
pub async fn rehearse(context: &Context, journal: &Journal, keep: Keep) -> Option<Kept> {
    if let Some(because) = unneeded(context).await {
        journal.is_unneeded(because);
        return None;
    }
    let plan = journal
        .stage(Stage::Preflight, preflight::run(context), saw::preflight)
        .await?;
    if journal.is_refused_by_lint() {
        return None;
    }
    let reader = Tools::new(plan.reader.clone(), &context.run);
    let cloning = async {
        let cloning = journal.stage(
            Stage::Clone,
            clone::run(context, plan.source.as_ref(), &plan.inspected, &reader),
            saw::clone,
        );
        let printing = fingerprint::of(&context.policy, &plan.found, plan.site.as_deref());
        let (cloned, print) = join(cloning, printing).await;
        journal.is_of(print);
        cloned
    };
    let mut starting = pin!(start_early(context, journal, &plan));
    let mut started = None;
    let cloned = match select(pin!(cloning), starting.as_mut()).await {
        Either::Left((cloned, _)) => cloned?,
        Either::Right((server, cloning)) => {
            started = Some(server);
            cloning.await?
        }
    };
    let server = async {
        match started {
            Some(server) => server,
            None => starting.await,
        }
    };

    let name = cloned.database_name();
    let fresh = plan
        .server
        .clone()
        .or_else(|| like_production(context, &plan.reader, &cloned).ok());
    let restoring = journal.stage(
        Stage::Restore,
        restore_and_settle(context, journal, &plan, cloned, server),
        |settled: &Settled, policy, seen| saw::restore(&settled.restoration, policy, seen),
    );
    let installing = install_fresh(context, journal, &plan, fresh.as_ref(), &name);
    // A restore that hands nothing on ends the run at once, whatever the baseline is at.
    let (settled, baseline) = match select(pin!(restoring), pin!(installing)).await {
        Either::Left((settled, installing)) => (usable(settled)?, installing.await),
        Either::Right((baseline, restoring)) => (usable(restoring.await)?, baseline),
    };
    let (restored, before, drill) = settled;
    if !journal.wants(Stage::Migrate) {
        return keep_clone(context, restored, keep);
    }

    let migration = journal
        .stage(
            Stage::Migrate,
            migrate::run(context, restored, &plan.found, drill),
            saw::migrate,
        )
        .await?;
    let migrated = match migration.outcome {
        AfterMigration::Migrated(migrated) => migrated,
        AfterMigration::Broken(restored) => return keep_clone(context, *restored, keep),
    };

    let (looked_at, when_looked_at) = oneshot::channel::<()>();
    join(
        async {
            join(
                journal.stage(Stage::Verify, verify::run(context, &migrated), saw::verify),
                compare(context, journal, &migrated, baseline),
            )
            .await;
            // The application writes; what is counted and compared must be the migration's alone.
            drop(looked_at);
        },
        smoke(context, journal, &migrated, before, when_looked_at),
    )
    .await;
    keep_clone(context, migrated.into_restored(), keep)
}

/// Why there is nothing to rehearse, if so.
async fn unneeded(context: &Context) -> Option<String> {
    let change = context.change.as_ref()?;
    let policy = &context.policy;
    let is_asked_for = policy.migrations.unchanged == Unchanged::Rehearse;
    if is_asked_for || change.policy != PolicyChange::Same {
        return None;
    }
    let touches = change::touches_a_migration(policy, &migrate::find(policy), &change.base).await;
    let base: String = change.base.chars().take(7).collect();
    (!touches).then(|| format!("no migration changed since `{base}`"))
}

/// The clone's server, started while the data is fetched, where its version is known by then.
async fn start_early(
    context: &Context,
    journal: &Journal,
    plan: &Plan,
) -> Option<Result<Target, TargetError>> {
    match (&plan.foreign, &plan.server) {
        (None, Some(binaries)) if journal.wants(Stage::Restore) && !is_in_place(context) => {
            Some(Target::start(context, binaries, "clone", plan.site.as_ref()).await)
        }
        _ => None,
    }
}

/// The clone, ready to be migrated.
struct Settled {
    restoration: restore::Restoration,
    /// The clone as it is, for the application before the migration.
    before: Option<Database>,
    /// The same, for the contention drill.
    drill: Option<Database>,
}

/// A clone that can be migrated, and its copies.
fn usable(settled: Option<Settled>) -> Option<(Restored, Option<Database>, Option<Database>)> {
    let settled = settled?;
    Some((settled.restoration.restored?, settled.before, settled.drill))
}

/// Restores, copies the clone where the smoke test asks for it, and sets the server like
/// production's. The copy comes first: a server that need not survive a crash makes it faster.
async fn restore_and_settle(
    context: &Context,
    journal: &Journal,
    plan: &Plan,
    cloned: Cloned,
    server: impl Future<Output = Option<Result<Target, TargetError>>>,
) -> Result<Settled, RestoreError> {
    let target = match (server.await, &plan.foreign, &cloned.fetched) {
        (Some(server), _, _) => server?,
        (None, _, Fetched::InPlace(clone)) => {
            let binaries = like_production(context, &plan.reader, &cloned)?;
            let tools = Tools::new(binaries, &context.run);
            let endpoint = clone.endpoint.clone();
            Target::foreign(context, ForeignServer::Providers, endpoint, tools)
        }
        (None, Some(endpoint), _) => {
            let tools = Tools::new(plan.reader.clone(), &context.run);
            Target::foreign(context, ForeignServer::Policys, endpoint.clone(), tools)
        }
        (None, None, _) => {
            let binaries = like_production(context, &plan.reader, &cloned)?;
            Target::start(context, &binaries, "clone", plan.site.as_ref()).await?
        }
    };
    let restored = restore::run(context, target, cloned).await;
    if !is_in_place(context) {
        // A provider's clone has been read. What can't be removed now is tried again at the end.
        context.ledger.ask_removals().await;
    }
    let mut restoration = restored?;
    let (mut before, mut drill) = (None, None);
    if let Some(restored) = &mut restoration.restored {
        before = copy_for_smoke(context, journal, restored).await?;
        if context.policy.migrations.contention.is_some() && journal.wants(Stage::Migrate) {
            drill = Some(copy(context, restored, "drill").await?);
        }
        let settings = match &context.policy.target {
            policy::Target::Throwaway { settings, .. } => settings.as_slice(),
            policy::Target::Server(_) | policy::Target::InPlace => &[],
        };
        restored.become_production_like(settings).await?;
    }
    Ok(Settled {
        restoration,
        before,
        drill,
    })
}

fn is_in_place(context: &Context) -> bool {
    matches!(context.policy.target, policy::Target::InPlace)
}

/// The programs of production's version, as its data tells it.
fn like_production(
    context: &Context,
    reader: &Binaries,
    cloned: &Cloned,
) -> Result<Binaries, RestoreError> {
    let version = cloned.provenance.source_version.as_deref();
    match version.and_then(Major::from_version_text) {
        Some(major) => binaries::find(major, context.policy.bin_dir.as_deref())
            .map_err(|error| RestoreError::Source(CloneError::Find(error))),
        None => Ok(reader.clone()),
    }
}

/// Builds the baseline, if it is asked for.
async fn install_fresh(
    context: &Context,
    journal: &Journal,
    plan: &Plan,
    binaries: Option<&Binaries>,
    name: &str,
) -> Option<Result<Baseline, BaselineError>> {
    if !journal.wants(Stage::SchemaDiff) {
        return None;
    }
    let binaries = binaries.unwrap_or(&plan.reader);
    Some(
        schema_diff::build_baseline(context, binaries, name, &plan.found, plan.site.as_ref()).await,
    )
}

/// A copy of the clone, if the smoke test asks for one.
async fn copy_for_smoke(
    context: &Context,
    journal: &Journal,
    restored: &Restored,
) -> Result<Option<Database>, TargetError> {
    match &context.policy.smoke {
        Some(smoke) if smoke.when.contains(&When::Before) && journal.wants(Stage::SmokeIngest) => {
            copy(context, restored, "before").await.map(Some)
        }
        _ => Ok(None),
    }
}

/// A copy of the clone as it is.
async fn copy(
    context: &Context,
    restored: &Restored,
    what_for: &str,
) -> Result<Database, TargetError> {
    context.progress.doing(Stage::Restore, "copying the clone");
    let name = format!("{}_{what_for}", restored.database().name());
    restored.copy(&name).await
}

async fn compare(
    context: &Context,
    journal: &Journal,
    migrated: &Migrated,
    baseline: Option<Result<Baseline, BaselineError>>,
) {
    let Some(baseline) = baseline else { return };
    let comparing = async {
        let baseline = baseline.map_err(StageError::Baseline)?;
        schema_diff::run(context, migrated, baseline).await
    };
    journal
        .stage(Stage::SchemaDiff, comparing, saw::schema_diff)
        .await;
}

/// The application on the clone as it was, beside the other looks at the migrated clone, and then on
/// the migrated clone.
async fn smoke(
    context: &Context,
    journal: &Journal,
    migrated: &Migrated,
    copy: Option<Database>,
    when_looked_at: oneshot::Receiver<()>,
) {
    let Some(smoke) = &context.policy.smoke else {
        return;
    };
    let clone = migrated.clone_of();
    let running = async {
        let before = match copy {
            Some(copy) => {
                let before =
                    smoke_ingest::run(context, smoke, clone, &copy, When::Before, &[]).await?;
                clone
                    .target()
                    .drop_database(copy)
                    .await
                    .map_err(RestoreError::from)?;
                Some(before)
            }
            None => None,
        };
        // The sender is dropped and sends nothing.
        let _ = when_looked_at.await;
        let heard = before
            .as_ref()
            .map_or(&[][..], |before: &smoke_ingest::Rehearsal| &before.heard);
        let after =
            smoke_ingest::run(context, smoke, clone, clone.database(), When::After, heard).await?;
        Ok::<_, SmokeError>(smoke_ingest::Facts { before, after })
    };
    journal
        .stage(Stage::SmokeIngest, running, saw::smoke_ingest)
        .await;
}

fn keep_clone(context: &Context, mut restored: Restored, keep: Keep) -> Option<Kept> {
    if keep == Keep::Nothing {
        return None;
    }
    restored.leave_running();
    let end = match restored.target().throwaway() {
        Some(throwaway) => format!("stop it with: {}", throwaway.stop_command()),
        None if is_in_place(context) => {
            context.ledger.keep_all();
            let policy = context.policy.file.display();
            format!(
                "delete it with: pgrehearse sweep --policy {policy} --run-id {} --delete",
                context.run
            )
        }
        None => format!(
            "drop it with: drop database {}",
            Ident(restored.database().name())
        ),
    };
    Some(Kept {
        endpoint: lasting(context, restored.migrator_endpoint()),
        end,
    })
}

/// The same endpoint, with nothing in it that goes with the run.
fn lasting(context: &Context, mut endpoint: Endpoint) -> Endpoint {
    if let Some(file) = &mut endpoint.tls.root_certificate
        && file.starts_with(context.workspace.path())
        && let Some(name) = file.file_name()
    {
        let to = context.policy.report_directory.join(name);
        if std::fs::copy(&*file, &to).is_ok() {
            *file = to;
        }
    }
    endpoint
}
