//! Folds of blocks: 64 lanes side by side, then halving, as [`mod@crate::reduce`] defines it.
//!
//! A block is read from front to back, which is what memory is fast at. Sums, minima and maxima of floats keep their lanes in registers that are
//! named here; for other folds the compiler finds a way.

use super::ahead::fetch;
use super::kernel::shells;
use super::packed::{Packed, elements, elements_mut};
use crate::dtype::Element;
use crate::isa::{Isa, Level};
use crate::ops::BinaryFn;
use crate::reduce::LANES;

/// Folds every `run` elements of `x` (the last time, what is left) to one result. A run is folded in blocks of `block` elements, which are joined by the
/// canonical tree.
///
/// Unsafe to call because it may need an ISA level: whoever looked it up with an [`Isa`] has the proof.
pub(super) type Runs = unsafe fn(results: &mut [u8], x: &[u8], run: usize, block: usize);

/// Levels of the tree above the blocks of a run, at most.
const HEIGHT: usize = 48;

shells!(pub(super) fn runs<T: Element, F: BinaryFn<T, Out = T>>(results: &mut [u8], x: &[u8], run: usize, block: usize) = portable_body as Runs);

/// Lanes that the compiler keeps where it likes.
#[inline(always)]
pub(super) fn portable_body<T: Element, F: BinaryFn<T, Out = T>>(
    results: &mut [u8],
    x: &[u8],
    run: usize,
    block: usize,
) {
    // SAFETY: these lanes need no instructions in particular.
    unsafe { runs_body::<T, F, Anywhere>(results, x, run, block) }
}

/// How far ahead of what is folded memory is asked for. Beyond the second-level cache minima gain four parts in ten by it, and sums two; the hardware does
/// not look as far while several instructions go to an element.
const AHEAD: usize = 1024;

/// Asks for what will be folded after the `bytes` at `at`.
#[inline(always)]
fn fetch_ahead(at: *const u8, bytes: usize) {
    fetch(at.wrapping_add(AHEAD), bytes);
}

/// The lanes of a block.
type Lanes<T> = [Packed<T>; LANES];

/// How lanes are joined.
trait Joining<T: Element, F: BinaryFn<T, Out = T>> {
    /// `lanes[l] = lanes[l] ⊕ row[l]` for each row in order.
    ///
    /// # Safety
    /// This CPU has the instructions that the implementation is for.
    unsafe fn join_rows(lanes: &mut Lanes<T>, rows: &[Lanes<T>]);
    /// `lanes[l] = lanes[l] ⊕ x[l]` for as many elements as `x` has, at most as many as there are lanes.
    ///
    /// # Safety
    /// As for [`Joining::join_rows`].
    unsafe fn join_some(lanes: &mut [Packed<T>], x: &[Packed<T>]) {
        for (lane, x) in lanes.iter_mut().zip(x) {
            *lane = join::<T, F>(*lane, *x);
        }
    }
    /// The fewest lanes that [`Joining::halve`] takes, a power of two.
    const FEWEST: usize;
    /// Halves a power of two of lanes until the first one holds the result.
    ///
    /// # Safety
    /// As for [`Joining::join_rows`].
    unsafe fn halve(lanes: &mut [Packed<T>]);
}

/// # Safety
/// This CPU has the instructions of `J`.
#[inline(always)]
unsafe fn runs_body<T: Element, F: BinaryFn<T, Out = T>, J: Joining<T, F>>(
    results: &mut [u8],
    x: &[u8],
    run: usize,
    block: usize,
) {
    for (result, run) in elements_mut::<T>(results).iter_mut().zip(elements::<T>(x).chunks(run.max(1))) {
        // SAFETY: the caller's promise.
        *result = unsafe { fold_run::<T, F, J>(run, block.max(1)) };
    }
}

/// Blocks joined by the canonical tree: the stack holds the nodes that still wait for their right sibling.
///
/// # Safety
/// As for [`runs_body`].
#[inline(always)]
unsafe fn fold_run<T: Element, F: BinaryFn<T, Out = T>, J: Joining<T, F>>(
    run: &[Packed<T>],
    block: usize,
) -> Packed<T> {
    if run.len() <= block {
        // SAFETY: the caller's promise.
        return unsafe { fold_block::<T, F, J>(run) };
    }
    let mut waiting = [run[0]; HEIGHT];
    let mut depth = 0;
    for (mut before, block) in run.chunks(block).enumerate() {
        // SAFETY: the caller's promise.
        let mut node = unsafe { fold_block::<T, F, J>(block) };
        while before & 1 == 1 {
            depth -= 1;
            node = join::<T, F>(waiting[depth], node);
            before >>= 1;
        }
        waiting[depth] = node;
        depth += 1;
    }
    let last = waiting[depth - 1];
    waiting[..depth - 1].iter().rfold(last, |node, left| join::<T, F>(*left, node))
}

