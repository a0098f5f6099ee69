//! `pgrehearse comment`: the comment that a run of a fork's pull request could not make itself, for a
//! job of `workflow_run`. What the run left is a stranger's.

mod untrusted;

use std::path::PathBuf;

use super::{Exit, PolicyFile, complain, runtime, say, variable};
use crate::github::event::Context;
use crate::github::relay;
use crate::report::escape::Terminal;
use crate::report::markdown;
use crate::text::Secret;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    policy: PolicyFile,
    /// The directory with the run's `report.json`, as its artifact had it
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
}

pub fn run(arguments: &Arguments) -> Exit {
    // The name is this branch's policy's, whatever the report says.
    let policy = match arguments.policy.load_without_source() {
        Ok(policy) => policy,
        Err(exit) => return exit,
    };
    let report = match untrusted::read(&arguments.from.join("report.json"), &policy.name) {
        Ok(report) => report,
        Err(error) => {
            complain(&error, None);
            return Exit::Undecided;
        }
    };
    match tell(&policy.name, &markdown::render(&report)) {
        Ok(said) => {
            say(said);
            Exit::Go
        }
        Err(why) => {
            say(&format!("error: {}", Terminal::line(&why)));
            Exit::Undecided
        }
    }
}

fn tell(name: &str, text: &str) -> Result<&'static str, String> {
    let context = Context::of_this_job().map_err(|error| error.to_string())?;
    let token = variable("INPUT_GITHUB-TOKEN")
        .or_else(|| variable("GITHUB_TOKEN"))
        .filter(|token| !token.is_empty())
        .ok_or("there is no token in `GITHUB_TOKEN`")?;
    let runtime = runtime().map_err(|error| error.to_string())?;
    runtime
        .block_on(relay(&context, &Secret::new(token), name, text))
        .map_err(|error| error.to_string())
}
