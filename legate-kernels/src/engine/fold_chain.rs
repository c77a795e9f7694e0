//! Folds of chains: `sum((x - mean)²)` in one loop, the value so far and the lanes of the fold in registers.
//!
//! The chain ends in the lanes of a block ([`mod@crate::reduce`]) instead of in memory: nothing but the operands is read, and nothing is written.

use super::chain::{self, Joint};
use super::plan::Fold;
use crate::reduce::LANES;
use smallvec::{SmallVec, smallvec};

/// Bytes of the lanes of the widest elements that chains have.
const LANE_BYTES: usize = LANES * 8;

/// Memory for a strip of elements.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Strip([u8; LANE_BYTES]);

const EMPTY: Strip = Strip([0; LANE_BYTES]);

/// A chain whose values are folded.
pub(super) struct FoldedChain<'a> {
    pub(super) fold: &'a Fold,
    /// Folds whole strips to lanes.
    pub(super) lanes: chain::FoldLoop,
    /// Computes a strip.
    pub(super) walk: chain::Loop,
    pub(super) first: Joint,
    pub(super) joints: &'a [Joint],
}

impl FoldedChain<'_> {
    /// Folds every `run` of `points` points to one of `results`, as [`super::fold_kernel::FoldKernel::runs`] does.
    ///
    /// # Safety
    /// The inputs of the chain have `points` elements, and this CPU has its instructions.
    pub(super) unsafe fn runs(&self, results: &mut [u8], points: usize, run: usize, block: usize) {
        let size = self.fold.dtype.size();
        let mut blocks: SmallVec<[u8; 256]> = SmallVec::new();
        for (result, start) in results.chunks_exact_mut(size).zip((0..points).step_by(run)) {
            let end = points.min(start + run);
            if end - start <= block {
                // SAFETY: the caller's promise.
                unsafe { self.block(result, start, end) };
                continue;
            }
            blocks.resize((end - start).div_ceil(block) * size, 0);
            for (result, start) in blocks.chunks_exact_mut(size).zip((start..end).step_by(block)) {
                // SAFETY: the caller's promise.
                unsafe { self.block(result, start, end.min(start + block)) };
            }
            result.copy_from_slice(&self.fold.kernel.join(&blocks));
        }
    }

    /// Folds the points `start .. end`, a block.
    ///
    /// # Safety
    /// As for [`FoldedChain::runs`].
    unsafe fn block(&self, result: &mut [u8], start: usize, end: usize) {
        let size = self.fold.dtype.size();
        let whole = start + (end - start) / LANES * LANES;
        let mut lanes = EMPTY;
        if whole > start {
            // SAFETY: lanes have room for a strip; the rest is the caller's promise.
            unsafe { (self.lanes)(lanes.0.as_mut_ptr(), self.first, self.joints, start..whole) };
        }
        let mut count = LANES.min(end - start);
        if whole < end {
            // SAFETY: the caller's promise.
            let tail = unsafe { self.tail(whole, end) };
            let tail = &tail.0[..(end - whole) * size];
            if whole > start {
                self.fold.kernel.rows(&mut lanes.0[..tail.len()], tail);
            } else {
                lanes.0[..tail.len()].copy_from_slice(tail);
                count = end - whole;
            }
        }
        self.fold.kernel.runs(result, &lanes.0[..count * size], count, count);
    }

    /// The values of less than a strip. The inputs go through memory where there is room to compute too much.
    ///
    /// # Safety
    /// As for [`FoldedChain::runs`].
    #[cold]
    unsafe fn tail(&self, start: usize, end: usize) -> Strip {
        let size = self.fold.dtype.size();
        let mut strips: SmallVec<[Strip; 4]> = smallvec![EMPTY; 1 + self.joints.len()];
        let inputs = std::iter::once(&self.first).chain(self.joints).zip(&mut strips);
        // SAFETY: the input has these elements.
        let mut inputs = inputs.map(|(joint, strip)| unsafe { joint.copied(&mut strip.0, start..end, size) });
        let first = inputs.next().expect("a chain begins somewhere");
        let joints: SmallVec<[Joint; 1 + chain::LONGEST]> = inputs.collect();
        let mut values = EMPTY;
        // SAFETY: inputs and result are strips; the rest is the caller's promise.
        unsafe { (self.walk)(values.0.as_mut_ptr(), first, &joints, LANES) };
        values
    }
}