/// # Safety
/// As for [`runs_body`].
#[inline(always)]
unsafe fn fold_block<T: Element, F: BinaryFn<T, Out = T>, J: Joining<T, F>>(x: &[Packed<T>]) -> Packed<T> {
    let (rows, tail) = x.as_chunks::<LANES>();
    let Some((first, rest)) = rows.split_first() else {
        // SAFETY: the caller's promise.
        return unsafe { halve_few::<T, F, J>(tail) };
    };
    let mut lanes = *first;
    // SAFETY: the caller's promise.
    unsafe {
        J::join_rows(&mut lanes, rest);
        J::join_some(&mut lanes, tail);
        J::halve(&mut lanes);
    }
    lanes[0]
}

#[inline(always)]
fn join<T: Element, F: BinaryFn<T, Out = T>>(x: Packed<T>, y: Packed<T>) -> Packed<T> {
    Packed::new(F::apply(x.get(), y.get()))
}

/// Halves 1 to 63 elements.
///
/// # Safety
/// As for [`runs_body`].
#[inline(always)]
unsafe fn halve_few<T: Element, F: BinaryFn<T, Out = T>, J: Joining<T, F>>(x: &[Packed<T>]) -> Packed<T> {
    if let [x] = x {
        return *x;
    }
    macro_rules! from {
        ($low:literal: $($half:literal)*) => {
            if let Some((low, high)) = x.split_first_chunk::<$low>() && !high.is_empty() {
                let mut lanes = *low;
                if $low >= J::FEWEST {
                    // SAFETY: the caller's promise.
                    unsafe {
                        J::join_some(&mut lanes, high);
                        J::halve(&mut lanes);
                    }
                } else {
                    for (l, h) in lanes.iter_mut().zip(high) {
                        *l = join::<T, F>(*l, *h);
                    }
                    $(halve_once::<T, F, $half>(&mut lanes);)*
                }
                return lanes[0];
            }
        };
    }
    from!(32: 16 8 4 2 1);
    from!(16: 8 4 2 1);
    from!(8: 4 2 1);
    from!(4: 2 1);
    from!(2: 1);
    join::<T, F>(x[0], x[1])
}

/// `lanes[i] = lanes[i] ⊕ lanes[i + M]` for `i < M`. With `M` known, the compiler sees that the halves do not overlap.
#[inline(always)]
fn halve_once<T: Element, F: BinaryFn<T, Out = T>, const M: usize>(lanes: &mut [Packed<T>]) {
    let lanes = &mut lanes[..2 * M];
    for i in 0..M {
        lanes[i] = join::<T, F>(lanes[i], lanes[i + M]);
    }
}

/// Lanes that the compiler keeps where it likes.
struct Anywhere;

impl<T: Element, F: BinaryFn<T, Out = T>> Joining<T, F> for Anywhere {
    const FEWEST: usize = 32;
    /// # Safety
    /// As the trait says.
    #[inline(always)]
    unsafe fn join_rows(lanes: &mut Lanes<T>, rows: &[Lanes<T>]) {
        if size_of::<T>() > 8 {
            for row in rows {
                lanes.iter_mut().zip(row).for_each(|(lane, x)| *lane = join::<T, F>(*lane, *x));
            }
            return;
        }
        // In variables of their own the compiler keeps them in registers.
        let mut sums: [T; LANES] = lanes.map(Packed::get);
        for row in rows {
            fetch_ahead(row.as_ptr().cast(), size_of_val(row));
            for l in 0..LANES {
                sums[l] = F::apply(sums[l], row[l].get());
            }
        }
        *lanes = sums.map(Packed::new);
    }

    /// # Safety
    /// As the trait says.
    #[inline(always)]
    unsafe fn halve(lanes: &mut [Packed<T>]) {
        if lanes.len() > 32 {
            halve_once::<T, F, 32>(lanes);
        }
        halve_once::<T, F, 16>(lanes);
        halve_once::<T, F, 8>(lanes);
        halve_once::<T, F, 4>(lanes);
        halve_once::<T, F, 2>(lanes);
        halve_once::<T, F, 1>(lanes);
    }
}

