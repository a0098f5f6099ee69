//! What the rehearsal measured of a statement that the lint is afraid of.

use std::time::Duration;

use super::super::traced::locks::{BLOCKING_LOCK, TABLE_REWRITE};
use super::{Facts, Fear};
use crate::preflight::lint::{File, Hit, News};
use crate::text::{count_of, human_bytes, human_seconds, human_time};
use crate::trace::{Age, LockSpan, Relation, Statement, Trace};

/// Whether a fear is settled.
pub enum Settled {
    /// By this.
    Yes(String),
    /// What was measured bears it out.
    No(String),
    Unknown,
}

pub fn of(fear: Fear, file: &File, hit: &Hit, facts: &Facts) -> Settled {
    let Some(migrate) = &facts.migrate else {
        return match file.news {
            News::Changed => Settled::Unknown,
            News::Unchanged | News::Unknown => Settled::Yes(
                "whether the file is pending was not known when the run ended".to_owned(),
            ),
        };
    };
    let has_run = migrate.is_assumed_run() || migrate.ran.iter().any(|ran| ran.file == file.shown);
    if !has_run
        || migrate
            .trace
            .missing
            .iter()
            .any(|missing| missing.is_of_locks())
    {
        return Settled::Unknown;
    }
    let statements: Vec<&Statement> = migrate
        .trace
        .statements
        .iter()
        .filter(|statement| {
            statement.place.as_ref().is_some_and(|place| {
                place.file == file.shown && place.line == Some(hit.statement_line)
            })
        })
        .collect();
    if statements.is_empty() {
        return Settled::Unknown;
    }
    match fear {
        Fear::Lock => by_locks(&migrate.trace, &statements, facts),
        Fear::Timeout if hit.rule == "require-lock-timeout" => {
            by_timeout("lock_timeout", statements.iter().map(|of| of.lock_timeout))
        }
        Fear::Timeout => by_timeout(
            "statement_timeout",
            statements.iter().map(|of| of.statement_timeout),
        ),
        Fear::Code | Fear::Access | Fear::Transaction | Fear::Style => Settled::Unknown,
    }
}

fn by_locks(trace: &Trace, statements: &[&Statement], facts: &Facts) -> Settled {
    let spans: Vec<&LockSpan> = statements
        .iter()
        .flat_map(|statement| felt(trace, statement))
        .collect();
    let rewrites: Vec<_> = statements
        .iter()
        .flat_map(|statement| &statement.rewrites)
        .filter(|rewrite| matches!(rewrite.relation.age, Age::Existing { .. }))
        .collect();
    let mut touched = spans.iter().map(|span| &span.relation);
    if touched.any(|relation| is_without_rows(relation, facts)) {
        return Settled::Unknown;
    }
    let longest = spans.iter().max_by_key(|span| (span.held(), span.mode));
    let mut measured = vec![match longest {
        Some(span) => format!("{}{}", lock(span), size(&span.relation)),
        None => "no lock that blocks reads or writes of what was there before".to_owned(),
    }];
    measured.extend(rewrites.iter().map(|rewrite| {
        format!(
            "`{}` with its {} written anew",
            rewrite.relation.name,
            human_bytes(rewrite.bytes)
        )
    }));
    measured.extend(
        statements
            .iter()
            .flat_map(|statement| &statement.scans)
            .filter(|scan| scan.relation.is_existing_data())
            .map(|scan| {
                format!(
                    "{} of `{}` read",
                    count_of(scan.rows, "row"),
                    scan.relation.name
                )
            }),
    );
    let measured = format!("the rehearsal measured it: {}", measured.join(", "));
    let is_short = spans
        .iter()
        .all(|span| span.held() <= facts.limits.duration(&BLOCKING_LOCK));
    let is_small = rewrites
        .iter()
        .all(|rewrite| rewrite.bytes <= facts.limits.size(&TABLE_REWRITE));
    if is_short && is_small {
        Settled::Yes(measured)
    } else {
        Settled::No(measured)
    }
}

/// What others wait for while the statement's transaction lasts, whichever of its statements took
/// it first.
fn felt<'t>(trace: &'t Trace, statement: &'t Statement) -> impl Iterator<Item = &'t LockSpan> {
    let spans = trace
        .transactions
        .get(statement.transaction)
        .map_or(&[][..], |transaction| &transaction.locks);
    spans.iter().filter(|span| {
        span.is_felt()
            && statement
                .locks
                .iter()
                .any(|lock| lock.mode == span.mode && lock.relation.oid == span.relation.oid)
    })
}

fn is_without_rows(relation: &Relation, facts: &Facts) -> bool {
    facts.lint.as_ref().is_some_and(|lint| {
        lint.without_rows
            .iter()
            .any(|pattern| pattern.matches(&relation.name))
    })
}

/// Each statement must have had a timeout.
fn by_timeout(name: &str, of_each: impl Iterator<Item = Option<Duration>>) -> Settled {
    let timeouts: Option<Vec<Duration>> = of_each.collect();
    match timeouts.and_then(|timeouts| timeouts.into_iter().max()) {
        Some(longest) => Settled::Yes(format!(
            "the rehearsal saw it: `{name}` was {}",
            human_seconds(longest)
        )),
        None => Settled::Unknown,
    }
}

fn lock(span: &LockSpan) -> String {
    let held = human_time(span.held());
    format!("{} on `{}` for {held}", span.mode, span.relation.name)
}

fn size(relation: &Relation) -> String {
    match relation.age {
        // A partitioned table has nothing of its own.
        Age::Existing { bytes: 0 } | Age::New => String::new(),
        Age::Existing { bytes } => format!(", {}", human_bytes(bytes)),
    }
}
