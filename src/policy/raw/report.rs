//! `report`: where the reports go.

use schemars::JsonSchema;
use serde::Deserialize;

/// Where the reports go, and what a pull request is told.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawReport {
    /// A directory, relative to the policy. Default: `pgrehearse-report`.
    #[schemars(length(min = 1))]
    pub dir: Option<String>,
    /// When a pull request gets a comment; a comment that is there is kept up to date. Needs
    /// `pull-requests: write`. Default: `always`.
    pub comment: Option<RawComment>,
    /// A check run of its own beside the job's, on the pull request's head. Needs `checks: write`.
    /// Default: `false`.
    pub check: Option<bool>,
    /// A commit status on the pull request's head. Needs `statuses: write`. Default: `false`.
    pub status: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawComment {
    Always,
    OnProblem,
    Never,
}
