//! Grants and default privileges.

use super::super::kind::ObjectKind;
use super::super::model::Object;
use super::super::property::Property;
use super::target::{on_relation, target};
use crate::text::Ident;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Grant,
    Revoke,
}

/// Revokes what only the clone grants, and grants what only the baseline does.
pub(super) fn change(clone: Object<'_>, baseline: Object<'_>) -> Option<String> {
    let (ours, theirs) = (
        clone.many(Property::Privileges),
        baseline.many(Property::Privileges),
    );
    let owner = baseline.text(Property::Owner);
    let mut statements = Vec::new();
    for grant in ours.iter().filter(|grant| !theirs.contains(grant)) {
        statements.push(statement(Verb::Revoke, grant, clone, owner)?);
    }
    for grant in theirs.iter().filter(|grant| !ours.contains(grant)) {
        statements.push(statement(Verb::Grant, grant, clone, owner)?);
    }
    Some(statements.join("\n"))
}

/// All grants of a schema's default privileges, made or taken back. Those of no schema replace what
/// PostgreSQL grants by itself, so there both sides would have to be known.
pub(super) fn default_change(object: Object<'_>, verb: Verb) -> Option<String> {
    let statements: Option<Vec<String>> = object
        .many(Property::Privileges)
        .iter()
        .map(|grant| statement(verb, grant, object, None))
        .collect();
    object
        .key
        .signature
        .as_deref()?
        .contains(" in schema ")
        .then_some(statements?.join("\n"))
}

/// One grant, from its description (`select to app with grant option`).
fn statement(verb: Verb, grant: &str, object: Object<'_>, owner: Option<&str>) -> Option<String> {
    let (privilege, rest) = grant.split_once(" to ")?;
    let (grantee, option) = match rest.strip_suffix(" with grant option") {
        Some(grantee) => (grantee, " with grant option"),
        None => (rest, ""),
    };
    let grantee = match grantee {
        "the owner" => Ident(owner?).to_string(),
        other => other.to_owned(),
    };
    let (before, subject) = subject(object, privilege)?;
    Some(match verb {
        Verb::Grant => format!("{before}grant {subject} to {grantee}{option};"),
        Verb::Revoke => format!("{before}revoke {subject} from {grantee};"),
    })
}

/// What precedes the verb, and what is granted on what.
fn subject(object: Object<'_>, privilege: &str) -> Option<(String, String)> {
    let key = object.key;
    Some(match key.kind {
        ObjectKind::Column => (
            String::new(),
            format!(
                "{privilege} ({}) on table {}",
                Ident(&key.name),
                on_relation(object)?
            ),
        ),
        ObjectKind::Table
        | ObjectKind::ForeignTable
        | ObjectKind::View
        | ObjectKind::MaterializedView => (
            String::new(),
            format!("{privilege} on table {}", key.qualified_name()),
        ),
        ObjectKind::Domain => (
            String::new(),
            format!("{privilege} on domain {}", key.qualified_name()),
        ),
        ObjectKind::ForeignServer => (
            String::new(),
            format!("{privilege} on foreign server {}", Ident(&key.name)),
        ),
        ObjectKind::DefaultPrivileges => {
            let signature = key.signature.as_deref()?;
            let (objects, place) = match signature.split_once(" in schema ") {
                Some((objects, schema)) => (objects, format!(" in schema {schema}")),
                None => (signature, String::new()),
            };
            (
                format!("alter default privileges for role {}{place} ", key.name),
                format!("{privilege} on {objects}"),
            )
        }
        _ => (String::new(), format!("{privilege} on {}", target(object)?)),
    })
}
