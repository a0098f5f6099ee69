//! What became of each table's rows.
//!
//! A partitioned table is one table: rows may move between its partitions. A table that was made
//! anew under an old name (a conversion to partitions, a copy and swap) is compared by that name.

use std::collections::BTreeMap;

use super::Observation;
use crate::policy::RowsRule;
use crate::postgres::tables::Table;
use crate::text::QualifiedName;

/// A table whose number of rows is another than before.
#[derive(Clone, Debug, PartialEq)]
pub struct RowChange {
    /// Its name before the migration.
    pub table: QualifiedName,
    pub before: u64,
    /// `None`: the table is gone.
    pub after: Option<u64>,
    /// What the policy says of it.
    pub rule: RowsRule,
}

/// The tables that had rows or have more now. New tables are nobody's loss.
pub fn compare(before: &Observation, after: &Observation) -> Vec<RowChange> {
    let (rows_before, rows_after) = (by_root(before), by_root(after));
    let mut changes: Vec<RowChange> = before
        .tables
        .iter()
        .filter(|table| table.root == table.oid)
        .filter_map(|table| {
            let had = rows_before.get(&table.oid).copied().unwrap_or(0);
            let has = rows_now(table, had, after, &rows_after);
            (has != Some(had) && !(has.is_none() && had == 0)).then(|| RowChange {
                table: table.name.clone(),
                before: had,
                after: has,
                rule: RowsRule::default(),
            })
        })
        .collect();
    changes.sort_by(|a, b| a.table.cmp(&b.table));
    changes
}

/// Rows by the OID of the table or, for partitions, of the table they are part of.
fn by_root(observation: &Observation) -> BTreeMap<u32, u64> {
    let mut rows = BTreeMap::new();
    for table in &observation.tables {
        *rows.entry(table.root).or_insert(0) +=
            observation.rows.get(&table.oid).copied().unwrap_or(0);
    }
    rows
}

/// The table that has the name is the one that is read, whatever it was made from; a table that
/// was renamed is found by its OID.
fn rows_now(
    table: &Table,
    had: u64,
    after: &Observation,
    by_root: &BTreeMap<u32, u64>,
) -> Option<u64> {
    let same = after.table(&table.name).or_else(|| {
        after
            .tables
            .iter()
            .find(|candidate| candidate.oid == table.oid)
    })?;
    let of_all = by_root.get(&same.root).copied().unwrap_or(0);
    if same.root == same.oid {
        return Some(of_all);
    }
    // It has become a partition of another table, which may have taken rows from it.
    let own = after.rows.get(&same.oid).copied().unwrap_or(0);
    Some(if own == had || of_all != had {
        own
    } else {
        of_all
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::tables::TableKind;

    /// `(oid, root, name, rows)`; a table without rows of its own is partitioned.
    fn seen(tables: &[(u32, u32, &str, Option<u64>)]) -> Observation {
        Observation {
            tables: tables
                .iter()
                .map(|&(oid, root, name, rows)| Table {
                    oid,
                    root,
                    name: QualifiedName::new("public", name),
                    kind: if rows.is_some() {
                        TableKind::Ordinary
                    } else {
                        TableKind::Partitioned
                    },
                    bytes: 0,
                })
                .collect(),
            rows: tables
                .iter()
                .filter_map(|&(oid, _, _, rows)| Some((oid, rows?)))
                .collect(),
            ..Observation::default()
        }
    }

    fn changes(before: &Observation, after: &Observation) -> Vec<(String, u64, Option<u64>)> {
        compare(before, after)
            .into_iter()
            .map(|change| (change.table.name, change.before, change.after))
            .collect()
    }

    #[test]
    fn a_loss_is_seen_whatever_the_table_is_called_now() {
        let before = seen(&[(1, 1, "orders", Some(10)), (2, 2, "notes", Some(5))]);
        let after = seen(&[(1, 1, "purchases", Some(9)), (3, 3, "extra", Some(7))]);
        assert_eq!(
            changes(&before, &after),
            [("notes".into(), 5, None), ("orders".into(), 10, Some(9))]
        );
    }

    #[test]
    fn a_swapped_in_table_is_the_one_that_is_read() {
        let before = seen(&[(1, 1, "orders", Some(10)), (2, 2, "notes", Some(5))]);
        let after = seen(&[
            (1, 1, "orders_old", Some(10)),
            (3, 3, "orders", Some(9)),
            // All rows of `notes` moved to another partition of a table of its name.
            (4, 4, "notes", None),
            (2, 4, "notes_legacy", Some(0)),
            (5, 4, "notes_1", Some(5)),
        ]);
        assert_eq!(changes(&before, &after), [("orders".into(), 10, Some(9))]);
    }

    #[test]
    fn moves_and_renames_are_no_loss() {
        let before = seen(&[
            (1, 1, "events", None),
            (2, 1, "events_a", Some(4)),
            (3, 1, "events_b", Some(1)),
            (5, 5, "orders", Some(8)),
            (6, 6, "empty", Some(0)),
            (7, 7, "items", Some(3)),
        ]);
        let after = seen(&[
            (1, 1, "events", None),
            (2, 1, "events_a", Some(2)),
            (3, 1, "events_b", Some(3)),
            // `orders` was made a partitioned table by copying.
            (8, 8, "orders", None),
            (9, 8, "orders_old", Some(8)),
            // `items` became a partition of a new table.
            (10, 10, "items", None),
            (7, 10, "items_all", Some(3)),
        ]);
        assert_eq!(changes(&before, &after), []);
    }
}
