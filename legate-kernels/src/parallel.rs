//! Threads that a kernel is lent: loops over independent pieces.
//!
//! This crate has no threads of its own. Whoever calls a kernel that can use several lends it some ([`Threads::new`]), or none ([`Threads::ALONE`]).

/// Runs a loop over pieces: calls the body once with each of `0..pieces`, in any order and at the same time, and returns when all are done.
type Loop<'a> = &'a dyn Fn(usize, &(dyn Fn(usize) + Sync));

/// Threads of the caller's.
#[derive(Clone, Copy)]
pub struct Threads<'a> {
    count: usize,
    run: Loop<'a>,
}

impl std::fmt::Debug for Threads<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Threads({})", self.count)
    }
}

impl<'a> Threads<'a> {
    /// The calling thread alone.
    pub const ALONE: Threads<'static> = Threads { count: 1, run: &|pieces, body| (0..pieces).for_each(body) };

    /// `count` threads, on which `run` runs loops.
    pub fn new(count: usize, run: Loop<'a>) -> Threads<'a> {
        Threads { count: count.max(1), run }
    }

    /// How many pieces may run at a time.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Calls `body` with each of `0..pieces`. Pieces should take ten microseconds each, or more.
    pub(crate) fn for_each(&self, pieces: usize, body: impl Fn(usize) + Sync) {
        match pieces {
            0 => {}
            1 => body(0),
            _ => (self.run)(pieces, &body),
        }
    }

    /// For tests: as many threads, made for each loop.
    #[cfg(test)]
    pub(crate) fn scoped<R>(count: usize, call: impl FnOnce(Threads<'_>) -> R) -> R {
        let run = |pieces: usize, body: &(dyn Fn(usize) + Sync)| {
            let next = std::sync::atomic::AtomicUsize::new(0);
            let take = || {
                loop {
                    let piece = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if piece >= pieces {
                        return;
                    }
                    body(piece);
                }
            };
            std::thread::scope(|scope| {
                (1..count).for_each(|_| drop(scope.spawn(take)));
                take();
            });
        };
        call(Threads::new(count, &run))
    }
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
