//! Running nodes as soon as they may: serially in program order, or in parallel on rayon.
//!
//! **Serial**: a node runs to its end on the thread that submits it, before anything after it is submitted. The slow twin.
//!
//! **Parallel**: a node that may run and is small runs at once where that became known: on the submitting thread, or on the
//! worker that ended its last predecessor. Handing it over would take longer than doing it. A
//! larger one goes to the pool; if it has several chunks, each core takes the next one until none is left, and who ends the last one ends
//! the node. Nothing in the pool ever blocks.

use super::event::Outcome;
use super::node::{Edge, Node};
use super::work::Work;
use crate::error::{FailureKind, TaskFailure};
use crate::id::ShardId;
use crate::profile::Profiler;
use crate::runtime::ExecutorKind;
use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};
use smallvec::{SmallVec, smallvec};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Below this many estimated nanoseconds a node is not worth handing over (rayon wakes a worker in 10 to 50 µs).
const SMALL_NS: f64 = 20_000.0;
/// Chunks of up to this many estimated nanoseconds may run on a thread that was about to wait.
const HELPABLE_CHUNK_NS: f64 = 5_000_000.0;
/// More nodes than this are not kept in flight: the submitting thread waits.
const MOST_IN_FLIGHT: usize = 8192;
/// How often a wait asks whether it should be given up.
pub(crate) const POLL: Duration = Duration::from_millis(50);

/// The executor of one shard. Clones are the same executor.
#[derive(Clone)]
pub(crate) struct Executor(Arc<Shared>);

struct Shared {
    shard: ShardId,
    // `None`: serial.
    pool: Option<Arc<rayon::ThreadPool>>,
    profiler: Arc<Profiler>,
    in_flight: Mutex<usize>,
    /// Nodes in the pool of which a waiting thread may take chunks.
    open: Mutex<VecDeque<Arc<ChunkedRun>>>,
    // Notified when `in_flight` falls, and when an arrival opens a gate under the serial executor.
    changed: Condvar,
}

impl Executor {
    /// `pool` is shared by all shards of the process; the serial executor does without.
    pub(crate) fn new(
        shard: ShardId,
        kind: ExecutorKind,
        pool: &Arc<rayon::ThreadPool>,
        profiler: &Arc<Profiler>,
    ) -> Executor {
        let pool = (kind == ExecutorKind::Parallel).then(|| pool.clone());
        let (in_flight, open, changed) = (Mutex::new(0), Mutex::default(), Condvar::new());
        Executor(Arc::new(Shared { shard, pool, profiler: profiler.clone(), in_flight, open, changed }))
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
        match self.0.pool {
            Some(_) if open => self.0.dispatch(smallvec![node.clone()]),
            Some(_) => {}
            None => self.0.run_serially(node, open),
        }
    }

    /// Waits until nothing is in flight. `false`: given up because `interrupted` said so.
    pub(crate) fn wait_idle(&self, interrupted: &dyn Fn() -> bool) -> bool {
        self.wait_until_at_most(0, interrupted)
    }

    /// Does what can be done before a wait: a sleeping worker takes longer to wake than a chunk to run. `false`: given up.
    pub(crate) fn help(&self, interrupted: &dyn Fn() -> bool) -> bool {
        let mut next_poll = Instant::now() + POLL;
        while let Some(run) = self.0.open_run() {
            run.take_chunk();
            if Instant::now() >= next_poll {
                if interrupted() {
                    return false;
                }
                next_poll = Instant::now() + POLL;
            }
        }
        true
    }

    /// Whether any node is still to end.
    pub(crate) fn is_idle(&self) -> bool {
        *self.0.in_flight.lock() == 0
    }

    /// Waits until some node ends, if any is in flight. Only the thread that submits calls it.
    pub(crate) fn wait_for_some(&self) {
        let before = *self.0.in_flight.lock();
        self.help(&|| false);
        let mut in_flight = self.0.in_flight.lock();
        while before > 0 && *in_flight >= before {
            self.0.changed.wait(&mut in_flight);
        }
    }

    fn wait_until_at_most(&self, most: usize, interrupted: &dyn Fn() -> bool) -> bool {
        if !self.help(interrupted) {
            return false;
        }
        let mut in_flight = self.0.in_flight.lock();
        let mut next_poll = Instant::now() + POLL;
        while *in_flight > most {
            // By the clock, not by the quiet: nodes may end all the time.
            if self.0.changed.wait_until(&mut in_flight, next_poll).timed_out() {
                if MutexGuard::unlocked(&mut in_flight, interrupted) {
                    return false;
                }
                next_poll = Instant::now() + POLL;
            }
        }
        true
    }

    fn prepare(&self, work: Box<dyn Work>, after: &[(Arc<Node>, Edge)], poison: Option<&TaskFailure>) -> Arc<Node> {
        if *self.0.in_flight.lock() >= MOST_IN_FLIGHT {
            self.wait_until_at_most(MOST_IN_FLIGHT / 2, &|| false);
        }
        *self.0.in_flight.lock() += 1;
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
            match shared.pool {
                Some(_) => shared.dispatch(smallvec![self.node]),
                None => shared.wake_serial(),
            }
        }
    }
}

