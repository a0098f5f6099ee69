//! What a finding that rests on a duration says where it was measured on cold storage. Its level stays:
//! how long is too long is the policy's to say (ADR 0018).

use super::{CONTENTION_QUEUES, Facts, Limit, Rule, migration};
use crate::migrate::{ContentionEnding, MigrationResult};
use crate::verdict::Finding;

/// The SQLSTATE of a statement that was cancelled, as by `migrations.timeouts.statement`.
const QUERY_CANCELED: &str = "57014";

/// The findings of `rule`, with a few words of what was cold.
pub(super) fn marked(rule: &Rule, facts: &Facts, mut findings: Vec<Finding>) -> Vec<Finding> {
    let cold = facts.restore.as_ref().and_then(|facts| facts.cold.as_ref());
    if let Some(cold) = cold.filter(|_| rests_on_a_duration(rule, facts)) {
        for finding in &mut findings {
            finding.message.push_str(&format!(" ({})", cold.briefly()));
        }
    }
    findings
}

fn rests_on_a_duration(rule: &Rule, facts: &Facts) -> bool {
    let migrate = facts.migrate.as_ref();
    if rule.id == CONTENTION_QUEUES.id {
        // Who waits for as long as a query runs would wait on any storage.
        let drill = migrate.and_then(|migrate| migrate.contention.as_ref());
        return drill.is_some_and(|drill| drill.ending != ContentionEnding::Queued);
    }
    if rule.id == migration::MIGRATION_FAILED.id {
        let Some(MigrationResult::Failed(failed)) = migrate.map(|migrate| &migrate.result) else {
            return false;
        };
        let error = failed.error.as_ref();
        return error.is_some_and(|error| error.sqlstate == QUERY_CANCELED);
    }
    matches!(rule.limit, Some(Limit::Duration(_))) || rule.id == migration::MIGRATION_TIMEOUT.id
}

#[cfg(test)]
mod tests {
    use super::{Facts, marked};
    use crate::restore::{self, Cold};
    use crate::rules::{Rule, by_id};

    fn said(id: &str, cold: Option<Cold>) -> String {
        let rule: &Rule = by_id(id).expect("a rule");
        let facts = Facts {
            restore: Some(restore::Facts {
                cold,
                ..restore::Facts::default()
            }),
            ..Facts::default()
        };
        marked(rule, &facts, vec![rule.finding("it takes 3 s")])
            .remove(0)
            .message
    }

    #[test]
    fn what_rests_on_a_duration_says_that_storage_was_cold() {
        let cold = || {
            Some(Cold {
                indexes: 2,
                ..Cold::default()
            })
        };
        for id in [
            "blocking-lock",
            "writes-stalled",
            "migration-too-slow",
            "migration-timeout",
        ] {
            assert_eq!(said(id, cold()), "it takes 3 s (cold indexes)", "{id}");
            assert_eq!(said(id, None), "it takes 3 s", "{id}");
        }
        for id in [
            "table-rewrite",
            "rows-lost",
            "migration-failed",
            "contention-queues",
        ] {
            assert_eq!(said(id, cold()), "it takes 3 s", "{id}");
        }
    }
}
