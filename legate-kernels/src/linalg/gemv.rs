//! Matrix times vector: one pass over the matrix at the speed of memory.
//!
//! Products and sums are rounded apart (no fused multiply-add), so the bits are the same at every SIMD level; the loops wait for memory anyway.

use super::panel::Panel;
use super::tree::TreeSum;
use super::{Arithmetic, RawMatrix};
use crate::dispatch::Level;

/// Columns of [`gemv_rows`] that are summed in lanes.
const BLOCK: usize = 1024;
/// Lanes: element `k` of a block goes to lane `k mod LANES`.
const LANES: usize = 16;
/// Rows that share each load of `x`.
const ROWS: usize = 4;
/// Rows that are summed together if they are shorter than [`LANES`].
const SHORT_ROWS: usize = 16;
/// Rows of the leaves of [`gemv_cols`]' tree.
pub const GEMV_LEAF: usize = 64;
/// Rows of a leaf that are added up before they are added to the sum.
const GROUP: usize = 4;
/// Columns whose sums are kept in the first-level cache at a time.
const PANEL: usize = 512;

/// `y[i] = Σ_k a[i, k]·x[k]` for `i < rows`, `k < depth`. `x` and `y` are matrices of one column.
///
/// The bits of `y[i]` depend on row `i`, `x` and `depth` only. Fastest if rows are contiguous; others are packed, eight at a time.
///
/// # Safety
/// The elements of `a` (`rows × depth`) and `x` (`depth × 1`) are valid for reading, those of `y` (`rows × 1`) for writing; all are
/// aligned; nobody else touches `y` meanwhile, nor writes `a` or `x`; `y` does not overlap them.
pub unsafe fn gemv_rows<T: Arithmetic>(rows: usize, depth: usize, a: RawMatrix<T>, x: RawMatrix<T>, y: RawMatrix<T>) {
    // SAFETY: the caller's word.
    unsafe { gemv_rows_at(Level::best(), rows, depth, a, x, y) }
}

/// [`gemv_rows`] at a given level.
///
/// # Safety
/// As [`gemv_rows`].
pub(super) unsafe fn gemv_rows_at<T: Arithmetic>(
    level: Level,
    rows: usize,
    depth: usize,
    a: RawMatrix<T>,
    x: RawMatrix<T>,
    y: RawMatrix<T>,
) {
    let (mut panel, mut vector) = (Panel::new(), Panel::new());
    // SAFETY: the caller's word.
    let x = unsafe { vector.vector(x, depth) };
    level.run({
        #[inline(always)]
        || {
            let mut i = 0;
            if depth < LANES {
                while i + SHORT_ROWS <= rows {
                    // SAFETY: rows i .. i + SHORT_ROWS of `a` and as many elements of `y`.
                    unsafe { short_rows(a.from(i, 0), x, y.from(i, 0)) };
                    i += SHORT_ROWS;
                }
            }
            while i + ROWS <= rows {
                // SAFETY: rows i .. i + ROWS of `a` and as many elements of `y`.
                unsafe { some_rows::<T, ROWS>(a.from(i, 0), x, y.from(i, 0), &mut panel) };
                i += ROWS;
            }
            while i < rows {
                // SAFETY: row i.
                unsafe { some_rows::<T, 1>(a.from(i, 0), x, y.from(i, 0), &mut panel) };
                i += 1;
            }
        }
    });
}

/// # Safety
/// As [`gemv_rows`] for `N` rows of `x.len()` columns.
#[inline(always)]
unsafe fn some_rows<T: Arithmetic, const N: usize>(a: RawMatrix<T>, x: &[T], y: RawMatrix<T>, panel: &mut Panel<T>) {
    let sums = if x.len() <= BLOCK {
        // SAFETY: all columns.
        dot_block(unsafe { panel.rows::<N>(a, x.len()) }, x)
    } else {
        let join = |l: [T; N], r: [T; N]| -> [T; N] { std::array::from_fn(|i| l[i].plus(r[i])) };
        let mut sum = TreeSum::new();
        for (b, x) in x.chunks(BLOCK).enumerate() {
            // SAFETY: columns of the block.
            let rows = unsafe { panel.rows::<N>(a.from(0, b * BLOCK), x.len()) };
            sum.push(dot_block(rows, x), join);
        }
        sum.finish(join).expect("more than one block")
    };
    for (i, value) in sums.into_iter().enumerate() {
        // SAFETY: element i of `y`.
        unsafe { y.at(i, 0).write(value) };
    }
}

