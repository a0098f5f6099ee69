//! From two catalogues to what differs: a pure function.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use super::kind::ObjectKind;
use super::model::{Catalog, Key, Object, Value};
use super::pairing::{self, Names, Pair};
use super::property::{Property, Use};
use super::{
    Change, Comments, Difference, FunctionBodies, Options, Privileges, SchemaDiff, remedy, wording,
};
use crate::text::{Ident, QualifiedName};

/// Everything in which `clone` is not like `baseline`.
pub fn compare(clone: &Catalog, baseline: &Catalog, options: &Options) -> SchemaDiff {
    let pairs = pairing::pair(clone, baseline, options);
    let mut comparison = Comparison {
        clone,
        baseline,
        options,
        differences: Vec::new(),
        notes: BTreeSet::new(),
    };
    if clone.major != baseline.major {
        comparison.notes.insert(format!(
            "{} is on PostgreSQL {} and {} on {}: definitions may be spelt differently",
            options.sides.clone, clone.major, options.sides.baseline, baseline.major
        ));
    }
    for pair in &pairs {
        match *pair {
            Pair::Both {
                clone,
                baseline,
                names,
            } => comparison.both(clone, baseline, names),
            Pair::OnlyInClone(object) => comparison.only(object, Change::OnlyInClone),
            Pair::OnlyInBaseline(object) => comparison.only(object, Change::OnlyInBaseline),
        }
    }
    comparison.note_column_order(&pairs);
    let mut differences = comparison.differences;
    // Stable: the properties of one object stay in their own order.
    differences.sort_by(|a, b| (a.kind, &a.object).cmp(&(b.kind, &b.object)));
    SchemaDiff {
        differences,
        notes: comparison.notes.into_iter().collect(),
    }
}

struct Comparison<'a> {
    clone: &'a Catalog,
    baseline: &'a Catalog,
    options: &'a Options,
    differences: Vec<Difference>,
    notes: BTreeSet<String>,
}

