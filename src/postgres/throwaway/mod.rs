//! A server that we start, own and destroy.
//!
//! Its directory holds personal data, so it is private, and it is gone when the server is: on
//! success, on failure, on a signal, and (by the guard) on `kill -9`.

mod listen;
mod start;
mod stop;

use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::{Uid, User};
use tokio::process::Child;

use super::binaries::Binaries;
use super::endpoint::{Endpoint, Host, Tls, TlsMode};
use super::session::{ConnectError, Session};
use crate::process::guard::{Guard, Watched, remove_directory};
use crate::text::Secret;

use listen::Address;

pub use stop::{stop_own_server_in, stop_server_in};

/// The bootstrap superuser. Not `postgres`: production's own `postgres` role may own tables, and
/// the bootstrap superuser can't be demoted to an ordinary owner.
pub const SUPERUSER: &str = "pgrehearse";

/// How long a server may take to start or stop before it is taken for hung.
const PATIENCE: Duration = Duration::from_secs(60);

/// A Unix socket's path must fit `sockaddr_un`; this leaves room for `/.s.PGSQL.65535`.
const SOCKET_DIRECTORY_LIMIT: usize = 85;

/// The system user a server runs as when we are root, which PostgreSQL refuses to run as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerUser {
    pub uid: u32,
    pub gid: u32,
}

impl ServerUser {
    /// `None` when this process is an ordinary user and the server may simply run as that.
    ///
    /// A user of our own comes first, where somebody made one: other servers may run as `postgres`.
    pub fn needed() -> Result<Option<Self>, ThrowawayError> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        ["pgrehearse", "postgres", "nobody"]
            .iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .map(|user| {
                Some(Self {
                    uid: user.uid.as_raw(),
                    gid: user.gid.as_raw(),
                })
            })
            .ok_or(ThrowawayError::NoUser)
    }
}

/// What a server is to be.
pub struct Wanted<'a> {
    pub binaries: &'a Binaries,
    /// Where its private directory is made.
    pub parent: &'a Path,
    /// Begins the directory's name: `pgrehearse-clone`.
    pub label: &'a str,
    pub settings: Vec<(String, String)>,
    /// A network that it listens in beside the loopback interface.
    pub network: Option<Network>,
}

/// A network beside the loopback interface, and who may come from it: roles with a password, and not
/// the superuser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The server's own address in it.
    pub address: IpAddr,
    /// Where clients come from, as `172.18.0.0/16`.
    pub subnet: String,
}

/// A running server of ours.
pub struct Throwaway {
    directory: PathBuf,
    socket_directory: PathBuf,
    binaries: Binaries,
    user: Option<ServerUser>,
    at: Address,
    password: Secret,
    /// `None` once the server was left running: dropping a `Child` kills it.
    postmaster: Option<Child>,
    guard: Arc<Guard>,
}

