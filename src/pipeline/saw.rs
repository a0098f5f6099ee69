//! What each stage leaves in the journal: its facts, and short sentences about them.

use super::journal::Seen;
use crate::clone::Cloned;
use crate::migrate::{ContentionEnding, ImageNetwork, Migration, MigrationResult, RanIn};
use crate::policy::Policy;
use crate::preflight::Plan;
use crate::restore::Restoration;
use crate::rules;
use crate::text::{count_of, human_bytes, human_seconds};
use crate::verdict::{Failure, Level};
use crate::{schema_diff, smoke_ingest, verify};

pub fn preflight(plan: &Plan, _: &Policy, seen: &mut Seen<'_>) -> Vec<String> {
    let mut saw = vec![
        plan.source.describe(),
        count_of(plan.found.files.len() as u64, "migration file"),
    ];
    if let Some(server) = &plan.server {
        saw.push(format!("PostgreSQL {}", server.version));
    }
    for unread in &plan.lint.unread {
        saw.push(format!("not linted: {unread}"));
    }
    seen.facts.lint = Some(plan.lint.clone());
    saw
}

pub fn clone(cloned: &Cloned, _: &Policy, seen: &mut Seen<'_>) -> Vec<String> {
    let provenance = &cloned.provenance;
    let mut saw = Vec::new();
    if let Some(bytes) = provenance.source_bytes {
        saw.push(human_bytes(bytes));
    }
    if let Some(moment) = provenance.data_as_of {
        saw.push(format!(
            "data as of {}",
            moment.strftime("%Y-%m-%d %H:%M UTC")
        ));
    }
    *seen.provenance = Some(provenance.clone());
    saw
}

pub fn restore(restoration: &Restoration, _: &Policy, seen: &mut Seen<'_>) -> Vec<String> {
    let fidelity = &restoration.facts.fidelity;
    *seen.provenance = Some(restoration.provenance.clone());
    seen.facts.restore = Some(restoration.facts.clone());
    let size = format!(
        "{}, {}",
        count_of(fidelity.tables as u64, "table"),
        count_of(fidelity.rows, "row")
    );
    let complete = match (&fidelity.rows_not_compared, restoration.facts.is_complete()) {
        (_, false) => "not complete",
        (Some(_), true) => "counted, not compared",
        (None, true) => "every row of the source is there",
    };
    vec![size, complete.to_owned()]
}

pub fn migrate(migration: &Migration, _: &Policy, seen: &mut Seen<'_>) -> Vec<String> {
    let facts = &migration.facts;
    let pending = facts.pending.len() as u64;
    let mut saw = vec![match &facts.result {
        MigrationResult::NothingPending => {
            format!("nothing is pending ({})", facts.decided_by.describe())
        }
        MigrationResult::Succeeded if facts.is_assumed_run() => {
            format!(
                "the command succeeded with {} pending",
                count_of(pending, "file")
            )
        }
        MigrationResult::Succeeded if facts.ran.len() as u64 == pending => {
            format!(
                "{} ran in {}",
                count_of(pending, "file"),
                human_seconds(facts.took)
            )
        }
        MigrationResult::Succeeded => format!(
            "{} of {} ran in {}",
            facts.ran.len(),
            count_of(pending, "pending file"),
            human_seconds(facts.took)
        ),
        MigrationResult::Failed(failed) => match &failed.place {
            Some(place) => format!("failed at `{place}`"),
            None => format!("failed ({})", failed.how),
        },
        MigrationResult::TimedOut { limit, .. } => {
            format!("not done after {}", human_seconds(*limit))
        }
    }];
    if !matches!(facts.result, MigrationResult::NothingPending) {
        saw.push(format!("pending {}", facts.decided_by.describe()));
    }
    saw.push(format!("as `{}`", facts.role));
    if let Some(image) = &facts.image {
        saw.push(in_image(image));
    }
    if !facts.held_back.is_empty() {
        saw.push(format!("{} held back", facts.held_back.len()));
    }
    if !facts.unexplained.is_empty() {
        saw.push(format!(
            "{} of the history has no file here",
            count_of(facts.unexplained.len() as u64, "entry")
        ));
    }
    if let Some(drill) = &facts.contention {
        saw.push(match &drill.ending {
            ContentionEnding::NothingToHold => {
                "it shuts no existing table to readers, so none could be in its way".to_owned()
            }
            ContentionEnding::GaveUp => "beside a long query: it gave up waiting".to_owned(),
            ContentionEnding::Queued => format!(
                "beside a long query: it queued for {}",
                human_seconds(drill.hold)
            ),
        });
    }
    for missing in &facts.trace.missing {
        saw.push(format!("not traced: {missing}"));
    }
    seen.facts.migrate = Some(facts.clone());
    saw
}

