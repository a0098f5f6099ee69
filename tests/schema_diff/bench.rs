//! A server with one rich schema to copy, and the corpus of changes to it.

use std::collections::BTreeMap;

use pgrehearse::postgres::{Endpoint, Session};
use pgrehearse::schema_diff::{Catalog, Comments, Options, Privileges, SchemaDiff, read};
use pgrehearse::text::sql;

use tokio::process::Command;

use crate::harness::Server;

pub const CHANGES: &str = include_str!("../fixtures/schema_diff/changes.sql");
pub const QUIET: &str = include_str!("../fixtures/schema_diff/quiet.sql");
const BASE: &str = include_str!("../fixtures/schema_diff/base.sql");

/// Databases of one server that are worked on at a time.
const JOBS: usize = 4;

pub fn everything() -> Options {
    Options {
        privileges: Privileges::Compare,
        comments: Comments::Compare,
        ..Options::default()
    }
}

/// A part of a fixture: `-- @ title | mark | mark`, then SQL.
#[derive(Clone, Debug)]
pub struct Section {
    pub title: String,
    pub marks: Vec<String>,
    pub text: String,
}

/// The parts of a fixture that `bench` can run.
pub fn sections(fixture: &str, bench: &Bench) -> Vec<Section> {
    fixture
        .split("\n-- @ ")
        .skip(1)
        .map(|section| {
            let (head, text) = section.split_once('\n').expect("a title and a text");
            let mut parts = head.split(" | ").map(str::to_owned);
            Section {
                title: parts.next().expect("a title"),
                marks: parts.collect(),
                text: text.to_owned(),
            }
        })
        .filter(|section| {
            let since = section
                .marks
                .iter()
                .filter_map(|mark| mark.strip_prefix("from "))
                .all(|major| bench.major() >= major.parse().expect("a version"));
            let extension = section.text.contains("extension") || section.text.contains("citext");
            since && (bench.has_contrib || !extension)
        })
        .collect()
}

/// A server with a database `base` to copy.
pub struct Bench {
    pub server: Server,
    pub has_contrib: bool,
}

impl Bench {
    pub async fn new(server: Server) -> Self {
        let postgres = Session::open(&server.throwaway.superuser("postgres"), &[])
            .await
            .expect("the server answers");
        for statement in [
            "create role app_reader",
            "create role app_writer",
            "create database base template template0",
        ] {
            postgres.batch_execute(statement).await.expect(statement);
        }
        let has_contrib = postgres
            .query_opt(
                "select 1 from pg_available_extensions where name = 'citext'",
                &[],
            )
            .await
            .expect("the server answers")
            .is_some();
        let bench = Self {
            server,
            has_contrib,
        };
        let script = if has_contrib {
            BASE.to_owned()
        } else {
            BASE.replace("create extension citext with schema public;", "")
                .replace("public.citext", "text")
        };
        bench.run("base", &script).await.expect("the base is made");
        bench
    }

    pub fn major(&self) -> u32 {
        self.server.throwaway.binaries().major.0
    }

    /// Runs each statement by itself: some refuse to share a transaction.
    pub async fn run(&self, database: &str, script: &str) -> Result<(), String> {
        let session = Session::open(&self.server.throwaway.superuser(database), &[])
            .await
            .expect("the server answers");
        for statement in sql::statements(script) {
            session
                .batch_execute(statement.text)
                .await
                .map_err(|error| {
                    let said = error.as_db_error().map(|error| error.message().to_owned());
                    format!("{said:?} in\n{}\n", statement.text)
                })?;
        }
        Ok(())
    }

    pub async fn copy(&self, name: &str) -> Endpoint {
        self.run(
            "postgres",
            &format!("create database {name} template base strategy file_copy"),
        )
        .await
        .expect("a database is made");
        self.server.throwaway.superuser(name)
    }

    pub async fn drop(&self, name: &str) {
        self.run("postgres", &format!("drop database {name} with (force)"))
            .await
            .expect("a database is dropped");
    }

    pub async fn catalog(&self, database: &str) -> Catalog {
        read(&self.server.throwaway.superuser(database))
            .await
            .unwrap_or_else(|error| panic!("{database} could not be read: {error:?}"))
    }

    /// What `pg_dump` writes of the schema, without what is random or about the program, and without
    /// the names of NOT NULL constraints, which no other version has.
    pub async fn dump(&self, database: &str) -> String {
        let endpoint = self.server.throwaway.superuser(database);
        let mut command = Command::new(self.server.throwaway.binaries().program("pg_dump"));
        command.args(["--schema-only", "--no-owner", "--no-privileges"]);
        for (name, value) in endpoint.libpq_variables() {
            command.env(name, value.expose());
        }
        let output = command.output().await.expect("pg_dump runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"))
            .filter(|line| !line.starts_with("-- Dumped"))
            .map(|line| match line.split_once(" CONSTRAINT ") {
                Some((column, rest)) if rest.trim_end_matches(',').ends_with(" NOT NULL") => {
                    let comma = if rest.ends_with(',') { "," } else { "" };
                    format!("{column} NOT NULL{comma}")
                }
                _ => line.to_owned(),
            })
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// Applies the remedies of `diff` to `database`; `None` if one is missing.
pub async fn remedied(
    bench: &Bench,
    database: &str,
    diff: &SchemaDiff,
) -> Option<Result<(), String>> {
    if diff.differences.iter().any(|one| one.remedy.is_none()) {
        return None;
    }
    Some(bench.run(database, &diff.remedies().join("\n")).await)
}

/// A diff as a failing test shows it.
pub fn show(diff: &SchemaDiff) -> String {
    diff.differences
        .iter()
        .map(|one| {
            format!(
                "  {} {}: {}\n      remedy: {:?}\n",
                one.kind, one.object, one.what, one.remedy
            )
        })
        .chain(diff.notes.iter().map(|note| format!("  note: {note}\n")))
        .collect()
}

/// Runs `work` for every item, some at a time, and gives the complaints.
pub async fn in_parallel<T, F>(items: Vec<T>, work: impl Fn(usize, T) -> F) -> Vec<String>
where
    F: Future<Output = Option<String>>,
{
    use futures_util::stream::{StreamExt as _, iter};
    iter(items.into_iter().enumerate())
        .map(|(number, item)| work(number, item))
        .buffered(JOBS)
        .filter_map(std::future::ready)
        .collect()
        .await
}

/// The lines that only one of two texts has, in whatever order; options of storage are sorted.
pub fn line_diff(ours: &str, theirs: &str) -> String {
    let count = |text: &str| {
        let mut lines: BTreeMap<String, i32> = BTreeMap::new();
        for line in text.lines() {
            let line = match line
                .strip_prefix("WITH (")
                .and_then(|line| line.strip_suffix(");"))
            {
                Some(options) => {
                    let mut options: Vec<&str> = options.split(", ").collect();
                    options.sort_unstable();
                    format!("WITH ({});", options.join(", "))
                }
                None => line.to_owned(),
            };
            *lines.entry(line).or_default() += 1;
        }
        lines
    };
    let (ours, theirs) = (count(ours), count(theirs));
    let only = |sign: char, one: &BTreeMap<String, i32>, other: &BTreeMap<String, i32>| {
        let mut text = String::new();
        for (line, count) in one {
            if other.get(line) != Some(count) {
                text.push_str(&format!("    {sign} {line}\n"));
            }
        }
        text
    };
    only('-', &ours, &theirs) + &only('+', &theirs, &ours)
}
