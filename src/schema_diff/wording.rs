//! Differences as sentences.

use super::Sides;
use super::kind::ObjectKind;
use super::model::{Object, Value};
use super::property::Property;

/// A longer value is not put into a sentence; it is beside it anyway.
const SENTENCE_ROOM: usize = 100;

/// "column type is `text`, the baseline has `character varying(40)`".
pub(super) fn differs(
    property: Property,
    clone: Option<&Value>,
    baseline: Option<&Value>,
    sides: Sides,
) -> String {
    let term = property.term();
    if property.is_set() {
        return set_differs(term, clone, baseline, sides);
    }
    let other = sides.baseline;
    let (clone, baseline) = (clone.map(Value::to_text), baseline.map(Value::to_text));
    let fits = |text: &Option<String>| {
        text.as_ref()
            .is_none_or(|text| text.len() <= SENTENCE_ROOM && !text.contains('\n'))
    };
    if !fits(&clone) || !fits(&baseline) {
        return match (&clone, &baseline) {
            (None, _) => format!("there is no {term}, {other} has one"),
            (_, None) => format!("there is a {term}, {other} has none"),
            _ => format!("{term} is not that of {other}"),
        };
    }
    match (clone, baseline) {
        (Some(clone), Some(baseline)) => {
            format!("{term} is `{clone}`, {other} has `{baseline}`")
        }
        (Some(clone), None) => format!("{term} is `{clone}`, {other} has none"),
        (None, Some(baseline)) => format!("there is no {term}, {other} has `{baseline}`"),
        (None, None) => format!("{term} differs"),
    }
}

/// "storage parameters: only the clone has `fillfactor=70`".
fn set_differs(
    term: &str,
    clone: Option<&Value>,
    baseline: Option<&Value>,
    sides: Sides,
) -> String {
    let only = |one: Option<&Value>, other: Option<&Value>| -> String {
        let other = other.map_or(&[][..], Value::members);
        one.map_or(&[][..], Value::members)
            .iter()
            .filter(|member| !other.contains(member))
            .map(|member| format!("`{member}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let parts: Vec<String> = [
        (sides.clone, only(clone, baseline)),
        (sides.baseline, only(baseline, clone)),
    ]
    .into_iter()
    .filter(|(_, members)| !members.is_empty())
    .map(|(side, members)| format!("only {side} has {members}"))
    .collect();
    format!("{term}: {}", parts.join(", "))
}

/// "the table is only in the clone".
pub(super) fn only_in(kind: ObjectKind, side: &str, partitions: usize) -> String {
    let verb = if kind == ObjectKind::DefaultPrivileges || kind == ObjectKind::Statistics {
        "are"
    } else {
        "is"
    };
    match partitions {
        0 => format!("the {kind} {verb} only in {side}"),
        1 => format!("the {kind} and its partition are only in {side}"),
        count => format!("the {kind} and its {count} partitions are only in {side}"),
    }
}

/// "constraint name is `a`, the baseline has `b`".
pub(super) fn named(kind: ObjectKind, clone: &str, baseline: &str, sides: Sides) -> String {
    format!(
        "{kind} name is `{clone}`, {} has `{baseline}`",
        sides.baseline
    )
}

/// An object in a line, for the side that has it.
pub(super) fn summary(object: Object<'_>) -> Option<String> {
    use Property as P;
    let text = |property| object.text(property);
    match object.key.kind {
        ObjectKind::Column => {
            let mut parts = vec![text(P::ColumnType)?.to_owned()];
            if let Some(default) = text(P::Default) {
                parts.push(format!("default {default}"));
            }
            if let Some(generated) = text(P::Generated) {
                parts.push(format!("generated always as {generated}"));
            }
            if let Some(identity) = text(P::Identity) {
                parts.push(format!("generated {identity} as identity"));
            }
            parts.extend(
                text(P::Nullability)
                    .filter(|nullability| *nullability != "null")
                    .map(str::to_owned),
            );
            Some(parts.join(" "))
        }
        ObjectKind::Function | ObjectKind::Procedure => text(P::CreateStatement).map(str::to_owned),
        ObjectKind::Policy => Some(format!(
            "{} for {} to {}",
            text(P::Permissiveness)?,
            text(P::Command)?,
            object.many(P::Roles).join(", ")
        )),
        ObjectKind::Extension => text(P::Version).map(|version| format!("version {version}")),
        ObjectKind::Sequence => text(P::DataType).map(str::to_owned),
        ObjectKind::Domain => text(P::BaseType).map(str::to_owned),
        ObjectKind::EventTrigger => text(P::Event).map(str::to_owned),
        ObjectKind::DefaultPrivileges => object.facts.get(&P::Privileges).map(Value::to_text),
        _ => [P::Definition, P::Labels, P::Attributes]
            .into_iter()
            .find_map(|property| object.facts.get(&property))
            .map(Value::to_text),
    }
}
