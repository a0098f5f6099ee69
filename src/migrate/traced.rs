//! The trace of a migration, where the server is ours.

use super::files::MigrationFile;
use crate::postgres::Session;
use crate::postgres::server_log::Record;
use crate::restore::Restored;
use crate::trace::{Places, Trace, TraceError, Tracing};

/// Begins to trace what the migrating role does, by `session`, a superuser's.
pub(super) async fn start(
    restored: &Restored,
    session: &Session,
) -> Result<Option<Tracing>, TraceError> {
    if !restored.target().is_ours() {
        return Ok(None);
    }
    let admin = &restored.database().admin;
    Tracing::start(session, admin, &restored.migrator().name)
        .await
        .map(Some)
}

/// Ends it, and finds the statements in the pending files. A file that can't be read has none.
pub(super) async fn finish(
    tracing: Option<Tracing>,
    session: &Session,
    records: &[Record],
    pending: &[MigrationFile],
) -> Result<Option<Trace>, TraceError> {
    let Some(tracing) = tracing else {
        return Ok(None);
    };
    let mut places = Places::default();
    for file in pending {
        if let Ok(text) = std::fs::read_to_string(&file.path) {
            places.learn(&file.shown, &text);
        }
    }
    tracing.finish(session, records, &places).await.map(Some)
}
