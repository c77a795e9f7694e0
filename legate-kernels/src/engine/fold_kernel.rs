//! Kernels of folds, and the tree that joins their results.

use super::kernel::shells;
use super::packed::{Packed, elements, elements_mut};
use crate::dtype::{DType, Element};
use crate::isa::{Isa, Level};
use crate::ops::{BinaryFn, FoldRow, FoldVisitor, ReduceOp};
use crate::reduce::BLOCK;
use smallvec::SmallVec;

/// Folds a block of 1 to 1024 elements by halving; the result is the first element of the workspace, which holds [`HALF`] elements. Meanwhile fetches
/// as many bytes from `ahead` on into the cache.
type Halve = unsafe fn(workspace: &mut [u8], x: &[u8], ahead: *const u8);
/// Folds rows into an accumulator, in order: `acc[j] = acc[j] ⊕ x[r·w + j]` for `w` elements of `acc` and all whole rows of `x`.
type Rows = unsafe fn(acc: &mut [u8], x: &[u8]);

/// Half a block.
const HALF: usize = BLOCK / 2;

/// Rows of at most this many elements are too short for vectors.
const NARROW: usize = 4;

/// Bytes of half a block of the widest elements.
pub(super) const WORKSPACE: usize = HALF * 16;

/// The kernels of one fold for one ISA level.
#[derive(Clone, Copy, Debug)]
pub(super) struct FoldKernel {
    halve: Halve,
    rows: Rows,
    narrow: fn(acc: &mut [u8], x: &[u8]),
    size: usize,
}

impl FoldKernel {
    pub(super) fn new(op: ReduceOp, dtype: DType, isa: Isa) -> FoldKernel {
        op.visit(dtype, Find(isa)).expect("a validated program folds only where there is a loop")
    }

    /// Folds the elements of one block. The result is the first element of `workspace`, which has [`WORKSPACE`] bytes.
    ///
    /// `ahead`: what is needed next. Halving reads a block out of order, which the hardware does not foresee; so it fetches the next one in order.
    pub(super) fn halve<'w>(&self, workspace: &'w mut [u8], x: &[u8], ahead: *const u8) -> &'w [u8] {
        debug_assert_eq!(workspace.len(), WORKSPACE);
        // SAFETY: the kernel was made for an ISA level that this CPU has.
        unsafe { (self.halve)(workspace, x, ahead) };
        &workspace[..self.size]
    }

    /// Folds whole rows into an accumulator.
    pub(super) fn rows(&self, acc: &mut [u8], x: &[u8]) {
        if acc.len() <= NARROW * self.size {
            return (self.narrow)(acc, x);
        }
        // SAFETY: the kernel was made for an ISA level that this CPU has.
        unsafe { (self.rows)(acc, x) };
    }
}

struct Find(Isa);

impl FoldVisitor for Find {
    type Output = FoldKernel;
    fn visit<T: Element, F: BinaryFn<T, Out = T> + FoldRow>(self) -> FoldKernel {
        let (halve, rows): (Halve, Rows) = if F::FOR_EACH_ISA {
            (halve::<T, F>(self.0), rows::<T, F>(self.0))
        } else {
            (halve_body::<T, F>, rows_body::<T, F>)
        };
        FoldKernel { halve, rows, narrow: narrow_rows::<T, F>, size: size_of::<T>() }
    }
}

shells!(fn halve<T: Element, F: BinaryFn<T, Out = T>>(workspace: &mut [u8], x: &[u8], ahead: *const u8) = halve_body as Halve);
shells!(fn rows<T: Element, F: BinaryFn<T, Out = T>>(acc: &mut [u8], x: &[u8]) = rows_body as Rows);

#[inline(always)]
fn halve_body<T: Element, F: BinaryFn<T, Out = T>>(workspace: &mut [u8], x: &[u8], ahead: *const u8) {
    let x = elements::<T>(x);
    let Some(work) = elements_mut::<T>(workspace).first_chunk_mut::<HALF>() else { return };
    let left = if let Ok(x) = <&[Packed<T>; BLOCK]>::try_from(x) {
        // Two halvings at once.
        const QUARTER: usize = BLOCK / 4;
        const PART: usize = QUARTER / 8;
        for start in (0..QUARTER).step_by(PART) {
            fetch(ahead.wrapping_add(4 * start * size_of::<T>()), 4 * PART * size_of::<T>());
            for i in start..start + PART {
                let even = F::apply(x[i].get(), x[i + 2 * QUARTER].get());
                let odd = F::apply(x[i + QUARTER].get(), x[i + 3 * QUARTER].get());
                work[i] = Packed::new(F::apply(even, odd));
            }
        }
        QUARTER
    } else if x.len() > 1 {
        let middle = x.len().next_power_of_two() / 2;
        let (low, high) = x.split_at(middle);
        for ((w, l), h) in work.iter_mut().zip(low).zip(high) {
            *w = Packed::new(F::apply(l.get(), h.get()));
        }
        work[high.len()..middle].copy_from_slice(&low[high.len()..]);
        middle
    } else {
        work[..x.len()].copy_from_slice(x);
        return;
    };
    if left > 256 {
        halve_once::<T, F, 256>(work);
    }
    if left > 128 {
        halve_once::<T, F, 128>(work);
    }
    if left > 64 {
        halve_once::<T, F, 64>(work);
    }
    if left > 32 {
        halve_once::<T, F, 32>(work);
    }
    if left > 16 {
        halve_once::<T, F, 16>(work);
    }
    if left > 8 {
        halve_once::<T, F, 8>(work);
    }
    if left > 4 {
        halve_once::<T, F, 4>(work);
    }
    if left > 2 {
        halve_once::<T, F, 2>(work);
    }
    if left > 1 {
        halve_once::<T, F, 1>(work);
    }
}

