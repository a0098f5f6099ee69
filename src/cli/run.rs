//! `pgrehearse run`: the gate.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use futures_util::FutureExt as _;
use tokio::signal::unix::{SignalKind, signal};

use super::fresh;
use super::giving_back::{Ending, give_back};
use super::loading::{self, Loaded};
use super::telling::Telling;
use super::{Exit, PolicyFile, complain, is_terminal, print, progress, runtime, say, variable};
use crate::change::Change;
use crate::cloud::Ledger;
use crate::context::{Context, Workspace};
use crate::github::{self, End};
use crate::pipeline::{self, Journal, Keep, Kept};
use crate::policy::{CommentWhen, FileGlob, Policy, Source, Target};
use crate::process::guard::Guard;
use crate::process::{RunId, stray};
use crate::report;
use crate::report::console::Colour;
use crate::text::{Mask, Secret};
use crate::verdict::{
    self, Explained, Failure, NotRun, NotRunKind, Outcome, RunReport, Stage, StageReport, Verdict,
};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) policy: PolicyFile,
    /// Where the reports go; the policy's `report.dir` otherwise
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Stop after a stage; undecided if a stage that the policy asks for is left out
    #[arg(long, value_name = "STAGE")]
    pub(super) until: Option<UntilStage>,
    /// The branch or commit that this is to be merged into: its policy counts, files are new against it,
    /// and where no migration differs from it there is nothing to rehearse. Default: what GitHub says of
    /// a pull request
    #[arg(long, value_name = "REV")]
    pub(super) base: Option<String>,
    /// Leave the clone up and print its URL
    #[arg(long)]
    pub(super) keep: bool,
    /// Rehearse nothing: say whether the go in this `report.json` still holds. 1: it does not; 3: that
    /// can't be told
    #[arg(long, value_name = "REPORT", conflicts_with_all = ["out", "until", "keep", "from_dump"])]
    pub(super) verify_fresh: Option<PathBuf>,
    /// Take this dump instead of the policy's source
    #[arg(long, value_name = "FILE")]
    pub(super) from_dump: Option<PathBuf>,
    /// Inputs of the action; the policy's `report` otherwise.
    #[arg(skip)]
    pub(super) comment: Option<CommentWhen>,
    #[arg(skip)]
    pub(super) check: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum UntilStage {
    Preflight,
    Clone,
    Restore,
    Migrate,
    Verify,
    SchemaDiff,
}

impl From<UntilStage> for Stage {
    fn from(stage: UntilStage) -> Self {
        match stage {
            UntilStage::Preflight => Self::Preflight,
            UntilStage::Clone => Self::Clone,
            UntilStage::Restore => Self::Restore,
            UntilStage::Migrate => Self::Migrate,
            UntilStage::Verify => Self::Verify,
            UntilStage::SchemaDiff => Self::SchemaDiff,
        }
    }
}

/// What a run came to.
struct Ended {
    report: RunReport,
    kept: Option<Kept>,
    /// What cut it, if something did.
    cut: Option<Exit>,
}

impl Ended {
    fn end(&self) -> End {
        match self.cut {
            None => End::Whole,
            Some(_) => End::Interrupted,
        }
    }
}

/// The exit code, and the report with its directory unless the run could not even be tried.
pub(super) type Answer = (Exit, Option<(RunReport, PathBuf)>);

pub fn run(arguments: &Arguments) -> Exit {
    match &arguments.verify_fresh {
        Some(report) => fresh::run(report, &arguments.policy, arguments.base.as_deref()),
        None => answer(arguments, RunId::new()).0,
    }
}

