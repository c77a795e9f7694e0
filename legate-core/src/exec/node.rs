//! Nodes of the execution graph, and the race-free end of one.

use super::event::{Event, Gate, Outcome};
use super::work::Work;
use crate::error::TaskFailure;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::sync::Arc;

/// What an edge of the graph carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// Values: a failure travels along.
    True,
    /// Only the moment from which memory may be overwritten.
    Anti,
}

/// A node: work behind a gate, and the event of its end.
pub(crate) struct Node {
    gate: Gate,
    ended: Event<(Arc<Node>, Edge)>,
    // Taken when it runs, so that an ended node keeps no memory alive.
    work: Mutex<Option<Box<dyn Work>>>,
    pub(super) chunks: usize,
    pub(super) cost_ns: f64,
}

impl Node {
    pub(super) fn new(work: Box<dyn Work>) -> Arc<Node> {
        let (chunks, cost_ns) = (work.chunks().max(1), work.cost_ns());
        Arc::new(Node { gate: Gate::new(), ended: Event::new(), work: Mutex::new(Some(work)), chunks, cost_ns })
    }

    /// One that has ended.
    pub(super) fn over(outcome: Outcome) -> Arc<Node> {
        let node = Node { gate: Gate::new(), ended: Event::new(), work: Mutex::new(None), chunks: 1, cost_ns: 0.0 };
        node.ended.trigger(outcome);
        Arc::new(node)
    }

    /// How it ended, if it has.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.ended.outcome()
    }

    /// Whether it ended well: such a node need not be waited for, nor remembered.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.outcome(), Some(Ok(())))
    }

    /// Makes this node wait for another. Before its submission ends.
    pub(super) fn depend_on(self: &Arc<Node>, other: &Node, edge: Edge) {
        self.gate.expect_one_more();
        if let Some(outcome) = other.ended.subscribe(|| (self.clone(), edge)) {
            self.hear(&outcome, edge);
            let open = self.gate.arrive();
            debug_assert!(!open, "the submitter's own arrival is missing");
        }
    }

    /// An arrival from outside of the graph will be needed as well. Before its submission ends.
    pub(super) fn expect_arrival(&self) {
        self.gate.expect_one_more();
    }

    /// One of the expected arrivals. Returns whether the node may now run: the caller must see to it.
    pub(super) fn arrive(&self) -> bool {
        self.gate.arrive()
    }

    /// Whether everything that it waits for has come.
    pub(super) fn is_open(&self) -> bool {
        self.gate.is_open()
    }

    /// It must not run.
    pub(super) fn poison(&self, failure: &TaskFailure) {
        self.gate.poison(failure);
    }

    /// The failure that keeps it from running, once its gate is open.
    pub(super) fn poisoned(&self) -> Option<TaskFailure> {
        self.gate.poisoned()
    }

    /// The work, for the one who runs it.
    pub(super) fn take_work(&self) -> Box<dyn Work> {
        self.work.lock().take().expect("a gate opens once, and who opens it takes the work")
    }

    /// Ends it. Returns the nodes that may run because of that.
    pub(super) fn end(&self, outcome: Outcome) -> SmallVec<[Arc<Node>; 2]> {
        let waiters = self.ended.trigger(outcome.clone());
        waiters
            .into_iter()
            .filter_map(|(node, edge)| {
                node.hear(&outcome, edge);
                node.gate.arrive().then_some(node)
            })
            .collect()
    }

    fn hear(&self, outcome: &Outcome, edge: Edge) {
        if let (Err(failure), Edge::True) = (outcome, edge) {
            self.gate.poison(failure);
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Node({:?})", self.outcome())
    }
}
