//! pgrehearse rehearses a PostgreSQL migration on a clone of production and answers one question:
//! go or no-go?
//!
//! ```text
//!  pgrehearse.yml ─ policy ─┐
//!  what was typed ─ cli ────┤
//!                           └─ pipeline ─ preflight → clone → restore → migrate → verify → schema-diff → smoke-ingest
//!                                           │ facts                                                      │
//!                                           └───────────► rules judge ► verdict decides ► report ◄───────┘
//!                                                                                        │
//!                                                                                        └► github
//!                                   cleanup: always, whatever happened
//! ```
//!
//! Stages observe and return facts, rules judge facts, reports word what was judged. Arrows point
//! one way: `postgres` and `process` know nothing of stages; stages know nothing of the pipeline;
//! rules do no I/O; reports see the verdict's types only; what is told on GitHub comes ready.

pub mod change;
pub mod cli;
pub mod context;
pub mod fingerprint;
pub mod pipeline;
pub mod policy;
pub mod progress;
pub mod sweep;
pub mod target;

pub mod clone;
pub mod migrate;
pub mod preflight;
pub mod restore;
pub mod schema_diff;
pub mod smoke_ingest;
pub mod trace;
pub mod verify;

pub mod github;
pub mod report;
pub mod rules;
pub mod verdict;

pub mod cloud;
pub mod container;
pub mod git;
pub mod postgres;
pub mod process;
pub mod text;
