//! The action's inputs: which there are, and what they mean.

use std::path::{Path, PathBuf};

use clap::ValueEnum as _;

use crate::cli::run::UntilStage;
use crate::cli::{PolicyFile, lint, run};
use crate::policy::{self, CommentWhen};

/// The names of the inputs, as `action.yml` has them.
pub const INPUTS: [&str; 9] = [
    "policy",
    "command",
    "working-directory",
    "report-dir",
    "until",
    "base",
    "comment",
    "check",
    "github-token",
];

const COMMENT: [(&str, CommentWhen); 3] = [
    ("always", CommentWhen::Always),
    ("on_problem", CommentWhen::OnProblem),
    ("never", CommentWhen::Never),
];

const CHECK: [(&str, bool); 2] = [("true", true), ("false", false)];

/// What the action does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Run,
    Lint,
    Plan,
    Validate,
}

impl What {
    const ALL: [Self; 4] = [Self::Run, Self::Lint, Self::Plan, Self::Validate];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Lint => "lint",
            Self::Plan => "plan",
            Self::Validate => "validate",
        }
    }
}

/// The inputs, read. An empty one is one that was not given: a runner passes all of them.
#[derive(Debug, PartialEq, Eq)]
pub struct Inputs {
    pub what: What,
    /// From the directory that the action runs in, which is the workspace.
    pub policy: PathBuf,
    pub report_directory: Option<PathBuf>,
    pub until: Option<UntilStage>,
    pub base: Option<String>,
    pub comment: Option<CommentWhen>,
    pub check: Option<bool>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    #[error("the input `{name}` is `{value}`; known are {expected}")]
    Unknown {
        name: &'static str,
        value: String,
        expected: String,
    },
    #[error("the input `base` is `{0}`, which is no name of a commit")]
    Base(String),
}

impl Inputs {
    /// Reads the variables that a runner makes of the inputs.
    ///
    /// `github-token` is read where something is posted.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, InputError> {
        let input = |name: &str| {
            variable(&variable_of(name))
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
        };
        let what = match input("command") {
            None => What::Run,
            Some(value) => What::ALL
                .into_iter()
                .find(|what| what.as_str() == value)
                .ok_or_else(|| unknown("command", &value, &What::ALL.map(What::as_str)))?,
        };
        let comment = one_of("comment", input("comment"), &COMMENT)?;
        let check = one_of("check", input("check"), &CHECK)?;
        let until = match input("until") {
            None => None,
            Some(value) => Some(
                UntilStage::from_str(&value, false)
                    .map_err(|_| unknown("until", &value, &stages()))?,
            ),
        };
        // It becomes an argument of git.
        let base = input("base");
        if let Some(base) = &base
            && (base.starts_with('-') || base.contains(char::is_whitespace))
        {
            return Err(InputError::Base(base.clone()));
        }
        // The policy keeps this directory in its name, so that files are named from the workspace.
        let directory = input("working-directory")
            .filter(|directory| directory != ".")
            .map(PathBuf::from)
            .unwrap_or_default();
        let file = input("policy").unwrap_or_else(|| policy::DEFAULT_FILE.to_owned());
        Ok(Self {
            what,
            policy: directory.join(file),
            report_directory: input("report-dir").map(|report| directory.join(report)),
            until,
            base,
            comment,
            check,
        })
    }

    pub(in crate::cli) fn policy_file(&self) -> PolicyFile {
        PolicyFile {
            policy: self.policy.clone(),
        }
    }

    pub(in crate::cli) fn run_arguments(&self) -> run::Arguments {
        run::Arguments {
            policy: self.policy_file(),
            out: self.report_directory.clone(),
            until: self.until,
            base: self.base.clone(),
            keep: false,
            verify_fresh: None,
            from_dump: None,
            comment: self.comment,
            check: self.check,
        }
    }

    pub(in crate::cli) fn lint_arguments(&self) -> lint::Arguments {
        lint::Arguments {
            policy: self.policy_file(),
            base: self.base.clone(),
        }
    }
}

