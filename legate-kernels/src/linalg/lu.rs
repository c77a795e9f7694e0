//! Factors of a matrix: P·A = L·U, with row pivoting.
//!
//! The columns are halved: the left half is factorised, the right half is brought up to date by a triangular solve and a matrix product, and
//! is factorised in turn. So nearly all work is in products of large matrices (source: S. Toledo, "Locality of Reference in LU Decomposition with
//! Partial Pivoting", SIAM J. Matrix Anal. Appl. 18, 1997). Matrices are column-major: pivots are sought, and rows eliminated, along columns.
//!
//! What is computed where is a function of the extents, so the bits do not depend on the number of threads.

use super::gemm::subtract_product;
use super::{Arithmetic, RawMatrix};
use crate::dispatch::run_on;
use crate::isa::Isa;
use crate::parallel::{Shared, Threads};

/// Elements that are factorised.
pub trait Real: Arithmetic + PartialOrd {
    /// Magnitude.
    fn size(self) -> Self;
    /// `self - a·b`, rounded twice.
    fn minus_product(self, a: Self, b: Self) -> Self;
    /// `self / other`.
    fn over(self, other: Self) -> Self;
}

macro_rules! reals {
    ($($t:ty)*) => {$(
        impl Real for $t {
            #[inline(always)]
            fn size(self) -> $t { self.abs() }
            #[inline(always)]
            fn minus_product(self, a: $t, b: $t) -> $t { self - a * b }
            #[inline(always)]
            fn over(self, other: $t) -> $t { self / other }
        }
    )*};
}
reals!(f32 f64);

/// Columns that are factorised one after the other.
const PANEL: usize = 16;
/// Rows of a triangle that are solved one after the other.
const TRIANGLE: usize = 32;
/// Columns that one thread takes in a go, in solves and row exchanges.
const COLUMNS: usize = 64;
/// Elements that are worth more threads than one.
const WORTH_SHARING: usize = 1 << 15;

/// A column-major matrix: element (i, j) is `step · j + i` elements after the first one. A part of memory that its maker has to itself; parts of it go to several
/// threads, disjoint where they are written.
#[derive(Clone, Copy)]
pub(super) struct Columns<T> {
    first: Shared<T>,
    step: usize,
}

impl<T: Real> Columns<T> {
    /// # Safety
    /// The elements that will be named are valid for reading and writing, and nobody else's while this value and its parts are used.
    pub(super) unsafe fn new(first: *mut T, step: usize) -> Columns<T> {
        Columns { first: Shared::new(first), step }
    }

    /// The part that begins at element (i, j).
    pub(super) fn from(self, i: usize, j: usize) -> Columns<T> {
        Columns { first: Shared::new(self.first.get().wrapping_add(self.step * j + i)), ..self }
    }

    /// Elements `0..rows` of column `j`.
    ///
    /// # Safety
    /// They belong to the matrix, and no other reference to them is alive.
    #[inline(always)]
    pub(super) unsafe fn column<'a>(self, j: usize, rows: usize) -> &'a mut [T] {
        // SAFETY: the caller's word, and that of who made the matrix.
        unsafe { std::slice::from_raw_parts_mut(self.first.get().add(self.step * j), rows) }
    }

    /// Elements `0..rows` of column 0, to be read.
    ///
    /// # Safety
    /// They belong to the matrix, and nobody writes them while the reference is alive.
    #[inline(always)]
    unsafe fn first_column<'a>(self, rows: usize) -> &'a [T] {
        // SAFETY: the caller's word, and that of who made the matrix.
        unsafe { std::slice::from_raw_parts(self.first.get(), rows) }
    }

    fn raw(self) -> RawMatrix<T> {
        let size = size_of::<T>() as isize;
        RawMatrix::new(self.first.get().cast(), [size, self.step as isize * size])
    }

    /// `self -= a·b`, of extents `m × n` over `k`.
    ///
    /// # Safety
    /// The matrices have these extents; `self` has no element in common with the others.
    unsafe fn subtract(self, a: Columns<T>, b: Columns<T>, extents: [usize; 3], threads: Threads<'_>) {
        // SAFETY: the caller's word, and that of who made the matrices.
        unsafe { subtract_product(extents, a.raw(), b.raw(), self.raw(), threads) }
    }
}

