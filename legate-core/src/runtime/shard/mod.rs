//! One shard: it takes windows of operations through fuse, map, plan and into its execution graph.
//!
//! Everything that decides about communication is in [`crate::analysis`]; here instances are found or made, and each step of a plan becomes a node.
//! Within an operation a shard submits what it sends before what it receives, so that shards that wait for each other always find the message on its way.

mod attach;
mod fetch;
mod indirect;
mod join;
mod launch;
mod moves;
mod points;
mod record;
mod reshape;
mod residents;
mod reuse;
mod rows;
mod stages;

use crate::analysis::fuse::{self, Step};
use crate::analysis::plan::Recipient;
use crate::analysis::replay::{Memory, Scan};
use crate::analysis::version::States;
use crate::exec::graph::Graph;
use crate::exec::{Executor, HostBuffer};
use crate::id::{FieldId, ShardId};
use crate::mapping::{MachineView, Mapper};
use crate::operation::{Operation, Registry};
use crate::profile::Profiler;
use crate::runtime::Replay;
use crate::runtime::fetched::FetchSlot;
use residents::{Halos, Resident};
use rows::BLOCK_BYTES;
use stages::Taken;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A part of the operation stream that is analysed as a whole.
#[derive(Default)]
pub(crate) struct Window {
    /// In program order.
    pub(crate) operations: Vec<Operation>,
    /// Fields whose last handle is gone, sorted. Later windows do not name them.
    pub(crate) dead: Vec<FieldId>,
    /// Of each operation what it does, as a number.
    pub(crate) fingerprints: Vec<u64>,
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
    pub(crate) replay: Replay,
    /// Whether each shard has a front end of its own, which waits for values.
    pub(crate) replicated: bool,
    /// Whether what was planned is done.
    pub(crate) acts: bool,
}

/// See the module's documentation.
pub(crate) struct Shard {
    me: ShardId,
    common: Arc<Common>,
    states: States,
    residents: BTreeMap<FieldId, Box<Resident>>,
    halos: Halos,
    graph: Graph,
    row_block_bytes: u64,
    scan: Scan,
    memory: Memory<Taken>,
}

impl Shard {
    pub(crate) fn new(me: ShardId, common: Arc<Common>, graph: Graph) -> Shard {
        let states = States::new(common.machine.shards);
        let wish = common.mapper.tunable("row_block_bytes");
        let row_block_bytes = wish.map_or(BLOCK_BYTES, |bytes| bytes.max(1) as u64);
        let (residents, halos, scan, memory) = Default::default();
        Shard { me, common, states, residents, halos, graph, row_block_bytes, scan, memory }
    }

    /// The graph, to wait for.
    pub(crate) fn executor(&self) -> &Executor {
        self.graph.executor()
    }

    /// Takes a window through all stages. Returns when its nodes are submitted, not when they have run.
    pub(crate) fn process(&mut self, window: &Window) {
        for operation in &window.operations {
            if let Operation::Create(create) = operation {
                self.states.create(create);
            }
        }
        self.take_steps(window);
        let begun = self.common.profiler.begin();
        self.graph.retire();
        self.graph.pool().end_window();
        self.common.profiler.end_stage(begun, self.me, "retire");
    }

    /// Takes an operation that is no launch. `dies`: whether a field is not used again.
    fn single<'a>(
        &mut self,
        operation: &Operation,
        dies: impl Fn(FieldId) -> bool,
        slots: &mut impl Iterator<Item = &'a Arc<FetchSlot>>,
    ) {
        match operation {
            Operation::Attach(attach) => {
                let Common { mapper, machine, .. } = &*self.common;
                let pieces = self.states.plan_attach(attach.field, &**mapper, machine, self.me);
                if self.common.acts {
                    self.attach(attach, &pieces);
                }
            }
            Operation::Reshape(reshape) => {
                let plan = self.states.plan_reshape(reshape.src, reshape.dst, self.me);
                if self.common.acts {
                    self.reshape(reshape, &plan, dies(reshape.src));
                }
            }
            Operation::Indirect(copy) => {
                let Common { mapper, machine, .. } = &*self.common;
                let plan = self.states.plan_indirect(copy, &**mapper, machine, self.me);
                if self.common.acts {
                    self.indirect(copy, &plan);
                }
            }
            Operation::Fetch(fetch) => {
                let to = if self.common.replicated { Recipient::All } else { Recipient::One(ShardId(0)) };
                let plan = self.states.plan_fetch(&fetch.src, to, self.me);
                let slot = slots.next().filter(|_| to == Recipient::All || to == Recipient::One(self.me));
                if self.common.acts {
                    self.fetch(fetch, &plan, slot);
                } else if let Some(slot) = slot {
                    let bytes = fetch.src.shape.iter().product::<i64>() as usize * self.field(fetch.src.field).1;
                    slot.set(Ok(Arc::new(HostBuffer::zeroed(bytes))));
                }
            }
            Operation::Create(_) | Operation::Launch(_) | Operation::Fence(_) => {}
        }
    }

    fn release_dead(&mut self, field: FieldId) {
        self.release(field);
        self.states.remove(field);
    }
}

/// When the fields that are dead at the end of a window are used last.
struct Deaths {
    /// Sorted.
    dead: Vec<FieldId>,
    /// For each of `dead`, its last step.
    last: Vec<Option<usize>>,
}

impl Deaths {
    /// As they were for an earlier window of the same pattern. `last`: the last step of a field, by its number.
    fn recalled(window: &Window, scan: &Scan, last: &[Option<usize>]) -> Deaths {
        let last = |field: &FieldId| scan.known(*field).and_then(|number| last[number as usize]);
        Deaths { dead: window.dead.clone(), last: window.dead.iter().map(last).collect() }
    }
    fn new(steps: &[Step], window: &Window) -> Deaths {
        let dead = window.dead.clone();
        let uses = if dead.is_empty() { BTreeMap::new() } else { fuse::last_uses(steps, &window.operations) };
        let last = dead.iter().map(|field| uses.get(field).copied()).collect();
        Deaths { dead, last }
    }
    /// For each field of a scan, by its number: its last step, if it dies.
    fn by_number(&self, scan: &Scan) -> Vec<Option<usize>> {
        let last = |field: &FieldId| self.dead.binary_search(field).ok().and_then(|k| self.last[k]);
        scan.names().iter().map(last).collect()
    }
    /// Whether a field has a handle or is used after a step.
    fn outlives(&self, field: FieldId, step: usize) -> bool {
        self.dead.binary_search(&field).map_or(true, |k| self.last[k].is_some_and(|last| last > step))
    }
    /// Fields that are used last in a step.
    fn after(&self, step: usize) -> impl Iterator<Item = FieldId> {
        self.fields(move |last| last == Some(step))
    }
    /// Fields that are not used in the window.
    fn unused(&self) -> impl Iterator<Item = FieldId> {
        self.fields(|last| last.is_none())
    }
    fn fields(&self, which: impl Fn(Option<usize>) -> bool) -> impl Iterator<Item = FieldId> {
        self.dead.iter().zip(&self.last).filter(move |(_, last)| which(**last)).map(|(field, _)| *field)
    }
}