/// Asks for bytes to be brought into the cache. They need not be anyone's memory.
#[inline(always)]
fn fetch(start: *const u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    for at in (0..bytes).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 CPU has the instruction, and it takes any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(at).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (start, bytes);
}

/// `work[i] = work[i] ⊕ work[i + M]` for `i < M`. With `M` known, the compiler sees that the halves do not overlap.
#[inline(always)]
fn halve_once<T: Element, F: BinaryFn<T, Out = T>, const M: usize>(work: &mut [Packed<T>; HALF]) {
    for i in 0..M {
        work[i] = Packed::new(F::apply(work[i].get(), work[i + M].get()));
    }
}

#[inline(always)]
fn rows_body<T: Element, F: BinaryFn<T, Out = T>>(acc: &mut [u8], x: &[u8]) {
    let (acc, x) = (elements_mut::<T>(acc), elements::<T>(x));
    for row in x.chunks_exact(acc.len().max(1)) {
        for (a, x) in acc.iter_mut().zip(row) {
            *a = Packed::new(F::apply(a.get(), x.get()));
        }
    }
}

/// Rows of a few elements, which stay in registers.
fn narrow_rows<T: Element, F: BinaryFn<T, Out = T>>(acc: &mut [u8], x: &[u8]) {
    let (acc, x) = (elements_mut::<T>(acc), elements::<T>(x));
    match acc.len() {
        1 => rows_of::<T, F, 1>(acc, x),
        2 => rows_of::<T, F, 2>(acc, x),
        3 => rows_of::<T, F, 3>(acc, x),
        4 => rows_of::<T, F, 4>(acc, x),
        _ => {}
    }
}

#[inline(always)]
fn rows_of<T: Element, F: BinaryFn<T, Out = T>, const W: usize>(acc: &mut [Packed<T>], x: &[Packed<T>]) {
    let Some(acc) = acc.first_chunk_mut::<W>() else { return };
    let mut sums: [T; W] = acc.map(Packed::get);
    for row in x.as_chunks::<W>().0 {
        for j in 0..W {
            sums[j] = F::apply(sums[j], row[j].get());
        }
    }
    *acc = sums.map(Packed::new);
}

/// A result: a row of elements.
pub(super) type Root = SmallVec<[u8; 16]>;

/// Joins results that come in order, one leaf of the canonical tree after the other.
///
/// A result is a row of elements, each folded by itself. The stack holds the nodes that still wait for their right sibling; a node of
/// height `h` covers `2^h` leaves.
pub(super) struct Tree {
    kernel: FoldKernel,
    /// Bytes of a result.
    width: usize,
    nodes: SmallVec<[u8; 128]>,
    heights: SmallVec<[u32; 16]>,
}

impl Tree {
    pub(super) fn new(kernel: FoldKernel, width: usize) -> Tree {
        Tree { kernel, width, nodes: SmallVec::new(), heights: SmallVec::new() }
    }

    /// The next leaf.
    pub(super) fn push(&mut self, leaf: &[u8]) {
        debug_assert_eq!(leaf.len(), self.width);
        self.nodes.extend_from_slice(leaf);
        let mut height = 0;
        while self.heights.last() == Some(&height) {
            self.join();
            self.heights.pop();
            height += 1;
        }
        self.heights.push(height);
    }

    /// The root, copied to `root`; `false` if there was no leaf. The tree is empty again.
    pub(super) fn finish(&mut self, root: &mut Root) -> bool {
        root.clear();
        while self.nodes.len() > self.width {
            self.join();
        }
        root.extend_from_slice(&self.nodes);
        self.nodes.clear();
        self.heights.clear();
        !root.is_empty()
    }

    /// Joins the last two nodes.
    fn join(&mut self) {
        let last = self.nodes.len() - self.width;
        let (left, right) = self.nodes.split_at_mut(last);
        self.kernel.rows(&mut left[last - self.width..], right);
        self.nodes.truncate(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_joins_by_powers_of_two() {
        // Floats of very different size show the order in which they are added.
        let kernel = FoldKernel::new(ReduceOp::Add, DType::F64, Isa::best());
        let leaves = [1.0, 1e16, -1e16, 1.0, 0.5];
        let mut tree = Tree::new(kernel, 8);
        leaves.iter().for_each(|leaf: &f64| tree.push(&leaf.to_ne_bytes()));
        let mut root = Root::new();
        assert!(tree.finish(&mut root));
        let expected = ((leaves[0] + leaves[1]) + (leaves[2] + leaves[3])) + leaves[4];
        assert_eq!(root.as_slice(), expected.to_ne_bytes());
        assert!(!tree.finish(&mut root), "the tree is empty again");
    }
}
