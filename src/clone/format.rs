//! What kind of dump a file is, told by its first bytes, and its text if it has one.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use async_compression::tokio::bufread::{GzipDecoder, ZstdDecoder};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt as _, BufReader};

use super::CloneError;
use crate::postgres::surroundings::Surroundings;

/// What `pg_dump --format` made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Custom,
    Directory,
    Tar,
    Plain,
}

impl Format {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Custom => "custom",
            Self::Directory => "directory",
            Self::Tar => "tar",
            Self::Plain => "plain",
        }
    }
}

/// How the whole file is compressed, around its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

/// A dump on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpFile {
    pub path: PathBuf,
    pub format: Format,
    pub compression: Compression,
}

/// Enough for a tar header (512) and for the comments at the top of a plain dump.
const HEAD: usize = 16 * 1024;

impl DumpFile {
    /// Looks at `path`.
    pub async fn open(path: &Path) -> Result<Self, CloneError> {
        let not_a_dump = |why| CloneError::NotADump {
            path: path.to_owned(),
            why,
        };
        if path.is_dir() {
            return if path.join("toc.dat").is_file() {
                Ok(Self {
                    path: path.to_owned(),
                    format: Format::Directory,
                    compression: Compression::None,
                })
            } else {
                Err(not_a_dump("the directory has no `toc.dat`"))
            };
        }
        let raw = head(path, Compression::None).await?;
        let compression = if raw.starts_with(&[0x1f, 0x8b]) {
            Compression::Gzip
        } else if raw.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Compression::Zstd
        } else {
            Compression::None
        };
        let inner = match compression {
            Compression::None => raw,
            _ => head(path, compression).await?,
        };
        let format = if inner.starts_with(b"PGDMP") {
            Format::Custom
        } else if inner.get(257..262) == Some(b"ustar") {
            Format::Tar
        } else if inner.is_empty() {
            return Err(not_a_dump("it is empty"));
        } else if inner.contains(&0) || !begins_as_text(&inner) {
            return Err(not_a_dump("it is neither an archive of pg_dump nor text"));
        } else {
            let text = String::from_utf8_lossy(&inner);
            if text.contains("-- PostgreSQL database cluster dump") {
                return Err(not_a_dump(
                    "it is a script of pg_dumpall; dump the one database with pg_dump",
                ));
            }
            Format::Plain
        };
        Ok(Self {
            path: path.to_owned(),
            format,
            compression,
        })
    }

    /// The content, decompressed.
    pub async fn reader(&self) -> io::Result<Pin<Box<dyn AsyncRead + Send>>> {
        reader(&self.path, self.compression).await
    }

    /// What the first lines of a plain dump tell: its server's version
    /// (`-- Dumped from database version 15.18 (Debian …)`), and, of a dump made with `--create`, how
    /// its database was made.
    pub async fn plain_head(&self) -> Result<(Option<String>, Surroundings), CloneError> {
        let head = head(&self.path, self.compression).await?;
        let head = String::from_utf8_lossy(&head);
        let version = head
            .lines()
            .find_map(|line| line.strip_prefix("-- Dumped from database version "))
            .map(str::to_owned);
        let mut surroundings = Surroundings::default();
        for line in head.lines() {
            if line.starts_with("CREATE DATABASE ") {
                surroundings.read_line(line);
            }
        }
        Ok((version, surroundings))
    }
}

/// Whether the first line is one: rows may be in any encoding, but what `pg_dump` and people begin a
/// script with is not.
fn begins_as_text(head: &[u8]) -> bool {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or(head);
    match std::str::from_utf8(line) {
        Ok(_) => true,
        // The head may end inside a character.
        Err(error) => error.error_len().is_none() && line.len() == head.len(),
    }
}

/// A file's content, decompressed. Several compressed members in one file are one content.
pub async fn reader(
    path: &Path,
    compression: Compression,
) -> io::Result<Pin<Box<dyn AsyncRead + Send>>> {
    let file = BufReader::with_capacity(256 * 1024, File::open(path).await?);
    Ok(match compression {
        Compression::None => Box::pin(file),
        Compression::Gzip => {
            let mut decoder = GzipDecoder::new(file);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
        Compression::Zstd => {
            let mut decoder = ZstdDecoder::new(file);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
    })
}

async fn head(path: &Path, compression: Compression) -> Result<Vec<u8>, CloneError> {
    let read = async {
        let mut bytes = Vec::new();
        let content = reader(path, compression).await?;
        content.take(HEAD as u64).read_to_end(&mut bytes).await?;
        io::Result::Ok(bytes)
    };
    read.await.map_err(|source| CloneError::Read {
        path: path.to_owned(),
        source,
    })
}
