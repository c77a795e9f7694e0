//! Systems of linear equations.

use super::RawMatrix;
use super::lu::{Columns, Real, factorise, solve_lower, solve_upper};
use crate::parallel::{Shared, Threads};

/// The matrix has no inverse: a pivot is exactly zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Singular;

/// Side of the squares in which a matrix is transposed.
const SQUARE: usize = 32;

/// Elements between columns of the copies: not a power of two, or columns would contend for the same sets of the cache.
fn step(n: usize) -> usize {
    n.next_multiple_of(8) + 8
}

/// Bytes of scratch that [`solve()`] wants for `n` equations with `columns` right-hand sides, of elements of `size` bytes.
pub fn solve_scratch_bytes(n: usize, columns: usize, size: usize) -> usize {
    step(n) * (n + columns) * size
}

/// `x = a⁻¹·b` for a square matrix of `n` rows and `columns` right-hand sides, by LU factors with row pivoting.
///
/// The bits depend on the extents and values alone. Cost: 2/3·n³ + 2·n²·columns operations, nearly all of them in matrix products.
///
/// # Errors
/// [`Singular`]; `x` is not written then.
///
/// # Panics
/// If the scratch is too short ([`solve_scratch_bytes`]) or not aligned.
///
/// # Safety
/// The elements of `a` (`n × n`), `b` and `x` (`n × columns`) are valid for reading (`x`: for writing) and aligned; nobody else touches `x` or writes the others
/// meanwhile. `x` may be `b`.
pub unsafe fn solve<T: Real>(
    n: usize,
    columns: usize,
    (a, b, x): (RawMatrix<T>, RawMatrix<T>, RawMatrix<T>),
    scratch: &mut [u8],
    threads: Threads<'_>,
) -> Result<(), Singular> {
    let step = step(n);
    let scratch: &mut [T] = &mut bytemuck::cast_slice_mut(scratch)[..step * (n + columns)];
    let (factors, sides) = scratch.split_at_mut(step * n);
    let mut pivots = vec![0; n];
    // SAFETY: the scratch holds both matrices, and is borrowed for the call; the copies from and to the operands are the caller's word.
    unsafe {
        let factors = Columns::new(factors.as_mut_ptr(), step);
        let sides = Columns::new(sides.as_mut_ptr(), step);
        transpose(n, n, a, factors, threads);
        transpose(n, columns, b, sides, threads);
        if !factorise(factors, n, n, &mut pivots, threads) {
            return Err(Singular);
        }
        for j in 0..columns {
            let side = sides.column(j, n);
            pivots.iter().enumerate().for_each(|(k, &pivot)| side.swap(k, pivot));
        }
        solve_lower(factors, n, sides, columns, threads);
        solve_upper(factors, n, sides, columns, threads);
        for j in 0..columns {
            for (i, &value) in sides.column(j, n).iter().enumerate() {
                x.at(i, j).write(value);
            }
        }
    }
    Ok(())
}

/// Copies a matrix of any strides to columns.
///
/// # Safety
/// The elements of `from` may be read; `to` has these extents.
unsafe fn transpose<T: Real>(rows: usize, columns: usize, from: RawMatrix<T>, to: Columns<T>, threads: Threads<'_>) {
    let (ptr, strides) = (Shared::new(from.ptr), from.strides);
    let strip = |part: usize| {
        let from = RawMatrix::<T>::new(ptr.get(), strides);
        let (first, last) = (part * SQUARE, columns.min((part + 1) * SQUARE));
        for top in (0..rows).step_by(SQUARE) {
            let height = SQUARE.min(rows - top);
            for j in first..last {
                // SAFETY: the caller's word; strips have columns of their own.
                let column = unsafe { to.from(top, j).column(0, height) };
                for (i, place) in column.iter_mut().enumerate() {
                    // SAFETY: an element of `from`.
                    *place = unsafe { from.at(top + i, j).read() };
                }
            }
        }
    };
    let strips = columns.div_ceil(SQUARE);
    if rows * columns < 1 << 16 { (0..strips).for_each(strip) } else { threads.for_each(strips, strip) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize, seed: u64) -> Vec<f64> {
        let mut state = seed;
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
            })
            .collect()
    }

    fn row_major(values: &mut [f64], columns: usize) -> RawMatrix<f64> {
        RawMatrix::new(values.as_mut_ptr().cast(), [columns as isize * 8, 8])
    }

    fn solved(n: usize, columns: usize, a: &mut [f64], b: &mut [f64], threads: usize) -> Result<Vec<f64>, Singular> {
        let mut x = vec![0.0; n * columns];
        let mut scratch = vec![0u64; solve_scratch_bytes(n, columns, 8) / 8];
        let matrices = (row_major(a, n), row_major(b, columns), row_major(&mut x, columns));
        let scratch = bytemuck::cast_slice_mut(&mut scratch);
        // SAFETY: the slices have these extents.
        Threads::scoped(threads, |threads| unsafe { solve(n, columns, matrices, scratch, threads) }).map(|()| x)
    }

    #[test]
    fn solutions_satisfy_their_equations_with_equal_bits_on_any_threads() {
        for (n, columns) in [(1, 1), (2, 3), (15, 1), (16, 2), (17, 1), (100, 7), (257, 1), (300, 130)] {
            let (mut a, mut b) = (numbers(n * n, 3), numbers(n * columns, 4));
            let x = solved(n, columns, &mut a, &mut b, 1).unwrap();
            let worst = (0..n * columns).map(|place| {
                let (i, j) = (place / columns, place % columns);
                (0..n).map(|k| a[i * n + k] * x[k * columns + j]).sum::<f64>() - b[place]
            });
            let size = x.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            let worst = worst.fold(0.0f64, |m, v| m.max(v.abs()));
            assert!(worst <= 1e-14 * size * n as f64, "{n} equations: residual {worst}, solution of {size}");
            for threads in [2, 3] {
                assert!(
                    solved(n, columns, &mut a, &mut b, threads).unwrap() == x,
                    "{n} equations on {threads} threads"
                );
            }
        }
    }

    #[test]
    fn rows_are_exchanged_and_zero_pivots_found() {
        let mut a = [0.0, 2.0, 1.0, 1.0];
        assert_eq!(solved(2, 1, &mut a, &mut [4.0, 5.0], 1), Ok(vec![3.0, 2.0]));
        assert_eq!(solved(2, 1, &mut [1.0, 2.0, 2.0, 4.0], &mut [1.0, 1.0], 1), Err(Singular));
        let n = 60;
        let mut a = numbers(n * n, 9);
        (0..n).for_each(|i| a[i * n + 40] = 0.0);
        assert_eq!(solved(n, 1, &mut a, &mut vec![1.0; n], 2), Err(Singular));
    }

    #[test]
    fn not_a_number_spreads_and_is_no_error() {
        let mut a = numbers(40 * 40, 5);
        a[7] = f64::NAN;
        assert!(solved(40, 1, &mut a, &mut [1.0; 40], 1).unwrap().iter().all(|x| x.is_nan()));
    }
}
