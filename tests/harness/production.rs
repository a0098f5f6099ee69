//! A "production" with one of everything, and a look at the clone that a run makes of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use pgrehearse::postgres::{Binaries, Endpoint, Session};
use pgrehearse::text::Secret;

use super::Server;
use super::gate::{Project, Run};

/// The password of the role that reads the source: it must be nowhere.
pub const READER_PASSWORD: &str = "reader-secret-4711";

/// What lets the reader read all of this production: row security and large objects are beyond
/// `pg_read_all_data`.
pub const FULL_READER: &str =
    "alter role reader bypassrls; alter role reader set lo_compat_privileges = on";

/// A server with the rich production in a database of an odd name.
pub struct Production {
    pub server: Server,
    /// The superuser's way in.
    pub endpoint: Endpoint,
}

impl Production {
    pub async fn start(binaries: &Binaries) -> Self {
        let server = Server::start(binaries).await;
        let made = server.database().await;
        let maintenance = Session::open(&made, &[]).await.expect("a session");
        maintenance
            .batch_execute(include_str!("../fixtures/sources/roles.sql"))
            .await
            .expect("the roles are made");
        maintenance
            .batch_execute("create database \"Prod Shop\" owner boss template template0")
            .await
            .expect("production is made");
        let endpoint = made.with_database("Prod Shop");
        // Statement by statement, as it was written over the years.
        let made = tool(
            &binaries.program("psql"),
            &endpoint,
            &[
                "-qXAt",
                "-v",
                "ON_ERROR_STOP=1",
                "-f",
                &fixture("production.sql"),
            ],
        )
        .output()
        .expect("psql starts");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let session = Session::open(&endpoint, &[]).await.expect("a session");
        session
            .batch_execute(
                "alter database \"Prod Shop\" set search_path to '$user', public, audit;
                 alter database \"Prod Shop\" set app.tenant to 'a b';
                 grant create on database \"Prod Shop\" to app",
            )
            .await
            .expect("the database's settings");
        Self { server, endpoint }
    }

    /// How the role that may only read gets in.
    pub fn reader(&self) -> Endpoint {
        self.server.throwaway.role(
            "reader",
            &Secret::new(READER_PASSWORD),
            &self.endpoint.database,
        )
    }

    pub async fn run(&self, sql: &str) {
        Session::open(&self.endpoint, &[])
            .await
            .expect("a session")
            .batch_execute(sql)
            .await
            .unwrap_or_else(|error| panic!("{error:?}\n{sql}"));
    }

