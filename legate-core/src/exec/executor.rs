//! Running nodes as soon as they may: serially in program order, or in parallel on the process's workers.
//!
//! **Serial**: a node runs to its end on the thread that submits it, before anything after it is submitted. The slow twin.
//!
//! **Parallel**: a node that may run and is small runs at once where that became known: on the submitting thread, or on the
//! worker that ended its last predecessor. Handing it over would take longer than doing it. A
//! larger one becomes a [`Run`] that the [`workers`](super::workers) see: each takes the next chunk until none is left, as does a thread that waits, and
//! who ends the last one ends the node. No worker ever waits for a node.

mod in_flight;
mod run;

use super::event::Outcome;
use super::node::{Edge, Node};
use super::work::Work;
use super::workers::Crew;
use crate::error::{FailureKind, TaskFailure};
use crate::id::ShardId;
use crate::operation::Hands;
use crate::profile::Profiler;
use crate::runtime::ExecutorKind;
use in_flight::InFlight;
use run::Run;
use smallvec::{SmallVec, smallvec};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A node of several chunks and of fewer estimated nanoseconds is done on the spot, even if a worker is awake: it would come too late to help.
const SMALL_NS: f64 = 3_000.0;
/// The same while all workers sleep: waking one costs 2 to 7 µs.
const SMALL_ASLEEP_NS: f64 = 10_000.0;
/// The same for a node of one chunk, which is handed over only for the submitting thread to go on.
const SMALL_WHOLE_NS: f64 = 20_000.0;
/// A node of fewer estimated nanoseconds is done on the spot where there is only one core for all.
const SMALL_ON_ONE_CORE_NS: f64 = 1_000_000.0;
/// More nodes than this are not kept in flight: the submitting thread waits.
const MOST_IN_FLIGHT: usize = 8192;
/// How often a wait asks whether it should be given up.
pub(crate) const POLL: Duration = Duration::from_millis(50);

/// The executor of one shard. Clones are the same executor.
#[derive(Clone)]
pub(crate) struct Executor(Arc<Shared>);

struct Shared {
    shard: ShardId,
    kind: ExecutorKind,
    crew: Arc<Crew>,
    profiler: Arc<Profiler>,
    /// Also told when an arrival opens a gate under the serial executor.
    in_flight: InFlight,
}

impl Executor {
    /// `crew` is shared by all shards of the process; the serial executor does without.
    pub(crate) fn new(shard: ShardId, kind: ExecutorKind, crew: &Arc<Crew>, profiler: &Arc<Profiler>) -> Executor {
        let crew = match kind {
            ExecutorKind::Parallel => crew.clone(),
            ExecutorKind::Serial | ExecutorKind::Absent => Arc::new(Crew::alone()),
        };
        Executor(Arc::new(Shared { shard, kind, crew, profiler: profiler.clone(), in_flight: InFlight::default() }))
    }

    /// Runs `work` once everything in `after` has ended. `poison`: it must not run, its results are lost already.
    pub(crate) fn submit(
        &self,
        work: Box<dyn Work>,
        after: &[(Arc<Node>, Edge)],
        poison: Option<&TaskFailure>,
    ) -> Arc<Node> {
        let node = self.prepare(work, after, poison);
        self.release(&node);
        node
    }

    /// Runs work that waits for nothing, if it is done here at once whatever happens; else gives it back.
    pub(crate) fn run_now(&self, work: Box<dyn Work>) -> Result<Outcome, Box<dyn Work>> {
        let chunks = work.chunks().max(1);
        let here = self.0.kind == ExecutorKind::Serial || self.0.is_small(chunks, work.cost_ns());
        if here { Ok(self.0.finish_here(work, chunks)) } else { Err(work) }
    }

