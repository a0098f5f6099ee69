//! One table's rows, from server to server.

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt as _, TryStreamExt as _, pin_mut};

use crate::clone::{CopyFormat, LiveTable};
use crate::postgres::Session;
use crate::postgres::session::{During as _, QueryError};
use crate::restore::RestoreError;
use crate::text::Ident;

/// The source sends a message a row; the target is sent pieces of about this size, since each costs
/// a system call on both sides.
const PIECE: usize = 128 * 1024;

/// Copies the rows of `table`; how many there were.
pub async fn rows(
    source: &Session,
    target: &Session,
    table: &LiveTable,
) -> Result<u64, RestoreError> {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| Ident(column).to_string())
        .collect();
    let columns = if columns.is_empty() {
        String::new()
    } else {
        format!(" ({})", columns.join(", "))
    };
    let format = match table.format {
        CopyFormat::Binary => "binary",
        CopyFormat::Text => "text",
    };
    let name = &table.name;
    // Truncating gives the table new storage in this transaction, for which no WAL is written where
    // `wal_level` is minimal, and in which rows can be written frozen.
    target
        .run(
            &format!("begin; truncate only {name}"),
            "empty a table of the clone",
        )
        .await?;
    let relayed = relay(
        source,
        &format!("copy {name}{columns} to stdout with (format {format})"),
        target,
        &format!("copy {name}{columns} from stdin with (format {format}, freeze)"),
    )
    .await?;
    // A message is a row; the binary format ends with one more.
    let read = match table.format {
        CopyFormat::Binary => relayed.messages.saturating_sub(1),
        CopyFormat::Text => relayed.messages,
    };
    target
        .run("commit", "write the rows of a table of the clone")
        .await?;
    if read == relayed.written {
        Ok(read)
    } else {
        Err(RestoreError::Lost {
            table: name.to_string(),
            read,
            written: relayed.written,
        })
    }
}

/// What went from server to server.
pub struct Relayed {
    /// What the source sent.
    pub messages: u64,
    /// The rows that the target says it has written.
    pub written: u64,
}

/// Hands what `out` writes on the source to what `into` reads on the target.
pub async fn relay(
    source: &Session,
    out: &str,
    target: &Session,
    into: &str,
) -> Result<Relayed, QueryError> {
    const READ: &str = "read the rows of a table of the source";
    const WRITE: &str = "write the rows of a table of the clone";
    let output = source.copy_out(out).await.during(READ)?;
    let input = target.copy_in::<_, Bytes>(into).await.during(WRITE)?;
    pin_mut!(output, input);
    let mut messages: u64 = 0;
    let mut piece = BytesMut::with_capacity(PIECE * 2);
    while let Some(message) = output.try_next().await.during(READ)? {
        messages += 1;
        piece.extend_from_slice(&message);
        if piece.len() >= PIECE {
            let full = std::mem::replace(&mut piece, BytesMut::with_capacity(PIECE * 2));
            input.send(full.freeze()).await.during(WRITE)?;
        }
    }
    if !piece.is_empty() {
        input.send(piece.freeze()).await.during(WRITE)?;
    }
    let written = input.finish().await.during(WRITE)?;
    Ok(Relayed { messages, written })
}
