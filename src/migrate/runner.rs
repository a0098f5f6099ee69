//! Running migrations: the user's own command ([`command`]), or each file with `psql`.
//!
//! The same code migrates the clone and builds the fresh baseline, so that the two can differ only
//! by what they began with.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::files::MigrationFile;
use super::history::History;
use super::{MigrateError, command};
use crate::container::Site;
use crate::context::Context;
use crate::policy::Runner;
use crate::postgres::session::During as _;
use crate::postgres::tools::{Script, ScriptError, Tools, Transaction};
use crate::postgres::{Endpoint, ServerError, Session};
use crate::text::{Ident, quote_literal, sql};
use crate::verdict::Stage;

/// Comments at the top of a file that ask for no transaction around it, in the words of the tools
/// that know one.
const NO_TRANSACTION: &[&str] = &[
    "pgrehearse: no-transaction",
    "no-transaction",
    "atlas:txmode none",
    "+goose no transaction",
    "migrate:up transaction:false",
    "disable-transaction",
];

/// What is run, where, and for whom.
pub struct Job<'a> {
    pub tools: &'a Tools,
    /// The migrating role's way in.
    pub endpoint: &'a Endpoint,
    /// Who looks at the database beside the migration.
    pub admin: &'a Endpoint,
    /// The files to run, for the built-in runner; all that are not held back, for a command.
    pub files: &'a [MigrationFile],
    /// Files that the command must not see.
    pub held_back: &'a [PathBuf],
    pub history: &'a History,
    /// Where the policy's image runs, if the command is to run in it.
    pub site: Option<&'a Site>,
    /// Where the command's lines go.
    pub stage: Stage,
    /// The file that keeps them.
    pub log: &'a Path,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub enum Ending {
    Done {
        files: Vec<Timed>,
    },
    Failed(Box<Broken>),
    TimedOut {
        limit: Duration,
        file: Option<String>,
    },
}

impl Ending {
    /// The files that we ran ourselves.
    pub fn files(&self) -> &[Timed] {
        match self {
            Self::Done { files } => files,
            Self::Failed(broken) => &broken.files,
            Self::TimedOut { .. } => &[],
        }
    }
}

/// A file that ran, and how long it took.
#[derive(Clone, Debug)]
pub struct Timed {
    pub file: MigrationFile,
    pub took: Duration,
}

/// A run that broke off.
#[derive(Clone, Debug)]
pub struct Broken {
    /// The files that ran before.
    pub files: Vec<Timed>,
    /// The file that broke, where that is known.
    pub file: Option<MigrationFile>,
    /// The line on which the refused statement ends.
    pub line: Option<u32>,
    pub error: Option<ServerError>,
    /// How it ended: `exit code 1`.
    pub how: String,
    /// The last lines of the command's output, without secrets and values.
    pub said: Vec<String>,
}

/// Runs the migrations.
pub async fn run(context: &Context, job: &Job<'_>) -> Result<Ending, MigrateError> {
    match &context.policy.migrations.runner {
        Runner::Psql => run_files(context, job).await,
        Runner::Command { line, url_env } => command::run(context, job, line, url_env).await,
    }
}

