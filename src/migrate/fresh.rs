//! A fresh install: init files, then all migrations, on an empty database.

use std::path::Path;

use super::aftermath::{Aftermath, Failure};
use super::files::relative;
use super::runner::{self, Ending, Job, transaction_for};
use super::{FailedMigration, Found, History, MigrateError, border, locate};
use crate::context::Context;
use crate::postgres::Endpoint;
use crate::postgres::tools::{Script, ScriptError};
use crate::target::{Database, Target};
use crate::text::human_seconds;
use crate::verdict::{Place, Stage};

/// Runs everything a fresh install runs; how it failed, if it did.
pub async fn install(
    context: &Context,
    target: &Target,
    database: &Database,
    endpoint: &Endpoint,
    found: &Found,
) -> Result<Option<FailedMigration>, MigrateError> {
    let mut aftermath = Aftermath::from_now(target);
    for file in &context.policy.baseline_init {
        if let Some(failed) = init(context, target, endpoint, file).await? {
            let failure = Failure::of_error(failed.error.as_ref());
            aftermath
                .session(None, &database.admin, endpoint, failure)
                .await?;
            return Ok(Some(failed));
        }
    }
    let held_back = found.held_back_paths();
    let history = History::of(&context.policy.migrations);
    let log_file = context.log_directory.join("baseline.log");
    let job = Job {
        tools: &target.tools,
        endpoint,
        admin: &database.admin,
        files: &found.files,
        held_back: &held_back,
        history: &history,
        site: target.site(),
        stage: Stage::SchemaDiff,
        log: &log_file,
    };
    let source = border::read_source(context, &history).await?;
    let ending = runner::run(context, &job).await;
    border::refuse_a_changed_source(context, &history, source.as_ref()).await?;
    let failure = Failure::of(ending.as_ref());
    aftermath
        .session(None, &database.admin, endpoint, failure)
        .await?;
    let broken = match ending? {
        Ending::Done { .. } => return Ok(None),
        Ending::TimedOut { limit, file } => {
            return Ok(Some(FailedMigration {
                how: format!("not done after {}", human_seconds(limit)),
                place: file.map(|file| Place { file, line: None }),
                statement: None,
                error: None,
                violation: None,
                said: Vec::new(),
            }));
        }
        Ending::Failed(broken) => broken,
    };
    let failed = locate::explain(
        *broken,
        aftermath.records(),
        &found.files,
        endpoint,
        &context.policy.root,
    )
    .await;
    Ok(Some(failed))
}

async fn init(
    context: &Context,
    target: &Target,
    endpoint: &Endpoint,
    file: &Path,
) -> Result<Option<FailedMigration>, MigrateError> {
    let text = std::fs::read_to_string(file).map_err(|source| MigrateError::File {
        path: file.to_owned(),
        source,
    })?;
    let script = Script {
        file,
        transaction: transaction_for(&text),
        then: None,
        limit: Some(context.policy.migrations.max_duration),
    };
    let failed = |line: Option<u32>, error, how: &str, said: Vec<String>| {
        Some(FailedMigration {
            how: how.to_owned(),
            place: Some(Place {
                file: relative(file, &context.policy.root),
                line,
            }),
            statement: None,
            error,
            violation: None,
            said,
        })
    };
    Ok(match target.tools.run_script(endpoint, script).await {
        Ok(()) => None,
        Err(ScriptError::Refused { line, error, .. }) => {
            failed(line, Some(*error), "refused by the server", Vec::new())
        }
        Err(ScriptError::Client { line, said, .. }) => {
            failed(line, None, "`psql` could not run it", vec![said])
        }
        Err(ScriptError::TimedOut { limit, .. }) => failed(
            None,
            None,
            &format!("not done after {}", human_seconds(limit)),
            Vec::new(),
        ),
        Err(ScriptError::Start(error)) => return Err(error.into()),
    })
}
