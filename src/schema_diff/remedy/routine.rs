//! Functions and procedures: replaced.

use super::super::model::Object;
use super::super::property::Property;
use super::create;

/// `create or replace`, which may change everything but the signature.
pub(super) fn change(clone: Object<'_>, baseline: Object<'_>) -> Option<String> {
    [Property::Arguments, Property::Result, Property::RoutineKind]
        .iter()
        .all(|property| clone.text(*property) == baseline.text(*property))
        .then(|| create::create_alone(baseline))
        .flatten()
}
