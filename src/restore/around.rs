//! What belongs to production and is not in its database: how that is made, its settings, roles.

use super::{RestoreError, roles};
use crate::clone::{LiveRole, Payload};
use crate::postgres::scratch::ScratchError;
use crate::postgres::session::During as _;
use crate::postgres::surroundings::Surroundings;
use crate::postgres::{QueryError, Session};
use crate::target::{Database, Target, TargetError};
use crate::text::Ident;

/// What a live source tells of production beyond its database.
#[derive(Default)]
pub(super) struct Production {
    pub roles: Vec<LiveRole>,
    extensions: Vec<(String, String)>,
    pub settings: Vec<(String, String)>,
}

impl Production {
    pub fn of(payload: &Payload) -> Self {
        match payload {
            Payload::Live(live) => Self {
                roles: live.roles.clone(),
                extensions: live.extensions.clone(),
                settings: live.settings.clone(),
            },
            _ => Self::default(),
        }
    }

    /// Makes stubs of the roles that production names, on a server of ours.
    pub async fn make_roles(
        &self,
        target: &Target,
        maintenance: &Session,
        surroundings: &Surroundings,
    ) -> Result<(), QueryError> {
        if target.is_ours() {
            let mut named = surroundings.roles.clone();
            named.extend(self.roles.iter().map(|role| role.name.clone()));
            roles::create_stubs(maintenance, &named).await?;
        }
        Ok(())
    }

    /// Gives the clone what production has beyond its database, of which a plain dump tells only while
    /// it is run; what the server refuses is said.
    pub async fn give(
        &self,
        maintenance: &Session,
        session: &Session,
        database: &Database,
        all: [&Surroundings; 2],
    ) -> Result<Vec<String>, QueryError> {
        let mut refused = Vec::new();
        for surroundings in all {
            refused.extend(apply_database_settings(session, database, surroundings).await?);
        }
        refused.extend(roles::apply_attributes(maintenance, &self.roles).await?);
        Ok(refused)
    }

    /// Another version of an extension may behave in another way; that is said.
    pub async fn compare_extensions(
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

pub(super) async fn surroundings_of(
    target: &Target,
    payload: &Payload,
) -> Result<Surroundings, RestoreError> {
    Ok(match payload {
        Payload::Archive { path, tools, .. } => {
            Surroundings::read(tools.as_ref().unwrap_or(&target.tools), path).await?
        }
        Payload::Live(live) => live.surroundings.clone(),
        // A script is read only once, while it is run; its head comes before all else.
        Payload::Script { file } => file.plain_head().await.map_err(RestoreError::Source)?.1,
        Payload::Sql(_) => Surroundings::default(),
    })
}

/// Makes the clone's database with production's encoding and collation, or, where this machine does
/// not have that collation, with the server's own.
pub(super) async fn create_database(
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
        Err(TargetError::Query(error) | TargetError::Scratch(ScratchError::Query(error)))
            if error.server_error().is_some() =>
        {
            caveats.push(format!(
                "production's database is made with {options}, which this server can't; text is sorted by its own collation"
            ));
            Ok((target.create_database(name, "").await?, String::new()))
        }
        Err(error) => Err(error.into()),
    }
}

/// `ALTER DATABASE … SET` of production, on the clone: a `search_path` there decides where
/// migrations put things. What the server refuses is said.
async fn apply_database_settings(
    session: &Session,
    database: &Database,
    surroundings: &Surroundings,
) -> Result<Vec<String>, QueryError> {
    let name = Ident(database.name());
    let settings = surroundings
        .database_settings
        .iter()
        .filter(|setting| roles::is_for_a_clone(setting))
        .map(|setting| format!("alter database {name} set {setting}"));
    let grants = surroundings
        .database_grants
        .iter()
        .map(|(what, to)| format!("grant {what} on database {name} to {to}"));
    let mut refused = Vec::new();
    for statement in settings.chain(grants) {
        let doing = "apply the settings of production's database";
        roles::unless_refused(session.run(&statement, doing).await, &mut refused)?;
    }
    Ok(refused)
}
