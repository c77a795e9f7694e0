//! The transpose of a matrix times a vector, in one pass over the matrix: rows are scaled and added up.
//!
//! Products and sums are rounded apart (no fused multiply-add), so the bits are the same at every SIMD level; the loops wait for memory anyway.

use super::panel::Panel;
use super::tree::TreeSum;
use super::{Arithmetic, RawMatrix};
use crate::dispatch::run_on;
use crate::isa::Isa;

/// Rows of the leaves of [`gemv_cols`]' tree.
pub const GEMV_LEAF: usize = 64;
/// Rows of a leaf that are added up before they are added to the sum.
const GROUP: usize = 4;
/// Columns of a leaf that are walked before its next rows: a leaf of so many stays in the second-level cache.
const PANEL: usize = 1024;

/// `y[j] = Σ_k x[k]·a[k, j]` for `k < depth`, `j < columns`. `x` and `y` are matrices of one column. `y` is overwritten.
///
/// Leaves of [`GEMV_LEAF`] values of `k`, counted from the first, are joined by the canonical tree. So calls for nodes of the tree over a longer `k`,
/// joined by it, give the bits of one call. Fastest if rows are contiguous; others are packed.
///
/// # Safety
/// As [`gemv_rows`](super::gemv_rows()), `a` being `depth × columns`, `x` `depth × 1`, `y` `columns × 1`.
pub unsafe fn gemv_cols<T: Arithmetic>(
    depth: usize,
    columns: usize,
    a: RawMatrix<T>,
    x: RawMatrix<T>,
    y: RawMatrix<T>,
) {
    // SAFETY: the caller's word.
    unsafe { gemv_cols_at(Isa::best(), depth, columns, a, x, y) }
}

/// [`gemv_cols`] at a given level.
///
/// # Safety
/// As [`gemv_cols`].
pub(super) unsafe fn gemv_cols_at<T: Arithmetic>(
    isa: Isa,
    depth: usize,
    columns: usize,
    a: RawMatrix<T>,
    x: RawMatrix<T>,
    y: RawMatrix<T>,
) {
    let (mut panel, mut vector) = (Panel::new(), Panel::new());
    // SAFETY: the caller's word.
    let x = unsafe { vector.vector(x, depth) };
    run_on(isa, {
        #[inline(always)]
        || {
            for j in (0..columns).step_by(PANEL) {
                let width = PANEL.min(columns - j);
                // SAFETY: columns j .. j + width of `a` and as many elements of `y`.
                unsafe { some_columns(width, a.from(0, j), x, y.from(j, 0), &mut panel) };
            }
        }
    });
}

/// # Safety
/// As [`gemv_cols`] for `width` columns of `x.len()` rows.
#[inline(always)]
unsafe fn some_columns<T: Arithmetic>(width: usize, a: RawMatrix<T>, x: &[T], y: RawMatrix<T>, panel: &mut Panel<T>) {
    // Buffers of nodes that have been added to their left neighbours.
    let mut spare: Vec<Vec<T>> = Vec::new();
    let add = |left: &mut Vec<T>, right: &[T]| left.iter_mut().zip(right).for_each(|(l, r)| *l = l.plus(*r));
    let mut sum = TreeSum::new();
    for (leaf, x) in x.chunks(GEMV_LEAF).enumerate() {
        let mut acc = spare.pop().unwrap_or_else(|| vec![T::ZERO; width]);
        // SAFETY: rows of the leaf.
        unsafe {
            let rows = panel.contiguous(a.from(leaf * GEMV_LEAF, 0), x.len(), width);
            leaf_sums(&mut acc, rows, x);
        }
        sum.push(acc, |mut left, right| {
            add(&mut left, &right);
            spare.push(right);
            left
        });
    }
    let whole = sum.finish(|mut left, right| {
        add(&mut left, &right);
        left
    });
    let sums = whole.unwrap_or_else(|| vec![T::ZERO; width]);
    for (j, value) in sums.into_iter().enumerate() {
        // SAFETY: element j of `y`.
        unsafe { y.at(j, 0).write(value) };
    }
}

/// `sums[j] = Σ_k x[k]·a[k, j]` over the rows of a leaf. Columns are taken 32 at a time as long as there are so many, then 8, 4, one.
///
/// # Safety
/// `a` has `x.len()` rows of `sums.len()` adjacent elements, valid for reading.
#[inline(always)]
unsafe fn leaf_sums<T: Arithmetic>(sums: &mut [T], a: RawMatrix<T>, x: &[T]) {
    let columns = sums.len();
    let mut done = 0;
    macro_rules! columns_by {
        ($width:expr) => {
            while columns - done >= $width {
                // SAFETY: columns of `a`.
                let some: [T; $width] = unsafe { leaf_columns(a.from(0, done), x) };
                sums[done..done + $width].copy_from_slice(&some);
                done += $width;
            }
        };
    }
    columns_by!(32);
    columns_by!(8);
    columns_by!(4);
    columns_by!(1);
}

/// [`leaf_sums`] for `W` columns, whose sums stay in registers.
///
/// # Safety
/// As [`leaf_sums`].
#[inline(always)]
unsafe fn leaf_columns<T: Arithmetic, const W: usize>(a: RawMatrix<T>, x: &[T]) -> [T; W] {
    // SAFETY: `W` adjacent elements of row k, valid for reading by the caller's word.
    let row = |k: usize| -> &[T; W] { unsafe { &*a.at(k, 0).cast() } };
    let mut sums = [T::ZERO; W];
    let (groups, rest) = x.as_chunks::<GROUP>();
    for (g, x) in groups.iter().enumerate() {
        let [r0, r1, r2, r3] = [0, 1, 2, 3].map(|r| row(g * GROUP + r));
        for j in 0..W {
            let low = x[0].times(r0[j]).plus(x[1].times(r1[j]));
            let high = x[2].times(r2[j]).plus(x[3].times(r3[j]));
            sums[j] = sums[j].plus(low.plus(high));
        }
    }
    for (k, x) in rest.iter().enumerate() {
        let row = row(groups.len() * GROUP + k);
        for j in 0..W {
            sums[j] = sums[j].plus(x.times(row[j]));
        }
    }
    sums
}
