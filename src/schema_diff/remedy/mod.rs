//! SQL that makes the clone like the baseline. Only what is certain: nothing is dropped that holds
//! rows of a whole table, nothing is cast that could lose a value, nothing is guessed.

mod column;
mod create;
mod privilege;
mod relation;
mod routine;
mod target;

use super::kind::ObjectKind;
use super::model::{Catalog, Object};
use super::property::Property;
use super::{Comments, Options, Privileges};
use crate::text::{Ident, quote_literal};

use target::{on_relation, relation_of, target};

/// For two objects that are one, but for the name.
pub(super) fn rename(clone: Object<'_>, baseline: Object<'_>) -> Option<String> {
    let (from, to) = (Ident(&clone.key.name), Ident(&baseline.key.name));
    match clone.key.kind {
        ObjectKind::Constraint => Some(format!(
            "alter {} rename constraint {from} to {to};",
            relation_of(clone)?
        )),
        ObjectKind::Index | ObjectKind::Sequence | ObjectKind::Statistics => {
            Some(format!("alter {} rename to {to};", target(clone)?))
        }
        _ => None,
    }
}

/// For a property that differs.
pub(super) fn change(
    property: Property,
    clone: Object<'_>,
    baseline: Object<'_>,
) -> Option<String> {
    match property {
        Property::Comment => return comment(clone, baseline.text(Property::Comment)),
        Property::Owner => {
            let owner = Ident(baseline.text(Property::Owner)?);
            return Some(format!("alter {} owner to {owner};", target(clone)?));
        }
        Property::Privileges => return privilege::change(clone, baseline),
        _ => {}
    }
    match clone.key.kind {
        ObjectKind::Table | ObjectKind::View | ObjectKind::MaterializedView => {
            relation::change(property, clone, baseline)
        }
        ObjectKind::Column => column::change(property, clone, baseline),
        ObjectKind::Constraint => constraint(property, clone, baseline),
        ObjectKind::Index => index(property, clone, baseline),
        ObjectKind::Sequence => sequence(property, clone, baseline),
        ObjectKind::Function | ObjectKind::Procedure => routine::change(clone, baseline),
        ObjectKind::EnumType => labels(clone, baseline),
        ObjectKind::Domain => domain(property, clone, baseline),
        ObjectKind::Trigger | ObjectKind::Rule if property == Property::Enabled => {
            switch(clone, baseline.text(Property::Enabled)?)
        }
        ObjectKind::EventTrigger if property == Property::Enabled => {
            let state = switch_words(baseline.text(Property::Enabled)?);
            Some(format!("alter {} {state};", target(clone)?))
        }
        ObjectKind::Policy => policy(property, clone, baseline),
        ObjectKind::Statistics if property == Property::StatisticsTarget => {
            let wanted = baseline.text(Property::StatisticsTarget).unwrap_or("-1");
            Some(format!("alter {} set statistics {wanted};", target(clone)?))
        }
        ObjectKind::Trigger | ObjectKind::Rule | ObjectKind::Statistics => replace(clone, baseline),
        ObjectKind::Extension => extension(property, clone, baseline),
        _ => None,
    }
}

/// For what only the baseline has.
pub(super) fn missing(object: Object<'_>, options: &Options, baseline: &Catalog) -> Option<String> {
    let mut sql = create::create(object, baseline)?;
    if options.comments == Comments::Compare
        && let Some(text) = object.text(Property::Comment)
    {
        sql.push('\n');
        sql.push_str(&comment(object, Some(text))?);
    }
    if options.privileges == Privileges::Compare {
        for statement in privilege::of_new(object)? {
            sql.push('\n');
            sql.push_str(&statement);
        }
    }
    Some(sql)
}

