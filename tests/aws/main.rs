//! Clones at AWS, asked of moto's server: what is made, what it says of itself, and that nothing stays.

#[path = "../harness/mod.rs"]
mod harness;

mod cluster;
mod errors;
mod faults;
mod gate;
mod gate_cluster;
mod gate_provider;
mod identity;
mod instance;
mod kill;
mod list;
mod permissions;
mod plan;
mod provider;
mod refusals;
mod scene;
mod snapshot;
mod sweep;
mod tunnels;
