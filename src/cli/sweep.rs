//! `pgrehearse sweep`: what runs have made and left, and its end.

use jiff::Timestamp;

use super::{Exit, PolicyFile, complain, print, runtime, say};
use crate::policy::Policy;
use crate::process::RunId;
use crate::sweep::{self, Left, Place};
use crate::text::{count_of, human_seconds};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    policy: PolicyFile,
    /// Delete what has leaked: what is ours by its name and its label, and is past its time
    #[arg(long)]
    delete: bool,
    /// What this run has made counts as leaked, whatever its age, and nothing else does
    #[arg(long, value_name = "ID", value_parser = run_id)]
    run_id: Option<RunId>,
}

fn run_id(text: &str) -> Result<RunId, String> {
    RunId::parse(text)
        .ok_or_else(|| "expected a run's id, such as `20261121220000_0123abcd`".to_owned())
}

pub fn run(arguments: &Arguments) -> Exit {
    let policy = match arguments.policy.load() {
        Ok(policy) => policy,
        Err(exit) => return exit,
    };
    match runtime() {
        Ok(runtime) => runtime.block_on(look(arguments, &policy)),
        Err(error) => {
            complain(&error, None);
            Exit::Undecided
        }
    }
}

async fn look(arguments: &Arguments, policy: &Policy) -> Exit {
    let places = match sweep::places(Some(policy)) {
        Ok(places) => places,
        Err(error) => {
            say(&format!("error: {}", error.explain()));
            return Exit::Undecided;
        }
    };
    let now = Timestamp::now();
    let mut exit = Exit::Go;
    let mut leaked = Vec::new();
    let mut seen = 0;
    for place in &places {
        match place.list().await {
            Ok(all) => {
                seen += all.len();
                for left in all {
                    let is_leaked = left.is_leaked(arguments.run_id.as_ref(), now);
                    print(&line(&left, is_leaked, now));
                    if is_leaked {
                        leaked.push((place, left));
                    }
                }
            }
            Err(error) => {
                say(&format!("error: {}: {}", place.describe(), error.explain()));
                exit = Exit::Undecided;
            }
        }
    }
    print(&summary(seen, &leaked));
    if !leaked.is_empty() && exit == Exit::Go {
        exit = Exit::NoGo;
    }
    if arguments.delete {
        for (place, left) in leaked {
            match place.remove(&left).await {
                Ok(()) => {
                    print(&format!("deleted {} `{}`\n", left.kind, left.name));
                }
                Err(error) => {
                    say(&format!(
                        "error: {} `{}`: {}",
                        left.kind,
                        left.name,
                        error.explain()
                    ));
                    exit = Exit::Undecided;
                }
            }
        }
    }
    exit
}

fn line(left: &Left, is_leaked: bool, now: Timestamp) -> String {
    let mut parts = vec![format!("{} `{}` in {}", left.kind, left.name, left.place)];
    if let Some(age) = left.age(now) {
        parts.push(format!("{} old", human_seconds(age)));
    }
    if let Some(expires) = left.expires {
        let word = if expires < now { "expired" } else { "expires" };
        parts.push(format!("{word} {}", expires.strftime("%Y-%m-%d %H:%M UTC")));
    }
    if let Some(dollars) = left.monthly_dollars {
        parts.push(format!("about ${dollars:.0} a month"));
    }
    let mark = if is_leaked { "leaked" } else { "      " };
    format!("{mark}  {}\n", parts.join(", "))
}

fn summary(seen: usize, leaked: &[(&Place, Left)]) -> String {
    if seen == 0 {
        return "no run has left anything\n".to_owned();
    }
    let dollars: f64 = leaked
        .iter()
        .filter_map(|(_, left)| left.monthly_dollars)
        .sum();
    let cost = if dollars > 0.0 {
        format!(", about ${dollars:.0} a month")
    } else {
        String::new()
    };
    format!(
        "{} of runs, {} leaked{cost}\n",
        count_of(seen as u64, "thing"),
        leaked.len()
    )
}
