//! The claims of the module's page: right values, and bits that depend on nothing but extents and values.

use super::*;
use crate::dispatch::fuses;
use crate::dtype::{B8, C64, C128};
use crate::isa::Isa;
use crate::parallel::Threads;
use crate::random::Pcg64;

/// Test values: what they are drawn from, and how far apart two results may be.
trait Sample: Arithmetic {
    fn sample(bits: u64) -> Self;
    /// Whether `self` is `other` up to the rounding of a sum of `terms` products of samples.
    fn is_close(self, other: Self, terms: usize) -> bool;
}

macro_rules! exact_samples {
    ($($t:ty: $make:expr;)*) => {$(
        impl Sample for $t {
            fn sample(bits: u64) -> $t { $make(bits) }
            fn is_close(self, other: $t, _: usize) -> bool { self == other }
        }
    )*};
}
exact_samples! {
    i8: |b| b as i8; u8: |b| b as u8; i16: |b| b as i16; u16: |b| b as u16; i32: |b| b as i32; u32: |b| b as u32;
    i64: |b| b as i64; u64: |b| b;
    B8: |b| B8(u8::from(b % 16 == 0));
}

macro_rules! rounded_samples {
    ($($real:ty, $complex:ty;)*) => {$(
        impl Sample for $real {
            fn sample(bits: u64) -> $real { (bits >> 40) as $real / (1u64 << 23) as $real - 1.0 }
            fn is_close(self, other: $real, terms: usize) -> bool {
                // Samples are at most one, so the partial sums are at most `terms`, and each of the steps rounds once.
                (self - other).abs() <= <$real>::EPSILON * (terms * (terms + 1)) as $real
            }
        }
        impl Sample for $complex {
            fn sample(bits: u64) -> $complex { <$complex>::new(<$real>::sample(bits), <$real>::sample(bits.rotate_left(24))) }
            fn is_close(self, other: $complex, terms: usize) -> bool {
                self.re.is_close(other.re, 2 * terms) && self.im.is_close(other.im, 2 * terms)
            }
        }
    )*};
}
rounded_samples! { f32, C64; f64, C128; }

fn samples<T: Sample>(seed: u32, n: usize) -> Vec<T> {
    let mut bits = vec![0; n];
    Pcg64::from_entropy(&[seed]).peek_u64(&mut bits);
    bits.into_iter().map(T::sample).collect()
}

fn naive<T: Arithmetic>([m, n, k]: [usize; 3], a: &[T], b: &[T]) -> Vec<T> {
    let element = |i: usize, j: usize| (0..k).fold(T::ZERO, |sum, l| sum.plus(a[i * k + l].times(b[l * n + j])));
    (0..m * n).map(|ij| element(ij / n, ij % n)).collect()
}

fn product<T: Sample>([m, n, k]: [usize; 3], a: &[T], b: &[T]) -> Vec<T> {
    let mut c = samples(99, m * n); // To be overwritten, not added to.
    MatrixMut::new(&mut c, [m, n]).set_product(MatrixRef::new(a, [m, k]), MatrixRef::new(b, [k, n]));
    c
}

fn assert_close<T: Sample>(got: &[T], expected: &[T], terms: usize, what: &str) {
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        assert!(g.is_close(*e, terms), "{what} of {}, element {i}: {g:?} for {e:?}", T::DTYPE);
    }
    assert_eq!(got.len(), expected.len());
}

/// Panics, saying where first, if two results differ in any bit.
#[track_caller]
fn assert_same_bits<T: Arithmetic>(got: &[T], expected: &[T], what: &str) {
    assert_eq!(got.len(), expected.len());
    let same = |a: &T, b: &T| bytemuck::bytes_of(a) == bytemuck::bytes_of(b);
    if let Some(i) = (0..got.len()).find(|&i| !same(&got[i], &expected[i])) {
        panic!("{what}: element {i} is {:?} and not {:?}", got[i], expected[i]);
    }
}

/// Extents that meet each special case: none, one, two, few, more than a tile or a block.
const EXTENTS: [[usize; 3]; 16] = [
    [0, 3, 2],
    [3, 0, 2],
    [2, 3, 0],
    [1, 1, 1],
    [1, 5, 7],
    [5, 1, 7],
    [7, 5, 1],
    [7, 5, 2],
    [16, 16, 33],
    [17, 17, 3],
    [33, 40, 50],
    [3, 300, 5],
    [300, 3, 5],
    [5, 6, 1500],
    [40, 30, 1100],
    [257, 259, 17],
];

