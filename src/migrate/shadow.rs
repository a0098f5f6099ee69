//! The working tree without some files, for tools that run whatever they find.
//!
//! The user's own files are never touched. A shadow of the tree is made: links to everything, real
//! directories only on the way to a file that is held back, and real copies of the files beside it
//! (tools skip links when they look for migrations).
//!
//! In an image the tree is the workspace itself, and only the directories with such files in them are
//! replaced, each by a copy without links.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::MigrateError;
use crate::container::Replaced;
use crate::context::Context;

/// A tree like the policy's, without the files that are held back.
pub struct Shadow {
    original: PathBuf,
    place: PathBuf,
}

impl Shadow {
    /// `None` if nothing is held back.
    pub fn without(context: &Context, held_back: &[PathBuf]) -> Result<Option<Self>, MigrateError> {
        if held_back.is_empty() {
            return Ok(None);
        }
        let place = context
            .workspace
            .file(&format!("shadow-{:08x}", rand::random::<u32>()));
        let build = || {
            let original = context.policy.root.canonicalize()?;
            let (hidden, copied) = resolve(held_back)?;
            mirror(&original, &place, &hidden, &copied, Others::Linked)?;
            Ok(Self {
                original,
                place: place.clone(),
            })
        };
        build().map(Some).map_err(|source| MigrateError::File {
            path: place.clone(),
            source,
        })
    }

    /// Where `path` of the original is found in the shadow.
    pub fn place_of(&self, path: &Path) -> PathBuf {
        path.canonicalize()
            .ok()
            .and_then(|path| {
                path.strip_prefix(&self.original)
                    .ok()
                    .map(|inside| self.place.join(inside))
            })
            .unwrap_or_else(|| self.place.clone())
    }
}

/// The directories that a command in an image must see without what is held back, each with a copy.
pub fn replaced(context: &Context, held_back: &[PathBuf]) -> Result<Vec<Replaced>, MigrateError> {
    let mut replaced = Vec::new();
    let mut build = || {
        let (hidden, copied) = resolve(held_back)?;
        let is_outermost = |directory: &Path| {
            let above = |other: &PathBuf| other != directory && directory.starts_with(other);
            !copied.iter().any(above)
        };
        for directory in copied.iter().filter(|directory| is_outermost(directory)) {
            let by = context
                .workspace
                .file(&format!("replaced-{:08x}", rand::random::<u32>()));
            mirror(directory, &by, &hidden, &copied, Others::Copied)?;
            replaced.push(Replaced {
                directory: directory.clone(),
                by,
            });
        }
        Ok(())
    };
    build().map_err(|source| MigrateError::File {
        path: context.workspace.path().to_owned(),
        source,
    })?;
    Ok(replaced)
}

/// The files that are hidden, and the directories whose other files are copied.
fn resolve(held_back: &[PathBuf]) -> io::Result<(BTreeSet<PathBuf>, BTreeSet<PathBuf>)> {
    let hidden: BTreeSet<PathBuf> = held_back
        .iter()
        .map(|file| file.canonicalize())
        .collect::<io::Result<_>>()?;
    // A migration that is a directory of its own is hidden whole.
    let copied = hidden
        .iter()
        .filter_map(|file| Some(migrations_directory(file)?.to_owned()))
        .collect();
    Ok((hidden, copied))
}

/// What becomes of what has nothing to do with a hidden file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    Linked,
    Copied,
}

/// The directory in which a tool looks for migrations: the file's own, or the one above where each
/// migration has a directory.
fn migrations_directory(file: &Path) -> Option<&Path> {
    let directory = file.parent()?;
    match file.file_name()?.to_str()? {
        "migration.sql" | "up.sql" => directory.parent(),
        _ => Some(directory),
    }
}

fn mirror(
    from: &Path,
    to: &Path,
    hidden: &BTreeSet<PathBuf>,
    copied: &BTreeSet<PathBuf>,
    others: Others,
) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (path, place) = (entry.path(), to.join(entry.file_name()));
        let leads_to_copied = copied.iter().any(|directory| directory.starts_with(&path));
        if is_hidden(&path, hidden) {
        } else if leads_to_copied {
            mirror(&path, &place, hidden, copied, others)?;
        } else if copied.contains(from) || others == Others::Copied {
            copy(&path, &place)?;
        } else {
            std::os::unix::fs::symlink(&path, &place)?;
        }
    }
    Ok(())
}

/// Whether this is a file to hide, or a migration's own directory with nothing else to run in it.
fn is_hidden(path: &Path, hidden: &BTreeSet<PathBuf>) -> bool {
    hidden.iter().any(|file| {
        file == path
            || migrations_directory(file).is_some_and(|directory| {
                file.parent() != Some(directory) && file.parent() == Some(path)
            })
    })
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_dir() {
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        Ok(())
    } else {
        std::fs::copy(from, to).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Others, mirror, resolve};

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a directory");
        for file in files {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().expect("inside")).expect("made");
            std::fs::write(path, file).expect("written");
        }
        root
    }

    fn shadow(root: &Path, hidden: &str) -> tempfile::TempDir {
        let to = tempfile::tempdir().expect("a directory");
        let root = root.canonicalize().expect("there");
        let (hidden, copied) = resolve(&[root.join(hidden)]).expect("resolved");
        mirror(
            &root,
            &to.path().join("s"),
            &hidden,
            &copied,
            Others::Linked,
        )
        .expect("mirrored");
        to
    }

    #[test]
    fn files_beside_the_hidden_one_are_real() {
        let root = tree(&[
            "package.json",
            "node_modules/x/a.js",
            "db/m/1.sql",
            "db/m/2.sql",
        ]);
        let shadow = shadow(root.path(), "db/m/2.sql");
        let at = |path: &str| shadow.path().join("s").join(path);
        assert!(at("node_modules").is_symlink() && at("node_modules/x/a.js").is_file());
        assert!(at("db/m/1.sql").is_file() && !at("db/m/1.sql").is_symlink());
        assert!(!at("db/m/2.sql").exists());
    }

    #[test]
    fn a_migration_with_a_directory_of_its_own_goes_whole() {
        let root = tree(&[
            "prisma/schema.prisma",
            "prisma/migrations/1_a/migration.sql",
            "prisma/migrations/2_b/migration.sql",
        ]);
        let shadow = shadow(root.path(), "prisma/migrations/2_b/migration.sql");
        let at = |path: &str| shadow.path().join("s").join(path);
        assert!(at("prisma/migrations/1_a/migration.sql").is_file());
        assert!(!at("prisma/migrations/1_a").is_symlink());
        assert!(!at("prisma/migrations/2_b").exists());
    }

    #[test]
    fn a_copy_has_no_links() {
        let root = tree(&[
            "m/1.sql",
            "m/2.sql",
            "m/sub/1.sql",
            "m/sub/2.sql",
            "m/lib/x.sql",
        ]);
        let root = root.path().canonicalize().expect("there");
        let (hidden, copied) =
            resolve(&[root.join("m/2.sql"), root.join("m/sub/2.sql")]).expect("resolved");
        let to = tempfile::tempdir().expect("a directory");
        let place = to.path().join("m");
        mirror(&root.join("m"), &place, &hidden, &copied, Others::Copied).expect("mirrored");
        let is_real = |name: &str| {
            let path = place.join(name);
            path.is_file() && !path.is_symlink() && !path.parent().is_some_and(Path::is_symlink)
        };
        assert!(is_real("1.sql") && is_real("sub/1.sql") && is_real("lib/x.sql"));
        assert!(!place.join("2.sql").exists() && !place.join("sub/2.sql").exists());
    }
}
