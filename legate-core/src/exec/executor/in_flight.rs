//! How many nodes have not ended, and who wants to know.

use parking_lot::{Condvar, Mutex, MutexGuard};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A counter that costs its writers one atomic step while nobody waits.
///
/// Count and waiters share a word: a waiter that adds itself learns the count of that moment, and every later end learns of the waiter.
#[derive(Default)]
pub(super) struct InFlight {
    word: AtomicU64,
    lock: Mutex<()>,
    changed: Condvar,
}

/// One waiter, in the upper half of the word.
const WAITER: u64 = 1 << 32;
/// The lower half: nodes.
const COUNT: u64 = WAITER - 1;

impl InFlight {
    /// Nodes that have not ended.
    pub(super) fn count(&self) -> usize {
        // Acquire: who finds them ended sees what they did.
        (self.word.load(Ordering::Acquire) & COUNT) as usize
    }

    /// One more.
    pub(super) fn begin(&self) {
        // Relaxed: the node is handed to others by other means.
        self.word.fetch_add(1, Ordering::Relaxed);
    }

    /// One has ended.
    pub(super) fn end(&self) {
        // Release: see `count`. Acquire: the waiters that are counted have taken the lock before.
        if self.word.fetch_sub(1, Ordering::AcqRel) >= WAITER {
            self.tell();
        }
    }

    /// Wakes who waits, to look again.
    pub(super) fn tell(&self) {
        // The lock makes sure that a waiter has either seen the news or sleeps already.
        let _lock = self.lock.lock();
        self.changed.notify_all();
    }

    /// Sleeps while `busy` says so of the count; looks at each end and each [`InFlight::tell`]. `false`: it is `until` o'clock and still busy.
    pub(super) fn wait_while(&self, busy: impl Fn(usize) -> bool, until: Option<Instant>) -> bool {
        let mut lock = self.lock.lock();
        let word = self.word.fetch_add(WAITER, Ordering::AcqRel);
        let mut count = (word & COUNT) as usize;
        let mut in_time = true;
        while busy(count) && in_time {
            in_time = self.sleep(&mut lock, until);
            count = self.count();
        }
        self.word.fetch_sub(WAITER, Ordering::Relaxed);
        !busy(count)
    }

    fn sleep(&self, lock: &mut MutexGuard<'_, ()>, until: Option<Instant>) -> bool {
        match until {
            Some(until) => !self.changed.wait_until(lock, until).timed_out(),
            None => {
                self.changed.wait(lock);
                true
            }
        }
    }
}
