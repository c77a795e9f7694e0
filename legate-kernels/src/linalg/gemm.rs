//! Matrix times matrix.
//!
//! Float and complex products go through the crate `gemm` (AVX-512, AVX2 and portable kernels chosen at run time). Its blocked kernel sums each
//! element over a block of `k` by one chain of fused multiply-adds; how long its blocks are depends on the machine's caches, *unless* `k` is at
//! most 512. So `k` is cut here, into equal blocks of at most [`GEMM_DEPTH`], and an element's bits do not depend on the machine (with
//! fused multiply-add), on the tile it lies in, or on strides. The shapes for which the library leaves its blocked kernel
//! (a single row or column, very few elements, `k` ≤ 2) are computed by `plain.rs` in the same order.
//!
//! The library walks `k` from its end where a factor's stride along it is negative; such a factor is packed first.
//!
//! For complex elements the order inside a product depends on which factor the library holds in registers, and so on whether `c` is
//! row-major: cut at multiples of [`GEMM_TILE`] to get the same calls whatever the number of ranks.

use super::panel::Panel;
use super::{Arithmetic, RawMatrix, plain};
use crate::dtype::{C64, C128, DType};
use crate::parallel::{Shared, Threads};

/// Rows and columns of a result tile: callers cut at multiples of it. Large enough that packing is cheap beside the product, small enough that a
/// product of a few tiles per side feeds many cores (example `linalg_bench`).
pub const GEMM_TILE: usize = 256;
/// Longest block of `k` that is summed in one chain.
pub const GEMM_DEPTH: usize = 512;
/// Below this many elements of a tile the library switches to another kernel if strides suit it.
const SMALL: usize = 16 * 16;
/// Multiplications that are worth more threads than one.
const WORTH_SHARING: usize = 1 << 20;

/// `c[i, j] = Σ_k a[i, k]·b[k, j]` for `extents = [rows of c, columns of c, k]`, on this thread. `c` is overwritten; with `k = 0` by zeros.
///
/// Any strides. The bits of an element depend on its row of `a`, its column of `b`, and `k`. Cost: 2·m·n·k operations near the
/// peak of a core for floats; integers and bool about a tenth of that.
///
/// # Safety
/// The elements of `a` and `b` are valid for reading, those of `c` for writing; all are aligned; nobody else touches `c` meanwhile, nor writes
/// `a` or `b`; `c` does not overlap them, and its elements do not overlap each other.
pub unsafe fn gemm<T: Arithmetic>(extents: [usize; 3], a: RawMatrix<T>, b: RawMatrix<T>, c: RawMatrix<T>) {
    for i in (0..extents[0]).step_by(GEMM_TILE) {
        for j in (0..extents[1]).step_by(GEMM_TILE) {
            let tile = [GEMM_TILE.min(extents[0] - i), GEMM_TILE.min(extents[1] - j), extents[2]];
            // SAFETY: a tile of `c`, its rows of `a` and columns of `b`.
            unsafe { tile_product(tile, a.from(i, 0), b.from(0, j), c.from(i, j)) };
        }
    }
}

/// One tile: block after block of `k` is added.
///
/// # Safety
/// As [`gemm()`].
unsafe fn tile_product<T: Arithmetic>([m, n, k]: [usize; 3], a: RawMatrix<T>, b: RawMatrix<T>, c: RawMatrix<T>) {
    let blocks = k.div_ceil(GEMM_DEPTH).max(1);
    let library = has_library_kernel(T::DTYPE) && m > 1 && n > 1 && m * n > SMALL && k > 2;
    for block in 0..blocks {
        let (from, to) = (block * k / blocks, (block + 1) * k / blocks);
        let (extents, a, b, add) = ([m, n, to - from], a.from(0, from), b.from(from, 0), block > 0);
        // SAFETY: the caller's word for the block.
        unsafe {
            if library {
                library_block(extents, a, b, c, add);
            } else {
                plain::product_block(extents, a, b, c, add);
            }
        }
    }
}

fn has_library_kernel(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::F64 | DType::C64 | DType::C128)
}

