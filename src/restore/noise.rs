//! Restore errors that are known to do no harm, and what each of them leaves out.
//!
//! `pg_restore` goes on after an error and exits with 1 either way, so its exit code says nothing:
//! every error is named here, accepted by the policy, or the restore is incomplete.

use crate::policy::AcceptedError;

/// Extensions that only a provider has, with the schema they live in there. Nobody can install
/// them elsewhere, so a clone does without.
const PROVIDER_EXTENSIONS: &[(&str, &str)] = &[
    ("aws_commons", "aws_commons"),
    ("aws_lambda", "aws_lambda"),
    ("aws_ml", "aws_ml"),
    ("aws_s3", "aws_s3"),
    ("apg_plan_mgmt", "apg_plan_mgmt"),
    ("azure", "azure"),
    ("azure_ai", "azure_ai"),
    ("azure_storage", "azure_storage"),
    ("google_columnar_engine", "google_columnar_engine"),
    ("google_ml_integration", "google_ml"),
    ("heroku_ext", "heroku_ext"),
    ("neon", "neon"),
    ("pg_graphql", "graphql"),
    ("pg_net", "net"),
    ("pg_tle", "pgtle"),
    ("pgaudit", "pgaudit"),
    ("pgsodium", "pgsodium"),
    ("rds_tools", "rds_tools"),
    ("supabase_vault", "vault"),
    ("wrappers", "wrappers"),
    // Can be created only in a server that preloads it, and would run production's jobs.
    ("pg_cron", "cron"),
];

/// Who owns what AWS keeps for itself in a user's database.
const PROVIDERS_ROLE: &str = "rdsadmin";

/// One error of a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreError {
    /// The archive's entry, or the statement without its values.
    pub about: String,
    /// Without values.
    pub message: String,
    /// The statement's first words, in lower case.
    pub statement: String,
}

impl RestoreError {
    /// What it is about, in the best words there are.
    pub fn describe(&self) -> &str {
        if self.about.is_empty() {
            &self.statement
        } else {
            &self.about
        }
    }
}

/// Which roles the clone's server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roles {
    /// All that the dump names.
    AsInProduction,
    /// Its own: it is not ours to add to.
    OfTheTarget,
}

/// Why an error does no harm, as the report says it.
pub fn harmless(error: &RestoreError, accepted: &[AcceptedError], roles: Roles) -> Option<String> {
    if let Some(accepted) = accepted
        .iter()
        .find(|accepted| error.message.contains(&accepted.message))
    {
        return Some(format!("accepted by the policy: {}", accepted.reason));
    }
    let message = error.message.as_str();
    let statement = error.statement.as_str();
    let because = if statement.starts_with("comment on extension") {
        "comments on extensions belong to who installed them"
    } else if message.contains("schema \"public\" already exists") {
        "every database has it"
    } else if message.contains("unrecognized configuration parameter \"transaction_timeout\"") {
        "a newer pg_dump sets it; this server does not have it"
    } else if statement.starts_with("create publication")
        && message.contains("must be superuser to create FOR ALL TABLES publication")
    {
        "a publication of all tables needs a superuser; it is left out"
    } else if statement.starts_with("create event trigger") && message.contains("Must be superuser")
    {
        "event triggers need a superuser; it is left out"
    } else if message.starts_with("permission denied to change owner of event trigger")
        || message.starts_with("permission denied to change owner of publication")
    {
        "its owner in production is a superuser, which the clone has none of"
    } else if message.contains("user mapping not found for") {
        "it reads another server, to which the clone has no way in"
    } else if roles == Roles::OfTheTarget
        && message.starts_with("role \"")
        && message.ends_with("\" does not exist")
    {
        "the server of `target.server` does not have the role"
    } else if statement.contains("plpgsql") && message.contains("must be owner of") {
        "every database has it"
    } else {
        return provider_part(message).map(|extension| {
            format!("needs the extension `{extension}`, which exists only at the provider")
        });
    };
    Some(because.to_owned())
}

