//! Restoring an archive with `pg_restore`, in parallel, and reading every error it goes past.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::complaints::ErrorReader;
use super::stream::run_all;
use super::{RestoreError, noise};
use crate::context::Context;
use crate::policy::ObjectGlob;
use crate::postgres::archive::{Contents, Entry, EntryKind};
use crate::postgres::tools::Tools;
use crate::postgres::{Endpoint, Session};
use crate::target::Target;
use crate::text::sql;

/// What of an archive is restored, and how.
pub struct Selection {
    /// Everything but what is left out or done apart.
    pub main: String,
    /// Foreign keys and what hangs on them, to be added without another look at every row.
    pub foreign_keys: Option<String>,
    /// Extensions that are left out, since only a provider has them.
    pub left_out: Vec<String>,
    /// What was dropped from the list, in words.
    pub dropped: Vec<String>,
}

/// Decides what of `contents` is restored to a server with the extensions in `available`.
pub fn select(
    context: &Context,
    contents: &Contents,
    available: &[String],
    foreign_keys_apart: ForeignKeys,
) -> Result<Selection, RestoreError> {
    let wanted: Vec<&str> = contents
        .of_kind(EntryKind::Extension)
        .map(|entry| entry.label.trim())
        .collect();
    let missing = |name: &&str| !available.iter().any(|known| known == name);
    let (left_out, not_installed): (Vec<&str>, Vec<&str>) = wanted
        .iter()
        .copied()
        .filter(missing)
        // It would run production's jobs.
        .chain(
            wanted
                .iter()
                .copied()
                .filter(|name| *name == "pg_cron" && !missing(name)),
        )
        .partition(|name| noise::is_provider_only(name));
    if !not_installed.is_empty() {
        return Err(RestoreError::ExtensionsMissing {
            names: not_installed
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
        });
    }
    let left_out_schemas: Vec<&str> = left_out
        .iter()
        .filter_map(|name| noise::provider_schema(name))
        .collect();
    let excluded = &context.policy.restore.exclude_data;
    let mut dropped = Vec::new();
    let is_kept = |entry: &Entry, dropped: &mut Vec<String>| -> bool {
        let of_left_out_extension = match entry.kind {
            EntryKind::Extension | EntryKind::ExtensionComment => {
                left_out.contains(&entry.label.trim())
            }
            // An extension's configuration rows come without it too.
            EntryKind::TableData | EntryKind::Other => entry
                .schema()
                .is_some_and(|schema| left_out_schemas.contains(&schema)),
            _ => false,
        };
        match entry.kind {
            EntryKind::UserMapping => {
                dropped.push("user mappings to other servers".to_owned());
                false
            }
            EntryKind::Subscription => {
                dropped.push("subscriptions".to_owned());
                false
            }
            EntryKind::TableData if is_excluded(excluded, entry) => false,
            // An archive that was made without the rows has no entry for them.
            EntryKind::Table if is_excluded(excluded, entry) => {
                dropped.push(format!("the rows of `{}`", entry.name()));
                true
            }
            EntryKind::Other if entry.label.starts_with("COMMENT - SUBSCRIPTION ") => false,
            EntryKind::Other if let Some(what) = noise::providers_own(&entry.label) => {
                dropped.push(what);
                false
            }
            _ => !of_left_out_extension,
        }
    };
    let is_foreign_key = |entry: &Entry| {
        entry.kind == EntryKind::ForeignKey
            // A comment on a foreign key needs the key; which constraint it is on is not listed.
            || entry.label.starts_with("COMMENT ") && entry.label.contains(" CONSTRAINT ")
    };
    let apart = foreign_keys_apart == ForeignKeys::Apart;
    let main = contents.list(|entry| {
        let kept = is_kept(entry, &mut dropped);
        kept && !(apart && is_foreign_key(entry))
    });
    let foreign_keys = apart.then(|| contents.list(is_foreign_key));
    dropped.sort();
    dropped.dedup();
    Ok(Selection {
        main,
        foreign_keys: foreign_keys.filter(|list| !list.is_empty()),
        left_out: left_out.iter().map(|name| (*name).to_owned()).collect(),
        dropped,
    })
}

/// Production's event triggers must not act on what the restore does after they are there.
pub const NO_EVENT_TRIGGERS: &str = "-c session_replication_role=replica";

/// Whether foreign keys are restored with the rest or by [`add_foreign_keys`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignKeys {
    WithTheRest,
    Apart,
}

fn is_excluded(patterns: &[ObjectGlob], entry: &Entry) -> bool {
    patterns
        .iter()
        .any(|pattern| pattern.matches(&entry.name()))
}

