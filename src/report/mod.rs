//! A run's report in the forms that people and programs read: pure functions of a [`RunReport`].
//!
//! A format decides how things look, never what they mean: levels and the verdict come ready.

pub mod annotations;
mod bundles;
pub mod console;
pub mod escape;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod plain;
pub mod sarif;
pub mod terminal;
mod timeline;
mod words;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub use self::words::{place_or_policy, sentences};
use crate::verdict::RunReport;

/// The files of a report that were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub directory: PathBuf,
    pub files: Vec<PathBuf>,
}

/// Why a report is not whole.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("cannot make the directory `{}`", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("cannot remove `{}` of an older run", path.display())]
    Remove { path: PathBuf, source: io::Error },
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot build `{}`", path.display())]
    Build {
        path: PathBuf,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

type Render = fn(&RunReport) -> Result<String, Box<dyn std::error::Error + Send + Sync>>;

/// The gate's own format comes first: whatever fails later, a program that waits has its answer.
const FILES: [(&str, Render); 5] = [
    ("junit.xml", |report| Ok(junit::render(report)?)),
    ("report.json", |report| Ok(json::render(report)?)),
    ("comment.md", |report| Ok(markdown::render(report))),
    ("report.html", |report| Ok(html::render(report))),
    ("report.sarif", |report| Ok(sarif::render(report)?)),
];

/// Removes the files of an older run.
pub fn clear(directory: &Path) -> Result<(), WriteError> {
    let mut first_error = None;
    for (name, _) in FILES {
        let path = directory.join(name);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                first_error.get_or_insert(WriteError::Remove { path, source });
            }
            Ok(()) | Err(_) => {}
        }
    }
    first_error.map_or(Ok(()), Err)
}

/// Writes all files of a report into a directory, and says which error came first.
///
/// Files of an older run are removed before anything is written: after a failed write there must be
/// nothing that looks like this run's answer. One file's failure does not keep back the others.
pub fn write(report: &RunReport, directory: &Path) -> Result<Written, WriteError> {
    std::fs::create_dir_all(directory).map_err(|source| WriteError::Directory {
        path: directory.to_owned(),
        source,
    })?;
    let mut first_error = clear(directory).err();
    let mut files = Vec::new();
    for (name, render) in FILES {
        let path = directory.join(name);
        match write_one(report, render, &path) {
            Ok(()) => files.push(path),
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    match first_error {
        Some(error) => Err(error),
        None => Ok(Written {
            directory: directory.to_owned(),
            files,
        }),
    }
}

fn write_one(report: &RunReport, render: Render, path: &Path) -> Result<(), WriteError> {
    let text = render(report).map_err(|source| WriteError::Build {
        path: path.to_owned(),
        source,
    })?;
    replace(path, &text).map_err(|source| WriteError::Write {
        path: path.to_owned(),
        source,
    })
}

/// Puts a whole file in place or none: a reader never sees half of one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".pgrehearse-");
    #[cfg(unix)]
    {
        // The next step of a job, which reads the report, is often another user.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o644));
    }
    let mut file = builder.tempfile_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
