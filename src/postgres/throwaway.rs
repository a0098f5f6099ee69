//! A server that we start, own and destroy.
//!
//! Its directory holds personal data, so it is private, and it is gone when the server is: on
//! success, on failure, on a signal, and (by the guard) on `kill -9`.

use std::io;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User, chown};
use tokio::process::{Child, Command};

use super::binaries::Binaries;
use super::endpoint::{Endpoint, Host, Tls, TlsMode};
use super::session::{ConnectError, Session};
use super::settings;
use crate::process::guard::{Guard, Watched, remove_directory};
use crate::text::Secret;

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
    pub fn needed() -> Result<Option<Self>, ThrowawayError> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        ["postgres", "nobody"]
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
}

/// A running server of ours.
pub struct Throwaway {
    directory: PathBuf,
    socket_directory: PathBuf,
    binaries: Binaries,
    user: Option<ServerUser>,
    port: u16,
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
                "run as an ordinary user, or create one named `postgres`: a server refuses to run as root"
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
            private_directory(path, user)?;
        }
        let password = Secret::new(random_password());
        initdb(&wanted, &directory, user, &password).await?;
        let (postmaster, port) =
            start_postmaster(&wanted, &directory, &socket_directory, user).await?;
        std::mem::forget(cleanup);
        Ok(Self {
            directory,
            socket_directory,
            binaries: wanted.binaries.clone(),
            user,
            port,
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
            port: self.port,
            user: SUPERUSER.to_owned(),
            password: Some(self.password.clone()),
            database: database.to_owned(),
            tls: Tls {
                mode: TlsMode::Disable,
                ..Tls::default()
            },
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
            signal(&postmaster, Signal::SIGINT);
            let stopped = tokio::time::timeout(PATIENCE, postmaster.wait()).await;
            if stopped.is_err() {
                self.postmaster = Some(postmaster);
                return Err(ThrowawayError::NotStopped);
            }
        }
        write_settings(&self.directory, settings)?;
        let postmaster = self.postmaster.insert(spawn_postmaster(
            &self.binaries,
            &self.directory,
            &self.socket_directory,
            self.user,
            self.port,
        )?);
        wait_until_ready(
            postmaster,
            &self.directory,
            &self.socket_directory,
            self.port,
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
        format!(
            "kill -QUIT $(head -n 1 {directory}/data/postmaster.pid); sleep 1; rm -rf {directory}"
        )
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        let Some(mut postmaster) = self.postmaster.take() else {
            return;
        };
        let gone = || matches!(postmaster.try_wait(), Ok(Some(_)) | Err(_));
        if let Some(id) = process_in(&self.directory) {
            stop_at_once(id, gone);
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

/// Stops the server whose private directory is `directory`, for a guard that knows only the path.
pub fn stop_server_in(directory: &Path) {
    if let Some(postmaster) = process_in(directory) {
        stop_at_once(postmaster, || kill(postmaster, None).is_err());
    }
}

/// The postmaster, as the server's own lock file names it.
fn process_in(directory: &Path) -> Option<Pid> {
    let text = std::fs::read_to_string(directory.join("data/postmaster.pid")).ok()?;
    let id: i32 = text.lines().next()?.trim().parse().ok()?;
    // A server without a postmaster, as `initdb` runs it, writes its process negated; to `kill` a
    // negative number is a group, and -1 everything.
    (id != i32::MIN && id.abs() > 1).then(|| Pid::from_raw(id.abs()))
}

/// Stops a postmaster without a checkpoint. SIGQUIT first: a server killed outright leaves its
/// shared memory segment behind.
fn stop_at_once(postmaster: Pid, mut gone: impl FnMut() -> bool) {
    let started = Instant::now();
    let mut chosen = Signal::SIGQUIT;
    let _ = kill(postmaster, chosen);
    while !gone() && started.elapsed() < Duration::from_secs(7) {
        if chosen == Signal::SIGQUIT && started.elapsed() > Duration::from_secs(5) {
            chosen = Signal::SIGKILL;
            let _ = kill(postmaster, chosen);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(process: &Child, signal: Signal) {
    if let Some(id) = process.id().and_then(|id| i32::try_from(id).ok()) {
        let _ = kill(Pid::from_raw(id), signal);
    }
}

fn private_directory(path: &Path, user: Option<ServerUser>) -> Result<(), ThrowawayError> {
    let failed = |source| ThrowawayError::Directory {
        path: path.to_owned(),
        source,
    };
    std::fs::create_dir(path).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).map_err(failed)?;
    give_to(path, user).map_err(failed)
}

fn give_to(path: &Path, user: Option<ServerUser>) -> io::Result<()> {
    if let Some(user) = user {
        chown(path, Some(user.uid.into()), Some(user.gid.into()))?;
    }
    Ok(())
}

fn random_password() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// A program of the server: none of our environment, since it holds our secrets, and English
/// messages, since we read them.
fn server_program(
    binaries: &Binaries,
    name: &str,
    directory: &Path,
    user: Option<ServerUser>,
) -> Command {
    let mut command = Command::new(binaries.program(name));
    command
        .env_clear()
        .env("PATH", &binaries.directory)
        .env("LC_ALL", "C")
        .env("HOME", directory)
        .env("TZ", "UTC")
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        // The server forwards signals to its own children; Ctrl-C on the terminal is ours alone.
        .process_group(0);
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}

async fn initdb(
    wanted: &Wanted<'_>,
    directory: &Path,
    user: Option<ServerUser>,
    password: &Secret,
) -> Result<(), ThrowawayError> {
    let password_file = directory.join("password");
    write_private(&password_file, password.expose(), user)?;
    let output = server_program(wanted.binaries, "initdb", directory, user)
        .arg("--pgdata=data")
        .arg(format!("--username={SUPERUSER}"))
        .arg("--pwfile=password")
        .arg("--auth=scram-sha-256")
        .arg("--encoding=UTF8")
        .arg("--locale=C.UTF-8")
        .arg("--lc-messages=C")
        .arg("--no-sync")
        .arg("--no-instructions")
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|source| ThrowawayError::Program {
            program: wanted.binaries.program("initdb"),
            source,
        })?;
    let _ = std::fs::remove_file(&password_file);
    if !output.status.success() {
        return Err(ThrowawayError::Initdb {
            said: last_lines(&String::from_utf8_lossy(&output.stderr)),
        });
    }
    // A later file's settings win over postgresql.conf's own.
    let config = directory.join("data/postgresql.conf");
    let mut text =
        std::fs::read_to_string(&config).map_err(|source| ThrowawayError::Directory {
            path: config.clone(),
            source,
        })?;
    text.push_str("\ninclude '../server.conf'\n");
    std::fs::write(&config, text).map_err(|source| ThrowawayError::Directory {
        path: config,
        source,
    })?;
    write_private(&directory.join("server.conf"), "", user)?;
    write_settings(directory, &wanted.settings)
}

/// Replaces the server's settings; they hold from its next start.
fn write_settings(directory: &Path, chosen: &[(String, String)]) -> Result<(), ThrowawayError> {
    let path = directory.join("server.conf");
    std::fs::write(&path, settings::file(chosen))
        .map_err(|source| ThrowawayError::Directory { path, source })
}

fn write_private(path: &Path, text: &str, user: Option<ServerUser>) -> Result<(), ThrowawayError> {
    std::fs::write(path, text)
        .and_then(|()| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)))
        .and_then(|()| give_to(path, user))
        .map_err(|source| ThrowawayError::Directory {
            path: path.to_owned(),
            source,
        })
}

/// Starts the server on a free port; another process may take the port first, so a few are tried.
async fn start_postmaster(
    wanted: &Wanted<'_>,
    directory: &Path,
    socket_directory: &Path,
    user: Option<ServerUser>,
) -> Result<(Child, u16), ThrowawayError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let port = free_port().map_err(ThrowawayError::NoPort)?;
        let mut postmaster =
            spawn_postmaster(wanted.binaries, directory, socket_directory, user, port)?;
        match wait_until_ready(&mut postmaster, directory, socket_directory, port).await {
            Ok(()) => return Ok((postmaster, port)),
            Err(ThrowawayError::NotStarted { said })
                if attempt < 5 && said.contains("Address already in use") => {}
            Err(error) => return Err(error),
        }
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn spawn_postmaster(
    binaries: &Binaries,
    directory: &Path,
    socket_directory: &Path,
    user: Option<ServerUser>,
    port: u16,
) -> Result<Child, ThrowawayError> {
    let output = std::fs::File::create(directory.join("startup.log")).map_err(|source| {
        ThrowawayError::Directory {
            path: directory.to_owned(),
            source,
        }
    })?;
    server_program(binaries, "postgres", directory, user)
        .arg("-D")
        .arg(directory.join("data"))
        .arg("-p")
        .arg(port.to_string())
        .arg("-k")
        .arg(socket_directory)
        .args(["-c", "listen_addresses=127.0.0.1"])
        .args(["-c", "logging_collector=on"])
        .args(["-c", "log_destination=jsonlog"])
        .args(["-c", "log_directory=log"])
        .args(["-c", "log_filename=server.log"])
        .args(["-c", "log_rotation_age=0"])
        .args(["-c", "log_rotation_size=0"])
        // The server's function behind an error tells a user's RAISE from a message of its own.
        .args(["-c", "log_error_verbosity=verbose"])
        .args(["-c", "lc_messages=C"])
        .stderr(output)
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| ThrowawayError::Program {
            program: binaries.program("postgres"),
            source,
        })
}

/// Waits for the server's own word: the last line of its lock file says `ready`.
async fn wait_until_ready(
    postmaster: &mut Child,
    directory: &Path,
    socket_directory: &Path,
    port: u16,
) -> Result<(), ThrowawayError> {
    let lock_file = directory.join("data/postmaster.pid");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let exited = postmaster.try_wait().ok().flatten().is_some();
        if exited || Instant::now() > deadline {
            return Err(ThrowawayError::NotStarted {
                said: startup_complaint(directory),
            });
        }
        let ready = std::fs::read_to_string(&lock_file).is_ok_and(|text| {
            text.lines()
                .nth(7)
                .is_some_and(|state| state.trim() == "ready")
        }) && socket_directory.join(format!(".s.PGSQL.{port}")).exists();
        if ready {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What the server said before it gave up: on its error output, or in the log it had begun.
fn startup_complaint(directory: &Path) -> String {
    let output = std::fs::read_to_string(directory.join("startup.log")).unwrap_or_default();
    let log = std::fs::read_to_string(directory.join("data/log/server.json")).unwrap_or_default();
    let fatal: Vec<String> = log
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|record| {
            record["error_severity"]
                .as_str()
                .is_some_and(|severity| severity != "LOG")
        })
        .filter_map(|record| record["message"].as_str().map(str::to_owned))
        .collect();
    if fatal.is_empty() {
        last_lines(&output)
    } else {
        fatal.join("; ")
    }
}

/// The last few lines of a program's complaint, in one.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(3)..].join("; ")
}

/// Opens a session as the superuser of `server`.
pub async fn superuser_session(
    server: &Throwaway,
    database: &str,
) -> Result<Session, ConnectError> {
    Session::open(&server.superuser(database), &[]).await
}
