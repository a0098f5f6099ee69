//! The mirror of the file: keys and types, no meaning. Doc comments become the JSON Schema's
//! descriptions and `docs/policy.md`.

mod checks;
mod cloud;
mod migrations;
mod report;
mod smoke;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_yaml::Value;

use super::document::Document;
use super::path::Path;
use super::problem::Problem;
use super::schema::{DurationText, SizeText};

pub use checks::*;
pub use cloud::*;
pub use migrations::*;
pub use report::*;
pub use smoke::*;

/// Reads a value that [`super::check`] has passed.
pub fn read(value: Value, document: &Document, problems: &mut Vec<Problem>) -> Option<RawPolicy> {
    serde_path_to_error::deserialize(value)
        .map_err(|error: serde_path_to_error::Error<serde_yaml::Error>| {
            let path = error
                .path()
                .iter()
                .fold(Path::default(), |path, segment| match segment {
                    serde_path_to_error::Segment::Seq { index } => path.index(*index),
                    serde_path_to_error::Segment::Map { key } => path.key(key.as_str()),
                    _ => path,
                });
            // What serde says may repeat the value.
            problems.push(Problem {
                span: document.value_span(&path),
                message: format!("`{path}` can't be read"),
                hint: None,
            });
        })
        .ok()
}

/// A map in the order of the file.
#[derive(Debug)]
pub struct InOrder<T>(pub Vec<(String, T)>);

impl<T> Default for InOrder<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for InOrder<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Entries<T> {
            type Value = InOrder<T>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a map")
            }

            fn visit_map<M: serde::de::MapAccess<'de>>(
                self,
                mut map: M,
            ) -> Result<Self::Value, M::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(InOrder(entries))
            }
        }
        deserializer.deserialize_map(Entries(std::marker::PhantomData))
    }
}

/// One text, or a list of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMore {
    One(#[schemars(length(min = 1))] String),
    More(#[schemars(inner(length(min = 1)))] Vec<String>),
}

impl OneOrMore {
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::More(texts) => texts,
        }
    }
}

impl Default for OneOrMore {
    fn default() -> Self {
        Self::More(Vec::new())
    }
}

/// What pgrehearse is to rehearse, and what would make the answer no.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPolicy {
    /// The version of this format: 1.
    #[schemars(extend("const" = 1))]
    pub version: u32,
    /// Names the rehearsal in reports. Default: the directory's name.
    #[schemars(length(min = 1))]
    pub name: Option<String>,
    /// Where production's data comes from: exactly one of `dump`, `database`, `command`, `sql`, `neon` and
    /// `dblab`.
    pub source: RawSource,
    /// The PostgreSQL programs on this machine.
    #[serde(default)]
    pub postgres: RawPostgres,
    /// The server that the clone lives on. Default: where its provider made it, `in_place`, or else a
    /// throwaway of the source's major version.
    pub target: Option<RawTarget>,
    /// How the clone is filled.
    #[serde(default)]
    pub restore: RawRestore,
    /// The migrations to rehearse, and how they are run.
    pub migrations: RawMigrations,
    /// What a fresh install has: these files, then all migrations.
    #[serde(default)]
    pub baseline: RawBaseline,
    /// What must be true of the migrated clone.
    #[serde(default)]
    pub verify: RawVerify,
    /// How the migrated clone is compared with a fresh install.
    #[serde(default)]
    pub schema_diff: RawSchemaDiff,
    /// The application that is started against the clone.
    pub smoke: Option<RawSmoke>,
    /// Levels of rules, by the rule's name.
    #[serde(default)]
    #[schemars(schema_with = "super::schema::rule_levels")]
    pub rules: BTreeMap<String, RawRule>,
    /// Findings that are accepted, each with a reason and a last day.
    #[serde(default)]
    pub allow: Vec<RawAllow>,
    /// Where the reports go, and what a pull request is told.
    #[serde(default)]
    pub report: RawReport,
}

