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
    let output = source
        .copy_out(&format!(
            "copy {name}{columns} to stdout with (format {format})"
        ))
        .await
        .during("read the rows of a table of the source")?;
    let input = target
        .copy_in::<_, Bytes>(&format!(
            "copy {name}{columns} from stdin with (format {format}, freeze)"
        ))
        .await
        .during("write the rows of a table of the clone")?;
    pin_mut!(output, input);
    let mut messages: u64 = 0;
    let mut piece = BytesMut::with_capacity(PIECE * 2);
    while let Some(message) = output
        .try_next()
        .await
        .map_err(|error| QueryError::new("read the rows of a table of the source", &error))?
    {
        messages += 1;
        piece.extend_from_slice(&message);
        if piece.len() >= PIECE {
            let full = std::mem::replace(&mut piece, BytesMut::with_capacity(PIECE * 2));
            input
                .send(full.freeze())
                .await
                .during("write the rows of a table of the clone")?;
        }
    }
    if !piece.is_empty() {
        input
            .send(piece.freeze())
            .await
            .during("write the rows of a table of the clone")?;
    }
    let written = input
        .finish()
        .await
        .during("write the rows of a table of the clone")?;
    // A message is a row; the binary format ends with one more.
    let read = match table.format {
        CopyFormat::Binary => messages.saturating_sub(1),
        CopyFormat::Text => messages,
    };
    target
        .run("commit", "write the rows of a table of the clone")
        .await?;
    if read == written {
        Ok(read)
    } else {
        Err(RestoreError::Lost {
            table: name.to_string(),
            read,
            written,
        })
    }
}
