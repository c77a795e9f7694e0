//! The memory bandwidth that a plain loop gets: STREAM's triad, `a = b + s * c`, counted as 24 bytes per element.
//!
//! The store of `a` makes the processor read its lines first, so that the memory moves 32 bytes per element; the convention does not count that, and
//! neither do the programs' own figures, which makes them comparable.

use crate::measure::best_seconds;
use serde_json::{Value, json};
use std::thread;

/// Elements of each array: 160 MB, beyond every cache.
const ELEMENTS: usize = 20_000_000;
const ROUNDS: usize = 9;

/// Best of several rounds with one thread and with `threads`.
pub(crate) fn stream(threads: usize) -> Value {
    let mut arrays = Arrays::new(threads);
    let one = arrays.gigabytes_per_second(1);
    let all = if threads == 1 { one } else { arrays.gigabytes_per_second(threads) };
    json!({"threads": threads, "one_thread_gbps": one, "all_threads_gbps": all})
}

struct Arrays {
    a: Vec<f64>,
    b: Vec<f64>,
    c: Vec<f64>,
}

impl Arrays {
    /// Written first by the threads that use them later, so that each page lies near its user.
    fn new(threads: usize) -> Arrays {
        let zeros = || vec![0.0; ELEMENTS];
        let mut arrays = Arrays { a: zeros(), b: zeros(), c: zeros() };
        arrays.fill(threads);
        arrays
    }

    fn fill(&mut self, threads: usize) {
        let chunk = ELEMENTS.div_ceil(threads);
        thread::scope(|scope| {
            let parts = self.a.chunks_mut(chunk).zip(self.b.chunks_mut(chunk)).zip(self.c.chunks_mut(chunk));
            for ((a, b), c) in parts {
                scope.spawn(move || {
                    a.fill(0.0);
                    b.fill(1.0);
                    c.fill(2.0);
                });
            }
        });
    }

    fn gigabytes_per_second(&mut self, threads: usize) -> f64 {
        let seconds = best_seconds(ROUNDS, || self.triad(threads, 3.0));
        assert!(self.a.iter().all(|value| *value == 7.0), "1 + 3 * 2 = 7 everywhere");
        24.0 * ELEMENTS as f64 * 1e-9 / seconds
    }

    fn triad(&mut self, threads: usize, s: f64) {
        let chunk = ELEMENTS.div_ceil(threads);
        thread::scope(|scope| {
            let parts = self.a.chunks_mut(chunk).zip(self.b.chunks(chunk)).zip(self.c.chunks(chunk));
            for ((a, b), c) in parts {
                scope.spawn(move || {
                    for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
                        *a = b + s * c;
                    }
                });
            }
        });
    }
}