/// Where production's data comes from. Exactly one key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct RawSource {
    /// A dump made by `pg_dump`: a file or a directory by pattern, the newest one that fits.
    /// Custom, directory, tar or plain format; plain also compressed with gzip or zstd.
    pub dump: Option<RawDump>,
    /// A live database, read in one read-only snapshot.
    pub database: Option<RawDatabase>,
    /// A command that writes a dump to its output.
    #[schemars(length(min = 1))]
    pub command: Option<String>,
    /// SQL files that build "production": for demos and open-source projects.
    pub sql: Option<OneOrMore>,
    /// A branch of a Neon project, cloned by Neon.
    pub neon: Option<RawNeon>,
    /// The newest snapshot of a DBLab Engine, cloned by it.
    pub dblab: Option<RawDblab>,
}

/// A pattern, or a pattern and how old the data may be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawDump {
    Pattern(#[schemars(length(min = 1))] String),
    Keys(RawDumpKeys),
}

/// Dumps, and how old the data in them may be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawDumpKeys {
    /// The dumps by pattern; the newest one counts.
    #[schemars(length(min = 1))]
    pub files: String,
    /// Older data is refused: by the file that `pgrehearse clone` writes beside its dumps, or else by the
    /// dump's own date. Default: any age is taken.
    #[schemars(with = "Option<DurationText>")]
    pub max_age: Option<String>,
}

/// A live database.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawDatabase {
    /// `postgres://user@host:5432/database`, the password from the environment. A replica will do.
    #[schemars(length(min = 1))]
    pub url: String,
    /// How long reading may wait for a lock that somebody holds. Default: `10s`.
    #[schemars(with = "Option<DurationText>")]
    pub lock_timeout: Option<String>,
}

/// The PostgreSQL programs on this machine.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPostgres {
    /// The directory of `postgres`, `initdb`, `psql`, `pg_dump` and `pg_restore`. Default: searched
    /// on PATH and where packages put them.
    #[schemars(length(min = 1))]
    pub bin_dir: Option<String>,
}

/// `in_place`, or a server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawTarget {
    Word(RawInPlace),
    Server(RawTargetServer),
}

/// The word `in_place`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawInPlace {
    InPlace,
}

/// The server that the clone lives on. At most one key.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("maxProperties" = 1))]
pub struct RawTargetServer {
    /// A server that is started for this run and destroyed after it.
    pub throwaway: Option<RawThrowaway>,
    /// An existing server, never production: a scratch database is made in it and dropped.
    #[schemars(length(min = 1))]
    pub server: Option<String>,
}

/// A server that is started for this run and destroyed after it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawThrowaway {
    /// Major version: 15 to 18, or `auto` for the source's. Default: `auto`.
    pub version: Option<RawVersion>,
    /// Server settings while the migration runs, such as production's `work_mem`.
    #[serde(default)]
    pub settings: BTreeMap<String, RawScalar>,
    /// Where the server's private directory is made. Default: the system's temporary directory.
    #[schemars(length(min = 1))]
    pub directory: Option<String>,
}

/// `auto`, or a number.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawVersion {
    Number(u32),
    Word(RawAuto),
}

/// The word `auto`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawAuto {
    Auto,
}

/// A text, a number, true or false.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawScalar {
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(String),
}

impl RawScalar {
    pub fn as_text(&self) -> String {
        match self {
            Self::Boolean(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(value) => value.clone(),
        }
    }
}

/// How the clone is filled.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRestore {
    /// Parallel jobs, or `auto` for two a processor. Default: `auto`.
    pub jobs: Option<RawVersion>,
    /// SQL files that mask personal data, run right after the restore.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub mask: Vec<String>,
    /// Tables whose rows are left out, by pattern: `audit.*`.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub exclude_data: Vec<String>,
    /// Restore errors that are known and accepted.
    #[serde(default)]
    pub accept_errors: Vec<RawAcceptedError>,
    /// A larger source is refused before it is copied.
    #[schemars(with = "Option<SizeText>")]
    pub max_size: Option<String>,
}

/// A restore error that is known and accepted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawAcceptedError {
    /// A part of the error's message.
    #[schemars(length(min = 1))]
    pub message: String,
    /// Why it does no harm.
    #[schemars(length(min = 1))]
    pub reason: String,
}

/// What a fresh install has before its migrations.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawBaseline {
    /// SQL files that a fresh install runs before all migrations.
    #[serde(default)]
    pub init: OneOrMore,
}
