//! What a migration must not have done: reached production, or failed for what only the clone lacks.

use super::history::{Applied, History};
use super::{FailedMigration, MigrateError};
use crate::clone::read_only_session;
use crate::context::Context;
use crate::policy::{Runner, Source};
use crate::restore::provider_schema;

/// The source's history, where the source is a database that a command could have reached.
pub async fn read_source(
    context: &Context,
    history: &History,
) -> Result<Option<Applied>, MigrateError> {
    let (
        Source::Database {
            endpoint,
            lock_timeout,
        },
        Runner::Command { .. },
    ) = (&context.policy.source, &context.policy.migrations.runner)
    else {
        return Ok(None);
    };
    let session = read_only_session(endpoint, *lock_timeout).await?;
    history.read(&session).await
}

/// The last line of defence: a command that found its way to production is not passed over.
pub async fn refuse_a_changed_source(
    context: &Context,
    history: &History,
    before: Option<&Applied>,
) -> Result<(), MigrateError> {
    let Some(before) = before else { return Ok(()) };
    let after = read_source(context, history).await?;
    let new: Vec<String> = after
        .map(|after| after.ids.difference(&before.ids).cloned().collect())
        .unwrap_or_default();
    if new.is_empty() {
        Ok(())
    } else {
        Err(MigrateError::ReachedSource {
            ids: new.join(", "),
        })
    }
}

/// A migration that fails for what the clone does without says nothing of production.
pub fn refuse_what_the_clone_lacks(
    failed: &FailedMigration,
    left_out: &[String],
) -> Result<(), MigrateError> {
    let Some(error) = &failed.error else {
        return Ok(());
    };
    for extension in left_out {
        if let Some(schema) = provider_schema(extension)
            && (error.message.contains(&format!("{schema}."))
                || error.message.contains(&format!("\"{schema}\"")))
        {
            return Err(MigrateError::LeftOut {
                extension: extension.clone(),
                schema,
            });
        }
    }
    Ok(())
}