impl Comparison<'_> {
    fn both(&mut self, clone: Object<'_>, baseline: Object<'_>, names: Names) {
        // Nearly everything, nearly always.
        if names == Names::Same && clone.facts == baseline.facts {
            return;
        }
        let kind = clone.key.kind;
        let object = clone.key.display();
        // A table here and a view there have been reported as such.
        if let Some(parent) = clone.parent()
            && kind_of(self.clone, &parent) != kind_of(self.baseline, &parent)
        {
            return;
        }
        match names {
            Names::Same => {}
            Names::Generated => {
                self.notes.insert(format!(
                    "{kind} `{object}` is named `{}` in {}; one of the names is PostgreSQL's own",
                    Ident(&baseline.key.name),
                    self.options.sides.baseline
                ));
            }
            Names::Chosen => self.differences.push(Difference {
                kind,
                object: object.clone(),
                change: Change::Differs,
                what: wording::named(
                    kind,
                    &clone.key.name,
                    &baseline.key.name,
                    self.options.sides,
                ),
                clone: Some(clone.key.name.clone()),
                baseline: Some(baseline.key.name.clone()),
                remedy: remedy::rename(clone, baseline),
            }),
        }
        if clone.text(Property::Populated) != baseline.text(Property::Populated) {
            self.notes.insert(format!(
                "materialized view `{object}` is populated on one side only"
            ));
        }
        let properties: BTreeSet<Property> = clone
            .facts
            .keys()
            .chain(baseline.facts.keys())
            .copied()
            .collect();
        for property in properties {
            if !self.matters(property)
                || self.same(kind, property, clone, baseline)
                || self.follows_from_another(property, clone, baseline)
            {
                continue;
            }
            let (ours, theirs) = (clone.facts.get(&property), baseline.facts.get(&property));
            let what = wording::differs(property, ours, theirs, self.options.sides);
            if kind == ObjectKind::Extension
                && property == Property::Version
                && self.across_majors()
            {
                self.notes.insert(format!("extension `{object}`: {what}"));
                continue;
            }
            self.differences.push(Difference {
                kind,
                object: object.clone(),
                change: Change::Differs,
                what,
                clone: ours.map(Value::to_text),
                baseline: theirs.map(Value::to_text),
                remedy: remedy::change(property, clone, baseline),
            });
        }
    }

    fn only(&mut self, object: Object<'_>, change: Change) {
        let (own, other) = match change {
            Change::OnlyInBaseline => (self.baseline, self.clone),
            _ => (self.clone, self.baseline),
        };
        let kind = object.key.kind;
        if kind == ObjectKind::DefaultPrivileges && self.options.privileges == Privileges::Ignore {
            return;
        }
        if self.goes_with_another(object, own, other) {
            return;
        }
        let (side, remedy) = match change {
            Change::OnlyInBaseline => (
                self.options.sides.baseline,
                remedy::missing(object, self.options, self.baseline),
            ),
            _ => (self.options.sides.clone, remedy::extra(object)),
        };
        let summary = wording::summary(object);
        let (clone, baseline) = match change {
            Change::OnlyInBaseline => (None, summary),
            _ => (summary, None),
        };
        self.differences.push(Difference {
            kind,
            object: object.key.display(),
            change,
            what: wording::only_in(kind, side, partitions_of(object, own)),
            clone,
            baseline,
            remedy,
        });
    }

    fn across_majors(&self) -> bool {
        self.clone.major != self.baseline.major
    }

    fn matters(&self, property: Property) -> bool {
        match property.used() {
            Use::Compared | Use::ComparedAsSet => true,
            Use::Privilege => self.options.privileges == Privileges::Compare,
            Use::Comment => self.options.comments == Comments::Compare,
            Use::Hidden => false,
        }
    }

    fn same(
        &self,
        kind: ObjectKind,
        property: Property,
        clone: Object<'_>,
        baseline: Object<'_>,
    ) -> bool {
        let (clone, baseline) = (clone.facts.get(&property), baseline.facts.get(&property));
        if clone == baseline {
            return true;
        }
        let (Some(clone), Some(baseline)) = (clone, baseline) else {
            return false;
        };
        if property == Property::Body
            && self.options.function_bodies == FunctionBodies::IgnoreWhitespace
        {
            return words(clone) == words(baseline);
        }
        if self.across_majors() {
            if property == Property::Definition && (kind.is_view() || kind == ObjectKind::Rule) {
                return without_qualifiers(&clone.to_text())
                    == without_qualifiers(&baseline.to_text());
            }
            if property.is_grants() {
                let known = |value: &Value| -> Vec<String> {
                    let members = value.members().iter();
                    // 17 is the first to have this privilege.
                    members
                        .filter(|grant| !grant.starts_with("maintain "))
                        .cloned()
                        .collect()
                };
                return known(clone) == known(baseline);
            }
        }
        false
    }

    /// Whether another difference that is reported says this one as well.
    fn follows_from_another(
        &self,
        property: Property,
        clone: Object<'_>,
        baseline: Object<'_>,
    ) -> bool {
        let differs = |other: Property| clone.facts.get(&other) != baseline.facts.get(&other);
        match property {
            Property::PartitionBound | Property::Inherits => differs(Property::PartitionOf),
            Property::IdentityOptions | Property::IdentityPrivileges => {
                clone.has(Property::Identity) != baseline.has(Property::Identity)
            }
            // An owned sequence is as persistent as its table.
            Property::Persistence => clone.has(Property::OwnerFollows),
            Property::Storage if differs(Property::ColumnType) => true,
            // What is not enforced is not validated either.
            Property::Validated if differs(Property::Enforcement) => true,
            _ if clone.has(Property::Inherited) => parents_own(clone, self.clone).any(|parent| {
                self.baseline.get(parent.key).is_some_and(|other| {
                    parent.facts.get(&property) == clone.facts.get(&property)
                        && other.facts.get(&property) == baseline.facts.get(&property)
                })
            }),
            _ => false,
        }
    }

    /// Whether `object` is missing because something is that is reported itself.
    fn goes_with_another(&mut self, object: Object<'_>, own: &Catalog, other: &Catalog) -> bool {
        let kind = object.key.kind;
        if kind == ObjectKind::Table
            && let Some(parent) = partitioned_table(object)
            && let Some(parent) = own.holder(&parent.schema, &parent.name)
        {
            return other.get(parent.key).is_none();
        }
        let Some(parent) = object.parent() else {
            return false;
        };
        let Some(own_parent) = own.holder(&parent.schema, &parent.name) else {
            return false;
        };
        let Some(other_parent) = other.get(own_parent.key) else {
            return true;
        };
        match kind {
            ObjectKind::Column => {
                own_parent.key.kind.is_view()
                    || parents_own(object, own).any(|parent| other.get(parent.key).is_none())
            }
            // It came and goes with its column.
            ObjectKind::Sequence => object.many(Property::Parent).get(2).is_some_and(|column| {
                other
                    .get(&Key {
                        relation: Some(parent.name.clone()),
                        ..Key::named(ObjectKind::Column, &parent.schema, column)
                    })
                    .is_none()
            }),
            ObjectKind::Constraint | ObjectKind::Index | ObjectKind::Trigger
                if [Property::PartitionOf, Property::Inherits]
                    .iter()
                    .any(|of| own_parent.facts.get(of) != other_parent.facts.get(of)) =>
            {
                self.notes.insert(format!(
                    "`{parent}` does not have the same parent on both sides: what only one side \
                     has of its constraints, indexes and triggers is not listed"
                ));
                true
            }
            // It came and goes with the partitioned table's.
            ObjectKind::Trigger => object.has(Property::Inherited),
            _ => false,
        }
    }

    fn note_column_order(&mut self, pairs: &[Pair<'_>]) {
        let mut orders: BTreeMap<QualifiedName, Vec<(u32, u32)>> = BTreeMap::new();
        for pair in pairs {
            if let Pair::Both {
                clone, baseline, ..
            } = pair
                && let (Some(table), Some(ours), Some(theirs)) =
                    (clone.parent(), position(*clone), position(*baseline))
            {
                orders.entry(table).or_default().push((ours, theirs));
            }
        }
        for (table, mut positions) in orders {
            positions.sort_unstable();
            if !positions.is_sorted_by_key(|&(_, theirs)| theirs) {
                self.notes.insert(format!(
                    "the columns of `{table}` are in another order than in {}",
                    self.options.sides.baseline
                ));
            }
        }
    }
}

