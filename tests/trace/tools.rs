//! The same ten migrations, run by three migration tools, are the same facts.
//!
//! A tool's own bookkeeping is left out: statements that name its history table, and those that only
//! ask, set something, or begin or end a transaction; locks on its history table. Everything else must
//! be there, once, in order, and alike.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::NOT_JUDGED;
use crate::harness::gate::{Project, Run};
use crate::harness::tools::tools;

/// Statements that change nothing, or nothing but the session.
const NO_MIGRATION: &[&str] = &[
    "BEGIN", "START", "COMMIT", "ROLLBACK", "SELECT", "WITH", "SHOW", "SET", "RESET",
];

/// A way to run the migrations.
struct Way {
    name: &'static str,
    /// Below `tests/fixtures/tools`.
    fixture: &'static str,
    /// Where the tool is to find it.
    place: &'static str,
    /// `{tools}` is where the tools are installed.
    policy: &'static str,
    history: &'static str,
}

const PSQL: Way = Way {
    name: "psql",
    fixture: "psql",
    place: "migrations",
    policy: "files: migrations/*.sql",
    history: "no_history",
};

/// A transaction for each file, which is sent as one text.
const NODE_PG_MIGRATE: Way = Way {
    name: "node-pg-migrate",
    fixture: "node-pg-migrate",
    place: "migrations",
    policy: "tool: node-pg-migrate\n  command: '{tools}/node/node_modules/.bin/node-pg-migrate up --no-single-transaction'",
    history: "pgmigrations",
};

/// A transaction for each revision, and prepared statements.
const ALEMBIC: Way = Way {
    name: "alembic with asyncpg",
    fixture: "alembic",
    place: "alembic",
    policy: "tool: alembic\n  command: '{tools}/python/bin/alembic --config alembic/alembic.ini upgrade head'\n  env: { ALEMBIC_DRIVER: asyncpg, ALEMBIC_TRANSACTIONS: each }",
    history: "alembic_version",
};

/// One transaction for all revisions, but for the one that leaves it.
const ALEMBIC_AT_ONCE: Way = Way {
    name: "alembic with psycopg, all in one transaction",
    policy: "tool: alembic\n  command: '{tools}/python/bin/alembic --config alembic/alembic.ini upgrade head'\n  env: { ALEMBIC_DRIVER: psycopg, ALEMBIC_TRANSACTIONS: one }",
    ..ALEMBIC
};

/// What a tool can't change, whatever it puts into a transaction.
#[derive(Clone, Debug, PartialEq)]
struct Facts {
    tag: Value,
    text: String,
    nested: Value,
    rewrites: Vec<(Value, Value)>,
    /// By relation, how often.
    scans: Vec<(Value, Value)>,
    dropped: Value,
}

/// A statement of a migration.
#[derive(Clone, Debug)]
struct Told {
    /// `None`: the tool keeps its SQL where it can't be read.
    file: Option<String>,
    facts: Facts,
    /// Lock and statement timeout.
    timeouts: (Value, Value),
    held: BTreeSet<String>,
    first: BTreeSet<String>,
    transaction: u64,
}

/// A run.
struct Traced {
    name: &'static str,
    statements: Vec<Told>,
    /// The locks of each transaction. What the sampler has seen of an index's locks, and of those that a
    /// look at a table takes for a moment, is chance.
    transactions: Vec<BTreeSet<String>>,
}

impl Way {
    fn run(&self) -> Run {
        let project = Project::new();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tools");
        copy(
            &fixtures.join("production.sql"),
            &project.path().join("production.sql"),
        );
        copy(
            &fixtures.join(self.fixture),
            &project.path().join(self.place),
        );
        project.policy(&format!(
            "version: 1\nsource: {{ sql: production.sql }}\nmigrations:\n  role: app\n  {}\n{NOT_JUDGED}\n",
            self.policy
                .replace("{tools}", &tools("migration-tools", "scripts/install-migration-tools.sh").display().to_string())
        ));
        let run = project.run_with(&["--until", "migrate"]);
        // Rows are not compared: a server without `pg_stat_statements` will do.
        let missing: Vec<&str> = list(&run.report["trace"], "missing")
            .filter_map(Value::as_str)
            .filter(|missing| !missing.starts_with("rows:"))
            .collect();
        assert!(
            run.outcome("migrate") == "passed" && missing.is_empty(),
            "{}: {missing:?}\n{}\n{}",
            self.name,
            run.stdout,
            run.stderr
        );
        run
    }

