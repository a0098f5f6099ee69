//! Restoring a plain dump: through `psql`, past a reader that counts rows, makes the roles that are
//! about to be named, and keeps the script inside its database.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use super::fidelity::{Expected, Named, rows_of};
use super::{RestoreError, noise, roles};
use crate::clone::DumpFile;
use crate::context::Context;
use crate::policy::ObjectGlob;
use crate::postgres::archive::Surroundings;
use crate::postgres::copy_text::{Keep, RowCounts, Scanner};
use crate::postgres::{Binaries, Endpoint, ServerError, Session};
use crate::target::Target;
use crate::text::QualifiedName;

/// What a script left behind it.
pub struct Done {
    pub errors: Vec<noise::RestoreError>,
    pub expected: Expected,
    pub surroundings: Surroundings,
    pub dropped: Vec<String>,
}

/// Runs a plain dump.
pub async fn restore(
    context: &Context,
    target: &Target,
    into: &Endpoint,
    session: &Session,
    file: &DumpFile,
) -> Result<Done, RestoreError> {
    let mut running = target
        .tools
        .program("psql", Some(into))
        .args([
            "--no-psqlrc",
            "--quiet",
            "--no-password",
            "--output=/dev/null",
        ])
        .args(["--set", "VERBOSITY=verbose", "--file=-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .start()?;
    let (Some(input), Some(complaints)) = (running.child.stdin.take(), running.child.stderr.take())
    else {
        return Err(RestoreError::Interrupted);
    };
    let reader = Arc::new(Mutex::new(LineReader::new(context, &target.tools.binaries)));
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
        Err(error) if errors.is_empty() => return Err(error),
        Err(_) => RowCounts::default(),
    };
    if status.code() == Some(2) {
        return Err(RestoreError::Broken {
            said: errors.last().map_or_else(
                || "psql lost its connection".to_owned(),
                |error| error.message.clone(),
            ),
        });
    }
    if counts.cut_off {
        return Err(RestoreError::CutOff {
            table: counts
                .tables
                .keys()
                .next_back()
                .map(ToString::to_string)
                .unwrap_or_default(),
        });
    }
    let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
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
    loop {
        let read = content.read(&mut chunk).await.map_err(failed)?;
        if read == 0 {
            break;
        }
        scanner.feed(&chunk[..read], &mut kept);
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
    let counts = scanner.finish(&mut kept);
    input.write_all(&kept).await.map_err(failed)?;
    input.shutdown().await.map_err(failed)?;
    Ok(counts)
}

/// Judges the lines outside rows.
struct LineReader {
    surroundings: Surroundings,
    tables: Vec<QualifiedName>,
    excluded: Vec<ObjectGlob>,
    dropped: BTreeSet<String>,
    restrict: Keep,
}

impl LineReader {
    fn new(context: &Context, binaries: &Binaries) -> Self {
        Self {
            surroundings: Surroundings::default(),
            tables: Vec::new(),
            excluded: context.policy.restore.exclude_data.clone(),
            dropped: BTreeSet::new(),
            restrict: if knows_restrict(binaries) {
                Keep::Yes
            } else {
                Keep::No
            },
        }
    }

    fn line(&mut self, line: &str) -> Keep {
        self.surroundings.read_line(line);
        if line.starts_with("\\restrict ") || line.starts_with("\\unrestrict ") {
            return self.restrict;
        }
        // A dump made with `--create` would leave for a database of its own.
        if [
            "\\connect ",
            "CREATE DATABASE ",
            "DROP DATABASE ",
            "ALTER DATABASE ",
        ]
        .iter()
        .any(|start| line.starts_with(start))
        {
            return Keep::No;
        }
        if let Some(name) = line
            .strip_prefix("CREATE TABLE ")
            .or_else(|| line.strip_prefix("CREATE UNLOGGED TABLE "))
            .and_then(|rest| QualifiedName::parse(name_before_columns(rest)))
        {
            self.tables.push(name);
        }
        if let Some(name) = line
            .strip_prefix("COPY ")
            .and_then(|rest| QualifiedName::parse(name_before_columns(rest)))
            && self.excluded.iter().any(|pattern| pattern.matches(&name))
        {
            self.dropped.insert(format!("the rows of `{name}`"));
            return Keep::No;
        }
        Keep::Yes
    }
}

/// `public.orders` of `public.orders (`.
fn name_before_columns(text: &str) -> &str {
    text.find(" (").map_or(text, |end| &text[..end])
}

/// `\restrict` came with the minor releases of August 2025.
fn knows_restrict(binaries: &Binaries) -> bool {
    let minor: u32 = binaries
        .version
        .split('.')
        .nth(1)
        .and_then(|minor| minor.parse().ok())
        .unwrap_or(0);
    match binaries.major.0 {
        15 => minor >= 14,
        16 => minor >= 10,
        17 => minor >= 6,
        _ => true,
    }
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
        if begins {
            self.close();
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

    fn close(&mut self) {
        let lines = std::mem::take(&mut self.open);
        let Some(first) = lines.first() else { return };
        let number = first.split(':').nth(2).unwrap_or_default();
        let message = ServerError::from_verbose_text(&lines.join("\n")).map_or_else(
            || crate::text::redact::child_line(first),
            |error| error.message,
        );
        self.done.push(noise::RestoreError {
            about: format!("line {number} of the dump"),
            message,
            statement: String::new(),
        });
    }

    fn finish(mut self) -> Vec<noise::RestoreError> {
        self.close();
        self.done
    }
}
