//! What a clone could do to the world outside, taken from it: scheduled jobs, subscriptions,
//! mappings to other servers, triggers that call out.

use serde::{Deserialize, Serialize};

use crate::postgres::session::During as _;
use crate::postgres::{QueryError, Session};

/// Something that was disarmed. The schema comparison must not take it for drift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disarmed {
    /// `trigger`, `event trigger`, `user mapping`, `subscription`, `cron jobs`.
    pub kind: String,
    pub schema: String,
    pub relation: String,
    pub name: String,
}

impl Disarmed {
    /// `trigger push on public.orders`.
    pub fn describe(&self) -> String {
        if self.kind == "trigger" {
            format!(
                "trigger `{}` on `{}.{}`",
                self.name, self.schema, self.relation
            )
        } else {
            format!("{} `{}`", self.kind, self.name)
        }
    }
}

/// Disarms the clone.
pub async fn run(session: &Session) -> Result<Vec<Disarmed>, QueryError> {
    let found = session
        .query(include_str!("sql/disarm.sql"), &[])
        .await
        .during("look for what the clone could do outside")?;
    let mut disarmed = Vec::new();
    for row in found {
        session
            .run(row.get("statement"), "disarm the clone")
            .await?;
        disarmed.push(Disarmed {
            kind: row.get("kind"),
            schema: row.get("schema"),
            relation: row.get("relation"),
            name: row.get("name"),
        });
    }
    Ok(disarmed)
}
