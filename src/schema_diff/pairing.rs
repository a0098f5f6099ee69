//! Which object of one database is which of the other.

use std::collections::BTreeMap;

use super::Options;
use super::generated;
use super::kind::ObjectKind;
use super::model::{Catalog, Object, Value};
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
    for object in clone.objects().filter(|object| !ignored(*object, options)) {
        match baseline.get(object.key) {
            Some(other) => pairs.push(Pair::Both {
                clone: object,
                baseline: other,
                names: Names::Same,
            }),
            None => left_over.push(object),
        }
    }
    let mut candidates: BTreeMap<Alias, Vec<Object<'a>>> = BTreeMap::new();
    let mut alone = Vec::new();
    for object in baseline
        .objects()
        .filter(|object| clone.get(object.key).is_none() && !ignored(*object, options))
    {
        match alias(object) {
            Some(alias) => candidates.entry(alias).or_default().push(object),
            None => alone.push(object),
        }
    }
    for object in left_over {
        let others = alias(object).and_then(|alias| candidates.get_mut(&alias));
        match others.filter(|others| !others.is_empty()) {
            Some(others) => {
                let other = others.remove(0);
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
            None => pairs.push(Pair::OnlyInClone(object)),
        }
    }
    alone.extend(candidates.into_values().flatten());
    pairs.extend(alone.into_iter().map(Pair::OnlyInBaseline));
    pairs
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