/// For what only the clone has.
pub(super) fn extra(object: Object<'_>) -> Option<String> {
    let name = Ident(&object.key.name);
    match object.key.kind {
        // Whether these go, with all that is in them, is for a person to say.
        ObjectKind::Schema | ObjectKind::Table | ObjectKind::UserMapping => None,
        ObjectKind::Column => Some(format!(
            "alter {} drop column if exists {name};",
            relation_of(object)?
        )),
        ObjectKind::Constraint => Some(format!(
            "alter {} drop constraint if exists {name};",
            relation_of(object)?
        )),
        ObjectKind::Index if object.has(Property::Partitioned) => {
            Some(format!("drop {};", if_exists(object)?))
        }
        ObjectKind::Index => Some(format!(
            "drop index concurrently if exists {};",
            object.key.qualified_name()
        )),
        ObjectKind::Trigger | ObjectKind::Rule | ObjectKind::Policy => Some(format!(
            "drop {} if exists {name} on {};",
            object.key.kind,
            on_relation(object)?
        )),
        ObjectKind::Sequence | ObjectKind::Statistics => {
            Some(format!("drop {};", if_exists(object)?))
        }
        ObjectKind::DefaultPrivileges => privilege::default_change(object, privilege::Verb::Revoke),
        _ => Some(format!("drop {};", target(object)?)),
    }
}

fn if_exists(object: Object<'_>) -> Option<String> {
    let target = target(object)?;
    let keyword = object.key.kind.term();
    Some(format!(
        "{keyword} if exists{}",
        target.strip_prefix(keyword)?
    ))
}

pub(super) fn comment(object: Object<'_>, text: Option<&str>) -> Option<String> {
    let value = text.map_or_else(|| "null".to_owned(), quote_literal);
    let subject = match object.key.kind {
        ObjectKind::Constraint => {
            let relation = relation_of(object)?;
            let holder = relation.strip_prefix("table ").unwrap_or(&relation);
            format!("constraint {} on {holder}", Ident(&object.key.name))
        }
        ObjectKind::Trigger | ObjectKind::Rule | ObjectKind::Policy => format!(
            "{} {} on {}",
            object.key.kind,
            Ident(&object.key.name),
            on_relation(object)?
        ),
        ObjectKind::Column => format!("column {}", object.key.display()),
        _ => target(object)?,
    };
    Some(format!("comment on {subject} is {value};"))
}

fn constraint(property: Property, clone: Object<'_>, baseline: Object<'_>) -> Option<String> {
    let relation = relation_of(clone)?;
    let name = Ident(&clone.key.name);
    let validated = baseline.text(Property::Validated) == Some("validated");
    match property {
        Property::Validated if validated => {
            Some(format!("alter {relation} validate constraint {name};"))
        }
        Property::Clustered | Property::ReplicaIdentityIndex => {
            relation::index_mark(property, clone, baseline)
        }
        Property::StorageParameters | Property::Validity => None,
        Property::Deferrability if clone.text(Property::ConstraintType) == Some("foreign key") => {
            let words = baseline.text(Property::Deferrability)?;
            Some(format!("alter {relation} alter constraint {name} {words};"))
        }
        // Not valid before, it is validated by this.
        Property::Enforcement
            if clone.text(Property::ConstraintType) == Some("foreign key")
                && (validated || !baseline.has(Property::Validated)) =>
        {
            let word = baseline.text(Property::Enforcement)?;
            Some(format!("alter {relation} alter constraint {name} {word};"))
        }
        // Foreign keys may stand on these.
        _ if matches!(
            clone.text(Property::ConstraintType),
            Some("primary key" | "unique")
        ) && !only_timing(clone, baseline) =>
        {
            None
        }
        _ => Some(if clone.has(Property::OnDomain) {
            // `alter domain` takes one action a statement.
            format!(
                "alter {relation} drop constraint {name};\nalter {relation} add constraint {name} {};",
                create::constraint_definition(baseline)?
            )
        } else {
            format!(
                "alter {relation} drop constraint {name}, add constraint {name} {};",
                create::constraint_definition(baseline)?
            )
        }),
    }
}

/// Whether all that differs of a constraint is when it is checked.
fn only_timing(clone: Object<'_>, baseline: Object<'_>) -> bool {
    clone.text(Property::Definition) == baseline.text(Property::Definition)
}

fn index(property: Property, clone: Object<'_>, baseline: Object<'_>) -> Option<String> {
    match property {
        Property::Validity if baseline.text(Property::Validity) == Some("valid") => Some(format!(
            "reindex index concurrently {};",
            clone.key.qualified_name()
        )),
        Property::Clustered | Property::ReplicaIdentityIndex => {
            relation::index_mark(property, clone, baseline)
        }
        Property::Definition => replace(clone, baseline),
        _ => None,
    }
}

