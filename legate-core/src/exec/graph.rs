//! The execution graph of one shard as it is built, in program order: nodes say what they use, edges follow.

use super::action::{Action, Name};
use super::block::LARGE;
use super::buffer::{HostBuffer, OutOfMemory};
use super::copy::{Copy, Side};
use super::executor::Executor;
use super::instance::{InstanceId, Memory, PhysicalInstance};
use super::node::{Edge, Node};
use super::pool::BufferPool;
use super::work::Work;
use crate::analysis::dependence::{Dependence, DependenceType, Tracker, Usage, simplify};
use crate::error::{FailureKind, Provenance, TaskFailure};
use crate::geometry::Rect;
use crate::id::ShardId;
use crate::profile::{Counters, count};
use crate::transport::{Payload, Transport};
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// See the module's documentation.
pub(crate) struct Graph {
    executor: Executor,
    transport: Arc<dyn Transport>,
    pool: Arc<BufferPool>,
    counters: Arc<Counters>,
    tracker: Tracker<InstanceId, u64>,
    /// Nodes that later ones may have to wait for, or learn a failure from.
    alive: BTreeMap<u64, Arc<Node>>,
    next_node: u64,
    next_instance: u64,
    /// Large memory, and its bytes, that goes back when the nodes in flight have ended.
    doomed: Vec<(u64, Weak<Memory>)>,
    /// Messages so far, per peer.
    sent: BTreeMap<ShardId, u64>,
    received: BTreeMap<ShardId, u64>,
    /// The allocation of the last node's edge list.
    edges: Vec<Dependence<u64>>,
    /// What stands for all nodes that ended well when they were submitted.
    done: Arc<Node>,
}

/// How many bytes a message is to have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Length {
    /// Another number means that the sender runs another program.
    Exactly(usize),
    /// As its contents say.
    About(usize),
}

impl Length {
    fn bytes(self) -> usize {
        match self {
            Length::Exactly(bytes) | Length::About(bytes) => bytes,
        }
    }
    fn check(self, found: usize, from: ShardId, by: &Provenance) -> Result<(), TaskFailure> {
        match self {
            Length::Exactly(bytes) if bytes != found => {
                let message =
                    format!("rank {from} has sent {found} bytes where {bytes} are due: it runs another program");
                Err(TaskFailure::new("receive", by, FailureKind::Divergence, message))
            }
            _ => Ok(()),
        }
    }
}

/// What a node that is about to be submitted must wait for.
#[derive(Debug)]
pub(crate) struct Uses {
    node: u64,
    edges: Vec<Dependence<u64>>,
    after: SmallVec<[(Arc<Node>, Edge); 4]>,
    poison: Option<TaskFailure>,
}

impl Uses {
    /// Waits for another node, and fails if it fails.
    pub(crate) fn after(&mut self, node: &Arc<Node>) {
        self.after.push((node.clone(), Edge::True));
    }
    /// Its results are lost already.
    pub(crate) fn poison(&mut self, failure: &TaskFailure) {
        if self.poison.as_ref().is_none_or(|kept| failure.key() < kept.key()) {
            self.poison = Some(failure.clone());
        }
    }
}

impl Graph {
    pub(crate) fn new(
        executor: Executor,
        transport: Arc<dyn Transport>,
        pool: Arc<BufferPool>,
        counters: Arc<Counters>,
    ) -> Graph {
        Graph {
            executor,
            transport,
            pool,
            counters,
            tracker: Tracker::new(),
            alive: BTreeMap::new(),
            next_node: 0,
            next_instance: 0,
            doomed: Vec::new(),
            sent: BTreeMap::new(),
            received: BTreeMap::new(),
            edges: Vec::new(),
            done: Node::over(Ok(())),
        }
    }

    pub(crate) fn executor(&self) -> &Executor {
        &self.executor
    }
    pub(crate) fn pool(&self) -> &Arc<BufferPool> {
        &self.pool
    }
    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// A name for a new instance.
    pub(crate) fn instance_id(&mut self) -> InstanceId {
        self.next_instance += 1;
        InstanceId(self.next_instance)
    }

