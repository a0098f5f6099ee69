//! Programs that this run starts, and how each of them ends with it.
//!
//! Three nets, from the inside out: a child's process group is killed when its handle is dropped
//! ([`child`]); every child carries the run's id in its environment, so that one that left its group
//! is found ([`stray`]); a guard process does both when this process is gone without a word, even
//! by `kill -9` ([`guard`]). Where this program is a container's first process, it is that apart
//! ([`first`]).

pub mod child;
pub mod environment;
pub mod first;
pub mod guard;
pub mod lines;
pub mod stray;

use std::fmt;

/// The environment variable that marks every process of a run; its value is the [`RunId`].
pub const RUN_VARIABLE: &str = "PGREHEARSE_RUN";

/// Names one run: its directories, its databases and its processes.
///
/// Letters, digits and `_` only, so that it fits a database's name without quotes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

    /// Accepts what [`RunId::new`] makes and nothing else: directories are removed by this name.
    pub fn parse(text: &str) -> Option<Self> {
        let (time, random) = text.split_once('_')?;
        let is_time = time.len() == 14 && time.bytes().all(|byte| byte.is_ascii_digit());
        let is_random = random.len() == 8
            && random
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (is_time && is_random).then(|| Self(text.to_owned()))
    }

    /// The run that made a directory of that name.
    pub fn of_directory(name: &str) -> Option<Self> {
        let id = name.strip_prefix("pgrehearse-")?.split('-').next()?;
        Self::parse(id)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When it began, by its name, to the second.
    pub fn began(&self) -> Option<jiff::Timestamp> {
        let (time, _) = self.0.split_once('_')?;
        let began = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", time).ok()?;
        Some(began.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    }

    /// Begins the name of every directory that this run makes.
    pub fn directory_prefix(&self) -> String {
        format!("pgrehearse-{self}")
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

#[cfg(test)]
mod tests {
    use super::RunId;

    #[test]
    fn only_a_run_is_read_as_one() {
        let run = RunId::new();
        assert_eq!(RunId::parse(run.as_str()), Some(run.clone()));
        assert_eq!(
            RunId::of_directory(&run.directory_prefix()),
            Some(run.clone())
        );
        let server = format!("{}-clone-0a1b", run.directory_prefix());
        assert_eq!(RunId::of_directory(&server), Some(run.clone()));
        assert_eq!(RunId::of_directory("pgrehearse-report"), None);
        let age = jiff::Timestamp::now().duration_since(run.began().expect("a time"));
        assert!((0..60).contains(&age.as_secs()), "{age:?}");
        for other in [
            "",
            "_",
            "20261121193000_",
            "20261121193000_0123456g",
            "20261121193000_01234567/..",
            "2026112119300_01234567",
        ] {
            assert_eq!(RunId::parse(other), None, "{other}");
        }
    }
}
