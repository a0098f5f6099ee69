//! The policy as the stages use it: every value is of the type it means.

mod checks;
mod migrations;
mod smoke;
mod source;

use std::collections::BTreeSet;
use std::path::{Path as FilePath, PathBuf};

pub use checks::{Allow, Assertion, Levels, RowsRule, RowsRules, SchemaDiff, Verify};
pub use migrations::{
    Files, HistoryTable, HoldBack, Migrations, Pending, RoleAttribute, Runner, Timeouts,
};
pub use smoke::{
    App, Body, Feed, Ingest, Method, Page, Ready, ReadyWhen, Request, Smoke, Until, When,
};
pub use source::{AcceptedError, Restore, Source, Target};

use super::document::{Document, Path};
use super::problem::Problem;
use super::raw::RawPolicy;
use super::units;

/// A policy that can be followed.
#[derive(Clone, Debug)]
pub struct Policy {
    pub name: String,
    /// The policy's file, as it was given.
    pub file: PathBuf,
    /// What its relative paths are relative to.
    pub root: PathBuf,
    pub source: Source,
    pub bin_dir: Option<PathBuf>,
    pub target: Target,
    pub restore: Restore,
    pub migrations: Migrations,
    /// SQL files that a fresh install runs before its migrations.
    pub baseline_init: Vec<PathBuf>,
    pub verify: Verify,
    pub schema_diff: SchemaDiff,
    pub smoke: Option<Smoke>,
    pub levels: Levels,
    pub allow: Vec<Allow>,
    pub report_directory: PathBuf,
    /// The environment variables that the policy names. No child inherits them: one of them may
    /// lead to production.
    pub variables: BTreeSet<String>,
}

/// Turns what was written into what is meant; `None` if a part without which the rest makes no
/// sense is wrong.
pub fn validate(
    raw: RawPolicy,
    file: &FilePath,
    variables: &BTreeSet<String>,
    document: &Document,
    problems: &mut Vec<Problem>,
) -> Option<Policy> {
    let root = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(FilePath::new("."))
        .to_owned();
    let mut context = Context {
        root: &root,
        document,
        problems,
    };
    if raw.version != 1 {
        context.problem(
            &Path::of("version"),
            format!("version {} is not known", raw.version),
            Some("this is version 1 of the format".to_owned()),
        );
    }
    let source = source::source(&raw.source, &mut context);
    let target = source::target(raw.target, &mut context);
    let restore = source::restore(raw.restore, &mut context);
    let migrations = migrations::migrations(raw.migrations, &mut context);
    let verify = checks::verify(raw.verify, &mut context);
    let schema_diff = checks::schema_diff(&raw.schema_diff, &mut context);
    let smoke = raw
        .smoke
        .and_then(|smoke| smoke::smoke(smoke, &mut context));
    let levels = checks::levels(&raw.rules);
    let allow = checks::allow(raw.allow, &mut context);
    let baseline_init = raw
        .baseline
        .init
        .as_slice()
        .iter()
        .map(|path| root.join(path))
        .collect();
    let name = raw.name.unwrap_or_else(|| directory_name(&root));
    Some(Policy {
        name,
        file: file.to_owned(),
        source: source?,
        bin_dir: raw.postgres.bin_dir.map(|path| root.join(path)),
        target: target?,
        restore,
        migrations: migrations?,
        baseline_init,
        verify,
        schema_diff,
        smoke,
        levels,
        allow,
        report_directory: root.join(raw.report.dir.as_deref().unwrap_or("pgrehearse-report")),
        variables: variables.clone(),
        root,
    })
}

fn directory_name(root: &FilePath) -> String {
    root.canonicalize()
        .ok()
        .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .unwrap_or_else(|| "rehearsal".to_owned())
}

/// What every part needs to say what is wrong with it.
struct Context<'a> {
    root: &'a FilePath,
    document: &'a Document,
    problems: &'a mut Vec<Problem>,
}

impl Context<'_> {
    fn problem(&mut self, path: &Path, message: impl Into<String>, hint: Option<String>) {
        self.problems.push(Problem {
            span: self.document.value_span(path),
            message: message.into(),
            hint,
        });
    }

    /// A parsed value, or a problem that says what was expected.
    fn parsed<T>(
        &mut self,
        path: &Path,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, units::Expected>,
    ) -> Option<T> {
        parse(text)
            .map_err(|expected| {
                self.problem(path, format!("`{path}` can't be `{text}`"), Some(expected));
            })
            .ok()
    }

    /// The only key of several that is set.
    fn exactly_one<'k>(&mut self, path: &Path, set: &[(&'k str, bool)]) -> Option<&'k str> {
        let given: Vec<&str> = set
            .iter()
            .filter(|(_, is_set)| *is_set)
            .map(|(key, _)| *key)
            .collect();
        if let [only] = given.as_slice() {
            return set.iter().find(|(key, _)| key == only).map(|(key, _)| *key);
        }
        let known = set
            .iter()
            .map(|(key, _)| format!("`{key}`"))
            .collect::<Vec<_>>()
            .join(", ");
        self.problem(
            path,
            if given.is_empty() {
                format!("`{path}` needs one of {known}")
            } else {
                format!("`{path}` takes one of {known}, not {}", given.len())
            },
            None,
        );
        None
    }

    /// A file that must exist, relative to the policy.
    fn existing_file(&mut self, path: &Path, text: &str) -> PathBuf {
        let file = self.root.join(text);
        if !file.is_file() {
            self.problem(path, format!("there is no file `{text}`"), None);
        }
        file
    }
}
