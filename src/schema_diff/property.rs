//! The facts that make up an object's definition, and what each counts for.

/// What a fact is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Part of the definition.
    Compared,
    /// A set: the order in which the catalogue keeps it means nothing.
    ComparedAsSet,
    /// Compared if owners and grants are.
    Privilege,
    /// Compared if comments are.
    Comment,
    /// Only there to decide something else by.
    Hidden,
}

macro_rules! properties {
    ($($name:ident, $key:literal, $term:literal, $use:ident;)*) => {
        /// One fact of an object.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Property { $($name,)* }

        impl Property {
            /// From the name that the queries give it.
            pub(super) fn from_key(key: &str) -> Option<Self> {
                match key { $($key => Some(Self::$name),)* _ => None }
            }

            /// What it is called in a sentence.
            pub(super) fn term(self) -> &'static str {
                match self { $(Self::$name => $term,)* }
            }

            pub(super) fn used(self) -> Use {
                match self { $(Self::$name => Use::$use,)* }
            }
        }
    };
}

// The order is the one in which an object's differences are listed, and in which remedies can run:
// a default must be of the column's new type.
properties! {
    // Tables and views.
    TableKind, "table_kind", "kind of table", Compared;
    PartitionKey, "partition_key", "partition key", Compared;
    PartitionOf, "partition_of", "partitioned table", Compared;
    PartitionBound, "partition_bound", "partition bound", Compared;
    Detachment, "detachment", "detachment", Compared;
    Inherits, "inherits", "list of parent tables", Compared;
    RowType, "row_type", "row type", Compared;
    Persistence, "persistence", "persistence", Compared;
    AccessMethod, "access_method", "access method", Compared;
    RowSecurity, "row_security", "row-level security", Compared;
    ForcedRowSecurity, "forced_row_security", "row-level security of the owner", Compared;
    ReplicaIdentity, "replica_identity", "replica identity", Compared;
    StorageParameters, "storage_parameters", "storage parameters", ComparedAsSet;
    ViewOptions, "view_options", "view options", ComparedAsSet;
    ForeignServer, "foreign_server", "foreign server", Compared;
    ForeignOptions, "foreign_options", "options", ComparedAsSet;
    Populated, "populated", "contents", Hidden;
    // Columns.
    ColumnType, "column_type", "column type", Compared;
    BaseType, "base_type", "base type", Compared;
    Collation, "collation", "collation", Compared;
    Default, "default", "default", Compared;
    Generated, "generated", "generation expression", Compared;
    Nullability, "nullability", "nullability", Compared;
    Identity, "identity", "identity", Compared;
    IdentityOptions, "identity_options", "identity sequence", Compared;
    Storage, "storage", "storage", Compared;
    OwnStorage, "own_storage", "storage", Hidden;
    Compression, "compression", "compression", Compared;
    StatisticsTarget, "statistics_target", "statistics target", Compared;
    ColumnOptions, "column_options", "attribute options", ComparedAsSet;
    Position, "position", "position", Hidden;
    Inherited, "inherited", "inheritance", Hidden;
    // Constraints and indexes.
    ConstraintType, "constraint_type", "constraint type", Compared;
    Validated, "validated", "validation", Compared;
    Enforcement, "enforcement", "enforcement", Compared;
    Deferrability, "deferrability", "deferrability", Compared;
    Validity, "validity", "validity of the index", Compared;
    Clustered, "clustered", "`cluster on` mark", Compared;
    ReplicaIdentityIndex, "replica_identity_index", "`replica identity` mark", Compared;
    OnDomain, "on_domain", "domain", Hidden;
    Partitioned, "partitioned", "partitioned", Hidden;
    // Sequences.
    DataType, "data_type", "data type", Compared;
    Increment, "increment", "increment", Compared;
    Minimum, "minimum", "minimum value", Compared;
    Maximum, "maximum", "maximum value", Compared;
    StartValue, "start_value", "start value", Compared;
    Cache, "cache", "cache", Compared;
    Cycle, "cycle", "cycle option", Compared;
    OwnedBy, "owned_by", "owning column", Compared;
    Parent, "parent", "parent", Hidden;
    // Functions.
    RoutineKind, "routine_kind", "kind of function", Compared;
    Arguments, "arguments", "argument list", Compared;
    Result, "result", "result type", Compared;
    Language, "language", "language", Compared;
    Volatility, "volatility", "volatility", Compared;
    Strictness, "strictness", "null handling", Compared;
    Security, "security", "security", Compared;
    ParallelSafety, "parallel_safety", "parallel safety", Compared;
    Leakproofness, "leakproofness", "leakproof property", Compared;
    Cost, "cost", "cost", Compared;
    Rows, "rows", "estimate of rows", Compared;
    Settings, "settings", "settings", ComparedAsSet;
    SupportFunction, "support_function", "support function", Compared;
    Transforms, "transforms", "list of transforms", Compared;
    Library, "library", "library", Compared;
    Body, "body", "body", Compared;
    CreateStatement, "create_statement", "statement", Hidden;
    // Types.
    Labels, "labels", "list of labels", Compared;
    Attributes, "attributes", "list of attributes", Compared;
    // Triggers, rules and policies.
    Command, "command", "command", Compared;
    Permissiveness, "permissiveness", "permissiveness", Compared;
    Roles, "roles", "set of roles", ComparedAsSet;
    UsingExpression, "using_expression", "`using` expression", Compared;
    CheckExpression, "check_expression", "`with check` expression", Compared;
    // Anything.
    Definition, "definition", "definition", Compared;
    Columns, "columns", "columns", Hidden;
    Schema, "schema", "schema", Compared;
    Version, "version", "version", Compared;
    Event, "event", "event", Compared;
    TriggerFunction, "trigger_function", "function", Compared;
    Tags, "tags", "set of tags", ComparedAsSet;
    Enabled, "enabled", "state", Compared;
    Members, "members", "set of members", ComparedAsSet;
    Owner, "owner", "owner", Privilege;
    OwnerFollows, "owner_follows", "owner", Hidden;
    Privileges, "privileges", "set of privileges", Privilege;
    IdentityPrivileges, "identity_privileges", "set of privileges of the identity sequence", Privilege;
    Comment, "comment", "comment", Comment;
}

impl Property {
    /// Whether it holds grants, in the form that `aclitem` is written in.
    pub(super) fn is_grants(self) -> bool {
        matches!(self, Self::Privileges | Self::IdentityPrivileges)
    }

    /// Whether it is a set, and a difference of it is told by its members.
    pub(super) fn is_set(self) -> bool {
        self.used() == Use::ComparedAsSet || self.is_grants()
    }
}
