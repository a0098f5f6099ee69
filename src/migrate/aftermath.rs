//! The clone's server after a migration: whether it is well, and rid of the migration's sessions.
//!
//! A server that broke says nothing of the migration: not every crash is the migration's doing, and
//! the out-of-memory killer knows no difference.

use std::time::{Duration, Instant};

use super::runner::Ending;
use super::{MigrateError, last_error};
use crate::postgres::server_log::{LogReader, Record};
use crate::postgres::session::{During as _, QueryError};
use crate::postgres::{Endpoint, ServerError, Session};
use crate::target::Target;
use crate::text::one_line;

/// How long a crash may take to reach the log and the other sessions.
const SPREADING: Duration = Duration::from_secs(1);

const POLL: Duration = Duration::from_millis(20);

/// The server's log from the beginning of a migration on.
pub(super) struct Aftermath {
    /// `None` on a server that is not ours: its log is out of reach.
    log: Option<LogReader>,
    records: Vec<Record>,
}

impl Aftermath {
    pub fn from_now(target: &Target) -> Self {
        Self {
            log: target
                .throwaway()
                .map(|server| LogReader::at_end(&server.log_directory())),
            records: Vec::new(),
        }
    }

    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// A superuser's session with a server that lived through the migration of `migrator`, or what
    /// became of the server.
    ///
    /// `error` is what the migration failed with, if it failed.
    pub async fn session(
        &mut self,
        earlier: Option<Session>,
        admin: &Endpoint,
        migrator: &Endpoint,
        failure: Failure<'_>,
    ) -> Result<Session, MigrateError> {
        let suspicious = failure.may_be_the_servers();
        let deadline = Instant::now() + SPREADING;
        while suspicious && Instant::now() < deadline {
            self.read();
            let refused = last_error(&self.records, &migrator.user, &migrator.database)
                .is_some_and(|record| !is_of_connections(&record.server_error()));
            if refused || self.death().is_some() || earlier.as_ref().is_some_and(|s| s.is_closed())
            {
                break;
            }
            tokio::time::sleep(POLL).await;
        }
        // A tool may end every session of the database, ours included.
        let was_ended = earlier.as_ref().is_some_and(|session| session.is_closed());
        let session = match earlier.filter(|session| !session.is_closed()) {
            Some(session) => session,
            None => Session::open(admin, &[]).await.map_err(|_| self.gone())?,
        };
        if let Some(log) = &mut self.log {
            let more = match log.records_until_now(&session).await {
                Ok(more) => more,
                Err(_) => log.new_records().unwrap_or_default(),
            };
            self.records.extend(more);
            // What could not be asked for is perhaps there all the same.
            if session.is_closed() {
                return Err(self.gone());
            }
        } else if was_ended && suspicious {
            return Err(self.gone());
        }
        match self.death() {
            Some(_) => Err(self.gone()),
            None => Ok(session),
        }
    }

    fn read(&mut self) {
        if let Some(log) = &mut self.log {
            self.records.extend(log.new_records().unwrap_or_default());
        }
    }

    /// How the server broke, as it says itself.
    fn death(&self) -> Option<String> {
        let panic = self
            .records
            .iter()
            .rfind(|record| record.error_severity == "PANIC")
            .map(|record| record.server_error().to_string());
        let killed = || {
            self.records
                .iter()
                .find(|record| record.message.contains(" was terminated by signal "))
                .map(|record| one_line(&record.message, 200))
        };
        panic.or_else(killed)
    }

    fn gone(&mut self) -> MigrateError {
        self.read();
        MigrateError::ServerGone {
            because: self
                .death()
                .unwrap_or_else(|| "it does not answer any more".to_owned()),
        }
    }
}

/// What is known of a migration's failure before the server was asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Failure<'a> {
    None,
    /// The server refused a statement.
    Refused(&'a ServerError),
    /// The command or `psql` gave up, or more is not known.
    Unknown,
}

impl<'a> Failure<'a> {
    pub fn of(ending: Result<&'a Ending, &MigrateError>) -> Self {
        match ending {
            Ok(Ending::Failed(broken)) => Self::of_error(broken.error.as_ref()),
            Ok(Ending::Done { .. } | Ending::TimedOut { .. }) => Self::None,
            Err(_) => Self::Unknown,
        }
    }

    pub fn of_error(error: Option<&'a ServerError>) -> Self {
        error.map_or(Self::Unknown, Self::Refused)
    }

    fn may_be_the_servers(self) -> bool {
        match self {
            Self::None => false,
            Self::Refused(error) => is_of_connections(error),
            Self::Unknown => true,
        }
    }
}

/// `terminating connection because of crash`, `the database system is shutting down` and the like.
fn is_of_connections(error: &ServerError) -> bool {
    error.class() == "08" || error.sqlstate.starts_with("57P")
}

/// Ends what a migration left behind it on the server: a client that was killed does not end the
/// statement it sent, nor let go of the locks.
pub(super) async fn end_sessions(session: &Session, migrator: &str) -> Result<(), QueryError> {
    for _ in 0..200 {
        let left: i64 = session
            .query_one(include_str!("sql/end_sessions.sql"), &[&migrator])
            .await
            .during("end the migration's sessions")?
            .get(0);
        if left == 0 {
            break;
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}
