//! Names that PostgreSQL makes up for constraints, indexes, sequences and statistics.

use super::kind::ObjectKind;
use super::model::Object;
use super::property::Property;

/// The longest name in bytes.
const LIMIT: usize = 63;

/// Whether PostgreSQL would give `object` its name if the user gave none.
pub(super) fn is_generated(object: Object<'_>) -> bool {
    let Some(parent) = object.parent() else {
        return false;
    };
    let columns: Vec<&str> = if object.key.kind == ObjectKind::Sequence {
        object.many(Property::Parent)[2..]
            .iter()
            .map(String::as_str)
            .collect()
    } else {
        object
            .many(Property::Columns)
            .iter()
            .map(String::as_str)
            .collect()
    };
    let (label, columns) = match (object.key.kind, object.text(Property::ConstraintType)) {
        (ObjectKind::Sequence, _) => ("seq", columns),
        (ObjectKind::Index, _) => ("idx", columns),
        (ObjectKind::Statistics, _) => ("stat", columns),
        (_, Some("primary key")) => ("pkey", Vec::new()),
        (_, Some("unique")) => ("key", columns),
        (_, Some("exclusion")) => ("excl", columns),
        (_, Some("foreign key")) => ("fkey", columns),
        // A check of several columns is named after the table alone.
        (_, Some("check")) if columns.len() == 1 => ("check", columns),
        (_, Some("check")) => ("check", Vec::new()),
        _ => return false,
    };
    let name = &object.key.name;
    let digits = name.len()
        - name
            .trim_end_matches(|digit: char| digit.is_ascii_digit())
            .len();
    let label = format!("{label}{}", &name[name.len() - digits..]);
    make_name(&parent.name, &columns.join("_"), &label) == *name
}

/// PostgreSQL's `makeObjectName`: the longer of the two names is cut until all fits.
fn make_name(table: &str, columns: &str, label: &str) -> String {
    let (mut table, mut columns) = (table, columns);
    let fixed = 1 + label.len() + usize::from(!columns.is_empty());
    let (mut table_room, mut columns_room) = (table.len(), columns.len());
    while table_room + columns_room > LIMIT.saturating_sub(fixed) {
        if table_room > columns_room {
            table_room -= 1;
        } else {
            columns_room -= 1;
        }
    }
    table = clip(table, table_room);
    columns = clip(columns, columns_room);
    if columns.is_empty() {
        format!("{table}_{label}")
    } else {
        format!("{table}_{columns}_{label}")
    }
}

/// At most `room` bytes of `text`, and no half character.
fn clip(text: &str, room: usize) -> &str {
    let mut end = room.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::make_name;

    #[test]
    fn names_are_cut_as_postgresql_cuts_them() {
        assert_eq!(make_name("orders", "a_b", "key1"), "orders_a_b_key1");
        assert_eq!(make_name("orders", "", "pkey"), "orders_pkey");
        // From a server: create table <60 a>(<60 b> int unique).
        assert_eq!(
            make_name(&"a".repeat(60), &"b".repeat(60), "key"),
            format!("{}_{}_key", "a".repeat(29), "b".repeat(29))
        );
    }
}
