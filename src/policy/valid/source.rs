//! Source, target and restore.

use std::path::PathBuf;
use std::time::Duration;

use super::Context;
use crate::policy::document::Path;
use crate::policy::raw::{RawAuto, RawRestore, RawSource, RawTarget, RawVersion};
use crate::policy::units::{self, FileGlob, LockTimeout, ObjectGlob, Size};
use crate::postgres::{Endpoint, Major, binaries};

/// Where production's data comes from.
#[derive(Clone, Debug)]
pub enum Source {
    Dump(FileGlob),
    Database {
        endpoint: Endpoint,
        lock_timeout: LockTimeout,
    },
    Command(String),
    Sql(Vec<PathBuf>),
}

/// Where the clone lives.
#[derive(Clone, Debug)]
pub enum Target {
    Throwaway {
        /// `None`: the source's.
        version: Option<Major>,
        settings: Vec<(String, String)>,
        /// `None`: the system's temporary directory.
        directory: Option<PathBuf>,
    },
    Server(Endpoint),
}

/// How the clone is filled.
#[derive(Clone, Debug)]
pub struct Restore {
    /// `None`: two a processor.
    pub jobs: Option<u32>,
    pub mask: Vec<PathBuf>,
    pub exclude_data: Vec<ObjectGlob>,
    pub accept_errors: Vec<AcceptedError>,
    pub max_size: Option<Size>,
}

/// A restore error that is known and accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedError {
    /// A part of the message.
    pub message: String,
    pub reason: String,
}

pub(super) fn source(raw: &RawSource, context: &mut Context<'_>) -> Option<Source> {
    let at = Path::of("source");
    let key = context.exactly_one(
        &at,
        &[
            ("dump", raw.dump.is_some()),
            ("database", raw.database.is_some()),
            ("command", raw.command.is_some()),
            ("sql", raw.sql.is_some()),
        ],
    )?;
    let here = at.key(key);
    if let Some(pattern) = &raw.dump {
        return context
            .parsed(&here, pattern, FileGlob::parse)
            .map(Source::Dump);
    }
    if let Some(database) = &raw.database {
        let endpoint = endpoint(&database.url, &here.key("url"), context);
        let lock_timeout = match &database.lock_timeout {
            Some(text) => context.parsed(&here.key("lock_timeout"), text, units::duration),
            None => Some(Duration::from_secs(10)),
        };
        return Some(Source::Database {
            endpoint: endpoint?,
            lock_timeout: LockTimeout(lock_timeout?),
        });
    }
    if let Some(command) = &raw.command {
        return Some(Source::Command(command.clone()));
    }
    let files = raw.sql.as_ref()?;
    Some(Source::Sql(
        files
            .as_slice()
            .iter()
            .map(|file| context.existing_file(&here, file))
            .collect(),
    ))
}

pub(super) fn target(raw: RawTarget, context: &mut Context<'_>) -> Option<Target> {
    let at = Path::of("target");
    if raw.server.is_some() && raw.throwaway.is_some() {
        context.problem(
            &at,
            "`target` takes one of `throwaway`, `server`, not 2",
            None,
        );
    }
    if let Some(url) = &raw.server {
        return endpoint(url, &at.key("server"), context).map(Target::Server);
    }
    let raw = raw.throwaway.unwrap_or_default();
    let version = match raw.version {
        None | Some(RawVersion::Word(RawAuto::Auto)) => None,
        Some(RawVersion::Number(number)) => {
            if !binaries::SUPPORTED.contains(&number) {
                context.problem(
                    &at.key("throwaway").key("version"),
                    format!("PostgreSQL {number} is not supported"),
                    Some(format!(
                        "{} to {} are",
                        binaries::SUPPORTED.start(),
                        binaries::SUPPORTED.end()
                    )),
                );
            }
            Some(Major(number))
        }
    };
    Some(Target::Throwaway {
        version,
        settings: raw
            .settings
            .iter()
            .map(|(name, value)| (name.clone(), value.as_text()))
            .collect(),
        directory: raw.directory.map(|path| context.root.join(path)),
    })
}

pub(super) fn restore(raw: RawRestore, context: &mut Context<'_>) -> Restore {
    let at = Path::of("restore");
    let jobs = match raw.jobs {
        None | Some(RawVersion::Word(RawAuto::Auto)) => None,
        Some(RawVersion::Number(0)) => {
            context.problem(&at.key("jobs"), "`restore.jobs` must be at least 1", None);
            None
        }
        Some(RawVersion::Number(jobs)) => Some(jobs),
    };
    let mask = raw
        .mask
        .iter()
        .enumerate()
        .map(|(index, file)| context.existing_file(&at.key("mask").index(index), file))
        .collect();
    let exclude_data = raw
        .exclude_data
        .iter()
        .enumerate()
        .filter_map(|(index, pattern)| {
            context.parsed(
                &at.key("exclude_data").index(index),
                pattern,
                ObjectGlob::parse,
            )
        })
        .collect();
    let accept_errors = raw
        .accept_errors
        .into_iter()
        .enumerate()
        .filter_map(|(index, accepted)| {
            // An empty text is a part of every message: it would accept everything.
            if accepted.message.trim().is_empty() {
                let here = at.key("accept_errors").index(index).key("message");
                context.problem(&here, "an accepted error needs a part of its message", None);
                return None;
            }
            Some(AcceptedError {
                message: accepted.message,
                reason: accepted.reason,
            })
        })
        .collect();
    let max_size = raw
        .max_size
        .and_then(|text| context.parsed(&at.key("max_size"), &text, Size::parse));
    Restore {
        jobs,
        mask,
        exclude_data,
        accept_errors,
        max_size,
    }
}

/// An endpoint; the message never repeats the text, since a password may be in it.
fn endpoint(url: &str, path: &Path, context: &mut Context<'_>) -> Option<Endpoint> {
    Endpoint::parse(url)
        .map_err(|error| {
            context.problem(
                path,
                format!("`{path}` {error}"),
                Some("such as `postgres://user@host:5432/database`".to_owned()),
            );
        })
        .ok()
}
