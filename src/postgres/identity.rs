//! Which server this is, beyond its address: a host name proves nothing.

use super::session::{During as _, QueryError, Session};

/// What two sessions must differ in to be with two servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Made by `initdb`, copied by physical backups and replicas: the same number means the same
    /// data, which is just what must not be written to.
    pub system_identifier: Option<String>,
    /// When the server started, to the microsecond, and where it listens.
    started: String,
    port: Option<i32>,
}

impl Identity {
    pub async fn of(session: &Session) -> Result<Self, QueryError> {
        let row = session
            .query_one(include_str!("identity.sql"), &[])
            .await
            .during("read which server this is")?;
        // Some providers refuse the control file's functions; the rest has to do then.
        let system_identifier = session
            .query_one(
                "select system_identifier::text from pg_control_system()",
                &[],
            )
            .await
            .ok()
            .map(|row| row.get(0));
        Ok(Self {
            system_identifier,
            started: row.get(0),
            port: row.get(1),
        })
    }

    /// Whether both are one server, or one is a physical copy of the other.
    pub fn is_same_as(&self, other: &Self) -> bool {
        match (&self.system_identifier, &other.system_identifier) {
            (Some(own), Some(others)) => own == others,
            _ => self.started == other.started && self.port == other.port,
        }
    }
}