fn in_image(image: &RanIn) -> String {
    let RanIn { name, identity, .. } = image;
    let reached = match image.network {
        ImageNetwork::Closed => "",
        ImageNetwork::Shared => {
            ", with the network of the gate's container, which can join no other"
        }
    };
    format!("in the image `{name}` (`{identity}`){reached}")
}

pub fn verify(facts: &verify::Facts, _: &Policy, seen: &mut Seen<'_>) -> Vec<String> {
    let mut saw = vec![format!(
        "{}, {}",
        count_of(facts.tables as u64, "table"),
        count_of(facts.rows, "row")
    )];
    let held = facts
        .assertions
        .iter()
        .filter(|assertion| assertion.held == verify::Held::Yes)
        .count();
    if !facts.assertions.is_empty() {
        let all = facts.assertions.len();
        let noun = if all == 1 {
            "assertion holds"
        } else {
            "assertions hold"
        };
        saw.push(format!("{held} of {all} {noun}"));
    }
    seen.facts.verify = Some(facts.clone());
    saw
}

pub fn schema_diff(facts: &schema_diff::Facts, _: &Policy, seen: &mut Seen<'_>) -> Vec<String> {
    let saw = match facts {
        schema_diff::Facts::Compared(compared) => {
            let mut saw = vec![match compared.differences.len() as u64 {
                0 => "the same as a fresh install".to_owned(),
                some => format!("{} from a fresh install", count_of(some, "difference")),
            }];
            saw.extend(compared.notes.iter().cloned());
            saw
        }
        schema_diff::Facts::FreshInstallBroken(_) => {
            vec!["there is no fresh install to compare with".to_owned()]
        }
    };
    seen.facts.schema_diff = Some(facts.clone());
    saw
}

/// What was wrong before the migration too leaves the gate unable to tell.
pub fn smoke_ingest(
    facts: &smoke_ingest::Facts,
    policy: &Policy,
    seen: &mut Seen<'_>,
) -> Vec<String> {
    seen.facts.smoke = Some(facts.clone());
    let old: Vec<String> = facts
        .old_problems()
        .filter(|problem| policy.levels.of(rules::rule_of(problem.kind)) == Level::Block)
        .map(|problem| problem.what.clone())
        .collect();
    if let Some(first) = old.first() {
        let mut failure = Failure::because(format!(
            "on the clone as it was before the migration, too, {first}"
        ));
        failure.hint = Some(
            "repair the application or its fixtures; or, if it can only run on the migrated schema, say `when: [after]`"
                .to_owned(),
        );
        seen.unclear = Some(failure);
        return Vec::new();
    }
    let mut saw = Vec::new();
    if let Some(before) = &facts.before {
        saw.push(match before.problems.len() as u64 {
            0 => "healthy before the migration".to_owned(),
            some => format!("{} before the migration", count_of(some, "problem")),
        });
    }
    saw.push(format!(
        "after it: {}, {}",
        count_of(facts.after.ingested as u64, "ingest"),
        count_of(facts.after.pages as u64, "page")
    ));
    if !facts.after.read_server_log {
        saw.push("the server's log is out of reach".to_owned());
    }
    saw
}