/// The same, for a caller that names the run and reads its report.
pub(super) fn answer(arguments: &Arguments, run: RunId) -> Answer {
    if let Some(why) = github::refusal(variable) {
        say(&format!("error: {why}"));
        return (Exit::Wrong, None);
    }
    let source = match arguments.from_dump.as_deref().map(dump_source).transpose() {
        Ok(source) => source,
        Err(why) => {
            say(&format!("error: `--from-dump`: {why}"));
            return (Exit::Wrong, None);
        }
    };
    let (file, base) = (&arguments.policy.policy, arguments.base.as_deref());
    let Loaded {
        mut policy,
        change,
        doubt,
    } = match loading::load(file, base, source) {
        Ok(loaded) => loaded,
        Err(exit) => return (exit, None),
    };
    if let Some(directory) = &arguments.out {
        policy.report_directory = directory.clone();
    }
    if arguments.base.is_some() {
        policy.migrations.base = arguments.base.clone();
    }
    if let Some(comment) = arguments.comment {
        policy.told.comment = comment;
    }
    if let Some(check) = arguments.check {
        policy.told.check = check;
    }
    let directory = policy.report_directory.clone();
    // A verdict of an earlier run must not be taken for this one's, however this one ends.
    if let Err(error) = report::clear(&directory) {
        complain(&error, None);
        return (Exit::Undecided, None);
    }
    let policy = Arc::new(policy);
    let telling = Telling::begin(&policy);
    let begun = match doubt {
        Some(error) => Err(error.explain()),
        None => rehearse(policy.clone(), change, arguments, run).map_err(|error| error.explain()),
    };
    let mut ended = begun.unwrap_or_else(|failure| {
        say(&format!("error: {failure}"));
        Ended {
            report: report_of_nothing(&policy, &failure),
            kept: None,
            cut: None,
        }
    });
    let end = ended.end();
    let telling = telling.map(|telling| telling.has_begun(end, &mut ended.report));
    let exit = conclude(&ended, &directory);
    if let Some(telling) = telling {
        if exit == Exit::Undecided && ended.report.verdict == Verdict::Go {
            ended.report.verdict = Verdict::Undecided;
            ended.report.reason = "the reports could not be written".to_owned();
        }
        telling.conclude(end, &ended.report);
    }
    (exit, Some((ended.report, directory)))
}

/// Writes the reports, tells the verdict, and chooses the exit code.
fn conclude(ended: &Ended, directory: &Path) -> Exit {
    let written = report::write(&ended.report, directory);
    let stdout = std::io::stdout();
    let colour = if is_terminal(&stdout) {
        Colour::Always
    } else {
        Colour::Never
    };
    print(&report::console::render(&ended.report, colour, width()));
    if let Some(kept) = &ended.kept {
        print(&format!(
            "\nthe clone is up: {}\n{}\n",
            kept.endpoint.url().expose(),
            kept.end
        ));
    }
    match written {
        Ok(written) => {
            print(&format!("\nreports: {}\n", written.directory.display()));
        }
        Err(error) => {
            complain(&error, None);
            // A go that nobody can read is none.
            if ended.report.verdict == Verdict::Go {
                return ended.cut.unwrap_or(Exit::Undecided);
            }
        }
    }
    ended.cut.unwrap_or_else(|| ended.report.verdict.into())
}

fn dump_source(dump: &Path) -> Result<Source, String> {
    let wrong = |why: String| format!("`{}`: {why}", dump.display());
    let path = dump
        .canonicalize()
        .map_err(|error| wrong(error.to_string()))?;
    let text = path
        .to_str()
        .ok_or_else(|| wrong("its name is no text".to_owned()))?;
    FileGlob::parse(&glob::Pattern::escape(text)).map(|files| Source::Dump(files.into()))
}

fn width() -> usize {
    terminal_width().unwrap_or(100).clamp(40, 120)
}

fn terminal_width() -> Option<usize> {
    std::env::var("COLUMNS").ok()?.parse().ok()
}

