//! The restore stage: a clone that is complete, is not production, and can do no harm.
//!
//! Only this module makes a [`Restored`], and only a [`Restored`] can be migrated. A clone that
//! lacks a table or a row is not one.

mod archive;
mod around;
mod complaints;
mod disarm;
mod error;
mod fidelity;
mod in_place;
mod load;
mod noise;
mod roles;
mod script;
mod settle;
mod stream;
mod warm;
mod without;

use std::collections::BTreeMap;

use crate::clone::{Cloned, Fetched};
use crate::context::Context;
use crate::postgres::{Endpoint, Session};
use crate::target::{Database, Target, TargetError};
use crate::text::Secret;
use crate::verdict::{Provenance, Stage};
use crate::verify::Observation;

use around::{Production, create_database, surroundings_of};
use settle::{analyze, appoint, caveats, mask};

pub use disarm::Disarmed;
pub use error::RestoreError;
pub use fidelity::{Fidelity, RowMismatch};
pub use noise::{RestoreError as RestoreErrorFact, provider_schema};
pub use roles::{Migrator, setting_value};
pub use warm::Cold;
pub use without::Without;

/// What the restore stage saw.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub fidelity: Fidelity,
    /// Errors that nobody has named or accepted.
    pub errors: Vec<RestoreErrorFact>,
    /// What would be slow the first time that it is read.
    pub cold: Option<Cold>,
}

impl Facts {
    /// Whether the clone is all of production.
    pub fn is_complete(&self) -> bool {
        self.errors.is_empty()
            && self.fidelity.missing_tables.is_empty()
            && self.fidelity.row_mismatches.is_empty()
            && self.fidelity.tables_without_data.is_empty()
    }
}

/// A clone that was shown to be complete, and its server.
pub struct Restored {
    target: Target,
    database: Database,
    migrator: Migrator,
    provenance: Provenance,
    before: Observation,
    disarmed: Vec<Disarmed>,
    left_out: Vec<String>,
    without: Vec<Without>,
    production_settings: Vec<(String, String)>,
    database_options: String,
}

/// What the restore stage hands on.
pub struct Restoration {
    pub facts: Facts,
    pub provenance: Provenance,
    /// `None` if the clone is not complete.
    pub restored: Option<Restored>,
}

/// Runs the restore stage on an empty target.
pub async fn run(
    context: &Context,
    target: Target,
    cloned: Cloned,
) -> Result<Restoration, RestoreError> {
    let name = cloned.database_name();
    let Cloned {
        fetched,
        mut provenance,
        disarmed: before_the_dump,
    } = cloned;
    let payload = match fetched {
        Fetched::Data { payload, .. } => *payload,
        Fetched::InPlace(clone) => {
            return in_place::run(context, target, *clone, provenance).await;
        }
    };
    let maintenance = target.maintenance().await?;
    let owner_password = if target.is_ours() {
        Some(roles::create_owner(&maintenance).await?)
    } else {
        None
    };
    let surroundings = surroundings_of(&target, &payload).await?;
    let production = Production::of(&payload);
    production
        .make_roles(&target, &maintenance, &surroundings)
        .await?;
    let (database, database_options) =
        create_database(&target, &name, &surroundings, &mut provenance.caveats).await?;
    let into = match &owner_password {
        Some(password) => target.local_role(roles::OWNER, password, &database),
        None => database.admin.clone(),
    };
    let session = Session::open(&into, quiet(&target)).await?;
    let loaded = load::run(context, &target, &into, &session, payload).await?;
    if target.is_ours() {
        let all = [&surroundings, &loaded.surroundings];
        let said = production.give(&maintenance, &session, &database, all);
        provenance.caveats.extend(said.await?);
    }

    let (without, errors) = without::sort_out(loaded.errors, &mut provenance.caveats);
    let mut facts = Facts {
        errors: unexplained(context, &target, errors, &mut provenance.caveats),
        ..Facts::default()
    };
    context.progress.doing(Stage::Restore, "counting every row");
    let mut before = Observation::take(&into, context.jobs(), &loaded.counted).await?;
    facts.fidelity = fidelity::compare(
        &loaded.expected,
        &before.tables,
        &before.rows,
        &context.policy.restore.exclude_data,
    );
    production
        .compare_extensions(&session, &mut provenance.caveats)
        .await?;
    if let Some(error) = without::tables(&without, &facts.fidelity) {
        return Err(error);
    }
    if !facts.is_complete() {
        return Ok(Restoration {
            facts,
            provenance,
            restored: None,
        });
    }

    let mut disarmed = disarm::run(&session).await?;
    mask(context, &target, &into, &session).await?;
    analyze(context, &into, &session, &before, loaded.analyzed).await?;
    if !context.policy.restore.mask.is_empty() {
        before = Observation::take(&into, context.jobs(), &BTreeMap::new()).await?;
    }
    drop(session);
    let owner = surroundings
        .database_owner
        .or(loaded.surroundings.database_owner);
    let migrator = appoint(context, &target, &database, owner).await?;
    provenance.caveats.extend(caveats(
        context,
        &target,
        &loaded.left_out,
        &loaded.dropped,
        &disarmed,
        &facts.fidelity,
    ));
    disarmed.extend(before_the_dump);
    Ok(Restoration {
        facts,
        provenance: provenance.clone(),
        restored: Some(Restored {
            target,
            database,
            migrator,
            provenance,
            before,
            disarmed,
            left_out: loaded.left_out,
            without,
            production_settings: production.settings,
            database_options,
        }),
    })
}

