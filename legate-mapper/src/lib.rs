//! Mapping policies and the machine model.
#![deny(unsafe_code)]

mod bytes;
mod default;
mod document;
mod error;
mod logging;
pub mod machine;
mod named;
mod pattern;
pub mod policy;
mod random;
mod thresholds;

pub use default::DefaultMapper;
pub use error::{Error, Result};
pub use logging::LoggingMapper;
pub use machine::Machine;
pub use named::{by_name, register};
pub use policy::TomlMapper;
pub use random::RandomMapper;
pub use thresholds::Thresholds;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod testing;
