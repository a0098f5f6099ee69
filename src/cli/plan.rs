//! `pgrehearse plan`: what a run would create, run and delete, in order. The source is looked at;
//! nothing is made.

mod provider;
mod stages;

use std::sync::Arc;

use super::{Exit, PolicyFile, complain, print, runtime, say};
use crate::clone::{CloneError, read_only_session};
use crate::cloud::Ledger;
use crate::context::{Context, Workspace};
use crate::migrate::{self, DecidedBy, History, MigrationFile};
use crate::policy::{Policy, Source};
use crate::preflight::{self, Plan, PreflightError};
use crate::process::RunId;
use crate::process::guard::Guard;
use crate::progress::Progress;
use crate::text::Mask;
use crate::verdict::Explained;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) policy: PolicyFile,
}

pub fn run(arguments: &Arguments) -> Exit {
    let policy = match arguments.policy.load() {
        Ok(policy) => policy,
        Err(exit) => return exit,
    };
    match look(policy) {
        Ok(text) => {
            print(&text);
            Exit::Go
        }
        Err(exit) => exit,
    }
}

fn look(policy: Policy) -> Result<String, Exit> {
    let failed = |error: std::io::Error| {
        complain(&error, None);
        Exit::Undecided
    };
    let runtime = runtime().map_err(failed)?;
    let run = RunId::new();
    let guard = std::env::current_exe()
        .and_then(|program| Guard::start(&program, &run))
        .map(Arc::new)
        .map_err(failed)?;
    let workspace = Workspace::create(&std::env::temp_dir(), &run, &guard).map_err(failed)?;
    let context = Context {
        run,
        policy: Arc::new(policy),
        change: None,
        ledger: Ledger::new(guard.clone()),
        guard,
        log_directory: workspace.path().to_owned(),
        workspace,
        progress: Progress::silent(),
        mask: Mask::default(),
        started: jiff::Timestamp::now(),
    };
    runtime.block_on(async {
        let looked = preflight::look(&context).await.map_err(|error| {
            // What is refused for want of a permission is cured by the policy that has them all.
            if let PreflightError::Source(CloneError::Cloud(cause)) = &error {
                provider::after_refusal(&context.policy, cause);
            }
            explain(&error)
        })?;
        let pending = pending(&context, &looked.plan).await;
        let mut text = stages::describe(&context.policy, &context.run, &looked, pending);
        if let Source::Hosted(hosted) = &context.policy.source {
            let told = provider::describe(&context, hosted)
                .await
                .map_err(|error| explain(&error))?;
            text.push_str(&told);
        }
        Ok(text)
    })
}

fn explain(error: &impl Explained) -> Exit {
    say(&format!("error: {}", error.explain()));
    Exit::Undecided
}

/// What is pending, where the source can be asked without making a clone.
async fn pending(context: &Context, plan: &Plan) -> Option<(Vec<MigrationFile>, DecidedBy)> {
    let Source::Database {
        endpoint,
        lock_timeout,
    } = &context.policy.source
    else {
        return None;
    };
    let history = History::of(&context.policy.migrations);
    let session = read_only_session(endpoint, *lock_timeout).await.ok()?;
    let applied = history.read(&session).await.ok()?;
    migrate::pending(
        &context.policy.migrations,
        &context.policy.root,
        &plan.found.files,
        &history,
        applied.as_ref(),
    )
    .await
    .ok()
}
