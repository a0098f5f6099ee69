//! Streaming a live database into the clone: no dump on disk, no text in between.
//!
//! ```text
//! schema (pg_dump) ─ before data ─┬─ table: rows ─ keys ─ indexes ─┐
//!                                 ├─ table: rows ─ keys ─ indexes ─┼─ foreign keys ─ the rest ─ statistics
//!                                 └─ …                             ┘
//! ```
//!
//! A table's indexes are built as soon as its rows are in, while they are still in memory. Its
//! statistics are production's own, or, where those can't be had, ANALYZE's.

mod copy;
mod plan;
mod statistics;
mod workers;

use std::collections::BTreeMap;

use super::archive::{self, Call, ForeignKeys};
use super::fidelity::{Expected, Named, Rows};
use super::{Analyzed, RestoreError, noise, without};
use crate::clone::{Live, LiveSequence};
use crate::context::Context;
use crate::postgres::archive::{Contents, EntryKind};
use crate::postgres::session::During as _;
use crate::postgres::{Endpoint, Session};
use crate::target::Target;
use crate::text::{QualifiedName, count_of, quote_literal};
use crate::verdict::Stage;

pub use workers::run_all;

/// What streaming left behind it.
pub struct Done {
    pub errors: Vec<noise::RestoreError>,
    pub expected: Expected,
    pub left_out: Vec<String>,
    pub dropped: Vec<String>,
    pub analyzed: Analyzed,
    /// The rows of tables that the clone's server has counted since they were written.
    pub counted: BTreeMap<QualifiedName, u64>,
}

/// Streams `live` into the database at `into`.
pub async fn restore(
    context: &Context,
    target: &Target,
    into: &Endpoint,
    session: &Session,
    live: Live,
    available: &[String],
) -> Result<Done, RestoreError> {
    let apart = if target.is_ours() {
        ForeignKeys::Apart
    } else {
        ForeignKeys::WithTheRest
    };
    let selection = archive::select(context, &live.contents, available, apart)?;
    let call = |list, arguments| Call {
        tools: &target.tools,
        archive: &live.schema,
        jobs: context.jobs(),
        into,
        list,
        arguments,
    };
    let mut errors = archive::restore(
        context,
        target,
        call(&selection.main, &["--section=pre-data"]),
    )
    .await?;

    let tables = live.tables.iter().map(|table| table.name.to_string());
    if let Some(error) = without::before_the_rows(&errors, tables) {
        return Err(error);
    }

    let plan = plan::read(context, target, &live.schema, &selection.main).await?;
    context.progress.doing(
        Stage::Restore,
        format!(
            "streaming {} with {} jobs",
            count_of(live.tables.len() as u64, "table"),
            context.jobs()
        ),
    );
    let carried = statistics::to_carry(context, target, &live).await?;
    let copied = workers::run(context, into, &live, plan.by_table, &carried).await?;
    errors.extend(copied.errors);
    set_sequences(session, &live.sequences).await?;
    if live.has_large_objects {
        errors.extend(copy_large_objects(context, target, into, &live).await?);
    }
    // Indexes of partitioned tables, attached to what was built on the partitions.
    errors.extend(run_all(session, plan.after_data).await);
    errors.extend(
        archive::restore(context, target, call(&plan.rest, &["--section=post-data"])).await?,
    );
    // After the rest: a key on a partitioned table needs the indexes that are attached there.
    if let Some(list) = &selection.foreign_keys {
        errors.extend(
            archive::add_foreign_keys(context, &target.tools, &live.schema, list, session).await?,
        );
    }
    errors.extend(refresh_views(session, &live.holder).await?);
    let planned = statistics::carry(&live, &carried, &copied.rows, session)
        .await
        .map_err(RestoreError::Source)?;
    errors.extend(planned.errors);
    let mut dropped = selection.dropped;
    for schema in &live.providers_schemas {
        dropped.push(format!(
            "schema `{schema}`, which the provider keeps for itself"
        ));
    }
    // The snapshot and its locks are let go as early as can be.
    drop(live.holder);
    Ok(Done {
        errors,
        expected: expected(&live.contents, &copied.rows),
        left_out: selection.left_out,
        dropped,
        analyzed: planned.analyzed,
        counted: planned.counted,
    })
}

fn expected(contents: &Contents, rows: &BTreeMap<QualifiedName, u64>) -> Expected {
    Expected {
        tables: contents
            .of_kind(EntryKind::Table)
            .cloned()
            .map(Named::Entry)
            .collect(),
        rows: Rows::Counted(
            rows.iter()
                .map(|(table, rows)| (Named::Exactly(table.clone()), *rows))
                .collect(),
        ),
    }
}

async fn set_sequences(session: &Session, sequences: &[LiveSequence]) -> Result<(), RestoreError> {
    for some in sequences.chunks(500) {
        let calls: Vec<String> = some
            .iter()
            .map(|sequence| {
                format!(
                    "select setval({}::regclass, {}, {}) where to_regclass({0}) is not null",
                    quote_literal(&sequence.name.to_string()),
                    sequence.last_value,
                    sequence.is_called
                )
            })
            .collect();
        session
            .run(
                &calls.join(";\n"),
                "set the sequences to where the source's stand",
            )
            .await?;
    }
    Ok(())
}

/// Large objects have no table to stream: a second archive of them alone, in the same snapshot.
async fn copy_large_objects(
    context: &Context,
    target: &Target,
    into: &Endpoint,
    live: &Live,
) -> Result<Vec<noise::RestoreError>, RestoreError> {
    let path = context.workspace.file("large-objects.dump");
    let dump = target
        .tools
        .program("pg_dump", Some(&live.snapshot.endpoint))
        .args([
            "--format=custom",
            "--compress=0",
            "--blobs",
            "--no-password",
        ])
        .arg("--exclude-table-data=*")
        .arg(format!(
            "--lock-wait-timeout={}",
            live.snapshot.lock_timeout.0.as_millis()
        ))
        .arg(format!("--snapshot={}", live.snapshot.name))
        .arg("--file")
        .arg(&path);
    target.tools.output_of(dump).await?;
    let contents = Contents::read(&target.tools, &path).await?;
    let list = contents.list(|entry| {
        entry.kind == EntryKind::LargeObjects
            || ["ACL - LARGE OBJECT", "COMMENT - LARGE OBJECT"]
                .iter()
                .any(|start| entry.label.starts_with(start))
    });
    archive::restore(
        context,
        target,
        Call {
            tools: &target.tools,
            jobs: 1,
            archive: &path,
            into,
            list: &list,
            arguments: &[],
        },
    )
    .await
}

/// Fills the materialised views that the source has filled, those that others read first.
async fn refresh_views(
    session: &Session,
    holder: &Session,
) -> Result<Vec<noise::RestoreError>, RestoreError> {
    let statements: Vec<String> = holder
        .query(include_str!("../sql/materialized_views.sql"), &[])
        .await
        .during("read the source's materialised views")?
        .iter()
        .map(|row| row.get(0))
        .collect();
    Ok(run_all(session, statements).await)
}
