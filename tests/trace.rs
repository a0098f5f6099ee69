//! The trace: what the server says of a migration, whichever tool ran it.

mod harness;

#[path = "trace/facts.rs"]
mod facts;
#[path = "trace/locks.rs"]
mod locks;
#[path = "trace/stalls.rs"]
mod stalls;
#[path = "trace/tools.rs"]
mod tools;
