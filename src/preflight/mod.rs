//! The preflight stage: everything that can fail in seconds, before anything costs time or money.

mod image;
pub mod lint;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use crate::clone::{self, CloneError, Inspected, Source};
use crate::container::{self, ContainerError, Site};
use crate::context::Context;
use crate::migrate::{self, Found};
use crate::policy::{self, Runner};
use crate::postgres::binaries::{self, FindError};
use crate::postgres::identity::Identity;
use crate::postgres::session::{ConnectError, During as _, QueryError};
use crate::postgres::{Binaries, Endpoint, Major, Session};
use crate::process::child::Program;
use crate::verdict::Explained;

/// What is going to be done.
pub struct Plan {
    pub source: Box<dyn Source>,
    pub inspected: Inspected,
    /// The programs that read the source.
    pub reader: Binaries,
    /// The programs of the clone's server; `None` where only the data will tell the version.
    pub server: Option<Binaries>,
    /// `target.server`, shown to be another server than the source.
    pub foreign: Option<Endpoint>,
    pub found: Found,
    /// What the files look like, read without a server.
    pub lint: lint::Facts,
    /// Where the policy's image runs; `None` without one, or if it was only looked for.
    pub site: Option<Arc<Site>>,
}

/// What was found without making anything.
pub struct Looked {
    pub plan: Plan,
    /// Docker and the policy's image, if it has one.
    pub image: Option<container::Found>,
}