/// The provider's extension that a message is about: by its name, or by an object of its schema.
pub(super) fn provider_part(message: &str) -> Option<&'static str> {
    PROVIDER_EXTENSIONS
        .iter()
        .find(|(extension, schema)| {
            message.contains(&format!("extension \"{extension}\""))
                || message.contains(&format!("schema \"{schema}\" does not exist"))
                || [" ", "\""]
                    .iter()
                    .any(|before| message.contains(&format!("{before}{schema}.")))
                    && message.contains("does not exist")
        })
        .map(|(extension, _)| *extension)
}

/// What of the provider's own an entry of an archive is, in words; it has no use without the provider.
pub fn providers_own(label: &str) -> Option<String> {
    let object = label.strip_suffix(PROVIDERS_ROLE)?.trim_end();
    let name = |kind| Some(object.strip_prefix(kind)?.trim_start_matches([' ', '-']));
    let said = |what, name: &str| format!("{what} `{name}` of `{PROVIDERS_ROLE}`");
    (name("EVENT TRIGGER").map(|name| said("event trigger", name)))
        .or_else(|| name("PUBLICATION").map(|name| said("publication", name)))
}

/// Whether only a provider has the extension.
pub fn is_provider_only(extension: &str) -> bool {
    PROVIDER_EXTENSIONS
        .iter()
        .any(|(name, _)| *name == extension)
}

/// The schema in which a provider's extension keeps its objects.
pub fn provider_schema(extension: &str) -> Option<&'static str> {
    PROVIDER_EXTENSIONS
        .iter()
        .find(|(name, _)| *name == extension)
        .map(|(_, schema)| *schema)
}

#[cfg(test)]
mod tests {
    use super::{RestoreError, Roles, harmless, providers_own};
    use crate::policy::AcceptedError;

    fn judge(statement: &str, message: &str) -> Option<String> {
        harmless(
            &RestoreError {
                about: String::new(),
                message: message.to_owned(),
                statement: statement.to_owned(),
            },
            &[AcceptedError {
                message: "known quirk".to_owned(),
                reason: "ticket 12".to_owned(),
            }],
            Roles::AsInProduction,
        )
    }

    #[test]
    fn known_noise_is_named() {
        for (statement, message) in [
            (
                "comment on extension pg_trgm",
                "must be owner of extension pg_trgm",
            ),
            ("create schema public", "schema \"public\" already exists"),
            (
                "create extension if",
                "extension \"aws_s3\" is not available",
            ),
            (
                "create function public.f",
                "type \"aws_commons._s3_uri_1\" does not exist",
            ),
            ("select", "relation \"cron.job\" does not exist"),
            ("select", "schema \"cron\" does not exist"),
            ("select", "a known quirk of ours"),
        ] {
            assert!(judge(statement, message).is_some(), "{message}");
        }
    }

    #[test]
    fn what_is_the_provider_s_own_is_known_by_its_owner() {
        assert_eq!(
            providers_own("EVENT TRIGGER - rds_ddl rdsadmin").as_deref(),
            Some("event trigger `rds_ddl` of `rdsadmin`")
        );
        assert_eq!(providers_own("EVENT TRIGGER - guard master"), None);
        assert_eq!(providers_own("TABLE public orders rdsadmin"), None);
    }

    #[test]
    fn everything_else_is_an_error() {
        for (statement, message) in [
            (
                "create extension if",
                "extension \"postgis\" is not available",
            ),
            (
                "create table public.x",
                "type \"public.geometry\" does not exist",
            ),
            (
                "copy public.x",
                "could not extend file: No space left on device",
            ),
            (
                "create function public.f",
                "relation \"public.network.x\" does not exist",
            ),
        ] {
            assert_eq!(judge(statement, message), None, "{message}");
        }
    }
}
