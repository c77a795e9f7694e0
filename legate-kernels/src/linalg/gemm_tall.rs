//! Products that fold a long `k` into a small matrix (`X.T @ X` of many samples): what there is to share is `k`.
//!
//! Leaves of [`GEMM_LEAF`] values of `k` are products of their own ([`gemm()`](super::gemm())), joined by the canonical tree. So nodes of the tree may be computed by
//! several threads, or on several ranks, without a change of bits.

use super::tree::TreeSum;
use super::{Arithmetic, GEMM_TILE, RawMatrix, gemm};
use crate::parallel::{Shared, Threads};
use std::sync::OnceLock;

/// Values of `k` in a leaf of [`gemm_tall`]'s tree.
pub const GEMM_LEAF: usize = 1024;
/// Leaves that a product has at least to be summed as a tree.
const FEWEST_LEAVES: usize = 4;
/// How much longer than the result's sides `k` is: adding up leaves is then a small part of the work, and a result of each node little memory.
const TALL: usize = 8;

/// Whether a product of these extents, [rows of c, columns of c, k], is to be computed by [`gemm_tall`]: whoever computes a part of it has to know.
pub fn is_tall([m, n, k]: [usize; 3]) -> bool {
    k >= FEWEST_LEAVES * GEMM_LEAF && k / TALL >= m.max(n)
}

/// As [`gemm()`](super::gemm()), in another order: leaves of [`GEMM_LEAF`] values of `k`, counted from the first, are joined by the canonical tree. So calls for nodes of the tree
/// over a longer `k`, joined by it, give the bits of one call. The threads share nodes.
///
/// # Safety
/// As [`gemm()`](super::gemm()).
pub unsafe fn gemm_tall<T: Arithmetic>(
    extents: [usize; 3],
    a: RawMatrix<T>,
    b: RawMatrix<T>,
    c: RawMatrix<T>,
    threads: Threads<'_>,
) {
    let [m, n, k] = extents;
    for i in (0..m).step_by(GEMM_TILE) {
        for j in (0..n).step_by(GEMM_TILE) {
            let tile = [GEMM_TILE.min(m - i), GEMM_TILE.min(n - j), k];
            // SAFETY: a tile of `c`, its rows of `a` and columns of `b`.
            unsafe { tall_tile(tile, a.from(i, 0), b.from(0, j), c.from(i, j), threads) };
        }
    }
}

/// # Safety
/// As [`gemm()`](super::gemm()).
unsafe fn tall_tile<T: Arithmetic>(
    [m, n, k]: [usize; 3],
    a: RawMatrix<T>,
    b: RawMatrix<T>,
    c: RawMatrix<T>,
    threads: Threads<'_>,
) {
    // Nodes of as many leaves as a power of two are subtrees; a few for each thread.
    let share = k.div_ceil(GEMM_LEAF).div_ceil(2 * threads.count());
    let node = GEMM_LEAF * if threads.count() > 1 { share.next_power_of_two() } else { k.max(1).next_power_of_two() };
    let nodes = k.div_ceil(node).max(1);
    let sums: Vec<OnceLock<Vec<T>>> = (0..nodes).map(|_| OnceLock::new()).collect();
    let at = [a, b].map(|factor| (Shared::new(factor.ptr), factor.strides));
    threads.for_each(nodes, |which| {
        let [a, b] = at.map(|(ptr, strides)| RawMatrix::<T>::new(ptr.get(), strides));
        let (from, to) = (which * node, k.min((which + 1) * node));
        // SAFETY: a part of `k`, by the caller's word.
        let sum = unsafe { leaves([m, n, to - from], a.from(0, from), b.from(from, 0)) };
        sums[which].set(sum).expect("each node is computed once");
    });
    let mut all = TreeSum::new();
    let sums = sums.into_iter().map(|sum| sum.into_inner().expect("all were computed"));
    sums.for_each(|sum| all.push(sum, add));
    let sum = all.finish(add).expect("there is a node");
    for (row, values) in sum.chunks_exact(n).enumerate() {
        for (column, value) in values.iter().enumerate() {
            // SAFETY: an element of `c`.
            unsafe { c.at(row, column).write(*value) };
        }
    }
}

/// The sum of a node's leaves, row-major.
///
/// # Safety
/// As [`gemm()`](super::gemm()), without `c`.
unsafe fn leaves<T: Arithmetic>([m, n, k]: [usize; 3], a: RawMatrix<T>, b: RawMatrix<T>) -> Vec<T> {
    let mut spare: Vec<Vec<T>> = Vec::new();
    let mut sum = TreeSum::new();
    for from in (0..k.max(1)).step_by(GEMM_LEAF) {
        let mut leaf = spare.pop().unwrap_or_else(|| vec![T::ZERO; m * n]);
        let size = size_of::<T>() as isize;
        let c = RawMatrix::new(leaf.as_mut_ptr().cast(), [n as isize * size, size]);
        // SAFETY: the caller's word for the factors; `leaf` has m·n elements of its own.
        unsafe { gemm([m, n, GEMM_LEAF.min(k - from)], a.from(0, from), b.from(from, 0), c) };
        sum.push(leaf, |left, right| {
            let mut left = left;
            add_to(&mut left, &right);
            spare.push(right);
            left
        });
    }
    sum.finish(add).expect("there is a leaf")
}

fn add<T: Arithmetic>(mut left: Vec<T>, right: Vec<T>) -> Vec<T> {
    add_to(&mut left, &right);
    left
}

fn add_to<T: Arithmetic>(left: &mut [T], right: &[T]) {
    left.iter_mut().zip(right).for_each(|(l, r)| *l = l.plus(*r));
}
