//! A matrix times a vector, in one pass over the matrix: each row is multiplied and summed by itself.
//!
//! Products and sums are rounded apart (no fused multiply-add), so the bits are the same at every SIMD level; the loops wait for memory anyway.

use super::narrow_rows::{are_narrow, narrow_rows_of};
use super::panel::Panel;
use super::tree::TreeSum;
use super::{Arithmetic, RawMatrix};
use crate::dispatch::run_on;
use crate::isa::Isa;

/// Columns that are summed in lanes.
const BLOCK: usize = 1024;
/// Lanes: element `k` of a block goes to lane `k mod LANES`.
pub(super) const LANES: usize = 16;
/// Rows that share each load of `x`.
const ROWS: usize = 4;
/// Rows that are summed together if they are shorter than [`SHORT`].
const SHORT_ROWS: usize = 64;
/// Shorter rows are summed by code of their own, as [`narrow_rows`](super::narrow_rows) from here on.
const SHORT: usize = 5;

/// `y[i] = Σ_k a[i, k]·x[k]` for `i < rows`, `k < depth`. `x` and `y` are matrices of one column.
///
/// The bits of `y[i]` depend on row `i`, `x` and `depth` only. Fastest if rows are contiguous; others are packed, some at a time.
///
/// # Safety
/// The elements of `a` (`rows × depth`) and `x` (`depth × 1`) are valid for reading, those of `y` (`rows × 1`) for writing; all are
/// aligned; nobody else touches `y` meanwhile, nor writes `a` or `x`; `y` does not overlap them.
pub unsafe fn gemv_rows<T: Arithmetic>(rows: usize, depth: usize, a: RawMatrix<T>, x: RawMatrix<T>, y: RawMatrix<T>) {
    // SAFETY: the caller's word.
    unsafe { gemv_rows_at(Isa::best(), rows, depth, a, x, y) }
}

/// [`gemv_rows`] at a given level.
///
/// # Safety
/// As [`gemv_rows`].
pub(super) unsafe fn gemv_rows_at<T: Arithmetic>(
    isa: Isa,
    rows: usize,
    depth: usize,
    a: RawMatrix<T>,
    x: RawMatrix<T>,
    y: RawMatrix<T>,
) {
    let mut vector = Panel::new();
    // SAFETY: the caller's word.
    let x = unsafe { vector.vector(x, depth) };
    run_on(isa, {
        // SAFETY: the caller's word.
        #[inline(always)]
        || unsafe {
            if !a.rows_are_contiguous() || depth == 0 {
                groups_of_rows::<T, false>(rows, a, x, y);
            } else if depth < SHORT {
                short_rows_of(depth, rows, a, x, y);
            } else if are_narrow::<T>(depth) {
                narrow_rows_of(depth, rows, a, x, y);
            } else {
                groups_of_rows::<T, true>(rows, a, x, y);
            }
        }
    });
}

/// Some rows at a time; `IN_PLACE`: rows are contiguous.
///
/// # Safety
/// As [`gemv_rows`].
#[inline(always)]
unsafe fn groups_of_rows<T: Arithmetic, const IN_PLACE: bool>(rows: usize, a: RawMatrix<T>, x: &[T], y: RawMatrix<T>) {
    let mut panel = Panel::new();
    let whole = rows / ROWS * ROWS;
    for i in (0..whole).step_by(ROWS) {
        // SAFETY: rows i .. i + ROWS of `a` and as many elements of `y`.
        unsafe { some_rows::<T, ROWS, IN_PLACE>(a.from(i, 0), x, y.from(i, 0), &mut panel) };
    }
    for i in whole..rows {
        // SAFETY: row i.
        unsafe { some_rows::<T, 1, IN_PLACE>(a.from(i, 0), x, y.from(i, 0), &mut panel) };
    }
}