fn products_are_right<T: Sample>() {
    for extents @ [m, n, k] in EXTENTS {
        let (a, b) = (samples::<T>(1, m * k), samples::<T>(2, k * n));
        assert_close(&product(extents, &a, &b), &naive(extents, &a, &b), k, &format!("product {extents:?}"));

        let columns = |i: usize| (0..k).map(|l| a[i * k + l]).collect::<Vec<_>>();
        if m > 0 {
            let x = columns(0);
            let (mut rows, mut cols) = (samples(99, m), samples(99, n));
            MatrixMut::new(&mut rows, [m, 1]).set_row_sums(MatrixRef::new(&a, [m, k]), MatrixRef::new(&x, [k, 1]));
            assert_close(&rows, &naive([m, 1, k], &a, &x), k, &format!("rows {extents:?}"));
            MatrixMut::new(&mut cols, [n, 1]).set_column_sums(MatrixRef::new(&b, [k, n]), MatrixRef::new(&x, [k, 1]));
            assert_close(&cols, &naive([1, n, k], &x, &b), k, &format!("columns {extents:?}"));
        }
    }
}

#[test]
fn products_of_all_types_are_right() {
    products_are_right::<B8>();
    products_are_right::<i8>();
    products_are_right::<u8>();
    products_are_right::<i16>();
    products_are_right::<u16>();
    products_are_right::<i32>();
    products_are_right::<u32>();
    products_are_right::<i64>();
    products_are_right::<u64>();
    products_are_right::<f32>();
    products_are_right::<f64>();
    products_are_right::<C64>();
    products_are_right::<C128>();
}

/// A copy of a row-major matrix in other strides: every step and order that a view may have.
struct Laid<T> {
    elements: Vec<T>,
    offset: usize,
    extents: [usize; 2],
    strides: [isize; 2],
}

impl<T: Sample> Laid<T> {
    fn new(matrix: &[T], [m, n]: [usize; 2], layout: usize) -> Laid<T> {
        let (rows, cols) = (m as isize, n as isize);
        let (strides, offset) = match layout {
            0 => ([cols, 1], 0),
            1 => ([1, rows], 0),
            2 => ([2 * cols + 3, 2], 5),
            3 => ([-(cols + 1), 1], ((cols + 1) * (rows - 1)).max(0)),
            4 => ([3, -(3 * rows + 2)], ((3 * rows + 2) * (cols - 1)).max(0)),
            _ => ([-cols, -1], (rows * cols - 1).max(0)),
        };
        let reach = strides[0].abs() * rows + strides[1].abs() * cols + 6;
        let mut elements = samples(77, reach as usize);
        for i in 0..m {
            for j in 0..n {
                elements[(offset + i as isize * strides[0] + j as isize * strides[1]) as usize] = matrix[i * n + j];
            }
        }
        Laid { elements, offset: offset as usize, extents: [m, n], strides }
    }

    fn as_ref(&self) -> MatrixRef<'_, T> {
        MatrixRef::with_strides(&self.elements, self.offset, self.extents, self.strides)
    }

    fn as_mut(&mut self) -> MatrixMut<'_, T> {
        MatrixMut::with_strides(&mut self.elements, self.offset, self.extents, self.strides)
    }

    fn row_major(&self) -> Vec<T> {
        let [m, n] = self.extents;
        let place = |i, j| self.offset as isize + i as isize * self.strides[0] + j as isize * self.strides[1];
        (0..m * n).map(|ij| self.elements[place(ij / n, ij % n) as usize]).collect()
    }
}

const LAYOUTS: usize = 6;

