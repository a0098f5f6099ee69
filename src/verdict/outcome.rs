//! How a stage ended. A gate that cannot tell must not pass, so there are four ways.

use std::fmt;

use serde::Serialize;

/// A word of the run's sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    Preflight,
    Clone,
    Restore,
    Migrate,
    Verify,
    SchemaDiff,
    SmokeIngest,
}

impl Stage {
    /// In the order of the sentence.
    pub const ALL: [Self; 7] = [
        Self::Preflight,
        Self::Clone,
        Self::Restore,
        Self::Migrate,
        Self::Verify,
        Self::SchemaDiff,
        Self::SmokeIngest,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Clone => "clone",
            Self::Restore => "restore",
            Self::Migrate => "migrate",
            Self::Verify => "verify",
            Self::SchemaDiff => "schema-diff",
            Self::SmokeIngest => "smoke-ingest",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// An error that may know what to do next.
pub trait Explained: std::error::Error + Sized {
    fn hint(&self) -> Option<String> {
        None
    }

    /// As a report shows it.
    fn explain(&self) -> Failure {
        Failure::of(self, self.hint())
    }
}

/// Why a stage could not tell, safe to print: no values, no passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What failed, then why, from the outside in.
    pub chain: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
}

impl Failure {
    /// From an error and its causes.
    pub fn of(error: &dyn std::error::Error, hint: Option<String>) -> Self {
        let mut chain = vec![error.to_string()];
        let mut cause = error.source();
        while let Some(inner) = cause {
            let text = inner.to_string();
            // A transparent error says the same as what it wraps.
            if chain.last() != Some(&text) {
                chain.push(text);
            }
            cause = inner.source();
        }
        Self { chain, hint }
    }

    /// From a sentence.
    pub fn because(what: impl Into<String>) -> Self {
        Self {
            chain: vec![what.into()],
            hint: None,
        }
    }

    /// In one line: `what: why: why`.
    pub fn one_line(&self) -> String {
        self.chain.join(": ")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, text) in self.chain.iter().enumerate() {
            if depth > 0 {
                write!(formatter, "\n  caused by: ")?;
            }
            formatter.write_str(text)?;
        }
        if let Some(hint) = &self.hint {
            write!(formatter, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

/// How a stage ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    /// The change is bad: a finding of this stage blocks.
    Failed,
    /// The gate could not tell.
    Errored(Failure),
    NotRun(NotRun),
}

/// Why a stage did not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotRun {
    pub because: String,
    pub kind: NotRunKind,
}

/// Whether a verdict can do without the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRunKind {
    /// The policy does not ask for it.
    NotAskedFor,
    /// It would have been needed.
    CutShort,
    /// Nothing changed that it would rehearse.
    Unneeded,
}