/// # Safety
/// As [`gemv_rows`] for `N` rows of `x.len()` columns, which are contiguous if `IN_PLACE`.
#[inline(always)]
unsafe fn some_rows<T: Arithmetic, const N: usize, const IN_PLACE: bool>(
    a: RawMatrix<T>,
    x: &[T],
    y: RawMatrix<T>,
    panel: &mut Panel<T>,
) {
    let sums = if x.len() <= BLOCK {
        // SAFETY: all columns.
        unsafe { some_rows_block::<T, N, IN_PLACE>(a, x, panel) }
    } else {
        let join = |l: [T; N], r: [T; N]| -> [T; N] { std::array::from_fn(|i| l[i].plus(r[i])) };
        let mut sum = TreeSum::new();
        for (b, x) in x.chunks(BLOCK).enumerate() {
            // SAFETY: columns of the block.
            sum.push(unsafe { some_rows_block::<T, N, IN_PLACE>(a.from(0, b * BLOCK), x, panel) }, join);
        }
        sum.finish(join).expect("a long row has blocks")
    };
    for (i, value) in sums.into_iter().enumerate() {
        // SAFETY: element i of `y`.
        unsafe { y.at(i, 0).write(value) };
    }
}

/// # Safety
/// As [`some_rows`] for one block of columns.
#[inline(always)]
unsafe fn some_rows_block<T: Arithmetic, const N: usize, const IN_PLACE: bool>(
    a: RawMatrix<T>,
    x: &[T],
    panel: &mut Panel<T>,
) -> [T; N] {
    // SAFETY: the caller's word.
    let rows = unsafe { if IN_PLACE { Panel::in_place(a, x.len()) } else { panel.rows(a, x.len()) } };
    dot_block(rows, x)
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
fn halve<T: Arithmetic>(lanes: [T; LANES]) -> T {
    let eight: [T; 8] = std::array::from_fn(|l| lanes[l].plus(lanes[l + 8]));
    let four: [T; 4] = std::array::from_fn(|l| eight[l].plus(eight[l + 4]));
    four[0].plus(four[2]).plus(four[1].plus(four[3]))
}

/// [`short_rows`] of `depth` columns, fewer than [`SHORT`]: the loops over so few are unrolled.
///
/// # Safety
/// As [`gemv_rows`], rows being contiguous.
#[inline(always)]
unsafe fn short_rows_of<T: Arithmetic>(depth: usize, rows: usize, a: RawMatrix<T>, x: &[T], y: RawMatrix<T>) {
    macro_rules! unrolled {
        ($($n:literal)*) => {
            match depth {
                // SAFETY: the caller's word.
                $($n => unsafe { short_rows::<T, $n>(rows, a, x, y) },)*
                _ => unreachable!("fewer than SHORT"),
            }
        };
    }
    unrolled!(1 2 3 4);
}

/// Rows of fewer than [`SHORT`] columns: as [`dot_block`] without the lanes that have no element, and so are zero.
///
/// # Safety
/// As [`gemv_rows`], rows being contiguous and of `K` columns.
#[inline(always)]
unsafe fn short_rows<T: Arithmetic, const K: usize>(rows: usize, a: RawMatrix<T>, x: &[T], y: RawMatrix<T>) {
    let x: &[T; K] = x.try_into().expect("K columns");
    let dense = a.strides[0] == (K * size_of::<T>()) as isize;
    let mut sums = [T::ZERO; SHORT_ROWS];
    for from in (0..rows).step_by(SHORT_ROWS) {
        let sums = &mut sums[..SHORT_ROWS.min(rows - from)];
        if dense {
            // SAFETY: rows of K adjacent elements, one after the other.
            let rows: &[[T; K]] = unsafe { std::slice::from_raw_parts(a.at(from, 0).cast(), sums.len()) };
            sums.iter_mut().zip(rows).for_each(|(sum, row)| *sum = short_dot(row, x));
        } else {
            for (i, sum) in sums.iter_mut().enumerate() {
                // SAFETY: a row of K adjacent elements.
                *sum = short_dot(unsafe { &*a.at(from + i, 0).cast() }, x);
            }
        }
        for (i, &sum) in sums.iter().enumerate() {
            // SAFETY: an element of `y`.
            unsafe { y.at(from + i, 0).write(sum) };
        }
    }
}

#[inline(always)]
fn short_dot<T: Arithmetic, const K: usize>(row: &[T; K], x: &[T; K]) -> T {
    let mut lanes = [T::ZERO; LANES];
    for k in 0..K {
        lanes[k] = T::ZERO.plus(row[k].times(x[k]));
    }
    let mut width = K.next_power_of_two() / 2;
    while width > 0 {
        for l in 0..width {
            lanes[l] = lanes[l].plus(lanes[l + width]);
        }
        width /= 2;
    }
    lanes[0]
}
