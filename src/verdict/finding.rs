//! A finding: what a rule says of the facts, and what the policy makes of it.

use std::fmt;

use serde::Serialize;

use super::outcome::Stage;

/// What a finding does to the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    Off,
    Info,
    Warn,
    Block,
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Off => "off",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Block => "block",
        })
    }
}

/// A line of a file of the user's, relative to the policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Place {
    pub file: String,
    pub line: Option<u32>,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "{}:{line}", self.file),
            None => formatter.write_str(&self.file),
        }
    }
}

/// What a rule found. Without a level: that is the policy's to give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule's name.
    pub rule: &'static str,
    pub stage: Stage,
    /// What it is about, as people name it: `public.orders`, a file, a page.
    pub object: Option<String>,
    /// What happened, with names and numbers, in one sentence.
    pub message: String,
    /// What it does to the service.
    pub effect: String,
    /// What to do instead: a sentence.
    pub advice: Option<String>,
    /// SQL to paste, with the user's own names.
    pub sql: Option<String>,
    /// Facts that show it, one a line.
    pub evidence: Vec<String>,
    pub place: Option<Place>,
    /// Rules whose finding about the same object says the same and more: where one is there and
    /// weighs as much, this one is a line of it.
    pub within: &'static [&'static str],
    /// What shows that nothing is to be feared of it here: it is told at most as `info`.
    pub settled: Option<String>,
}

/// An entry of `allow` that covers a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Accepted {
    pub reason: String,
    pub until: jiff::civil::Date,
}

/// A finding with what the policy makes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub finding: Finding,
    /// The rule's level; what counts is [`Judged::blocks`].
    pub level: Level,
    pub accepted: Option<Accepted>,
}

impl Judged {
    /// Whether this finding alone refuses the migration.
    pub fn blocks(&self) -> bool {
        self.level == Level::Block && self.accepted.is_none()
    }
}