#[derive(Debug, thiserror::Error)]
pub enum ThrowawayError {
    #[error("no unprivileged user was found to run the server as")]
    NoUser,
    #[error("could not prepare `{path}` for the server")]
    Directory { path: PathBuf, source: io::Error },
    #[error("could not run `{program}`")]
    Program { program: PathBuf, source: io::Error },
    #[error("`initdb` failed: {said}")]
    Initdb { said: String },
    #[error("the server did not start: {said}")]
    NotStarted { said: String },
    #[error("the server did not stop within {} s", PATIENCE.as_secs())]
    NotStopped,
    #[error("no free port was found on the loopback interface")]
    NoPort(#[source] io::Error),
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

impl ThrowawayError {
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoUser => Some(
                "run as an ordinary user, or create one named `pgrehearse`: a server refuses to run as root"
                    .to_owned(),
            ),
            Self::Directory { .. } => {
                Some("set `target.throwaway.directory` to a directory with room".to_owned())
            }
            Self::Initdb { said } if said.contains("could not look up effective user ID") => Some(
                "run as a user that the system knows (root works: the server is then run as `postgres`)"
                    .to_owned(),
            ),
            Self::Initdb { said } | Self::NotStarted { said } if said.contains("Permission denied") => Some(
                "the server's user must be able to enter the directory: set `target.throwaway.directory` or TMPDIR to one that it can"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

impl Throwaway {
    /// Makes the directory, runs `initdb`, starts the server and waits until it answers.
    pub async fn start(wanted: Wanted<'_>, guard: &Arc<Guard>) -> Result<Self, ThrowawayError> {
        let user = ServerUser::needed()?;
        let name = format!("{}-{:08x}", wanted.label, rand::random::<u32>());
        let directory = wanted.parent.join(&name);
        guard
            .watch(Watched::Server(directory.clone()))
            .map_err(|source| ThrowawayError::Directory {
                path: directory.clone(),
                source,
            })?;
        let socket_directory =
            if directory.as_os_str().len() + "/socket".len() > SOCKET_DIRECTORY_LIMIT {
                let short = Path::new("/tmp").join(format!("pgr-{:08x}", rand::random::<u32>()));
                guard
                    .watch(Watched::Directory(short.clone()))
                    .map_err(|source| ThrowawayError::Directory {
                        path: short.clone(),
                        source,
                    })?;
                short
            } else {
                directory.join("socket")
            };
        let cleanup = Unstarted {
            directories: [&directory, &socket_directory],
        };
        for path in [&directory, &socket_directory] {
            start::private_directory(path, user)?;
        }
        let password = Secret::new(start::random_password());
        start::initdb(&wanted, &directory, user, &password).await?;
        let (postmaster, at) =
            start::start_postmaster(&wanted, &directory, &socket_directory, user).await?;
        std::mem::forget(cleanup);
        Ok(Self {
            directory,
            socket_directory,
            binaries: wanted.binaries.clone(),
            user,
            at,
            password,
            postmaster: Some(postmaster),
            guard: guard.clone(),
        })
    }

    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the server writes its JSON log, one file per start of the log.
    pub fn log_directory(&self) -> PathBuf {
        self.directory.join("data/log")
    }

    /// The superuser's way in, by the private socket.
    pub fn superuser(&self, database: &str) -> Endpoint {
        Endpoint {
            host: Host::Socket(self.socket_directory.clone()),
            port: self.at.port,
            user: SUPERUSER.to_owned(),
            password: Some(self.password.clone()),
            database: database.to_owned(),
            tls: Tls {
                mode: TlsMode::Disable,
                ..Tls::default()
            },
            address: None,
        }
    }

    /// A role's way in over loopback TCP, which every driver of every language can use.
    pub fn role(&self, user: &str, password: &Secret, database: &str) -> Endpoint {
        Endpoint {
            host: Host::Tcp("127.0.0.1".to_owned()),
            user: user.to_owned(),
            password: Some(password.clone()),
            ..self.superuser(database)
        }
    }

    /// Stops the server, changes its settings, starts it again on the same port.
    pub async fn restart(&mut self, settings: &[(String, String)]) -> Result<(), ThrowawayError> {
        if let Some(mut postmaster) = self.postmaster.take() {
            stop::signal(&postmaster, Signal::SIGINT);
            let stopped = tokio::time::timeout(PATIENCE, postmaster.wait()).await;
            if stopped.is_err() {
                self.postmaster = Some(postmaster);
                return Err(ThrowawayError::NotStopped);
            }
        }
        start::write_settings(&self.directory, settings)?;
        let postmaster = self.postmaster.insert(start::spawn_postmaster(
            &self.binaries,
            &self.directory,
            &self.socket_directory,
            self.user,
            &self.at,
            start::FreedMemory::GivenBack,
        )?);
        start::wait_until_ready(
            postmaster,
            &self.directory,
            &self.socket_directory,
            &self.at,
        )
        .await
    }

    /// The server's process, for a test that kills it.
    pub fn postmaster_id(&self) -> Option<u32> {
        self.postmaster.as_ref().and_then(Child::id)
    }

    /// Leaves the server running when this handle goes: `--keep`.
    pub fn leave_running(&mut self) {
        std::mem::forget(self.postmaster.take());
        self.forget_in_guard();
    }

    fn forget_in_guard(&self) {
        self.guard.forget(Watched::Server(self.directory.clone()));
        self.guard
            .forget(Watched::Directory(self.socket_directory.clone()));
    }

    /// How a person stops a server that was left running: as root too, whom `pg_ctl` refuses.
    pub fn stop_command(&self) -> String {
        let directory = self.directory.display();
        let mut command = format!(
            "kill -QUIT $(head -n 1 '{directory}/data/postmaster.pid'); sleep 1; rm -rf '{directory}'"
        );
        if !self.socket_directory.starts_with(&self.directory) {
            let _ = write!(command, " '{}'", self.socket_directory.display());
        }
        command
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        let Some(mut postmaster) = self.postmaster.take() else {
            return;
        };
        let gone = || matches!(postmaster.try_wait(), Ok(Some(_)) | Err(_));
        if let Some(id) = stop::process_in(&self.directory) {
            stop::stop_at_once(id, gone);
        }
        drop(postmaster);
        remove_directory(&self.directory);
        remove_directory(&self.socket_directory);
        self.forget_in_guard();
    }
}

/// Removes the directories of a server that never came up. Its process, if there was one, was
/// killed when its handle went.
struct Unstarted<'a> {
    directories: [&'a PathBuf; 2],
}

impl Drop for Unstarted<'_> {
    fn drop(&mut self) {
        for directory in self.directories {
            remove_directory(directory);
        }
    }
}

/// Opens a session as the superuser of `server`.
pub async fn superuser_session(
    server: &Throwaway,
    database: &str,
) -> Result<Session, ConnectError> {
    Session::open(&server.superuser(database), &[]).await
}
