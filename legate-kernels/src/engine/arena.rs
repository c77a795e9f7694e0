//! Scratch memory of a run: one block for each thread, grown as needed and kept.

use std::cell::RefCell;

/// One cache line, so that the memory begins at one.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

thread_local! {
    static ARENA: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// Beyond this many bytes the memory is given back after the run.
const KEPT_BYTES: usize = 4 << 20;

/// Calls `body` with `bytes` bytes of initialised memory that nobody else uses, at a cache line.
pub(super) fn with_arena<R>(bytes: usize, body: impl FnOnce(*mut u8) -> R) -> R {
    // Taken out, so that a run inside a run gets memory of its own.
    let mut lines = ARENA.take();
    let needed = bytes.div_ceil(size_of::<Line>());
    if lines.len() < needed {
        lines.resize(needed, Line([0; 64]));
    }
    let result = body(lines.as_mut_ptr().cast());
    if lines.len() * size_of::<Line>() <= KEPT_BYTES {
        ARENA.set(lines);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_runs_get_memory_of_their_own() {
        with_arena(100, |outer| {
            with_arena(100, |inner| assert_ne!(outer, inner));
            assert_eq!(outer.addr() % 64, 0);
        });
    }
}
