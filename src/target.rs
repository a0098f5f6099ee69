//! The server that clones live on, and the databases that are made there.
//!
//! [`Target`] is the only thing that makes a [`Database`], and every statement that changes anything
//! goes to a [`Database`]: on a server that this run started, or in a scratch database that carries
//! our prefix on a server that was shown not to be the source.

use std::sync::Arc;
use std::time::Duration;

use crate::container::Site;
use crate::context::Context;
use crate::policy;
use crate::postgres::scratch::{ScratchDatabase, ScratchError, ScratchName};
use crate::postgres::session::{ConnectError, During as _, QueryError, Session};
use crate::postgres::settings::{self, Profile};
use crate::postgres::throwaway::{Network, ThrowawayError, Wanted};
use crate::postgres::tools::Tools;
use crate::postgres::{Binaries, Endpoint, Throwaway};
use crate::process::RunId;
use crate::process::guard::Guard;
use crate::text::{Ident, Secret};
use crate::verdict::Explained;

/// Where administrative sessions go: never the clone itself, which may be called `postgres`.
const MAINTENANCE_DATABASE: &str = "template1";

/// A server for clones.
pub struct Target {
    server: Server,
    pub tools: Tools,
    /// Where the policy's image runs, if it has one.
    site: Option<Arc<Site>>,
}

enum Server {
    /// Started by this run.
    Ours(Box<Throwaway>),
    /// Another: the policy's `target.server`, or the one that a provider made for this run.
    Foreign(Box<Foreign>),
}

struct Foreign {
    of: ForeignServer,
    endpoint: Endpoint,
    run: RunId,
    guard: Arc<Guard>,
}

/// Whose server it is that this run has not started.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ForeignServer {
    /// The policy's `target.server`.
    Policys,
    /// A provider's, made for this run and shown to be that.
    Providers,
}

/// A database that this run made.
pub struct Database {
    /// The way in with every right that the target has to give.
    pub admin: Endpoint,
    scratch: Option<ScratchDatabase>,
}

#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error(transparent)]
    Throwaway(#[from] ThrowawayError),
    #[error(transparent)]
    Scratch(#[from] ScratchError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl Explained for TargetError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Throwaway(error) => error.hint(),
            Self::Connect(error) | Self::Scratch(ScratchError::Connect(error)) => error.hint(),
            Self::Scratch(ScratchError::Query(error)) => {
                let sqlstate = &error.server_error()?.sqlstate;
                (sqlstate == "42501").then(|| {
                    "the role of `target.server` must be allowed to create databases (CREATEDB)"
                        .to_owned()
                })
            }
            _ => None,
        }
    }
}

impl Target {
    /// Starts a server of ours, set for loading.
    pub async fn start(
        context: &Context,
        binaries: &Binaries,
        label: &str,
        site: Option<&Arc<Site>>,
    ) -> Result<Self, TargetError> {
        let (policy_settings, directory) = match &context.policy.target {
            policy::Target::Throwaway {
                settings,
                directory,
                ..
            } => (settings.as_slice(), directory.clone()),
            policy::Target::Server(_) | policy::Target::InPlace => (&[] as &[_], None),
        };
        let parent = directory.unwrap_or_else(std::env::temp_dir);
        // By the run's id, what a run left is found when the run itself can say nothing more.
        let label = format!("{}-{label}", context.run.directory_prefix());
        let throwaway = Throwaway::start(
            Wanted {
                binaries,
                parent: &parent,
                label: &label,
                settings: settings::of(Profile::Loading, &[], policy_settings),
                network: site
                    .and_then(|site| site.listening())
                    .map(|listening| Network {
                        address: listening.address,
                        subnet: listening.subnet,
                    }),
            },
            &context.guard,
        )
        .await?;
        Ok(Self {
            tools: Tools::new(binaries.clone(), &context.run),
            server: Server::Ours(Box::new(throwaway)),
            site: site.cloned(),
        })
    }

    /// A server that exists already. The caller has shown that it is not the source.
    pub fn foreign(context: &Context, of: ForeignServer, endpoint: Endpoint, tools: Tools) -> Self {
        Self {
            server: Server::Foreign(Box::new(Foreign {
                of,
                endpoint,
                run: context.run.clone(),
                guard: context.guard.clone(),
            })),
            tools,
            site: None,
        }
    }

    /// The server that this run started, if it did.
    pub fn throwaway(&self) -> Option<&Throwaway> {
        match &self.server {
            Server::Ours(throwaway) => Some(throwaway),
            Server::Foreign(_) => None,
        }
    }

    /// Where the policy's image runs, from which this server is reached.
    pub fn site(&self) -> Option<&Site> {
        self.site.as_deref()
    }

    pub fn is_ours(&self) -> bool {
        self.throwaway().is_some()
    }

    /// Whether it is the policy's `target.server`.
    pub fn is_a_server_of_the_policy(&self) -> bool {
        matches!(&self.server, Server::Foreign(foreign) if foreign.of == ForeignServer::Policys)
    }

    /// The database that a provider made, as it is. It goes with its server.
    pub fn whole(&self, endpoint: &Endpoint) -> Database {
        Database {
            admin: endpoint.clone(),
            scratch: None,
        }
    }

    /// A session for statements about the whole server.
    pub async fn maintenance(&self) -> Result<Session, ConnectError> {
        Session::open(&self.admin(MAINTENANCE_DATABASE), &[]).await
    }

