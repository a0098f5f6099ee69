//! The user's own migration command: beside the gate, or in the policy's image.
//!
//! Wherever it runs, its lines go one way (masks, fences, the log file), and its end means the same.

use std::path::Path;

use super::MigrateError;
use super::runner::{Broken, Ending, Job};
use super::shadow::{self, Shadow};
use crate::container::{Site, Work};
use crate::context::Context;
use crate::postgres::Endpoint;
use crate::postgres::endpoint::Host;
use crate::process::child::{Ended, Program, describe_status, without_values};
use crate::process::environment::{self, Address};
use crate::text::{Mask, one_line};
use crate::verdict::Stage;

/// The last lines of a command's output that a report shows.
const SAID: usize = 12;

/// Runs the command to its end.
pub async fn run(
    context: &Context,
    job: &Job<'_>,
    line: &str,
    url_env: &str,
) -> Result<Ending, MigrateError> {
    let migrations = &context.policy.migrations;
    let mut own: Vec<(String, String)> = migrations
        .tool
        .iter()
        .flat_map(|tool| tool.env)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    own.push((url_env.to_owned(), "{clone_url}".to_owned()));
    own.extend(migrations.env.iter().cloned());
    let mut lines = Lines::of(context, job)?;
    let ended = match job.site {
        Some(site) => run_in_image(context, job, site, line, &own, &mut lines).await?,
        None => run_here(context, job, line, &own, &mut lines).await?,
    };
    let said = lines.said;
    Ok(match ended {
        Ended::TimedOut => Ending::TimedOut {
            limit: migrations.max_duration,
            file: None,
        },
        Ended::Exited(status) if status.success() => Ending::Done { files: Vec::new() },
        Ended::Exited(status) if lacks_a_program(status.code(), &said) => {
            return Err(MigrateError::NoProgram {
                how: describe_status(status),
                said: said.last().cloned().unwrap_or_default(),
            });
        }
        Ended::Exited(status) => Ending::Failed(Box::new(Broken {
            files: Vec::new(),
            file: None,
            line: None,
            error: None,
            how: describe_status(status),
            said,
        })),
    })
}

async fn run_here(
    context: &Context,
    job: &Job<'_>,
    line: &str,
    own: &[(String, String)],
    lines: &mut Lines<'_>,
) -> Result<Ended, MigrateError> {
    let migrations = &context.policy.migrations;
    let shadow = Shadow::without(context, job.held_back)?;
    let directory = shadow.as_ref().map_or_else(
        || migrations.working_directory.clone(),
        |shadow| shadow.place_of(&migrations.working_directory),
    );
    let address = Address {
        endpoint: job.endpoint,
        port: None,
    };
    let program = environment::prepare(
        Program::shell(line, &context.run).directory(&directory),
        &address,
        &context.policy.variables,
        own,
    );
    let limit = Some(migrations.max_duration);
    Ok(program.run_lines(limit, |_, line| lines.take(line)).await?)
}

async fn run_in_image(
    context: &Context,
    job: &Job<'_>,
    site: &Site,
    line: &str,
    own: &[(String, String)],
    lines: &mut Lines<'_>,
) -> Result<Ended, MigrateError> {
    let migrations = &context.policy.migrations;
    let replaced = shadow::replaced(context, job.held_back)?;
    let endpoint = Endpoint {
        host: Host::Tcp(site.host()),
        ..job.endpoint.clone()
    };
    let address = Address {
        endpoint: &endpoint,
        port: None,
    };
    let work = Work {
        line,
        directory: &migrations.working_directory,
        variables: environment::told(&address, own),
        replaced: &replaced,
        limit: migrations.max_duration,
    };
    let on_line = without_values(|_, line| lines.take(line));
    Ok(site.run(work, on_line).await?)
}

/// Where a command's lines go, each without secrets; values are out of them already.
struct Lines<'a> {
    context: &'a Context,
    stage: Stage,
    mask: Mask,
    kept: KeptLog,
    /// The last of them.
    said: Vec<String>,
}

impl<'a> Lines<'a> {
    fn of(context: &'a Context, job: &Job<'_>) -> Result<Self, MigrateError> {
        let mut mask = context.mask.clone();
        if let Some(password) = &job.endpoint.password {
            mask.add(password);
        }
        Ok(Self {
            context,
            stage: job.stage,
            mask,
            kept: KeptLog::create(job.log)?,
            said: Vec::new(),
        })
    }

    fn take(&mut self, line: &str) {
        let safe = self.mask.apply(line);
        self.kept.line(&safe);
        self.context.progress.output(self.stage, &safe);
        if !safe.trim().is_empty() {
            self.said.push(one_line(&safe, 300));
        }
        if self.said.len() > SAID {
            self.said.remove(0);
        }
    }
}

/// Whether a command ended because its machine or its image lacks a program that it starts, which says
/// nothing of the migration.
fn lacks_a_program(code: Option<i32>, said: &[String]) -> bool {
    // What `npx` says of a package that is not installed; its exit code is that of any failure.
    const OF_NPX: [&str; 2] = [
        "npx canceled due to missing packages",
        "could not determine executable to run",
    ];
    // A shell's own: found but not executable, not found.
    matches!(code, Some(126 | 127))
        || said
            .iter()
            .any(|line| OF_NPX.iter().any(|words| line.contains(words)))
}

/// A file that keeps a command's lines. A disk that is full must not stop the command's reading.
struct KeptLog(std::fs::File);

impl KeptLog {
    fn create(path: &Path) -> Result<Self, MigrateError> {
        std::fs::File::create(path)
            .map(Self)
            .map_err(|source| MigrateError::File {
                path: path.to_owned(),
                source,
            })
    }

    fn line(&mut self, line: &str) {
        use std::io::Write as _;
        if let Err(error) = writeln!(self.0, "{line}") {
            tracing::debug!(%error, "a line of the command's output was not kept");
        }
    }
}
