//! The CPU's flags over work that several threads share.

use super::{Exceptions, status};
use std::sync::atomic::{AtomicU8, Ordering};

/// Gathers what the CPUs that do some work have raised.
///
/// ```
/// use legate_kernels::exceptions::{Exceptions, Flags};
/// use std::hint::black_box;
///
/// let flags = Flags::default();
/// flags.over(|| black_box(black_box(1.0) / black_box(0.0)));
/// assert_eq!(flags.raised(), Exceptions::DIVIDE);
/// ```
#[derive(Debug, Default)]
pub struct Flags(AtomicU8);

impl Flags {
    /// Does a part of the work, on the calling thread. Parts may be parts of parts.
    pub fn over<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = status::raised();
        status::clear();
        let done = work();
        self.0.fetch_or(status::raised().bits(), Ordering::Relaxed);
        status::raise(before);
        done
    }

    /// What has been raised. Whoever shares the work out knows when it is done.
    pub fn raised(&self) -> Exceptions {
        Exceptions::from_bits(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn parts_on_all_threads_count_and_what_was_before_does_not() {
        let (outer, inner) = (Flags::default(), Flags::default());
        outer.over(|| {
            black_box(black_box(1.0) / black_box(0.0));
            std::thread::scope(|scope| {
                scope.spawn(|| inner.over(|| black_box(black_box(f64::MAX) * black_box(2.0))));
            });
            inner.over(|| ());
        });
        assert_eq!(inner.raised(), Exceptions::OVERFLOW);
        assert_eq!(outer.raised(), Exceptions::DIVIDE, "a part of a part hides nothing");
        assert!(Flags::default().raised().is_empty());
    }
}
