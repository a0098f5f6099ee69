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

/// A run that is being told of.
pub struct Announcement {
    runtime: Runtime,
    teller: Arc<Teller>,
    /// Until it is over: what could not be told at the beginning.
    beginning: Option<JoinHandle<Vec<String>>>,
    limits: Limits,
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
                Origin::Ours => {}
                origin => return Err(read_only(origin).to_owned()),
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
            limits,
        })
    }

    /// What could not be told at the beginning; waits until that is over.
    pub fn begun(&mut self, end: End) -> Vec<String> {
        let Some(mut beginning) = self.beginning.take() else {
            return Vec::new();
        };
        let limit = match end {
            // The beginning has a limit of its own.
            End::Whole => self.limits.begin,
            End::Interrupted => self.limits.hurried / 5,
        };
        let ended = self
            .runtime
            .block_on(async { timeout(limit, &mut beginning).await });
        match ended {
            Ok(Ok(problems)) => problems,
            // Nothing of ours may bring down a run.
            Ok(Err(_)) => {
                vec!["telling of the beginning on GitHub failed; please report it".into()]
            }
            Err(_) => {
                beginning.abort();
                Vec::new()
            }
        }
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
        let mut told = self.begun(end);
        let limit = match end {
            End::Whole => self.limits.conclude,
            End::Interrupted => self.limits.hurried * 4 / 5,
        };
        let problems = self.runtime.block_on(async {
            let mut work = pin!(
                self.teller
                    .conclude(report, text, end, Instant::now() + limit)
            );
            tokio::select! {
                problems = &mut work => problems,
                () = hurry => timeout(self.limits.hurried, work)
                    .await
                    .unwrap_or_else(|_| vec!["a signal came before all was told on GitHub".into()]),
            }
        });
        told.extend(problems);
        // A name that is being looked up can't be cut short, and must not be waited for.
        self.runtime.shutdown_background();
        told
    }
}

fn read_only(origin: Origin) -> &'static str {
    match origin {
        Origin::Dependabot => {
            "nothing is told on GitHub: this run is Dependabot's, whose token may only read; \
             docs/recipes/fork-comment.md shows how another workflow comments"
        }
        Origin::Fork | Origin::Ours => {
            "nothing is told on GitHub: the pull request is of a fork, whose token may only read; \
             docs/recipes/fork-comment.md shows how another workflow comments"
        }
    }
}
