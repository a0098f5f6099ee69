//! Statements that make an object from its facts.

use super::super::kind::ObjectKind;
use super::super::model::{Catalog, Object};
use super::super::property::Property;
use super::target::on_relation;
use super::{privilege, switch};
use crate::text::{Ident, quote_literal};

/// Makes `object`, if all that it is made of is known.
pub(super) fn create(object: Object<'_>, catalog: &Catalog) -> Option<String> {
    match object.key.kind {
        // What hangs on these is not listed when they are missing, so it must come with them.
        ObjectKind::View | ObjectKind::Domain if has_parts(object, catalog) => None,
        ObjectKind::Column => super::column::add(object),
        ObjectKind::DefaultPrivileges => privilege::default_change(object, privilege::Verb::Grant),
        _ => create_alone(object),
    }
}

/// Makes `object` from its own facts.
pub(super) fn create_alone(object: Object<'_>) -> Option<String> {
    let text = |property| object.text(property);
    let name = Ident(&object.key.name);
    let qualified = object.key.qualified_name();
    match object.key.kind {
        ObjectKind::Schema => Some(format!("create schema {name};")),
        ObjectKind::Extension => Some(format!(
            "create extension {name} with schema {} version {};",
            Ident(text(Property::Schema)?),
            quote_literal(text(Property::Version)?)
        )),
        ObjectKind::EnumType => Some(format!(
            "create type {qualified} as enum ({});",
            object
                .many(Property::Labels)
                .iter()
                .map(|label| quote_literal(label))
                .collect::<Vec<_>>()
                .join(", ")
        )),
        ObjectKind::CompositeType => Some(format!(
            "create type {qualified} as ({});",
            object.many(Property::Attributes).join(", ")
        )),
        ObjectKind::RangeType => Some(format!(
            "create type {qualified} as range ({});",
            text(Property::Definition)?
        )),
        ObjectKind::Domain => Some(domain(object)?),
        ObjectKind::Sequence => {
            let mut sql = format!("create sequence {qualified} {};", sequence_options(object)?);
            if let Some(column) = text(Property::OwnedBy) {
                sql.push_str(&format!("\nalter sequence {qualified} owned by {column};"));
            }
            Some(sql)
        }
        ObjectKind::Function | ObjectKind::Procedure => {
            Some(format!("{};", text(Property::CreateStatement)?.trim_end()))
        }
        ObjectKind::Constraint => Some(format!(
            "alter {} add constraint {name} {};",
            super::relation_of(object)?,
            constraint_definition(object)?
        )),
        ObjectKind::Index => index(object),
        ObjectKind::View => view(object, "create view"),
        ObjectKind::Statistics => Some(format!(
            "create statistics {qualified}{};",
            text(Property::Definition)?.strip_prefix("CREATE STATISTICS")?
        )),
        ObjectKind::Trigger | ObjectKind::Rule => {
            let mut sql = text(Property::Definition)?.trim_end_matches(';').to_owned();
            sql.push(';');
            if let Some(state) = text(Property::Enabled).filter(|state| *state != "enabled") {
                sql.push('\n');
                sql.push_str(&switch(object, state)?);
            }
            Some(sql)
        }
        ObjectKind::Policy => {
            let clause = |words: &str, property| {
                text(property).map_or_else(String::new, |text| format!(" {words} ({text})"))
            };
            Some(format!(
                "create policy {name} on {} as {} for {} to {}{}{};",
                on_relation(object)?,
                text(Property::Permissiveness)?,
                text(Property::Command)?,
                object.many(Property::Roles).join(", "),
                clause("using", Property::UsingExpression),
                clause("with check", Property::CheckExpression)
            ))
        }
        _ => None,
    }
}

/// `create view` or `create or replace view`, options included.
pub(super) fn view(object: Object<'_>, verb: &str) -> Option<String> {
    let options = object.many(Property::ViewOptions);
    let options = if options.is_empty() {
        String::new()
    } else {
        format!(" with ({})", options.join(", "))
    };
    let definition = object.text(Property::Definition)?.trim_end_matches(';');
    Some(format!(
        "{verb} {}{options} as{}{definition};",
        object.key.qualified_name(),
        if definition.starts_with([' ', '\n']) {
            "\n"
        } else {
            " "
        }
    ))
}

pub(super) fn constraint_definition(object: Object<'_>) -> Option<String> {
    let mut sql = object.text(Property::Definition)?.to_owned();
    // What an option of the index would say has no place in this definition.
    if object.has(Property::StorageParameters) {
        return None;
    }
    let deferrability = object.text(Property::Deferrability)?;
    if deferrability != "not deferrable" {
        sql.push_str(&format!(" {deferrability}"));
    }
    if object.text(Property::Enforcement) == Some("not enforced") {
        sql.push_str(" not enforced");
    } else if object.text(Property::Validated) == Some("not validated") {
        sql.push_str(" not valid");
    }
    Some(sql)
}

pub(super) fn sequence_options(object: Object<'_>) -> Option<String> {
    let text = |property| object.text(property);
    Some(format!(
        "as {} increment by {} minvalue {} maxvalue {} start with {} cache {} {}",
        text(Property::DataType)?,
        text(Property::Increment)?,
        text(Property::Minimum)?,
        text(Property::Maximum)?,
        text(Property::StartValue)?,
        text(Property::Cache)?,
        text(Property::Cycle)?
    ))
}

fn domain(object: Object<'_>) -> Option<String> {
    let mut sql = format!(
        "create domain {} as {}",
        object.key.qualified_name(),
        object.text(Property::BaseType)?
    );
    if let Some(collation) = object.text(Property::Collation) {
        sql.push_str(&format!(" collate {collation}"));
    }
    if let Some(default) = object.text(Property::Default) {
        sql.push_str(&format!(" default {default}"));
    }
    if object.text(Property::Nullability) == Some("not null") {
        sql.push_str(" not null");
    }
    sql.push(';');
    Some(sql)
}

fn index(object: Object<'_>) -> Option<String> {
    if object.text(Property::Validity) != Some("valid")
        || object.has(Property::StatisticsTarget)
        || object.has(Property::Clustered)
        || object.has(Property::ReplicaIdentityIndex)
    {
        return None;
    }
    let definition = object.text(Property::Definition)?;
    let (verb, rest) = match definition.strip_prefix("CREATE UNIQUE INDEX") {
        Some(rest) => ("create unique index", rest),
        None => ("create index", definition.strip_prefix("CREATE INDEX")?),
    };
    let name = Ident(&object.key.name);
    Some(if object.has(Property::Partitioned) {
        // Also on every partition, which `only` would leave out.
        let rest = rest.strip_prefix(" ON ONLY ")?;
        format!("{verb} {name} on {rest};")
    } else {
        format!("{verb} concurrently {name}{rest};")
    })
}

/// Whether something hangs on a view or a domain.
fn has_parts(object: Object<'_>, catalog: &Catalog) -> bool {
    let name = object.key.qualified_name();
    catalog.objects().any(|other| {
        other.key.relation_name().as_ref() == Some(&name)
            && (other.key.kind != ObjectKind::Column
                || other.has(Property::Default)
                || other.has(Property::Comment)
                || other.has(Property::ColumnOptions))
    })
}
