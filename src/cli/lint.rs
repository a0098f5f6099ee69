//! `pgrehearse lint`: what can be said of the migration files without a database.

use super::{Exit, PolicyFile, complain, print, runtime, say};
use crate::migrate;
use crate::pipeline;
use crate::policy::{Policy, Target};
use crate::postgres::Major;
use crate::postgres::binaries;
use crate::preflight::lint::{self, News};
use crate::rules::{self, Facts};
use crate::text::count_of;
use crate::verdict::Judged;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) policy: PolicyFile,
    /// What new files are new against, as git names it; the policy's `migrations.base` otherwise
    #[arg(long, value_name = "REF")]
    pub(super) base: Option<String>,
}

pub fn run(arguments: &Arguments) -> Exit {
    let mut policy = match arguments.policy.load_without_source() {
        Ok(policy) => policy,
        Err(exit) => return exit,
    };
    if arguments.base.is_some() {
        policy.migrations.base = arguments.base.clone();
    }
    let found = migrate::find(&policy);
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&error, None);
            return Exit::Undecided;
        }
    };
    let mut facts = runtime.block_on(lint::run(&policy, &found, major(&policy)));
    for file in &mut facts.files {
        // Nothing tells it from the new ones.
        if file.news == News::Unknown {
            file.news = News::Changed;
        }
    }
    for unread in &facts.unread {
        say(&format!("not linted: {unread}"));
    }
    let files = facts
        .files
        .iter()
        .filter(|file| file.news != News::Unchanged)
        .count();
    let judged = judge(&policy, facts);
    let blocking = judged.iter().filter(|judged| judged.blocks()).count();
    for judged in &judged {
        if !print(&line(judged)) {
            return Exit::Undecided;
        }
    }
    say(&format!(
        "{}, {}, {blocking} of level `block`",
        count_of(files as u64, "file"),
        count_of(judged.len() as u64, "finding"),
    ));
    if blocking > 0 { Exit::NoGo } else { Exit::Go }
}

/// What the policy makes of the files, in their order.
fn judge(policy: &Policy, lint: lint::Facts) -> Vec<Judged> {
    let order: Vec<String> = lint.files.iter().map(|file| file.shown.clone()).collect();
    let facts = Facts {
        today: jiff::Timestamp::now()
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date(),
        limits: policy.limits.clone(),
        lint: Some(lint),
        ..Facts::default()
    };
    let mut judged: Vec<Judged> = pipeline::judge(policy, &facts)
        .into_iter()
        .filter(|judged| rules::lint::by_id(judged.finding.rule).is_some())
        .filter(|judged| judged.accepted.is_none())
        .collect();
    judged.sort_by_key(|judged| {
        judged.finding.place.as_ref().map(|place| {
            let file = order.iter().position(|shown| *shown == place.file);
            (file, place.line)
        })
    });
    judged
}

/// The version to read for: the policy's, else the oldest that is supported.
fn major(policy: &Policy) -> Major {
    match &policy.target {
        Target::Throwaway {
            version: Some(major),
            ..
        } => *major,
        _ => Major(*binaries::SUPPORTED.start()),
    }
}

fn line(judged: &Judged) -> String {
    let finding = &judged.finding;
    let place = finding
        .place
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let mut text = format!("{place} {} {}\n", finding.rule, finding.message);
    if let Some(advice) = &finding.advice {
        text.push_str(&format!("    instead: {advice}\n"));
    }
    text
}
