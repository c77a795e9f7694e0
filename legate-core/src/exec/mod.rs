//! From planned nodes to finished ones: memory, instances, events, executors.

mod block;
mod buffer;
mod pool;

pub use buffer::{HostBuffer, OutOfMemory};
pub use pool::{BufferPool, PoolStats};
