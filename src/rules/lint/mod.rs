//! `lint/…`: what squawk says of the files, beside what the rehearsal measured of it.
//!
//! A family and not rules of their own: its records name what squawk can say, and one function
//! judges all of it.

mod records;
mod settle;

use std::collections::BTreeSet;

use super::{Facts, Rule};
use crate::preflight::lint::{File, Hit, Named, News};
use crate::verdict::{Finding, Place};

pub use records::ALL;
use settle::Settled;

/// What the names of the family begin with.
pub const PREFIX: &str = "lint/";

/// A rule of squawk's under our levels.
pub struct Lint {
    pub rule: Rule,
    pub fear: Fear,
}

/// What a rule is afraid of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fear {
    /// That a table which is there is locked, read or written anew for long.
    Lock,
    /// That a statement waits for a lock without an end.
    Timeout,
    /// That running code meets what it was not written for.
    Code,
    /// That who may see or do what changes.
    Access,
    /// That the file breaks off, or leaves something half done.
    Transaction,
    /// Nothing at once.
    Style,
}

impl Fear {
    /// As the page of the family says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lock => "locks, rewrites, scans",
            Self::Timeout => "waits without an end",
            Self::Code => "running code",
            Self::Access => "access and behaviour",
            Self::Transaction => "a broken transaction",
            Self::Style => "nothing at once",
        }
    }

    /// What the trace can show of it, as the page of the family says it.
    pub fn settled_by(self) -> &'static str {
        match self {
            Self::Lock => "the measured lock and rewrite are under their limits",
            Self::Timeout => "the session had a timeout",
            Self::Code | Self::Access | Self::Transaction | Self::Style => "no",
        }
    }

    const fn effect(self) -> &'static str {
        match self {
            Self::Lock => {
                "reads or writes of the table may wait, and whatever queues behind them; how long, only production's data can tell"
            }
            Self::Timeout => {
                "while the statement waits for its lock, everybody who comes later waits behind it"
            }
            Self::Code => {
                "code that runs while this is deployed, or after it is rolled back, may meet what it was not written for"
            }
            Self::Access => "who may see or do what changes, and nothing fails that would tell",
            Self::Transaction => "the file breaks off, or leaves something half done",
            Self::Style => "nothing at once; it is dearer to change later",
        }
    }

    /// Whether there is nothing to fear where the migration has just made the object.
    fn is_of_what_was_there(self) -> bool {
        matches!(self, Self::Lock | Self::Timeout | Self::Code | Self::Access)
    }
}

/// The record of a rule, by our name of it.
pub fn by_id(id: &str) -> Option<&'static Lint> {
    ALL.iter().find(|lint| lint.rule.id == id)
}

/// The findings about files that are pending, as far as that is known.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let Some(lint) = &facts.lint else {
        return Vec::new();
    };
    let mut made: BTreeSet<&Named> = BTreeSet::new();
    let mut findings = Vec::new();
    for file in in_question(facts, &lint.files) {
        for hit in &file.hits {
            let id = format!("{PREFIX}{}", hit.rule);
            let Some(lint) = by_id(&id) else { continue };
            let until_now = file
                .made
                .iter()
                .filter(|made| made.statement <= hit.statement)
                .map(|made| &made.what);
            let is_made =
                |named: &Named| made.contains(named) || until_now.clone().any(|made| made == named);
            if !is_about_new(lint.fear, hit, is_made) {
                findings.push(finding(lint, file, hit, facts));
            }
        }
        made.extend(file.made.iter().map(|made| &made.what));
    }
    findings
}

/// The pending files; until that is known, those that git says are new or different; where git says
/// nothing, all.
fn in_question<'f>(facts: &Facts, files: &'f [File]) -> Vec<&'f File> {
    let is_told = files.iter().any(|file| file.news != News::Unknown);
    files
        .iter()
        .filter(|file| match &facts.migrate {
            Some(migrate) => migrate.pending.contains(&file.shown),
            None => !is_told || file.news != News::Unchanged,
        })
        .collect()
}

/// Whether all that a finding would be about was made by the migration itself.
fn is_about_new(fear: Fear, hit: &Hit, is_made: impl Fn(&Named) -> bool) -> bool {
    let all_made = |named: &[Named]| !named.is_empty() && named.iter().all(&is_made);
    fear.is_of_what_was_there()
        && (all_made(&hit.subjects) || (fear == Fear::Code && all_made(&hit.constraints)))
}

fn finding(lint: &Lint, file: &File, hit: &Hit, facts: &Facts) -> Finding {
    let object = hit.subjects.first().map(|named| named.name.to_string());
    let message = match &object {
        Some(object) => format!("`{object}`: {}", hit.message),
        None => hit.message.clone(),
    };
    let mut finding = Finding {
        object,
        place: Some(Place {
            file: file.shown.clone(),
            line: Some(hit.line),
        }),
        ..lint.rule.finding(message)
    };
    if let Some(help) = &hit.help {
        finding.advice = Some(help.clone());
    }
    match settle::of(lint.fear, file, hit, facts) {
        Settled::Yes(how) => {
            finding.evidence.push(how.clone());
            finding.settled = Some(how);
        }
        Settled::No(measured) => finding.evidence.push(measured),
        Settled::Unknown => {}
    }
    finding
}
