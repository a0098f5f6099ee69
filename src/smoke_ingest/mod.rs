//! The smoke-ingest stage: the application on the clone, before and after the migration.
//!
//! What is wrong on both sides was wrong before the change; only what is new is held against it.

mod app;
mod asked;
mod http;
mod ingest;
mod server;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::context::Context;
use crate::policy::{Smoke, When};
use crate::postgres::Session;
use crate::postgres::server_log::LogReader;
use crate::postgres::session::{ConnectError, QueryError};
use crate::process::child::StartError;
use crate::process::environment::Address;
use crate::process::stray;
use crate::restore::{RestoreError, Restored};
use crate::target::Database;
use crate::text::human_seconds;
use crate::verdict::{Explained, Stage};

use app::{App, AppLog};

pub use asked::Refused;

/// What the smoke-ingest stage saw.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// `None` if the policy does not ask for it.
    pub before: Option<Rehearsal>,
    pub after: Rehearsal,
}

impl Facts {
    /// What is wrong after the migration and was not before it.
    pub fn new_problems(&self) -> impl Iterator<Item = &Problem> {
        self.after
            .problems
            .iter()
            .filter(|problem| !self.was_there_before(problem))
    }

    /// What is wrong after the migration and was so before it.
    pub fn old_problems(&self) -> impl Iterator<Item = &Problem> {
        self.after
            .problems
            .iter()
            .filter(|problem| self.was_there_before(problem))
    }

    fn was_there_before(&self, problem: &Problem) -> bool {
        self.before.as_ref().is_some_and(|before| {
            before
                .problems
                .iter()
                .any(|known| known.kind == problem.kind && known.object == problem.object)
        })
    }
}

/// The application's life on one clone.
#[derive(Clone, Debug, Default)]
pub struct Rehearsal {
    pub problems: Vec<Problem>,
    pub ingested: usize,
    pub pages: usize,
    pub took: Duration,
    /// Whether the server's own log was read; on a server that is not ours it is out of reach.
    pub read_server_log: bool,
    /// What the application asked before the migration; empty after it.
    pub heard: Vec<String>,
    /// What of it can't be asked after the migration.
    pub refused: Vec<Refused>,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub kind: ProblemKind,
    /// What it is about: a page, an ingest, a pattern, an SQLSTATE with its relation.
    pub object: String,
    /// In a sentence, without anything that may be a row's.
    pub what: String,
    pub evidence: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    NotReady,
    Crashed,
    Ingest,
    Page,
    Log,
    Sql,
}

#[derive(Debug, thiserror::Error)]
pub enum SmokeError {
    #[error("could not write the application's log `{}`", path.display())]
    Log {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("no port is free for the application")]
    Port(#[source] std::io::Error),
    #[error("could not make an HTTP client: {0}")]
    Http(String),
    #[error("could not read the server's log")]
    ServerLog(#[source] std::io::Error),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl Explained for SmokeError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Restore(error) => error.hint(),
            Self::Connect(error) => error.hint(),
            _ => None,
        }
    }
}

/// The file that keeps the application's log, without secrets.
fn log_name(when: When) -> &'static str {
    match when {
        When::Before => "app-before.log",
        When::After => "app-after.log",
    }
}

/// Lets the application live on `database` for as long as the policy's checks take. `heard` is what it
/// asked before the migration.
pub async fn run(
    context: &Context,
    smoke: &Smoke,
    restored: &Restored,
    database: &Database,
    when: When,
    heard: &[String],
) -> Result<Rehearsal, SmokeError> {
    let started = Instant::now();
    let (user, password) = match &smoke.app.role {
        Some(role) => (role.clone(), restored.enable_role(role).await?),
        None => (
            restored.migrator().name.clone(),
            restored.migrator().password.clone(),
        ),
    };
    let endpoint = restored.target().role(&user, &password, database);
    let address = Address {
        endpoint: &endpoint,
        port: Some(free_port()?),
    };
    let session = Session::open(&database.admin, &[]).await?;
    let mut server_log = restored
        .target()
        .throwaway()
        .map(|server| LogReader::at_end(&server.log_directory()));
    let own = Session::open(&endpoint, &[]).await?;
    if when == When::Before && server_log.is_some() {
        asked::listen(&session, database.name()).await?;
    }
    let refused = asked::refused(&own, heard).await?;
    let mut mask = context.mask.clone();
    mask.add(&password);
    let log = Arc::new(AppLog::create(
        &context.log_directory.join(log_name(when)),
        mask,
        smoke.forbidden.clone(),
        &smoke.app,
    )?);
    let mut rehearsal = Rehearsal {
        read_server_log: server_log.is_some(),
        refused,
        ..Rehearsal::default()
    };
    context.progress.doing(
        Stage::SmokeIngest,
        match when {
            When::Before => "starting the application on the clone as it was",
            When::After => "starting the application on the migrated clone",
        },
    );
    let mut app = App::start(context, &smoke.app, &address, &log)?;
    use_it(context, smoke, &address, &session, &mut app, &mut rehearsal).await?;
    app.stop().await;
    let run = context.run.clone();
    // What left the application's process group is found by the run's mark.
    let _ = tokio::task::spawn_blocking(move || stray::end_all(&run)).await;
    rehearsal.problems.extend(log.problems(log_name(when)));
    if let Some(server_log) = &mut server_log {
        let records = server_log
            .records_until_now(&session)
            .await
            .map_err(SmokeError::ServerLog)?;
        rehearsal.problems.extend(server::problems(
            &records,
            &endpoint,
            &smoke.expected_sqlstates,
        ));
        if when == When::Before {
            rehearsal.heard = asked::heard(&records, &endpoint, &own).await;
        }
    }
    rehearsal.took = started.elapsed();
    Ok(rehearsal)
}

