//! GitHub: the job that we run in, and what is told there of a rehearsal.

pub mod event;
