//! A dump on disk: the newest file or directory that fits a pattern.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::format::{Compression, DumpFile, Format};
use super::{Beside, BoxFuture, CloneError, Fetched, Inspected, Payload, Source};
use crate::context::Context;
use crate::policy::{Dump, FileGlob};
use crate::postgres::archive::Contents;
use crate::postgres::tools::Tools;
use crate::postgres::{Major, binaries};
use crate::restore::Disarmed;
use crate::verdict::Stage;

pub(super) struct DumpSource {
    pub dump: Dump,
}

impl Source for DumpSource {
    fn describe(&self) -> String {
        format!("dump `{}`", self.dump.files)
    }

    fn inspect<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<Inspected, CloneError>> {
        Box::pin(async {
            let path = self.newest(context)?;
            let file = DumpFile::open(&path).await?;
            let mut inspected = inspect_file(context, &file).await?;
            if let Some(beside) = Beside::read(&path)? {
                inspected.data_as_of = Some(beside.taken_at);
                inspected.caveats = told_by(&beside);
                inspected.disarmed = beside.disarmed;
            }
            self.is_young_enough(path, inspected.data_as_of, context.started)?;
            Ok(inspected)
        })
    }

    fn fetch<'a>(
        &'a self,
        context: &'a Context,
        _: &'a Inspected,
        _: &'a Tools,
    ) -> BoxFuture<'a, Result<Fetched, CloneError>> {
        Box::pin(async {
            let path = self.newest(context)?;
            let file = DumpFile::open(&path).await?;
            if let Some(beside) = Beside::read(&path)? {
                context
                    .progress
                    .doing(Stage::Clone, "comparing the dump with its digest");
                let checked = tokio::task::spawn_blocking(move || beside.check(&path)).await;
                checked.unwrap_or(Ok(()))?;
            }
            Ok(payload(context, file).await?.into())
        })
    }
}

impl DumpSource {
    fn newest(&self, context: &Context) -> Result<PathBuf, CloneError> {
        newest_dump(&self.dump.files, &context.policy.root).ok_or_else(|| CloneError::NoDump {
            pattern: self.dump.files.to_string(),
        })
    }

    fn is_young_enough(
        &self,
        path: PathBuf,
        data_as_of: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), CloneError> {
        let Some(limit) = self.dump.max_age else {
            return Ok(());
        };
        let age = data_as_of.and_then(|at| Duration::try_from(now.duration_since(at)).ok());
        match age {
            Some(age) if age > limit => Err(CloneError::TooOld { path, age }),
            _ => Ok(()),
        }
    }
}

/// What a reader must know of a dump that we made.
fn told_by(beside: &Beside) -> Vec<String> {
    let mut caveats = vec![format!("the dump is of {}", beside.source)];
    if !beside.masked_by.is_empty() {
        let files: Vec<String> = (beside.masked_by.iter())
            .map(|file| format!("`{file}`"))
            .collect();
        caveats.push(format!(
            "masked before it was dumped, by {}",
            files.join(", ")
        ));
    }
    if !beside.without_rows_of.is_empty() {
        caveats.push(format!(
            "dumped without the rows of `{}`",
            beside.without_rows_of.join("`, `")
        ));
    }
    if !beside.disarmed.is_empty() {
        let all: Vec<String> = beside.disarmed.iter().map(Disarmed::describe).collect();
        caveats.push(format!("disarmed before it was dumped: {}", all.join(", ")));
    }
    caveats
}

/// The file with the latest modification.
pub fn newest_dump(pattern: &FileGlob, root: &Path) -> Option<PathBuf> {
    pattern
        .files(root)
        .into_iter()
        // `prod.dump*` fits what is known of a dump too.
        .filter(|path| !Beside::is_one(path))
        .max_by_key(|path| modified(path))
}

/// What a dump says of itself.
pub(super) async fn inspect_file(
    context: &Context,
    file: &DumpFile,
) -> Result<Inspected, CloneError> {
    let mut inspected = Inspected {
        size: Some(size_of(&file.path)),
        data_as_of: modified(&file.path),
        ..Inspected::default()
    };
    match (file.format, file.compression) {
        (Format::Plain, _) => {
            let (version, surroundings) = file.plain_head().await?;
            inspected.version = version;
            inspected.database = surroundings.database;
        }
        (_, Compression::None) => {
            let contents = Contents::read(&newest(context)?, &file.path).await?;
            inspected.version = contents.server_version;
            inspected.database = contents.database;
        }
        // An archive inside a compressed file is read once it is unpacked.
        _ => {}
    }
    inspected.major = inspected
        .version
        .as_deref()
        .and_then(Major::from_version_text);
    Ok(inspected)
}

/// Makes a payload of a dump; a compressed archive is unpacked first, since `pg_restore` seeks.
pub(super) async fn payload(context: &Context, file: DumpFile) -> Result<Payload, CloneError> {
    if file.format == Format::Plain {
        return Ok(Payload::Script { file });
    }
    let path = if file.compression == Compression::None {
        file.path.clone()
    } else {
        let unpacked = context.workspace.file("unpacked.dump");
        let copied = async {
            let mut reader = file.reader().await?;
            let mut writer = tokio::fs::File::create(&unpacked).await?;
            tokio::io::copy(&mut reader, &mut writer).await?;
            writer.sync_data().await
        };
        copied.await.map_err(|source| CloneError::Read {
            path: file.path.clone(),
            source,
        })?;
        unpacked
    };
    let newest = newest(context)?;
    let contents = Contents::read(&newest, &path).await?;
    let server = contents.major().unwrap_or(newest.binaries.major);
    // The archive's own version restores it best; one that a newer `pg_dump` made needs that.
    let tools = match contents.made_by {
        Some(made_by) if made_by > server => Some(
            binaries::find(made_by, context.policy.bin_dir.as_deref())
                .map_or(newest.clone(), |binaries| Tools::new(binaries, &newest.run)),
        ),
        _ => None,
    };
    Ok(Payload::Archive {
        contents,
        format: file.format,
        path,
        tools,
    })
}

/// The newest programs, which read every older archive.
fn newest(context: &Context) -> Result<Tools, CloneError> {
    let newest = binaries::newest(context.policy.bin_dir.as_deref())?;
    Ok(Tools::new(newest, &context.run))
}

/// When a file was last written, or the newest file of a directory.
fn modified(path: &Path) -> Option<Timestamp> {
    let own = std::fs::metadata(path).ok()?.modified().ok()?;
    let inside = std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.metadata().ok()?.modified().ok())
        .max();
    inside.unwrap_or(own).try_into().ok()
}

/// Bytes of a file, or of all files of a directory.
fn size_of(path: &Path) -> u64 {
    if path.is_dir() {
        std::fs::read_dir(path)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()))
            .sum()
    } else {
        std::fs::metadata(path).map_or(0, |metadata| metadata.len())
    }
}
