//! Clones at AWS, asked of moto's server: what is made, what it says of itself, and that nothing stays.

#[path = "../harness/mod.rs"]
mod harness;

mod cluster;
mod errors;
mod faults;
mod gate;
mod identity;
mod kill;
mod list;
mod permissions;
mod scene;
mod snapshot;
mod sweep;
mod tunnels;