/// The loops that keep their accumulators in named registers, for floats.
#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use super::super::vector::{Join, Vector, by_operation, load};
    use super::{Joining, LANES, Lanes, Packed, Runs, fetch_ahead, runs_body};
    use crate::dtype::{DType, Element};
    use crate::ops::{BinaryFn, ReduceOp, rows};
    use std::arch::x86_64::{__m256, __m256d, __m512, __m512d};
    use std::marker::PhantomData;

    /// Lanes in `N` registers, `P` of them at a time.
    struct Registers<V, const N: usize, const P: usize>(PhantomData<V>);

    /// Accumulators at a time, at most: enough to hide how long an addition takes, and no more than there are registers on every level.
    const MOST: usize = 8;

    impl<T, F, V, const N: usize, const P: usize> Joining<T, F> for Registers<V, N, P>
    where
        T: Element,
        F: BinaryFn<T, Out = T> + Join,
        V: Vector,
    {
        const FEWEST: usize = V::LANES;

        /// # Safety
        /// As the trait says.
        #[inline(always)]
        unsafe fn join_rows(lanes: &mut Lanes<T>, rows: &[Lanes<T>]) {
            for start in (0..N).step_by(P) {
                let start = start * V::LANES * V::SIZE;
                // SAFETY: lanes and rows hold `N` registers of elements; the rest is the caller's promise.
                unsafe {
                    let lanes = lanes.as_mut_ptr().cast::<u8>().add(start);
                    let mut sums: [V; P] = load(lanes);
                    for row in rows {
                        fetch_ahead(row.as_ptr().cast::<u8>().add(start), P * V::LANES * V::SIZE);
                        let row: [V; P] = load(row.as_ptr().cast::<u8>().add(start));
                        for (sum, x) in sums.iter_mut().zip(row) {
                            *sum = F::join(*sum, x);
                        }
                    }
                    for (k, sum) in sums.into_iter().enumerate() {
                        sum.store(lanes.add(k * V::LANES * V::SIZE));
                    }
                }
            }
        }

        /// # Safety
        /// As the trait says.
        #[inline(always)]
        unsafe fn join_some(lanes: &mut [Packed<T>], x: &[Packed<T>]) {
            assert!(x.len() <= lanes.len() && lanes.len().is_multiple_of(V::LANES), "whole registers of lanes");
            let bytes = V::LANES * V::SIZE;
            let (lanes, whole) = (lanes.as_mut_ptr().cast::<u8>(), x.len() / V::LANES);
            let x_at = x.as_ptr().cast::<u8>();
            // SAFETY: so many registers of elements are there, and as many lanes and more; the rest is the caller's promise.
            unsafe {
                for k in 0..whole {
                    F::join(V::load(lanes.add(k * bytes)), V::load(x_at.add(k * bytes))).store(lanes.add(k * bytes));
                }
                let left = x.len() % V::LANES;
                if left > 0 {
                    let lanes = lanes.add(whole * bytes);
                    V::load(lanes).join_first::<F>(x_at.add(whole * bytes), left).store(lanes);
                }
            }
        }

        /// # Safety
        /// As the trait says.
        #[inline(always)]
        unsafe fn halve(lanes: &mut [Packed<T>]) {
            assert!(lanes.len() >= V::LANES && lanes.len() <= LANES);
            let mut left = lanes.len() / V::LANES;
            let start = lanes.as_mut_ptr().cast::<u8>();
            // SAFETY: so many registers of elements are there; the rest is the caller's promise.
            unsafe {
                let mut t = [V::load(start); N];
                for (k, t) in t.iter_mut().enumerate().take(left) {
                    *t = V::load(start.add(k * V::LANES * V::SIZE));
                }
                while left > 1 {
                    left /= 2;
                    for k in 0..left {
                        t[k] = F::join(t[k], t[k + left]);
                    }
                }
                t[0].halve::<F>().store(start);
            }
        }
    }

    /// Registers that hold lanes of `size` bytes.
    const fn registers<V: Vector>(size: usize) -> usize {
        LANES * size / (V::LANES * V::SIZE)
    }

    const fn at_most(n: usize, most: usize) -> usize {
        if n < most { n } else { most }
    }

    macro_rules! kernels {
        ($($runs:ident $lanes:ident $V:ident $T:ident $features:literal;)*) => {$(
            type $lanes = Registers<$V, { registers::<$V>(size_of::<$T>()) }, { at_most(registers::<$V>(size_of::<$T>()), MOST) }>;
            /// # Safety
            /// As [`Runs`] says.
            #[target_feature(enable = $features)]
            unsafe fn $runs<F: BinaryFn<$T, Out = $T> + Join>(results: &mut [u8], x: &[u8], run: usize, block: usize) {
                // SAFETY: this function has the register's instructions.
                unsafe { runs_body::<$T, F, $lanes>(results, x, run, block) }
            }
        )*};
    }
    kernels! {
        f64_avx512 LanesF64Avx512 __m512d f64 "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma";
        f32_avx512 LanesF32Avx512 __m512 f32 "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma";
        f64_avx2 LanesF64Avx2 __m256d f64 "avx2,fma";
        f32_avx2 LanesF32Avx2 __m256 f32 "avx2,fma";
    }

    by_operation! { pub(in crate::engine) fn avx512 -> Runs = f64_avx512 f32_avx512 }
    by_operation! { pub(in crate::engine) fn avx2 -> Runs = f64_avx2 f32_avx2 }
}
