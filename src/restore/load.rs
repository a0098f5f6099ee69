//! Filling the empty clone, each kind of payload in its own way.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::archive::{self, Call, ForeignKeys};
use super::fidelity::{self, Expected};
use super::{Analyzed, RestoreError, noise, script, stream};
use crate::clone::{Format, Payload};
use crate::context::Context;
use crate::postgres::archive::Contents;
use crate::postgres::session::During as _;
use crate::postgres::surroundings::Surroundings;
use crate::postgres::tools::{Script, Tools, Transaction};
use crate::postgres::{Endpoint, Session};
use crate::target::Target;
use crate::text::{QualifiedName, count_of};
use crate::verdict::Stage;

/// A clone that is filled and not yet judged.
pub(super) struct Loaded {
    /// Everything the restore went past.
    pub errors: Vec<noise::RestoreError>,
    pub expected: Expected,
    /// Extensions that are left out.
    pub left_out: Vec<String>,
    /// What else is left out, in words.
    pub dropped: Vec<String>,
    /// What was learned only while loading.
    pub surroundings: Surroundings,
    pub analyzed: Analyzed,
    /// The rows of tables that were counted while loading.
    pub counted: BTreeMap<QualifiedName, u64>,
}

pub(super) async fn run(
    context: &Context,
    target: &Target,
    into: &Endpoint,
    session: &Session,
    payload: Payload,
) -> Result<Loaded, RestoreError> {
    match payload {
        Payload::Archive {
            path,
            format,
            contents,
            tools,
        } => {
            let available = available_extensions(session).await?;
            let archive = Archive {
                path,
                format,
                contents,
                tools: tools.unwrap_or_else(|| target.tools.clone()),
            };
            load_archive(context, target, into, session, &archive, &available).await
        }
        Payload::Script { file } => {
            context.progress.doing(Stage::Restore, "running the dump");
            let available = available_extensions(session).await?;
            let done = script::restore(context, target, into, session, &file, &available).await?;
            Ok(Loaded {
                errors: done.errors,
                expected: done.expected,
                left_out: done.left_out,
                dropped: done.dropped,
                surroundings: done.surroundings,
                analyzed: Analyzed::No,
                counted: BTreeMap::new(),
            })
        }
        Payload::Live(live) => {
            let available = available_extensions(session).await?;
            let done = stream::restore(context, target, into, session, *live, &available).await?;
            Ok(Loaded {
                errors: done.errors,
                expected: done.expected,
                left_out: done.left_out,
                dropped: done.dropped,
                surroundings: Surroundings::default(),
                analyzed: done.analyzed,
                counted: done.counted,
            })
        }
        Payload::Sql(files) => load_sql(context, target, into, &files).await,
    }
}

struct Archive {
    path: PathBuf,
    format: Format,
    contents: Contents,
    tools: Tools,
}

/// `pg_restore`, and beside it a count of the rows in the archive.
async fn load_archive(
    context: &Context,
    target: &Target,
    into: &Endpoint,
    session: &Session,
    archive: &Archive,
    available: &[String],
) -> Result<Loaded, RestoreError> {
    let apart = if target.is_ours() {
        ForeignKeys::Apart
    } else {
        ForeignKeys::WithTheRest
    };
    let selection = archive::select(context, &archive.contents, available, apart)?;
    // `pg_restore` reads a tar archive from front to back.
    let jobs = match archive.format {
        Format::Tar => 1,
        _ => context.jobs(),
    };
    context.progress.doing(
        Stage::Restore,
        format!("restoring with {}", count_of(jobs as u64, "job")),
    );
    let restoring = archive::restore(
        context,
        target,
        Call {
            tools: &archive.tools,
            archive: &archive.path,
            jobs,
            into,
            list: &selection.main,
            arguments: &[],
        },
    );
    let counting = fidelity::expected_of_archive(
        &archive.tools,
        &archive.path,
        archive.format,
        &archive.contents,
    );
    // Both meet the end of a dump that is cut off. Who counts knows which file it is, so that is told,
    // whoever was first.
    let (restored, counted) = tokio::join!(restoring, counting);
    let expected = counted?;
    let mut errors = restored?;
    if let Some(list) = &selection.foreign_keys {
        let foreign_keys =
            archive::add_foreign_keys(context, &archive.tools, &archive.path, list, session)
                .await?;
        errors.extend(foreign_keys);
    }
    Ok(Loaded {
        errors,
        expected: expected.without_rows_of(&context.policy.restore.exclude_data),
        left_out: selection.left_out,
        dropped: selection.dropped,
        surroundings: Surroundings::default(),
        analyzed: Analyzed::No,
        counted: BTreeMap::new(),
    })
}

async fn load_sql(
    context: &Context,
    target: &Target,
    into: &Endpoint,
    files: &[PathBuf],
) -> Result<Loaded, RestoreError> {
    for file in files {
        context
            .progress
            .doing(Stage::Restore, format!("running `{}`", file.display()));
        target
            .tools
            .run_script(
                into,
                Script {
                    file,
                    transaction: Transaction::PerStatement,
                    then: None,
                    limit: None,
                },
            )
            .await
            .map_err(RestoreError::Sql)?;
    }
    Ok(Loaded {
        errors: Vec::new(),
        // What the files build is production, whatever it is.
        expected: Expected {
            rows: fidelity::Rows::Counted(Vec::new()),
            ..Expected::default()
        },
        left_out: Vec::new(),
        dropped: Vec::new(),
        surroundings: Surroundings::default(),
        analyzed: Analyzed::No,
        counted: BTreeMap::new(),
    })
}

async fn available_extensions(session: &Session) -> Result<Vec<String>, RestoreError> {
    let rows = session
        .query("select name::text from pg_available_extensions", &[])
        .await
        .during("list the extensions that can be installed")?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