    /// Like [`Executor::submit`], but the node waits for one call of [`Arrival::arrived`] as well.
    pub(crate) fn submit_receiver(
        &self,
        work: Box<dyn Work>,
        after: &[(Arc<Node>, Edge)],
        poison: Option<&TaskFailure>,
    ) -> (Arc<Node>, Arrival) {
        let node = self.prepare(work, after, poison);
        node.expect_arrival();
        let arrival = Arrival { executor: self.clone(), node: node.clone() };
        (node, arrival)
    }

    /// Ends the submission of a node from [`Executor::submit_receiver`], after its message has been asked for.
    pub(crate) fn release(&self, node: &Arc<Node>) {
        let open = node.arrive();
        match self.0.kind {
            ExecutorKind::Parallel if open => self.0.dispatch(smallvec![node.clone()]),
            ExecutorKind::Parallel => {}
            ExecutorKind::Serial | ExecutorKind::Absent => self.0.run_serially(node, open),
        }
    }

    /// Waits until nothing is in flight. `false`: given up because `interrupted` said so.
    pub(crate) fn wait_idle(&self, interrupted: &dyn Fn() -> bool) -> bool {
        self.wait_while(|count| count > 0, interrupted)
    }

    /// Whether all nodes have ended.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.in_flight.count() == 0
    }

    /// Waits until some node ends, if any is in flight. Only the thread that submits calls it.
    pub(crate) fn wait_for_some(&self) {
        let before = self.0.in_flight.count();
        self.wait_while(|count| before > 0 && count >= before, &|| false);
    }

    /// Does what a thread can do that is about to wait until `done`: takes chunks, then watches for a little while, for a sleeping thread takes
    /// long to wake.
    pub(crate) fn help(&self, done: &dyn Fn() -> bool, interrupted: &dyn Fn() -> bool) -> Helped {
        let crew = &self.0.crew;
        if done() {
            return Helped::Done;
        }
        let mut next_poll = Instant::now() + POLL;
        while !done() {
            let seen = crew.seen();
            if crew.help() {
                if Instant::now() >= next_poll {
                    if interrupted() {
                        return Helped::GivenUp;
                    }
                    next_poll = Instant::now() + POLL;
                }
            } else if !crew.watch(seen, done) {
                return Helped::InVain;
            }
        }
        Helped::Done
    }

    /// Calls `sleep`; meanwhile a worker may take this thread's place.
    pub(crate) fn away<T>(&self, sleep: impl FnOnce() -> T) -> T {
        let _lent = self.0.crew.lend_place();
        sleep()
    }

    fn wait_while(&self, busy: impl Fn(usize) -> bool, interrupted: &dyn Fn() -> bool) -> bool {
        let in_flight = &self.0.in_flight;
        loop {
            match self.help(&|| !busy(in_flight.count()), interrupted) {
                Helped::Done => return true,
                Helped::GivenUp => return false,
                Helped::InVain => {}
            }
            if self.away(|| in_flight.wait_while(&busy, Some(Instant::now() + POLL))) {
                return true;
            }
            if interrupted() {
                return false;
            }
        }
    }

    fn prepare(&self, work: Box<dyn Work>, after: &[(Arc<Node>, Edge)], poison: Option<&TaskFailure>) -> Arc<Node> {
        if self.0.in_flight.count() >= MOST_IN_FLIGHT {
            self.wait_while(|count| count > MOST_IN_FLIGHT / 2, &|| false);
        }
        self.0.in_flight.begin();
        let node = Node::new(work);
        if let Some(failure) = poison {
            node.poison(failure);
        }
        for (other, edge) in after {
            node.depend_on(other, *edge);
        }
        node
    }
}

/// How [`Executor::help`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Helped {
    /// What was waited for is there.
    Done,
    /// It is not, and there is nothing to do but to sleep.
    InVain,
    /// `interrupted` said so.
    GivenUp,
}

/// The promise to tell a node that its message is there.
pub(crate) struct Arrival {
    executor: Executor,
    node: Arc<Node>,
}

