//! `pgrehearse schema`: the policy's JSON Schema, for editors and the repository.

use super::{Exit, print};
use crate::policy;

#[derive(clap::Args)]
pub struct Arguments {
    /// Print the reference of all keys as Markdown instead
    #[arg(long)]
    markdown: bool,
}

pub fn run(arguments: &Arguments) -> Exit {
    let text = if arguments.markdown {
        policy::reference::markdown()
    } else {
        policy::schema::text()
    };
    if print(&text) {
        Exit::Go
    } else {
        Exit::Undecided
    }
}
