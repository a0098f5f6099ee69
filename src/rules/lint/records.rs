//! The rules of squawk 2.68, each under our level: what it is afraid of, its level, squawk's name,
//! what must hold, and what to do instead.
//!
//! `Warn` for what can hurt a service that runs; `Off` for style, and for what squawk itself does not
//! look at unless it is asked to.

use super::{Fear, Lint};
use crate::rules::Rule;
use crate::verdict::{Level, Stage};

macro_rules! records {
    ($($fear:ident $level:ident $name:literal: $summary:literal, $remedy:literal;)*) => {
        /// Every rule of the family. The alias `require-timeout-settings` finds nothing by itself.
        pub static ALL: &[Lint] = &[$(Lint {
            fear: Fear::$fear,
            rule: Rule {
                id: concat!("lint/", $name),
                stage: Stage::Preflight,
                level: Level::$level,
                limit: None,
                summary: $summary,
                effect: Fear::$fear.effect(),
                remedy: $remedy,
                judge: |_, _| Vec::new(),
            },
        }),*];
    };
}

records! {
    Lock Warn "adding-field-with-default":
        "no column is added with a default that every row must be given at once",
        "add the column without the default, set the default, then fill the old rows in batches";
    Lock Warn "adding-foreign-key-constraint":
        "no foreign key is checked against all rows while writes to both tables wait",
        "add it `not valid`, and validate it in a later transaction";
    Lock Warn "adding-not-nullable-field":
        "no column becomes NOT NULL by reading the whole table under a lock",
        "add a check `… is not null` as `not valid`, validate it, set NOT NULL, drop the check";
    Lock Warn "adding-serial-primary-key-field":
        "no primary key is built while reads and writes wait",
        "build a unique index concurrently, then add the key `using index`";
    Lock Warn "ban-alter-domain-with-add-constraint":
        "no constraint is added to a domain, which reads every table that uses it",
        "put the constraint on the tables, `not valid` first";
    Lock Warn "changing-column-type":
        "no column changes its type, which may write the table anew",
        "add a new column, fill it in batches, and let the application change over";
    Lock Warn "constraint-missing-not-valid":
        "no constraint is checked against all rows while writes wait",
        "add it `not valid`, and validate it in a later transaction";
    Lock Warn "disallowed-unique-constraint":
        "no unique constraint builds its index while reads and writes wait",
        "build a unique index concurrently, then add the constraint `using index`";
    Lock Warn "require-concurrent-index-creation":
        "an index is built with CONCURRENTLY",
        "write `create index concurrently`, alone in its file";
    Lock Warn "require-concurrent-index-deletion":
        "an index is dropped with CONCURRENTLY",
        "write `drop index concurrently`, alone in its file";
    Lock Warn "require-concurrent-partition-detach":
        "a partition is detached with CONCURRENTLY",
        "write `detach partition … concurrently`, alone in its file";
    Lock Warn "require-concurrent-reindex":
        "an index is rebuilt with CONCURRENTLY",
        "write `reindex … concurrently`, alone in its file";
    Lock Off "prefer-repack":
        "no table is written anew by VACUUM FULL or CLUSTER (PostgreSQL 19 and later)",
        "write `repack (concurrently)`";
    Timeout Off "require-lock-timeout":
        "a statement that needs a lock has a `lock_timeout`",
        "set `lock_timeout` to a few seconds before it and try again later, or set it for every session by `migrations.timeouts.lock`";
    Timeout Off "require-statement-timeout":
        "a statement that may be slow has a `statement_timeout`",
        "set `statement_timeout` before it, or for every session by `migrations.timeouts.statement`";
    Code Warn "adding-required-field":
        "no column is added that old code must fill and does not know",
        "add it with a default, or let it be NULL until all code fills it";
    Code Warn "ban-alter-identity":
        "no column becomes an identity column or stops being one",
        "change it in a release of its own, after all code leaves the column out";
    Code Warn "ban-drop-column":
        "no column is dropped that running code may name",
        "drop it in a later release, when no running code names it";
    Code Warn "ban-drop-constraint":
        "no constraint is dropped that running code may rely on",
        "drop it when no running code relies on it";
    Code Warn "ban-drop-database":
        "no database is dropped",
        "drop a database by hand, never in a migration";
    Code Warn "ban-drop-default":
        "no default is dropped that running code may leave a column to",
        "drop it in a later release, when all code fills the column";
    Code Warn "ban-drop-domain":
        "no domain is dropped that running code may name",
        "drop it in a later release, when no running code names it";
    Code Warn "ban-drop-extension":
        "no extension is dropped with the functions and types that running code may use",
        "drop it in a later release, when no running code uses it";
    Code Warn "ban-drop-function":
        "no function is dropped that running code may call",
        "drop it in a later release, when no running code calls it";
    Code Warn "ban-drop-generated-expression":
        "no column stops being generated while running code leaves it out",
        "let all code fill the column first";
    Code Warn "ban-drop-not-null":
        "no column that running code reads as NOT NULL may become NULL",
        "let all code read NULL first";
    Code Warn "ban-drop-schema":
        "no schema is dropped with what running code may name in it",
        "drop it in a later release, when no running code names it";
    Code Warn "ban-drop-sequence":
        "no sequence is dropped that running code may draw from",
        "drop it in a later release, when no running code draws from it";
    Code Warn "ban-drop-table":
        "no table is dropped that running code may name",
        "drop it in a later release, when no running code names it";
    Code Warn "ban-drop-type":
        "no type, operator or cast is dropped that running code may use",
        "drop it in a later release, when no running code uses it";
    Code Warn "ban-drop-view":
        "no view is dropped that running code may read",
        "drop it in a later release, when no running code reads it";
    Code Warn "ban-set-schema":
        "nothing moves to another schema while running code looks for it in the old one",
        "leave a view with the old name, or change the code first";
    Code Warn "ban-truncate-cascade":
        "no TRUNCATE empties tables that it does not name",
        "name each table that is to be emptied";
    Code Warn "renaming-column":
        "no column is renamed that running code may name",
        "add a new column, fill both, and drop the old one when no code names it";
    Code Warn "renaming-object":
        "nothing else is renamed that running code may name",
        "make it under the new name beside the old one";
    Code Warn "renaming-table":
        "no table is renamed that running code may name",
        "leave a view with the old name until no code names it";
    Code Off "ban-add-column":
        "no column is added to what running code reads with `select *` or fills by position",
        "let code name the columns it means";
    Code Off "ban-add-composite-attribute":
        "no attribute is added to a composite type that running code reads",
        "let code name the attributes it means";
    Code Off "ban-add-enum-value":
        "no value is added to an enumeration that running code knows",
        "let all code take the value first";
    Code Off "ban-alter-generated-expression":
        "no generated column changes what running code reads",
        "add a new column beside the old one";
    Code Off "ban-alter-sequence-values":
        "no sequence changes the numbers that it gives",
        "check that no number is given twice";
    Code Off "ban-detach-inheritance":
        "no partition or child leaves its parent while running code reads through it",
        "detach it when no running code reads its rows";
    Code Off "ban-disable-trigger":
        "no trigger, rule or row security is switched off",
        "leave it on, or do what it does in the same migration";
    Code Off "ban-drop-index":
        "no index is dropped that a query or a uniqueness may depend on",
        "look at `pg_stat_user_indexes` on every replica first";
    Code Off "ban-drop-trigger":
        "no trigger is dropped that does something for running code",
        "drop it when all code does it by itself";
    Code Off "ban-new-write-restriction":
        "no new constraint refuses what running code writes",
        "let all code keep to it first";
    Code Off "ban-replace-view-function":
        "no view, function or trigger is replaced under running code",
        "make it under a new name beside the old one";
    Code Off "ban-replica-identity":
        "nothing changes what replication carries",
        "tell whoever subscribes first";
    Code Off "ban-set-default":
        "no default changes what running code leaves to it",
        "let all code fill the column first";
    Access Off "ban-alter-database-options":
        "no option of a database changes",
        "change it by hand, where it can be watched";
    Access Off "ban-alter-extension":
        "no extension is upgraded or changed",
        "do it in a migration of its own";
    Access Off "ban-alter-function-options":
        "no option of a function changes, such as SECURITY DEFINER",
        "replace the function whole, where a review sees it";
    Access Off "ban-alter-policy-condition":
        "no row security policy changes its condition",
        "add a policy beside it, then drop the old one";
    Access Off "ban-alter-policy-roles":
        "no row security policy changes its roles",
        "add a policy beside it, then drop the old one";
    Access Off "ban-alter-role-options":
        "no role changes what it may do or how it is set",
        "change roles where they are managed";
    Access Off "ban-alter-row-level-security":
        "row security is neither switched on nor off",
        "make the policies first, and test as the role that runs the application";
    Access Off "ban-alter-system-options":
        "no setting of the server changes",
        "change settings where they are managed";
    Access Off "ban-alter-view-options":
        "no option of a view changes, such as `security_invoker`",
        "replace the view whole, where a review sees it";
    Access Off "ban-create-policy":
        "no row security policy is made",
        "test as the role that runs the application";
    Access Off "ban-drop-policy":
        "no row security policy or rule is dropped",
        "make what takes its place first";
    Access Off "ban-revoke":
        "no privilege, owner or role is taken away",
        "look for who still uses it";
    Transaction Warn "ban-concurrent-index-creation-in-transaction":
        "nothing is built CONCURRENTLY inside a transaction",
        "put it alone in a file that runs outside a transaction";
    Transaction Warn "ban-duplicate-column-assignments":
        "no statement sets a column twice",
        "leave one of the assignments";
    Transaction Warn "ban-uncommitted-transaction":
        "no transaction that the file begins is left open",
        "end it with `commit`";
    Transaction Warn "transaction-nesting":
        "no BEGIN or COMMIT stands where a transaction is begun already, or none is",
        "leave transactions to the runner or to the file, not to both";
    Style Off "ban-char-field":
        "no column is of type `char`",
        "use `text`";
    Style Off "ban-create-domain-with-constraint":
        "no domain is made with a constraint, which is hard to change later",
        "put the constraint on the tables";
    Style Off "identifier-too-long":
        "no name is longer than 63 bytes, after which it is cut",
        "choose a shorter name";
    Style Off "prefer-bigint-over-int":
        "no column is of type `integer`, which ends at 2 billion",
        "use `bigint`";
    Style Off "prefer-bigint-over-smallint":
        "no column is of type `smallint`, which ends at 32 thousand",
        "use `bigint`";
    Style Off "prefer-identity":
        "no column is of type `serial`",
        "use `generated by default as identity`";
    Style Off "prefer-robust-stmts":
        "every statement can be run again after the file broke off",
        "write `if exists` or `if not exists`, or use one transaction";
    Style Off "prefer-text-field":
        "no column is of type `varchar(n)`",
        "use `text` with a check";
    Style Off "prefer-timestamp-tz":
        "no column is of type `timestamp`, which has no time zone",
        "use `timestamptz`";
    Style Off "require-enum-value-ordering":
        "a new value of an enumeration says where it stands",
        "write `before` or `after`";
    Style Off "require-table-schema":
        "every table is named with its schema",
        "write `schema.table`";
    Style Off "unused-ignore":
        "no comment ignores a rule that squawk does not have",
        "mend the name in the comment";
}
