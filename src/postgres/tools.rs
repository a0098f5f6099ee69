//! PostgreSQL's own client programs, with passwords by environment and errors in fields.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;

use super::binaries::Binaries;
use super::endpoint::Endpoint;
use super::server_error::ServerError;
use crate::process::child::{Ended, Program, StartError, describe_status};
use crate::process::{RUN_VARIABLE, RunId};
use crate::text::redact::{self, Output};

/// The programs of one version, run on behalf of one run.
#[derive(Clone)]
pub struct Tools {
    pub binaries: Binaries,
    pub run: RunId,
}

/// Run after a file that may have begun a transaction of its own: what it left open, `psql` would
/// undo without a word. In a transaction of its own, a statement begins when that begins. The code is
/// `server_error::LEFT_OPEN`.
const REFUSE_AN_OPEN_TRANSACTION: &str = "\
do $$ begin
    if transaction_timestamp() <> statement_timestamp() then
        raise using errcode = 'PGR01';
    end if;
end $$";

impl Tools {
    pub fn new(binaries: Binaries, run: &RunId) -> Self {
        Self {
            binaries,
            run: run.clone(),
        }
    }

    /// `name` with none of our PG* variables, connected to `endpoint` if there is one.
    pub fn program(&self, name: &str, endpoint: Option<&Endpoint>) -> Program {
        let mut program = Program::new(self.binaries.program(name), &self.run)
            // We read what these programs print.
            .env("LC_ALL", "C")
            .env("PGCONNECT_TIMEOUT", "10")
            // A colour sequence in a message would hide it from us.
            .env("PG_COLOR", "never");
        for (variable, _) in std::env::vars_os() {
            let name = variable.to_string_lossy();
            if name.starts_with("PG") && name != RUN_VARIABLE {
                program = program.without_env(variable);
            }
        }
        if let Some(endpoint) = endpoint {
            for (variable, value) in endpoint.libpq_variables() {
                program = program.secret_env(variable, &value);
            }
            program = program.env("PGAPPNAME", super::session::APPLICATION_NAME);
        }
        program
    }
}

/// Whether `psql` wraps a file in one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// The whole file or nothing.
    Single,
    /// Each statement by itself, as the file is written.
    PerStatement,
}

/// One call of `psql`.
pub struct Script<'a> {
    pub file: &'a Path,
    pub transaction: Transaction,
    /// A statement to run after the file, in the same transaction if there is one.
    pub then: Option<String>,
    pub limit: Option<Duration>,
}

/// Why a script did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("`{}`{} was refused: {error}", file.display(), at_line(*line))]
    Refused {
        file: PathBuf,
        /// The line on which the refused statement ends.
        line: Option<u32>,
        error: Box<ServerError>,
    },
    #[error("`{}`{} could not be run: {said}", file.display(), at_line(*line))]
    Client {
        file: PathBuf,
        line: Option<u32>,
        said: String,
    },
    #[error("`{}` ran longer than {}", file.display(), crate::text::human_seconds(*limit))]
    TimedOut { file: PathBuf, limit: Duration },
}

fn at_line(line: Option<u32>) -> String {
    line.map(|line| format!(", line {line},"))
        .unwrap_or_default()
}

impl Tools {
    /// Runs a file with `psql`, which stops at the first error. Query results go nowhere: they are
    /// rows.
    pub async fn run_script(
        &self,
        endpoint: &Endpoint,
        script: Script<'_>,
    ) -> Result<(), ScriptError> {
        let mut program = self
            .program("psql", Some(endpoint))
            .args(["--no-psqlrc", "--quiet", "--no-password"])
            .args(["--set", "ON_ERROR_STOP=1", "--set", "VERBOSITY=verbose"])
            .args(["--output", "/dev/null"]);
        if script.transaction == Transaction::Single {
            program = program.arg("--single-transaction");
        }
        program = program.arg("--file").arg(script.file);
        if let Some(statement) = &script.then {
            program = program.arg("--command").arg(statement);
        }
        if script.transaction == Transaction::PerStatement {
            program = program.arg("--command").arg(REFUSE_AN_OPEN_TRANSACTION);
        }
        let mut complaint = Complaint::default();
        let ended = program
            .run_raw_lines(script.limit, |_, line| complaint.read(line))
            .await?;
        match ended {
            Ended::TimedOut => Err(ScriptError::TimedOut {
                file: script.file.to_owned(),
                limit: script.limit.unwrap_or_default(),
            }),
            Ended::Exited(status) if status.success() => Ok(()),
            Ended::Exited(status) => Err(complaint.into_error(script.file, status)),
        }
    }