/// The policy that the step after the job reads, which has the same inputs.
pub fn policy_path(variable: impl Fn(&str) -> Option<String>) -> PathBuf {
    Inputs::read(variable).map_or_else(
        |_| Path::new(policy::DEFAULT_FILE).to_owned(),
        |inputs| inputs.policy,
    )
}

/// `INPUT_REPORT-DIR`: a runner makes letters large and leaves hyphens.
fn variable_of(name: &str) -> String {
    format!("INPUT_{}", name.to_uppercase())
}

fn stages() -> Vec<String> {
    UntilStage::value_variants()
        .iter()
        .filter_map(|stage| Some(stage.to_possible_value()?.get_name().to_owned()))
        .collect()
}

/// What an input means; `None`: it was not given.
fn one_of<T: Copy>(
    name: &'static str,
    value: Option<String>,
    known: &[(&str, T)],
) -> Result<Option<T>, InputError> {
    let Some(value) = value else { return Ok(None) };
    let meant = known.iter().find(|(word, _)| *word == value);
    match meant {
        Some((_, meant)) => Ok(Some(*meant)),
        None => {
            let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
            Err(unknown(name, &value, &words))
        }
    }
}

fn unknown(name: &'static str, value: &str, expected: &[impl AsRef<str>]) -> InputError {
    let expected: Vec<String> = expected
        .iter()
        .map(|word| format!("`{}`", word.as_ref()))
        .collect();
    InputError::Unknown {
        name,
        value: value.to_owned(),
        expected: expected.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{InputError, Inputs, UntilStage, What};

    fn read(given: &[(&str, &str)]) -> Result<Inputs, InputError> {
        Inputs::read(|name| {
            given
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_given_is_a_run_of_the_usual_policy() {
        let nothing = read(&[]).expect("valid");
        assert_eq!(nothing.what, What::Run);
        assert_eq!(nothing.policy, PathBuf::from("pgrehearse.yml"));
        assert_eq!(nothing.report_directory, None);
        let empty = read(&[("INPUT_POLICY", ""), ("INPUT_REPORT-DIR", " ")]).expect("valid");
        assert_eq!(empty, nothing);
    }

    #[test]
    fn all_inputs_are_read() {
        let inputs = read(&[
            ("INPUT_COMMAND", "lint"),
            ("INPUT_POLICY", "db/gate.yml"),
            ("INPUT_WORKING-DIRECTORY", "services/shop"),
            ("INPUT_REPORT-DIR", "out"),
            ("INPUT_UNTIL", "schema-diff"),
            ("INPUT_BASE", "origin/release"),
            ("INPUT_COMMENT", "on_problem"),
            ("INPUT_CHECK", "true"),
        ])
        .expect("valid");
        assert_eq!(inputs.what, What::Lint);
        assert_eq!(inputs.policy, PathBuf::from("services/shop/db/gate.yml"));
        assert_eq!(
            inputs.report_directory,
            Some(PathBuf::from("services/shop/out"))
        );
        assert_eq!(inputs.until, Some(UntilStage::SchemaDiff));
        assert_eq!(inputs.base.as_deref(), Some("origin/release"));
    }

    #[test]
    fn what_is_not_known_is_told() {
        for (name, value) in [
            ("INPUT_COMMAND", "deploy"),
            ("INPUT_UNTIL", "smoke"),
            ("INPUT_COMMENT", "sometimes"),
            ("INPUT_CHECK", "yes"),
            ("INPUT_BASE", "--output=x"),
        ] {
            let error = read(&[(name, value)]).expect_err("wrong").to_string();
            assert!(error.contains(&format!("`{value}`")), "{error}");
        }
        assert_eq!(
            read(&[("INPUT_CHECK", "yes")])
                .expect_err("wrong")
                .to_string(),
            "the input `check` is `yes`; known are `true`, `false`"
        );
    }
}
