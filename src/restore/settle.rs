//! From a complete clone to one that can be migrated: masked, with statistics, with a role that
//! migrates, and with its differences from production in words.

use super::fidelity::Fidelity;
use super::roles::{self, Migrator};
use super::{Analyzed, Disarmed, RestoreError};
use crate::context::Context;
use crate::policy::Migrations;
use crate::postgres::session::{During as _, QueryError};
use crate::postgres::tools::{Script, Transaction};
use crate::postgres::{Endpoint, Session};
use crate::target::{Database, Target};
use crate::text::{Ident, Secret, count_of};
use crate::verdict::Stage;
use crate::verify::Observation;

/// The library that counts statements.
const COUNTING: &str = "pg_stat_statements";

/// Runs the policy's masking files, each in one transaction, and fills the materialised views again:
/// they hold what was masked.
pub(super) async fn mask(
    context: &Context,
    target: &Target,
    into: &Endpoint,
    session: &Session,
) -> Result<(), RestoreError> {
    for file in &context.policy.restore.mask {
        context
            .progress
            .doing(Stage::Restore, format!("masking with `{}`", file.display()));
        target
            .tools
            .run_script(
                into,
                Script {
                    file,
                    transaction: Transaction::Single,
                    then: None,
                    limit: None,
                },
            )
            .await
            .map_err(RestoreError::Mask)?;
    }
    if !context.policy.restore.mask.is_empty() {
        let refresh = session
            .query(include_str!("sql/materialized_views.sql"), &[])
            .await
            .during("list the materialised views")?;
        for row in refresh {
            session
                .run(row.get(0), "fill a materialised view with masked rows")
                .await?;
        }
    }
    Ok(())
}

/// Gives the planner its statistics. A dump has none.
pub(super) async fn analyze(
    context: &Context,
    into: &Endpoint,
    session: &Session,
    observed: &Observation,
    done: Analyzed,
) -> Result<(), RestoreError> {
    let views = session
        .query(include_str!("sql/filled_views.sql"), &[])
        .await
        .during("list the materialised views")?;
    for view in views {
        session
            .run(
                &format!("analyze {}", view.get::<_, &str>(0)),
                "analyze the clone's materialised views",
            )
            .await?;
    }
    if done == Analyzed::Yes && context.policy.restore.mask.is_empty() {
        return Ok(());
    }
    // Partitioned parents are left out, as autovacuum leaves them out in production.
    let tables = observed
        .tables
        .iter()
        .filter(|table| table.kind == crate::postgres::tables::TableKind::Ordinary)
        .cloned()
        .collect();
    crate::postgres::parallel::for_each(into, &[], context.jobs(), tables, |session, table| {
        Box::pin(async move {
            session
                .run(
                    &format!("analyze {}", table.name),
                    "analyze the clone's tables",
                )
                .await
        })
    })
    .await?;
    Ok(())
}

/// Appoints the role that migrates. On a foreign server that is the role we have.
pub(super) async fn appoint(
    context: &Context,
    target: &Target,
    database: &Database,
    database_owner: Option<String>,
) -> Result<Migrator, RestoreError> {
    if !target.is_ours() {
        return Ok(Migrator {
            name: database.admin.user.clone(),
            password: database
                .admin
                .password
                .clone()
                .unwrap_or_else(|| Secret::new("")),
        });
    }
    let Migrations {
        role,
        role_attributes,
        ..
    } = &context.policy.migrations;
    let session = database.session().await?;
    let migrator = roles::appoint(&session, role.as_deref(), role_attributes.as_deref()).await?;
    let owner = database_owner.unwrap_or_else(|| migrator.name.clone());
    session
        .run(
            &format!(
                "alter database {} owner to {}",
                Ident(database.name()),
                Ident(&owner)
            ),
            "give the clone its owner",
        )
        .await?;
    Ok(migrator)
}

/// What makes this clone another thing than production, in words.
pub(super) fn caveats(
    context: &Context,
    target: &Target,
    left_out: &[String],
    dropped: &[String],
    disarmed: &[Disarmed],
    fidelity: &Fidelity,
) -> Vec<String> {
    let mut caveats = Vec::new();
    for extension in left_out {
        caveats.push(format!(
            "extension `{extension}` exists only at the provider and is left out"
        ));
    }
    for what in dropped {
        caveats.push(format!("left out: {what}"));
    }
    if !disarmed.is_empty() {
        let list: Vec<String> = disarmed.iter().map(Disarmed::describe).collect();
        caveats.push(format!("disarmed: {}", list.join(", ")));
    }
    let masks = context.policy.restore.mask.len() as u64;
    if masks > 0 {
        caveats.push(format!("masked by {}", count_of(masks, "file")));
    }
    if let Some(because) = &fidelity.rows_not_compared {
        caveats.push(format!(
            "rows were not compared with the source's: {because}"
        ));
    }
    if target.is_a_server_of_the_policy() {
        caveats.push(
            "owners and privileges are those of the role of `target.server`, not production's"
                .to_owned(),
        );
    }
    caveats
}

/// The settings by which the server can count statements, where it has what that needs. Nothing is
/// counted until the trace asks for it.
pub(super) async fn counting(session: &Session) -> Result<Vec<(String, String)>, QueryError> {
    let there = session
        .query_opt(
            "select from pg_available_extensions where name = $1",
            &[&COUNTING],
        )
        .await
        .during("look for pg_stat_statements")?;
    Ok(there
        .map(|_| {
            vec![
                ("shared_preload_libraries".to_owned(), COUNTING.to_owned()),
                ("pg_stat_statements.track".to_owned(), "none".to_owned()),
            ]
        })
        .unwrap_or_default())
}