/// The columns that `column` is inherited from, or the trigger that a partition's is a copy of.
fn parents_own<'c>(column: Object<'c>, catalog: &'c Catalog) -> impl Iterator<Item = Object<'c>> {
    let table = column
        .has(Property::Inherited)
        .then(|| column.parent())
        .flatten()
        .and_then(|name| catalog.holder(&name.schema, &name.name));
    let parents = table
        .into_iter()
        .flat_map(|table| {
            table
                .many(Property::Inherits)
                .iter()
                .map(String::as_str)
                .chain(table.text(Property::PartitionOf))
        })
        .filter_map(QualifiedName::parse);
    parents.filter_map(move |name| {
        catalog.get(&Key {
            schema: Some(name.schema),
            relation: Some(name.name),
            ..column.key.clone()
        })
    })
}

fn kind_of(catalog: &Catalog, name: &QualifiedName) -> Option<ObjectKind> {
    catalog
        .holder(&name.schema, &name.name)
        .map(|holder| holder.key.kind)
}

fn position(column: Object<'_>) -> Option<u32> {
    column.text(Property::Position)?.parse().ok()
}

fn partitioned_table(partition: Object<'_>) -> Option<QualifiedName> {
    QualifiedName::parse(partition.text(Property::PartitionOf)?)
}

fn partitions_of(table: Object<'_>, catalog: &Catalog) -> usize {
    if table.text(Property::TableKind) != Some("partitioned") {
        return 0;
    }
    let name = table.key.qualified_name();
    catalog
        .objects()
        .filter(|other| partitioned_table(*other).as_ref() == Some(&name))
        .count()
}

fn words(value: &Value) -> Vec<String> {
    value
        .to_text()
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

/// 16 stopped to write `table.` before a view's columns where it is not needed.
fn without_qualifiers(definition: &str) -> Cow<'_, str> {
    static QUALIFIER: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"(?:\b[A-Za-z_][A-Za-z0-9_$]*|"(?:[^"]|"")+")\."#).ok());
    match &*QUALIFIER {
        Some(qualifier) => qualifier.replace_all(definition, ""),
        None => Cow::Borrowed(definition),
    }
}
