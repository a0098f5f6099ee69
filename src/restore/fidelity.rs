//! Whether the clone is all of production: every table, every row.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tokio::io::AsyncReadExt as _;

use super::RestoreError;
use crate::clone::Format;
use crate::policy::ObjectGlob;
use crate::postgres::archive::{self, Contents, Entry, EntryKind};
use crate::postgres::copy_text::{DataFileCounter, Keep, RowCounts, Scanner};
use crate::postgres::tables::{Table, TableKind};
use crate::postgres::tools::Tools;
use crate::text::QualifiedName;

/// What the clone must hold.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    pub tables: Vec<Named>,
    pub rows: Rows,
}

impl Expected {
    /// Expects no rows of the tables whose rows are left out.
    pub fn without_rows_of(mut self, excluded: &[ObjectGlob]) -> Self {
        if let Rows::Counted(rows) = &mut self.rows {
            rows.retain(|(table, _)| {
                let name = table.name();
                !excluded.iter().any(|pattern| pattern.matches(&name))
            });
        }
        self
    }
}

/// A table as its source names it.
#[derive(Clone, Debug)]
pub enum Named {
    Exactly(QualifiedName),
    /// An entry of an archive's listing, where a name with spaces can't be taken apart.
    Entry(Entry),
}

impl Named {
    fn is(&self, name: &QualifiedName) -> bool {
        match self {
            Self::Exactly(own) => own == name,
            Self::Entry(entry) => entry.is_about(name),
        }
    }

    fn name(&self) -> QualifiedName {
        match self {
            Self::Exactly(name) => name.clone(),
            Self::Entry(entry) => entry.name(),
        }
    }
}

/// What the source says of rows.
#[derive(Clone, Debug)]
pub enum Rows {
    Counted(Vec<(Named, u64)>),
    /// Why they could not be counted.
    Unknown(String),
}

impl Default for Rows {
    fn default() -> Self {
        Self::Unknown("the source does not say how many rows there are".to_owned())
    }
}

/// A table whose rows are not the source's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowMismatch {
    pub table: String,
    pub expected: u64,
    pub found: u64,
}

/// What the comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fidelity {
    pub tables: usize,
    pub rows: u64,
    pub missing_tables: Vec<String>,
    pub row_mismatches: Vec<RowMismatch>,
    /// Tables of which the source has no rows to give, not even none: a dump of the schema alone.
    pub tables_without_data: Vec<String>,
    /// Why rows were not compared, if they were not.
    pub rows_not_compared: Option<String>,
}

/// Compares what was expected with what is there. The rows of `excluded` tables are left out.
pub fn compare(
    expected: &Expected,
    tables: &[Table],
    counts: &BTreeMap<u32, u64>,
    excluded: &[ObjectGlob],
) -> Fidelity {
    let missing_tables = expected
        .tables
        .iter()
        .filter(|wanted| !tables.iter().any(|table| wanted.is(&table.name)))
        .map(|wanted| wanted.name().to_string())
        .collect();
    let mut fidelity = Fidelity {
        tables: tables.len(),
        rows: counts.values().sum(),
        missing_tables,
        ..Fidelity::default()
    };
    match &expected.rows {
        Rows::Unknown(because) => fidelity.rows_not_compared = Some(because.clone()),
        Rows::Counted(rows) => {
            fidelity.tables_without_data = without_data(expected, tables, rows, excluded);
            for (wanted, number) in rows {
                let Some(table) = tables.iter().find(|table| wanted.is(&table.name)) else {
                    continue;
                };
                let count = |table: &Table| counts.get(&table.oid).copied().unwrap_or(0);
                let (found, number) = match table.kind {
                    TableKind::Ordinary => (count(table), *number),
                    // Rows that a dump gives to the parent land in its partitions, beside those that
                    // it gives to them.
                    TableKind::Partitioned => {
                        let parts = || tables.iter().filter(|part| part.root == table.oid);
                        let given: u64 = rows
                            .iter()
                            .filter(|(named, _)| parts().any(|part| named.is(&part.name)))
                            .map(|(_, number)| number)
                            .sum();
                        (parts().map(count).sum(), given)
                    }
                };
                if found != number {
                    fidelity.row_mismatches.push(RowMismatch {
                        table: table.name.to_string(),
                        expected: number,
                        found,
                    });
                }
            }
        }
    }
    fidelity
}

/// The tables that no rows were given for. `pg_dump` has an entry for the rows of an empty table too.
fn without_data(
    expected: &Expected,
    tables: &[Table],
    rows: &[(Named, u64)],
    excluded: &[ObjectGlob],
) -> Vec<String> {
    let given = |name: &QualifiedName| rows.iter().any(|(named, _)| named.is(name));
    tables
        .iter()
        .filter(|table| table.kind == TableKind::Ordinary)
        .filter(|table| expected.tables.iter().any(|wanted| wanted.is(&table.name)))
        .filter(|table| {
            // A dump may give all rows to the parent.
            let parent = tables.iter().find(|parent| parent.oid == table.root);
            !given(&table.name) && !parent.is_some_and(|parent| given(&parent.name))
        })
        .filter(|table| !excluded.iter().any(|pattern| pattern.matches(&table.name)))
        .map(|table| table.name.to_string())
        .collect()
}

