//! The restore stage: a clone that is complete, is not production, and can do no harm.
//!
//! Only this module makes a [`Restored`], and only a [`Restored`] can be migrated. A clone that
//! lacks a table or a row is not one.

mod archive;
mod around;
mod disarm;
mod fidelity;
mod in_place;
mod load;
mod noise;
mod roles;
mod script;
mod settle;
mod stream;
mod warm;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::clone::{CloneError, Cloned, Fetched};
use crate::context::Context;
use crate::postgres::parallel::ParallelError;
use crate::postgres::session::{ConnectError, QueryError};
use crate::postgres::tools::{ScriptError, ToolError};
use crate::postgres::{Endpoint, Session};
use crate::process::child::StartError;
use crate::target::{Database, Target, TargetError};
use crate::text::{Secret, human_count};
use crate::verdict::{Explained, Provenance, Stage};
use crate::verify::Observation;

use around::{Production, apply_database_settings, create_database, surroundings_of};
use settle::{analyze, appoint, caveats, mask};

pub use disarm::Disarmed;
pub use fidelity::{Fidelity, RowMismatch};
pub use noise::{RestoreError as RestoreErrorFact, provider_schema};
pub use roles::{Migrator, setting_value};
pub use warm::Cold;

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

#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("could not read `{}`", path.display())]
    ReadDump {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("`{}` could not be read to its end", path.display())]
    Unreadable { path: PathBuf },
    #[error("the dump ends inside the rows of `{table}`")]
    CutOff { table: String },
    #[error(
        "the dump breaks off: its last line, `{}`, is missing",
        script::LAST_LINE
    )]
    NoEnd,
    #[error("`pg_restore` failed ({how})")]
    Failed { how: String },
    #[error("the restore broke off: {said}")]
    Broken { said: String },
    #[error("`{table}`: {} rows were read and {} written", human_count(*read), human_count(*written))]
    Lost {
        table: String,
        read: u64,
        written: u64,
    },
    #[error("production uses extensions that are not installed on this machine: {}", names.join(", "))]
    ExtensionsMissing { names: Vec<String> },
    #[error("the clone has no role `{name}`")]
    NoRole { name: String },
    #[error("a worker of the restore was interrupted")]
    Interrupted,
    #[error("could not mask the clone")]
    Mask(#[source] ScriptError),
    #[error("could not build production from its SQL")]
    Sql(#[source] ScriptError),
    #[error(transparent)]
    Source(CloneError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error(transparent)]
    Parallel(#[from] ParallelError),
}

impl Explained for RestoreError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::ExtensionsMissing { .. } => Some(
                "install their packages beside the server, such as `postgresql-17-postgis-3`"
                    .to_owned(),
            ),
            Self::NoRole { .. } => {
                Some("`migrations.role` and `smoke.app.role` name roles of production".to_owned())
            }
            Self::Broken { said } if said.contains("No space left on device") => Some(
                "give `target.throwaway.directory` a larger disk, or leave rows out with `restore.exclude_data`"
                    .to_owned(),
            ),
            Self::Source(error) => error.hint(),
            Self::Target(error) => error.hint(),
            Self::Connect(error) => error.hint(),
            _ => None,
        }
    }
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
        Fetched::Data(payload) => *payload,
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
    if target.is_ours() {
        let mut named = surroundings.roles.clone();
        named.extend(production.roles.iter().map(|role| role.name.clone()));
        roles::create_stubs(&maintenance, &named).await?;
    }
    let (database, database_options) =
        create_database(&target, &name, &surroundings, &mut provenance.caveats).await?;
    let into = match &owner_password {
        Some(password) => target.local_role(roles::OWNER, password, &database),
        None => database.admin.clone(),
    };
    let session = Session::open(&into, quiet(&target)).await?;
    let loaded = load::run(context, &target, &into, &session, payload).await?;
    if target.is_ours() {
        // A plain dump tells these only while it is run.
        for surroundings in [&surroundings, &loaded.surroundings] {
            let said = apply_database_settings(&session, &database, surroundings).await?;
            provenance.caveats.extend(said);
        }
        let said = roles::apply_attributes(&maintenance, &production.roles).await?;
        provenance.caveats.extend(said);
    }

    let mut facts = Facts {
        errors: unexplained(context, &target, loaded.errors, &mut provenance.caveats),
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
