//! `pgrehearse run --verify-fresh`: whether the go of an earlier run still holds.

use std::path::Path;

use serde::Deserialize;

use super::loading::{self, Loaded};
use super::{Exit, PolicyFile, complain, print, runtime, say};
use crate::fingerprint;
use crate::migrate;
use crate::policy::Policy;
use crate::report::json::SCHEMA_VERSION;
use crate::verdict::{Explained as _, Fingerprint};

/// What is read of an earlier run's `report.json`.
#[derive(Deserialize)]
struct Earlier {
    schema_version: u32,
    verdict: String,
    name: String,
    started: jiff::Timestamp,
    #[serde(default)]
    fingerprint: Option<Fingerprint>,
}

/// Says whether the go in `report` is still one, without rehearsing anything.
pub fn run(report: &Path, file: &PolicyFile, base: Option<&str>) -> Exit {
    let earlier = match read(report) {
        Ok(earlier) => earlier,
        Err(exit) => return exit,
    };
    let policy = match loading::load(&file.policy, base, None) {
        Ok(Loaded {
            doubt: Some(error), ..
        }) => {
            complain(&error, error.hint().as_deref());
            return Exit::Undecided;
        }
        Ok(Loaded { policy, .. }) => policy,
        Err(exit) => return exit,
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&error, None);
            return Exit::Undecided;
        }
    };
    let now = runtime.block_on(fingerprint::of(&policy, &migrate::find(&policy), None));
    let (exit, said) = compare(&earlier, &policy, &now, jiff::Timestamp::now());
    let when = earlier.started.strftime("%Y-%m-%d %H:%M UTC");
    let answer = match exit {
        Exit::Go => "still holds",
        Exit::NoGo => "does not hold",
        _ => "may hold or not",
    };
    let mut text = format!("the rehearsal of {when} {answer}\n");
    for sentence in said {
        text.push_str(&format!("  {sentence}\n"));
    }
    print(&text);
    exit
}

fn read(report: &Path) -> Result<Earlier, Exit> {
    let unreadable = |error: &dyn std::error::Error| {
        let failure = crate::verdict::Failure::of(error, None);
        say(&format!(
            "error: could not read `{}`: {failure}",
            report.display()
        ));
        Exit::Undecided
    };
    let text = std::fs::read_to_string(report).map_err(|error| unreadable(&error))?;
    let earlier: Earlier = serde_json::from_str(&text).map_err(|error| unreadable(&error))?;
    if earlier.schema_version != SCHEMA_VERSION {
        say(&format!(
            "error: `{}` is of version {}, and this gate reads version {SCHEMA_VERSION}",
            report.display(),
            earlier.schema_version
        ));
        return Err(Exit::Undecided);
    }
    Ok(earlier)
}

/// The answer, and what speaks for it.
fn compare(
    earlier: &Earlier,
    policy: &Policy,
    now: &Fingerprint,
    moment: jiff::Timestamp,
) -> (Exit, Vec<String>) {
    let mut said = Vec::new();
    if earlier.verdict != "go" {
        said.push(format!("its verdict was {}", earlier.verdict));
        return (Exit::NoGo, said);
    }
    if earlier.name != policy.name {
        said.push(format!(
            "it was of `{}`, and the policy is of `{}`",
            earlier.name, policy.name
        ));
        return (Exit::NoGo, said);
    }
    let Some(before) = &earlier.fingerprint else {
        said.push("it rehearsed nothing that could be compared".to_owned());
        return (Exit::Undecided, said);
    };
    said.extend(before.differences(now));
    said.extend(ended(policy, earlier.started, moment));
    if !said.is_empty() {
        return (Exit::NoGo, said);
    }
    said.extend(
        before
            .unknown
            .iter()
            .chain(&now.unknown)
            .map(|what| format!("not known: {what}")),
    );
    said.sort();
    said.dedup();
    if !said.is_empty() {
        return (Exit::Undecided, said);
    }
    let files = crate::text::count_of(now.files.len() as u64, "file");
    let image = match &now.image {
        Some(_) => ", the migration's image",
        None => "",
    };
    said.push(format!(
        "{files}, production{image} and the gate itself are the same"
    ));
    (Exit::Go, said)
}

/// What the policy accepts only until a day that has come since.
fn ended(policy: &Policy, started: jiff::Timestamp, now: jiff::Timestamp) -> Vec<String> {
    let day = |moment: jiff::Timestamp| moment.to_zoned(jiff::tz::TimeZone::UTC).date();
    let has_come = |until: jiff::civil::Date| day(started) <= until && until < day(now);
    let allowances = (policy.allow.iter()).map(|allow| {
        (
            allow.accepted.until,
            format!("the `allow` entry for `{}` ended", allow.rule),
        )
    });
    let held_back = (policy.migrations.hold_back.iter()).map(|held| {
        (
            held.until,
            format!("`{}` was no longer held back", held.pattern),
        )
    });
    allowances
        .chain(held_back)
        .filter(|(until, _)| has_come(*until))
        .map(|(until, what)| format!("{what} after {until}"))
        .collect()
}
