//! What a run would ask of a provider: each call in its order, with what it makes, takes and costs.
//!
//! Each provider tells it beside the code that makes the calls, and of the same values. A test holds the
//! two together: it runs a clone's whole life and compares what was called with what was told.

use std::time::Duration;

use super::CloneName;

/// The clone that is meant.
#[derive(Clone, Copy, Debug)]
pub struct Intended<'a> {
    pub name: &'a CloneName,
    pub used: Used,
}

/// What becomes of a clone once it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// The rehearsal is in it, to its end.
    InPlace,
    /// It is read into a server of ours, and deleted when that is done.
    Streamed,
}

/// All that a run would ask of a provider.
#[derive(Clone, Debug)]
pub struct Outline {
    /// Who is asked: ``AWS account `123456789012` in `eu-central-1` ``.
    pub place: String,
    /// The calls that were made in order to know this.
    pub asked: Vec<String>,
    pub steps: Vec<Step>,
    /// From the first call until the clone can be connected to.
    pub ready: Takes,
    pub cost: Cost,
    /// What the figures stand on, a sentence each.
    pub notes: Vec<String>,
}

/// One step of a clone's life.
#[derive(Clone, Debug)]
pub enum Step {
    /// Calls that change nothing, in any order, each as often as it takes.
    Look {
        calls: Vec<String>,
        what: &'static str,
    },
    /// A call that makes, changes or deletes something. It is made once.
    Change(Change),
    /// No call of the provider's API.
    Work {
        what: String,
        details: Vec<Detail>,
        takes: Takes,
    },
}

#[derive(Clone, Debug)]
pub struct Change {
    pub call: String,
    pub details: Vec<Detail>,
    pub takes: Takes,
    pub costs: Rate,
}

/// A parameter of a call: what it is, and its value.
pub type Detail = (&'static str, String);

/// How long something takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Less than a few seconds.
    Seconds,
    Between(Duration, Duration),
    AtLeast(Duration),
    /// Nobody has measured it for this program.
    NotKnown,
}

/// US dollars an hour, from when something is made until it is deleted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    Nothing,
    AtMost(f64),
    Between(f64, f64),
    NotKnown,
}

/// What a clone's life costs, in US dollars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cost {
    Nothing,
    /// For the shortest and the longest life that can be told, and for each hour more.
    Between {
        least: f64,
        most: Option<f64>,
        hour: (f64, f64),
    },
    NotKnown,
}

impl Step {
    /// Calls that change nothing.
    pub fn look(calls: &[&str], what: &'static str) -> Self {
        Self::Look {
            calls: calls.iter().map(|&call| call.to_owned()).collect(),
            what,
        }
    }
}

impl Change {
    pub fn new(call: impl Into<String>, details: Vec<Detail>) -> Self {
        Self {
            call: call.into(),
            details,
            takes: Takes::Seconds,
            costs: Rate::Nothing,
        }
    }

    pub fn taking(self, takes: Takes) -> Self {
        Self { takes, ..self }
    }

    pub fn costing(self, costs: Rate) -> Self {
        Self { costs, ..self }
    }
}

impl From<Change> for Step {
    fn from(change: Change) -> Self {
        Self::Change(change)
    }
}

impl std::ops::Add for Takes {
    type Output = Self;

    /// One after the other. Of what is not known in part, the rest is the least.
    fn add(self, other: Self) -> Self {
        let bounds = |takes| match takes {
            Self::Seconds => Some((Duration::ZERO, Some(Duration::ZERO))),
            Self::Between(least, most) => Some((least, Some(most))),
            Self::AtLeast(least) => Some((least, None)),
            Self::NotKnown => None,
        };
        match (bounds(self), bounds(other)) {
            (None, None) => Self::NotKnown,
            (Some((least, _)), None) | (None, Some((least, _))) => Self::AtLeast(least),
            (Some((one, Some(one_most))), Some((two, Some(two_most)))) => {
                match (one + two, one_most + two_most) {
                    (_, Duration::ZERO) => Self::Seconds,
                    (least, most) => Self::Between(least, most),
                }
            }
            (Some((one, _)), Some((two, _))) => Self::AtLeast(one + two),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_stays_so_in_a_sum() {
        let minutes = Duration::from_mins;
        let between = Takes::Between(minutes(10), minutes(30));
        assert_eq!(Takes::Seconds + Takes::Seconds, Takes::Seconds);
        assert_eq!(between + Takes::Seconds, between);
        assert_eq!(between + Takes::NotKnown, Takes::AtLeast(minutes(10)));
        assert_eq!(
            between + Takes::AtLeast(minutes(1)),
            Takes::AtLeast(minutes(11))
        );
        assert_eq!(between + between, Takes::Between(minutes(20), minutes(60)));
        assert_eq!(Takes::NotKnown + Takes::NotKnown, Takes::NotKnown);
    }
}