/// Waits for the application, feeds it, walks its pages.
async fn use_it(
    context: &Context,
    smoke: &Smoke,
    address: &Address<'_>,
    session: &Session,
    app: &mut App,
    rehearsal: &mut Rehearsal,
) -> Result<(), SmokeError> {
    let client = http::Client::new(address, &smoke.app.base_url)?;
    if let Some(ready) = &smoke.app.ready
        && let Err(why) = app.until_ready(ready, &client, address).await
    {
        rehearsal.problems.push(Problem {
            kind: ProblemKind::NotReady,
            object: "application".to_owned(),
            what: format!("the application did not become ready: {why}"),
            evidence: Vec::new(),
        });
        return Ok(());
    }
    for ingest in &smoke.ingest {
        context
            .progress
            .doing(Stage::SmokeIngest, format!("ingest: {}", ingest.name));
        let began = Instant::now();
        match ingest::feed(context, ingest, &client, address, &smoke.app, session).await? {
            Ok(()) => rehearsal.ingested += 1,
            Err(why) => rehearsal.problems.push(Problem {
                kind: ProblemKind::Ingest,
                object: ingest.name.clone(),
                what: format!("ingest `{}` failed: {why}", ingest.name),
                evidence: vec![format!("after {}", human_seconds(began.elapsed()))],
            }),
        }
    }
    for page in &smoke.pages {
        context
            .progress
            .doing(Stage::SmokeIngest, format!("page: {}", page.target));
        match client.page(page).await {
            Ok(()) => rehearsal.pages += 1,
            Err(why) => rehearsal.problems.push(Problem {
                kind: ProblemKind::Page,
                object: page.target.clone(),
                what: format!("page `{}` {why}", page.target),
                evidence: Vec::new(),
            }),
        }
    }
    if let Some(how) = app.has_crashed() {
        rehearsal.problems.push(Problem {
            kind: ProblemKind::Crashed,
            object: "application".to_owned(),
            what: format!("the application ended while it was used ({how})"),
            evidence: Vec::new(),
        });
    }
    Ok(())
}

/// A port that was free a moment ago. The application binds it itself, so more can't be promised.
fn free_port() -> Result<u16, SmokeError> {
    std::net::TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(SmokeError::Port)
}

#[cfg(test)]
mod tests {
    use super::{Facts, Problem, ProblemKind, Rehearsal};

    fn rehearsal(objects: &[&str]) -> Rehearsal {
        Rehearsal {
            problems: objects
                .iter()
                .map(|object| Problem {
                    kind: ProblemKind::Page,
                    object: (*object).to_owned(),
                    what: String::new(),
                    evidence: Vec::new(),
                })
                .collect(),
            ..Rehearsal::default()
        }
    }

    #[test]
    fn only_what_is_new_is_the_changes() {
        let facts = Facts {
            before: Some(rehearsal(&["/old", "/mended"])),
            after: rehearsal(&["/old", "/new"]),
        };
        let objects = |problems: Vec<&Problem>| -> Vec<String> {
            problems
                .into_iter()
                .map(|problem| problem.object.clone())
                .collect()
        };
        assert_eq!(objects(facts.new_problems().collect()), ["/new"]);
        assert_eq!(objects(facts.old_problems().collect()), ["/old"]);
    }
}
