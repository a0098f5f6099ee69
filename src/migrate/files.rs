//! The migration files: which there are, in which order, and how the history names them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use super::tool::Identity;
use crate::policy::{Files, HoldBack, Policy};

/// One migration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationFile {
    pub path: PathBuf,
    /// Relative to the policy, with `/`.
    pub shown: String,
    /// The names under which a history may have it. The first is the usual one.
    pub ids: Vec<String>,
}

impl MigrationFile {
    pub fn id(&self) -> &str {
        self.ids.first().map_or(&self.shown, String::as_str)
    }

    pub fn is_in(&self, applied: &BTreeSet<String>) -> bool {
        self.ids.iter().any(|id| applied.contains(id))
    }

    /// The file's own name, or its directory's where all files are called the same.
    pub fn name(&self) -> &str {
        let mut parts = self.shown.rsplit('/');
        let file = parts.next().unwrap_or(&self.shown);
        match file {
            "migration.sql" | "up.sql" => parts.next().unwrap_or(file),
            _ => file,
        }
    }
}

/// All migration files of a policy, in the order of their names, those held back apart.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub files: Vec<MigrationFile>,
    pub held_back: Vec<HeldBack>,
    /// Patterns that were written and found nothing.
    pub empty_patterns: Vec<String>,
}

impl Found {
    /// The files that no tool may see.
    pub fn held_back_paths(&self) -> Vec<PathBuf> {
        self.held_back
            .iter()
            .map(|held| held.file.path.clone())
            .collect()
    }
}

/// A file that is not rehearsed.
#[derive(Clone, Debug)]
pub struct HeldBack {
    pub file: MigrationFile,
    pub by: HoldBack,
}

/// Finds the migration files of `policy`.
pub fn find(policy: &Policy) -> Found {
    let migrations = &policy.migrations;
    let identity = migrations.tool.map(|tool| tool.identity);
    let mut found = Found::default();
    let mut paths = BTreeMap::new();
    for pattern in migrations.files.patterns() {
        let files = pattern.files(&policy.root);
        if files.is_empty() && matches!(migrations.files, Files::Named(_)) {
            found.empty_patterns.push(pattern.to_string());
        }
        for path in files {
            let shown = relative(&path, &policy.root);
            if path.is_file() {
                paths.insert(path, shown);
            }
        }
    }
    let all: BTreeSet<String> = paths.values().cloned().collect();
    paths.retain(|_, shown| !is_way_back(shown, &all));
    let mut files: Vec<MigrationFile> = paths
        .into_iter()
        .map(|(path, shown)| MigrationFile {
            ids: ids(&path, &shown, identity),
            path,
            shown,
        })
        .collect();
    // By name and not by directory: files from several places are one sequence.
    files.sort_by(|a, b| (a.name(), &a.shown).cmp(&(b.name(), &b.shown)));
    for file in files {
        match migrations
            .hold_back
            .iter()
            .find(|held| held.covers(&file.shown))
        {
            Some(held) => found.held_back.push(HeldBack {
                file,
                by: held.clone(),
            }),
            None => found.files.push(file),
        }
    }
    found
}

/// `migrations/0001_init.sql`, from the policy's directory.
pub fn relative(path: &Path, root: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/")
        .trim_start_matches("./")
        .to_owned()
}

/// Whether a file undoes the migration beside it. Its name alone does not tell:
/// `0002_payment_rollback.sql` may be about payments.
fn is_way_back(shown: &str, all: &BTreeSet<String>) -> bool {
    const ENDINGS: [(&str, &[&str]); 4] = [
        (".down.sql", &[".up.sql", ".sql"]),
        ("/down.sql", &["/up.sql", "/migration.sql"]),
        (".undo.sql", &[".do.sql", ".sql"]),
        ("_rollback.sql", &[".sql"]),
    ];
    ENDINGS.iter().any(|(ending, forward)| {
        shown.strip_suffix(ending).is_some_and(|stem| {
            forward
                .iter()
                .any(|forward| all.contains(&format!("{stem}{forward}")))
        })
    })
}

