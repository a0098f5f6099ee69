//! Columns: added and altered.

use super::super::model::{Facts, Object};
use super::super::property::Property;
use super::target::{on_relation, relation_of};
use crate::text::Ident;

/// Adds a column, if its rows need no value that nobody knows.
pub(super) fn add(object: Object<'_>) -> Option<String> {
    let text = |property| object.text(property);
    if object.has(Property::Inherited) || object.has(Property::ForeignOptions) {
        return None;
    }
    let mut parts = vec![
        Ident(&object.key.name).to_string(),
        text(Property::ColumnType)?.to_owned(),
    ];
    if let Some(collation) = text(Property::Collation) {
        parts.push(format!("collate {collation}"));
    }
    if let Some(default) = text(Property::Default) {
        // The sequence of a serial column is not there either.
        if default == OWN_SEQUENCE {
            return None;
        }
        parts.push(format!("default {default}"));
    }
    if let Some(generated) = text(Property::Generated) {
        let (expression, storage) = generated.rsplit_once(' ')?;
        parts.push(format!("generated always as ({expression}) {storage}"));
    }
    if let Some(identity) = text(Property::Identity) {
        parts.push(format!("generated {identity} as identity"));
        parts.push(identity_options(text(Property::IdentityOptions)?, "("));
    }
    match text(Property::Nullability)? {
        "null" => {}
        "not null"
            if [Property::Default, Property::Generated, Property::Identity]
                .iter()
                .any(|source| object.has(*source)) =>
        {
            parts.push("not null".to_owned());
        }
        _ => return None,
    }
    let mut sql = format!(
        "alter {} add column {};",
        relation_of(object)?,
        parts.join(" ")
    );
    let nothing = Facts::new();
    let bare = Object {
        facts: &nothing,
        ..object
    };
    for property in [
        Property::Storage,
        Property::Compression,
        Property::StatisticsTarget,
        Property::ColumnOptions,
    ] {
        if object.has(property)
            && !(property == Property::Storage && object.has(Property::OwnStorage))
        {
            sql.push('\n');
            sql.push_str(&alter(property, bare, object)?);
        }
    }
    Some(sql)
}

/// What the query writes for the default of a serial column.
const OWN_SEQUENCE: &str = "nextval of the column's own sequence";

/// Alters a column of the clone's.
pub(super) fn change(
    property: Property,
    clone: Object<'_>,
    baseline: Object<'_>,
) -> Option<String> {
    // The type and what depends on it are the parent's to change.
    if clone.has(Property::Inherited)
        && matches!(property, Property::ColumnType | Property::Collation)
    {
        return None;
    }
    alter(property, clone, baseline)
}

fn alter(property: Property, clone: Object<'_>, baseline: Object<'_>) -> Option<String> {
    let wanted = baseline.text(property);
    let action = match property {
        Property::ColumnType => {
            let (ours, theirs) = (clone.text(property)?, wanted?);
            // A default of the old type may not be one of the new.
            if !converts(ours, theirs)
                || clone.has(Property::Generated)
                || clone.has(Property::Identity)
                || clone.text(Property::Default) == Some(OWN_SEQUENCE)
            {
                return None;
            }
            type_of(baseline)?
        }
        Property::Collation
            if clone.text(Property::ColumnType) == baseline.text(Property::ColumnType) =>
        {
            type_of(baseline)?
        }
        Property::Default => match wanted {
            Some(OWN_SEQUENCE) => return None,
            Some(default) => format!("set default {default}"),
            None => "drop default".to_owned(),
        },
        Property::Nullability => match (clone.text(property)?, wanted?) {
            ("null", "not null") => "set not null".to_owned(),
            ("not null", "null") => "drop not null".to_owned(),
            _ => return None,
        },
        Property::Generated if wanted.is_none() && clone.text(property)?.ends_with(" stored") => {
            "drop expression".to_owned()
        }
        Property::Identity => match (clone.text(property), wanted) {
            (Some(_), Some(kind)) => format!("set generated {kind}"),
            (Some(_), None) => "drop identity".to_owned(),
            (None, Some(kind)) => {
                let options = identity_options(baseline.text(Property::IdentityOptions)?, "(");
                format!("add generated {kind} as identity {options}")
            }
            (None, None) => return None,
        },
        Property::IdentityOptions => identity_options(wanted?, "set "),
        Property::Storage => format!("set storage {}", wanted?),
        Property::Compression => format!("set compression {}", wanted.unwrap_or("default")),
        Property::StatisticsTarget => format!("set statistics {}", wanted.unwrap_or("-1")),
        Property::ColumnOptions => {
            return super::relation::options(
                &format!(
                    "alter table {} alter column {}",
                    on_relation(clone)?,
                    Ident(&clone.key.name)
                ),
                property,
                clone,
                baseline,
            );
        }
        _ => return None,
    };
    Some(format!(
        "alter {} alter column {} {action};",
        relation_of(clone)?,
        Ident(&clone.key.name)
    ))
}

