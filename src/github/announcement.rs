//! The telling of a run, from its beginning to its end, beside the run and never in its way.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::event::{Context, Event, Origin};
use super::outcome::End;
use super::teller::Teller;
use crate::policy::{CommentWhen, Told};
use crate::text::Secret;
use crate::verdict::RunReport;

/// How long telling may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub begin: Duration,
    pub conclude: Duration,
    /// After a signal: a runner kills ten seconds after its first.
    pub hurried: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            begin: Duration::from_secs(15),
            conclude: Duration::from_secs(60),
            hurried: Duration::from_secs(5),
        }
    }
}

/// Between the end of a part's own time and the end of patience with it.
const ROOM: Duration = Duration::from_millis(500);

const OF_A_FORK: &str = "nothing is told on GitHub: the pull request is of a fork, whose token may only read; \
     docs/recipes/fork-comment.md shows how another workflow comments";

/// A run that is being told of.
pub struct Announcement {
    runtime: Runtime,
    teller: Arc<Teller>,
    /// Until it is over: what could not be told at the beginning.
    beginning: Option<JoinHandle<Vec<String>>>,
    /// What was returned of it.
    said: Vec<String>,
    limits: Limits,
    /// A signal has come, or the beginning would not end.
    is_late: bool,
}

impl Announcement {
    /// For the job that this process is part of, if there is something to tell there.
    ///
    /// The error is a sentence that says why what was asked for is not told.
    pub fn of_this_job(told: Told, name: &str, started: Timestamp) -> Result<Option<Self>, String> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let asks = told.comment != CommentWhen::Never || told.check || told.status;
        if !asks || variable("GITHUB_ACTIONS").as_deref() != Some("true") {
            return Ok(None);
        }
        let context = Context::of_this_job()
            .map_err(|error| format!("nothing is told on GitHub: {error}"))?;
        match &context.event {
            Event::PullRequest(pull_request) => match pull_request.origin {
                // `permissions:` may have given Dependabot's token more than it has by itself.
                Origin::Ours | Origin::Dependabot => {}
                Origin::Fork => return Err(OF_A_FORK.to_owned()),
            },
            Event::MergeGroup { .. } | Event::Push | Event::Dispatch
                if told.check || told.status => {}
            _ => return Ok(None),
        }
        let token = variable("INPUT_GITHUB-TOKEN")
            .or_else(|| variable("GITHUB_TOKEN"))
            .map(Secret::new)
            .ok_or(
                "nothing is told on GitHub: there is no token in `GITHUB_TOKEN`; `report.comment: never` \
                 in the policy asks for no comment",
            )?;
        Self::begin(context, told, name, started, &token, Limits::default()).map(Some)
    }

    /// Begins to tell, in the background.
    pub fn begin(
        context: Context,
        told: Told,
        name: &str,
        started: Timestamp,
        token: &Secret,
        limits: Limits,
    ) -> Result<Self, String> {
        let failed = |why: &dyn std::fmt::Display| format!("nothing is told on GitHub: {why}");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("github")
            .enable_all()
            .build()
            .map_err(|error| failed(&error))?;
        let teller = {
            let _inside = runtime.enter();
            Teller::new(context, told, name, started, token)
        };
        let teller = Arc::new(teller.map_err(|error| failed(&error))?);
        let beginning = {
            let teller = teller.clone();
            let until = Instant::now() + limits.begin;
            runtime.spawn(async move { teller.begin(until).await })
        };
        Ok(Self {
            runtime,
            teller,
            beginning: Some(beginning),
            said: Vec::new(),
            limits,
            is_late: false,
        })
    }

    /// What could not be told at the beginning; waits until that is over, or `hurry` is ready.
    pub fn begun(&mut self, end: End, hurry: impl Future<Output = ()>) -> Vec<String> {
        let Some(beginning) = self.beginning.take() else {
            return Vec::new();
        };
        let limit = match end {
            // The beginning has a limit of its own.
            End::Whole => self.limits.begin,
            End::Interrupted => self.limits.hurried / 5,
        };
        let waited = self.runtime.block_on(async {
            tokio::select! {
                told = ended(beginning, limit) => told,
                () = hurry => None,
            }
        });
        self.said = waited.unwrap_or_else(|| {
            self.is_late = true;
            Vec::new()
        });
        self.said.clone()
    }

    /// Tells how the run ended, and returns what could not be told. `hurry` is ready when a signal asks
    /// to come to an end.
    pub fn conclude(
        mut self,
        report: &RunReport,
        text: &str,
        end: End,
        hurry: impl Future<Output = ()>,
    ) -> Vec<String> {
        let mut hurry = pin!(hurry);
        let mut problems = self.begun(end, &mut hurry);
        let hurried = self.limits.hurried;
        let limit = match end {
            End::Whole if !self.is_late => self.limits.conclude,
            End::Whole | End::Interrupted => hurried * 4 / 5,
        };
        // On a thread of its own, where nothing of it can bring down the run.
        let work = {
            let (teller, report, text) = (self.teller.clone(), report.clone(), text.to_owned());
            let until = Instant::now() + limit;
            (self.runtime).spawn(async move { teller.conclude(&report, &text, end, until).await })
        };
        let told = self.runtime.block_on(async {
            let mut work = pin!(ended(work, limit));
            tokio::select! {
                told = &mut work => told,
                () = hurry, if !self.is_late => timeout(hurried, work).await.ok().flatten(),
            }
        });
        let late = || vec!["a signal came before all was told on GitHub".to_owned()];
        let mut told = told.unwrap_or_else(late);
        told.retain(|problem| !self.said.contains(problem));
        problems.extend(told);
        // A name that is being looked up can't be cut short, and must not be waited for.
        self.runtime.shutdown_background();
        problems
    }
}

/// What a part could not tell; `None` if it took longer than this.
async fn ended(mut part: JoinHandle<Vec<String>>, limit: Duration) -> Option<Vec<String>> {
    // It keeps its time itself; this is for one that does not.
    match timeout(limit + ROOM, &mut part).await {
        Ok(Ok(problems)) => Some(problems),
        Ok(Err(_)) => Some(vec!["telling GitHub failed; please report it".to_owned()]),
        Err(_) => {
            part.abort();
            None
        }
    }
}
