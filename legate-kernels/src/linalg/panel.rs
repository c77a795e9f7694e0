//! Rows of a strided matrix as contiguous slices: in place where they are, else packed into scratch.

use super::RawMatrix;
use crate::dtype::Element;

/// Scratch for packed rows.
pub(super) struct Panel<T> {
    scratch: Vec<T>,
}

impl<T: Element> Panel<T> {
    pub(super) fn new() -> Panel<T> {
        Panel { scratch: Vec::new() }
    }

    /// Rows `0..ROWS`, columns `0..len` of `matrix`.
    ///
    /// # Safety
    /// These elements are valid for reading, aligned, and nobody writes them while the result lives.
    #[inline(always)]
    pub(super) unsafe fn rows<const ROWS: usize>(&mut self, matrix: RawMatrix<T>, len: usize) -> [&[T]; ROWS] {
        // SAFETY: the caller's word; what is packed lies in the scratch, which the result borrows.
        unsafe { Panel::in_place(self.contiguous(matrix, ROWS, len), len) }
    }

    /// [`Panel::rows`] of a matrix whose rows are contiguous.
    ///
    /// # Safety
    /// As [`Panel::rows`], and that.
    #[inline(always)]
    pub(super) unsafe fn in_place<'a, const ROWS: usize>(matrix: RawMatrix<T>, len: usize) -> [&'a [T]; ROWS] {
        // SAFETY: the elements of a row are adjacent, and valid by the caller's word.
        std::array::from_fn(|r| unsafe { std::slice::from_raw_parts(matrix.at(r, 0).cast_const(), len) })
    }

    /// A vector (a matrix of one column) of `len` elements.
    ///
    /// # Safety
    /// As [`Panel::rows`].
    pub(super) unsafe fn vector(&mut self, vector: RawMatrix<T>, len: usize) -> &[T] {
        // SAFETY: the caller's word; transposed, the vector is one row.
        let [row] = unsafe { self.rows::<1>(vector.transposed(), len) };
        row
    }

    /// The first `rows` rows of `matrix`, `len` columns wide: itself if its rows are contiguous, else a packed copy.
    ///
    /// # Safety
    /// As [`Panel::rows`]; what is returned lives as long as the borrow of `self`, whatever its type says.
    pub(super) unsafe fn contiguous(&mut self, matrix: RawMatrix<T>, rows: usize, len: usize) -> RawMatrix<T> {
        if matrix.rows_are_contiguous() {
            return matrix;
        }
        // SAFETY: the caller's word.
        unsafe { self.pack(matrix, rows, len) }
    }

    /// Copies rows to the scratch, one after the other, walking the matrix along its smaller stride.
    ///
    /// # Safety
    /// As [`Panel::contiguous`].
    pub(super) unsafe fn pack(&mut self, matrix: RawMatrix<T>, rows: usize, len: usize) -> RawMatrix<T> {
        self.scratch.resize(rows * len, T::zeroed());
        if matrix.strides[0].unsigned_abs() < matrix.strides[1].unsigned_abs() {
            for j in 0..len {
                for r in 0..rows {
                    // SAFETY: an element of the panel.
                    self.scratch[r * len + j] = unsafe { matrix.at(r, j).read() };
                }
            }
        } else {
            for (r, row) in self.scratch.chunks_exact_mut(len.max(1)).enumerate() {
                for (j, value) in row.iter_mut().enumerate() {
                    // SAFETY: an element of the panel.
                    *value = unsafe { matrix.at(r, j).read() };
                }
            }
        }
        let size = size_of::<T>() as isize;
        RawMatrix::new(self.scratch.as_mut_ptr().cast(), [len as isize * size, size])
    }
}