#[derive(Debug, thiserror::Error)]
pub enum PreflightError {
    #[error("no migration file fits `{}`", patterns.join("`, `"))]
    NoFiles { patterns: Vec<String> },
    #[error("`{what}` is not a directory: `{}`", path.display())]
    NoDirectory { what: &'static str, path: PathBuf },
    #[error("`baseline.init`: there is no file `{}`", path.display())]
    NoInit { path: PathBuf },
    #[error("`{program}` is not installed here (`{what}`)")]
    NoProgram { what: &'static str, program: String },
    #[error("`target.server` is the source itself, or a replica of it")]
    TargetIsSource,
    #[error(transparent)]
    Container(#[from] ContainerError),
    #[error(transparent)]
    Source(#[from] CloneError),
    #[error(transparent)]
    Find(#[from] FindError),
    #[error("could not reach `target.server`")]
    Target(#[source] ConnectError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl Explained for PreflightError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoFiles { .. } => Some(
                "`migrations.files` is relative to the policy's directory".to_owned(),
            ),
            Self::NoProgram { .. } => Some(
                "the gate runs your own command: install what it needs beside the gate, or name an image that has it (`migrations.image`)".to_owned(),
            ),
            Self::TargetIsSource => {
                Some("name a staging server, or leave `target` out for a throwaway".to_owned())
            }
            Self::Container(error) => error.hint(),
            Self::Source(error) => error.hint(),
            Self::Find(error) => error.hint(),
            Self::Connect(error) | Self::Target(error) => error.hint(),
            _ => None,
        }
    }
}

/// Runs the preflight stage.
pub async fn run(context: &Context) -> Result<Plan, PreflightError> {
    let Looked { mut plan, image } = look(context).await?;
    if let Some(image) = image {
        plan.site = Some(image::prepare(context, image).await?);
    }
    Ok(plan)
}

/// The same without pulling the image, or making anything for it.
pub async fn look(context: &Context) -> Result<Looked, PreflightError> {
    let policy = &context.policy;
    let found = files(policy)?;
    commands(context).await?;
    let image = image::look(policy).await?;
    let Ends {
        source,
        inspected,
        reader,
        server,
        foreign,
    } = ends(context).await?;
    let major = server.as_ref().map_or(reader.major, |server| server.major);
    let lint = lint::run(policy, &found, inspected.major.unwrap_or(major)).await;
    let plan = Plan {
        // Files that build production fit every version, so the newest here.
        server: match &policy.source {
            policy::Source::Sql(_) => Some(reader.clone()),
            _ => server,
        },
        source,
        inspected,
        reader,
        foreign,
        found,
        lint,
        site: None,
    };
    Ok(Looked { plan, image })
}

/// The source and the clone's server, before anything is made.
pub struct Ends {
    pub source: Box<dyn Source>,
    pub inspected: Inspected,
    /// The programs that read the source.
    pub reader: Binaries,
    /// The programs of the clone's server; `None` where only the data will tell the version.
    pub server: Option<Binaries>,
    /// `target.server`, shown to be another server than the source.
    pub foreign: Option<Endpoint>,
}

/// Looks at the source and at where the clone will be, and at nothing of the migration.
pub async fn ends(context: &Context) -> Result<Ends, PreflightError> {
    let policy = &context.policy;
    let source = clone::source(policy);
    let inspected = source.inspect(context).await?;
    if let Some(size) = inspected.size {
        clone::room::allowed(policy, size)?;
    }
    let (foreign, server) = target(context, &inspected).await?;
    let reader = match &server {
        Some(binaries) => binaries.clone(),
        None => binaries::newest(policy.bin_dir.as_deref())?,
    };
    if let Some(size) = inspected.size {
        clone::room::enough(policy, size)?;
    }
    Ok(Ends {
        source,
        inspected,
        reader,
        server,
        foreign,
    })
}

/// The migration files. A pattern that fits nothing is a typo until shown otherwise.
fn files(policy: &policy::Policy) -> Result<Found, PreflightError> {
    let found = migrate::find(policy);
    if !found.empty_patterns.is_empty() {
        return Err(PreflightError::NoFiles {
            patterns: found.empty_patterns,
        });
    }
    let none = found.files.is_empty() && found.held_back.is_empty();
    if none && policy.migrations.runner == Runner::Psql {
        return Err(PreflightError::NoFiles {
            patterns: policy
                .migrations
                .files
                .patterns()
                .iter()
                .map(ToString::to_string)
                .collect(),
        });
    }
    for path in &policy.baseline_init {
        if !path.is_file() {
            return Err(PreflightError::NoInit { path: path.clone() });
        }
    }
    Ok(found)
}

/// The user's own commands can be found.
async fn commands(context: &Context) -> Result<(), PreflightError> {
    let policy = &context.policy;
    if let Runner::Command { line, .. } = &policy.migrations.runner {
        let directory = &policy.migrations.working_directory;
        is_directory("migrations.command", directory)?;
        // What an image has is known when it runs.
        if policy.migrations.image.is_none() {
            command(context, "migrations.command", line, directory).await?;
        }
    }
    if let Some(smoke) = &policy.smoke {
        let directory = &smoke.app.working_directory;
        is_directory("smoke.app.command", directory)?;
        command(context, "smoke.app.command", &smoke.app.command, directory).await?;
    }
    Ok(())
}

fn is_directory(what: &'static str, path: &Path) -> Result<(), PreflightError> {
    if path.is_dir() {
        return Ok(());
    }
    Err(PreflightError::NoDirectory {
        what,
        path: path.to_owned(),
    })
}

async fn command(
    context: &Context,
    what: &'static str,
    line: &str,
    directory: &Path,
) -> Result<(), PreflightError> {
    let Some(program) = first_program(line) else {
        return Ok(());
    };
    // The shell knows its own words too.
    let found = Program::new("/bin/sh", &context.run)
        .args(["-c", "command -v -- \"$1\"", "sh", program])
        .directory(directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .start();
    let found = match found {
        Ok(mut running) => running.wait().await.is_ok_and(|status| status.success()),
        Err(_) => false,
    };
    if found {
        Ok(())
    } else {
        Err(PreflightError::NoProgram {
            what,
            program: program.to_owned(),
        })
    }
}

/// The program that a shell line begins with, where that can be told without a shell.
fn first_program(line: &str) -> Option<&str> {
    let word = line.split_whitespace().next()?;
    let is_plain = word
        .chars()
        .all(|character| character.is_ascii_alphanumeric() || "_-./+".contains(character));
    is_plain.then_some(word)
}

/// The server that the clone will live on, as far as it is known.
async fn target(
    context: &Context,
    inspected: &Inspected,
) -> Result<(Option<Endpoint>, Option<Binaries>), PreflightError> {
    let policy = &context.policy;
    let bin_dir = policy.bin_dir.as_deref();
    match &policy.target {
        policy::Target::Throwaway { version, .. } => {
            let major = version.or(inspected.major);
            let server = major
                .map(|major| binaries::find(major, bin_dir))
                .transpose()?;
            Ok((None, server))
        }
        policy::Target::InPlace => {
            let server = inspected.major.map(|major| binaries::find(major, bin_dir));
            Ok((None, server.transpose()?))
        }
        policy::Target::Server(endpoint) => {
            let session = Session::open(endpoint, &[])
                .await
                .map_err(PreflightError::Target)?;
            let own = Identity::of(&session).await?;
            if let policy::Source::Database {
                endpoint: production,
                lock_timeout,
            } = &policy.source
            {
                let source = clone::read_only_session(production, *lock_timeout).await?;
                if own.is_same_as(&Identity::of(&source).await?) {
                    return Err(PreflightError::TargetIsSource);
                }
            }
            let version: String = session
                .query_one("select current_setting('server_version_num')", &[])
                .await
                .during("read the target's version")?
                .get(0);
            let major = Major::from_version_num(version.parse().unwrap_or(0));
            Ok((
                Some(endpoint.clone()),
                Some(binaries::find(major, bin_dir)?),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::first_program;

    #[test]
    fn only_plain_words_are_programs() {
        assert_eq!(first_program("npx prisma migrate deploy"), Some("npx"));
        assert_eq!(first_program("./bin/migrate --all"), Some("./bin/migrate"));
        assert_eq!(first_program("FOO=1 rails db:migrate"), None);
        assert_eq!(first_program("$HOME/bin/x"), None);
        assert_eq!(first_program(""), None);
    }
}
