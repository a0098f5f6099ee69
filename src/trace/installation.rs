//! What is installed on a server of ours so that it tells what it does, and taken away again.

use super::facts::{Missing, Total};
use super::{slow, totals};
use crate::postgres::session::{During as _, QueryError};
use crate::postgres::{Endpoint, Session};
use crate::text::Ident;

/// The event triggers and the settings of the migrating role.
pub struct Installation {
    role: String,
    /// The role in its database, as `alter` takes it.
    scope: String,
    counted: Counted,
}

/// Whether `pg_stat_statements` counts what the role runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    Yes,
    No,
}

impl Installation {
    /// Makes the triggers, and has what `role` does logged and counted. The user's own event triggers
    /// have nothing to do with it.
    pub async fn make(session: &Session, admin: &Endpoint, role: &str) -> Result<Self, QueryError> {
        let scope = format!(
            "role {} in database {}",
            Ident(role),
            Ident(&admin.database)
        );
        let counted = if totals::is_loaded(session).await? {
            Counted::Yes
        } else {
            Counted::No
        };
        let count = match counted {
            Counted::Yes => format!("alter {scope} set pg_stat_statements.track = 'all';"),
            Counted::No => String::new(),
        };
        let bounds = session
            .query_one(include_str!("sql/bounds.sql"), &[])
            .await
            .during("look for what the trace is limited to")?;
        let objects = include_str!("sql/objects.sql")
            .replace("{filled}", bounds.get("filled"))
            .replace("{newest}", bounds.get("newest"));
        session
            .run(
                &format!(
                    "set session_replication_role = replica; begin; {}; {objects}; {count} \
                     alter {scope} set log_min_duration_statement = '{}ms'; commit; \
                     reset session_replication_role",
                    include_str!("sql/remove.sql"),
                    slow::FROM.as_millis()
                ),
                "install the trace",
            )
            .await?;
        Ok(Self {
            role: role.to_owned(),
            scope,
            counted,
        })
    }

    /// Removes all of it, and hands over what was counted. What could not be seen is added to
    /// `missing`.
    pub async fn remove(
        self,
        session: &Session,
        missing: &mut Vec<Missing>,
    ) -> Result<Vec<Total>, QueryError> {
        let Self {
            role,
            scope,
            counted,
        } = self;
        // Who may drop anything may have dropped the triggers.
        let row = session
            .query_one(include_str!("sql/intact.sql"), &[])
            .await
            .during("look after the trace")?;
        if !row.get::<_, bool>(0) {
            missing.push(Missing::Removed);
        }
        let doing = "remove the trace";
        session
            .run("set session_replication_role = replica", doing)
            .await?;
        let (totals, reset) = match counted {
            Counted::Yes => (
                totals::read(session, &role).await?,
                format!("alter {scope} reset pg_stat_statements.track;"),
            ),
            Counted::No => {
                missing.push(Missing::Rows);
                (Vec::new(), String::new())
            }
        };
        session
            .run(
                &format!(
                    "{}; {reset} alter {scope} reset log_min_duration_statement; \
                     reset session_replication_role",
                    include_str!("sql/remove.sql")
                ),
                doing,
            )
            .await?;
        Ok(totals)
    }
}
