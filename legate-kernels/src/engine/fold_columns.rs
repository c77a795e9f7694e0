//! Folds of rows, each column by itself.
//!
//! For floats some columns at a time go through all rows: their accumulators stay in registers, and memory is read along several rows at once, which is
//! faster than one row after the other.

use super::kernel::shells;
use super::packed::{Packed, elements, elements_mut};
use crate::dtype::Element;
use crate::isa::{Isa, Level};
use crate::ops::BinaryFn;

/// Folds rows of `acc`'s length into it, in order; the first one takes its place if it is `fresh`.
///
/// Unsafe to call because it may need an ISA level: whoever looked it up with an [`Isa`] has the proof.
pub(super) type FoldRows = unsafe fn(acc: &mut [u8], rows: Rows, fresh: bool);

/// Rows of elements that may be read, one every `stride` bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    at: *const u8,
    stride: isize,
    count: usize,
    /// Bytes of a row.
    width: usize,
}

impl Rows {
    /// # Safety
    /// While the result lives, `width` bytes are readable at each of the rows, and nobody writes them.
    pub(super) unsafe fn new(at: *const u8, stride: isize, count: usize, width: usize) -> Rows {
        Rows { at, stride, count, width }
    }

    #[inline(always)]
    fn row(&self, row: usize) -> &[u8] {
        // SAFETY: whoever made this vouches for the memory of each row.
        unsafe { std::slice::from_raw_parts(self.at.wrapping_offset(self.stride * row as isize), self.width) }
    }
}

shells!(pub(super) fn rows<T: Element, F: BinaryFn<T, Out = T>>(acc: &mut [u8], rows: Rows, fresh: bool) = portable_body as FoldRows);

/// One row after the other.
#[inline(always)]
pub(super) fn portable_body<T: Element, F: BinaryFn<T, Out = T>>(acc: &mut [u8], rows: Rows, fresh: bool) {
    if fresh {
        acc.copy_from_slice(&rows.row(0)[..acc.len()]);
    }
    for row in usize::from(fresh)..rows.count {
        join_row::<T, F>(elements_mut(acc), elements(rows.row(row)));
    }
}

#[inline(always)]
fn join_row<T: Element, F: BinaryFn<T, Out = T>>(acc: &mut [Packed<T>], row: &[Packed<T>]) {
    for (a, x) in acc.iter_mut().zip(row) {
        *a = Packed::new(F::apply(a.get(), x.get()));
    }
}

/// The loops that keep their accumulators in named registers, for floats.
#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use super::super::vector::{Join, Vector, by_operation, load};
    use super::{FoldRows, Rows, elements, elements_mut, join_row};
    use crate::dtype::{DType, Element};
    use crate::ops::{BinaryFn, ReduceOp, rows};
    use std::arch::x86_64::{__m256, __m256d, __m512, __m512d};

    /// # Safety
    /// This CPU has the register, and it holds elements of type `T`.
    #[inline(always)]
    unsafe fn rows_body<T, F, V>(acc: &mut [u8], rows: Rows, fresh: bool)
    where
        T: Element,
        F: BinaryFn<T, Out = T> + Join,
        V: Vector,
    {
        assert!(acc.len() <= rows.width, "a row has an element for each accumulator");
        let mut done = 0;
        // SAFETY: the columns are those of the accumulators; the rest is the caller's promise.
        unsafe {
            while done + 4 * V::LANES * V::SIZE <= acc.len() {
                columns::<F, V, 4>(&mut acc[done..], rows, done, fresh);
                done += 4 * V::LANES * V::SIZE;
            }
            while done + V::LANES * V::SIZE <= acc.len() {
                columns::<F, V, 1>(&mut acc[done..], rows, done, fresh);
                done += V::LANES * V::SIZE;
            }
        }
        let end = acc.len();
        if fresh {
            acc[done..].copy_from_slice(&rows.row(0)[done..end]);
        }
        for row in usize::from(fresh)..rows.count {
            join_row::<T, F>(elements_mut(&mut acc[done..]), elements(&rows.row(row)[done..end]));
        }
    }

    /// `N` registers of columns, from byte `start` of the rows on.
    ///
    /// # Safety
    /// Accumulators and rows have so many columns; this CPU has the register.
    #[inline(always)]
    unsafe fn columns<F: Join, V: Vector, const N: usize>(acc: &mut [u8], rows: Rows, start: usize, fresh: bool) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums: [V; N] = load(if fresh { rows.row(0)[start..].as_ptr() } else { acc.as_ptr() });
            for r in usize::from(fresh)..rows.count {
                let row: [V; N] = load(rows.row(r)[start..].as_ptr());
                for k in 0..N {
                    sums[k] = F::join(sums[k], row[k]);
                }
            }
            for (k, sum) in sums.into_iter().enumerate() {
                sum.store(acc.as_mut_ptr().add(k * V::LANES * V::SIZE));
            }
        }
    }

    macro_rules! kernels {
        ($($rows:ident $V:ident $T:ident $features:literal;)*) => {$(
            /// # Safety
            /// As [`FoldRows`] says.
            #[target_feature(enable = $features)]
            unsafe fn $rows<F: BinaryFn<$T, Out = $T> + Join>(acc: &mut [u8], rows: Rows, fresh: bool) {
                // SAFETY: this function has the register's instructions.
                unsafe { rows_body::<$T, F, $V>(acc, rows, fresh) }
            }
        )*};
    }
    kernels! {
        f64_avx512 __m512d f64 "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma";
        f32_avx512 __m512 f32 "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma";
        f64_avx2 __m256d f64 "avx2,fma";
        f32_avx2 __m256 f32 "avx2,fma";
    }
    by_operation! { pub(in crate::engine) fn avx512 -> FoldRows = f64_avx512 f32_avx512 }
    by_operation! { pub(in crate::engine) fn avx2 -> FoldRows = f64_avx2 f32_avx2 }
}