/// `c -= a·b` for float matrices, in tiles that the threads share. The bits depend on the extents and values alone.
///
/// # Safety
/// As [`gemm()`], `c` being read as well; strides along which `k` runs are not negative.
pub(super) unsafe fn subtract_product<T: Arithmetic>(
    extents: [usize; 3],
    a: RawMatrix<T>,
    b: RawMatrix<T>,
    c: RawMatrix<T>,
    threads: Threads<'_>,
) {
    let [m, n, k] = extents;
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    let (rows, columns) = (m.div_ceil(GEMM_TILE), n.div_ceil(GEMM_TILE));
    let at = [a, b, c].map(|matrix| (Shared::new(matrix.ptr), matrix.strides));
    let work = |tile: usize| {
        let [a, b, c] = at.map(|(ptr, strides)| RawMatrix::<T>::new(ptr.get(), strides));
        let (i, j) = (tile / columns * GEMM_TILE, tile % columns * GEMM_TILE);
        let blocks = k.div_ceil(GEMM_DEPTH);
        for block in 0..blocks {
            let (from, to) = (block * k / blocks, (block + 1) * k / blocks);
            let extents = [GEMM_TILE.min(m - i), GEMM_TILE.min(n - j), to - from];
            let (a, b, c) = (a.from(i, from), b.from(from, j), c.from(i, j));
            // SAFETY: the caller's word for a tile of `c`, which no other call has.
            unsafe {
                match T::DTYPE {
                    DType::F32 => call::<T, f32>(extents, a, b, c, true, [1.0, -1.0]),
                    DType::F64 => call::<T, f64>(extents, a, b, c, true, [1.0, -1.0]),
                    other => unreachable!("{other} matrices are not factorised"),
                }
            }
        }
    };
    if m * n * k < WORTH_SHARING {
        (0..rows * columns).for_each(work);
    } else {
        threads.for_each(rows * columns, work);
    }
}

/// `c = a·b` or `c += a·b` by the library.
///
/// # Safety
/// As [`gemm()`]; `c` is read if `add`.
unsafe fn library_block<T: Arithmetic>(
    extents: [usize; 3],
    a: RawMatrix<T>,
    b: RawMatrix<T>,
    c: RawMatrix<T>,
    add: bool,
) {
    // SAFETY: the caller's word; each type is `T` under its own name.
    unsafe {
        let [m, n, k] = extents;
        let (mut a_panel, mut b_panel) = (Panel::new(), Panel::new());
        let a = if a.strides[1] < 0 { a_panel.pack(a, m, k) } else { a };
        let b = if b.strides[0] < 0 { b_panel.pack(b, k, n) } else { b };
        match T::DTYPE {
            DType::F32 => call::<T, f32>(extents, a, b, c, add, [1.0; 2]),
            DType::F64 => call::<T, f64>(extents, a, b, c, add, [1.0; 2]),
            DType::C64 => call::<T, C64>(extents, a, b, c, add, [C64::new(1.0, 0.0); 2]),
            DType::C128 => call::<T, C128>(extents, a, b, c, add, [C128::new(1.0, 0.0); 2]),
            _ => unreachable!("asked for with has_library_kernel"),
        }
    }
}

/// `c = alpha·c + beta·a·b`; without the first term unless `add`.
///
/// # Safety
/// As [`library_block`], `E` being the type `T`.
unsafe fn call<T, E: 'static + Copy>(
    [m, n, k]: [usize; 3],
    a: RawMatrix<T>,
    b: RawMatrix<T>,
    c: RawMatrix<T>,
    add: bool,
    [alpha, beta]: [E; 2],
) {
    let strides = |matrix: RawMatrix<T>| matrix.strides.map(|bytes| bytes / size_of::<E>() as isize);
    let ([a_row, a_col], [b_row, b_col], [c_row, c_col]) = (strides(a), strides(b), strides(c));
    let serial = gemm::Parallelism::None;
    let (a, b, c) = (a.ptr.cast_const().cast(), b.ptr.cast_const().cast(), c.ptr.cast());
    // SAFETY: the caller's word; the strides are whole elements because all elements are aligned.
    unsafe {
        gemm::gemm(
            m, n, k, c, c_col, c_row, add, a, a_col, a_row, b, b_col, b_row, alpha, beta, false, false, false, serial,
        );
    }
}
