//! How a server comes up: its directory, `initdb`, its settings, the postmaster.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::unistd::chown;
use tokio::process::{Child, Command};

use super::listen::{self, Address};
use super::{PATIENCE, SUPERUSER, ServerUser, ThrowawayError, Wanted};
use crate::postgres::{Binaries, settings};
use crate::text::Secret;

pub fn private_directory(path: &Path, user: Option<ServerUser>) -> Result<(), ThrowawayError> {
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

pub fn random_password() -> String {
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

fn with_system_directories(binaries: &Path) -> OsString {
    let mut path = binaries.as_os_str().to_owned();
    path.push(":/usr/local/bin:/usr/bin:/bin");
    path
}

pub async fn initdb(
    wanted: &Wanted<'_>,
    directory: &Path,
    user: Option<ServerUser>,
    password: &Secret,
) -> Result<(), ThrowawayError> {
    let password_file = directory.join("password");
    write_private(&password_file, password.expose(), user)?;
    let output = server_program(wanted.binaries, "initdb", directory, user)
        // It asks `locale -a` for the system's collations. Without them, a dump whose columns name
        // one ("en_US.utf8") can't be restored.
        .env("PATH", with_system_directories(&wanted.binaries.directory))
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
    if let Some(network) = &wanted.network {
        listen::allow(network, directory)?;
    }
    write_settings(directory, &wanted.settings)
}

/// Replaces the server's settings; they hold from its next start.
pub fn write_settings(directory: &Path, chosen: &[(String, String)]) -> Result<(), ThrowawayError> {
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

/// What a server's process does with memory that it no longer needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreedMemory {
    /// One index after the other is built in the same memory. Given back in between, it is zeroed by
    /// the kernel each time: 3 to 4 % of a clone's CPU.
    Kept,
    /// As it is in production.
    GivenBack,
}

impl FreedMemory {
    /// glibc reads these; other libraries do not mind them.
    fn environment(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Kept => &[
                ("MALLOC_TRIM_THRESHOLD_", "4294967296"),
                ("MALLOC_TOP_PAD_", "67108864"),
            ],
            Self::GivenBack => &[],
        }
    }
}

/// Starts the server on a free port, to be loaded; another process may take the port first, so a few are tried.
pub async fn start_postmaster(
    wanted: &Wanted<'_>,
    directory: &Path,
    socket_directory: &Path,
    user: Option<ServerUser>,
) -> Result<(Child, Address), ThrowawayError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let at = Address::free(wanted.network.as_ref()).map_err(ThrowawayError::NoPort)?;
        let mut postmaster = spawn_postmaster(
            wanted.binaries,
            directory,
            socket_directory,
            user,
            &at,
            FreedMemory::Kept,
        )?;
        match wait_until_ready(&mut postmaster, directory, socket_directory, &at).await {
            Ok(()) => return Ok((postmaster, at)),
            Err(ThrowawayError::NotStarted { said })
                if attempt < 5 && said.contains("Address already in use") => {}
            Err(error) => return Err(error),
        }
    }
}

pub fn spawn_postmaster(
    binaries: &Binaries,
    directory: &Path,
    socket_directory: &Path,
    user: Option<ServerUser>,
    at: &Address,
    freed: FreedMemory,
) -> Result<Child, ThrowawayError> {
    let output = std::fs::File::create(directory.join("startup.log")).map_err(|source| {
        ThrowawayError::Directory {
            path: directory.to_owned(),
            source,
        }
    })?;
    server_program(binaries, "postgres", directory, user)
        .envs(freed.environment().iter().copied())
        .arg("-D")
        .arg(directory.join("data"))
        .arg("-p")
        .arg(at.port.to_string())
        .arg("-k")
        .arg(socket_directory)
        .arg("-c")
        .arg(at.setting())
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
pub async fn wait_until_ready(
    postmaster: &mut Child,
    directory: &Path,
    socket_directory: &Path,
    at: &Address,
) -> Result<(), ThrowawayError> {
    let port = at.port;
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
            // A server that could take only some of its addresses starts all the same.
            return at
                .is_answered()
                .map_err(|address| ThrowawayError::NotStarted {
                    said: format!("Address already in use: {address}"),
                });
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
