//! The migrations, and how they are run.

use std::path::PathBuf;
use std::time::Duration;

use globset::{Glob, GlobMatcher};
use jiff::civil::Date;

use super::Context;
use crate::container::ImageName;
use crate::migrate::tool::{self, Tool};
use crate::policy::check::nearest;
use crate::policy::path::Path;
pub use crate::policy::raw::RawRoleAttribute as RoleAttribute;
pub use crate::policy::raw::RawUnchanged as Unchanged;
use crate::policy::raw::{RawHoldBack, RawMigrations, RawPending, RawPendingWord, RawTimeouts};
use crate::policy::units::{
    self, FileGlob, IdleInTransactionTimeout, LockTimeout, StatementTimeout,
};
use crate::text::QualifiedName;

/// How long a reader reads where the policy does not say.
const HOLD: Duration = Duration::from_secs(30);

/// The migrations to rehearse.
#[derive(Clone)]
pub struct Migrations {
    /// The tool the policy names.
    pub tool: Option<&'static Tool>,
    pub runner: Runner,
    /// What the command runs in; `None`: where the gate does.
    pub image: Option<ImageName>,
    pub working_directory: PathBuf,
    pub env: Vec<(String, String)>,
    pub files: Files,
    pub pending: Pending,
    /// Git's name of what files are new against; `None`: the pull request's base, else the default.
    pub base: Option<String>,
    pub unchanged: Unchanged,
    pub history: Option<HistoryTable>,
    pub hold_back: Vec<HoldBack>,
    pub timeouts: Timeouts,
    pub role: Option<String>,
    /// `None`: as in the source, where it says.
    pub role_attributes: Option<Vec<RoleAttribute>>,
    pub max_duration: Duration,
    /// How long the contention drill's reader reads; `None`: no drill.
    pub contention: Option<Duration>,
}

impl std::fmt::Debug for Migrations {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Migrations")
            .field("runner", &self.runner)
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// What runs the migrations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runner {
    /// The user's own command, with the variable that carries the clone's URL.
    Command { line: String, url_env: String },
    /// Our own: each file with `psql`, in the order of names.
    Psql,
}

/// The migration files.
#[derive(Clone, Debug)]
pub enum Files {
    /// Every pattern is meant to find something.
    Named(Vec<FileGlob>),
    /// The tool's usual places, of which a project uses one.
    Usual(Vec<FileGlob>),
}

impl Files {
    pub fn patterns(&self) -> &[FileGlob] {
        match self {
            Self::Named(patterns) | Self::Usual(patterns) => patterns,
        }
    }
}

/// Which files are pending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pending {
    Auto,
    All,
    After(String),
}

/// A history table that the policy names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryTable {
    pub table: QualifiedName,
    pub column: String,
}

/// A file that is not rehearsed yet.
#[derive(Clone, Debug)]
pub struct HoldBack {
    pub pattern: String,
    pub until: Date,
    pub reason: String,
    matcher: GlobMatcher,
}

impl HoldBack {
    /// Whether this holds back the file of that name (a path from the policy's directory).
    pub fn covers(&self, file: &str) -> bool {
        let name = file.rsplit('/').next().unwrap_or(file);
        self.matcher.is_match(file) || self.matcher.is_match(name)
    }
}

/// Settings of every session that migrates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    pub lock: Option<LockTimeout>,
    pub statement: Option<StatementTimeout>,
    pub idle_in_transaction: Option<IdleInTransactionTimeout>,
}

impl Timeouts {
    /// As PostgreSQL's settings.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = Vec::new();
        if let Some(timeout) = self.lock {
            settings.push(("lock_timeout", timeout.as_setting()));
        }
        if let Some(timeout) = self.statement {
            settings.push(("statement_timeout", timeout.as_setting()));
        }
        if let Some(timeout) = self.idle_in_transaction {
            settings.push(("idle_in_transaction_session_timeout", timeout.as_setting()));
        }
        settings
    }
}

