//! The restore stage: a clone that is complete, is not production, and can do no harm.
//!
//! Only this module makes a [`Restored`], and only a [`Restored`] can be migrated. A clone that
//! lacks a table or a row is not one.

mod archive;
mod disarm;
mod fidelity;
mod load;
mod noise;
mod roles;
mod script;
mod stream;

use std::path::PathBuf;

use crate::clone::{CloneError, Cloned, Payload};
use crate::context::Context;
use crate::policy::Migrations;
use crate::postgres::archive::Surroundings;
use crate::postgres::parallel::ParallelError;
use crate::postgres::session::{ConnectError, During as _, QueryError};
use crate::postgres::tools::{Script, ScriptError, ToolError, Transaction};
use crate::postgres::{Endpoint, Session};
use crate::process::child::StartError;
use crate::target::{Database, Target, TargetError};
use crate::text::{Ident, Secret, count_of, human_count};
use crate::verdict::{Explained, Provenance, Stage};
use crate::verify::Observation;

pub use disarm::Disarmed;
pub use fidelity::{Fidelity, RowMismatch};
pub use noise::{RestoreError as RestoreErrorFact, provider_schema};
pub use roles::{Migrator, setting_value};

/// What the restore stage saw.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub fidelity: Fidelity,
    /// Errors that nobody has named or accepted.
    pub errors: Vec<RestoreErrorFact>,
}

impl Facts {
    /// Whether the clone is all of production.
    pub fn is_complete(&self) -> bool {
        self.errors.is_empty()
            && self.fidelity.missing_tables.is_empty()
            && self.fidelity.row_mismatches.is_empty()
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
        payload,
        mut provenance,
    } = cloned;
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
    let session = Session::open(&into, &[]).await?;
    let loaded = load::run(context, &target, &into, &session, payload).await?;
    if target.is_ours() {
        // A plain dump tells these only while it is run.
        apply_database_settings(&session, &database, &surroundings).await?;
        apply_database_settings(&session, &database, &loaded.surroundings).await?;
        roles::apply_attributes(&maintenance, &production.roles).await?;
    }

    let mut facts = Facts::default();
    for error in loaded.errors {
        match noise::harmless(&error, &context.policy.restore.accept_errors) {
            Some(because) => provenance
                .caveats
                .push(format!("{}: {because}", error.about)),
            None => facts.errors.push(error),
        }
    }
    context.progress.doing(Stage::Restore, "counting every row");
    let mut before = Observation::take(&into, context.jobs()).await?;
    facts.fidelity = fidelity::compare(&loaded.expected, &before.tables, &before.rows);
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