/// Drops and makes again what can be made from its definition alone.
fn replace(clone: Object<'_>, baseline: Object<'_>) -> Option<String> {
    Some(format!(
        "{}\n{}",
        extra(clone)?,
        create::create_alone(baseline)?
    ))
}

fn sequence(property: Property, clone: Object<'_>, baseline: Object<'_>) -> Option<String> {
    if property == Property::Persistence {
        return None;
    }
    let name = clone.key.qualified_name();
    if property == Property::OwnedBy {
        let owner = baseline.text(Property::OwnedBy).unwrap_or("none");
        return Some(format!("alter sequence {name} owned by {owner};"));
    }
    // All at once: a new minimum may not fit the old start.
    Some(format!(
        "alter sequence {name} {};",
        create::sequence_options(baseline)?
    ))
}

/// Labels can be added, in their places, but neither removed nor moved.
fn labels(clone: Object<'_>, baseline: Object<'_>) -> Option<String> {
    let (ours, theirs) = (
        clone.many(Property::Labels),
        baseline.many(Property::Labels),
    );
    let mut left = ours.iter().peekable();
    let mut previous: Option<&String> = None;
    let mut statements = Vec::new();
    let name = clone.key.qualified_name();
    for label in theirs {
        if left.next_if(|ours| *ours == label).is_none() {
            let place = match previous {
                Some(previous) => format!(" after {}", quote_literal(previous)),
                None => ours
                    .first()
                    .map(|first| format!(" before {}", quote_literal(first)))
                    .unwrap_or_default(),
            };
            statements.push(format!(
                "alter type {name} add value {}{place};",
                quote_literal(label)
            ));
        }
        previous = Some(label);
    }
    (left.peek().is_none() && !statements.is_empty()).then(|| statements.join("\n"))
}

fn domain(property: Property, clone: Object<'_>, baseline: Object<'_>) -> Option<String> {
    let name = clone.key.qualified_name();
    match property {
        Property::Default => Some(match baseline.text(Property::Default) {
            Some(default) => format!("alter domain {name} set default {default};"),
            None => format!("alter domain {name} drop default;"),
        }),
        Property::Nullability => Some(format!(
            "alter domain {name} {} not null;",
            if baseline.text(Property::Nullability) == Some("null") {
                "drop"
            } else {
                "set"
            }
        )),
        _ => None,
    }
}

fn policy(property: Property, clone: Object<'_>, baseline: Object<'_>) -> Option<String> {
    let alter = |clause: String| {
        Some(format!(
            "alter policy {} on {} {clause};",
            Ident(&clone.key.name),
            on_relation(clone)?
        ))
    };
    match (property, baseline.text(property)) {
        (Property::Roles, _) => alter(format!("to {}", baseline.many(Property::Roles).join(", "))),
        (Property::UsingExpression, Some(text)) => alter(format!("using ({text})")),
        (Property::CheckExpression, Some(text)) => alter(format!("with check ({text})")),
        _ => replace(clone, baseline),
    }
}

fn switch_words(state: &str) -> &'static str {
    match state {
        "disabled" => "disable",
        "enabled replica" => "enable replica",
        "enabled always" => "enable always",
        _ => "enable",
    }
}

/// Switches a trigger or a rule.
pub(super) fn switch(object: Object<'_>, state: &str) -> Option<String> {
    Some(format!(
        "alter {} {} {} {};",
        relation_of(object)?,
        switch_words(state),
        object.key.kind,
        Ident(&object.key.name)
    ))
}

fn extension(property: Property, clone: Object<'_>, baseline: Object<'_>) -> Option<String> {
    let name = Ident(&clone.key.name);
    let wanted = baseline.text(property)?;
    match property {
        Property::Schema => Some(format!(
            "alter extension {name} set schema {};",
            Ident(wanted)
        )),
        Property::Version => Some(format!(
            "alter extension {name} update to {};",
            quote_literal(wanted)
        )),
        _ => None,
    }
}
