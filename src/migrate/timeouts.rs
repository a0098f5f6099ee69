//! The policy's timeouts, set on the role for the time of the migration: whatever tool it is, it need
//! not know of them.

use crate::context::Context;
use crate::postgres::{QueryError, Session};
use crate::text::Ident;

/// Sets them for every session of the migrating role in a database.
pub async fn set(
    context: &Context,
    session: &Session,
    role: &str,
    database: &str,
) -> Result<(), QueryError> {
    for (name, value) in context.policy.migrations.timeouts.settings() {
        session
            .run(
                &format!(
                    "alter role {} in database {} set {name} = '{value}'",
                    Ident(role),
                    Ident(database)
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
    role: &str,
    database: &str,
) -> Result<(), QueryError> {
    for (name, _) in context.policy.migrations.timeouts.settings() {
        session
            .run(
                &format!(
                    "alter role {} in database {} reset {name}",
                    Ident(role),
                    Ident(database)
                ),
                "take the migration's timeouts back",
            )
            .await?;
    }
    Ok(())
}
