//! Mapping policies.
#![deny(unsafe_code)]

mod default;
mod thresholds;

pub use default::DefaultMapper;
pub use thresholds::Thresholds;

#[cfg(test)]
mod testing;