/// The errors of a restore that nobody has named or accepted; the others become caveats.
fn unexplained(
    context: &Context,
    target: &Target,
    errors: Vec<noise::RestoreError>,
    caveats: &mut Vec<String>,
) -> Vec<noise::RestoreError> {
    let roles = if target.is_ours() {
        noise::Roles::AsInProduction
    } else {
        noise::Roles::OfTheTarget
    };
    let mut left = Vec::new();
    for error in errors {
        match noise::harmless(&error, &context.policy.restore.accept_errors, roles) {
            Some(because) => {
                let caveat = format!("{}: {because}", error.describe());
                // Each job of a parallel restore says the same.
                if !caveats.contains(&caveat) {
                    caveats.push(caveat);
                }
            }
            None => left.push(error),
        }
    }
    left
}

/// The settings under which a restore's own session works: production's event triggers must not act
/// on what is done to the clone. A foreign server's role may not set this.
fn quiet(target: &Target) -> &'static [(&'static str, &'static str)] {
    if target.is_ours() {
        &[("session_replication_role", "replica")]
    } else {
        &[]
    }
}

/// Whether the load has analyzed what it loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Analyzed {
    Yes,
    #[default]
    No,
}

impl Restored {
    pub fn target(&self) -> &Target {
        &self.target
    }

    pub fn database(&self) -> &Database {
        &self.database
    }

    pub fn migrator(&self) -> &Migrator {
        &self.migrator
    }

    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// The clone as it was before anything migrated.
    pub fn before(&self) -> &Observation {
        &self.before
    }

    pub fn disarmed(&self) -> &[Disarmed] {
        &self.disarmed
    }

    /// Extensions of production that the clone does without.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Objects of production that the clone does without.
    pub fn without(&self) -> &[Without] {
        &self.without
    }

    /// `CREATE DATABASE` options that make a database like the clone.
    pub fn database_options(&self) -> &str {
        &self.database_options
    }

    /// How the migrating role gets in.
    pub fn migrator_endpoint(&self) -> Endpoint {
        self.target
            .role(&self.migrator.name, &self.migrator.password, &self.database)
    }

    /// A copy of the clone as it is now, for a second look at it later.
    pub async fn copy(&self, name: &str) -> Result<Database, TargetError> {
        let maintenance = self.target.maintenance().await?;
        crate::target::end_sessions(&maintenance, self.database.name()).await?;
        self.target.copy_database(&self.database, name).await
    }

    /// Lets another role of production's log in: the application's.
    pub async fn enable_role(&self, name: &str) -> Result<Secret, RestoreError> {
        if !self.target.is_ours() {
            return Ok(self.migrator.password.clone());
        }
        let session = self.database.session().await?;
        roles::enable_login(&session, name).await
    }

    /// Ends the loading: from here on the server behaves like production's.
    pub async fn become_production_like(
        &mut self,
        policy: &[(String, String)],
    ) -> Result<(), TargetError> {
        let mut settings = self.production_settings.clone();
        if self.target.is_ours() {
            settings.extend(settle::counting(&self.database.session().await?).await?);
        }
        self.target.become_production_like(&settings, policy).await
    }

    /// Leaves server and clone as they are: `--keep`.
    pub fn leave_running(&mut self) {
        self.target.leave_running();
        self.database.leave();
    }
}
