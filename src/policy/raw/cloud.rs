//! Sources that a provider clones, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::policy::schema::DurationText;

/// A branch of a Neon project.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawNeon {
    /// The project's id.
    #[schemars(length(min = 1))]
    pub project: String,
    /// A key of Neon's API, from the environment: `${NEON_API_KEY}`.
    #[schemars(length(min = 1))]
    pub api_key: String,
    /// The branch to clone, by name or id. Default: the project's default branch.
    #[schemars(length(min = 1))]
    pub branch: Option<String>,
    /// The database in it. Default: its only one.
    #[schemars(length(min = 1))]
    pub database: Option<String>,
    /// The role that migrates; its password is set anew in the clone. Default: the database's owner.
    #[schemars(length(min = 1))]
    pub role: Option<String>,
    /// When Neon deletes the clone by itself, if nothing else does. Default: `6h`.
    #[schemars(with = "Option<DurationText>")]
    pub expires: Option<String>,
    /// How long making the clone may take. Default: `10m`.
    #[schemars(with = "Option<DurationText>")]
    pub ready_within: Option<String>,
    /// Where Neon's API is. Default: Neon's own.
    #[schemars(length(min = 1))]
    pub api: Option<String>,
}

/// The newest snapshot of a DBLab Engine.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawDblab {
    /// Where the engine's API is: `https://dblab.internal:2345`.
    #[schemars(length(min = 1))]
    pub url: String,
    /// The engine's verification token, from the environment: `${DBLAB_TOKEN}`.
    #[schemars(length(min = 1))]
    pub token: String,
    /// The database in the clone.
    #[schemars(length(min = 1))]
    pub database: String,
    /// The engine's branch to clone. Default: the engine's own.
    #[schemars(length(min = 1))]
    pub branch: Option<String>,
    /// An older snapshot is refused. Default: any is taken.
    #[schemars(with = "Option<DurationText>")]
    pub max_age: Option<String>,
    /// When the engine may delete the clone by itself, if nothing else does. Default: `6h`.
    #[schemars(with = "Option<DurationText>")]
    pub expires: Option<String>,
    /// How long making the clone may take. Default: `10m`.
    #[schemars(with = "Option<DurationText>")]
    pub ready_within: Option<String>,
}
