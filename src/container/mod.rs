//! Docker: the only part that speaks to its daemon. A user's command is run in a sibling of the gate,
//! a container of the user's image that reaches the clone and nothing else.
//!
//! [`Found`] is what is there; [`Site`] is what the run made, and removes with itself; [`Site::run`]
//! is one command. Everything that is made carries labels, by which the guard, the step
//! after the job and a later run find what a killed run left.

mod client;
mod error;
mod hidden;
mod image;
mod leftover;
pub mod listing;
mod name;
mod network;
mod own;
mod owner;
mod place;
mod sibling;
mod site;
mod workspace;

pub use client::{SOCKET, socket};
pub use error::ContainerError;
pub use hidden::Replaced;
pub use image::{Image, identify};
pub use leftover::{Stopped, remove_run, stop};
pub use name::ImageName;
pub use network::Listening;
pub use own::{is_container, own_container};
pub use sibling::Work;
pub use site::{Found, Site, Wanted};
