//! `report`: where the reports go, and what a pull request is told.

pub use crate::policy::raw::RawComment as CommentWhen;
use crate::policy::raw::RawReport;

/// What is told on GitHub. The job's own check is the gate; all of this is beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub comment: CommentWhen,
    /// A check run of its own.
    pub check: bool,
    /// A commit status.
    pub status: bool,
}

pub(super) fn told(raw: &RawReport) -> Told {
    Told {
        comment: raw.comment.unwrap_or(CommentWhen::Always),
        check: raw.check.unwrap_or(false),
        status: raw.status.unwrap_or(false),
    }
}
