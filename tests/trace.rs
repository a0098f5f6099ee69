//! The trace: what the server says of a migration, whichever tool ran it.

mod harness;

#[path = "trace/contention.rs"]
mod contention;
#[path = "trace/facts.rs"]
mod facts;
#[path = "trace/locks.rs"]
mod locks;
#[path = "trace/stalls.rs"]
mod stalls;
#[path = "trace/tools.rs"]
mod tools;

/// No rule judges what is only to be traced.
const NOT_JUDGED: &str = "rules: { schema-drift: off, index-blocks-writes: off, blocking-lock: off, \
    reads-stalled: off, writes-stalled: off, table-rewrite: off, mixed-ddl-and-backfill: off, \
    lock-held-across-statements: off, no-lock-timeout: off, irreversible-drop: off }";
