//! The values of a policy that are more than text: durations, sizes, percentages, globs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use globset::{GlobBuilder, GlobMatcher};
use url::Url;

use crate::text::{QualifiedName, human_bytes};

/// Why a text is not the value it stands for: what was expected.
pub type Expected = String;

/// PostgreSQL's timeouts are milliseconds in 32 bits: 24 days and some hours.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

/// `https://dblab.internal:2345`: where a provider's API is. A key travels in a header, so the URL holds
/// no password.
pub fn http_url(text: &str) -> Result<Url, Expected> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .filter(|url| url.username().is_empty() && url.password().is_none())
        .ok_or_else(|| "expected a URL such as `https://dblab.internal:2345`".to_owned())
}

/// `500ms`, `2s`, `5m`, `1h 30m`. A bare number is refused: seconds for one reader are milliseconds
/// for PostgreSQL. So is less than 1 ms: PostgreSQL takes 0 for no limit.
pub fn duration(text: &str) -> Result<Duration, Expected> {
    let expected =
        || "expected a duration with its unit, such as `500ms`, `2s`, `5m` or `1h`".to_owned();
    if text.trim().parse::<f64>().is_ok() {
        return Err(expected());
    }
    let parsed: jiff::SignedDuration = text.trim().parse().map_err(|_| expected())?;
    Duration::try_from(parsed)
        .ok()
        .filter(|duration| (Duration::from_millis(1)..=LONGEST).contains(duration))
        .ok_or_else(|| "expected a duration from `1ms` to `596h`".to_owned())
}

macro_rules! timeout {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(pub Duration);

        impl $name {
            /// The value as PostgreSQL's setting takes it.
            pub fn as_setting(self) -> String {
                format!("{}ms", self.0.as_millis())
            }
        }
    };
}

timeout! {
    /// How long a statement may wait for a lock (`lock_timeout`).
    LockTimeout
}
timeout! {
    /// How long a statement may run (`statement_timeout`).
    StatementTimeout
}
timeout! {
    /// How long a transaction may sit idle (`idle_in_transaction_session_timeout`).
    IdleInTransactionTimeout
}

/// A number of bytes: `500MB`, `20GB`, in powers of 1024 as PostgreSQL counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl Size {
    pub fn parse(text: &str) -> Result<Self, Expected> {
        let text = text.trim();
        let digits = text
            .find(|character: char| !character.is_ascii_digit() && character != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
            "b" => 1,
            "kb" => 1 << 10,
            "mb" => 1 << 20,
            "gb" => 1 << 30,
            "tb" => 1 << 40,
            _ => return Err("expected a size with its unit, such as `500MB` or `20GB`".to_owned()),
        };
        let number: f64 = number
            .parse()
            .map_err(|_| "expected a size such as `20GB`".to_owned())?;
        Ok(Self((number * factor as f64) as u64))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&human_bytes(self.0))
    }
}

/// A share, `0%` to `100%`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Percent(pub f64);

impl Percent {
    pub fn parse(text: &str) -> Result<Self, Expected> {
        text.trim()
            .strip_suffix('%')
            .and_then(|number| number.trim().parse::<f64>().ok())
            .filter(|number| (0.0..=100.0).contains(number))
            .map(Self)
            .ok_or_else(|| "expected a percentage from `0%` to `100%`".to_owned())
    }

    /// This share of `whole`, rounded down.
    pub fn of(self, whole: u64) -> u64 {
        (whole as f64 * self.0 / 100.0) as u64
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}%", self.0)
    }
}

/// Files by pattern, relative to the policy: `migrations/*.sql`, `db/**/up.sql`.
#[derive(Clone, Debug)]
pub struct FileGlob {
    pattern: String,
}

impl FileGlob {
    pub fn parse(text: &str) -> Result<Self, Expected> {
        glob::Pattern::new(text).map_err(|error| format!("not a file pattern: {}", error.msg))?;
        Ok(Self {
            pattern: text.to_owned(),
        })
    }

    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// The directory above the first wildcard.
    pub fn fixed_directory(&self) -> PathBuf {
        let fixed: PathBuf = Path::new(&self.pattern)
            .components()
            .take_while(|component| {
                !component
                    .as_os_str()
                    .to_string_lossy()
                    .contains(['*', '?', '['])
            })
            .collect();
        if fixed == Path::new(&self.pattern) {
            fixed.parent().map(Path::to_owned).unwrap_or_default()
        } else {
            fixed
        }
    }