impl Shared {
    /// Runs what is small among nodes that may run, and what becomes ready by that; hands the rest over.
    fn dispatch(self: &Arc<Self>, mut ready: SmallVec<[Arc<Node>; 2]>) {
        while let Some(node) = ready.pop() {
            if node.cost_ns < SMALL_NS || node.poisoned().is_some() {
                ready.extend(self.run_whole(&node));
            } else {
                self.hand_over(node);
            }
        }
    }

    fn hand_over(self: &Arc<Self>, node: Arc<Node>) {
        let pool = self.pool.as_ref().expect("only the parallel executor hands over");
        let takers = node.chunks.min(pool.current_num_threads());
        let run = Arc::new(ChunkedRun::new(self.clone(), node));
        if run.can_be_helped() {
            let mut open = self.open.lock();
            open.retain(|run| !run.is_exhausted());
            open.push_back(run.clone());
        }
        for _ in 0..takers {
            let run = run.clone();
            pool.spawn(move || run.take_chunks());
        }
    }

    /// A node with chunks for a thread that has nothing better to do.
    fn open_run(&self) -> Option<Arc<ChunkedRun>> {
        let mut open = self.open.lock();
        open.retain(|run| !run.is_exhausted());
        open.front().cloned()
    }

    /// Runs a node to its end on this thread. Returns what may run because of that.
    fn run_whole(&self, node: &Arc<Node>) -> SmallVec<[Arc<Node>; 2]> {
        let work = node.take_work();
        let outcome = match node.poisoned() {
            Some(failure) => Err(failure),
            None => (0..node.chunks).try_for_each(|chunk| self.run_chunk(&*work, chunk)),
        };
        self.end(node, work, outcome)
    }

    /// Waits until the gate is open, then runs the node here.
    fn run_serially(&self, node: &Arc<Node>, open: bool) {
        if !open {
            let mut in_flight = self.in_flight.lock();
            while !node.is_open() {
                self.changed.wait(&mut in_flight);
            }
        }
        let ready = self.run_whole(node);
        debug_assert!(ready.is_empty(), "in program order nothing waits behind what is being submitted");
    }

    fn wake_serial(&self) {
        // The lock makes sure that the waiter has either seen the gate open or waits already.
        let _in_flight = self.in_flight.lock();
        self.changed.notify_all();
    }

    fn run_chunk(&self, work: &dyn Work, chunk: usize) -> Outcome {
        let begun = self.profiler.begin();
        let outcome = self.guard(work, || work.run(chunk));
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

    fn end(&self, node: &Node, work: Box<dyn Work>, outcome: Outcome) -> SmallVec<[Arc<Node>; 2]> {
        let outcome = outcome.and_then(|()| self.guard(&*work, || work.finish()));
        if let Err(failure) = &outcome {
            work.poisoned(failure);
        }
        // Before the event: whoever waits for the node may count on its memory being free.
        drop(work);
        let ready = node.end(outcome);
        let mut in_flight = self.in_flight.lock();
        *in_flight -= 1;
        self.changed.notify_all();
        ready
    }
}

/// A node of several chunks while it runs.
struct ChunkedRun {
    shared: Arc<Shared>,
    node: Arc<Node>,
    // Read-locked by who has a chunk, taken by who ended the last one: when the node ends, its memory is free.
    work: RwLock<Option<Box<dyn Work>>>,
    next: AtomicUsize,
    left: AtomicUsize,
    failure: Mutex<Option<TaskFailure>>,
}

impl ChunkedRun {
    fn new(shared: Arc<Shared>, node: Arc<Node>) -> ChunkedRun {
        let (work, chunks) = (RwLock::new(Some(node.take_work())), node.chunks);
        let (next, left) = (AtomicUsize::new(0), AtomicUsize::new(chunks));
        ChunkedRun { shared, node, work, next, left, failure: Mutex::new(None) }
    }

    /// Whether the thread that submits may do its chunks too: they are short, so that it still hears an interrupt, and do not ask for the pool.
    fn can_be_helped(&self) -> bool {
        let is_whole = self.work.read().as_ref().is_some_and(|work| work.is_whole());
        !is_whole && self.node.cost_ns / self.node.chunks as f64 <= HELPABLE_CHUNK_NS
    }

    /// Whether all chunks are taken.
    fn is_exhausted(&self) -> bool {
        self.next.load(Ordering::Relaxed) >= self.node.chunks
    }

    /// Does chunks until none is left.
    fn take_chunks(&self) {
        while self.take_chunk() {}
    }

    /// Does the next chunk, if one is left. The last one to be done ends the node.
    fn take_chunk(&self) -> bool {
        // Relaxed: the counter only hands out numbers.
        let chunk = self.next.fetch_add(1, Ordering::Relaxed);
        if chunk >= self.node.chunks {
            return false;
        }
        self.run(chunk);
        // Acquire and release: who ends the node has seen all chunks' writes.
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            let outcome = self.failure.lock().take().map_or(Ok(()), Err);
            let work = self.work.write().take().expect("the last chunk is ended once");
            let ready = self.shared.end(&self.node, work, outcome);
            self.shared.dispatch(ready);
        }
        true
    }

    fn run(&self, chunk: usize) {
        if self.failure.lock().is_some() {
            return;
        }
        let work = self.work.read();
        let work = work.as_ref().expect("the work stays while a chunk is left");
        if let Err(failure) = self.shared.run_chunk(&**work, chunk) {
            self.failure.lock().get_or_insert(failure);
        }
    }
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panicked".to_owned())
}

#[cfg(test)]
mod tests;
