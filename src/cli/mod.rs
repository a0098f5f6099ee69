//! What was typed: one file per subcommand, and the exit codes.

pub mod action;
mod clone;
mod comment;
mod diff;
mod fresh;
mod giving_back;
mod init;
mod lint;
mod loading;
mod plan;
mod run;
mod schema;
mod sweep;
mod telling;
mod validate;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::policy::{self, FileGlob, LoadError, Policy, Source};
use crate::process::{first, guard};
use crate::progress::Progress;
use crate::report::console::Colour;
use crate::report::plain::{Plain, WorkflowCommands};
use crate::report::terminal::Live;
use crate::verdict::Verdict;

/// Rehearses a PostgreSQL migration on a clone of production and answers go or no-go.
///
/// Exit codes: 0 go, 1 no-go, 2 the policy or the command line is wrong, 3 undecided,
/// 130 and 143 interrupted, after cleanup.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Rehearse the migration: the gate
    Run(run::Arguments),
    /// Write a dump of the policy's source, masked as the policy says, to rehearse from
    Clone(clone::Arguments),
    /// Show what a run would do, and do nothing
    Plan(plan::Arguments),
    /// Check the policy
    Validate(validate::Arguments),
    /// Lint the migration files, without a database; exit 1 when a finding blocks
    Lint(lint::Arguments),
    /// Comment what a fork's run found, after it (for a job of `workflow_run`)
    Comment(comment::Arguments),
    /// Write a policy for the project in this directory
    Init(init::Arguments),
    /// Print the policy's JSON Schema
    Schema(schema::Arguments),
    /// Compare the schemas of two databases; exit 0 when equal, 1 when not, 3 when that can't be told
    Diff(diff::Arguments),
    /// List what runs have made and left, here and at providers; exit 1 when something has leaked
    Sweep(sweep::Arguments),
    /// Do what the GitHub action's inputs ask for; started by the action's container
    #[command(hide = true)]
    Action,
    /// Clear up after a run that was killed; started by `run`
    #[command(name = guard::SUBCOMMAND, hide = true)]
    StandGuard,
}

/// Where the policy is.
#[derive(clap::Args)]
struct PolicyFile {
    /// The policy
    #[arg(long, value_name = "FILE", default_value = policy::DEFAULT_FILE)]
    policy: PathBuf,
}

/// How a command ended, as the exit code says it. These are API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Go,
    NoGo,
    /// The policy or the command line is wrong.
    Wrong,
    Undecided,
    /// By SIGINT.
    Interrupted,
    /// By SIGTERM.
    Terminated,
}

impl Exit {
    fn code(self) -> u8 {
        match self {
            Self::Go => 0,
            Self::NoGo => 1,
            Self::Wrong => 2,
            Self::Undecided => 3,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Go => Self::Go,
            Verdict::NoGo => Self::NoGo,
            Verdict::Undecided => Self::Undecided,
        }
    }
}

/// Runs what was typed.
pub fn main() -> ExitCode {
    if first::is_first_process() {
        return first::serve().map_or_else(
            |error| {
                complain(&error, None);
                Exit::Undecided.into()
            },
            ExitCode::from,
        );
    }
    first::unblock_signals();
    if action::is_cleanup(std::env::args_os().next().as_deref()) {
        return action::clean_up();
    }
    let cli = Cli::parse();
    if let Command::StandGuard = cli.command {
        guard::stand_guard(std::io::stdin());
        return ExitCode::SUCCESS;
    }
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("PGREHEARSE_LOG"))
        .with_writer(std::io::stderr)
        .init();
    match cli.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Clone(arguments) => clone::run(&arguments),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Lint(arguments) => lint::run(&arguments),
        Command::Comment(arguments) => comment::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Sweep(arguments) => sweep::run(&arguments),
        Command::Action => action::run(),
        Command::StandGuard => Exit::Go,
    }
    .into()
}

impl PolicyFile {
    /// Reads the policy; what is wrong with it goes to standard error.
    fn load(&self) -> Result<Policy, Exit> {
        told(policy::load(&self.policy, variable))
    }

    /// The same for who asks no source: the variables of the policy's own need not be set.
    fn load_without_source(&self) -> Result<Policy, Exit> {
        let nothing = FileGlob::parse("-").map_err(|_| Exit::Wrong)?;
        let source = Source::Dump(nothing.into());
        told(policy::load_with_source(&self.policy, variable, source))
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn told<T>(loaded: Result<T, LoadError>) -> Result<T, Exit> {
    loaded.map_err(|error| {
        match &error {
            LoadError::Wrong(problems) => {
                let text = if is_terminal(&std::io::stderr()) {
                    problems.coloured()
                } else {
                    problems.to_string()
                };
                say(&text);
            }
            other => complain(other, other.hint().as_deref()),
        }
        Exit::Wrong
    })
}

fn is_terminal(stream: &impl std::io::IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// A line for people. A closed standard error is no reason to fail.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// An error for people: what failed, why, what next.
fn complain(error: &dyn std::error::Error, hint: Option<&str>) {
    let failure = crate::verdict::Failure::of(error, hint.map(str::to_owned));
    say(&format!("error: {failure}"));
}

/// Data for whoever reads standard output. `false` if nobody does.
fn print(text: &str) -> bool {
    let mut output = std::io::stdout().lock();
    output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
        .is_ok()
}

/// A runtime for the asynchronous part.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
}

/// A live list on a terminal, lines elsewhere.
fn progress() -> Progress {
    if is_terminal(&std::io::stderr()) {
        Progress::new(Live::on_stderr(Colour::Always))
    } else {
        let is_action = std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true");
        Progress::new(Plain::on_stderr(if is_action {
            WorkflowCommands::Fenced
        } else {
            WorkflowCommands::None
        }))
    }
}

/// Ready when somebody wants the process to end.
async fn any_signal() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