/// [`SHORT_ROWS`] rows of fewer than [`LANES`] columns: as [`dot_block`], with a vector of rows for each lane.
///
/// # Safety
/// As [`gemv_rows`] for these rows and `x.len()` columns.
#[inline(always)]
unsafe fn short_rows<T: Arithmetic>(a: RawMatrix<T>, x: &[T], y: RawMatrix<T>) {
    let mut lanes = [[T::ZERO; SHORT_ROWS]; LANES];
    for (k, (lane, &x)) in lanes.iter_mut().zip(x).enumerate() {
        for (r, sum) in lane.iter_mut().enumerate() {
            // SAFETY: an element of these rows.
            *sum = sum.plus(unsafe { a.at(r, k).read() }.times(x));
        }
    }
    let mut width = LANES / 2;
    while width > 0 {
        let (low, high) = lanes.split_at_mut(width);
        for (low, high) in low.iter_mut().zip(high) {
            low.iter_mut().zip(high).for_each(|(l, h)| *l = l.plus(*h));
        }
        width /= 2;
    }
    for (r, &value) in lanes[0].iter().enumerate() {
        // SAFETY: element r of `y`.
        unsafe { y.at(r, 0).write(value) };
    }
}

/// The products of `N` rows with `x`, at most [`BLOCK`] long: lanes, then halves of lanes.
#[inline(always)]
fn dot_block<T: Arithmetic, const N: usize>(rows: [&[T]; N], x: &[T]) -> [T; N] {
    let mut lanes = [[T::ZERO; LANES]; N];
    let (x_chunks, x_rest) = x.as_chunks::<LANES>();
    // All of one length, which the compiler is to see.
    let parts = rows.map(|row| row[..x.len()].as_chunks::<LANES>());
    let chunks = parts.map(|(chunks, _)| &chunks[..x_chunks.len()]);
    for (k, x) in x_chunks.iter().enumerate() {
        for (lanes, row) in lanes.iter_mut().zip(&chunks) {
            for l in 0..LANES {
                lanes[l] = lanes[l].plus(row[k][l].times(x[l]));
            }
        }
    }
    for (lanes, (_, rest)) in lanes.iter_mut().zip(parts) {
        for ((lane, value), x) in lanes.iter_mut().zip(rest).zip(x_rest) {
            *lane = lane.plus(value.times(*x));
        }
    }
    lanes.map(halve)
}

#[inline(always)]
fn halve<T: Arithmetic>(mut lanes: [T; LANES]) -> T {
    let mut width = LANES / 2;
    while width > 0 {
        for l in 0..width {
            lanes[l] = lanes[l].plus(lanes[l + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// `y[j] = Σ_k x[k]·a[k, j]` for `k < depth`, `j < columns`. `x` and `y` are matrices of one column. `y` is overwritten.
///
/// Leaves of [`GEMV_LEAF`] values of `k`, counted from the first, are joined by the canonical tree. So calls for nodes of the tree over a longer `k`,
/// joined by it, give the bits of one call. Fastest if rows are contiguous; others are packed.
///
/// # Safety
/// As [`gemv_rows`], `a` being `depth × columns`, `x` `depth × 1`, `y` `columns × 1`.
pub unsafe fn gemv_cols<T: Arithmetic>(
    depth: usize,
    columns: usize,
    a: RawMatrix<T>,
    x: RawMatrix<T>,
    y: RawMatrix<T>,
) {
    // SAFETY: the caller's word.
    unsafe { gemv_cols_at(Level::best(), depth, columns, a, x, y) }
}

/// [`gemv_cols`] at a given level.
///
/// # Safety
/// As [`gemv_cols`].
pub(super) unsafe fn gemv_cols_at<T: Arithmetic>(
    level: Level,
    depth: usize,
    columns: usize,
    a: RawMatrix<T>,
    x: RawMatrix<T>,
    y: RawMatrix<T>,
) {
    let (mut panel, mut vector) = (Panel::new(), Panel::new());
    // SAFETY: the caller's word.
    let x = unsafe { vector.vector(x, depth) };
    level.run({
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
        acc.fill(T::ZERO);
        // SAFETY: rows of the leaf.
        unsafe { leaf_sums(&mut acc, a.from(leaf * GEMV_LEAF, 0), x, panel) };
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

/// Adds `Σ_k x[k]·a[k, ..]` to `acc`, [`GROUP`] rows at a time.
///
/// # Safety
/// `a` has `x.len()` rows of `acc.len()` elements, valid for reading.
#[inline(always)]
unsafe fn leaf_sums<T: Arithmetic>(acc: &mut [T], a: RawMatrix<T>, x: &[T], panel: &mut Panel<T>) {
    let groups = x.chunks_exact(GROUP);
    let rest = groups.remainder();
    let whole = x.len() - rest.len();
    for (g, x) in groups.enumerate() {
        // SAFETY: GROUP rows.
        let rows = unsafe { panel.rows::<GROUP>(a.from(g * GROUP, 0), acc.len()) };
        let [r0, r1, r2, r3] = rows.map(|row| &row[..acc.len()]);
        for (j, acc) in acc.iter_mut().enumerate() {
            let low = x[0].times(r0[j]).plus(x[1].times(r1[j]));
            let high = x[2].times(r2[j]).plus(x[3].times(r3[j]));
            *acc = acc.plus(low.plus(high));
        }
    }
    for (k, x) in rest.iter().enumerate() {
        // SAFETY: one row.
        let [row] = unsafe { panel.rows::<1>(a.from(whole + k, 0), acc.len()) };
        for (acc, value) in acc.iter_mut().zip(row) {
            *acc = acc.plus(x.times(*value));
        }
    }
}