/// What a call of `pg_restore` is for.
pub struct Call<'a> {
    pub tools: &'a Tools,
    pub archive: &'a Path,
    pub jobs: usize,
    pub into: &'a Endpoint,
    /// The entries to restore.
    pub list: &'a str,
    /// `--section` and the like.
    pub arguments: &'a [&'a str],
}

/// Restores the entries of a list; every error that was gone past.
pub async fn restore(
    context: &Context,
    target: &Target,
    call: Call<'_>,
) -> Result<Vec<noise::RestoreError>, RestoreError> {
    let list = write_list(context, call.list)?;
    let mut program = call
        .tools
        .program("pg_restore", Some(call.into))
        .args(["--no-tablespaces", "--no-password"])
        .arg(format!("--jobs={}", call.jobs))
        .arg("--use-list")
        .arg(list.path())
        .arg("--dbname")
        .arg(&call.into.database)
        .args(call.arguments);
    if target.is_ours() {
        program = program.env("PGOPTIONS", NO_EVENT_TRIGGERS);
    } else {
        // Roles belong to the whole server, which is not ours to add to.
        program = program.args(["--no-owner", "--no-privileges"]);
    }
    let mut running = program
        .arg(call.archive)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .start()?;
    let mut reader = ErrorReader::default();
    if let Some(output) = running.child.stderr.take() {
        let mut lines = BufReader::new(output).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            reader.line(&String::from_utf8_lossy(&line));
        }
    }
    let status = running
        .wait()
        .await
        .map_err(|source| RestoreError::ReadDump {
            path: call.archive.to_owned(),
            source,
        })?;
    let errors = reader.finish();
    if !status.success() && errors.is_empty() {
        return Err(RestoreError::Failed {
            how: crate::process::child::describe_status(status),
        });
    }
    if let Some(error) = errors.iter().find(|error| is_no_answer(&error.message)) {
        return Err(RestoreError::Broken {
            said: error.message.clone(),
        });
    }
    Ok(errors)
}

/// Errors after which nothing of the rest can be believed: the disk, the server or the archive
/// itself.
fn is_no_answer(message: &str) -> bool {
    [
        "No space left on device",
        "could not extend file",
        "server closed the connection",
        "terminating connection",
        "the database system is",
        "could not connect",
        "connection to server",
        "could not read from input file",
        "could not uncompress data",
        "could not find block ID",
        "did not find magic string",
        "out of memory",
        "a worker process died",
    ]
    .iter()
    .any(|sign| message.contains(sign))
}

/// Adds foreign keys without checking every row again: the source has checked them, and the second
/// look was 8.6 s of 43 (`NOT VALID`, then marked valid in the catalogue: 0.3 s).
///
/// Needs a superuser. What is not validated in the source stays so.
pub async fn add_foreign_keys(
    context: &Context,
    tools: &Tools,
    archive: &Path,
    list: &str,
    session: &Session,
) -> Result<Vec<noise::RestoreError>, RestoreError> {
    let list = write_list(context, list)?;
    let program = tools
        .program("pg_restore", None)
        .arg("--use-list")
        .arg(list.path())
        .arg("--file=-")
        .arg(archive);
    let script = tools.output_of(program).await?;
    let script = String::from_utf8_lossy(&script).into_owned();
    // Foreign keys first; what is not validated in the source, and comments, after the marking.
    let (mut unchecked, mut later) = (Vec::new(), Vec::new());
    for statement in sql::statements(&script) {
        let is_key = statement.text.contains(" FOREIGN KEY ");
        if !is_key && !statement.text.starts_with("COMMENT ") {
            continue;
        }
        let on_partitioned = is_key && !statement.text.starts_with("ALTER TABLE ONLY ");
        let stays_unchecked = [" NOT VALID", " NOT ENFORCED"]
            .iter()
            .any(|ending| statement.text.ends_with(ending));
        if is_key && !stays_unchecked && !on_partitioned {
            unchecked.push(format!("{} NOT VALID", statement.text));
        } else {
            later.push(statement.text.to_owned());
        }
    }
    let mut errors = run_all(session, unchecked).await;
    session
        .run(
            "set allow_system_table_mods = on; \
             update pg_constraint set convalidated = true where contype = 'f' and not convalidated; \
             reset allow_system_table_mods",
            "mark the foreign keys as checked",
        )
        .await?;
    errors.extend(run_all(session, later).await);
    Ok(errors)
}

fn write_list(context: &Context, list: &str) -> Result<tempfile::NamedTempFile, RestoreError> {
    use std::io::Write as _;
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(context.workspace.path())?;
        file.write_all(list.as_bytes())?;
        std::io::Result::Ok(file)
    };
    write().map_err(|source| RestoreError::ReadDump {
        path: context.workspace.path().to_owned(),
        source,
    })
}
