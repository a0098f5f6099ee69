//! `pgrehearse clone`: a dump of production to rehearse from, taken once a night and not once a pull
//! request.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;

use super::giving_back::{Ending, give_back};
use super::{Exit, PolicyFile, any_signal, complain, print, progress, runtime, say};
use crate::clone::{Beside, Format};
use crate::cloud::Ledger;
use crate::context::{Context, Workspace};
use crate::pipeline;
use crate::policy::{Policy, Source, Target};
use crate::process::guard::Guard;
use crate::process::{RunId, stray};
use crate::text::Mask;
use crate::verdict::Explained as _;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    policy: PolicyFile,
    /// Where the dump goes; what is known of it goes beside it, to `FILE.provenance.json`
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// `directory` is written by several jobs
    #[arg(long, value_name = "FORMAT", default_value = "custom")]
    format: Written,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Written {
    Custom,
    Directory,
}

impl From<Written> for Format {
    fn from(written: Written) -> Self {
        match written {
            Written::Custom => Self::Custom,
            Written::Directory => Self::Directory,
        }
    }
}

pub fn run(arguments: &Arguments) -> Exit {
    let mut policy = match arguments.policy.load() {
        Ok(policy) => policy,
        Err(exit) => return exit,
    };
    if let Source::Hosted(_) = policy.source {
        // Nothing of it is migrated, so it need not be a second time on a server of ours.
        policy.target = Target::InPlace;
    }
    let failed = |error: std::io::Error| {
        complain(&error, None);
        Exit::Undecided
    };
    let run = RunId::new();
    let (context, runtime) = match context(policy, &run).and_then(|made| Ok((made, runtime()?))) {
        Ok(made) => made,
        Err(error) => return failed(error),
    };
    let exit = runtime.block_on(take(&context, &arguments.to, arguments.format.into()));
    runtime.shutdown_timeout(Duration::from_secs(1));
    stray::end_all(&run);
    exit
}

fn context(policy: Policy, run: &RunId) -> std::io::Result<Context> {
    let guard = Arc::new(Guard::start(&std::env::current_exe()?, run)?);
    let workspace = Workspace::create(&std::env::temp_dir(), run, &guard)?;
    let mut mask = Mask::default();
    if let Some(secret) = policy.source.secret() {
        mask.add(&secret);
    }
    Ok(Context {
        run: run.clone(),
        policy: Arc::new(policy),
        change: None,
        ledger: Ledger::new(guard.clone()),
        guard,
        log_directory: workspace.path().to_owned(),
        workspace,
        progress: progress(),
        mask,
        started: jiff::Timestamp::now(),
    })
}

async fn take(context: &Context, to: &Path, format: Format) -> Exit {
    let taken = tokio::select! {
        taken = pipeline::keep(context, to, format) => Some(taken),
        () = any_signal() => None,
    };
    let ending = if taken.is_some() {
        Ending::ByItself
    } else {
        Ending::Cut
    };
    let given_back = give_back(&context.ledger, ending).await;
    match taken {
        None => {
            say("interrupted: no dump was written");
            Exit::Terminated
        }
        Some(Err(error)) => {
            say(&format!("error: {}", error.explain()));
            Exit::Undecided
        }
        Some(Ok(known)) => {
            print(&describe(to, &known));
            if given_back.left.is_empty() {
                Exit::Go
            } else {
                Exit::Undecided
            }
        }
    }
}

fn describe(to: &Path, known: &Beside) -> String {
    let masked = if known.masked_by.is_empty() {
        "not masked: it holds production's rows".to_owned()
    } else {
        format!("masked by `{}`", known.masked_by.join("`, `"))
    };
    format!(
        "{}\n  source    {}\n  database  `{}`, PostgreSQL {}\n  taken     {}\n  {masked}\n  {}\n",
        to.display(),
        known.source,
        known.database,
        known.server_version,
        known.taken_at.strftime("%Y-%m-%d %H:%M UTC"),
        known.digest
    )
}
