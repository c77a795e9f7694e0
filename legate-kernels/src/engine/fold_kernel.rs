//! Kernels of folds, and the tree that joins their results.

use super::fold_columns::{self, FoldRows, Rows};
use super::fold_lanes::{self, Runs};
use super::packed::{Packed, elements, elements_mut};
use crate::dtype::{DType, Element};
use crate::isa::{Isa, Level};
use crate::ops::{BinaryFn, FoldRow, FoldVisitor, ReduceOp};
use smallvec::SmallVec;

/// Rows of at most this many elements are too short for vectors.
const NARROW: usize = 4;

/// The kernels of one fold for one ISA level.
#[derive(Clone, Copy, Debug)]
pub(super) struct FoldKernel {
    runs: Runs,
    rows: FoldRows,
    narrow: fn(acc: &mut [u8], x: &[u8]),
    size: usize,
}

impl FoldKernel {
    pub(super) fn new(op: ReduceOp, dtype: DType, isa: Isa) -> FoldKernel {
        let kernel = op.visit(dtype, Find(isa)).expect("a validated program folds only where there is a loop");
        let (runs, rows) = in_registers(op, dtype, isa).unwrap_or((kernel.runs, kernel.rows));
        FoldKernel { runs, rows, ..kernel }
    }

    /// Folds every `run` elements of `x` (the last time, what is left) to one of `results`: in blocks of `block` elements, joined by the canonical tree.
    pub(super) fn runs(&self, results: &mut [u8], x: &[u8], run: usize, block: usize) {
        debug_assert_eq!(results.len() / self.size, (x.len() / self.size).div_ceil(run));
        // SAFETY: the kernel was made for an ISA level that this CPU has.
        unsafe { (self.runs)(results, x, run, block) }
    }

    /// Joins results that follow each other, by the canonical tree.
    pub(super) fn join(&self, results: &[u8]) -> Root {
        let mut root = Root::from_slice(&results[..self.size]);
        let count = results.len() / self.size;
        if count > 1 {
            self.runs(&mut root, results, count, 1);
        }
        root
    }

    /// Folds whole rows into an accumulator: `acc[j] = acc[j] ⊕ x[r·w + j]`, in order, for `w` elements of `acc` and all whole rows of `x`.
    pub(super) fn rows(&self, acc: &mut [u8], x: &[u8]) {
        if acc.len() <= NARROW * self.size {
            return (self.narrow)(acc, x);
        }
        // SAFETY: the rows are in `x`; the kernel was made for an ISA level that this CPU has.
        unsafe {
            let rows = Rows::new(x.as_ptr(), acc.len() as isize, x.len() / acc.len(), acc.len());
            (self.rows)(acc, rows, false);
        }
    }

    /// Folds at least one row, in order, to `acc`.
    pub(super) fn block_of_rows(&self, acc: &mut [u8], rows: Rows) {
        // SAFETY: the kernel was made for an ISA level that this CPU has.
        unsafe { (self.rows)(acc, rows, true) };
    }
}

/// The loops whose accumulators are in named registers, if there are such.
fn in_registers(op: ReduceOp, dtype: DType, isa: Isa) -> Option<(Runs, FoldRows)> {
    match isa.level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => Some((fold_lanes::x86::avx512(op, dtype)?, fold_columns::x86::avx512(op, dtype)?)),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => Some((fold_lanes::x86::avx2(op, dtype)?, fold_columns::x86::avx2(op, dtype)?)),
        _ => None,
    }
}

struct Find(Isa);

impl FoldVisitor for Find {
    type Output = FoldKernel;
    fn visit<T: Element, F: BinaryFn<T, Out = T> + FoldRow>(self) -> FoldKernel {
        let (runs, rows): (Runs, FoldRows) = if F::FOR_EACH_ISA {
            (fold_lanes::runs::<T, F>(self.0), fold_columns::rows::<T, F>(self.0))
        } else {
            (fold_lanes::portable_body::<T, F>, fold_columns::portable_body::<T, F>)
        };
        FoldKernel { runs, rows, narrow: narrow_rows::<T, F>, size: size_of::<T>() }
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
        if self.heights.last() != Some(&0) {
            self.nodes.extend_from_slice(leaf);
            return self.heights.push(0);
        }
        let sibling = self.nodes.len() - self.width;
        self.kernel.rows(&mut self.nodes[sibling..], leaf);
        self.heights.pop();
        let mut height = 1;
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