/// Factorises the `m × n` matrix `a` (`m >= n`) in place: `U` on and above the diagonal, `L` (of ones on its diagonal) below. Row `k` was exchanged with row
/// `pivots[k]`, in the order of `k`. `false`: a pivot is exactly zero, and nothing is of use.
///
/// # Safety
/// `a` has these extents.
pub(super) unsafe fn factorise<T: Real>(
    a: Columns<T>,
    m: usize,
    n: usize,
    pivots: &mut [usize],
    threads: Threads<'_>,
) -> bool {
    if n <= PANEL {
        return run_on(Isa::best(), {
            // SAFETY: the caller's word.
            #[inline(always)]
            || unsafe { factorise_panel(a, m, n, pivots) }
        });
    }
    let left = (n / 2).next_multiple_of(PANEL).min(n - 1);
    let right = n - left;
    let (first, second) = pivots.split_at_mut(left);
    // SAFETY: parts of `a`. The right half is split where the left one's pivots end.
    unsafe {
        if !factorise(a, m, left, first, threads) {
            return false;
        }
        exchange_rows(a.from(0, left), right, first, threads);
        solve_lower(a, left, a.from(0, left), right, threads);
        a.from(left, left).subtract(a.from(left, 0), a.from(0, left), [m - left, right, left], threads);
        if !factorise(a.from(left, left), m - left, right, second, threads) {
            return false;
        }
        exchange_rows(a.from(left, 0), left, second, threads);
    }
    second.iter_mut().for_each(|row| *row += left);
    true
}

/// # Safety
/// As [`factorise`].
#[inline(always)]
unsafe fn factorise_panel<T: Real>(a: Columns<T>, m: usize, n: usize, pivots: &mut [usize]) -> bool {
    for k in 0..n {
        // SAFETY: column `k`, and no other reference to it.
        let column = unsafe { a.column(k, m) };
        let pivot = k + largest(&column[k..]);
        pivots[k] = pivot;
        if column[pivot] == T::ZERO && column[k..].iter().all(|x| *x == T::ZERO) {
            return false;
        }
        for j in 0..n {
            // SAFETY: a column; `column` is not used meanwhile.
            unsafe { a.column(j, m) }.swap(k, pivot);
        }
        // SAFETY: as above.
        let (above, below) = unsafe { a.column(k, m) }.split_at_mut(k + 1);
        below.iter_mut().for_each(|x| *x = x.over(above[k]));
        for j in k + 1..n {
            // SAFETY: another column than `k`.
            let (head, tail) = unsafe { a.column(j, m) }.split_at_mut(k + 1);
            let factor = head[k];
            tail.iter_mut().zip(&*below).for_each(|(x, &l)| *x = x.minus_product(l, factor));
        }
    }
    true
}

/// The place of the largest magnitude, the first of several. (In a column with a NaN, any: all that comes of it is lost.)
#[inline(always)]
fn largest<T: Real>(column: &[T]) -> usize {
    let mut lanes = [T::ZERO; 16];
    let (groups, rest) = column.as_chunks::<16>();
    for group in groups {
        for (lane, x) in lanes.iter_mut().zip(group) {
            *lane = if x.size() > *lane { x.size() } else { *lane };
        }
    }
    let most = lanes.iter().chain(rest).fold(T::ZERO, |most, x| if x.size() > most { x.size() } else { most });
    column.iter().position(|x| x.size() == most).unwrap_or(0)
}

/// Exchanges rows `k` and `pivots[k]` of `n` columns, in the order of `k`.
///
/// # Safety
/// `a` has these rows and columns.
unsafe fn exchange_rows<T: Real>(a: Columns<T>, n: usize, pivots: &[usize], threads: Threads<'_>) {
    let rows = pivots.iter().copied().max().map_or(0, |row| row.max(pivots.len() - 1) + 1);
    for_columns(n, pivots.len(), threads, |from, to| {
        for j in from..to {
            // SAFETY: a column that only this call has.
            let column = unsafe { a.column(j, rows) };
            pivots.iter().enumerate().for_each(|(k, &pivot)| column.swap(k, pivot));
        }
    });
}

