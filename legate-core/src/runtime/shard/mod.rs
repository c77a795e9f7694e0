//! One shard: it takes windows of operations through fuse, map, plan and into its execution graph.
//!
//! Everything that decides about communication is in [`crate::analysis`]; here instances are found or made, and each step of a plan becomes a node.
//! Within an operation a shard submits what it sends before what it receives, so that shards that wait for each other always find the message on its way.

mod attach;
mod fetch;
mod join;
mod launch;
mod moves;
mod points;
mod reshape;
mod residents;

use crate::analysis::version::States;
use crate::exec::graph::Graph;
use crate::id::{FieldId, ShardId};
use crate::mapping::{MachineView, Mapper};
use crate::operation::{Operation, Registry};
use crate::profile::Profiler;
use crate::runtime::fetched::FetchSlot;
use residents::Resident;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A part of the operation stream that is analysed as a whole.
#[derive(Default)]
pub(crate) struct Window {
    /// In program order.
    pub(crate) operations: Vec<Operation>,
    /// Fields whose last handle is gone, sorted. Later windows do not name them.
    pub(crate) dead: Vec<FieldId>,
    /// One for each [`Operation::Fetch`], in order.
    pub(crate) slots: Vec<Arc<FetchSlot>>,
}

/// What all shards of a process share.
pub(crate) struct Common {
    pub(crate) registry: Registry,
    pub(crate) mapper: Arc<dyn Mapper>,
    pub(crate) machine: MachineView,
    pub(crate) profiler: Arc<Profiler>,
    pub(crate) fuse: bool,
}

/// See the module's documentation.
pub(crate) struct Shard {
    me: ShardId,
    common: Arc<Common>,
    states: States,
    residents: BTreeMap<FieldId, Resident>,
    graph: Graph,
}