#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("could not start the guard of this run")]
    Guard(#[source] std::io::Error),
    #[error("could not make this run's private directory in `{}`", at.display())]
    Workspace { at: PathBuf, source: std::io::Error },
    #[error("could not make the directory `{}`", path.display())]
    Logs {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("could not start the runtime")]
    Runtime(#[source] std::io::Error),
}

impl Explained for RunError {}

/// The report of a run that could not begin.
fn report_of_nothing(policy: &Policy, failure: &Failure) -> RunReport {
    let stages = Stage::ALL.map(|stage| StageReport {
        stage,
        outcome: if stage == Stage::Preflight {
            Outcome::Errored(failure.clone())
        } else {
            Outcome::NotRun(NotRun {
                because: "the run could not begin".to_owned(),
                kind: NotRunKind::CutShort,
            })
        },
        began: Duration::ZERO,
        took: Duration::ZERO,
        saw: Vec::new(),
    });
    let (verdict, reason) = verdict::decide(&stages, &[]);
    RunReport {
        name: policy.name.clone(),
        policy_file: policy.file.display().to_string(),
        run: RunId::new().to_string(),
        started: jiff::Timestamp::now(),
        took: Duration::ZERO,
        verdict,
        reason,
        stages: stages.into(),
        rules: Vec::new(),
        migrations: Vec::new(),
        trace: None,
        provenance: None,
        fingerprint: None,
        findings: Vec::new(),
    }
}

fn rehearse(
    policy: Arc<Policy>,
    change: Option<Change>,
    arguments: &Arguments,
    run: RunId,
) -> Result<Ended, RunError> {
    let mask = mask(&policy);
    let log_directory = policy.report_directory.join("logs");
    std::fs::create_dir_all(&log_directory).map_err(|source| RunError::Logs {
        path: log_directory.clone(),
        source,
    })?;
    let guard = std::env::current_exe()
        .and_then(|program| Guard::start(&program, &run))
        .map(Arc::new)
        .map_err(RunError::Guard)?;
    let at = match &policy.target {
        Target::Throwaway {
            directory: Some(directory),
            ..
        } => directory.clone(),
        _ => std::env::temp_dir(),
    };
    let workspace = Workspace::create(&at, &run, &guard)
        .map_err(|source| RunError::Workspace { at, source })?;
    let context = Context {
        run,
        policy,
        change,
        ledger: Ledger::new(guard.clone()),
        guard,
        workspace,
        progress: progress(),
        mask,
        started: jiff::Timestamp::now(),
        log_directory,
    };
    let keep = if arguments.keep {
        Keep::Clone
    } else {
        Keep::Nothing
    };
    let journal = Journal::new(&context, arguments.until.map(Stage::from));
    let runtime = runtime().map_err(RunError::Runtime)?;
    let (kept, cut) = runtime.block_on(until_cut(&context, &journal, keep));
    let ending = cut.map_or(Ending::ByItself, |_| Ending::Cut);
    let given_back = runtime.block_on(give_back(&context.ledger, ending));
    // What a stage had spawned is over now; nothing may be waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    // A clone that is kept carries no mark of the run.
    stray::end_all(&context.run);
    journal.gave_back(given_back.gone, given_back.left);
    let report = journal.report(&context);
    Ok(Ended { report, kept, cut })
}

/// Runs until the end, a signal, or a panic. Whatever was started is dropped, and so stopped, before
/// this returns.
async fn until_cut(
    context: &Context,
    journal: &Journal,
    keep: Keep,
) -> (Option<Kept>, Option<Exit>) {
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hang_up)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    ) else {
        journal.interrupt("signals can't be listened to");
        return (None, None);
    };
    let running = std::panic::AssertUnwindSafe(pipeline::rehearse(context, journal, keep));
    let mut running = Box::pin(running.catch_unwind());
    let (because, exit) = tokio::select! {
        ended = &mut running => match ended {
            Ok(kept) => return (kept, None),
            Err(_) => ("the gate itself failed; please report it", None),
        },
        _ = interrupt.recv() => ("interrupted by SIGINT", Some(Exit::Interrupted)),
        _ = terminate.recv() => ("interrupted by SIGTERM", Some(Exit::Terminated)),
        _ = hang_up.recv() => ("interrupted by SIGHUP", Some(Exit::Terminated)),
    };
    journal.interrupt(because);
    if exit.is_some() {
        say(&format!("{because}: clearing up"));
    }
    drop(running);
    (None, exit)
}

/// The secrets that no output may show: the policy's passwords, and what the environment calls one.
fn mask(policy: &Policy) -> Mask {
    let mut mask = Mask::default();
    if let Some(secret) = policy.source.secret() {
        mask.add(&secret);
    }
    if let Target::Server(endpoint) = &policy.target
        && let Some(password) = &endpoint.password
    {
        mask.add(password);
    }
    for (name, value) in std::env::vars() {
        let name = name.to_ascii_uppercase();
        let is_secret = ["PASSWORD", "SECRET", "TOKEN", "PRIVATE_KEY", "ACCESS_KEY"]
            .iter()
            .any(|word| name.contains(word));
        // A short value would blot out words.
        if is_secret && value.len() >= 6 {
            mask.add(&Secret::new(value));
        }
    }
    mask
}