async fn run_files(context: &Context, job: &Job<'_>) -> Result<Ending, MigrateError> {
    let limit = context.policy.migrations.max_duration;
    let started = Instant::now();
    let mut done = Vec::new();
    let session = Session::open(job.admin, &[]).await?;
    for file in job.files {
        let text = std::fs::read_to_string(&file.path).map_err(|source| MigrateError::File {
            path: file.path.clone(),
            source,
        })?;
        context.progress.doing(job.stage, &file.shown);
        let began = Instant::now();
        let result = job
            .tools
            .run_script(
                job.endpoint,
                Script {
                    file: &file.path,
                    transaction: transaction_for(&text),
                    then: record(&session, job.history, file).await?,
                    limit: Some(limit.saturating_sub(started.elapsed())),
                },
            )
            .await;
        match result {
            Ok(()) => done.push(Timed {
                file: file.clone(),
                took: began.elapsed(),
            }),
            Err(ScriptError::TimedOut { .. }) => {
                return Ok(Ending::TimedOut {
                    limit,
                    file: Some(file.shown.clone()),
                });
            }
            Err(ScriptError::Refused {
                file: at,
                line,
                error,
            }) => {
                return Ok(Ending::Failed(Box::new(Broken {
                    files: done,
                    file: Some(file.clone()),
                    // A line of a file that this one includes is none of this one's.
                    line: line.filter(|_| at == file.path),
                    how: "refused by the server".to_owned(),
                    error: Some(*error),
                    said: Vec::new(),
                })));
            }
            Err(ScriptError::Client { line, said, .. }) => {
                return Ok(Ending::Failed(Box::new(Broken {
                    files: done,
                    file: Some(file.clone()),
                    line,
                    how: "`psql` could not run it".to_owned(),
                    error: None,
                    said: vec![said],
                })));
            }
            Err(ScriptError::Start(error)) => return Err(error.into()),
        }
    }
    Ok(Ending::Done { files: done })
}

/// The statement that records a file as applied, if there is a table to record it in. A file that
/// records itself is left alone.
async fn record(
    session: &Session,
    history: &History,
    file: &MigrationFile,
) -> Result<Option<String>, MigrateError> {
    let History::Table(history) = history else {
        return Ok(None);
    };
    let table = &history.table;
    let there: bool = session
        .query_one("select to_regclass($1) is not null", &[&table.to_string()])
        .await
        .during("look for the history table")?
        .get(0);
    let column = Ident(&history.column);
    let id = quote_literal(file.id());
    Ok(there.then(|| {
        format!(
            "insert into {table} ({column}) select {id} \
             where not exists (select from {table} where {column}::text = {id})"
        )
    }))
}

/// A file is one transaction, unless it says otherwise: by a comment at its top, by statements of
/// its own that begin or end one, or by being one statement, which is a transaction anyway and may
/// be one that refuses to be inside another (`CREATE INDEX CONCURRENTLY`, `VACUUM`).
pub fn transaction_for(text: &str) -> Transaction {
    let asks_for_none = sql::leading_comments(text).iter().any(|comment| {
        let comment = comment.to_ascii_lowercase();
        NO_TRANSACTION
            .iter()
            .any(|marker| comment.starts_with(marker))
    });
    let statements = sql::statements(text);
    let has_its_own = statements.iter().any(|statement| {
        let words = sql::leading_words(statement.text, 2);
        match words.first().map(String::as_str) {
            Some("begin" | "commit" | "rollback" | "end") => true,
            Some("start") => words.get(1).is_some_and(|word| word == "transaction"),
            _ => false,
        }
    });
    if asks_for_none || has_its_own || statements.len() <= 1 {
        Transaction::PerStatement
    } else {
        Transaction::Single
    }
}

#[cfg(test)]
mod tests {
    use super::transaction_for;
    use crate::postgres::tools::Transaction;

    #[test]
    fn files_are_transactions_unless_they_say_otherwise() {
        for text in [
            "create index concurrently i on t (a);",
            "-- pgrehearse: no-transaction\nselect 1; select 2;",
            "-- +goose NO TRANSACTION\nselect 1; select 2;",
            "begin; select 1; commit;",
            "start transaction; select 1; commit;",
            "",
        ] {
            assert_eq!(transaction_for(text), Transaction::PerStatement, "{text}");
        }
        for text in [
            "create table a (); create table b ();",
            "-- about no-transaction files\nselect 1; select 2;",
            "create function f() returns void language plpgsql as $$ begin end $$; select 1;",
        ] {
            assert_eq!(transaction_for(text), Transaction::Single, "{text}");
        }
    }
}