    /// Memory for a new instance. If there is none, waits for nodes in flight to give some back.
    pub(crate) fn allocate(&mut self, rect: &Rect, element: usize) -> Result<PhysicalInstance, OutOfMemory> {
        let id = self.instance_id();
        let bytes = rect.volume().saturating_mul(element as u64);
        while self.should_wait_for(bytes) && !self.executor.is_idle() {
            self.executor.wait_for_some();
        }
        self.with_patience(|pool| PhysicalInstance::allocate(id, rect, element, pool))
    }

    /// Whether to wait for nodes to end rather than to run ahead of them into fresh memory: if a buffer of this size is about to come back, or
    /// if half of the memory is in use. Memory never touched before costs more than most tasks.
    fn should_wait_for(&mut self, bytes: u64) -> bool {
        let doomed = &mut self.doomed;
        doomed.retain(|(_, memory)| memory.strong_count() > 0);
        let comes_back = || doomed.iter().any(|(size, _)| BufferPool::are_alike(*size, bytes));
        (comes_back() && !self.pool.has_idle(bytes)) || self.pool.would_exceed_half(bytes)
    }

    /// Calls `allocate` until it succeeds or until nothing is left in flight that could give memory back.
    pub(crate) fn with_patience<T>(
        &self,
        allocate: impl Fn(&Arc<BufferPool>) -> Result<T, OutOfMemory>,
    ) -> Result<T, OutOfMemory> {
        loop {
            let last_try = self.executor.is_idle();
            match allocate(&self.pool) {
                Err(_) if !last_try => self.executor.wait_for_some(),
                result => return result,
            }
        }
    }

    /// Begins the description of a node.
    pub(crate) fn uses(&mut self) -> Uses {
        self.next_node += 1;
        let edges = std::mem::take(&mut self.edges);
        Uses { node: self.next_node, edges, after: SmallVec::new(), poison: None }
    }

    /// The node uses a rectangle of an instance. A node's reads come before its writes.
    pub(crate) fn record(&mut self, uses: &mut Uses, instance: &PhysicalInstance, rect: &Rect, usage: Usage) {
        if let Err(failure) = instance.memory() {
            uses.poison(failure);
        }
        self.tracker.record(uses.node, instance.id, rect, usage, &mut uses.edges);
    }

    /// Submits the node.
    pub(crate) fn submit(&mut self, mut uses: Uses, work: Box<dyn Work>) -> Arc<Node> {
        self.resolve(&mut uses);
        let mut work = work;
        if uses.after.is_empty() && uses.poison.is_none() {
            match self.executor.run_now(work) {
                Ok(outcome) => {
                    let node = if outcome.is_ok() { self.done.clone() } else { Node::over(outcome) };
                    self.remember(uses, &node);
                    return node;
                }
                Err(large) => work = large,
            }
        }
        let node = self.executor.submit(work, &uses.after, uses.poison.as_ref());
        self.remember(uses, &node);
        node
    }

    /// Whether all nodes have ended, and well: every instance has its values.
    pub(crate) fn is_settled(&self) -> bool {
        self.executor.is_idle() && self.alive.values().all(|node| node.is_done())
    }

    /// Submits a node that sends `shape` elements of `source`; `None`: they are lost, and the node poisoned.
    pub(crate) fn send(
        &mut self,
        uses: Uses,
        name: Name,
        to: ShardId,
        (source, shape, element): (Option<Side>, &[i64], usize),
    ) -> Arc<Node> {
        let shape: SmallVec<[i64; 4]> = SmallVec::from_slice(shape);
        let bytes = shape.iter().product::<i64>() as usize * element;
        let pool = self.pool.clone();
        let lost = name.provenance.clone();
        self.send_made(uses, name, to, bytes, move || {
            let source = source.clone().expect("a node without a source is poisoned");
            let buffer = pool
                .allocate(bytes)
                .map_err(|failure| TaskFailure::new("send", &lost, FailureKind::OutOfMemory, failure.to_string()))?;
            let buffer = Arc::new(buffer);
            let origin: SmallVec<[i64; 4]> = SmallVec::from_elem(0, shape.len());
            Copy::new(&shape, element, Side::dense(&buffer, &shape, &origin, element), source).run(0, 1);
            Ok(buffer)
        })
    }