fn type_of(column: Object<'_>) -> Option<String> {
    let mut action = format!("type {}", column.text(Property::ColumnType)?);
    if let Some(collation) = column.text(Property::Collation) {
        action.push_str(&format!(" collate {collation}"));
    }
    Some(action)
}

/// Whether PostgreSQL converts by itself, and refuses rather than loses.
fn converts(from: &str, to: &str) -> bool {
    let family = |name: &str| match name.split('(').next().unwrap_or_default() {
        "text" | "character varying" => Some(0),
        "smallint" | "integer" | "bigint" => Some(1),
        _ => None,
    };
    match (family(from), family(to)) {
        (Some(from), Some(to)) => from == to,
        // Too large a number is refused, but too fine a one is rounded.
        _ => match (scale(from), scale(to)) {
            (Some(from), Some(to)) => from <= to,
            _ => false,
        },
    }
}

/// The scale of a numeric type, the highest number if it has no limit.
fn scale(name: &str) -> Option<i32> {
    let rest = name.strip_prefix("numeric")?;
    match rest
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    {
        Some(limits) => limits.split(',').nth(1)?.parse().ok(),
        None => rest.is_empty().then_some(i32::MAX),
    }
}

/// `start 1 increment 1 …` as the options of a sequence, `(…)` or each after `set`.
fn identity_options(text: &str, form: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let mut options = Vec::new();
    let mut rest = &words[..];
    while let [name, tail @ ..] = rest {
        let (option, tail) = match (*name, tail) {
            ("start", [value, tail @ ..]) => (format!("start with {value}"), tail),
            ("increment", [value, tail @ ..]) => (format!("increment by {value}"), tail),
            ("cycle", tail) => ("cycle".to_owned(), tail),
            (name, [value, tail @ ..]) => (format!("{name} {value}"), tail),
            (name, []) => (name.to_owned(), &[][..]),
        };
        options.push(option);
        rest = tail;
    }
    if form == "(" {
        format!("({})", options.join(" "))
    } else {
        options
            .iter()
            .map(|option| format!("{form}{option}"))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::{converts, identity_options};

    #[test]
    fn only_safe_conversions_are_offered() {
        assert!(converts("text", "character varying(40)"));
        assert!(converts("bigint", "integer"));
        assert!(converts("numeric(10,2)", "numeric"));
        assert!(converts("numeric(10,2)", "numeric(8,3)"));
        assert!(!converts("numeric(10,2)", "numeric(10,1)"));
        assert!(!converts("numeric", "numeric(10,2)"));
        assert!(!converts("text", "character(3)"));
        assert!(!converts("text", "integer"));
    }

    #[test]
    fn options_of_identity_columns() {
        let text = "start 1 increment 2 minvalue 1 maxvalue 9 cache 1 no cycle";
        assert_eq!(
            identity_options(text, "("),
            "(start with 1 increment by 2 minvalue 1 maxvalue 9 cache 1 no cycle)"
        );
        assert!(identity_options(text, "set ").ends_with("set cache 1 set no cycle"));
    }
}
