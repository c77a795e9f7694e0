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

use crate::analysis::group::Group;
use crate::analysis::map::map_group;
use crate::analysis::plan::Recipient;
use crate::analysis::version::States;
use crate::exec::Executor;
use crate::exec::graph::Graph;
use crate::id::{FieldId, ShardId};
use crate::mapping::{MachineView, Mapper};
use crate::operation::{Operation, Registry};
use crate::profile::Profiler;
use crate::runtime::fetched::FetchSlot;
use launch::Body;
use residents::Resident;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
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

impl Shard {
    pub(crate) fn new(me: ShardId, common: Arc<Common>, graph: Graph) -> Shard {
        let states = States::new(common.machine.shards);
        Shard { me, common, states, residents: BTreeMap::new(), graph }
    }

    /// The graph, to wait for.
    pub(crate) fn executor(&self) -> &Executor {
        self.graph.executor()
    }

    /// Takes a window through all stages. Returns when its nodes are submitted, not when they have run.
    pub(crate) fn process(&mut self, window: &Window) {
        let begun = self.common.profiler.begin();
        let mut slots = window.slots.iter();
        let mut uses_left = UsesLeft::new(window);
        for (index, operation) in window.operations.iter().enumerate() {
            match operation {
                Operation::Launch(launch) => self.single(&window.operations, &Group::single(launch, index)),
                Operation::Create(create) => self.states.create(create),
                Operation::Attach(attach) => {
                    let Common { mapper, machine, .. } = &*self.common;
                    let pieces = self.states.plan_attach(attach.field, &**mapper, machine, self.me);
                    self.attach(attach, &pieces);
                }
                Operation::Reshape(reshape) => {
                    let plan = self.states.plan_reshape(reshape.src, reshape.dst, self.me);
                    self.reshape(reshape, &plan, uses_left.is_last(reshape.src));
                }
                Operation::Fetch(fetch) => {
                    let plan = self.states.plan_fetch(&fetch.src, Recipient::One(ShardId(0)), self.me);
                    self.fetch(fetch, &plan, slots.next());
                }
                Operation::Fence(_) => {}
            }
            uses_left.used(operation, |field| self.release_dead(field));
        }
        window.dead.iter().for_each(|field| self.release_dead(*field));
        self.graph.retire();
        self.graph.pool().end_window();
        self.common.profiler.end_stage(begun, self.me, "window");
    }

    fn single(&mut self, window: &[Operation], group: &Group) {
        let Common { registry, mapper, machine, .. } = &*self.common;
        let mapping = map_group(group, window, &self.states, registry, &**mapper, machine);
        let plan = self.states.plan_launch(group, &mapping, self.me);
        let Operation::Launch(launch) = &window[group.members[0].index] else { unreachable!("a group of launches") };
        let body = Body {
            task: registry.task(launch.task).clone(),
            args: launch.args.clone(),
            operands: (0..group.operands.len()).collect(),
            provenance: launch.provenance.clone(),
        };
        self.launch(group, &plan, body);
    }

    fn release_dead(&mut self, field: FieldId) {
        self.release(field);
        self.states.remove(field);
    }
}

/// How many operations of a window still name each field that is dead when the window ends.
struct UsesLeft(BTreeMap<FieldId, usize>);

impl UsesLeft {
    fn new(window: &Window) -> UsesLeft {
        let mut left: BTreeMap<FieldId, usize> = window.dead.iter().map(|field| (*field, 0)).collect();
        if !left.is_empty() {
            for operation in &window.operations {
                for_each_field(operation, |field| {
                    left.entry(field).and_modify(|count| *count += 1);
                });
            }
        }
        UsesLeft(left)
    }
    /// Whether the operation at hand is the last one that names this dead field.
    fn is_last(&self, field: FieldId) -> bool {
        self.0.get(&field) == Some(&1)
    }
    fn used(&mut self, operation: &Operation, mut last: impl FnMut(FieldId)) {
        if self.0.is_empty() {
            return;
        }
        for_each_field(operation, |field| {
            if let Entry::Occupied(mut left) = self.0.entry(field) {
                *left.get_mut() -= 1;
                if *left.get() == 0 {
                    left.remove();
                    last(field);
                }
            }
        });
    }
}

/// Each field that an operation names, as often as it does.
fn for_each_field(operation: &Operation, mut call: impl FnMut(FieldId)) {
    match operation {
        Operation::Create(create) => call(create.field),
        Operation::Attach(attach) => call(attach.field),
        Operation::Launch(launch) => launch.operands.iter().for_each(|operand| call(operand.field)),
        Operation::Reshape(reshape) => [reshape.src, reshape.dst].into_iter().for_each(call),
        Operation::Fetch(fetch) => call(fetch.src.field),
        Operation::Fence(_) => {}
    }
}