    /// What a client program writes about production.
    pub fn tool(&self, name: &str, arguments: &[&str]) -> Vec<u8> {
        let output = self.command(name, arguments).output().expect("it starts");
        assert!(
            output.status.success(),
            "{name} {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    pub fn command(&self, name: &str, arguments: &[&str]) -> Command {
        tool(
            &self.server.throwaway.binaries().program(name),
            &self.endpoint,
            arguments,
        )
    }

    /// The schema as `pg_dump` writes it.
    pub fn schema(&self) -> String {
        comparable(&self.tool("pg_dump", &["--schema-only"]))
    }

    pub fn facts(&self) -> String {
        text(&self.tool(
            "psql",
            &[
                "-XAtq",
                "-v",
                "ON_ERROR_STOP=1",
                "-f",
                &fixture("facts.sql"),
            ],
        ))
    }

    pub fn surroundings(&self) -> String {
        text(&self.tool("psql", &["-XAtq", "-f", &fixture("surroundings.sql")]))
    }

    /// A project whose migration command looks at the clone, with the programs of `binaries`.
    pub fn project(&self, source: &str, more: &str) -> Project {
        project(self.server.throwaway.binaries(), source, more)
    }

    /// Runs the gate with the reader's way in as `SOURCE_URL`.
    pub fn run_live(&self, project: &Project) -> Run {
        let output = project
            .command(&["run"])
            .env("SOURCE_URL", self.reader().url().expose())
            .output()
            .expect("the gate starts");
        let run = project.ended(&output);
        assert!(
            !run.everything().contains(READER_PASSWORD),
            "{}",
            run.everything()
        );
        run
    }

    /// Fails unless the clone that `run` looked at is production to the last row.
    #[track_caller]
    pub fn expect_complete(&self, project: &Project, run: &Run) {
        expect_restored(run);
        assert_same("schema", &self.schema(), &look(project, "schema"));
        assert_same("facts", &self.facts(), &look(project, "facts"));
    }

    /// Fails unless the clone's database has production's owner, settings, grants and collation.
    #[track_caller]
    pub fn expect_surroundings(&self, project: &Project) {
        assert_same(
            "surroundings",
            &self.surroundings(),
            &look(project, "surroundings"),
        );
    }
}

/// A project whose migration command looks at the clone.
pub fn project(binaries: &Binaries, source: &str, more: &str) -> Project {
    let project = Project::new();
    let program = |name: &str| binaries.program(name).display().to_string();
    project.file("migrations/1.sql", "select 1;\n");
    project.file(
        "look.sh",
        &format!(
            // The trace is no part of the clone. Migrations may do such things to it as well.
            "set -eu\nunset PGOPTIONS\n\
             '{1}' -XAtq -d \"$DATABASE_URL\" -c 'set session_replication_role = replica' -c 'drop schema if exists pgrehearse_trace cascade' 2> /dev/null || true\n\
             '{}' --schema-only -d \"$DATABASE_URL\" > schema.look\n\
             '{}' -XAtq -v ON_ERROR_STOP=1 -d \"$DATABASE_URL\" -f '{}' > facts.look\n\
             '{1}' -XAtq -d \"$DATABASE_URL\" -f '{}' > surroundings.look\n\
             if test -f more.sql; then '{1}' -XAtq -d \"$DATABASE_URL\" -f more.sql > more.look; fi\n",
            program("pg_dump"),
            program("psql"),
            fixture("facts.sql"),
            fixture("surroundings.sql"),
        ),
    );
    project.policy(&format!(
        "version: 1\nsource: {source}\n\
         migrations:\n  command: sh look.sh\n  files: migrations/*.sql\n  role_attributes: [superuser]\n\
         rules: {{ schema-drift: off }}\n{more}"
    ));
    project
}

/// What the migration command saw.
pub fn look(project: &Project, name: &str) -> String {
    comparable(
        &std::fs::read(project.path().join(format!("{name}.look")))
            .unwrap_or_else(|_| b"the command did not look".to_vec()),
    )
}

#[track_caller]
pub fn expect_restored(run: &Run) {
    assert!(
        run.outcome("restore") == "passed" && run.outcome("migrate") == "passed",
        "{} {}\n{}\n{}",
        run.outcome("restore"),
        run.outcome("migrate"),
        run.stdout,
        run.stderr
    );
    assert!(!run.everything().contains(READER_PASSWORD));
}

/// What the report says of the clone, joined.
pub fn caveats(run: &Run) -> String {
    run.report["provenance"]["caveats"]
        .as_array()
        .map(|caveats| {
            caveats
                .iter()
                .filter_map(|caveat| caveat.as_str())
                .collect::<Vec<_>>()
                .join("\n")
        })
        .unwrap_or_default()
}

pub fn tool(program: &Path, endpoint: &Endpoint, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    for (variable, value) in endpoint.libpq_variables() {
        command.env(variable, value.expose());
    }
    command
}

fn fixture(name: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/sources")
        .join(name)
        .display()
        .to_string()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Without the lines that are others in each dump.
fn comparable(bytes: &[u8]) -> String {
    text(bytes)
        .lines()
        .filter(|line| !line.starts_with('\\') && !line.starts_with("-- Dumped"))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[track_caller]
pub fn assert_same(what: &str, source: &str, clone: &str) {
    if source == clone {
        return;
    }
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    let (source, clone) = (lines(source), lines(clone));
    let only = |these: &[String], those: &[String]| -> String {
        these
            .iter()
            .filter(|line| !those.contains(line))
            .map(|line| format!("  {line}\n"))
            .collect()
    };
    panic!(
        "{what} differs\nonly in the source:\n{}only in the clone:\n{}",
        only(&source, &clone),
        only(&clone, &source)
    );
}
