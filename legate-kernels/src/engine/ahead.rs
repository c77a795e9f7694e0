//! Fetching the next tile while this one is computed.
//!
//! Where a program computes for long, its kernels leave memory idle most of the time: they work on scratch tiles, and the hardware, which foresees what follows in a
//! page, sees each operand for a moment only. So each step asks for its share of what the next tile will read and write. Measured on the prices of options beyond
//! the cache: 0.5 of 4.8 ns per point. In cache it would cost as much as it saves outside.

/// Programs that compute for less (nanoseconds per point) wait for memory anyway.
const LONG: f64 = 1.5;
/// Operands of fewer bytes are in the second-level cache.
const NEAR: u64 = 1 << 20;
/// Bytes of a cache line.
const LINE: usize = 64;

/// Whether a launch gains by it.
pub(super) fn pays(cost_ns_per_point: f64, operand_bytes: u64) -> bool {
    cost_ns_per_point >= LONG && operand_bytes > NEAR
}

/// Equal shares of the work, one for each of some steps.
#[derive(Clone, Copy)]
pub(super) struct Shares {
    /// In 2^-32 parts of the whole, rounded up so that the last share ends with it. Divisions for each step and operand would cost more than the fetches.
    each: usize,
}

impl Shares {
    pub(super) fn new(steps: usize) -> Shares {
        Shares { each: (1usize << 32).div_ceil(steps.max(1)) }
    }

    /// Asks for a step's share of `bytes` at `start`. They need not be anyone's memory.
    #[inline]
    pub(super) fn fetch(self, start: *const u8, bytes: usize, step: usize, will_write: bool) {
        let lines = bytes / LINE;
        let before = |step: usize| (lines * self.each * step) >> 32;
        (before(step)..before(step + 1)).for_each(|line| fetch_line(start.wrapping_add(line * LINE), will_write));
    }
}

/// Asks for `bytes` at `start`, to be read. They need not be anyone's memory.
#[inline(always)]
pub(crate) fn fetch(start: *const u8, bytes: usize) {
    for line in 0..bytes / LINE {
        fetch_line(start.wrapping_add(line * LINE), false);
    }
}

#[inline(always)]
fn fetch_line(at: *const u8, will_write: bool) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_ET0, _MM_HINT_T0, _mm_prefetch};
        let at = at.cast();
        // SAFETY: every x86-64 CPU takes both for any address; one that does not know the second does nothing.
        unsafe { if will_write { _mm_prefetch::<_MM_HINT_ET0>(at) } else { _mm_prefetch::<_MM_HINT_T0>(at) } }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (at, will_write);
}