pub(super) fn migrations(raw: RawMigrations, context: &mut Context<'_>) -> Option<Migrations> {
    let at = Path::of("migrations");
    let tool = match &raw.tool {
        Some(name) => named_tool(name, &at.key("tool"), context),
        None => None,
    };
    if raw.tool.is_none() && raw.command.is_none() && raw.files.as_slice().is_empty() {
        context.lacks(
            &at,
            "`migrations` needs `tool`, `command` or `files`",
            Some("for plain SQL: `files: migrations/*.sql`".to_owned()),
        );
        return None;
    }
    let runner = match raw
        .command
        .or_else(|| tool.map(|tool| tool.command.to_owned()))
    {
        Some(line) => Runner::Command {
            line,
            url_env: raw
                .url_env
                .unwrap_or_else(|| tool.map_or("DATABASE_URL", |tool| tool.url_env).to_owned()),
        },
        None => Runner::Psql,
    };
    let image = image(raw.image.as_deref(), &runner, &at.key("image"), context);
    let files = files(raw.files.as_slice(), tool, &at.key("files"), context);
    let history = raw.history.and_then(|history| {
        let here = at.key("history").key("table");
        let table = context.parsed(&here, &history.table, |text| {
            QualifiedName::parse(text).ok_or_else(|| "expected `schema.table`".to_owned())
        })?;
        Some(HistoryTable {
            table,
            column: history.column,
        })
    });
    let pending = match raw.pending {
        None | Some(RawPending::Word(RawPendingWord::Auto)) => Pending::Auto,
        Some(RawPending::Word(RawPendingWord::All)) => Pending::All,
        Some(RawPending::After(after)) => Pending::After(after.after),
    };
    let hold_back = raw
        .hold_back
        .into_iter()
        .enumerate()
        .filter_map(|(index, raw)| held_back(raw, &at.key("hold_back").index(index), context))
        .collect();
    let max_duration = match raw.max_duration {
        Some(text) => context.parsed(&at.key("max_duration"), &text, units::duration),
        None => Some(Duration::from_secs(3600)),
    };
    let contention = raw.contention.and_then(|drill| match drill.hold {
        Some(hold) => {
            let here = at.key("contention").key("hold");
            context.parsed(&here, &hold, units::duration)
        }
        None => Some(HOLD),
    });
    Some(Migrations {
        tool,
        runner,
        image,
        working_directory: context
            .root
            .join(raw.working_directory.as_deref().unwrap_or_default()),
        env: context.variables(&at.key("env"), &raw.env),
        files,
        pending,
        base: raw.base,
        unchanged: raw.unchanged.unwrap_or_default(),
        history,
        hold_back,
        timeouts: timeouts(&raw.timeouts, &at.key("timeouts"), context),
        role: raw.role,
        role_attributes: raw.role_attributes,
        max_duration: max_duration?,
        contention,
    })
}

fn named_tool(name: &str, at: &Path, context: &mut Context<'_>) -> Option<&'static Tool> {
    let found = tool::by_name(name);
    if found.is_none() {
        let known = || tool::ALL.iter().map(|tool| tool.name);
        context.problem(
            at,
            context.document.unknown("tool", at, name),
            Some(match nearest(name, known()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!(
                    "known: {}; for another give `command`, `files` and `history`",
                    known().collect::<Vec<_>>().join(", ")
                ),
            }),
        );
    }
    found
}

fn image(
    written: Option<&str>,
    runner: &Runner,
    at: &Path,
    context: &mut Context<'_>,
) -> Option<ImageName> {
    let name = context.parsed(at, written?, ImageName::parse)?;
    if *runner == Runner::Psql {
        context.problem_of_key(
            at,
            "`migrations.image` needs `migrations.command`",
            Some(
                "or a `tool`, which brings one: files alone are run by the gate's own psql"
                    .to_owned(),
            ),
        );
    }
    Some(name)
}

fn files(
    written: &[String],
    tool: Option<&'static Tool>,
    at: &Path,
    context: &mut Context<'_>,
) -> Files {
    if written.is_empty() {
        let usual = tool.map_or(&[] as &[&str], |tool| tool.files);
        return Files::Usual(
            usual
                .iter()
                .filter_map(|pattern| FileGlob::parse(pattern).ok())
                .collect(),
        );
    }
    Files::Named(
        written
            .iter()
            .enumerate()
            .filter_map(|(index, pattern)| {
                context.parsed(&context.item(at, index), pattern, FileGlob::parse)
            })
            .collect(),
    )
}

fn held_back(raw: RawHoldBack, at: &Path, context: &mut Context<'_>) -> Option<HoldBack> {
    let until = context.parsed(&at.key("until"), &raw.until, date);
    let matcher = context.parsed(&at.key("file"), &raw.file, |text| {
        Glob::new(text)
            .map(|glob| glob.compile_matcher())
            .map_err(|error| format!("not a pattern: {}", error.kind()))
    });
    Some(HoldBack {
        pattern: raw.file,
        until: until?,
        reason: raw.reason,
        matcher: matcher?,
    })
}

/// A day, as `2027-01-31`.
pub(super) fn date(text: &str) -> Result<Date, units::Expected> {
    text.parse()
        .map_err(|_| "expected a day such as `2027-01-31`".to_owned())
}

fn timeouts(raw: &RawTimeouts, at: &Path, context: &mut Context<'_>) -> Timeouts {
    let mut parsed = |key: &str, text: &Option<String>| {
        text.as_ref()
            .and_then(|text| context.parsed(&at.key(key), text, units::duration))
    };
    Timeouts {
        lock: parsed("lock", &raw.lock).map(LockTimeout),
        statement: parsed("statement", &raw.statement).map(StatementTimeout),
        idle_in_transaction: parsed("idle_in_transaction", &raw.idle_in_transaction)
            .map(IdleInTransactionTimeout),
    }
}
