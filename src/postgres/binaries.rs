//! The PostgreSQL programs that are installed on this machine, by major version.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The majors this program knows the catalogues of.
pub const SUPPORTED: std::ops::RangeInclusive<u32> = 15..=18;

/// The programs a rehearsal needs from one directory.
const NEEDED: [&str; 5] = ["initdb", "postgres", "psql", "pg_dump", "pg_restore"];

/// A major version of PostgreSQL: 15, 16, 17, 18.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Major(pub u32);

impl Major {
    /// From `server_version_num`, for example 150018.
    pub fn from_version_num(number: u32) -> Self {
        Self(number / 10_000)
    }

    /// From the first number in a text such as `15.18 (Debian 15.18-0+deb12u1)`.
    pub fn from_version_text(text: &str) -> Option<Self> {
        text.split(|character: char| !character.is_ascii_digit())
            .find(|digits| !digits.is_empty())?
            .parse()
            .ok()
            .map(Self)
    }
}

impl fmt::Display for Major {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// One directory with a server and its client programs, all of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    pub directory: PathBuf,
    pub major: Major,
    /// The whole version, such as `15.18`.
    pub version: String,
}

impl Binaries {
    pub fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// What `directory` holds, if it holds all that is needed.
    fn in_directory(directory: &Path) -> Option<Self> {
        // Debian's /usr/local links and Homebrew's opt links lead to one real directory.
        let postgres = directory.join("postgres").canonicalize().ok()?;
        let directory = postgres.parent()?.to_owned();
        if NEEDED.iter().any(|name| !directory.join(name).is_file()) {
            return None;
        }
        let output = Command::new(&postgres).arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.split_whitespace().nth(2)?.to_owned();
        Some(Self {
            major: Major::from_version_text(&version)?,
            directory,
            version,
        })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum FindError {
    #[error("no PostgreSQL {wanted} server programs were found (found: {found})")]
    Missing { wanted: Major, found: String },
    #[error("no PostgreSQL server programs were found")]
    None,
    #[error("PostgreSQL {wanted} is not supported: {} to {} are", SUPPORTED.start(), SUPPORTED.end())]
    Unsupported { wanted: Major },
}

impl FindError {
    pub fn hint(&self) -> Option<String> {
        let wanted = match self {
            Self::Missing { wanted, .. } => wanted.0,
            Self::None => *SUPPORTED.end(),
            Self::Unsupported { .. } => return None,
        };
        Some(if cfg!(target_os = "macos") {
            format!("brew install postgresql@{wanted}, or set `postgres.bin_dir` in the policy")
        } else {
            format!(
                "install `postgresql-{wanted}` (server and client), or set `postgres.bin_dir` in the policy"
            )
        })
    }
}

/// Finds the programs of `wanted`; the newest minor version where several are installed.
pub fn find(wanted: Major, bin_dir: Option<&Path>) -> Result<Binaries, FindError> {
    if !SUPPORTED.contains(&wanted.0) {
        return Err(FindError::Unsupported { wanted });
    }
    let installed = installed(bin_dir);
    let found = describe(&installed);
    installed
        .into_iter()
        .filter(|binaries| binaries.major == wanted)
        .max_by_key(minor)
        .ok_or(if found.is_empty() {
            FindError::None
        } else {
            FindError::Missing { wanted, found }
        })
}

/// The newest supported version that is installed: for sources that do not say what they need, and
/// for reading an archive's header.
pub fn newest(bin_dir: Option<&Path>) -> Result<Binaries, FindError> {
    installed(bin_dir)
        .into_iter()
        .filter(|binaries| SUPPORTED.contains(&binaries.major.0))
        .max_by_key(|binaries| (binaries.major, minor(binaries)))
        .ok_or(FindError::None)
}

/// All that is installed, one entry a directory. With `bin_dir`, only what is in it.
pub fn installed(bin_dir: Option<&Path>) -> Vec<Binaries> {
    if let Some(directory) = bin_dir {
        return Binaries::in_directory(directory).into_iter().collect();
    }
    let mut seen = BTreeSet::new();
    candidates()
        .iter()
        .filter_map(|directory| Binaries::in_directory(directory))
        .filter(|binaries| seen.insert(binaries.directory.clone()))
        .collect()
}

/// The directories where packages put servers, `PGREHEARSE_BIN_DIRS` and PATH first.
fn candidates() -> Vec<PathBuf> {
    let mut directories = Vec::new();
    for variable in ["PGREHEARSE_BIN_DIRS", "PATH"] {
        if let Some(value) = std::env::var_os(variable) {
            directories.extend(std::env::split_paths(&value));
        }
    }
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        directories.push(path.into());
    }
    // Debian, Red Hat's own and PGDG, Homebrew on both architectures, Postgres.app.
    for pattern in [
        "/usr/lib/postgresql/*/bin",
        "/usr/pgsql-*/bin",
        "/opt/homebrew/opt/postgresql@*/bin",
        "/usr/local/opt/postgresql@*/bin",
        "/Applications/Postgres.app/Contents/Versions/*/bin",
    ] {
        if let Ok(paths) = glob::glob(pattern) {
            directories.extend(paths.flatten());
        }
    }
    directories
}

fn minor(binaries: &Binaries) -> u32 {
    binaries
        .version
        .split('.')
        .nth(1)
        .and_then(|minor| minor.parse().ok())
        .unwrap_or(0)
}

fn describe(installed: &[Binaries]) -> String {
    let versions: BTreeSet<&str> = installed
        .iter()
        .map(|binaries| binaries.version.as_str())
        .collect();
    versions.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::Major;

    #[test]
    fn majors_are_read_from_what_servers_say() {
        assert_eq!(Major::from_version_num(150_018), Major(15));
        assert_eq!(
            Major::from_version_text("17.6 (Ubuntu 17.6-1.pgdg24.04+1)"),
            Some(Major(17))
        );
        assert_eq!(Major::from_version_text("18beta1"), Some(Major(18)));
        assert_eq!(Major::from_version_text("unknown"), None);
    }
}
