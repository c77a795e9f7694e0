//! A matrix of narrow rows times a vector: rows are read in the order in which they lie, and the lanes of eight of them are halved together.
//!
//! A row of 32 elements is summed in a few instructions, so that what is left to pay for is halving its lanes and waiting for memory. Neighbouring rows are one
//! stream of memory as long as they are read one after the other; a stream ends for the hardware at each page, so the rows to come are asked for by hand.

use super::gemv_rows::LANES;
use super::{Arithmetic, RawMatrix};

/// Rows whose lanes are halved together.
const ROWS: usize = 8;
const HALF: usize = LANES / 2;
/// Rows of at most so many bytes are narrow. In longer ones it is better that several share each load of `x`.
const NARROW: usize = 4096;
/// How far ahead memory is asked for, in bytes: what arrives while the memory answers, and more than a page.
const AHEAD: usize = 8192;
const CACHE_LINE: usize = 64;

/// Whether [`narrow_rows_of`] is a way for contiguous rows of `depth` elements.
pub(super) fn are_narrow<T>(depth: usize) -> bool {
    depth > 0 && depth <= NARROW / size_of::<T>()
}

/// [`gemv_rows`](super::gemv_rows()) for rows that [are narrow](are_narrow): the same bits.
///
/// # Safety
/// As [`gemv_rows`](super::gemv_rows()), rows being contiguous.
#[inline(always)]
pub(super) unsafe fn narrow_rows_of<T: Arithmetic>(
    depth: usize,
    rows: usize,
    a: RawMatrix<T>,
    x: &[T],
    y: RawMatrix<T>,
) {
    macro_rules! unrolled {
        ($($n:literal)*) => {
            match depth {
                // SAFETY: the caller's word.
                $($n => unsafe { narrow_rows::<T, $n>(rows, a, x, y) },)*
                // SAFETY: the caller's word.
                _ => unsafe { narrow_rows::<T, 0>(rows, a, x, y) },
            }
        };
    }
    unrolled!(5 6 7 8 9 10 11 12 13 14 15);
}

/// As [`narrow_rows_of`] for rows of `K` elements, fewer than [`LANES`], or of any number if `K` is 0.
///
/// # Safety
/// As [`narrow_rows_of`].
#[inline(always)]
unsafe fn narrow_rows<T: Arithmetic, const K: usize>(rows: usize, a: RawMatrix<T>, x: &[T], y: RawMatrix<T>) {
    let ahead = AHEAD.div_ceil(size_of_val(x));
    for first in (0..rows).step_by(ROWS) {
        let mut lanes = [[T::ZERO; HALF]; ROWS];
        for (i, lanes) in (first..rows).zip(&mut lanes) {
            prefetch(a.at(i + ahead, 0).cast(), size_of_val(x));
            // SAFETY: row i, whose elements are adjacent.
            let row = unsafe { std::slice::from_raw_parts(a.at(i, 0).cast_const(), x.len()) };
            *lanes = if K == 0 { half_lanes(row, x) } else { short_half_lanes::<T, K>(row, x) };
        }
        for (i, sum) in (first..rows).zip(halve_together(&lanes)) {
            // SAFETY: element i of `y`.
            unsafe { y.at(i, 0).write(sum) };
        }
    }
}

/// The products of a row with `x` summed in lanes, the upper half of which is added to the lower.
#[inline(always)]
fn half_lanes<T: Arithmetic>(row: &[T], x: &[T]) -> [T; HALF] {
    let mut lanes = [T::ZERO; LANES];
    let ((row, row_rest), (x, x_rest)) = (row.as_chunks(), x.as_chunks());
    for (row, x) in row.iter().zip(x) {
        multiply_add(&mut lanes, row, x);
    }
    if !x_rest.is_empty() {
        // Lanes never are -0, so that adding 0 changes none.
        multiply_add(&mut lanes, &padded(row_rest), &padded(x_rest));
    }
    std::array::from_fn(|l| lanes[l].plus(lanes[l + HALF]))
}

/// [`half_lanes`] of `K` elements, fewer than [`LANES`].
#[inline(always)]
fn short_half_lanes<T: Arithmetic, const K: usize>(row: &[T], x: &[T]) -> [T; HALF] {
    let (row, x) = (&row[..K], &x[..K]);
    let mut lanes = [T::ZERO; LANES];
    for k in 0..K {
        lanes[k] = T::ZERO.plus(row[k].times(x[k]));
    }
    std::array::from_fn(|l| lanes[l].plus(lanes[l + HALF]))
}

#[inline(always)]
fn multiply_add<T: Arithmetic>(lanes: &mut [T; LANES], row: &[T; LANES], x: &[T; LANES]) {
    for l in 0..LANES {
        lanes[l] = lanes[l].plus(row[l].times(x[l]));
    }
}

/// `some`, fewer than [`LANES`], and zeros.
#[inline(always)]
fn padded<T: Arithmetic>(some: &[T]) -> [T; LANES] {
    let mut lanes = [T::ZERO; LANES];
    for l in 0..LANES {
        if l < some.len() {
            lanes[l] = some[l];
        }
    }
    lanes
}

/// The sum of each row's lanes, by halves. After each step two rows have room where one had it, so that all additions are as wide as the first.
#[inline(always)]
fn halve_together<T: Arithmetic>(rows: &[[T; HALF]; ROWS]) -> [T; ROWS] {
    let (mut pairs, mut fours) = ([[T::ZERO; HALF]; 4], [[T::ZERO; HALF]; 2]);
    for i in 0..4 {
        pairs[i] = halve_two::<T, 4>(&rows[2 * i], &rows[2 * i + 1]);
    }
    for i in 0..2 {
        fours[i] = halve_two::<T, 2>(&pairs[2 * i], &pairs[2 * i + 1]);
    }
    halve_two::<T, 1>(&fours[0], &fours[1])
}

/// Of groups of `2·W` lanes the halves are added: first those of `a`, then those of `b`.
#[inline(always)]
fn halve_two<T: Arithmetic, const W: usize>(a: &[T; HALF], b: &[T; HALF]) -> [T; HALF] {
    let mut sums = [T::ZERO; HALF];
    for l in 0..HALF / 2 {
        let low = l / W * 2 * W + l % W;
        sums[l] = a[low].plus(a[low + W]);
        sums[l + HALF / 2] = b[low].plus(b[low + W]);
    }
    sums
}

/// Asks for `len` bytes, which need not exist.
#[inline(always)]
fn prefetch(start: *const u8, len: usize) {
    #[cfg(target_arch = "x86_64")]
    for at in (0..len).step_by(CACHE_LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch touches no memory that the program sees, and ignores addresses that are not mapped.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(at).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (start, len, CACHE_LINE);
}
