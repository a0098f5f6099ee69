//! Restoring a plain dump: through `psql`, past a reader that counts rows, makes the roles that are
//! about to be named, and keeps the script inside its database.

mod lines;

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use lines::{End, LineReader};

use super::archive::NO_EVENT_TRIGGERS;
use super::fidelity::{Expected, Named, rows_of};
use super::{RestoreError, noise, roles};
use crate::clone::DumpFile;
use crate::context::Context;
use crate::postgres::copy_text::{RowCounts, Scanner};
use crate::postgres::surroundings::Surroundings;
use crate::postgres::{Endpoint, ServerError, Session};
use crate::target::Target;
use crate::text::sql;

/// What a script left behind it.
pub struct Done {
    pub errors: Vec<noise::RestoreError>,
    pub expected: Expected,
    pub surroundings: Surroundings,
    pub left_out: Vec<String>,
    pub dropped: Vec<String>,
}

/// The line that `pg_dump` ends its scripts with.
pub const LAST_LINE: &str = "-- PostgreSQL database dump complete";

/// Where the last line is looked for: newer releases write an `\unrestrict` after it.
const TAIL: usize = 1024;

/// Runs a plain dump.
pub async fn restore(
    context: &Context,
    target: &Target,
    into: &Endpoint,
    session: &Session,
    file: &DumpFile,
    available: &[String],
) -> Result<Done, RestoreError> {
    let mut program = target
        .tools
        .program("psql", Some(into))
        .args([
            "--no-psqlrc",
            "--quiet",
            "--no-password",
            "--echo-errors",
            "--output=/dev/null",
        ])
        .args(["--set", "VERBOSITY=verbose", "--file=-"]);
    if target.is_ours() {
        program = program.env("PGOPTIONS", NO_EVENT_TRIGGERS);
    }
    let mut running = program
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .start()?;
    let (Some(input), Some(complaints)) = (running.child.stdin.take(), running.child.stderr.take())
    else {
        return Err(RestoreError::Interrupted);
    };
    let reader = Arc::new(Mutex::new(LineReader::new(context, target, available)));
    let feeding = feed(file, input, &reader, session, target);
    let listening = async {
        let mut errors = ErrorReader::default();
        let mut lines = BufReader::new(complaints).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            errors.line(&String::from_utf8_lossy(&line));
        }
        errors.finish()
    };
    let (fed, errors) = tokio::join!(feeding, listening);
    let status = running
        .wait()
        .await
        .map_err(|source| RestoreError::ReadDump {
            path: file.path.clone(),
            source,
        })?;
    let counts = match fed {
        Ok(counts) => counts,
        // A pipe that broke is psql's end, and its own complaint says more.
        Err(RestoreError::ReadDump { source, .. })
            if source.kind() == std::io::ErrorKind::BrokenPipe && !errors.is_empty() =>
        {
            RowCounts::default()
        }
        Err(error) => return Err(error),
    };
    if status.code() == Some(2) {
        return Err(RestoreError::Broken {
            said: errors.last().map_or_else(
                || "psql lost its connection".to_owned(),
                |error| error.message.clone(),
            ),
        });
    }
    let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
    if !reader.not_installed.is_empty() {
        return Err(RestoreError::ExtensionsMissing {
            names: std::mem::take(&mut reader.not_installed),
        });
    }
    if let Some(table) = &counts.cut_off {
        return Err(RestoreError::CutOff {
            table: table.to_string(),
        });
    }
    if reader.end == End::Missing {
        return Err(RestoreError::NoEnd);
    }
    let dropped = std::mem::take(&mut reader.dropped);
    let mut counts = counts;
    counts
        .tables
        .retain(|table, _| !reader.excluded.iter().any(|pattern| pattern.matches(table)));
    Ok(Done {
        errors,
        expected: Expected {
            tables: std::mem::take(&mut reader.tables)
                .into_iter()
                .map(Named::Exactly)
                .collect(),
            rows: rows_of(counts),
        },
        surroundings: std::mem::take(&mut reader.surroundings),
        left_out: std::mem::take(&mut reader.left_out),
        dropped: dropped.into_iter().collect(),
    })
}

/// Passes the dump on, chunk by chunk.
async fn feed(
    file: &DumpFile,
    mut input: tokio::process::ChildStdin,
    reader: &Arc<Mutex<LineReader>>,
    session: &Session,
    target: &Target,
) -> Result<RowCounts, RestoreError> {
    let failed = |source| RestoreError::ReadDump {
        path: file.path.clone(),
        source,
    };
    let mut content = file.reader().await.map_err(failed)?;
    let mut known = BTreeSet::new();
    let on_line = reader.clone();
    let mut scanner = Scanner::new(move |line: &str| {
        on_line
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .line(line)
    });
    let mut chunk = vec![0; 256 * 1024];
    let mut kept = Vec::new();
    let mut tail = Vec::new();
    loop {
        let read = content.read(&mut chunk).await.map_err(failed)?;
        if read == 0 {
            break;
        }
        scanner.feed(&chunk[..read], &mut kept);
        tail.extend_from_slice(&chunk[read.saturating_sub(TAIL)..read]);
        tail.drain(..tail.len().saturating_sub(TAIL));
        // A role must be there before the statement that names it.
        let named = reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .surroundings
            .roles
            .clone();
        if named.len() > known.len() {
            if target.is_ours() {
                roles::create_stubs(session, &named).await?;
            }
            known = named;
        }
        input.write_all(&kept).await.map_err(failed)?;
        kept.clear();
    }
    if memchr::memmem::find(&tail, LAST_LINE.as_bytes()).is_some() {
        reader.lock().unwrap_or_else(PoisonError::into_inner).end = End::Written;
    }
    let counts = scanner.finish(&mut kept);
    input.write_all(&kept).await.map_err(failed)?;
    input.shutdown().await.map_err(failed)?;
    Ok(counts)
}

/// Reads what `psql` prints with `VERBOSITY=verbose`.
#[derive(Default)]
struct ErrorReader {
    open: Vec<String>,
    done: Vec<noise::RestoreError>,
}

impl ErrorReader {
    fn line(&mut self, line: &str) {
        let begins = line.starts_with("psql:");
        if begins && let Some((_, statement)) = line.split_once(": STATEMENT:  ") {
            let words = sql::leading_words(statement, 8).join(" ");
            self.close(words);
            return;
        }
        if begins {
            self.close(String::new());
        }
        let is_error = [" ERROR:  ", " FATAL:  ", " error: "]
            .iter()
            .any(|mark| line.contains(mark));
        if begins && !is_error {
            return;
        }
        if begins || !self.open.is_empty() {
            self.open.push(line.to_owned());
        }
    }

    fn close(&mut self, statement: String) {
        let lines = std::mem::take(&mut self.open);
        let Some(first) = lines.first() else { return };
        let number = first.split(':').nth(2).unwrap_or_default();
        let message = ServerError::from_verbose_text(&lines.join("\n")).map_or_else(
            || {
                let text = first.splitn(4, ':').nth(3).unwrap_or(first).trim();
                crate::text::redact::child_line(text)
            },
            |error| error.message,
        );
        self.done.push(noise::RestoreError {
            about: format!("line {number} of the dump"),
            message,
            statement,
        });
    }

    fn finish(mut self) -> Vec<noise::RestoreError> {
        self.close(String::new());
        self.done
    }
}