/// `b = L⁻¹·b` for the lower triangle `l` of `n` rows with ones on its diagonal, and `columns` columns of `b`.
///
/// # Safety
/// The matrices have these extents, and no element in common.
pub(super) unsafe fn solve_lower<T: Real>(
    l: Columns<T>,
    n: usize,
    b: Columns<T>,
    columns: usize,
    threads: Threads<'_>,
) {
    for_columns(columns, n * n, threads, |from, to| {
        // SAFETY: columns that only this call has.
        unsafe { lower_part(l, n, b.from(0, from), to - from) };
    });
}

/// # Safety
/// As [`solve_lower`].
unsafe fn lower_part<T: Real>(l: Columns<T>, n: usize, b: Columns<T>, columns: usize) {
    if n > TRIANGLE {
        let top = (n / 2).next_multiple_of(TRIANGLE).min(n - 1);
        // SAFETY: parts of the matrices.
        unsafe {
            lower_part(l, top, b, columns);
            b.from(top, 0).subtract(l.from(top, 0), b, [n - top, columns, top], Threads::ALONE);
            lower_part(l.from(top, top), n - top, b.from(top, 0), columns);
        }
        return;
    }
    run_on(Isa::best(), {
        #[inline(always)]
        || {
            for j in 0..columns {
                // SAFETY: a column of `b`, and columns of `l`.
                let x = unsafe { b.column(j, n) };
                for k in 0..n {
                    let (head, tail) = x.split_at_mut(k + 1);
                    // SAFETY: as above; nobody writes to `l`.
                    let below = unsafe { l.from(k + 1, k).first_column(n - k - 1) };
                    tail.iter_mut().zip(below).for_each(|(x, &l)| *x = x.minus_product(l, head[k]));
                }
            }
        }
    });
}

/// `b = U⁻¹·b` for the upper triangle `u` of `n` rows, and `columns` columns of `b`.
///
/// # Safety
/// The matrices have these extents, and no element in common.
pub(super) unsafe fn solve_upper<T: Real>(
    u: Columns<T>,
    n: usize,
    b: Columns<T>,
    columns: usize,
    threads: Threads<'_>,
) {
    for_columns(columns, n * n, threads, |from, to| {
        // SAFETY: columns that only this call has.
        unsafe { upper_part(u, n, b.from(0, from), to - from) };
    });
}

/// # Safety
/// As [`solve_upper`].
unsafe fn upper_part<T: Real>(u: Columns<T>, n: usize, b: Columns<T>, columns: usize) {
    if n > TRIANGLE {
        let top = (n / 2).next_multiple_of(TRIANGLE).min(n - 1);
        // SAFETY: parts of the matrices.
        unsafe {
            upper_part(u.from(top, top), n - top, b.from(top, 0), columns);
            b.subtract(u.from(0, top), b.from(top, 0), [top, columns, n - top], Threads::ALONE);
            upper_part(u, top, b, columns);
        }
        return;
    }
    run_on(Isa::best(), {
        #[inline(always)]
        || {
            for j in 0..columns {
                // SAFETY: a column of `b`, and columns of `u`.
                let x = unsafe { b.column(j, n) };
                for k in (0..n).rev() {
                    // SAFETY: as above; nobody writes to `u`.
                    let above = unsafe { u.from(0, k).first_column(k + 1) };
                    let (head, tail) = x.split_at_mut(k);
                    tail[0] = tail[0].over(above[k]);
                    head.iter_mut().zip(above).for_each(|(x, &u)| *x = x.minus_product(u, tail[0]));
                }
            }
        }
    });
}

/// Calls `body` with ranges of `n` columns, on all threads if there is work for them.
fn for_columns(n: usize, work_per_column: usize, threads: Threads<'_>, body: impl Fn(usize, usize) + Sync) {
    let range = |part: usize| body(part * COLUMNS, n.min((part + 1) * COLUMNS));
    let parts = n.div_ceil(COLUMNS);
    if n * work_per_column < WORTH_SHARING { (0..parts).for_each(range) } else { threads.for_each(parts, range) }
}
