//! Mapping policies and the machine model.
#![deny(unsafe_code)]

mod bytes;
mod default;
mod document;
mod error;
pub mod machine;
mod thresholds;

pub use default::DefaultMapper;
pub use error::{Error, Result};
pub use machine::Machine;
pub use thresholds::Thresholds;

#[cfg(test)]
mod testing;
