//! The policy's timeouts, set on the role for the time of the migration: whatever tool it is, it need
//! not know of them.

use crate::context::Context;
use crate::postgres::{QueryError, Session};
use crate::restore::Restored;
use crate::text::Ident;

/// Sets them for every session of the migrating role in the clone.
pub async fn set(
    context: &Context,
    session: &Session,
    restored: &Restored,
) -> Result<(), QueryError> {
    for (name, value) in context.policy.migrations.timeouts.settings() {
        session
            .run(
                &format!(
                    "alter role {} in database {} set {name} = '{value}'",
                    Ident(&restored.migrator().name),
                    Ident(restored.database().name())
                ),
                "set the migration's timeouts",
            )
            .await?;
    }
    Ok(())
}

/// Takes them back.
pub async fn reset(
    context: &Context,
    session: &Session,
    restored: &Restored,
) -> Result<(), QueryError> {
    for (name, _) in context.policy.migrations.timeouts.settings() {
        session
            .run(
                &format!(
                    "alter role {} in database {} reset {name}",
                    Ident(&restored.migrator().name),
                    Ident(restored.database().name())
                ),
                "take the migration's timeouts back",
            )
            .await?;
    }
    Ok(())
}
