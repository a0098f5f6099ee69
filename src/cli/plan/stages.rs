//! What a plan says of the stages: one line for each thing that a run would do.

use std::path::Path;

use crate::cloud::CloneName;
use crate::migrate::{DecidedBy, MigrationFile};
use crate::policy::{Policy, Runner, Smoke, Source, Target, When};
use crate::preflight::{Looked, Plan};
use crate::process::RunId;
use crate::text::{count_of, human_bytes, human_seconds};
use crate::verdict::Level;

pub(super) fn describe(
    policy: &Policy,
    run: &RunId,
    looked: &Looked,
    pending: Option<(Vec<MigrationFile>, DecidedBy)>,
) -> String {
    let Looked { plan, image } = looked;
    let mut steps = Vec::new();
    if let (Some(name), Some(found)) = (&policy.migrations.image, image)
        && found.image.is_none()
    {
        steps.push(format!("preflight pull the image `{name}`"));
    }
    steps.extend(describe_clone(policy, run, plan));
    for file in &policy.restore.mask {
        steps.push(format!("restore   mask with `{}`", file.display()));
    }
    steps.push(match &policy.migrations.runner {
        Runner::Command { line, url_env } => {
            let place = match &policy.migrations.image {
                Some(name) => format!(" in the image `{name}`, in a network of its own,"),
                None => String::new(),
            };
            format!("migrate   run `{line}`{place} with the clone's URL in {url_env}")
        }
        Runner::Psql => "migrate   run each pending file with psql".to_owned(),
    });
    match pending {
        Some((files, decided_by)) => {
            steps.push(format!(
                "migrate   {} pending {}",
                count_of(files.len() as u64, "file"),
                decided_by.describe()
            ));
            steps.extend(
                files
                    .iter()
                    .map(|file| format!("migrate     {}", file.shown)),
            );
        }
        None => steps.push(format!(
            "migrate   {}; what is pending is known once the clone is there",
            count_of(plan.found.files.len() as u64, "file")
        )),
    }
    for held in &plan.found.held_back {
        steps.push(format!(
            "migrate   hold back {} until {}: {}",
            held.file.shown, held.by.until, held.by.reason
        ));
    }
    if let Some(hold) = policy.migrations.contention {
        steps.push(format!(
            "migrate   once more on {} beside a query of {} on what it locked",
            copy_of_the_clone(policy),
            human_seconds(hold)
        ));
    }
    steps.push(format!(
        "verify    count every row again; {}, {}",
        count_of(policy.verify.required_tables.len() as u64, "required table"),
        count_of(policy.verify.assertions.len() as u64, "assertion")
    ));
    if is_on("schema-drift", policy) || is_on("fresh-install-broken", policy) {
        steps.push(format!(
            "schema-diff install from nothing on a second server ({}, then all migrations) and compare",
            count_of(policy.baseline_init.len() as u64, "init file")
        ));
    }
    if let Some(smoke) = &policy.smoke {
        steps.extend(describe_smoke(smoke, policy));
    }
    steps.push(format!(
        "report    write junit.xml, report.json, comment.md, report.html and report.sarif to `{}`",
        shown(&policy.report_directory)
    ));
    steps.push(
        match policy.source {
            Source::Hosted(_) => "cleanup   have the clone deleted; stop and remove every server, database, process and file of the run",
            _ => "cleanup   stop and remove every server, database, process and file of the run",
        }
        .to_owned(),
    );
    let mut text = format!("`{}` would, in this order:\n\n", policy.name);
    for step in steps {
        let (stage, what) = step.split_once(' ').unwrap_or((&step, ""));
        text.push_str(&format!("  {stage:<14}{}\n", what.trim_start()));
    }
    text
}

/// How the clone comes to be, and where.
fn describe_clone(policy: &Policy, run: &RunId, plan: &Plan) -> [String; 2] {
    let size = plan
        .inspected
        .size
        .map(|bytes| format!(" ({})", human_bytes(bytes)))
        .unwrap_or_default();
    let clone = match &policy.source {
        Source::Hosted(hosted) => format!(
            "clone     have {}{size} cloned, as `{}`; the clone expires after {}",
            plan.source.describe(),
            CloneName::new(&policy.name, run),
            human_seconds(hosted.expires)
        ),
        _ => format!(
            "clone     read {}{size}; nothing is written to it",
            plan.source.describe()
        ),
    };
    let restore = match (&plan.foreign, &plan.server) {
        _ if matches!(policy.target, Target::InPlace) => {
            "restore   use the clone where it is, once it is shown to be no other; count every row".to_owned()
        }
        (Some(endpoint), _) => format!(
            "restore   make a scratch database on `{endpoint}`, load it, count every row"
        ),
        (None, Some(server)) => format!(
            "restore   start a PostgreSQL {} server in a private directory, load it, count every row",
            server.version
        ),
        (None, None) => "restore   start a server of the dump's version in a private directory, load it, count every row".to_owned(),
    };
    [clone, restore]
}

/// A provider's clone is thin, and what is copied of it is not.
fn copy_of_the_clone(policy: &Policy) -> &'static str {
    match policy.target {
        Target::InPlace => "a whole copy of the clone, at its provider,",
        Target::Throwaway { .. } | Target::Server(_) => "a copy of the clone",
    }
}

fn describe_smoke(smoke: &Smoke, policy: &Policy) -> Vec<String> {
    smoke
        .when
        .iter()
        .map(|when| {
            let clone = match when {
                When::Before => format!("{} as it was", copy_of_the_clone(policy)),
                When::After => "the migrated clone".to_owned(),
            };
            format!(
                "smoke-ingest start `{}` on {clone}; {}, {}",
                smoke.app.command,
                count_of(smoke.ingest.len() as u64, "ingest"),
                count_of(smoke.pages.len() as u64, "page")
            )
        })
        .collect()
}

fn is_on(id: &str, policy: &Policy) -> bool {
    crate::rules::by_id(id).is_some_and(|rule| policy.levels.of(rule) != Level::Off)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
