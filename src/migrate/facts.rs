//! What the migrate stage saw.

use std::time::Duration;

use jiff::civil::Date;

use super::contention::Contention;
use super::files::HeldBack;
use super::history::{Applied, DecidedBy, History};
use super::violation::Violation;
use crate::container::Site;
use crate::postgres::ServerError;
use crate::trace::Trace;
use crate::verdict::Place;

/// What the migrate stage saw.
#[derive(Clone, Debug)]
pub struct Facts {
    pub pending: Vec<String>,
    pub decided_by: DecidedBy,
    pub ran: Vec<Ran>,
    /// Pending files that the history does not have after a run without an error.
    pub skipped: Vec<String>,
    pub held_back: Vec<Held>,
    /// What the history has and no file here explains: applied elsewhere, or deleted.
    pub unexplained: Vec<String>,
    /// Whether the history can be matched with files.
    pub matched: Matched,
    /// The role that migrated.
    pub role: String,
    /// The policy's image, if the command ran in one.
    pub image: Option<RanIn>,
    pub result: MigrationResult,
    pub took: Duration,
    /// What the server did.
    pub trace: Trace,
    /// `None`: not asked for, or the migration did not come to its end.
    pub contention: Option<Contention>,
}

impl MigrationResult {
    /// Whether the clone is a migrated one.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Succeeded | Self::NothingPending)
    }
}

impl Facts {
    /// Whether pending files are taken to have run because the command succeeded: where no history
    /// tells, nothing better is known.
    pub fn is_assumed_run(&self) -> bool {
        self.matched == Matched::No && matches!(self.result, MigrationResult::Succeeded)
    }
}

/// The image that a command ran in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RanIn {
    /// As the policy names it.
    pub name: String,
    /// Its digest, or the id that this machine gave it.
    pub identity: String,
    pub network: ImageNetwork,
}

/// What a command in an image could reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageNetwork {
    /// The clone.
    Closed,
    /// What the gate's own container reaches.
    Shared,
}

impl RanIn {
    pub(super) fn of(site: &Site) -> Self {
        let image = site.image();
        Self {
            name: image.name.to_string(),
            identity: image.identity.clone(),
            network: if site.is_open() {
                ImageNetwork::Shared
            } else {
                ImageNetwork::Closed
            },
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matched {
    /// The history names files: what ran is known from it.
    Yes,
    /// There is no history, or it records something else than files.
    No,
}

/// A migration that ran.
#[derive(Clone, Debug, PartialEq)]
pub struct Ran {
    pub file: String,
    /// Known where we ran the file ourselves.
    pub took: Option<Duration>,
}

/// A file that was not rehearsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub file: String,
    pub until: Date,
    pub reason: String,
}

/// How the migration ended.
#[derive(Clone, Debug)]
pub enum MigrationResult {
    NothingPending,
    Succeeded,
    Failed(Box<FailedMigration>),
    TimedOut {
        limit: Duration,
        file: Option<String>,
    },
}

/// A migration that production's data, or the server, refused.
#[derive(Clone, Debug)]
pub struct FailedMigration {
    /// How it ended: `exit code 1`.
    pub how: String,
    pub place: Option<Place>,
    /// The statement, as it stands in the user's file.
    pub statement: Option<String>,
    pub error: Option<ServerError>,
    /// What it is that rows break.
    pub violation: Option<Violation>,
    /// The command's last lines, without secrets and values.
    pub said: Vec<String>,
}

impl Held {
    pub(super) fn of(held: &HeldBack) -> Self {
        Self {
            file: held.file.shown.clone(),
            until: held.by.until,
            reason: held.by.reason.clone(),
        }
    }
}

impl Matched {
    /// A history table that never came to be records nothing, whatever it would have been.
    pub(super) fn of(history: &History, after: Option<&Applied>) -> Self {
        if history.names_files() && after.is_some() {
            Self::Yes
        } else {
            Self::No
        }
    }
}
