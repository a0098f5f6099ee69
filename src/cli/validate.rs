//! `pgrehearse validate`: is the policy right? Nothing is connected to.

use super::{Exit, PolicyFile, say};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) policy: PolicyFile,
}

pub fn run(arguments: &Arguments) -> Exit {
    match arguments.policy.load() {
        Ok(policy) => {
            say(&format!(
                "`{}` is valid: rehearsal `{}`",
                policy.file.display(),
                policy.name
            ));
            Exit::Go
        }
        Err(exit) => exit,
    }
}
