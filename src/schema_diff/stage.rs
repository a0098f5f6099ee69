//! The schema-diff stage: the migrated clone beside the fresh baseline.

use super::baseline::{Baseline, BaselineError, Built};
use super::{Options, Privileges, ReadError, SchemaDiff, compare, read};
use crate::context::Context;
use crate::migrate::{FailedMigration, History, Migrated};
use crate::policy::ObjectGlob;
use crate::postgres::session::{ConnectError, QueryError};
use crate::restore::Disarmed;
use crate::text::{Ident, QualifiedName};
use crate::verdict::{Explained, Stage};

/// What the schema-diff stage saw.
#[derive(Clone, Debug)]
pub enum Facts {
    Compared(SchemaDiff),
    /// There is nothing to compare with: the migrations do not run on an empty database.
    FreshInstallBroken(Box<FailedMigration>),
}

#[derive(Debug, thiserror::Error)]
pub enum StageError {
    #[error("could not build a fresh install")]
    Baseline(#[source] BaselineError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl Explained for StageError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Baseline(error) => error.hint(),
            Self::Connect(error) => error.hint(),
            _ => None,
        }
    }
}

/// Compares.
pub async fn run(
    context: &Context,
    migrated: &Migrated,
    baseline: Baseline,
) -> Result<Facts, StageError> {
    let built = match baseline {
        Baseline::Broken(failed) => return Ok(Facts::FreshInstallBroken(failed)),
        Baseline::Built(built) => built,
    };
    let clone = migrated.clone_of();
    let policy = &context.policy.schema_diff;
    if policy.privileges == Privileges::Compare {
        same_owner(&built, &clone.migrator().name).await?;
    }
    context
        .progress
        .doing(Stage::SchemaDiff, "comparing with a fresh install");
    let (ours, fresh) =
        tokio::try_join!(read(&clone.database().admin), read(&built.database.admin))?;
    let ignored: Vec<ObjectGlob> = History::of(&context.policy.migrations)
        .own_tables()
        .iter()
        .filter_map(|pattern| ObjectGlob::parse(pattern).ok())
        .chain(policy.ignore.iter().cloned())
        .collect();
    let patterns = ignored.clone();
    let mut found = compare(
        &ours,
        &fresh,
        &Options {
            privileges: policy.privileges,
            comments: policy.comments,
            function_bodies: policy.function_bodies,
            ignore: Box::new(move |name: &QualifiedName| {
                patterns.iter().any(|pattern| pattern.matches(name))
            }),
            ..Options::default()
        },
    );
    found.differences.retain(|difference| {
        !ignored
            .iter()
            .any(|pattern| pattern.matches_text(&difference.object))
            && !is_disarmed(&difference.object, clone.disarmed())
            && !clone.left_out().contains(&difference.object)
    });
    Ok(Facts::Compared(found))
}

/// The installer of the baseline takes the name of production's owner, so that owners compare.
async fn same_owner(built: &Built, owner: &str) -> Result<(), StageError> {
    if built.installer == owner {
        return Ok(());
    }
    let session = built.target.maintenance().await?;
    session
        .run(
            &format!(
                "alter role {} rename to {}",
                Ident(&built.installer),
                Ident(owner)
            ),
            "name the baseline's owner like production's",
        )
        .await?;
    Ok(())
}

/// What the restore switched off is no drift.
fn is_disarmed(object: &str, disarmed: &[Disarmed]) -> bool {
    disarmed.iter().any(|thing| {
        let name = match thing.kind.as_str() {
            "trigger" => format!(
                "{}.{}",
                QualifiedName::new(thing.schema.clone(), thing.relation.clone()),
                Ident(&thing.name)
            ),
            "user mapping" => return false,
            _ => Ident(&thing.name).to_string(),
        };
        name == object
    })
}
