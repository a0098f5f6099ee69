//! How statements address an object: `table public.orders`, `function public.total(integer)`.

use super::super::kind::ObjectKind;
use super::super::model::Object;
use super::super::property::Property;

/// The object as `alter`, `drop` and `comment on` name it; `None` for what is named on a table.
pub(super) fn target(object: Object<'_>) -> Option<String> {
    let key = object.key;
    let keyword = match key.kind {
        ObjectKind::Column
        | ObjectKind::Constraint
        | ObjectKind::Trigger
        | ObjectKind::Rule
        | ObjectKind::Policy
        | ObjectKind::Transform
        | ObjectKind::UserMapping
        | ObjectKind::DefaultPrivileges => return None,
        ObjectKind::EnumType
        | ObjectKind::CompositeType
        | ObjectKind::RangeType
        | ObjectKind::BaseType => "type",
        ObjectKind::ForeignServer => "server",
        ObjectKind::ForeignDataWrapper => "foreign data wrapper",
        ObjectKind::Cast => return Some(format!("cast ({})", key.name)),
        ObjectKind::Aggregate if key.signature.as_deref() == Some("") => {
            return Some(format!("aggregate {}(*)", key.qualified_name()));
        }
        kind => kind.term(),
    };
    Some(format!("{keyword} {}", key.display()))
}

/// What it hangs on, as `alter` names it: `table public.orders`, `domain public.mail`.
pub(super) fn relation_of(object: Object<'_>) -> Option<String> {
    let keyword = if object.has(Property::OnDomain) {
        "domain"
    } else {
        "table"
    };
    Some(format!("{keyword} {}", object.key.relation_name()?))
}

/// The name of the table that it hangs on.
pub(super) fn on_relation(object: Object<'_>) -> Option<String> {
    object.key.relation_name().map(|name| name.to_string())
}
