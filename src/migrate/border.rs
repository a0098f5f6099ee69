//! What a migration must not have done: reached production, or failed for what only the clone lacks.

use super::history::{Applied, History};
use super::{FailedMigration, MigrateError};
use crate::clone::read_only_session;
use crate::context::Context;
use crate::policy::{self, Runner};
use crate::postgres::session::During as _;
use crate::restore::{Restored, provider_schema};

/// What the source is like, where it is a database that a command could have reached.
pub enum Source {
    /// What its history records.
    History(Applied),
    /// It has no history: its tables and columns.
    Columns(String),
}

/// Looks at the source; `None` where no command can reach it.
pub async fn read_source(
    context: &Context,
    history: &History,
) -> Result<Option<Source>, MigrateError> {
    let (
        policy::Source::Database {
            endpoint,
            lock_timeout,
        },
        Runner::Command { .. },
    ) = (&context.policy.source, &context.policy.migrations.runner)
    else {
        return Ok(None);
    };
    let session = read_only_session(endpoint, *lock_timeout).await?;
    if let Some(applied) = history.read(&session).await? {
        return Ok(Some(Source::History(applied)));
    }
    let columns = session
        .query_one(include_str!("sql/columns.sql"), &[])
        .await
        .during("read the source's tables")?;
    Ok(Some(Source::Columns(columns.get(0))))
}

/// The last line of defence: a command that found its way to production is not passed over.
pub async fn refuse_a_changed_source(
    context: &Context,
    history: &History,
    before: Option<&Source>,
) -> Result<(), MigrateError> {
    let Some(before) = before else { return Ok(()) };
    let Some(after) = read_source(context, history).await? else {
        return Ok(());
    };
    let how = match (before, after) {
        (Source::History(before), Source::History(after)) => {
            let new: Vec<&str> = after
                .ids
                .difference(&before.ids)
                .map(String::as_str)
                .collect();
            if new.is_empty() {
                return Ok(());
            }
            format!("its history has {} since the run", new.join(", "))
        }
        (Source::Columns(before), Source::Columns(after)) if *before == after => return Ok(()),
        (Source::Columns(_), Source::History(_)) => "it has a history since the run".to_owned(),
        _ => "its tables are others since the run".to_owned(),
    };
    Err(MigrateError::ReachedSource { how })
}

/// A migration that fails for what the clone does without says nothing of production.
pub fn refuse_what_the_clone_lacks(
    failed: &FailedMigration,
    restored: &Restored,
) -> Result<(), MigrateError> {
    let Some(error) = &failed.error else {
        return Ok(());
    };
    for extension in restored.left_out() {
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
    let missed =
        (restored.without().iter()).find(|one| one.is_missed(&error.sqlstate, &error.message));
    match missed {
        Some(one) => Err(MigrateError::Without {
            object: one.object.clone(),
            extension: one.extension,
        }),
        None => Ok(()),
    }
}