    let disarmed = disarm::run(&session).await?;
    mask(context, &target, &into).await?;
    analyze(context, &into, &before, loaded.analyzed).await?;
    if !context.policy.restore.mask.is_empty() {
        before = Observation::take(&into, context.jobs()).await?;
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

/// What a live source tells of production beyond its database.
#[derive(Default)]
struct Production {
    roles: Vec<crate::clone::LiveRole>,
    extensions: Vec<(String, String)>,
    settings: Vec<(String, String)>,
}

impl Production {
    fn of(payload: &Payload) -> Self {
        match payload {
            Payload::Live(live) => Self {
                roles: live.roles.clone(),
                extensions: live.extensions.clone(),
                settings: live.settings.clone(),
            },
            _ => Self::default(),
        }
    }

    /// Another version of an extension may behave in another way; that is said.
    async fn compare_extensions(
        &self,
        session: &Session,
        caveats: &mut Vec<String>,
    ) -> Result<(), QueryError> {
        let here = session
            .query("select extname::text, extversion from pg_extension", &[])
            .await
            .during("list the extensions")?;
        for (name, version) in &self.extensions {
            let other = here
                .iter()
                .find(|row| row.get::<_, &str>(0) == name)
                .map(|row| row.get::<_, String>(1))
                .filter(|here| here != version);
            if let Some(other) = other {
                caveats.push(format!(
                    "extension `{name}` is {version} in production and {other} here"
                ));
            }
        }
        Ok(())
    }
}

async fn surroundings_of(target: &Target, payload: &Payload) -> Result<Surroundings, RestoreError> {
    Ok(match payload {
        Payload::Archive { path, .. } => Surroundings::read(&target.tools, path).await?,
        Payload::Live(live) => live.surroundings.clone(),
        // A script is read only once, while it is run.
        Payload::Script { .. } | Payload::Sql(_) => Surroundings::default(),
    })
}

/// Makes the clone's database with production's encoding and collation, or, where this machine does
/// not have that collation, with the server's own.
async fn create_database(
    target: &Target,
    name: &str,
    surroundings: &Surroundings,
    caveats: &mut Vec<String>,
) -> Result<(Database, String), RestoreError> {
    let Some(options) = &surroundings.database_options else {
        return Ok((target.create_database(name, "").await?, String::new()));
    };
    match target.create_database(name, options).await {
        Ok(database) => Ok((database, options.clone())),
        Err(TargetError::Query(error)) if error.server_error().is_some() => {
            caveats.push(format!(
                "production's database is made with {options}, which this server can't; text is sorted by its own collation"
            ));
            Ok((target.create_database(name, "").await?, String::new()))
        }
        Err(error) => Err(error.into()),
    }
}

/// `ALTER DATABASE … SET` of production, on the clone: a `search_path` there decides where
/// migrations put things.
async fn apply_database_settings(
    session: &Session,
    database: &Database,
    surroundings: &Surroundings,
) -> Result<(), QueryError> {
    let name = Ident(database.name());
    let settings = surroundings
        .database_settings
        .iter()
        .map(|setting| format!("alter database {name} set {setting}"));
    let grants = surroundings
        .database_grants
        .iter()
        .map(|(what, to)| format!("grant {what} on database {name} to {to}"));
    for statement in settings.chain(grants) {
        session
            .run(&statement, "apply the settings of production's database")
            .await?;
    }
    Ok(())
}

/// Runs the policy's masking files, each in one transaction.
async fn mask(context: &Context, target: &Target, into: &Endpoint) -> Result<(), RestoreError> {
    for file in &context.policy.restore.mask {
        context
            .progress
            .doing(Stage::Restore, format!("masking with `{}`", file.display()));
        target
            .tools
            .run_script(
                into,
                Script {
                    file,
                    transaction: Transaction::Single,
                    then: None,
                    limit: None,
                },
            )
            .await
            .map_err(RestoreError::Mask)?;
    }
    Ok(())
}

/// Gives the planner its statistics. A dump has none.
async fn analyze(
    context: &Context,
    into: &Endpoint,
    observed: &Observation,
    done: Analyzed,
) -> Result<(), RestoreError> {
    if done == Analyzed::Yes && context.policy.restore.mask.is_empty() {
        return Ok(());
    }
    // Partitioned parents are left out, as autovacuum leaves them out in production.
    let tables = observed
        .tables
        .iter()
        .filter(|table| table.kind == crate::postgres::tables::TableKind::Ordinary)
        .cloned()
        .collect();
    crate::postgres::parallel::for_each(into, &[], context.jobs(), tables, |session, table| {
        Box::pin(async move {
            session
                .run(
                    &format!("analyze {}", table.name),
                    "analyze the clone's tables",
                )
                .await
        })
    })
    .await?;
    Ok(())
}

/// Whether the load has analyzed what it loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Analyzed {
    Yes,
    No,
}

/// Appoints the role that migrates. On a foreign server that is the role we have.
async fn appoint(
    context: &Context,
    target: &Target,
    database: &Database,
    database_owner: Option<String>,
) -> Result<Migrator, RestoreError> {
    if !target.is_ours() {
        return Ok(Migrator {
            name: database.admin.user.clone(),
            password: database
                .admin
                .password
                .clone()
                .unwrap_or_else(|| Secret::new("")),
        });
    }
    let Migrations {
        role,
        role_attributes,
        ..
    } = &context.policy.migrations;
    let session = database.session().await?;
    let migrator = roles::appoint(&session, role.as_deref(), role_attributes.as_deref()).await?;
    let owner = database_owner.unwrap_or_else(|| migrator.name.clone());
    session
        .run(
            &format!(
                "alter database {} owner to {}",
                Ident(database.name()),
                Ident(&owner)
            ),
            "give the clone its owner",
        )
        .await?;
    Ok(migrator)
}

/// What makes this clone another thing than production, in words.
fn caveats(
    context: &Context,
    target: &Target,
    left_out: &[String],
    dropped: &[String],
    disarmed: &[Disarmed],
    fidelity: &Fidelity,
) -> Vec<String> {
    let mut caveats = Vec::new();
    for extension in left_out {
        caveats.push(format!(
            "extension `{extension}` exists only at the provider and is left out"
        ));
    }
    for what in dropped {
        caveats.push(format!("left out: {what}"));
    }
    if !disarmed.is_empty() {
        let list: Vec<String> = disarmed.iter().map(Disarmed::describe).collect();
        caveats.push(format!("disarmed: {}", list.join(", ")));
    }
    let masks = context.policy.restore.mask.len() as u64;
    if masks > 0 {
        caveats.push(format!("masked by {}", count_of(masks, "file")));
    }
    if let Some(because) = &fidelity.rows_not_compared {
        caveats.push(format!(
            "rows were not compared with the source's: {because}"
        ));
    }
    if !target.is_ours() {
        caveats.push(
            "owners and privileges are those of the role of `target.server`, not production's"
                .to_owned(),
        );
    }
    caveats
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
        self.target
            .become_production_like(&self.production_settings, policy)
            .await
    }

    /// Leaves server and clone as they are: `--keep`.
    pub fn leave_running(&mut self) {
        self.target.leave_running();
        self.database.leave();
    }
}
