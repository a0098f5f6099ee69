//! The migration files as squawk reads them: what can be said of a change without a server.
//!
//! A reading settles nothing: what it fears is judged beside what the rehearsal measures, in
//! `rules`. Whatever can't be read is left to the server to tell.

mod names;
mod text;

use std::path::Path;

use squawk_linter::Rule;

use crate::migrate::tool::Wraps;
use crate::migrate::{self, Found, transaction_for};
use crate::policy::{ObjectGlob, Policy, Runner};
use crate::postgres::Major;
use crate::postgres::tools::Transaction;

pub use names::{Kind, Named};
pub use text::{Hit, Made};

/// A file of SQL that is larger holds data, and reading it would take longer than a person waits.
const SIZE_LIMIT: u64 = 4 * 1024 * 1024;

/// What the lint saw.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// In the order in which they run.
    pub files: Vec<File>,
    /// Files that were not read, with the reason.
    pub unread: Vec<String>,
    /// Tables whose rows the clone does without, so that nothing is measured on them.
    pub without_rows: Vec<ObjectGlob>,
}

/// A migration file as it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Relative to the policy.
    pub shown: String,
    pub news: News,
    /// In the order of the file.
    pub hits: Vec<Hit>,
    pub made: Vec<Made>,
}

/// What git says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// New or different since the base.
    Changed,
    Unchanged,
    /// There is no repository, no base, or the file is elsewhere.
    Unknown,
}

/// How a file is read.
#[derive(Clone, Copy, Debug)]
struct Reading {
    major: Major,
    /// Whether it runs in a transaction that it did not begin itself.
    transaction: Transaction,
    lock_timeout: Timeout,
    statement_timeout: Timeout,
}

/// Who sets a timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timeout {
    /// The policy, for every session that migrates.
    Policy,
    /// The file, or nobody.
    File,
}

impl Timeout {
    fn of<T>(set: Option<&T>) -> Self {
        match set {
            Some(_) => Self::Policy,
            None => Self::File,
        }
    }
}

impl Reading {
    /// The rules to be asked. Levels are applied to what they find.
    fn rules(self) -> impl Iterator<Item = Rule> + use<> {
        let of_policy = [
            (Rule::RequireLockTimeout, self.lock_timeout),
            (Rule::RequireStatementTimeout, self.statement_timeout),
        ];
        enum_iterator::all::<Rule>()
            .filter(|rule| rule.expands_to().is_empty())
            .filter(move |rule| !of_policy.contains(&(*rule, Timeout::Policy)))
    }
}

/// Reads all files that are SQL.
pub async fn run(policy: &Policy, found: &Found, major: Major) -> Facts {
    let changed = migrate::changed(&policy.migrations, &policy.root).await;
    let mut facts = Facts {
        without_rows: policy.restore.exclude_data.clone(),
        ..Facts::default()
    };
    let sql = found
        .files
        .iter()
        .filter(|file| file.shown.to_ascii_lowercase().ends_with(".sql"));
    for file in sql {
        match read(&file.path) {
            Ok(text) => {
                let news = match changed.as_ref().and_then(|git| git.covers(&file.shown)) {
                    Some(true) => News::Changed,
                    Some(false) => News::Unchanged,
                    None => News::Unknown,
                };
                match text::lint(&text, reading(policy, &text, major)) {
                    Some((hits, made)) => facts.files.push(File {
                        shown: file.shown.clone(),
                        news,
                        hits,
                        made,
                    }),
                    None => facts.unread.push(format!("{}: squawk broke", file.shown)),
                }
            }
            Err(why) => facts.unread.push(format!("{}: {why}", file.shown)),
        }
    }
    facts
}

fn read(path: &Path) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if metadata.len() > SIZE_LIMIT {
        return Err("too large".to_owned());
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn reading(policy: &Policy, text: &str, major: Major) -> Reading {
    let migrations = &policy.migrations;
    let wraps = match (&migrations.runner, migrations.tool) {
        (Runner::Psql, _) => Wraps::EachFile,
        (Runner::Command { .. }, Some(tool)) => tool.wraps,
        (Runner::Command { .. }, None) => Wraps::No,
    };
    Reading {
        major,
        transaction: match wraps {
            Wraps::EachFile => transaction_for(text),
            Wraps::No => Transaction::PerStatement,
        },
        lock_timeout: Timeout::of(migrations.timeouts.lock.as_ref()),
        statement_timeout: Timeout::of(migrations.timeouts.statement.as_ref()),
    }
}
