//! The files by which an action answers: outputs, the step's summary, the state for its second step.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::PathBuf;

use crate::cli::Exit;
use crate::process::RunId;
use crate::report::escape::visible_line;

/// The names of the outputs, as `action.yml` has them.
pub const OUTPUTS: [&str; 6] = [
    "verdict",
    "reason",
    "report-path",
    "junit-path",
    "html-path",
    "exit-code",
];

/// A runner takes no longer summary.
const SUMMARY_LIMIT: usize = 1024 * 1024;

/// The outputs of one run.
#[derive(Debug)]
pub struct Outputs {
    pub verdict: String,
    pub reason: String,
    pub report_path: String,
    pub junit_path: String,
    pub html_path: String,
    pub exit: Exit,
}

#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    #[error("could not write to `{}`, which the runner named in `{variable}`", path.display())]
    Write {
        variable: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("the output `{name}` holds the mark that would end it")]
    Delimiter { name: &'static str },
}

impl Outputs {
    /// The outputs of a command that leaves no report.
    pub fn of_exit(exit: Exit, reason: &str) -> Self {
        Self {
            verdict: match exit {
                Exit::Go => "go",
                Exit::NoGo => "no-go",
                _ => "undecided",
            }
            .to_owned(),
            reason: reason.to_owned(),
            report_path: String::new(),
            junit_path: String::new(),
            html_path: String::new(),
            exit,
        }
    }

    /// Appends them to the runner's file, if there is one.
    pub fn write(&self, variable: impl Fn(&str) -> Option<String>) -> Result<(), OutputError> {
        // Nobody can have written it into a migration.
        let delimiter = format!("pgrehearse_{:032x}", rand::random::<u128>());
        let text = self.text(&delimiter)?;
        append(variable, "GITHUB_OUTPUT", &text)
    }

    fn text(&self, delimiter: &str) -> Result<String, OutputError> {
        let values = [
            self.verdict.clone(),
            visible_line(&self.reason),
            self.report_path.clone(),
            self.junit_path.clone(),
            self.html_path.clone(),
            self.exit.code().to_string(),
        ];
        let mut text = String::new();
        for (name, value) in OUTPUTS.into_iter().zip(values) {
            text.push_str(&entry(name, &value, delimiter)?);
        }
        Ok(text)
    }
}

/// `name<<mark`, the value, the mark.
fn entry(name: &'static str, value: &str, delimiter: &str) -> Result<String, OutputError> {
    if value.contains(delimiter) {
        return Err(OutputError::Delimiter { name });
    }
    Ok(format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"))
}

/// Appends to the step's summary, if the runner wants one.
pub fn append_summary(
    variable: impl Fn(&str) -> Option<String>,
    markdown: &str,
) -> Result<(), OutputError> {
    let text: String = if markdown.len() < SUMMARY_LIMIT {
        format!("{markdown}\n")
    } else {
        "the report is too long for a summary; it is among the run's files\n".to_owned()
    };
    append(variable, "GITHUB_STEP_SUMMARY", &text)
}

/// Tells the step after the job which run this is, and in which container.
pub fn save_state(
    variable: impl Fn(&str) -> Option<String>,
    run: &RunId,
    container: Option<&str>,
) -> Result<(), OutputError> {
    let mut text = format!("run={run}\n");
    if let Some(container) = container {
        text.push_str(&format!("container={container}\n"));
    }
    append(variable, "GITHUB_STATE", &text)
}

/// What the step after the job has where the run has ended by itself, and nothing of it can come late.
pub const STATE_OF_END: &str = "STATE_ended";

/// Tells the step after the job that the run has ended.
pub fn save_end(variable: impl Fn(&str) -> Option<String>) -> Result<(), OutputError> {
    append(variable, "GITHUB_STATE", "ended=yes\n")
}

fn append(
    variable: impl Fn(&str) -> Option<String>,
    name: &'static str,
    text: &str,
) -> Result<(), OutputError> {
    let Some(path) = variable(name).filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| OutputError::Write {
            variable: name,
            path: path.into(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(reason: &str) -> Outputs {
        Outputs {
            report_path: "out".to_owned(),
            ..Outputs::of_exit(Exit::NoGo, reason)
        }
    }

    #[test]
    fn each_output_stands_between_its_marks() {
        let text = outputs("a\nverdict=go").text("M").expect("no mark in it");
        assert!(text.starts_with("verdict<<M\nno-go\nM\nreason<<M\na verdict=go\nM\n"));
        assert!(text.ends_with("exit-code<<M\n1\nM\n"));
    }

    #[test]
    fn a_value_that_holds_the_mark_is_refused() {
        let error = outputs("xMy").text("M").expect_err("refused");
        assert!(matches!(error, OutputError::Delimiter { name: "reason" }));
    }

    #[test]
    fn files_are_appended_to_and_only_where_they_are_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("output");
        std::fs::write(&path, "before=1\n").expect("written");
        let named =
            |name: &str| (name == "GITHUB_OUTPUT").then(|| path.to_string_lossy().into_owned());
        outputs("why").write(named).expect("written");
        append_summary(named, "text").expect("nothing to do");
        let text = std::fs::read_to_string(&path).expect("readable");
        assert!(text.starts_with("before=1\nverdict<<pgrehearse_"));
        assert!(!text.contains("text"));
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let error = outputs("why")
            .write(|_| Some("/nowhere/at/all".to_owned()))
            .expect_err("not written");
        assert_eq!(
            error.to_string(),
            "could not write to `/nowhere/at/all`, which the runner named in `GITHUB_OUTPUT`"
        );
    }
}
