//! How a run ended, in the few words that GitHub knows.

use crate::verdict::{RunReport, Verdict};

/// Whether the run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Whole,
    /// By a signal: the runner leaves us a few seconds.
    Interrupted,
}

/// What is told of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conclusion {
    Go,
    NoGo,
    Undecided,
    Interrupted,
}

impl Conclusion {
    pub fn of(report: &RunReport, end: End) -> Self {
        match (end, report.verdict) {
            (End::Interrupted, _) => Self::Interrupted,
            (End::Whole, Verdict::Go) => Self::Go,
            (End::Whole, Verdict::NoGo) => Self::NoGo,
            (End::Whole, Verdict::Undecided) => Self::Undecided,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::NoGo => "no-go",
            Self::Undecided => "undecided",
            Self::Interrupted => "interrupted",
        }
    }
}
