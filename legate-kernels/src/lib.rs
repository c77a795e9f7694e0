//! kernels
pub mod dtype;
pub mod random;