    /// Submits a node that sends what `make` makes, or the failure that keeps it from being made.
    pub(crate) fn send_made(
        &mut self,
        uses: Uses,
        name: Name,
        to: ShardId,
        bytes: usize,
        make: impl Fn() -> Result<Arc<HostBuffer>, TaskFailure> + Send + Sync + 'static,
    ) -> Arc<Node> {
        let sequence = next(&mut self.sent, to);
        let (transport, counters) = (self.transport.clone(), self.counters.clone());
        let failed = transport.clone();
        let action = Action::new(name, bytes, move || {
            let buffer = make()?;
            count(&counters.messages, 1);
            count(&counters.message_bytes, buffer.len() as u64);
            transport.send(to, sequence, Ok(buffer));
            Ok(())
        });
        let action = action.or_else(move |failure| failed.send(to, sequence, Err(failure.clone())));
        self.submit(uses, Box::new(action))
    }

    /// Submits a node that waits for the next message of `from` and gives it to `unpack`.
    pub(crate) fn receive(
        &mut self,
        mut uses: Uses,
        name: Name,
        from: ShardId,
        length: Length,
        unpack: impl Fn(&Arc<HostBuffer>) -> Result<(), TaskFailure> + Send + Sync + 'static,
    ) -> Arc<Node> {
        let sequence = next(&mut self.received, from);
        self.resolve(&mut uses);
        let slot: Arc<Mutex<Option<Payload>>> = Arc::default();
        let message = slot.clone();
        let by = name.provenance.clone();
        let action = Action::new(name, length.bytes(), move || {
            let payload = message.lock().take().expect("the node runs after its message has come");
            let message = payload?;
            length.check(message.len(), from, &by)?;
            unpack(&message)
        });
        let (node, arrival) = self.executor.submit_receiver(Box::new(action), &uses.after, uses.poison.as_ref());
        let deliver = move |payload| {
            *slot.lock() = Some(payload);
            arrival.arrived();
        };
        self.transport.receive(from, sequence, Box::new(deliver));
        self.executor.release(&node);
        self.remember(uses, &node);
        node
    }

    /// Forgets an instance: nobody will use it again under this name.
    pub(crate) fn forget(&mut self, instance: &PhysicalInstance) {
        self.tracker.remove(&instance.id);
    }

    /// Forgets an instance whose memory nobody will use again: it goes when its nodes are gone.
    pub(crate) fn retire_instance(&mut self, instance: &PhysicalInstance) {
        self.forget(instance);
        if let Ok(memory) = instance.memory()
            && instance.bytes() >= LARGE
        {
            self.doomed.push((instance.bytes() as u64, Arc::downgrade(memory)));
        }
    }

    /// Forgets the nodes that are done. Failed ones are kept for as long as somebody could read what they should have written.
    pub(crate) fn retire(&mut self) {
        self.alive.retain(|_, node| !node.is_done());
        let (alive, mut used) = (&self.alive, Vec::new());
        self.tracker.retire(|node| {
            let is_alive = alive.contains_key(&node);
            if is_alive {
                used.push(node);
            }
            !is_alive
        });
        used.sort_unstable();
        self.alive.retain(|id, node| node.outcome().is_none() || used.binary_search(id).is_ok());
    }

    /// Turns numbered edges into nodes; those that are gone ended well.
    fn resolve(&self, uses: &mut Uses) {
        simplify(&mut uses.edges);
        for edge in uses.edges.drain(..) {
            if let Some(node) = self.alive.get(&edge.on).filter(|node| !node.is_done()) {
                let kind = if edge.kind == DependenceType::True { Edge::True } else { Edge::Anti };
                uses.after.push((node.clone(), kind));
            }
        }
    }

    fn remember(&mut self, uses: Uses, node: &Arc<Node>) {
        self.edges = uses.edges;
        if !node.is_done() {
            self.alive.insert(uses.node, node.clone());
        }
    }
}

/// The next number towards a peer.
fn next(counters: &mut BTreeMap<ShardId, u64>, peer: ShardId) -> u64 {
    let counter = counters.entry(peer).or_default();
    *counter += 1;
    *counter
}
