//! Tables and views: altered.

use super::super::kind::ObjectKind;
use super::super::model::Object;
use super::super::property::Property;
use super::create;
use super::target::on_relation;
use crate::text::{Ident, quote_literal};

pub(super) fn change(
    property: Property,
    clone: Object<'_>,
    baseline: Object<'_>,
) -> Option<String> {
    let name = clone.key.qualified_name();
    let kind = clone.key.kind;
    let wanted = baseline.text(property);
    let ours = clone.text(property);
    if kind == ObjectKind::View {
        return match property {
            Property::Definition => replace_view(clone, baseline),
            Property::ViewOptions => {
                options(&format!("alter view {name}"), property, clone, baseline)
            }
            _ => None,
        };
    }
    let action = match property {
        Property::StorageParameters => {
            return options(&format!("alter {kind} {name}"), property, clone, baseline);
        }
        Property::RowSecurity if wanted == Some("enabled") => {
            "enable row level security".to_owned()
        }
        Property::RowSecurity => "disable row level security".to_owned(),
        Property::ForcedRowSecurity if wanted == Some("enabled") => {
            "force row level security".to_owned()
        }
        Property::ForcedRowSecurity => "no force row level security".to_owned(),
        Property::Persistence if wanted == Some("unlogged") => "set unlogged".to_owned(),
        Property::Persistence => "set logged".to_owned(),
        // The index is marked as such itself.
        Property::ReplicaIdentity if wanted != Some("using index") => {
            format!("replica identity {}", wanted?)
        }
        Property::AccessMethod => format!("set access method {}", Ident(wanted?)),
        Property::PartitionOf => {
            let mut sql = Vec::new();
            if let Some(parent) = ours {
                sql.push(format!("alter table {parent} detach partition {name};"));
            }
            if let Some(parent) = wanted {
                sql.push(format!(
                    "alter table {parent} attach partition {name} {};",
                    baseline.text(Property::PartitionBound)?
                ));
            }
            return Some(sql.join("\n"));
        }
        Property::PartitionBound => {
            let parent = clone.text(Property::PartitionOf)?;
            return Some(format!(
                "alter table {parent} detach partition {name};\n\
                 alter table {parent} attach partition {name} {};",
                wanted?
            ));
        }
        Property::Inherits => {
            let (ours, theirs) = (clone.many(property), baseline.many(property));
            let mut actions: Vec<String> = ours
                .iter()
                .filter(|parent| !theirs.contains(parent))
                .map(|parent| format!("no inherit {parent}"))
                .collect();
            let added = theirs.iter().filter(|parent| !ours.contains(parent));
            actions.extend(added.map(|parent| format!("inherit {parent}")));
            if actions.is_empty() {
                return None;
            }
            actions.join(", ")
        }
        _ => return None,
    };
    Some(format!("alter {kind} {name} {action};"))
}

/// A view may be replaced if it keeps its columns and adds others at the end.
fn replace_view(clone: Object<'_>, baseline: Object<'_>) -> Option<String> {
    let (ours, theirs) = (
        clone.many(Property::Columns),
        baseline.many(Property::Columns),
    );
    theirs
        .starts_with(ours)
        .then(|| create::view(baseline, "create or replace view"))
        .flatten()
}

/// `set (…)` and `reset (…)` for what differs of a set of options.
pub(super) fn options(
    subject: &str,
    property: Property,
    clone: Object<'_>,
    baseline: Object<'_>,
) -> Option<String> {
    let (ours, theirs) = (clone.many(property), baseline.many(property));
    let name_of = |option: &String| option.split('=').next().unwrap_or_default().to_owned();
    let mut statements = Vec::new();
    let gone: Vec<String> = ours
        .iter()
        .map(name_of)
        .filter(|name| !theirs.iter().any(|option| name_of(option) == *name))
        .collect();
    if !gone.is_empty() {
        statements.push(format!("{subject} reset ({});", gone.join(", ")));
    }
    let set: Vec<String> = theirs
        .iter()
        .filter(|option| !ours.contains(option))
        .filter_map(|option| option.split_once('='))
        .map(|(name, value)| format!("{name} = {}", quote_literal(value)))
        .collect();
    if !set.is_empty() {
        statements.push(format!("{subject} set ({});", set.join(", ")));
    }
    (!statements.is_empty()).then(|| statements.join("\n"))
}

/// `cluster on` and `replica identity using index`.
pub(super) fn index_mark(
    property: Property,
    clone: Object<'_>,
    baseline: Object<'_>,
) -> Option<String> {
    let table = on_relation(clone)?;
    let index = Ident(&clone.key.name);
    match (property, baseline.has(property)) {
        (Property::Clustered, true) => Some(format!("alter table {table} cluster on {index};")),
        (Property::Clustered, false) => Some(format!("alter table {table} set without cluster;")),
        (Property::ReplicaIdentityIndex, true) => Some(format!(
            "alter table {table} replica identity using index {index};"
        )),
        // What it is instead is the table's difference, or another index's.
        _ => None,
    }
}