fn strides_do_not_matter<T: Sample>(result_layouts: &[usize]) {
    for extents @ [m, n, k] in [[20, 30, 40], [3, 2, 5], [1, 9, 600], [300, 20, 700], [9, 70, 1]] {
        let (a, b) = (samples::<T>(3, m * k), samples::<T>(4, k * n));
        let expected = product(extents, &a, &b);
        for layout in 0..LAYOUTS * LAYOUTS {
            let (a, b) = (Laid::new(&a, [m, k], layout % LAYOUTS), Laid::new(&b, [k, n], layout / LAYOUTS));
            for &c in result_layouts {
                let mut c = Laid::new(&expected, [m, n], c);
                c.elements.fill(T::sample(5));
                c.as_mut().set_product(a.as_ref(), b.as_ref());
                assert_same_bits(&c.row_major(), &expected, &format!("{extents:?} in layout {layout}"));
                let untouched = c.elements.iter().filter(|x| **x == T::sample(5)).count();
                assert!(untouched >= c.elements.len() - m * n, "elements between those of the result are written");
            }
        }
        let x = samples::<T>(5, k);
        let mut expected = [samples::<T>(6, m), samples::<T>(6, n)];
        let x = MatrixRef::new(&x, [k, 1]);
        MatrixMut::new(&mut expected[0], [m, 1]).set_row_sums(MatrixRef::new(&a, [m, k]), x);
        MatrixMut::new(&mut expected[1], [n, 1]).set_column_sums(MatrixRef::new(&b, [k, n]), x);
        let x = samples::<T>(5, k);
        for layout in 0..LAYOUTS {
            let (a, b) = (Laid::new(&a, [m, k], layout), Laid::new(&b, [k, n], layout));
            let x = Laid::new(&x, [k, 1], layout);
            let mut y = [Laid::new(&expected[0], [m, 1], layout), Laid::new(&expected[1], [n, 1], layout)];
            y.iter_mut().for_each(|y| y.elements.fill(T::ZERO));
            y[0].as_mut().set_row_sums(a.as_ref(), x.as_ref());
            y[1].as_mut().set_column_sums(b.as_ref(), x.as_ref());
            for (y, expected) in y.iter().zip(&expected) {
                assert_same_bits(&y.row_major(), expected, &format!("vectors of {extents:?} in layout {layout}"));
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_strides() {
    let all: Vec<usize> = (0..LAYOUTS).collect();
    strides_do_not_matter::<f64>(&all);
    strides_do_not_matter::<f32>(&all);
    strides_do_not_matter::<i16>(&all);
    strides_do_not_matter::<B8>(&all);
    // Row-major results only: see the page of `gemm.rs`.
    strides_do_not_matter::<C128>(&[0, 2, 3, 5]);
    strides_do_not_matter::<C64>(&[0, 2, 3, 5]);
}

/// The product of every part of a matrix alone has the bits that it has in the whole.
fn cuts_do_not_matter<T: Sample>(extents @ [m, n, k]: [usize; 3], row_cuts: &[usize], column_cuts: &[usize]) {
    let (a, b) = (samples::<T>(7, m * k), samples::<T>(8, k * n));
    let whole = product(extents, &a, &b);
    for rows in row_cuts.windows(2) {
        for cols in column_cuts.windows(2) {
            let part = [rows[1] - rows[0], cols[1] - cols[0]];
            let mut c = vec![T::ZERO; part[0] * part[1]];
            let a = MatrixRef::with_strides(&a, rows[0] * k, [part[0], k], [k as isize, 1]);
            let b = MatrixRef::with_strides(&b, cols[0], [k, part[1]], [n as isize, 1]);
            MatrixMut::new(&mut c, part).set_product(a, b);
            for i in 0..part[0] {
                let expected = &whole[(rows[0] + i) * n + cols[0]..][..part[1]];
                let what = format!("row {i} of rows {rows:?}, columns {cols:?}");
                assert_same_bits(&c[i * part[1]..][..part[1]], expected, &what);
            }
        }
    }
}

#[test]
fn bits_of_a_product_do_not_depend_on_how_it_is_cut() {
    const T: usize = GEMM_TILE;
    for k in [1, 2, 3, 100, 1025] {
        let extents = [2 * T + 9, T + 100, k];
        // Real products: cut anywhere. Parts of one row, one column and few elements among them.
        let (rows, cols) = ([0, 1, 3, 19, 300, 2 * T + 9], [0, 5, 6, 20, T + 3, T + 100]);
        cuts_do_not_matter::<f64>(extents, &rows, &cols);
        cuts_do_not_matter::<f32>(extents, &rows, &cols);
        let (rows, cols) = ([0, T, 2 * T, 2 * T + 9], [0, T, T + 100]);
        cuts_do_not_matter::<C64>(extents, &rows, &cols);
        cuts_do_not_matter::<C128>(extents, &rows, &cols);
    }
}

/// What "no dependence on machine and caches" rests on: the library sums a block of `k` in one chain of fused multiply-adds.
fn tall_products_do_not_depend_on_threads_or_cuts<T: Sample>([m, n, k]: [usize; 3]) {
    let (a, b) = (samples::<T>(1, m * k), samples::<T>(2, k * n));
    let part = |from: usize, to: usize, threads: Threads<'_>| {
        let mut c = samples(99, m * n);
        let a = MatrixRef::with_strides(&a, from, [m, to - from], [k as isize, 1]);
        let b = MatrixRef::with_strides(&b, from * n, [to - from, n], [n as isize, 1]);
        MatrixMut::new(&mut c, [m, n]).set_tall_product(a, b, threads);
        c
    };
    let whole = part(0, k, Threads::ALONE);
    assert_close(&whole, &naive([m, n, k], &a, &b), k, "tall product");
    for count in [2, 3] {
        assert_same_bits(&Threads::scoped(count, |threads| part(0, k, threads)), &whole, "on several threads");
    }
    // The halves of the canonical tree over seven leaves: four, and three.
    let (left, right) = (part(0, 4 * GEMM_LEAF, Threads::ALONE), part(4 * GEMM_LEAF, k, Threads::ALONE));
    let joined: Vec<T> = left.iter().zip(&right).map(|(l, r)| l.plus(*r)).collect();
    assert_same_bits(&joined, &whole, "in two parts");
}

#[test]
fn bits_of_a_tall_product_do_not_depend_on_threads_or_cuts() {
    let k = 6 * GEMM_LEAF + 77;
    assert!(is_tall([20, 30, k]) && !is_tall([1000, 30, k]) && !is_tall([2, 2, 3000]));
    tall_products_do_not_depend_on_threads_or_cuts::<f64>([20, 30, k]);
    tall_products_do_not_depend_on_threads_or_cuts::<f64>([2, 3, k]);
    tall_products_do_not_depend_on_threads_or_cuts::<C64>([5, 7, k]);
    tall_products_do_not_depend_on_threads_or_cuts::<i32>([3, 2, k]);
    tall_products_do_not_depend_on_threads_or_cuts::<f32>([GEMM_TILE + 1, 3, k]);
}

#[test]
fn a_real_product_is_a_chain_of_fused_multiply_adds() {
    if !fuses(Isa::best()) {
        return;
    }
    let extents @ [m, n, k] = [70, 50, 1300];
    let (a, b) = (samples::<f64>(9, m * k), samples::<f64>(10, k * n));
    let chain =
        |i: usize, j: usize, from: usize, to: usize| (from..to).fold(0.0, |s, l| a[i * k + l].mul_add(b[l * n + j], s));
    let expected: Vec<f64> = (0..m * n)
        .map(|ij| (0..3).map(|block| chain(ij / n, ij % n, block * k / 3, (block + 1) * k / 3)).fold(0.0, |s, c| s + c))
        .collect();
    assert_same_bits(&product(extents, &a, &b), &expected, "product");
}

#[test]
fn rows_of_a_matrix_are_summed_apart() {
    for k in [1, 15, 16, 33, 1024, 1025, 5000] {
        let (a, x) = (samples::<f64>(11, 13 * k), samples::<f64>(12, k));
        let x = MatrixRef::new(&x, [k, 1]);
        let mut whole = [0.0; 13];
        MatrixMut::new(&mut whole, [13, 1]).set_row_sums(MatrixRef::new(&a, [13, k]), x);
        for first in 0..13 {
            let rows = 13 - first;
            let mut part = vec![0.0; rows];
            MatrixMut::new(&mut part, [rows, 1]).set_row_sums(MatrixRef::new(&a[first * k..], [rows, k]), x);
            assert_same_bits(&part, &whole[first..], &format!("from row {first}, {k} columns"));
        }
    }
}

/// Contiguous rows have ways of their own by width; rows whose elements are apart are packed and go one way.
fn narrow_rows_have_the_bits_of_packed_ones<T: Sample>(depths: impl Iterator<Item = usize>, odd: &[T]) {
    const ROWS: usize = 21;
    for k in depths {
        let (mut a, x) = (samples::<T>(17, ROWS * k), samples::<T>(18, k));
        odd.iter().enumerate().for_each(|(i, value)| a[i * 5 * k + i % k] = *value);
        let spread: Vec<T> = a.iter().flat_map(|&value| [value, T::ZERO]).collect();
        let mut sums = [[T::ZERO; ROWS]; 2];
        let apart = MatrixRef::with_strides(&spread, 0, [ROWS, k], [2 * k as isize, 2]);
        for (sums, a) in sums.iter_mut().zip([MatrixRef::new(&a, [ROWS, k]), apart]) {
            MatrixMut::new(sums, [ROWS, 1]).set_row_sums(a, MatrixRef::new(&x, [k, 1]));
        }
        assert_same_bits(&sums[0], &sums[1], &format!("rows of {k}"));
    }
}

#[test]
fn rows_of_any_width_have_the_same_bits_however_they_lie() {
    let depths = || (1..70).chain([127, 128, 129, 511, 512, 513, 1023, 1024, 1025]);
    narrow_rows_have_the_bits_of_packed_ones::<f64>(depths(), &[-0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MAX]);
    narrow_rows_have_the_bits_of_packed_ones::<f32>(depths(), &[-0.0, f32::INFINITY, f32::MIN_POSITIVE]);
    narrow_rows_have_the_bits_of_packed_ones::<C128>(depths(), &[]);
    narrow_rows_have_the_bits_of_packed_ones::<i16>(depths(), &[i16::MIN, i16::MAX]);
    narrow_rows_have_the_bits_of_packed_ones::<B8>(depths(), &[]);
}

#[test]
fn pieces_of_the_tree_join_to_the_whole() {
    let n = 37;
    for depth in [64, 100, 128, 64 * 11 + 3, 64 * 64] {
        let (a, x) = (samples::<f32>(13, depth * n), samples::<f32>(14, depth));
        let sums = |from: usize, to: usize| {
            let mut y = vec![0.0; n];
            let (a, x) = (&a[from * n..to * n], &x[from..to]);
            MatrixMut::new(&mut y, [n, 1])
                .set_column_sums(MatrixRef::new(a, [to - from, n]), MatrixRef::new(x, [to - from, 1]));
            y
        };
        for height in 0..4 {
            let piece = GEMV_LEAF << height;
            let join = |l: Vec<f32>, r: Vec<f32>| l.iter().zip(&r).map(|(l, r)| l + r).collect::<Vec<_>>();
            let mut joined = super::tree::TreeSum::new();
            for from in (0..depth).step_by(piece) {
                joined.push(sums(from, (from + piece).min(depth)), join);
            }
            let whole = sums(0, depth);
            assert_same_bits(&joined.finish(join).unwrap(), &whole, &format!("{depth} rows in pieces of {piece}"));
        }
    }
}

#[test]
fn simd_levels_agree() {
    let (m, k) = (37, 2100);
    let (a, x) = (samples::<f64>(15, m * k), samples::<f64>(16, m.max(k)));
    let raw = |v: &[f64], strides| RawMatrix::<f64>::new(v.as_ptr().cast_mut().cast(), strides);
    let results: Vec<_> = Isa::available()
        .map(|isa| {
            let (mut rows, mut cols) = (vec![0.0; m], vec![0.0; k]);
            let matrix = raw(&a, [8 * k as isize, 8]);
            let (to_rows, to_cols) = (rows.as_mut_ptr().cast(), cols.as_mut_ptr().cast());
            // SAFETY: `a` has m rows of k, `x` at least as many elements as either, the results m and k.
            unsafe {
                gemv_rows::gemv_rows_at(isa, m, k, matrix, raw(&x, [8, 0]), RawMatrix::vector(to_rows, 8));
                gemv_cols::gemv_cols_at(isa, m, k, matrix, raw(&x, [8, 0]), RawMatrix::vector(to_cols, 8));
            }
            rows.append(&mut cols);
            rows
        })
        .collect();
    results.iter().for_each(|r| assert_same_bits(r, &results[0], "a wider level"));
}
