//! What the two ways of making a clone at AWS have in common, told as calls: whose the credentials are, the
//! master password, the tunnel, the removal; and how long each takes.

use std::time::Duration;

use super::{FORWARDING_DOCUMENT, Home, Reach};
use crate::cloud::calls::{Change, Cost, Detail, Outline, Rate, Step, Takes};
use crate::cloud::{Account as _, CloneName, Connect};

/// Restoring a snapshot until the instance is available, as users of another tool that does it have seen.
pub(super) const RESTORE: Takes = Takes::Between(Duration::from_mins(10), Duration::from_mins(30));

/// AWS's own example of a clone of an Aurora cluster, most of which was its instance: 5 min 30 s.
pub(super) const CLUSTER: Takes = Takes::AtLeast(Duration::from_mins(5));

/// So much of an instance is billed at least.
const BILLED: Duration = Duration::from_mins(10);

/// Bytes a second of a database that is streamed between two servers of one machine with two processors,
/// all blocks there: measured, and so no less than what it takes through a network.
const STREAMED: (f64, f64) = (36e6, 65e6);

const IDENTITY: &str = "GetCallerIdentity";

/// Asked for before a clone is made, with what else is asked of production.
pub(super) fn identity() -> Step {
    Step::look(
        &[IDENTITY],
        "whose the credentials are; of another account nothing is asked",
    )
}

/// The calls that tell it, which have been made.
pub(super) fn asked(calls: &[&str]) -> Vec<String> {
    [IDENTITY]
        .iter()
        .chain(calls)
        .map(|&call| call.to_owned())
        .collect()
}

/// The least that the wait for a new password takes.
pub(super) fn password(home: &Home) -> Takes {
    Takes::AtLeast(home.pace.poll * super::wait::CALM)
}

pub(super) fn set_password(call: &str, thing: Detail, home: &Home) -> Change {
    let details = vec![
        thing,
        (
            "sets",
            "a new master password, which only the run knows".to_owned(),
        ),
    ];
    Change::new(call, details).taking(password(home))
}

/// The tunnel's opening, where there is one.
pub(super) fn tunnel(reach: &Reach) -> Option<Step> {
    let (what, details) = match &reach.connect {
        Connect::Direct => return None,
        Connect::Ssm { target } => (
            "opens a tunnel by `aws ssm start-session` (StartSession, later TerminateSession)",
            vec![
                ("through", target.clone()),
                ("document", FORWARDING_DOCUMENT.to_owned()),
            ],
        ),
        Connect::Command { line } => (
            "opens a tunnel by a command",
            vec![("command", line.trim().to_owned())],
        ),
    };
    Some(Step::Work {
        what: what.to_owned(),
        details,
        takes: Takes::Seconds,
    })
}

/// The end: each thing that is there is deleted, and what is gone is looked for again.
pub(super) fn removal(name: &CloneName, deletions: &[(&str, &'static str)]) -> Vec<Step> {
    let all = [
        "DescribeDBInstances",
        "DescribeDBClusters",
        "DescribeDBSnapshots",
    ];
    let mut steps = vec![Step::look(
        &all,
        "what there is by the clone's name and wears its tags; a protection from deletion that somebody has set meanwhile is lifted first",
    )];
    for (call, thing) in deletions {
        let details = vec![
            (*thing, name.to_string()),
            ("final snapshot", "none".to_owned()),
        ];
        steps.push(Change::new(*call, details).into());
    }
    steps.push(Step::look(&all, "until nothing is left"));
    steps
}

/// How long reading so many bytes takes at best.
pub(super) fn streaming(gibibytes: i32) -> (Duration, Duration) {
    let bytes = f64::from(gibibytes) * f64::from(1 << 30);
    (
        Duration::from_secs_f64(bytes / STREAMED.1),
        Duration::from_secs_f64(bytes / STREAMED.0),
    )
}

/// What an instance costs that is there for so long, if that can be told, and no shorter than is billed.
pub(super) fn cost(hour: Option<(f64, f64)>, life: Option<Duration>) -> Cost {
    let Some(hour) = hour else {
        return Cost::NotKnown;
    };
    let hours = |life: Duration| life.max(BILLED).as_secs_f64() / 3600.0;
    Cost::Between {
        least: hour.0 * hours(BILLED),
        most: life.map(|life| hour.1 * hours(life)),
        hour,
    }
}

pub(super) fn rate(hour: Option<(f64, f64)>) -> Rate {
    hour.map_or(Rate::NotKnown, |(least, most)| Rate::Between(least, most))
}

/// The sentences that hold for every outline.
pub(super) fn notes(hour: Option<(f64, f64)>) -> Vec<String> {
    match hour {
        Some(_) => vec![
            "Prices are the list prices of us-east-1; other regions are up to half as dear again. An instance is billed by the second from when it is available, and for 10 min at least.".to_owned(),
        ],
        None => vec!["The price of this class is not known here: see AWS's price list.".to_owned()],
    }
}

pub(super) fn outline(
    home: &Home,
    asked: Vec<String>,
    steps: Vec<Step>,
    figures: Figures,
) -> Outline {
    Outline {
        place: home.describe(),
        asked,
        steps,
        ready: figures.ready,
        cost: figures.cost,
        notes: figures.notes,
    }
}

/// Sums of an outline.
pub(super) struct Figures {
    pub ready: Takes,
    pub cost: Cost,
    pub notes: Vec<String>,
}
