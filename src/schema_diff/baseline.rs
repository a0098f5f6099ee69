//! The fresh baseline: what a new install gets, built on a server of its own while the clone is
//! restored.
//!
//! A server of its own, of the same programs: the restore tunes and restarts the clone's, roles
//! belong to a whole server, and a fresh install must not meet production's.

use std::sync::Arc;

use crate::container::Site;
use crate::context::Context;
use crate::migrate::{self, FailedMigration, Found, MigrateError};
use crate::postgres::session::QueryError;
use crate::postgres::{Binaries, Endpoint};
use crate::target::{Database, Target, TargetError};
use crate::text::{Ident, Secret, quote_literal};
use crate::verdict::{Explained, Stage};

/// The role that installs, where the policy names none.
const INSTALLER: &str = "pgrehearse_owner";

/// Roles that the migrations name and no fresh install makes are supplied one by one; each costs
/// another start from nothing.
const MISSING_ROLES: usize = 20;

/// A fresh install, or why there is none.
pub enum Baseline {
    Built(Box<Built>),
    Broken(Box<FailedMigration>),
}

/// The baseline's server and database. Dropping it stops the server.
pub struct Built {
    pub target: Target,
    pub database: Database,
    /// The role that owns what was installed.
    pub installer: String,
}

#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error(transparent)]
    Connect(#[from] crate::postgres::session::ConnectError),
}

impl Explained for BaselineError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Target(error) => error.hint(),
            Self::Migrate(error) => error.hint(),
            Self::Connect(error) => error.hint(),
            Self::Query(_) => None,
        }
    }
}

/// Installs from nothing into a database called `name`.
pub async fn build(
    context: &Context,
    binaries: &Binaries,
    name: &str,
    found: &Found,
    site: Option<&Arc<Site>>,
) -> Result<Baseline, BaselineError> {
    let target = Target::start(context, binaries, "baseline", site).await?;
    let installer = context
        .policy
        .migrations
        .role
        .clone()
        .unwrap_or_else(|| INSTALLER.to_owned());
    let password = Secret::new(format!("{:032x}", rand::random::<u128>()));
    create_role(
        &target,
        &installer,
        &format!(
            "superuser login password {}",
            quote_literal(password.expose())
        ),
    )
    .await?;
    let mut tries = 0;
    loop {
        let database = target
            .create_database(name, &format!("owner = {}", Ident(&installer)))
            .await?;
        let endpoint: Endpoint = target.role(&installer, &password, &database);
        context
            .progress
            .doing(Stage::SchemaDiff, "installing from nothing");
        let Some(failed) = migrate::install(context, &target, &database, &endpoint, found).await?
        else {
            return Ok(Baseline::Built(Box::new(Built {
                target,
                database,
                installer,
            })));
        };
        match missing_role(&failed) {
            // Roles are made by people who run servers, not by migrations.
            Some(role) if tries < MISSING_ROLES => {
                tries += 1;
                target.drop_database(database).await?;
                create_role(&target, &role, "nologin").await?;
            }
            _ => return Ok(Baseline::Broken(Box::new(failed))),
        }
    }
}

async fn create_role(target: &Target, name: &str, options: &str) -> Result<(), BaselineError> {
    target
        .maintenance()
        .await?
        .run(
            &format!("create role {} {options}", Ident(name)),
            "create a role of the baseline",
        )
        .await?;
    Ok(())
}

/// The role that a failure says does not exist.
fn missing_role(failed: &FailedMigration) -> Option<String> {
    let error = failed.error.as_ref()?;
    if error.sqlstate != "42704" {
        return None;
    }
    error
        .message
        .strip_prefix("role \"")?
        .strip_suffix("\" does not exist")
        .map(str::to_owned)
}
