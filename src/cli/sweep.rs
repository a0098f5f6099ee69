//! `pgrehearse sweep`: what runs have made and left, and its end.

use jiff::Timestamp;

use super::{Exit, PolicyFile, complain, print, runtime, say};
use crate::policy::Policy;
use crate::process::RunId;
use crate::sweep::{self, Left, Place, Seen, SweepError};
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
    let mut sweeping = Sweeping {
        over: arguments.run_id.as_ref(),
        now: Timestamp::now(),
        errors: 0,
        leaked: Vec::new(),
    };
    let mut all_seen = Vec::new();
    for place in &places {
        let seen: Seen = match place.list().await {
            Ok(found) => sweeping.print(place, found),
            Err(error) => {
                sweeping.fail(&place.describe(), &error);
                continue;
            }
        };
        all_seen.push((place, seen));
    }
    let seen = all_seen.iter().map(|(_, seen)| seen.len()).sum();
    print(&summary(seen, &sweeping.leaked));
    if arguments.delete {
        sweeping.delete(0).await;
    }
    if arguments.delete && arguments.run_id.is_some() {
        for (place, seen) in &mut all_seen {
            sweeping.delete_late(place, seen).await;
        }
    }
    match (sweeping.errors, sweeping.leaked.is_empty()) {
        (0, true) => Exit::Go,
        (0, false) => Exit::NoGo,
        _ => Exit::Undecided,
    }
}

/// What was found so far.
struct Sweeping<'a> {
    /// A run that is over.
    over: Option<&'a RunId>,
    now: Timestamp,
    errors: usize,
    leaked: Vec<(&'a Place, Left)>,
}

impl<'a> Sweeping<'a> {
    fn fail(&mut self, what: &str, error: &SweepError) {
        say(&format!("error: {what}: {}", error.explain()));
        self.errors += 1;
    }

    /// Prints what was found in a place, and keeps what has leaked.
    fn print(&mut self, place: &'a Place, found: Vec<Left>) -> Seen {
        let mut seen = Seen::new();
        for left in found {
            let is_leaked = left.is_leaked(self.over, self.now);
            print(&line(&left, is_leaked, self.now));
            seen.insert(left.key());
            if is_leaked {
                self.leaked.push((place, left));
            }
        }
        seen
    }

    /// Deletes what has leaked, beginning with that one.
    async fn delete(&mut self, from: usize) {
        for at in from..self.leaked.len() {
            let (place, left) = &self.leaked[at];
            let what = format!("{} `{}`", left.kind, left.name);
            match place.remove(left).await {
                Ok(()) => {
                    print(&format!("deleted {what}\n"));
                }
                Err(error) => self.fail(&what, &error),
            }
        }
    }

    /// Looks again until there is nothing new.
    async fn delete_late(&mut self, place: &'a Place, seen: &mut Seen) {
        loop {
            let late = match place.list_late(seen).await {
                Ok(late) => late,
                Err(error) => return self.fail(&place.describe(), &error),
            };
            let from = self.leaked.len();
            self.print(place, late);
            if self.leaked.len() == from {
                return;
            }
            self.delete(from).await;
        }
    }
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
