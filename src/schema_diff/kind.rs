//! The kinds of objects that are compared.

use std::fmt;

use serde::{Serialize, Serializer};

/// What an object is, in PostgreSQL's own terms.
///
/// The order is the order of a report, and the one in which remedies can run: what others stand on
/// comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    Schema,
    Extension,
    AccessMethod,
    Language,
    Collation,
    Conversion,
    BaseType,
    EnumType,
    CompositeType,
    RangeType,
    Domain,
    ForeignDataWrapper,
    ForeignServer,
    UserMapping,
    TextSearchParser,
    TextSearchTemplate,
    TextSearchDictionary,
    TextSearchConfiguration,
    Sequence,
    Table,
    ForeignTable,
    Column,
    Function,
    Procedure,
    Aggregate,
    Operator,
    OperatorFamily,
    OperatorClass,
    Cast,
    Transform,
    Constraint,
    Index,
    View,
    MaterializedView,
    Statistics,
    Rule,
    Trigger,
    Policy,
    Publication,
    EventTrigger,
    DefaultPrivileges,
}

impl ObjectKind {
    const ALL: [(Self, &'static str); 41] = [
        (Self::Schema, "schema"),
        (Self::Extension, "extension"),
        (Self::AccessMethod, "access method"),
        (Self::Language, "language"),
        (Self::Collation, "collation"),
        (Self::Conversion, "conversion"),
        (Self::BaseType, "base type"),
        (Self::EnumType, "enum type"),
        (Self::CompositeType, "composite type"),
        (Self::RangeType, "range type"),
        (Self::Domain, "domain"),
        (Self::ForeignDataWrapper, "foreign-data wrapper"),
        (Self::ForeignServer, "foreign server"),
        (Self::UserMapping, "user mapping"),
        (Self::TextSearchParser, "text search parser"),
        (Self::TextSearchTemplate, "text search template"),
        (Self::TextSearchDictionary, "text search dictionary"),
        (Self::TextSearchConfiguration, "text search configuration"),
        (Self::Sequence, "sequence"),
        (Self::Table, "table"),
        (Self::ForeignTable, "foreign table"),
        (Self::Column, "column"),
        (Self::Function, "function"),
        (Self::Procedure, "procedure"),
        (Self::Aggregate, "aggregate"),
        (Self::Operator, "operator"),
        (Self::OperatorFamily, "operator family"),
        (Self::OperatorClass, "operator class"),
        (Self::Cast, "cast"),
        (Self::Transform, "transform"),
        (Self::Constraint, "constraint"),
        (Self::Index, "index"),
        (Self::View, "view"),
        (Self::MaterializedView, "materialized view"),
        (Self::Statistics, "statistics"),
        (Self::Rule, "rule"),
        (Self::Trigger, "trigger"),
        (Self::Policy, "policy"),
        (Self::Publication, "publication"),
        (Self::EventTrigger, "event trigger"),
        (Self::DefaultPrivileges, "default privileges"),
    ];

    /// PostgreSQL's term, as in `comment on <term>`.
    pub fn term(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("object", |(_, term)| term)
    }

    pub(super) fn from_term(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, term)| *term == text)
            .map(|(kind, _)| *kind)
    }

    /// Whether it is a query with a name.
    pub(super) fn is_view(self) -> bool {
        matches!(self, Self::View | Self::MaterializedView)
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.term())
    }
}

impl Serialize for ObjectKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.term())
    }
}
