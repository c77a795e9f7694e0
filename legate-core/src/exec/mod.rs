//! From planned nodes to finished ones: memory, instances, events, executors.

pub(crate) mod action;
mod block;
mod buffer;
pub(crate) mod chunk;
pub(crate) mod copy;
mod event;
mod executor;
pub(crate) mod fold;
pub(crate) mod graph;
pub(crate) mod instance;
mod node;
pub(crate) mod point;
mod pool;
mod work;

pub use buffer::{HostBuffer, OutOfMemory};
pub(crate) use executor::{Executor, POLL};
pub(crate) use node::Node;
pub use pool::{BufferPool, PoolStats};
pub(crate) use work::Work;
