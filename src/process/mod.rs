//! Programs that this run starts, and how each of them ends with it.
//!
//! Three nets, from the inside out: a child's process group is killed when its handle is dropped
//! ([`child`]); every child carries the run's id in its environment, so that one that left its group
//! is found ([`stray`]); a guard process does both when this process is gone without a word, even
//! by `kill -9` ([`guard`]).

pub mod child;
pub mod environment;
pub mod guard;
pub mod stray;

use std::fmt;

/// The environment variable that marks every process of a run; its value is the [`RunId`].
pub const RUN_VARIABLE: &str = "PGREHEARSE_RUN";

/// Names one run: its directories, its databases and its processes.
///
/// Letters, digits and `_` only, so that it fits a database's name without quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunId(String);

impl RunId {
    /// The time to the second, for people, and 32 random bits, for uniqueness.
    pub fn new() -> Self {
        let now = jiff::Timestamp::now();
        Self(format!(
            "{}_{:08x}",
            now.strftime("%Y%m%d%H%M%S"),
            rand::random::<u32>()
        ))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for RunId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
