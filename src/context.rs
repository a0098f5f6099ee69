//! What every stage of one run shares.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::change::Change;
use crate::cloud::Ledger;
use crate::policy::Policy;
use crate::process::RunId;
use crate::process::guard::{Guard, Watched, remove_directory};
use crate::progress::Progress;
use crate::text::Mask;

/// One run.
pub struct Context {
    pub run: RunId,
    pub policy: Arc<Policy>,
    /// What is to be merged; `None`: a state is rehearsed and not a change.
    pub change: Option<Change>,
    pub guard: Arc<Guard>,
    /// What was made at providers and is to be removed.
    pub ledger: Ledger,
    pub workspace: Workspace,
    pub progress: Progress,
    /// The secrets that no line of output may show.
    pub mask: Mask,
    /// The moment by which dates in the policy are judged.
    pub started: jiff::Timestamp,
    /// Where children's whole output is kept, without secrets and values.
    pub log_directory: PathBuf,
}

impl Context {
    /// The day of this run, by UTC.
    pub fn today(&self) -> jiff::civil::Date {
        self.started.to_zoned(jiff::tz::TimeZone::UTC).date()
    }

    /// How many jobs load and check data at once. Twice the processors: a job that waits for the
    /// disk or the network leaves its processor to another (four jobs on two processors restored in
    /// 50 s what two restored in 69 s).
    pub fn jobs(&self) -> usize {
        match self.policy.restore.jobs {
            Some(jobs) => jobs as usize,
            None => crate::postgres::machine::processors() * 2,
        }
    }
}

/// A private directory for what the run writes besides its servers: copied dumps hold personal
/// data. It is removed with its handle.
pub struct Workspace {
    path: PathBuf,
    guard: Arc<Guard>,
}

impl Workspace {
    pub fn create(parent: &Path, run: &RunId, guard: &Arc<Guard>) -> std::io::Result<Self> {
        Self::named(parent, &run.directory_prefix(), guard)
    }

    /// Another, beside a file that is to be: what is not whole yet is in it, on the same disk.
    pub fn beside(file: &Path, run: &RunId, guard: &Arc<Guard>) -> std::io::Result<Self> {
        // The guard works elsewhere.
        let file = std::path::absolute(file)?;
        let parent = file.parent().unwrap_or(&file);
        Self::named(
            parent,
            &format!("{}-unfinished", run.directory_prefix()),
            guard,
        )
    }

    fn named(parent: &Path, name: &str, guard: &Arc<Guard>) -> std::io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        let path = parent.join(name);
        guard.watch(Watched::Directory(path.clone()))?;
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self {
            path,
            guard: guard.clone(),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        remove_directory(&self.path);
        self.guard.forget(Watched::Directory(self.path.clone()));
    }
}