    /// Whether a path from the pattern's root fits, there or not.
    pub fn matches(&self, path: &Path) -> bool {
        let options = glob::MatchOptions {
            require_literal_separator: true,
            ..glob::MatchOptions::new()
        };
        let pattern = self.pattern.trim_start_matches("./");
        glob::Pattern::new(pattern).is_ok_and(|pattern| pattern.matches_path_with(path, options))
    }

    /// The files below `root` that fit, sorted by path.
    pub fn files(&self, root: &Path) -> Vec<PathBuf> {
        // The pattern is the user's; the directory before it is not a pattern.
        let root = PathBuf::from(glob::Pattern::escape(&root.to_string_lossy()));
        let Ok(paths) = glob::glob(&root.join(&self.pattern).to_string_lossy()) else {
            return Vec::new();
        };
        let mut files: Vec<PathBuf> = paths.flatten().collect();
        files.sort();
        files
    }
}

impl fmt::Display for FileGlob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.pattern)
    }
}

/// Database objects by pattern: `orders`, `audit.*`, `public.*_old`. Without a schema, in `public`.
#[derive(Clone, Debug)]
pub struct ObjectGlob {
    pattern: String,
    matcher: GlobMatcher,
}

impl ObjectGlob {
    pub fn parse(text: &str) -> Result<Self, Expected> {
        let matcher = GlobBuilder::new(text)
            .literal_separator(false)
            .build()
            .map_err(|error| format!("not a pattern: {}", error.kind()))?
            .compile_matcher();
        Ok(Self {
            pattern: text.to_owned(),
            matcher,
        })
    }

    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// Whether the pattern names this relation.
    pub fn matches(&self, name: &QualifiedName) -> bool {
        self.matcher
            .is_match(format!("{}.{}", name.schema, name.name))
            || (name.schema == "public" && self.matcher.is_match(&name.name))
    }

    /// Whether the pattern names this object, written as a finding writes it.
    pub fn matches_text(&self, object: &str) -> bool {
        let plain = object.replace('"', "");
        self.matcher.is_match(&plain)
            || plain
                .strip_prefix("public.")
                .is_some_and(|name| self.matcher.is_match(name))
    }
}

impl fmt::Display for ObjectGlob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_their_unit() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("2s", 2000),
            ("1h 30m", 5_400_000),
            ("5m", 300_000),
        ] {
            assert_eq!(
                duration(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for wrong in ["5", "1.5", "soon", "-2s", "", "0s", "500us", "600h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_and_shares_have_bounds() {
        assert_eq!(Size::parse("1.5 kB"), Ok(Size(1536)));
        assert!(Size::parse("20").is_err());
        assert_eq!(Percent::parse("12.5%").map(|share| share.of(80)), Ok(10));
        assert!(Percent::parse("120%").is_err());
        assert!(Percent::parse("12").is_err());
    }

    #[test]
    fn object_patterns_know_the_public_schema() {
        let matches = |pattern: &str, schema: &str, name: &str| {
            ObjectGlob::parse(pattern)
                .expect("valid")
                .matches(&QualifiedName::new(schema, name))
        };
        assert!(matches("orders", "public", "orders"));
        assert!(matches("audit.*", "audit", "events"));
        assert!(matches("public.Recipe*", "public", "RecipeItem"));
        assert!(!matches("orders", "archive", "orders"));
        assert!(!matches("audit.*", "public", "audit"));
    }

    #[test]
    fn the_directory_before_the_wildcard_is_found() {
        let directory = |pattern: &str| FileGlob::parse(pattern).expect("valid").fixed_directory();
        assert_eq!(directory("db/migrate/*.rb"), Path::new("db/migrate"));
        assert_eq!(
            directory("prisma/migrations/*/migration.sql"),
            Path::new("prisma/migrations")
        );
        assert_eq!(directory("schema.sql"), Path::new(""));
    }
}
