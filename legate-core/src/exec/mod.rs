//! From planned nodes to finished ones: instances, events, executors.

mod buffer;
pub use buffer::HostBuffer;
