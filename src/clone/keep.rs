//! A dump to keep: what `pgrehearse clone` writes.

use std::path::Path;

use super::database::{read_only_session, without_rows};
use super::{Beside, CloneError, Format, beside};
use crate::context::{Context, Workspace};
use crate::policy::LockTimeout;
use crate::postgres::Endpoint;
use crate::postgres::session::During as _;
use crate::postgres::tools::Tools;
use crate::verdict::Stage;

/// Dumps a database into `to`, and writes beside it what is known of it. What was there before stays
/// until the new dump is whole.
pub async fn keep(
    context: &Context,
    tools: &Tools,
    endpoint: &Endpoint,
    lock_timeout: LockTimeout,
    to: &Path,
    format: Format,
    mut known: Beside,
) -> Result<Beside, CloneError> {
    let failed = |source| CloneError::Read {
        path: to.to_owned(),
        source,
    };
    // Whatever ends this, no half of a dump stays, and nobody else can read it meanwhile.
    let private = Workspace::beside(to, &context.run, &context.guard).map_err(failed)?;
    let unfinished = private.file("dump");
    context
        .progress
        .doing(Stage::Clone, format!("dumping `{}`", endpoint.database));
    let mut dump = tools
        .program("pg_dump", Some(endpoint))
        .arg("--no-password")
        .arg(format!(
            "--lock-wait-timeout={}",
            lock_timeout.0.as_millis()
        ))
        .arg(format!("--format={}", format.as_str()))
        .arg("--file")
        .arg(&unfinished);
    if format == Format::Directory {
        dump = dump.arg(format!("--jobs={}", context.jobs()));
    }
    let session = read_only_session(endpoint, lock_timeout).await?;
    let version = session
        .query_one("select current_setting('server_version')", &[])
        .await
        .during("read the server's version")?;
    known.server_version = version.get(0);
    known.database.clone_from(&endpoint.database);
    dump = dump.args(without_rows(context, &session).await?);
    drop(session);
    tools.output_of(dump).await?;
    restrict(&unfinished)?;
    known.digest = beside::digest(&unfinished)?;
    known.without_rows_of = (context.policy.restore.exclude_data.iter())
        .map(ToString::to_string)
        .collect();
    remove(to)?;
    known.write(to)?;
    std::fs::rename(&unfinished, to).map_err(failed)?;
    Ok(known)
}

/// Personal data is in it.
fn restrict(path: &Path) -> Result<(), CloneError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = if path.is_dir() { 0o700 } else { 0o600 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(|source| {
        CloneError::Read {
            path: path.to_owned(),
            source,
        }
    })
}

/// Removes a dump, if there is one, and nothing that is none.
fn remove(path: &Path) -> Result<(), CloneError> {
    let removed = if path.join("toc.dat").is_file() {
        std::fs::remove_dir_all(path)
    } else {
        std::fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(CloneError::Read {
            path: path.to_owned(),
            source: error,
        }),
        _ => Ok(()),
    }
}
