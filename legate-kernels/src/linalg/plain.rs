//! Matrix products by simple blocked loops: for the element types that the library of [`super::gemm()`] lacks, and for shapes
//! that it treats by other means than its blocked kernel.
//!
//! The sum over `k` is the library's: blocks of `k` in order, each summed from zero with fused multiply-adds where the
//! level has them. So the bits are the same whichever of the two computes a real tile.

use super::level::Level;
use super::panel::Panel;
use super::{Arithmetic, RawMatrix};

/// Columns of the result whose sums are kept in registers.
const WIDTH: usize = 32;

/// `c = a·b` (or `c += a·b` if `add`) for one block of `k`: `a` is `extents[0] × extents[2]`, `b` `extents[2] × extents[1]`.
///
/// # Safety
/// The elements of `a` and `b` are valid for reading, those of `c` for writing (and reading, if `add`), and aligned; nobody else touches
/// `c` meanwhile, nor writes `a` or `b`; `c` does not overlap them.
pub(super) unsafe fn product_block<T: Arithmetic>(
    extents: [usize; 3],
    a: RawMatrix<T>,
    b: RawMatrix<T>,
    c: RawMatrix<T>,
    add: bool,
) {
    let level = Level::best();
    level.run(|| {
        // SAFETY: the caller's word.
        unsafe {
            if level.fuses() {
                columns_by_panels::<T, true>(extents, a, b, c, add);
            } else {
                columns_by_panels::<T, false>(extents, a, b, c, add);
            }
        }
    });
}

/// # Safety
/// As [`product_block`].
#[inline(always)]
unsafe fn columns_by_panels<T: Arithmetic, const FUSED: bool>(
    [m, n, k]: [usize; 3],
    a: RawMatrix<T>,
    b: RawMatrix<T>,
    c: RawMatrix<T>,
    add: bool,
) {
    let mut row = Panel::new();
    let mut packed = vec![[T::ZERO; WIDTH]; k];
    for j in (0..n).step_by(WIDTH) {
        let width = WIDTH.min(n - j);
        for (kk, line) in packed.iter_mut().enumerate() {
            for (l, value) in line[..width].iter_mut().enumerate() {
                // SAFETY: an element of `b`.
                *value = unsafe { b.at(kk, j + l).read() };
            }
        }
        for i in 0..m {
            // SAFETY: row i of `a`.
            let [a] = unsafe { row.rows::<1>(a.from(i, 0), k) };
            let sums = row_times_panel::<T, FUSED>(a, &packed);
            for (l, &sum) in sums[..width].iter().enumerate() {
                let place = c.at(i, j + l);
                // SAFETY: an element of `c`.
                unsafe { place.write(if add { place.read().plus(sum) } else { sum }) };
            }
        }
    }
}

#[inline(always)]
fn row_times_panel<T: Arithmetic, const FUSED: bool>(row: &[T], panel: &[[T; WIDTH]]) -> [T; WIDTH] {
    let mut sums = [T::ZERO; WIDTH];
    for (&factor, line) in row.iter().zip(panel) {
        for l in 0..WIDTH {
            sums[l] = factor.times_plus::<FUSED>(line[l], sums[l]);
        }
    }
    sums
}
