//! Where a statement stands in the migration files.

use std::collections::HashMap;

use crate::text::sql;
use crate::verdict::Place;

/// The statements of the files, by their text with white space folded.
#[derive(Default)]
pub struct Places(HashMap<String, Place>);

impl Places {
    /// Learns a file. Of statements that are alike, the first one keeps its place.
    pub fn learn(&mut self, shown: &str, text: &str) {
        for statement in sql::statements(text) {
            self.0
                .entry(sql::folded(statement.text))
                .or_insert_with(|| Place {
                    file: shown.to_owned(),
                    line: Some(statement.first_line),
                });
        }
    }

    pub fn of(&self, statement: &str) -> Option<Place> {
        self.0.get(&sql::folded(statement)).cloned()
    }
}
