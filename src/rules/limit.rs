//! How much a rule lets pass, where the policy may say it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::Rule;
use crate::policy::Percent;

/// The most that a rule lets pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    Duration(Duration),
    /// Bytes.
    Size(u64),
    Percent(Percent),
}

/// As a policy has it.
impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duration(limit) => write!(formatter, "{}s", limit.as_secs_f64()),
            Self::Size(limit) => write!(formatter, "{}MB", limit / (1024 * 1024)),
            Self::Percent(limit) => limit.fmt(formatter),
        }
    }
}

/// The policy's limits, by the rule's name; the others are the rules' own.
#[derive(Clone, Debug, Default)]
pub struct Limits(pub BTreeMap<String, Limit>);

impl Limits {
    fn of(&self, rule: &Rule) -> Option<Limit> {
        self.0.get(rule.id).copied().or(rule.limit)
    }

    /// The duration that `rule` lets pass; a rule without one lets none.
    pub(super) fn duration(&self, rule: &Rule) -> Duration {
        match self.of(rule) {
            Some(Limit::Duration(limit)) => limit,
            _ => Duration::ZERO,
        }
    }

    /// The bytes that `rule` lets pass; a rule without them lets none.
    pub(super) fn size(&self, rule: &Rule) -> u64 {
        match self.of(rule) {
            Some(Limit::Size(limit)) => limit,
            _ => 0,
        }
    }

    /// The share that `rule` lets pass; a rule without one lets none.
    pub(super) fn percent(&self, rule: &Rule) -> Percent {
        match self.of(rule) {
            Some(Limit::Percent(limit)) => limit,
            _ => Percent(0.0),
        }
    }
}
