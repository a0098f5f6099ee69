//! Scratch databases on a server that is not ours: made with our prefix, dropped only with it.

use std::fmt;
use std::io;
use std::sync::Arc;

use super::endpoint::Endpoint;
use super::session::{ConnectError, During as _, QueryError, Session};
use crate::process::RunId;
use crate::process::guard::{Guard, Watched};
use crate::text::Ident;

/// Begins the name of every database that we make on a foreign server.
const PREFIX: &str = "pgrehearse_";

/// The name of a database that we may drop. It can't be made from any other text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScratchName(String);

impl ScratchName {
    pub fn new(run: &RunId, label: &str) -> Self {
        Self(format!("{PREFIX}{run}_{label}"))
    }

    /// Accepts what [`ScratchName::new`] makes and nothing else.
    pub fn parse(name: &str) -> Option<Self> {
        let rest = name.strip_prefix(PREFIX)?;
        let plain = rest.len() > 8
            && rest.chars().all(|character| {
                character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_'
            });
        plain.then(|| Self(name.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The run that made it.
    pub fn run(&self) -> Option<RunId> {
        let rest = self.0.strip_prefix(PREFIX)?;
        let end = rest.match_indices('_').nth(1).map(|(at, _)| at)?;
        RunId::parse(&rest[..end])
    }
}

impl fmt::Display for ScratchName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ScratchError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error("the guard process is gone; no database is made that could be left behind")]
    Guard(#[source] io::Error),
}

/// A scratch database. Its drop is asked for explicitly ([`ScratchDatabase::remove`]); the guard has
/// it until then.
pub struct ScratchDatabase {
    pub name: ScratchName,
    /// A database of the same server to connect to while this one is made and dropped.
    maintenance: Endpoint,
    guard: Arc<Guard>,
    keep: bool,
}

impl ScratchDatabase {
    /// Makes the database. `template` is a database that nobody is connected to, or `template0`.
    pub async fn create(
        maintenance: &Endpoint,
        name: ScratchName,
        options: &str,
        guard: &Arc<Guard>,
    ) -> Result<Self, ScratchError> {
        let watched = Watched::ScratchDatabase {
            endpoint: maintenance.url().expose().to_owned(),
            name: name.to_string(),
        };
        guard.watch(watched).map_err(ScratchError::Guard)?;
        let session = Session::open(maintenance, &[]).await?;
        let made = Self {
            name,
            maintenance: maintenance.clone(),
            guard: guard.clone(),
            keep: false,
        };
        session
            .run(
                &format!("create database {} {options}", Ident(made.name.as_str())),
                "create a scratch database",
            )
            .await?;
        Ok(made)
    }

    pub fn endpoint(&self) -> Endpoint {
        self.maintenance.with_database(self.name.as_str())
    }

    /// Drops the database, also from under sessions that are still in it.
    pub async fn remove(mut self) -> Result<(), ScratchError> {
        drop_database(&self.maintenance, &self.name).await?;
        self.keep = true;
        self.forget();
        Ok(())
    }

    /// Leaves the database when this handle goes: `--keep`.
    pub fn leave(&mut self) {
        self.keep = true;
        self.forget();
    }

    fn forget(&self) {
        self.guard.forget(Watched::ScratchDatabase {
            endpoint: self.maintenance.url().expose().to_owned(),
            name: self.name.to_string(),
        });
    }
}

/// Drops one, also from under sessions that are still in it.
pub async fn drop_database(maintenance: &Endpoint, name: &ScratchName) -> Result<(), ScratchError> {
    let session = Session::open(maintenance, &[]).await?;
    session
        .batch_execute(&format!(
            "drop database if exists {} with (force)",
            Ident(name.as_str())
        ))
        .await
        .during("drop the scratch database")?;
    Ok(())
}

/// The scratch databases of all runs on a server.
pub async fn list(maintenance: &Endpoint) -> Result<Vec<ScratchName>, ScratchError> {
    let session = Session::open(maintenance, &[]).await?;
    let rows = session
        .query(include_str!("scratch_left.sql"), &[&PREFIX])
        .await
        .during("look for scratch databases")?;
    let names = rows.iter().map(|row| row.get::<_, String>(0));
    Ok(names.filter_map(|name| ScratchName::parse(&name)).collect())
}

/// Drops what a run left on a server that is not ours, by its names; says which they were.
pub async fn drop_left(
    maintenance: &Endpoint,
    run: &RunId,
) -> Result<Vec<ScratchName>, ScratchError> {
    let mut dropped = list(maintenance).await?;
    dropped.retain(|name| name.run().as_ref() == Some(run));
    for name in &dropped {
        drop_database(maintenance, name).await?;
    }
    Ok(dropped)
}

/// Drops a database for the guard, which has no runtime and nobody to tell of an error.
pub fn drop_from_guard(endpoint: &str, name: &str) {
    let (Ok(endpoint), Some(name)) = (Endpoint::parse(endpoint), ScratchName::parse(name)) else {
        return;
    };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    else {
        return;
    };
    let _ = runtime.block_on(drop_database(&endpoint, &name));
}

#[cfg(test)]
mod tests {
    use super::ScratchName;
    use crate::process::RunId;

    #[test]
    fn only_our_own_names_can_be_dropped() {
        let run = RunId::new();
        let own = ScratchName::new(&run, "a_clone");
        assert_eq!(ScratchName::parse(own.as_str()), Some(own.clone()));
        assert_eq!(own.run(), Some(run));
        for other in [
            "production",
            "pgrehearse_",
            "pgrehearse_x",
            "pgrehearse_20260101; drop database production",
            "pgrehearse_\"20260101\"",
        ] {
            assert_eq!(ScratchName::parse(other), None, "{other}");
        }
    }
}
