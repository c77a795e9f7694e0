//! Matrices in slices: the products behind a checked interface, for tests, examples and small work on the host.

use super::{Arithmetic, RawMatrix, gemm, gemm_tall, gemv_cols, gemv_rows};
use crate::dtype::Element;
use crate::parallel::Threads;

/// A matrix to be read: element (i, j) is `elements[offset + i·strides[0] + j·strides[1]]`.
#[derive(Clone, Copy, Debug)]
pub struct MatrixRef<'a, T> {
    elements: &'a [T],
    offset: usize,
    extents: [usize; 2],
    strides: [isize; 2],
}

/// A matrix to be written; see [`MatrixRef`]. Its elements are distinct.
#[derive(Debug)]
pub struct MatrixMut<'a, T> {
    elements: &'a mut [T],
    offset: usize,
    extents: [usize; 2],
    strides: [isize; 2],
}

/// # Panics
/// If an element lies outside of `0..len`.
fn check(len: usize, offset: usize, extents: [usize; 2], strides: [isize; 2]) {
    if extents.contains(&0) {
        return;
    }
    let (mut lowest, mut highest) = (offset as isize, offset as isize);
    for (extent, stride) in extents.into_iter().zip(strides) {
        let span = stride * (extent as isize - 1);
        lowest += span.min(0);
        highest += span.max(0);
    }
    assert!(0 <= lowest && highest < len as isize, "a matrix of {extents:?} reaches outside of its slice");
}

fn bytes<T>(strides: [isize; 2]) -> [isize; 2] {
    strides.map(|stride| stride * size_of::<T>() as isize)
}

impl<'a, T: Element> MatrixRef<'a, T> {
    /// Row-major.
    ///
    /// # Panics
    /// If the slice is too short.
    pub fn new(elements: &'a [T], extents: [usize; 2]) -> MatrixRef<'a, T> {
        MatrixRef::with_strides(elements, 0, extents, [extents[1] as isize, 1])
    }

    /// See the type; strides in elements.
    ///
    /// # Panics
    /// If an element lies outside of the slice.
    pub fn with_strides(
        elements: &'a [T],
        offset: usize,
        extents: [usize; 2],
        strides: [isize; 2],
    ) -> MatrixRef<'a, T> {
        check(elements.len(), offset, extents, strides);
        MatrixRef { elements, offset, extents, strides }
    }

    fn raw(&self) -> RawMatrix<T> {
        let ptr = self.elements.as_ptr().wrapping_add(self.offset).cast_mut().cast();
        RawMatrix::new(ptr, bytes::<T>(self.strides))
    }
}

impl<'a, T: Arithmetic> MatrixMut<'a, T> {
    /// Row-major.
    ///
    /// # Panics
    /// If the slice is too short.
    pub fn new(elements: &'a mut [T], extents: [usize; 2]) -> MatrixMut<'a, T> {
        MatrixMut::with_strides(elements, 0, extents, [extents[1] as isize, 1])
    }

    /// See the type; strides in elements.
    ///
    /// # Panics
    /// If an element lies outside of the slice, or (as far as is easily told) two elements coincide.
    pub fn with_strides(
        elements: &'a mut [T],
        offset: usize,
        extents: [usize; 2],
        strides: [isize; 2],
    ) -> MatrixMut<'a, T> {
        check(elements.len(), offset, extents, strides);
        let reach = |d: usize| strides[d].unsigned_abs() * (extents[d].max(1) - 1);
        let steps_over = |d: usize, other: usize| extents[d] < 2 || strides[d].unsigned_abs() > reach(other);
        let single = |d: usize| extents[d] < 2 || strides[d] != 0;
        let distinct = single(0) && single(1) && (steps_over(0, 1) || steps_over(1, 0));
        assert!(distinct || extents.contains(&0), "elements of a result coincide");
        MatrixMut { elements, offset, extents, strides }
    }

    fn raw(&mut self) -> RawMatrix<T> {
        let ptr = self.elements.as_mut_ptr().wrapping_add(self.offset).cast();
        RawMatrix::new(ptr, bytes::<T>(self.strides))
    }

    /// Becomes the product `a·b`: see [`gemm()`].
    ///
    /// # Panics
    /// If the extents do not fit.
    pub fn set_product(&mut self, a: MatrixRef<'_, T>, b: MatrixRef<'_, T>) {
        let [m, n] = self.extents;
        let k = a.extents[1];
        assert!(a.extents == [m, k] && b.extents == [k, n], "({m}, {n}) is not the shape of the product");
        // SAFETY: the constructors checked that all elements lie in their slices; the slices are borrowed, `c` exclusively.
        unsafe { gemm([m, n, k], a.raw(), b.raw(), self.raw()) }
    }

    /// Becomes the product `a·b`: see [`gemm_tall()`].
    ///
    /// # Panics
    /// If the extents do not fit.
    pub fn set_tall_product(&mut self, a: MatrixRef<'_, T>, b: MatrixRef<'_, T>, threads: Threads<'_>) {
        let [m, n] = self.extents;
        let k = a.extents[1];
        assert!(a.extents == [m, k] && b.extents == [k, n], "({m}, {n}) is not the shape of the product");
        // SAFETY: as in `set_product`.
        unsafe { gemm_tall([m, n, k], a.raw(), b.raw(), self.raw(), threads) }
    }

    /// Becomes (as a column) the product of `a` and the column `x`: see [`gemv_rows()`].
    ///
    /// # Panics
    /// If the extents do not fit.
    pub fn set_row_sums(&mut self, a: MatrixRef<'_, T>, x: MatrixRef<'_, T>) {
        let [m, k] = a.extents;
        assert!(x.extents == [k, 1] && self.extents == [m, 1], "({m}, {k}) does not fit the vectors");
        // SAFETY: as in `set_product`.
        unsafe { gemv_rows(m, k, a.raw(), x.raw(), self.raw()) }
    }

    /// Becomes (as a column) the product of the transpose of `a` and the column `x`: see [`gemv_cols()`].
    ///
    /// # Panics
    /// If the extents do not fit.
    pub fn set_column_sums(&mut self, a: MatrixRef<'_, T>, x: MatrixRef<'_, T>) {
        let [k, n] = a.extents;
        assert!(x.extents == [k, 1] && self.extents == [n, 1], "({k}, {n}) does not fit the vectors");
        // SAFETY: as in `set_product`.
        unsafe { gemv_cols(k, n, a.raw(), x.raw(), self.raw()) }
    }
}