/// The names a history may know a file by.
fn ids(path: &Path, shown: &str, identity: Option<Identity>) -> Vec<String> {
    let file = shown.rsplit('/').next().unwrap_or(shown);
    let directory = shown.rsplit('/').nth(1).unwrap_or_default();
    let stem = file.split('.').next().unwrap_or(file).to_owned();
    let one = |id: Option<String>| id.into_iter().collect();
    match identity {
        Some(Identity::Stem) => vec![stem],
        Some(Identity::FileName) => vec![file.to_owned()],
        Some(Identity::LeadingNumber) => one(leading_number(file)),
        Some(Identity::BeforeUnderscore) => one(stem.split('_').next().map(str::to_owned)),
        Some(Identity::Directory) => vec![directory.to_owned()],
        Some(Identity::DirectoryNumber) => one(directory
            .split('_')
            .next()
            .map(|version| version.replace('-', ""))),
        Some(Identity::Flyway) => one(flyway_version(file)),
        Some(Identity::Django) => {
            let app = shown.rsplit('/').nth(2).unwrap_or_default();
            vec![format!("{app}.{stem}")]
        }
        Some(Identity::Alembic) => one(alembic_revision(path)),
        Some(Identity::DrizzleJournal) => one(drizzle_when(path, &stem)),
        Some(Identity::Unmatched) => Vec::new(),
        // A history of the user's own may name the file in any of the usual ways.
        None => {
            let mut ids = vec![stem, file.to_owned()];
            ids.extend(leading_number(file));
            if matches!(file, "migration.sql" | "up.sql") {
                ids.insert(0, directory.to_owned());
            }
            ids
        }
    }
}

/// `20240101` of `20240101_init.sql`, without leading zeros as a number column has it.
fn leading_number(file: &str) -> Option<String> {
    let digits: String = file.chars().take_while(char::is_ascii_digit).collect();
    if digits.is_empty() {
        return None;
    }
    let trimmed = digits.trim_start_matches('0');
    Some(if trimmed.is_empty() {
        "0".to_owned()
    } else {
        trimmed.to_owned()
    })
}

/// `1.2` of `V1_2__init.sql`.
fn flyway_version(file: &str) -> Option<String> {
    let (version, _) = file.strip_prefix(['V', 'U'])?.split_once("__")?;
    Some(version.replace('_', "."))
}

fn alembic_revision(path: &Path) -> Option<String> {
    static REVISION: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?m)^revision(?:\s*:\s*str)?\s*=\s*['"]([^'"]+)['"]"#)
            .expect("a constant pattern is valid")
    });
    let text = std::fs::read_to_string(path).ok()?;
    REVISION.captures(&text).map(|found| found[1].to_owned())
}

/// The revisions that an Alembic file builds on.
pub(super) fn alembic_parents(path: &Path) -> Vec<String> {
    static PARENTS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?m)^down_revision(?:\s*:[^=]*)?\s*=\s*(.+)$")
            .expect("a constant pattern is valid")
    });
    static QUOTED: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"['"]([^'"]+)['"]"#).expect("a constant pattern is valid"));
    let text = std::fs::read_to_string(path).unwrap_or_default();
    PARENTS
        .captures(&text)
        .map(|found| {
            QUOTED
                .captures_iter(&found[1])
                .map(|quoted| quoted[1].to_owned())
                .collect()
        })
        .unwrap_or_default()
}

fn drizzle_when(path: &Path, stem: &str) -> Option<String> {
    let journal = path.parent()?.join("meta/_journal.json");
    let journal: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(journal).ok()?).ok()?;
    journal["entries"]
        .as_array()?
        .iter()
        .find(|entry| entry["tag"] == stem)
        .map(|entry| entry["when"].to_string())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Identity, ids};

    #[test]
    fn tools_name_their_files() {
        let cases = [
            (Identity::Stem, "deploy/users.sql", "users"),
            (Identity::FileName, "migrations/1_a.js", "1_a.js"),
            (Identity::LeadingNumber, "migrations/0007_a.up.sql", "7"),
            (
                Identity::LeadingNumber,
                "db/migrate/20240102030405_a.rb",
                "20240102030405",
            ),
            (
                Identity::BeforeUnderscore,
                "migrations/2024a_x.sql",
                "2024a",
            ),
            (
                Identity::Directory,
                "prisma/migrations/1_init/migration.sql",
                "1_init",
            ),
            (
                Identity::DirectoryNumber,
                "migrations/2024-01-02-030405_a/up.sql",
                "20240102030405",
            ),
            (Identity::Flyway, "sql/V1_2__init.sql", "1.2"),
            (
                Identity::Django,
                "shop/migrations/0001_initial.py",
                "shop.0001_initial",
            ),
        ];
        for (identity, file, id) in cases {
            assert_eq!(ids(Path::new(file), file, Some(identity)), [id], "{file}");
        }
        assert_eq!(
            ids(Path::new("m/0001_a.sql"), "m/0001_a.sql", None),
            ["0001_a", "0001_a.sql", "1"]
        );
    }
}
