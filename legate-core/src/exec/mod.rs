//! From planned nodes to finished ones.
//!
//! **Memory**: a [`HostBuffer`] is aligned memory, a [`BufferPool`] recycles it, an `instance` gives it the shape of a field's rectangle,
//! `copy` moves boxes of elements between instances, messages and the front end's arrays.
//!
//! **Graph**: `graph` turns what nodes say they use into edges (the tracker of [`crate::analysis::dependence`]), `node` and `event` are
//! their lives, `executor` runs what may run with the help of `workers`, `work` is what they do: a `point` task cut into the `chunk`s of which some need a
//! `fold`, or one of the simple `action`s.
//!
//! # Claim
//! Nodes reach memory through raw pointers, at the same time on many threads. No two that conflict run at once. *Why it holds:* a node
//! records each rectangle of an instance that it reads or writes before it is submitted; the tracker gives an
//! edge for each conflict with an earlier node; a node runs when all its edges have ended. Elements of one node's chunks are disjoint, which the check of each
//! launch makes sure of (`runtime::check`). Bounds are asserted whenever a pointer into an instance is made. *What checks it:* the tracker's oracle,
//! the executor on random graphs, random programs on both executors.

pub(crate) mod action;
mod block;
mod buffer;
pub(crate) mod chunk;
pub(crate) mod copy;
mod event;
mod executor;
pub(crate) mod fold;
pub(crate) mod graph;
pub(crate) mod indirect;
pub(crate) mod instance;
mod node;
pub(crate) mod point;
mod pool;
pub(crate) mod rows;
mod small;
mod work;
mod workers;

pub use buffer::{HostBuffer, OutOfMemory};
pub(crate) use executor::{Executor, Helped, POLL, panic_message};
pub(crate) use node::Node;
pub use pool::{BufferPool, PoolStats};
pub(crate) use work::Work;
pub(crate) use workers::{Crew, Workers};
