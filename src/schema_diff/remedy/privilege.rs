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
    // Who becomes the owner keeps what the owner has.
    let to_owner = owner.map(|owner| format!(" to {}", Ident(owner)));
    let kept = |grant: &String| to_owner.as_ref().is_some_and(|end| grant.ends_with(end));
    for grant in ours
        .iter()
        .filter(|grant| !kept(grant))
        .filter(|grant| !theirs.contains(grant))
    {
        statements.push(statement(Verb::Revoke, grant, clone, owner)?);
    }
    for grant in theirs.iter().filter(|grant| !ours.contains(grant)) {
        statements.push(statement(Verb::Grant, grant, clone, owner)?);
    }
    Some(statements.join("\n"))
}

/// Gives a new object its owner and grants, which differ from what PostgreSQL gives it.
pub(super) fn of_new(object: Object<'_>) -> Option<Vec<String>> {
    if object.key.kind == ObjectKind::DefaultPrivileges {
        return Some(Vec::new());
    }
    let by_itself = match object.key.kind {
        ObjectKind::Function | ObjectKind::Procedure | ObjectKind::Aggregate => "execute to public",
        ObjectKind::EnumType
        | ObjectKind::CompositeType
        | ObjectKind::RangeType
        | ObjectKind::BaseType
        | ObjectKind::Domain => "usage to public",
        _ => "",
    };
    let grants = object.many(Property::Privileges);
    let mut statements = Vec::new();
    if let Some(owner) = object.text(Property::Owner) {
        statements.push(format!(
            "alter {} owner to {};",
            target(object)?,
            Ident(owner)
        ));
    }
    if !by_itself.is_empty() && !grants.iter().any(|grant| grant == by_itself) {
        statements.push(statement(Verb::Revoke, by_itself, object, None)?);
    }
    for grant in grants {
        if grant != by_itself && !grant.contains(" to the owner") {
            statements.push(statement(Verb::Grant, grant, object, None)?);
        }
    }
    Some(statements)
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
