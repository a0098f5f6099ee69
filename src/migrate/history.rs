//! What a database says was applied to it, and what is therefore pending.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::MigrateError;
use super::files::{MigrationFile, alembic_parents};
use super::tool::{Identity, Records, Tool};
use crate::git::{self, GitError};
use crate::policy::{HistoryTable, Migrations, Pending, Policy};
use crate::postgres::Session;
use crate::postgres::session::During as _;
use crate::text::{Ident, QualifiedName};

/// Where a database records what was applied.
#[derive(Clone)]
pub enum History {
    Tool(&'static Tool),
    Table(HistoryTable),
    /// Nowhere that we know of.
    None,
}

impl History {
    /// The history the policy means: its own table before its tool's.
    pub fn of(migrations: &Migrations) -> Self {
        match (&migrations.history, migrations.tool) {
            (Some(table), _) => Self::Table(table.clone()),
            (None, Some(tool)) => Self::Tool(tool),
            (None, None) => Self::None,
        }
    }

    /// The table, if there is one.
    pub fn table(&self) -> Option<QualifiedName> {
        match self {
            Self::Tool(tool) => QualifiedName::parse(tool.history),
            Self::Table(history) => Some(history.table.clone()),
            Self::None => None,
        }
    }

    /// Patterns of the tables that are the tool's and no part of the application's schema.
    pub fn own_tables(&self) -> Vec<String> {
        let mut tables: Vec<String> = self
            .table()
            .map(|table| format!("{}.{}", table.schema, table.name))
            .into_iter()
            .collect();
        if let Self::Tool(tool) = self {
            tables.extend(tool.own_tables.iter().map(|pattern| (*pattern).to_owned()));
        }
        tables
    }

    /// Reads what was applied. `None`: nothing ever was, since the table is not there.
    pub async fn read(&self, session: &Session) -> Result<Option<Applied>, MigrateError> {
        let Some(table) = self.table() else {
            return Ok(None);
        };
        let there: bool = session
            .query_one("select to_regclass($1) is not null", &[&table.to_string()])
            .await
            .during("look for the history table")?
            .get(0);
        if !there {
            return Ok(None);
        }
        let (sql, records) = match self {
            Self::Tool(tool) => (tool.applied.to_owned(), tool.records),
            Self::Table(history) => (
                format!("select {}::text from {table}", Ident(&history.column)),
                Records::Each,
            ),
            Self::None => return Ok(None),
        };
        let rows = session
            .query(&sql, &[])
            .await
            .during("read the migration history")?;
        Ok(Some(Applied {
            ids: rows
                .iter()
                .filter_map(|row| row.get::<_, Option<String>>(0))
                .collect(),
            records,
        }))
    }

    /// The ids with everything they stand for: an Alembic head stands for all it builds on, a
    /// newest version for all before it.
    pub fn expand(&self, applied: &Applied, files: &[MigrationFile]) -> BTreeSet<String> {
        let mut ids = applied.ids.clone();
        match self {
            Self::Tool(tool) if tool.identity == Identity::Alembic => {
                let parents: BTreeMap<&str, Vec<String>> = files
                    .iter()
                    .map(|file| (file.id(), alembic_parents(&file.path)))
                    .collect();
                let mut waiting: Vec<String> = ids.iter().cloned().collect();
                while let Some(id) = waiting.pop() {
                    for parent in parents.get(id.as_str()).into_iter().flatten() {
                        if ids.insert(parent.clone()) {
                            waiting.push(parent.clone());
                        }
                    }
                }
            }
            _ if applied.records == Records::NewestVersion => {
                let newest = newest_version(&ids);
                for id in files.iter().flat_map(|file| &file.ids) {
                    if id
                        .parse::<u64>()
                        .ok()
                        .is_some_and(|version| Some(version) <= newest)
                    {
                        ids.insert(id.clone());
                    }
                }
            }
            _ => {}
        }
        ids
    }

    /// Whether single files can be found in the history.
    pub fn names_files(&self) -> bool {
        match self {
            Self::Tool(tool) => tool.identity != Identity::Unmatched,
            Self::Table(_) => true,
            Self::None => false,
        }
    }
}

/// What a history table says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    pub ids: BTreeSet<String>,
    records: Records,
}

/// How it was decided what is pending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecidedBy {
    History,
    /// Files that are not in this commit.
    Git(String),
    Policy,
    /// Nothing tells them apart, so all are.
    Nothing,
}

impl DecidedBy {
    pub fn describe(&self) -> String {
        match self {
            Self::History => "by the history table".to_owned(),
            Self::Git(base) => format!("new since `{base}`"),
            Self::Policy => "by the policy".to_owned(),
            Self::Nothing => "as all are, since no history tells them apart".to_owned(),
        }
    }
}

