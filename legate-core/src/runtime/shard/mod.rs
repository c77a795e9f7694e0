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
mod record;
mod reshape;
mod residents;
mod rows;

use crate::analysis::fuse::{self, Step};
use crate::analysis::group::Group;
use crate::analysis::map::map_group;
use crate::analysis::plan::Recipient;
use crate::analysis::version::States;
use crate::exec::Executor;
use crate::exec::graph::Graph;
use crate::id::{FieldId, ShardId};
use crate::mapping::{MachineView, Mapper};
use crate::operation::{Operation, Registry};
use crate::profile::{Profiler, count};
use crate::runtime::fetched::FetchSlot;
use launch::Body;
use record::Reasons;
use residents::{Halos, Resident};
use rows::{BLOCK_BYTES, Planned};
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
    halos: Halos,
    graph: Graph,
    row_block_bytes: u64,
}

impl Shard {
    pub(crate) fn new(me: ShardId, common: Arc<Common>, graph: Graph) -> Shard {
        let states = States::new(common.machine.shards);
        let wish = common.mapper.tunable("row_block_bytes");
        let row_block_bytes = wish.map_or(BLOCK_BYTES, |bytes| bytes.max(1) as u64);
        Shard { me, common, states, residents: BTreeMap::new(), halos: Halos::default(), graph, row_block_bytes }
    }

    /// The graph, to wait for.
    pub(crate) fn executor(&self) -> &Executor {
        self.graph.executor()
    }

    /// Takes a window through all stages. Returns when its nodes are submitted, not when they have run.
    pub(crate) fn process(&mut self, window: &Window) {
        let begun = self.common.profiler.begin();
        let operations = &window.operations;
        for operation in operations {
            if let Operation::Create(create) = operation {
                self.states.create(create);
            }
        }
        let steps = fuse::steps(operations, &self.states, &self.common.registry, self.common.fuse);
        let deaths = Deaths::new(&steps, window);
        self.common.profiler.end_stage(begun, self.me, "fuse");
        let apart = self.explain(window);
        deaths.unused().for_each(|field| self.release_dead(field));
        let mut slots = window.slots.iter();
        let mut waiting: Vec<Planned<'_>> = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            match step {
                Step::Group(group) => {
                    let planned = self.plan(at, group, operations, |field| deaths.outlives(field, at), &apart);
                    if !self.may_join(&waiting, &planned) {
                        self.launch_waiting(&mut waiting, &deaths);
                    }
                    let waits = planned.rows.is_some();
                    waiting.push(planned);
                    if !waits {
                        self.launch_waiting(&mut waiting, &deaths);
                    }
                }
                Step::Single(index) => {
                    self.launch_waiting(&mut waiting, &deaths);
                    let dies = |field| !deaths.outlives(field, at);
                    self.single(&operations[*index], dies, &mut slots);
                    deaths.after(at).for_each(|field| self.release_dead(field));
                }
            }
        }
        self.launch_waiting(&mut waiting, &deaths);
        let begun = self.common.profiler.begin();
        self.graph.retire();
        self.graph.pool().end_window();
        self.common.profiler.end_stage(begun, self.me, "retire");
    }

    /// `live`: whether a field's values are wanted after this step. `apart`: for a report.
    fn plan<'a>(
        &mut self,
        step: usize,
        group: &'a Group,
        window: &[Operation],
        live: impl Fn(FieldId) -> bool,
        apart: &Reasons,
    ) -> Planned<'a> {
        let Common { registry, mapper, machine, profiler, .. } = &*self.common;
        let begun = profiler.begin();
        let mapping = map_group(group, window, &self.states, registry, &**mapper, machine);
        profiler.end_stage(begun, self.me, "map");
        let begun = profiler.begin();
        let plan = self.states.plan_launch(group, &mapping, self.me);
        profiler.end_stage(begun, self.me, "plan");
        let begun = profiler.begin();
        let bound = group.bind(live);
        let (task, args) = group.compose(&bound, window, registry);
        let first = group.launches(window).next().expect("a group has members");
        let body = Body {
            task: registry.task(task).clone(),
            args,
            operands: bound.operands.iter().copied().collect(),
            provenance: first.provenance.clone(),
            operation: first.id,
            dead: bound.dead,
        };
        if self.me == ShardId(0) {
            let members = group.members.len() as u64;
            count(&self.graph.counters().groups, 1);
            count(&self.graph.counters().fused, if members > 1 { members } else { 0 });
            profiler.record(|| self.record(group, window, &bound, apart));
        }
        let rows = self.rows(group, &plan, &body);
        self.common.profiler.end_stage(begun, self.me, "compose");
        Planned { step, group, plan, body, rows }
    }

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
                self.attach(attach, &pieces);
            }
            Operation::Reshape(reshape) => {
                let plan = self.states.plan_reshape(reshape.src, reshape.dst, self.me);
                self.reshape(reshape, &plan, dies(reshape.src));
            }
            Operation::Fetch(fetch) => {
                let plan = self.states.plan_fetch(&fetch.src, Recipient::One(ShardId(0)), self.me);
                self.fetch(fetch, &plan, slots.next().filter(|_| self.me == ShardId(0)));
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
    fn new(steps: &[Step], window: &Window) -> Deaths {
        let dead = window.dead.clone();
        let uses = if dead.is_empty() { BTreeMap::new() } else { fuse::last_uses(steps, &window.operations) };
        let last = dead.iter().map(|field| uses.get(field).copied()).collect();
        Deaths { dead, last }
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
