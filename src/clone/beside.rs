//! What is known of a dump that we made, in a file beside it: `prod.dump.provenance.json`.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::CloneError;
use crate::restore::Disarmed;
use crate::text::digits;

const ENDING: &str = ".provenance.json";

/// The version of this file's format.
const VERSION: u32 = 1;

/// What is known of a dump.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    pub schema_version: u32,
    /// What was dumped, in a phrase without secrets.
    pub source: String,
    pub database: String,
    pub server_version: String,
    /// The moment that the data is of.
    pub taken_at: Timestamp,
    /// Of the dump: `sha256:…`.
    pub digest: String,
    /// The files that masked it; none: it holds production's rows as they are.
    pub masked_by: Vec<String>,
    /// The tables without rows, by pattern.
    pub without_rows_of: Vec<String>,
    /// What is switched off in it, so that it can't act on the world outside.
    pub disarmed: Vec<Disarmed>,
}

impl Beside {
    /// The file beside a dump.
    pub fn path(dump: &Path) -> PathBuf {
        let mut name = dump.as_os_str().to_owned();
        name.push(ENDING);
        name.into()
    }

    /// Whether a file is one that is beside a dump.
    pub fn is_one(path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.ends_with(ENDING))
    }

    /// Reads what is beside a dump; `None`: nothing is.
    pub fn read(dump: &Path) -> Result<Option<Self>, CloneError> {
        let path = Self::path(dump);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(CloneError::Read { path, source }),
        };
        match serde_json::from_str::<Self>(&text) {
            Ok(beside) if beside.schema_version == VERSION => Ok(Some(beside)),
            _ => Err(CloneError::Beside { path }),
        }
    }

    /// Writes it beside a dump.
    pub fn write(&self, dump: &Path) -> Result<(), CloneError> {
        let path = Self::path(dump);
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        std::fs::write(&path, text + "\n").map_err(|source| CloneError::Read { path, source })
    }

    /// Everything but what the dump itself tells.
    pub fn new(source: String, taken_at: Timestamp) -> Self {
        Self {
            schema_version: VERSION,
            source,
            database: String::new(),
            server_version: String::new(),
            taken_at,
            digest: String::new(),
            masked_by: Vec::new(),
            without_rows_of: Vec::new(),
            disarmed: Vec::new(),
        }
    }

    /// Fails if the dump is another than the one that this was written of.
    pub fn check(&self, dump: &Path) -> Result<(), CloneError> {
        if digest(dump)? == self.digest {
            Ok(())
        } else {
            Err(CloneError::OtherDump {
                path: dump.to_owned(),
            })
        }
    }
}

/// The digest of a dump; of a directory, that of its files and their names.
pub fn digest(dump: &Path) -> Result<String, CloneError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| CloneError::Read { path, source }
    };
    let mut hash = Sha256::new();
    let mut files = vec![dump.to_owned()];
    if dump.is_dir() {
        let entries = std::fs::read_dir(dump).map_err(failed(dump))?;
        files = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
    }
    let mut part = vec![0; 1024 * 1024];
    for path in files {
        if path != dump {
            hash.update(path.file_name().unwrap_or_default().as_encoded_bytes());
        }
        let mut file = std::fs::File::open(&path).map_err(failed(&path))?;
        loop {
            let read = file.read(&mut part).map_err(failed(&path))?;
            if read == 0 {
                break;
            }
            hash.update(&part[..read]);
        }
    }
    Ok(format!("sha256:{}", digits(&hash.finalize())))
}
