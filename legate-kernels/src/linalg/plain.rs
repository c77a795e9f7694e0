//! Matrix products by simple blocked loops: for the element types that the library of [`super::gemm()`] lacks, and for shapes
//! that it treats by other means than its blocked kernel.
//!
//! The sum over `k` is the library's: blocks of `k` in order, each summed from zero with fused multiply-adds where the
//! level has them. So the bits are the same whichever of the two computes a real tile.

use super::panel::Panel;
use super::{Arithmetic, RawMatrix};
use crate::dispatch::{fuses, run_on};
use crate::isa::Isa;

/// Columns of the result whose sums are kept in the first-level cache, and the part of `b` beside them in the second.
const WIDTH: usize = 128;
/// Rows of `b` that are added to the sums at a time.
const GROUP: usize = 4;

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
    let isa = Isa::best();
    run_on(isa, {
        // SAFETY: the caller's word.
        #[inline(always)]
        || unsafe {
            if fuses(isa) {
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
    let (mut a_panel, mut b_panel) = (Panel::new(), Panel::new());
    for j in (0..n).step_by(WIDTH) {
        let width = WIDTH.min(n - j);
        // SAFETY: columns j .. j + width of `b`.
        let b = unsafe { b_panel.contiguous(b.from(0, j), k, width) };
        for i in 0..m {
            let mut sums = [T::ZERO; WIDTH];
            let sums = &mut sums[..width];
            // SAFETY: row i of `a`, and `b` as before.
            unsafe {
                let [row] = a_panel.rows::<1>(a.from(i, 0), k);
                add_rows::<T, FUSED>(sums, row, b);
            }
            for (l, &sum) in sums.iter().enumerate() {
                let place = c.at(i, j + l);
                // SAFETY: an element of `c`.
                unsafe { place.write(if add { place.read().plus(sum) } else { sum }) };
            }
        }
    }
}

/// `sums[l] += Σ_k factors[k]·b[k, l]`, in the order of `k`.
///
/// # Safety
/// `b` has `factors.len()` rows of `sums.len()` adjacent elements, valid for reading.
#[inline(always)]
unsafe fn add_rows<T: Arithmetic, const FUSED: bool>(sums: &mut [T], factors: &[T], b: RawMatrix<T>) {
    let width = sums.len();
    // SAFETY: rows that `b` has.
    let row = |k: usize| unsafe { std::slice::from_raw_parts(b.at(k, 0).cast_const(), width) };
    let (groups, rest) = factors.as_chunks::<GROUP>();
    for (g, f) in groups.iter().enumerate() {
        let [r0, r1, r2, r3] = [0, 1, 2, 3].map(|r| &row(g * GROUP + r)[..width]);
        for (l, sum) in sums[..width].iter_mut().enumerate() {
            let first_two = f[1].times_plus::<FUSED>(r1[l], f[0].times_plus::<FUSED>(r0[l], *sum));
            *sum = f[3].times_plus::<FUSED>(r3[l], f[2].times_plus::<FUSED>(r2[l], first_two));
        }
    }
    for (k, f) in rest.iter().enumerate() {
        let row = row(groups.len() * GROUP + k);
        sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum = f.times_plus::<FUSED>(value, *sum));
    }
}
