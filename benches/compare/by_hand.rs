//! What a person uses: a stock server, and PostgreSQL's own programs.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pgrehearse::postgres::{Binaries, ServerUser};

/// A server with the settings it comes with, and what is added to them.
pub struct Server {
    pub binaries: Binaries,
    pub port: u16,
    directory: tempfile::TempDir,
    postmaster: Child,
}

impl Server {
    /// `initdb`, start, wait.
    pub fn start(binaries: &Binaries, settings: &[(String, String)]) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("pgrehearse-bench-")
            .tempdir()
            .expect("a directory");
        let user = ServerUser::needed().expect("a user for the server");
        if let Some(user) = &user {
            std::os::unix::fs::chown(directory.path(), Some(user.uid), Some(user.gid))
                .expect("the directory is given away");
        }
        let as_user = |mut command: Command| {
            use std::os::unix::process::CommandExt as _;
            if let Some(user) = &user {
                command.uid(user.uid).gid(user.gid);
            }
            command
                .current_dir("/")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command
        };
        let data = directory.path().join("data");
        let mut initdb = Command::new(binaries.program("initdb"));
        initdb
            .args(["--auth=trust", "--username=postgres", "--no-instructions"])
            .arg(&data);
        let made = as_user(initdb).status().expect("initdb runs");
        assert!(made.success(), "initdb failed");
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let mut postgres = Command::new(binaries.program("postgres"));
        postgres
            .arg("-D")
            .arg(&data)
            .args([
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "unix_socket_directories=",
            ])
            .args(["-p", &port.to_string()]);
        for (name, value) in settings {
            postgres.arg("-c").arg(format!("{name}={value}"));
        }
        let server = Self {
            binaries: binaries.clone(),
            port,
            postmaster: as_user(postgres).spawn().expect("the server starts"),
            directory,
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        while !server.quietly("pg_isready", &["-q"]) {
            assert!(Instant::now() < deadline, "the server does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    pub fn postmaster(&self) -> u32 {
        self.postmaster.id()
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.program(program));
        command
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", "postgres")
            .stdin(Stdio::null());
        command
    }

    fn quietly(&self, program: &str, arguments: &[&str]) -> bool {
        self.command(program)
            .args(arguments)
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// Runs a program to its end, which must be good.
    pub fn run(&self, program: &str, arguments: &[&str]) {
        let output = self
            .command(program)
            .args(arguments)
            .output()
            .expect("the program runs");
        assert!(
            output.status.success(),
            "{program} {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    pub fn psql(&self, database: &str, arguments: &[&str]) {
        let mut all = vec![
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-o",
            "/dev/null",
            "-d",
            database,
        ];
        all.extend(arguments);
        self.run("psql", &all);
    }

    pub fn psql_file(&self, database: &str, file: &Path) {
        self.psql(database, &["-f", &file.to_string_lossy()]);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(id) = i32::try_from(self.postmaster.id()) {
            let _ = kill(Pid::from_raw(id), Signal::SIGINT);
        }
        let _ = self.postmaster.wait();
    }
}