impl Arrival {
    /// It is. May run the node on this thread.
    pub(crate) fn arrived(self) {
        let shared = &self.executor.0;
        if self.node.arrive() {
            match shared.kind {
                ExecutorKind::Parallel => shared.dispatch(smallvec![self.node]),
                ExecutorKind::Serial | ExecutorKind::Absent => shared.in_flight.tell(),
            }
        }
    }
}

impl Shared {
    /// Runs what is small among nodes that may run, and what becomes ready by that; hands the rest over.
    fn dispatch(self: &Arc<Self>, mut ready: SmallVec<[Arc<Node>; 2]>) {
        while let Some(node) = ready.pop() {
            if self.is_small(node.chunks, node.cost_ns) || node.poisoned().is_some() {
                ready.extend(self.run_whole(&node));
            } else {
                let hands = node.chunks;
                self.crew.publish(Arc::new(Run::new(self.clone(), node)), hands);
            }
        }
    }

    /// Whether to hand a node over would take longer than to do it here.
    fn is_small(&self, chunks: usize, cost_ns: f64) -> bool {
        let limit = match chunks {
            _ if self.crew.count() == 1 => SMALL_ON_ONE_CORE_NS,
            1 => SMALL_WHOLE_NS,
            _ if self.crew.is_awake() => SMALL_NS,
            _ => SMALL_ASLEEP_NS,
        };
        cost_ns < limit
    }

    /// Runs a node to its end on this thread. Returns what may run because of that.
    fn run_whole(&self, node: &Arc<Node>) -> SmallVec<[Arc<Node>; 2]> {
        let work = node.take_work();
        let outcome = match node.poisoned() {
            Some(failure) => Err(failure),
            None => self.run_chunks(&*work, node.chunks),
        };
        self.end(node, work, outcome)
    }

    fn run_chunks(&self, work: &dyn Work, chunks: usize) -> Outcome {
        (0..chunks).try_for_each(|chunk| self.run_chunk(work, chunk, &self.crew))
    }

    /// Does work that is no node's to its end.
    fn finish_here(&self, work: Box<dyn Work>, chunks: usize) -> Outcome {
        let outcome = self.run_chunks(&*work, chunks);
        self.finish(work, outcome)
    }

    /// Waits until the gate is open, then runs the node here.
    fn run_serially(&self, node: &Arc<Node>, open: bool) {
        if !open {
            self.in_flight.wait_while(|_| !node.is_open(), None);
        }
        let ready = self.run_whole(node);
        debug_assert!(ready.is_empty(), "in program order nothing waits behind what is being submitted");
    }

    fn run_chunk(&self, work: &dyn Work, chunk: usize, crew: &Crew) -> Outcome {
        let begun = self.profiler.begin();
        let outcome = self.guard(work, || work.run(chunk, crew));
        self.profiler.end(begun, self.shard, || work.about());
        outcome
    }

    /// Turns a panic into a failure of the work. Its unfinished results are poisoned, so nobody sees them half written.
    fn guard(&self, work: &dyn Work, call: impl FnOnce() -> Outcome) -> Outcome {
        catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
            let about = work.about();
            Err(TaskFailure::new(about.name, &about.provenance, FailureKind::Panic, panic_message(&*panic)))
        })
    }

    /// Ends work whose chunks have ended so. It is dropped before anybody hears of it: who waits for it may count on its memory being free.
    fn finish(&self, work: Box<dyn Work>, outcome: Outcome) -> Outcome {
        let outcome = outcome.and_then(|()| self.guard(&*work, || work.finish()));
        if let Err(failure) = &outcome {
            work.poisoned(failure);
        }
        outcome
    }

    fn end(&self, node: &Node, work: Box<dyn Work>, outcome: Outcome) -> SmallVec<[Arc<Node>; 2]> {
        let outcome = self.finish(work, outcome);
        let ready = node.end(outcome);
        self.in_flight.end();
        ready
    }
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panicked".to_owned())
}

#[cfg(test)]
mod tests;
