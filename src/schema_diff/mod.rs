//! The schema-diff stage: the migrated clone beside a fresh install, and the comparison of any two
//! schemas behind it: read each catalogue once, compare by key, say it in words.
//!
//! Catalogues are compared, not text: no order of columns, options or grants, and no name that
//! PostgreSQL made up, is taken for drift.
//!
//! Not compared: rows and the current values of sequences, table spaces, subscriptions, security
//! labels, large objects, options of user mappings (secrets), settings of the database itself, the
//! names of 18's NOT NULL constraints, and whether an inherited column is the child's own as well.

mod acl;
mod baseline;
mod compare;
mod generated;
mod kind;
mod model;
mod pairing;
mod property;
mod read;
mod remedy;
mod stage;
mod wording;

use std::fmt;

use serde::Serialize;

use crate::text::QualifiedName;

pub use baseline::{Baseline, BaselineError, build as build_baseline};
pub use compare::compare;
pub use kind::ObjectKind;
pub use model::Catalog;
pub use read::{ReadError, read, read_source};
pub use stage::{Facts, StageError, run};

/// Whether owners, grants and default privileges are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privileges {
    Compare,
    Ignore,
}

/// Whether comments are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comments {
    Compare,
    Ignore,
}

/// How bodies of functions are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionBodies {
    Exact,
    IgnoreWhitespace,
}

/// Says of an object's name whether it is left out, with all that hangs on it.
///
/// A schema itself is asked for as `schema.*`.
pub type Ignore = Box<dyn Fn(&QualifiedName) -> bool + Send + Sync>;

/// What is compared, and how closely.
pub struct Options {
    pub privileges: Privileges,
    pub comments: Comments,
    pub function_bodies: FunctionBodies,
    pub ignore: Ignore,
    pub sides: Sides,
}

/// What the two schemas are called in sentences.
#[derive(Clone, Copy, Debug)]
pub struct Sides {
    pub clone: &'static str,
    pub baseline: &'static str,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            privileges: Privileges::Ignore,
            comments: Comments::Compare,
            function_bodies: FunctionBodies::Exact,
            ignore: Box::new(|_| false),
            sides: Sides {
                clone: "the clone",
                baseline: "the baseline",
            },
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("privileges", &self.privileges)
            .field("comments", &self.comments)
            .field("function_bodies", &self.function_bodies)
            .finish_non_exhaustive()
    }
}

/// All that differs, sorted, and what was seen but is no difference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SchemaDiff {
    pub differences: Vec<Difference>,
    /// Such as columns in another order.
    pub notes: Vec<String>,
}

/// On which side an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    OnlyInClone,
    OnlyInBaseline,
    Differs,
}

/// One thing that is not the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub kind: ObjectKind,
    /// `public.orders.note`, quoted where SQL needs it.
    pub object: String,
    pub change: Change,
    /// One sentence: "column type is `text`, the baseline has `character varying(40)`".
    pub what: String,
    pub clone: Option<String>,
    pub baseline: Option<String>,
    /// SQL that makes the clone like the baseline, where that is certain.
    pub remedy: Option<String>,
}

impl SchemaDiff {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.differences.is_empty()
    }

    /// The remedies in an order in which they can run: what hangs on others is dropped first, what
    /// others may stand on is dropped last.
    pub fn remedies(&self) -> Vec<&str> {
        let mut ordered: Vec<(u8, usize, &str)> = Vec::new();
        for (place, difference) in self.differences.iter().enumerate() {
            let Some(remedy) = &difference.remedy else {
                continue;
            };
            let last = self.differences.len();
            let references = difference
                .baseline
                .as_deref()
                .is_some_and(|text| text.starts_with("FOREIGN KEY"));
            ordered.push(match difference.change {
                // The list goes from what is stood on to what stands on it; drops go the other way.
                Change::OnlyInClone if difference.kind > ObjectKind::Transform => {
                    (0, last - place, remedy)
                }
                Change::OnlyInClone => (3, last - place, remedy),
                _ if references => (2, place, remedy),
                _ => (1, place, remedy),
            });
        }
        ordered.sort_by_key(|&(pass, place, _)| (pass, place));
        ordered.into_iter().map(|(_, _, remedy)| remedy).collect()
    }
}
