//! Roles on the clone's server: stubs for those the dump names, and the one that migrates.
//!
//! Roles belong to a server and are in no dump. Without them owners, grants and policies would be
//! lost, and a migration that names one would fail for no fault of its own.

use std::collections::BTreeSet;

use super::RestoreError;
use crate::clone::LiveRole;
use crate::policy::RoleAttribute;
use crate::postgres::session::During as _;
use crate::postgres::{QueryError, Session};
use crate::text::{Ident, Secret, quote_literal};

/// Owns what has no other owner, and is the superuser that restores. It is demoted before anything
/// migrates: production's role is no superuser, and a rehearsal with one proves less.
pub const OWNER: &str = "pgrehearse_owner";

/// Makes the role that restores; its password.
pub async fn create_owner(session: &Session) -> Result<Secret, QueryError> {
    let password = Secret::new(format!("{:032x}", rand::random::<u128>()));
    session
        .run(
            &format!(
                "create role {OWNER} superuser login password {}",
                quote_literal(password.expose())
            ),
            "create the role that restores",
        )
        .await?;
    Ok(password)
}

/// Makes a stub for every role that is named and not there: it owns and is granted to, and nobody
/// can be it.
pub async fn create_stubs(
    session: &Session,
    named: &BTreeSet<String>,
) -> Result<Vec<String>, QueryError> {
    let missing: Vec<String> = session
        .query(
            "select name from unnest($1::text[]) as name \
             where name not in (select rolname from pg_roles) order by 1",
            &[&named.iter().collect::<Vec<_>>()],
        )
        .await
        .during("look which roles are missing")?
        .iter()
        .map(|row| row.get(0))
        .collect();
    let statements: String = missing
        .iter()
        .map(|name| format!("create role {} nologin;\n", Ident(name)))
        .collect();
    session
        .run(&statements, "create stubs of production's roles")
        .await?;
    Ok(missing)
}

/// Whether a setting of production's, as `name TO value` or `name=value`, is one for a clone too:
/// one that makes its sessions read-only would refuse the migration, a library that is not installed
/// here would refuse the sessions, and what the server logs is what we judge by.
pub fn is_for_a_clone(setting: &str) -> bool {
    let name = setting
        .split([' ', '='])
        .next()
        .unwrap_or_default()
        .trim_matches('"');
    !(name == "default_transaction_read_only"
        || name.ends_with("_preload_libraries")
        || name.starts_with("log_")
        || name == "client_min_messages")
}

/// Notes what the server refuses, and goes on; a session that broke is an error.
pub fn unless_refused(
    result: Result<(), QueryError>,
    refused: &mut Vec<String>,
) -> Result<(), QueryError> {
    match result {
        Err(error) => match error.server_error() {
            Some(said) => {
                refused.push(format!(
                    "a setting of production is left out: {}",
                    said.message
                ));
                Ok(())
            }
            None => Err(error),
        },
        Ok(()) => Ok(()),
    }
}

/// Gives the stubs what production's roles have: attributes, memberships, settings. What the server
/// refuses is said.
pub async fn apply_attributes(
    session: &Session,
    roles: &[LiveRole],
) -> Result<Vec<String>, QueryError> {
    let mut statements = Vec::new();
    for role in roles {
        let name = Ident(&role.name);
        if !role.attributes.is_empty() {
            statements.push(format!("alter role {name} {}", role.attributes.join(" ")));
        }
        for setting in role
            .settings
            .iter()
            .filter(|setting| is_for_a_clone(setting))
        {
            if let Some((key, value)) = setting.split_once('=') {
                statements.push(format!(
                    "alter role {name} set {} to {}",
                    Ident(key),
                    setting_value(key, value)
                ));
            }
        }
        for group in role
            .member_of
            .iter()
            .filter(|group| !group.starts_with("rds"))
        {
            statements.push(format!("grant {} to {name}", Ident(group)));
        }
    }
    let mut refused = Vec::new();
    for statement in statements {
        let doing = "give the roles production's attributes";
        unless_refused(session.run(&statement, doing).await, &mut refused)?;
    }
    Ok(refused)
}

/// A setting's value as `ALTER … SET` takes it. Lists are stored as one text of several names, and
/// must not become one name.
pub fn setting_value(key: &str, value: &str) -> String {
    if key == "search_path" || key.ends_with("_preload_libraries") {
        value
            .split(',')
            .map(|part| quote_literal(part.trim().trim_matches('"')))
            .collect::<Vec<_>>()
            .join(", ")
    } else {
        quote_literal(value)
    }
}

/// The role that migrates.
#[derive(Clone, Debug)]
pub struct Migrator {
    pub name: String,
    pub password: Secret,
}

/// Chooses the role that migrates (the policy's, else the owner of most tables), lets it log in,
/// and takes from it what the policy does not give.
pub async fn appoint(
    session: &Session,
    asked_for: Option<&str>,
    attributes: Option<&[RoleAttribute]>,
) -> Result<Migrator, RestoreError> {
    let name = match asked_for {
        Some(name) => name.to_owned(),
        None => session
            .query_one(include_str!("sql/main_owner.sql"), &[&OWNER])
            .await
            .during("find the owner of most tables")?
            .get(0),
    };
    let password = enable_login(session, &name).await?;
    let name_sql = Ident(&name);
    let mut sql = format!("alter role {OWNER} nosuperuser;\n");
    if let Some(attributes) = attributes {
        let all = [
            (RoleAttribute::Superuser, "superuser"),
            (RoleAttribute::Createrole, "createrole"),
            (RoleAttribute::Createdb, "createdb"),
            (RoleAttribute::Bypassrls, "bypassrls"),
            (RoleAttribute::Replication, "replication"),
        ];
        for (attribute, word) in all {
            let no = if attributes.contains(&attribute) {
                ""
            } else {
                "no"
            };
            sql.push_str(&format!("alter role {name_sql} {no}{word};\n"));
        }
    }
    session
        .run(&sql, "set what the migrating role may do")
        .await?;
    Ok(Migrator { name, password })
}

/// Lets a role log in with a password that only this run knows.
pub async fn enable_login(session: &Session, name: &str) -> Result<Secret, RestoreError> {
    let known = session
        .query_opt("select from pg_roles where rolname = $1", &[&name])
        .await
        .during("look for a role")?;
    if known.is_none() {
        return Err(RestoreError::NoRole {
            name: name.to_owned(),
        });
    }
    let password = Secret::new(format!("{:032x}", rand::random::<u128>()));
    session
        .run(
            &format!(
                "alter role {} login password {}",
                Ident(name),
                quote_literal(password.expose())
            ),
            "let a role log in",
        )
        .await?;
    Ok(password)
}
