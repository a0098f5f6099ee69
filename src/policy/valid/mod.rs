//! The policy as the stages use it: every value is of the type it means.

mod aws;
mod checks;
mod cloud;
mod migrations;
mod report;
mod smoke;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path as FilePath, PathBuf};

pub use checks::{Allow, Assertion, Levels, RowsRule, RowsRules, SchemaDiff, Verify};
pub use cloud::{Hosted, ProviderOf};
pub use migrations::{
    Files, HistoryTable, HoldBack, Migrations, Pending, RoleAttribute, Runner, Timeouts, Unchanged,
};
pub use report::{CommentWhen, Told};
pub use smoke::{
    App, Body, Feed, Ingest, Method, Page, Ready, ReadyWhen, Request, Smoke, Until, When,
};
pub use source::{AcceptedError, Dump, Restore, Source, Target};

use super::document::Document;
use super::interpolate;
use super::path::Path;
use super::problem::Problem;
use super::raw::{RawPolicy, RawScalar};
use super::units;
use crate::rules::Limits;

/// A name is a part of comments, checks and resources.
const NAME_LIMIT: usize = 100;

/// A policy that can be followed.
#[derive(Clone)]
pub struct Policy {
    pub name: String,
    /// The policy's file, as it was given.
    pub file: PathBuf,
    /// As it was written, with no variable resolved.
    pub text: String,
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
    /// How much rules let pass, where it is not their own.
    pub limits: Limits,
    pub allow: Vec<Allow>,
    pub report_directory: PathBuf,
    /// What is told on GitHub.
    pub told: Told,
    /// The environment variables that the policy names, and those that its source's provider is asked
    /// with. No child inherits them: one of them may lead to production.
    pub variables: BTreeSet<String>,
}

/// Variables have been resolved, so most parts may hold a secret.
impl std::fmt::Debug for Policy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Policy")
            .field("name", &self.name)
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
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
            format!(
                "version {} of the policy's format is not known",
                raw.version
            ),
            Some("expected 1".to_owned()),
        );
    }
    let source = source::source(&raw.source, &mut context);
    let target = source::target(raw.target, source::Clones::of(&raw.source), &mut context);
    let restore = source::restore(raw.restore, &mut context);
    let migrations = migrations::migrations(raw.migrations, &mut context);
    if let (Some(Target::Server(_) | Target::InPlace), Some(Migrations { image: Some(_), .. })) =
        (&target, &migrations)
    {
        context.problem_of_key(
            &Path::of("migrations.image"),
            "`migrations.image` goes with a throwaway server alone",
            Some(
                "the image reaches that server and no other: leave `image` out, or say `target: { throwaway: {} }`"
                    .to_owned(),
            ),
        );
    }
    let verify = checks::verify(raw.verify, &mut context);
    let schema_diff = checks::schema_diff(&raw.schema_diff, &mut context);
    let smoke = raw
        .smoke
        .and_then(|smoke| smoke::smoke(smoke, &mut context));
    let levels = checks::levels(&raw.rules);
    let limits = checks::limits(&raw.rules, &mut context);
    let allow = checks::allow(raw.allow, &mut context);
    let baseline_init =
        context.existing_files(&Path::of("baseline.init"), raw.baseline.init.as_slice());
    let name = raw.name.unwrap_or_else(|| directory_name(&root));
    if name.contains('\n') || name.chars().count() > NAME_LIMIT {
        context.problem(
            &Path::of("name"),
            "`name` is too long",
            Some(format!(
                "expected one line of at most {NAME_LIMIT} characters"
            )),
        );
    }
    let source = source?;
    let mut variables = variables.clone();
    if let Source::Hosted(hosted) = &source {
        variables.extend(hosted.variables().iter().map(|name| (*name).to_owned()));
    }
    Some(Policy {
        name,
        file: file.to_owned(),
        text: String::new(),
        source,
        bin_dir: raw.postgres.bin_dir.map(|path| root.join(path)),
        target: target?,
        restore,
        migrations: migrations?,
        baseline_init,
        verify,
        schema_diff,
        smoke,
        levels,
        limits,
        allow,
        report_directory: root.join(raw.report.dir.as_deref().unwrap_or("pgrehearse-report")),
        told: report::told(&raw.report),
        variables,
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
    /// Reports what is wrong with the value at `path`, unless it was reported to be wrong before.
    fn problem(&mut self, path: &Path, message: impl Into<String>, hint: Option<String>) {
        self.problem_at(self.document.value_span(path), path, message, hint);
    }

    /// Reports what is wrong with the key at `path`.
    fn problem_of_key(&mut self, path: &Path, message: impl Into<String>, hint: Option<String>) {
        self.problem_at(self.document.key_span(path), path, message, hint);
    }

    /// Reports that the map at `path` lacks something, unless a part of it was refused, which may
    /// be just that.
    fn lacks(&mut self, path: &Path, message: impl Into<String>, hint: Option<String>) {
        if !self.document.has_given_up_in(path) {
            self.problem_at(self.document.owner_span(path), path, message, hint);
        }
    }

    fn problem_at(
        &mut self,
        span: std::ops::Range<usize>,
        path: &Path,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        if self.document.is_given_up(path) {
            return;
        }
        self.problems.push(Problem {
            span,
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
                let quoted = self.document.quoted(path, text);
                self.problem(path, format!("`{path}` can't be {quoted}"), Some(expected));
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
        let known = listed(set.iter().map(|(key, _)| *key));
        match given.as_slice() {
            [] => self.lacks(path, format!("`{path}` needs one of {known}"), None),
            [first, others @ ..] => {
                for other in others {
                    self.problem_of_key(
                        &path.key(*other),
                        format!("`{path}` has `{first}` and `{other}`"),
                        Some(format!("expected one of {known}")),
                    );
                }
            }
        }
        None
    }

    /// A file that must exist, relative to the policy.
    fn existing_file(&mut self, path: &Path, text: &str) -> PathBuf {
        let file = self.root.join(text);
        if !file.is_file() {
            let quoted = self.document.quoted(path, text);
            let message = if file.is_dir() {
                format!("`{path}` can't be {quoted}: it is a directory")
            } else {
                format!("`{path}` can't be {quoted}: there is no such file")
            };
            let hint = format!("a path is relative to `{}`", self.root.display());
            self.problem(path, message, Some(hint));
        }
        file
    }

    /// Files that must exist, written as one text or as a list of them.
    fn existing_files(&mut self, path: &Path, texts: &[String]) -> Vec<PathBuf> {
        texts
            .iter()
            .enumerate()
            .map(|(index, text)| self.existing_file(&self.item(path, index), text))
            .collect()
    }

    /// The place of an item where one text may stand for a list of one.
    fn item(&self, path: &Path, index: usize) -> Path {
        let item = path.index(index);
        if self.document.is_written(&item) {
            item
        } else {
            path.clone()
        }
    }

    /// Variables for a child, each with a name that the system takes.
    fn variables(
        &mut self,
        path: &Path,
        raw: &BTreeMap<String, RawScalar>,
    ) -> Vec<(String, String)> {
        for name in raw.keys() {
            if !interpolate::is_name(name) {
                self.problem_of_key(
                    &path.key(name.as_str()),
                    "not the name of an environment variable",
                    Some("expected letters, digits and `_`".to_owned()),
                );
            }
        }
        raw.iter()
            .map(|(name, value)| (name.clone(), value.as_text()))
            .collect()
    }
}

/// `` `a`, `b` ``.
fn listed<'k>(names: impl Iterator<Item = &'k str>) -> String {
    names
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
