//! Which object of one database is which of the other.

use std::collections::BTreeMap;

use super::Options;
use super::generated;
use super::kind::ObjectKind;
use super::model::{Catalog, Key, Object, Value};
use super::property::{Property, Use};
use crate::text::QualifiedName;

/// What was found for an object on the other side.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pair<'a> {
    Both {
        clone: Object<'a>,
        baseline: Object<'a>,
        names: Names,
    },
    OnlyInClone(Object<'a>),
    OnlyInBaseline(Object<'a>),
}

/// How the names of a pair relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    Same,
    /// At least one was made up by PostgreSQL, so that nobody can rely on it.
    Generated,
    /// Someone chose both.
    Chosen,
}

/// Pairs by key; then constraints, indexes and the like by what they do.
pub(super) fn pair<'a>(
    clone: &'a Catalog,
    baseline: &'a Catalog,
    options: &Options,
) -> Vec<Pair<'a>> {
    let mut pairs = Vec::new();
    let mut left_over: Vec<Object<'a>> = Vec::new();
    let mut candidates: BTreeMap<Alias, Vec<Object<'a>>> = BTreeMap::new();
    let mut alone: BTreeMap<&Key, Object<'a>> = BTreeMap::new();
    for object in clone.objects().filter(|object| !ignored(*object, options)) {
        match baseline.get(object.key) {
            Some(other) if !names_may_be_swapped(object, other) => pairs.push(Pair::Both {
                clone: object,
                baseline: other,
                names: Names::Same,
            }),
            _ => left_over.push(object),
        }
    }
    for object in baseline
        .objects()
        .filter(|object| !ignored(*object, options))
    {
        let paired = clone
            .get(object.key)
            .is_some_and(|other| !names_may_be_swapped(other, object));
        if !paired {
            alone.insert(object.key, object);
            if let Some(alias) = alias(object) {
                candidates.entry(alias).or_default().push(object);
            }
        }
    }
    let mut unmatched = Vec::new();
    for object in left_over {
        let others = alias(object).and_then(|alias| candidates.get_mut(&alias));
        match others.filter(|others| !others.is_empty()) {
            Some(others) => {
                let other = others.remove(0);
                alone.remove(other.key);
                pairs.push(Pair::Both {
                    clone: object,
                    baseline: other,
                    names: if generated::is_generated(object) || generated::is_generated(other) {
                        Names::Generated
                    } else {
                        Names::Chosen
                    },
                });
            }
            None => unmatched.push(object),
        }
    }
    for object in unmatched {
        pairs.push(match alone.remove(object.key) {
            Some(other) => Pair::Both {
                clone: object,
                baseline: other,
                names: Names::Same,
            },
            None => Pair::OnlyInClone(object),
        });
    }
    pairs.extend(alone.into_values().map(Pair::OnlyInBaseline));
    pairs
}

/// Whether a made-up name went to another object because of the order in which they were made:
/// `t_a_check` and `t_a_check1`.
fn names_may_be_swapped(one: Object<'_>, other: Object<'_>) -> bool {
    matches!(
        one.key.kind,
        ObjectKind::Constraint | ObjectKind::Index | ObjectKind::Statistics
    ) && one.facts != other.facts
        && alias(one) != alias(other)
        && (generated::is_generated(one) || generated::is_generated(other))
}

/// What two objects of different names have in common if they are the same.
type Alias = (ObjectKind, QualifiedName, Vec<(Property, String)>);

fn alias(object: Object<'_>) -> Option<Alias> {
    let parent = object.parent()?;
    let facts = match object.key.kind {
        // A column has one sequence of its own, whatever its options are.
        ObjectKind::Sequence => vec![(Property::OwnedBy, object.many(Property::Parent).join("\n"))],
        ObjectKind::Constraint | ObjectKind::Index | ObjectKind::Statistics => object
            .facts
            .iter()
            .filter(|(property, _)| matches!(property.used(), Use::Compared | Use::ComparedAsSet))
            .map(|(property, value)| (*property, Value::to_text(value)))
            .collect(),
        _ => return None,
    };
    Some((object.key.kind, parent, facts))
}

fn ignored(object: Object<'_>, options: &Options) -> bool {
    let ignore = &options.ignore;
    if object.parent().is_some_and(|parent| ignore(&parent)) {
        return true;
    }
    let key = object.key;
    match (&key.schema, &key.relation) {
        (None, _) if key.kind == ObjectKind::Schema => {
            ignore(&QualifiedName::new(key.name.as_str(), "*"))
        }
        (Some(_), None) => ignore(&key.qualified_name()),
        (Some(_), Some(_)) if key.kind == ObjectKind::Index => ignore(&key.qualified_name()),
        _ => false,
    }
}
