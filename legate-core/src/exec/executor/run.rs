//! A node of several chunks, or one that somebody else is to run, while it runs.

use super::Shared;
use crate::error::TaskFailure;
use crate::exec::node::Node;
use crate::exec::work::Work;
use crate::exec::workers::{Crew, Job};
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Chunks of up to this many estimated nanoseconds may run on a thread that was about to wait.
const HELPABLE_CHUNK_NS: f64 = 5_000_000.0;

/// See the module's documentation.
pub(super) struct Run {
    shared: Arc<Shared>,
    node: Arc<Node>,
    // Read-locked by who has a chunk, taken by who ended the last one: when the node ends, its memory is free.
    work: RwLock<Option<Box<dyn Work>>>,
    next: AtomicUsize,
    left: AtomicUsize,
    failed: AtomicBool,
    failure: Mutex<Option<TaskFailure>>,
}

impl Run {
    pub(super) fn new(shared: Arc<Shared>, node: Arc<Node>) -> Run {
        let (work, chunks) = (RwLock::new(Some(node.take_work())), node.chunks);
        let (next, left) = (AtomicUsize::new(0), AtomicUsize::new(chunks));
        Run { shared, node, work, next, left, failed: AtomicBool::new(false), failure: Mutex::new(None) }
    }

    fn run(&self, chunk: usize, crew: &Crew) {
        // Relaxed: to skip chunks is a favour, not a duty.
        if self.failed.load(Ordering::Relaxed) {
            return;
        }
        let work = self.work.read();
        let work = work.as_ref().expect("the work stays while a chunk is left");
        if let Err(failure) = self.shared.run_chunk(&**work, chunk, crew) {
            self.failure.lock().get_or_insert(failure);
            self.failed.store(true, Ordering::Relaxed);
        }
    }

    fn end(&self) {
        let outcome = self.failure.lock().take().map_or(Ok(()), Err);
        let work = self.work.write().take().expect("the last chunk is ended once");
        let ready = self.shared.end(&self.node, work, outcome);
        self.shared.dispatch(ready);
    }
}

impl Job for Run {
    /// The last chunk to be done ends the node.
    fn take(&self, crew: &Crew) -> bool {
        // Not to run over, however many come late.
        if self.waiting() == 0 {
            return false;
        }
        // Relaxed: the counter only hands out numbers.
        let chunk = self.next.fetch_add(1, Ordering::Relaxed);
        if chunk >= self.node.chunks {
            return false;
        }
        self.run(chunk, crew);
        // Acquire and release: who ends the node has seen all chunks' writes.
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.end();
        }
        true
    }
    fn waiting(&self) -> usize {
        self.node.chunks.saturating_sub(self.next.load(Ordering::Relaxed))
    }
    fn is_for_guests(&self) -> bool {
        self.node.cost_ns / self.node.chunks as f64 <= HELPABLE_CHUNK_NS
    }
}
