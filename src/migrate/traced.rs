//! The trace of a migration: everything on a server of ours, the locks on another.

use super::files::MigrationFile;
use crate::postgres::Session;
use crate::postgres::server_log::Record;
use crate::restore::Restored;
use crate::trace::{Places, Reach, Settled, Trace, TraceError, Tracing};

/// Begins to trace what the migrating role does, by `session`, on a server of ours a superuser's.
pub(super) async fn start(restored: &Restored, session: &Session) -> Result<Tracing, TraceError> {
    let reach = if restored.target().is_ours() {
        Reach::Everything {
            role: &restored.migrator().name,
        }
    } else {
        Reach::Locks
    };
    Tracing::start(session, &restored.database().admin, reach).await
}

/// Ends it, and finds the statements in the pending files. A file that can't be read has none.
pub(super) async fn finish(
    tracing: Settled,
    session: &Session,
    records: &[Record],
    pending: &[MigrationFile],
) -> Result<Trace, TraceError> {
    let mut places = Places::default();
    for file in pending {
        if let Ok(text) = std::fs::read_to_string(&file.path) {
            places.learn(&file.shown, &text);
        }
    }
    tracing.finish(session, records, &places).await
}
