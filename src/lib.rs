//! pgrehearse
pub mod postgres;
pub mod process;
pub mod text;
