//! What the gate does when something goes wrong around it: the right exit code, a report that says
//! so, and nothing left behind.

#[path = "../harness/mod.rs"]
mod harness;

mod disk;
mod dumps;
mod hung;
mod interrupted;
mod killed;
mod outputs;
mod server;
mod source;

/// Runs until somebody ends it; no session of the gate's own does a `DO` meanwhile.
const HANGS: &str = "do $$ begin perform pg_sleep(600); end $$;";

/// A server's process that runs [`HANGS`], by its title.
const HANGING: &str = " DO";
