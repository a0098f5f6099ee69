//! Directories of runs on this machine, with the servers in them.

use std::path::{Path, PathBuf};

use super::SweepError;
use crate::postgres::throwaway;
use crate::process::guard::remove_directory;
use crate::process::{RunId, stray};

/// The directories of runs in `parent`, with their runs.
pub fn list(parent: &Path) -> Vec<(PathBuf, RunId)> {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut found: Vec<(PathBuf, RunId)> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some((entry.path(), RunId::of_directory(&name)?))
        })
        .collect();
    found.sort();
    found
}

/// What is in it.
pub fn kind(path: &Path) -> &'static str {
    if path.join("data").is_dir() {
        "server"
    } else {
        "directory"
    }
}

/// Stops the server in it and what else its run has left running, and removes it.
pub fn remove(path: &Path) -> Result<(), SweepError> {
    throwaway::stop_own_server_in(path);
    let name = path.file_name().and_then(|name| name.to_str());
    if let Some(run) = name.and_then(RunId::of_directory) {
        stray::end_all(&run);
    }
    remove_directory(path);
    if path.symlink_metadata().is_ok() {
        return Err(SweepError::Stays {
            path: path.display().to_string(),
        });
    }
    Ok(())
}
