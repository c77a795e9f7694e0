//! A distributed runtime in the manner of Legion.
pub mod analysis;
pub mod error;
pub mod exec;
pub mod geometry;
pub mod id;
pub mod mapping;
pub mod operation;
pub mod profile;
pub mod region;
pub mod runtime;
pub mod store;
mod sync;
pub mod transport;

pub use error::{Error, FailureKind, FailureReport, Provenance, Result, TaskFailure};
