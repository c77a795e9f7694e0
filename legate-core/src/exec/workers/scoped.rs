//! A loop over chunks inside a task: the caller takes chunks too, and returns when all are done.

use super::{Crew, Job, SPIN};
use crate::sync::{AtomicUsize, Lock, Ordering, Signal};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Instant;

type Body = dyn Fn(usize) + Sync;

/// A borrowed body and who does what of it.
struct Scoped {
    /// Valid while `left` is not 0: see [`for_chunks`].
    body: *const Body,
    chunks: usize,
    /// The next chunk to be taken.
    next: AtomicUsize,
    /// Chunks that have not ended.
    left: AtomicUsize,
    ended: Lock<Ended>,
    all: Signal,
}

#[derive(Default)]
struct Ended {
    all: bool,
    panic: Option<Box<dyn Any + Send>>,
}

// SAFETY: the body is `Sync`, so that calling it through the pointer from several threads is fine; when it may be called is argued at the call.
unsafe impl Send for Scoped {}
// SAFETY: as above; everything else in it is synchronised.
unsafe impl Sync for Scoped {}

/// Calls `body` once with each of `0..chunks`, on this thread and on others that have nothing to do; at the same time, in any order.
///
/// # Panics
/// If a call does, with that call's payload, after all others have ended. Chunks not begun by then may be left out.
pub(super) fn for_chunks(crew: &Crew, chunks: usize, body: &(dyn Fn(usize) + Sync)) {
    if chunks <= 1 || crew.threads <= 1 {
        (0..chunks).for_each(body);
        return;
    }
    // Only the lifetime changes. The pointer is followed by takers of chunks alone, and this function waits for them all.
    let body: *const (dyn Fn(usize) + Sync + '_) = body;
    // SAFETY: both are the same fat pointer; the longer lifetime is not relied on, see above.
    let body = unsafe { std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), *const Body>(body) };
    let (next, left) = (AtomicUsize::new(0), AtomicUsize::new(chunks));
    let job = Arc::new(Scoped { body, chunks, next, left, ended: Lock::new(Ended::default()), all: Signal::new() });
    crew.publish_first(job.clone(), chunks - 1);
    while job.take(crew) {}
    job.wait();
    let panic = job.ended.lock().panic.take();
    if let Some(panic) = panic {
        resume_unwind(panic);
    }
}

impl Scoped {
    /// Until all chunks have ended. Their threads are at work on them: it is not long.
    fn wait(&self) {
        let until = Instant::now() + SPIN;
        // Acquire: with the release of each end, the caller sees what all chunks wrote.
        while !cfg!(loom) && Instant::now() < until {
            if self.left.load(Ordering::Acquire) == 0 {
                return;
            }
            std::hint::spin_loop();
        }
        let mut ended = self.ended.lock();
        while !ended.all {
            ended = self.all.wait(ended);
        }
    }

    fn run(&self, chunk: usize) {
        // SAFETY: this chunk was counted out once and has not ended, so that `left` is not 0 and `for_chunks` still waits: the body is borrowed.
        let body = unsafe { &*self.body };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| body(chunk))) {
            self.ended.lock().panic.get_or_insert(panic);
            // Nobody begins another chunk: those left are counted as ended.
            // Relaxed: the counter only hands out numbers.
            let skipped = self.chunks.saturating_sub(self.next.swap(self.chunks, Ordering::Relaxed));
            self.end(skipped);
        }
        self.end(1);
    }

    fn end(&self, chunks: usize) {
        // Acquire and release: who ends the last one has seen all that the others wrote, and passes it on by the lock.
        if chunks > 0 && self.left.fetch_sub(chunks, Ordering::AcqRel) == chunks {
            self.ended.lock().all = true;
            self.all.notify_all();
        }
    }
}

impl Job for Scoped {
    fn take(&self, _crew: &Crew) -> bool {
        // Not to run over, however many come late.
        if self.waiting() == 0 {
            return false;
        }
        // Relaxed: the counter only hands out numbers.
        let chunk = self.next.fetch_add(1, Ordering::Relaxed);
        let taken = chunk < self.chunks;
        if taken {
            self.run(chunk);
        }
        taken
    }
    fn waiting(&self) -> usize {
        self.chunks.saturating_sub(self.next.load(Ordering::Relaxed))
    }
    fn is_for_guests(&self) -> bool {
        true
    }
}
