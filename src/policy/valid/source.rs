//! Source, target and restore.

use std::path::PathBuf;
use std::time::Duration;

use super::cloud::Hosted;
use super::{Context, cloud};
use crate::policy::path::Path;
use crate::policy::raw::{
    RawAuto, RawDump, RawRestore, RawSource, RawTarget, RawTargetServer, RawVersion,
};
use crate::policy::units::{self, FileGlob, LockTimeout, ObjectGlob, Size};
use crate::postgres::endpoint::ParseError;
use crate::postgres::{Endpoint, Major, binaries};
use crate::text::Secret;

/// Where production's data comes from.
#[derive(Clone, Debug)]
pub enum Source {
    Dump(Dump),
    Database {
        endpoint: Endpoint,
        lock_timeout: LockTimeout,
    },
    Command(String),
    Sql(Vec<PathBuf>),
    /// A provider clones it.
    Hosted(Hosted),
}

impl Source {
    /// What of it no output may show.
    pub fn secret(&self) -> Option<Secret> {
        match self {
            Self::Database { endpoint, .. } => endpoint.password.clone(),
            Self::Hosted(hosted) => Some(hosted.secret()),
            Self::Dump(_) | Self::Command(_) | Self::Sql(_) => None,
        }
    }
}

/// Dumps on disk, of which the newest counts.
#[derive(Clone, Debug)]
pub struct Dump {
    pub files: FileGlob,
    /// Older data is refused.
    pub max_age: Option<Duration>,
}

impl From<FileGlob> for Dump {
    fn from(files: FileGlob) -> Self {
        Self {
            files,
            max_age: None,
        }
    }
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
    /// Where its provider made it.
    InPlace,
}

/// Whether the source hands on a clone that could be used where it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Clones {
    ByAProvider,
    ByUs,
}

impl Clones {
    pub fn of(is_hosted: bool) -> Self {
        if is_hosted {
            Self::ByAProvider
        } else {
            Self::ByUs
        }
    }
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
            ("neon", raw.neon.is_some()),
            ("dblab", raw.dblab.is_some()),
        ],
    )?;
    let here = at.key(key);
    if let Some(neon) = &raw.neon {
        return cloud::neon(neon, &here, context).map(Source::Hosted);
    }
    if let Some(dblab) = &raw.dblab {
        return cloud::dblab(dblab, &here, context).map(Source::Hosted);
    }
    if let Some(dump) = &raw.dump {
        return self::dump(dump, &here, context).map(Source::Dump);
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
    let files = raw.sql.as_ref()?.as_slice();
    if files.is_empty() {
        context.lacks(&here, "`source.sql` names no file", None);
    }
    Some(Source::Sql(context.existing_files(&here, files)))
}

fn dump(raw: &RawDump, here: &Path, context: &mut Context<'_>) -> Option<Dump> {
    match raw {
        RawDump::Pattern(pattern) => context
            .parsed(here, pattern, FileGlob::parse)
            .map(Dump::from),
        RawDump::Keys(keys) => {
            let files = context.parsed(&here.key("files"), &keys.files, FileGlob::parse);
            let max_age = match &keys.max_age {
                Some(text) => Some(context.parsed(&here.key("max_age"), text, units::duration)?),
                None => None,
            };
            Some(Dump {
                files: files?,
                max_age,
            })
        }
    }
}

pub(super) fn target(
    raw: Option<RawTarget>,
    clones: Clones,
    context: &mut Context<'_>,
) -> Option<Target> {
    let at = Path::of("target");
    let raw = match (raw, clones) {
        (None | Some(RawTarget::Word(_)), Clones::ByAProvider) => {
            return Some(Target::InPlace);
        }
        (Some(RawTarget::Word(_)), Clones::ByUs) => {
            context.problem(
                &at,
                "`target` can't be `in_place`: the source makes no clone of its own",
                Some("expected `throwaway` or `server`; `in_place` is for `source.neon` and `source.dblab`".to_owned()),
            );
            return None;
        }
        (None, Clones::ByUs) => RawTargetServer::default(),
        (Some(RawTarget::Server(raw)), _) => raw,
    };
    if raw.server.is_some() && raw.throwaway.is_some() {
        context.exactly_one(&at, &[("throwaway", true), ("server", true)]);
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
                        "expected {} to {}, or `auto` for the source's",
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
            context.problem(
                &at.key("jobs"),
                "`restore.jobs` can't be `0`",
                Some("expected 1 or more, or `auto`".to_owned()),
            );
            None
        }
        Some(RawVersion::Number(jobs)) => Some(jobs),
    };
    let mask = context.existing_files(&at.key("mask"), &raw.mask);
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
        .map(|accepted| AcceptedError {
            message: accepted.message,
            reason: accepted.reason,
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
            let after = url.split_once("://").map_or("", |(_, rest)| rest);
            // What seems to be a port, a path or a parameter is then a piece of a password.
            let is_torn = after
                .split_once(['/', '?', '#'])
                .is_some_and(|(_, rest)| rest.contains('@'));
            if is_torn {
                context.problem(
                    path,
                    format!("`{path}` has `/`, `?` or `#` before its `@`"),
                    Some("percent-encode it in the password: `%2F`, `%3F`, `%23`".to_owned()),
                );
            } else {
                let says_how = matches!(
                    error,
                    ParseError::NotAUrl
                        | ParseError::Parameter(_)
                        | ParseError::SslMode(_)
                        | ParseError::HalfCertificate
                );
                context.problem(
                    path,
                    format!("`{path}` {error}"),
                    (!says_how).then(|| "expected `postgres://user@host:5432/database`".to_owned()),
                );
            }
        })
        .ok()
}