    fn trace(&self) -> Traced {
        let report = self.run().report;
        let trace = &report["trace"];
        let is_own = |text: &Value| {
            text.as_str()
                .is_some_and(|text| text.contains(self.history))
        };
        Traced {
            name: self.name,
            statements: list(trace, "statements")
                .filter(|statement| {
                    let tag = statement["tag"].as_str().unwrap_or_default();
                    !NO_MIGRATION.contains(&tag) && !is_own(&statement["text"])
                })
                .map(|statement| {
                    let locks = |is_asked: fn(&Value) -> bool| {
                        list(statement, "locks")
                            .filter(|lock| !is_own(&lock["relation"]) && is_asked(lock))
                            .map(lock)
                            .collect()
                    };
                    Told {
                        file: statement["file"].as_str().map(str::to_owned),
                        facts: Facts::of(statement),
                        timeouts: (
                            statement["lock_timeout"].clone(),
                            statement["statement_timeout"].clone(),
                        ),
                        held: locks(|_| true),
                        first: locks(|lock| lock["first"] == true),
                        transaction: statement["transaction"].as_u64().expect("a place"),
                    }
                })
                .collect(),
            transactions: list(trace, "transactions")
                .map(|transaction| {
                    list(transaction, "locks")
                        .filter(|lock| {
                            !is_own(&lock["relation"])
                                && lock["kind"] != "index"
                                && lock["mode"] != "ACCESS SHARE"
                        })
                        .map(lock)
                        .collect()
                })
                .collect(),
        }
    }
}

impl Facts {
    fn of(statement: &Value) -> Self {
        let pairs = |what, with| {
            list(statement, what)
                .map(|entry: &Value| (entry["relation"].clone(), entry[with].clone()))
                .collect()
        };
        Self {
            tag: statement["tag"].clone(),
            text: statement["text"].as_str().unwrap_or_default().to_owned(),
            nested: statement["nested"].clone(),
            rewrites: pairs("rewrites", "reasons"),
            scans: pairs("scans", "times"),
            dropped: statement["dropped"].clone(),
        }
    }
}

impl Traced {
    /// Whether the statements are those of `other`, one by one.
    #[track_caller]
    fn expect_statements_of(&self, other: &Self) {
        let texts = |traced: &Self| -> Vec<String> {
            traced
                .statements
                .iter()
                .map(|told| told.facts.text.clone())
                .collect()
        };
        assert_eq!(texts(self), texts(other), "{}, {}", self.name, other.name);
        for (own, expected) in self.statements.iter().zip(&other.statements) {
            assert_eq!(own.facts, expected.facts, "{}", self.name);
        }
    }

    /// Whether the locks and timeouts are those of `other`, where the transactions are the same.
    #[track_caller]
    fn expect_transactions_of(&self, other: &Self) {
        for (own, expected) in self.statements.iter().zip(&other.statements) {
            let what = format!("{}: {}", self.name, own.facts.text);
            assert_eq!(own.timeouts, expected.timeouts, "{what}");
            assert_eq!(own.held, expected.held, "{what}");
            assert_eq!(own.first, expected.first, "{what}");
            assert_eq!(
                self.transaction(own),
                other.transaction(expected),
                "in the transaction, {what}"
            );
        }
        assert_eq!(self.groups(), other.groups(), "{}", self.name);
    }

    /// Whether each statement's locks are held where transactions are longer than those of `other`:
    /// it is first with no other locks, and holds those of `other` and what was there before.
    #[track_caller]
    fn expect_locks_of(&self, other: &Self) {
        for (own, expected) in self.statements.iter().zip(&other.statements) {
            assert!(
                own.held.is_superset(&expected.held) && own.first.is_subset(&expected.first),
                "{}: {own:#?}\n{}: {expected:#?}",
                self.name,
                other.name
            );
        }
    }

    fn transaction(&self, told: &Told) -> &BTreeSet<String> {
        let place = usize::try_from(told.transaction).expect("a place");
        &self.transactions[place]
    }

    /// How many statements each transaction has.
    fn groups(&self) -> Vec<usize> {
        self.statements
            .chunk_by(|a, b| a.transaction == b.transaction)
            .map(<[Told]>::len)
            .collect()
    }
}

fn list<'v>(of: &'v Value, what: &str) -> impl Iterator<Item = &'v Value> {
    of[what].as_array().into_iter().flatten()
}

fn lock(lock: &Value) -> String {
    format!("{} {}", lock["relation"], lock["mode"])
}

/// Where scripts/install-migration-tools.sh has put the tools: beside the build.
fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).expect("a directory is made");
        for entry in from.read_dir().expect("a directory is read") {
            let entry = entry.expect("an entry is read");
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        std::fs::copy(from, to).expect("a file is copied");
    }
}

#[test]
fn three_tools_are_the_same_facts() {
    let psql = PSQL.trace();
    let files: BTreeSet<_> = psql.statements.iter().map(|told| &told.file).collect();
    let from_nowhere: Vec<&Told> = (psql.statements.iter())
        .filter(|told| told.file.is_none())
        .collect();
    assert!(
        files.len() == 10 && from_nowhere.is_empty(),
        "ten migrations are told of: {files:?}; {from_nowhere:#?}"
    );
    let node = NODE_PG_MIGRATE.trace();
    let alembic = ALEMBIC.trace();
    for traced in [&node, &alembic] {
        traced.expect_statements_of(&psql);
        traced.expect_transactions_of(&psql);
    }
    let elsewhere: Vec<&str> = node
        .statements
        .iter()
        .filter(|told| told.file.is_none())
        .map(|told| told.facts.text.as_str())
        .collect();
    assert_eq!(
        elsewhere,
        ["create index concurrently events_2026_kind_idx on events_2026 (kind)"],
        "only this one is in JavaScript"
    );
    let at_once = ALEMBIC_AT_ONCE.trace();
    at_once.expect_statements_of(&psql);
    at_once.expect_locks_of(&psql);
}