/// What an archive says the clone must hold.
pub async fn expected_of_archive(
    tools: &Tools,
    path: &Path,
    format: Format,
    contents: &Contents,
) -> Result<Expected, RestoreError> {
    let data: Vec<Entry> = contents.of_kind(EntryKind::TableData).cloned().collect();
    let files: Option<Vec<PathBuf>> = (format == Format::Directory)
        .then(|| {
            data.iter()
                .map(|entry| archive::data_file(path, entry))
                .collect()
        })
        .flatten();
    let rows = match files {
        Some(files) if files.iter().all(|file| readable(file)) => {
            count_data_files(data, files).await?
        }
        _ => rows_of(count_script(tools, path).await?),
    };
    Ok(Expected {
        tables: contents
            .of_kind(EntryKind::Table)
            .cloned()
            .map(Named::Entry)
            .collect(),
        rows,
    })
}

/// The counts of a script, as expectations.
pub fn rows_of(counts: RowCounts) -> Rows {
    if counts.has_inserts {
        return Rows::Unknown(
            "the dump holds INSERT statements, whose rows are not counted".into(),
        );
    }
    Rows::Counted(
        counts
            .tables
            .into_iter()
            .map(|(table, rows)| (Named::Exactly(table), rows))
            .collect(),
    )
}

fn readable(file: &Path) -> bool {
    file.extension().is_none_or(|ending| ending != "lz4")
}

/// Counts the lines of each table's own file. An uncompressed one costs a look at every byte, which
/// is far less than `pg_restore` reading it again.
async fn count_data_files(entries: Vec<Entry>, files: Vec<PathBuf>) -> Result<Rows, RestoreError> {
    tokio::task::spawn_blocking(move || {
        let mut counted = Vec::new();
        for (entry, file) in entries.into_iter().zip(files) {
            let content = read_data_file(&file).map_err(|source| RestoreError::ReadDump {
                path: file.clone(),
                source,
            })?;
            match content {
                DataFile::Rows(rows) => counted.push((Named::Entry(entry), rows)),
                DataFile::Inserts => return Ok(rows_of(RowCounts::with_inserts())),
                DataFile::CutOff => {
                    return Err(RestoreError::CutOff {
                        table: entry.name().to_string(),
                    });
                }
            }
        }
        Ok(Rows::Counted(counted))
    })
    .await
    .map_err(|_| RestoreError::Interrupted)?
}

/// What a table's data file holds.
enum DataFile {
    Rows(u64),
    Inserts,
    CutOff,
}

fn read_data_file(path: &Path) -> std::io::Result<DataFile> {
    let file = std::fs::File::open(path)?;
    let mut reader: Box<dyn Read> = match path.extension().and_then(|ending| ending.to_str()) {
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(file)),
        Some("zst") => Box::new(zstd::Decoder::new(file)?),
        _ => Box::new(file),
    };
    let mut counter = DataFileCounter::default();
    let mut chunk = vec![0; 256 * 1024];
    let mut first = true;
    loop {
        let read = reader.read(&mut chunk)?;
        if first && chunk[..read].starts_with(b"INSERT INTO ") {
            return Ok(DataFile::Inserts);
        }
        first = false;
        if read == 0 {
            return Ok(counter.finish().map_or(DataFile::CutOff, DataFile::Rows));
        }
        counter.feed(&chunk[..read]);
    }
}

/// Lets `pg_restore` write an archive's rows as text, to nobody but a counter.
async fn count_script(tools: &Tools, path: &Path) -> Result<RowCounts, RestoreError> {
    let mut running = tools
        .program("pg_restore", None)
        .args(["--data-only", "--file=-"])
        .arg(path)
        .stdout(std::process::Stdio::piped())
        .start()?;
    let mut scanner = Scanner::new(|_: &str| Keep::No);
    let mut nothing = Vec::new();
    if let Some(mut output) = running.child.stdout.take() {
        let mut chunk = vec![0; 256 * 1024];
        loop {
            let read = output
                .read(&mut chunk)
                .await
                .map_err(|source| RestoreError::ReadDump {
                    path: path.to_owned(),
                    source,
                })?;
            if read == 0 {
                break;
            }
            scanner.feed(&chunk[..read], &mut nothing);
        }
    }
    let status = running
        .wait()
        .await
        .map_err(|source| RestoreError::ReadDump {
            path: path.to_owned(),
            source,
        })?;
    let counts = scanner.finish(&mut nothing);
    if !status.success() || counts.cut_off.is_some() {
        return Err(RestoreError::Unreadable {
            path: path.to_owned(),
        });
    }
    Ok(counts)
}