    /// Runs a program to its end and returns what it wrote on its output; its complaints, if it
    /// fails, in the error.
    pub async fn output_of(&self, program: Program) -> Result<Vec<u8>, ToolError> {
        let shown = program.shown().to_owned();
        let running = program
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .start()?;
        let output = running.output().await.map_err(|source| StartError {
            program: shown.clone(),
            source,
        })?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(ToolError::Failed {
                program: shown,
                how: describe_status(output.status),
                said: complaint_of(&String::from_utf8_lossy(&output.stderr)),
            })
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("`{program}` failed ({how}): {said}")]
    Failed {
        program: String,
        how: String,
        said: String,
    },
    #[error("could not read the archive `{}`", path.display())]
    Archive {
        path: PathBuf,
        source: Box<ToolError>,
    },
}

/// The complaint lines of a client program without values: the first few `error:` lines, else the
/// last line.
pub fn complaint_of(text: &str) -> String {
    let mut output = Output::default();
    let safe: Vec<String> = text
        .lines()
        .map(|line| output.line(line))
        .filter(|line| !matches!(line.trim(), "" | "…"))
        .collect();
    let errors: Vec<&str> = safe
        .iter()
        .filter(|line| {
            line.contains("error:") || line.contains("ERROR:") || line.contains("FATAL:")
        })
        .map(String::as_str)
        .take(3)
        .collect();
    if errors.is_empty() {
        safe.last().cloned().unwrap_or_default()
    } else {
        errors.join("; ")
    }
}

/// What `psql` said from its first error on.
#[derive(Default)]
struct Complaint {
    lines: Vec<String>,
    in_error: bool,
}

impl Complaint {
    /// Notices come in the same frame as errors; only an error and what follows it is kept.
    fn read(&mut self, line: &str) {
        static MESSAGE: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(
                r"^(?:psql:.*?: )?(DEBUG|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|error|fatal):",
            )
            .expect("a constant pattern is valid")
        });
        let line = line
            .strip_prefix("psql: ")
            .map_or_else(|| line.to_owned(), |rest| format!("psql:: {rest}"));
        if let Some(found) = MESSAGE.captures(&line) {
            self.in_error = matches!(&found[1], "ERROR" | "FATAL" | "PANIC" | "error" | "fatal");
        }
        if self.in_error && self.lines.len() < 100 {
            self.lines.push(line);
        }
    }

    fn into_error(self, file: &Path, status: std::process::ExitStatus) -> ScriptError {
        static PLACE: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"^psql:(.*?):(\d+): ").expect("a constant pattern is valid")
        });
        let first = self.lines.first().map(String::as_str).unwrap_or_default();
        let place = PLACE.captures(first);
        let line = place.as_ref().and_then(|found| found[2].parse().ok());
        // A file that the script includes is named as the script names it.
        let file = match place {
            Some(found) if !found[1].is_empty() => PathBuf::from(&found[1]),
            _ => file.to_owned(),
        };
        match ServerError::from_verbose_text(&self.lines.join("\n")) {
            Some(error) => ScriptError::Refused {
                file,
                line,
                error: Box::new(error),
            },
            None => {
                let said = PLACE.replace(first, "");
                let said = said.trim_start_matches("psql::").trim();
                ScriptError::Client {
                    file,
                    line,
                    said: if said.is_empty() {
                        describe_status(status)
                    } else {
                        redact::child_line(said)
                    },
                }
            }
        }
    }
}
