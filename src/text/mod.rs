//! Text that crosses a border: secrets, values of rows, and the grammars our words are put into.
//!
//! Everything that leaves this program (a log line, a report, a comment) passes one of these types,
//! so that a password or a row cannot follow it, and so that no text can break the grammar around it.

mod digest;
mod ident;
pub mod redact;
mod secret;
pub mod sql;
mod words;

pub use digest::{digits, sha256};
pub use ident::{Ident, QualifiedName, quote_literal};
pub use redact::{Mask, without_url_passwords};
pub use secret::Secret;
pub use words::{count_of, human_bytes, human_count, human_seconds, human_time, one_line};
