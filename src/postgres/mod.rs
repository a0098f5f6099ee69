//! PostgreSQL as a program: binaries, servers, sessions, and what the server says.
//!
//! The only folder that knows how the server is started, spoken to and read. It knows nothing of
//! stages, rules or policies.

pub mod archive;
pub mod binaries;
pub mod copy_text;
pub mod endpoint;
pub mod identity;
pub mod machine;
pub mod parallel;
mod quotes;
pub mod scratch;
pub mod server_error;
pub mod server_log;
pub mod session;
pub mod settings;
pub mod surroundings;
pub mod tables;
pub mod throwaway;
mod tls;
pub mod tools;

pub use binaries::{Binaries, Major};
pub use endpoint::Endpoint;
pub use server_error::ServerError;
pub use session::{QueryError, Session};
pub use throwaway::{ServerUser, Throwaway};