/// The files that are pending on a database with this history.
pub async fn pending(
    migrations: &Migrations,
    root: &Path,
    files: &[MigrationFile],
    history: &History,
    applied: Option<&Applied>,
) -> Result<(Vec<MigrationFile>, DecidedBy), MigrateError> {
    match &migrations.pending {
        Pending::All => return Ok((files.to_vec(), DecidedBy::Policy)),
        Pending::After(name) => {
            let position = files
                .iter()
                .position(|file| {
                    file.name() == name || file.ids.contains(name) || file.shown == *name
                })
                .ok_or_else(|| MigrateError::NoSuchFile { name: name.clone() })?;
            return Ok((files[position + 1..].to_vec(), DecidedBy::Policy));
        }
        Pending::Auto => {}
    }
    if history.table().is_some() {
        let applied = match applied {
            Some(applied) => history.expand(applied, files),
            None => BTreeSet::new(),
        };
        let pending = files
            .iter()
            .filter(|file| !file.is_in(&applied))
            .cloned()
            .collect();
        return Ok((pending, DecidedBy::History));
    }
    match git_base(migrations, root).await {
        Some(base) => {
            let known = files_in_base(root, &base).await?;
            let pending = files
                .iter()
                .filter(|file| !known.contains(&file.shown))
                .cloned()
                .collect();
            Ok((pending, DecidedBy::Git(base)))
        }
        None => {
            git::readable(root).await?;
            Ok((files.to_vec(), DecidedBy::Nothing))
        }
    }
}

/// The files below `root` that are new or different since the base, as paths from `root`; `None`
/// where git does not tell.
pub async fn changed(migrations: &Migrations, root: &Path) -> Option<Changed> {
    let base = git_base(migrations, root).await?;
    let in_base = files_in_base(root, &base).await.ok()?;
    let merge_base = git::merge_base(root, &base).await.ok()?;
    Some(Changed {
        in_base,
        different: git::different(root, &merge_base).await.ok()?,
    })
}

/// What git says of files.
pub struct Changed {
    in_base: BTreeSet<String>,
    different: BTreeSet<String>,
}

impl Changed {
    /// Whether a file is new or different; `None`: it is not below the policy's directory.
    pub fn covers(&self, shown: &str) -> Option<bool> {
        let is_outside = shown.starts_with("../") || shown.starts_with('/');
        (!is_outside).then(|| !self.in_base.contains(shown) || self.different.contains(shown))
    }
}

/// Files that a history of one number takes for applied, and that nobody can have applied: they are
/// new on this branch, and older than what production has. Their tool will pass over them.
pub async fn passed_over(
    policy: &Policy,
    files: &[MigrationFile],
    applied: Option<&Applied>,
) -> Vec<String> {
    let Some(applied) = applied.filter(|applied| applied.records == Records::NewestVersion) else {
        return Vec::new();
    };
    let newest = newest_version(&applied.ids);
    let Some(base) = git_base(&policy.migrations, &policy.root).await else {
        return Vec::new();
    };
    // Without the base nothing is known to be new.
    let Ok(known) = files_in_base(&policy.root, &base).await else {
        return Vec::new();
    };
    files
        .iter()
        .filter(|file| {
            let version = newest_version(&file.ids);
            version.is_some() && version < newest && !known.contains(&file.shown)
        })
        .map(|file| file.shown.clone())
        .collect()
}

fn newest_version<'i>(ids: impl IntoIterator<Item = &'i String>) -> Option<u64> {
    ids.into_iter().filter_map(|id| id.parse().ok()).max()
}

/// The commit that files are new against; `None` outside a repository.
///
/// A base that the policy names is taken as it is, so that a missing one is an error and not "all
/// files are new".
async fn git_base(migrations: &Migrations, root: &Path) -> Option<String> {
    if let Some(base) = &migrations.base {
        return Some(base.clone());
    }
    let mut candidates = Vec::new();
    if let Ok(base) = std::env::var("GITHUB_BASE_REF")
        && !base.is_empty()
    {
        candidates.push(format!("origin/{base}"));
    }
    candidates.extend(["origin/HEAD", "origin/main", "origin/master"].map(str::to_owned));
    for candidate in candidates {
        if git::commit(root, &candidate).await.is_some() {
            return Some(candidate);
        }
    }
    None
}

/// The files that were there when this branch left the base.
async fn files_in_base(root: &Path, base: &str) -> Result<BTreeSet<String>, GitError> {
    let commit = git::merge_base(root, base).await?;
    git::files_in(root, &commit).await
}