    /// Makes an empty database. On a server of ours it may have production's own name; elsewhere it
    /// carries our prefix.
    pub async fn create_database(
        &self,
        name: &str,
        options: &str,
    ) -> Result<Database, TargetError> {
        self.create(name, &format!("template = template0 {options}"))
            .await
    }

    /// Makes a copy of `original`, to which nobody may be connected.
    pub async fn copy_database(
        &self,
        original: &Database,
        name: &str,
    ) -> Result<Database, TargetError> {
        // Copying files beats writing every page to WAL for anything but the smallest database.
        let options = format!(
            "template = {} strategy = file_copy",
            Ident(&original.admin.database)
        );
        let copy = self.create(name, &options).await?;
        if self.is_ours() {
            // The template's own `alter database … set` stays with the template.
            self.maintenance()
                .await?
                .execute(
                    include_str!("postgres/copy_database_settings.sql"),
                    &[&original.name(), &copy.name()],
                )
                .await
                .during("copy the settings of the clone's database")?;
        }
        Ok(copy)
    }

    async fn create(&self, name: &str, options: &str) -> Result<Database, TargetError> {
        match &self.server {
            Server::Ours(throwaway) => {
                let session = self.maintenance().await?;
                // `initdb` made one of that name, and many a production database is called so.
                if name == "postgres" {
                    session
                        .run(
                            "drop database if exists postgres",
                            "make room for the clone",
                        )
                        .await?;
                }
                session
                    .run(
                        &format!("create database {} with {options}", Ident(name)),
                        "create the clone's database",
                    )
                    .await?;
                Ok(Database {
                    admin: throwaway.superuser(name),
                    scratch: None,
                })
            }
            Server::Foreign(foreign) => {
                let Foreign {
                    endpoint,
                    run,
                    guard,
                    ..
                } = foreign.as_ref();
                let scratch = ScratchDatabase::create(
                    endpoint,
                    // Roles and reports know production's name; this one must only be ours, and
                    // production's may be longer than PostgreSQL allows with a prefix.
                    ScratchName::new(run, &plain(name)),
                    &format!("with {options}"),
                    guard,
                )
                .await?;
                Ok(Database {
                    admin: scratch.endpoint(),
                    scratch: Some(scratch),
                })
            }
        }
    }

    /// Drops a database that this run made.
    pub async fn drop_database(&self, database: Database) -> Result<(), TargetError> {
        if let Some(scratch) = database.scratch {
            scratch.remove().await?;
        } else {
            let name = Ident(&database.admin.database);
            self.maintenance()
                .await?
                .run(
                    &format!("drop database if exists {name} with (force)"),
                    "drop a database of the clone's server",
                )
                .await?;
        }
        Ok(())
    }

    /// Ends the loading: the server is set like production, by one restart. A foreign server is
    /// production-like already, and not ours to restart.
    pub async fn become_production_like(
        &mut self,
        production: &[(String, String)],
        policy: &[(String, String)],
    ) -> Result<(), TargetError> {
        if let Server::Ours(throwaway) = &mut self.server {
            throwaway
                .restart(&settings::of(Profile::ProductionLike, production, policy))
                .await?;
        }
        Ok(())
    }

    /// Leaves server and databases as they are when this handle goes: `--keep`.
    pub fn leave_running(&mut self) {
        if let Server::Ours(throwaway) = &mut self.server {
            throwaway.leave_running();
        }
    }

    fn admin(&self, database: &str) -> Endpoint {
        match &self.server {
            Server::Ours(throwaway) => throwaway.superuser(database),
            Server::Foreign(foreign) => foreign.endpoint.clone(),
        }
    }

    /// Like [`Target::role`], by the private socket where there is one.
    pub fn local_role(&self, role: &str, password: &Secret, database: &Database) -> Endpoint {
        match &self.server {
            Server::Ours(_) => Endpoint {
                user: role.to_owned(),
                password: Some(password.clone()),
                ..database.admin.clone()
            },
            Server::Foreign(_) => database.admin.clone(),
        }
    }

    /// The way in for a role whose password we set; on a foreign server, the one role we have.
    pub fn role(&self, role: &str, password: &Secret, database: &Database) -> Endpoint {
        match &self.server {
            Server::Ours(throwaway) => throwaway.role(role, password, &database.admin.database),
            Server::Foreign(_) => database.admin.clone(),
        }
    }
}

impl Database {
    pub fn name(&self) -> &str {
        &self.admin.database
    }

    /// A session with every right that the target has to give.
    pub async fn session(&self) -> Result<Session, ConnectError> {
        Session::open(&self.admin, &[]).await
    }

    /// Leaves the database when the run ends: `--keep`.
    pub fn leave(&mut self) {
        if let Some(scratch) = &mut self.scratch {
            scratch.leave();
        }
    }
}

/// A name reduced to what a scratch database's may hold.
fn plain(name: &str) -> String {
    name.chars()
        .map(|character| match character.to_ascii_lowercase() {
            plain @ ('a'..='z' | '0'..='9') => plain,
            _ => '_',
        })
        .take(20)
        .collect()
}

/// Ends other sessions of a database, so that it can be copied, and waits until they are gone.
pub async fn end_sessions(session: &Session, database: &str) -> Result<(), QueryError> {
    for _ in 0..200 {
        let left: i64 = session
            .query_one(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                 where datname = $1 and pid <> pg_backend_pid()",
                &[&database],
            )
            .await
            .during("end the sessions of a database")?
            .get(0);
        if left == 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
