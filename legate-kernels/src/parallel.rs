//! Loops over independent pieces, on all threads of the current pool.

use rayon::prelude::*;

/// Calls `body` with each of `0..pieces`, on all threads. Pieces should take several microseconds each.
pub(crate) fn for_each(pieces: usize, body: impl Fn(usize) + Sync + Send) {
    if pieces <= 1 {
        return (0..pieces).for_each(body);
    }
    (0..pieces).into_par_iter().for_each(body);
}

/// How many pieces can run at a time.
pub(crate) fn threads() -> usize {
    rayon::current_num_threads()
}

/// A pointer that may go to another thread: what is reached through it on several threads is disjoint, or only read.
#[derive(Clone, Copy)]
pub(crate) struct Shared<T>(*mut T);
// SAFETY: whoever makes one keeps the promise of the type.
unsafe impl<T> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub(crate) fn new(pointer: *mut T) -> Shared<T> {
        Shared(pointer)
    }
    /// A method, so that closures capture the whole.
    pub(crate) fn get(self) -> *mut T {
        self.0
    }
}
