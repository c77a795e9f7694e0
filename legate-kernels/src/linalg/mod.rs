//! Products of matrices and vectors; systems of linear equations ([`solve()`]).
//!
//! | function | computes | cut by the caller | order of the sum over `k` |
//! |---|---|---|---|
//! | [`gemv_rows()`] | `y[i] = Σ_k a[i, k]·x[k]` | rows anywhere | 16 lanes in blocks of 1024, blocks by the canonical tree |
//! | [`gemv_cols()`] | `y[j] = Σ_k x[k]·a[k, j]` | columns anywhere; `k` at nodes of the tree over [`GEMV_LEAF`] rows | fours in order in a leaf, leaves by the canonical tree |
//! | [`gemm()`] | `c[i, j] = Σ_k a[i, k]·b[k, j]` | rows and columns at multiples of [`GEMM_TILE`] | blocks of at most [`GEMM_DEPTH`], in order |
//! | [`gemm_tall()`] | the same where [`is_tall()`] | rows and columns as [`gemm()`]; `k` at nodes of the tree over [`GEMM_LEAF`] | [`gemm()`]'s in a leaf, leaves by the canonical tree |
//!
//! So the bits of a result are a function of the operands' extents and values, not of cuts, threads, ranks or strides. A *canonical tree* over items `0..n` is the
//! binary tree whose nodes are `[i·2ʰ, (i+1)·2ʰ)`, clipped to `n`: each is the sum of its two halves.
//!
//! Element types are all of [`crate::dtype`]: integers wrap around, bool is *or* of *and*s, as NumPy's `matmul` has it. Products of two
//! vectors are fused programs (multiply, then reduce) and not here.
//!
//! Operands are raw pointers with byte strides of any sign; the functions are therefore unsafe. [`MatrixRef`] and its
//! kin wrap slices for tests and examples.

mod arithmetic;
mod gemm;
mod gemm_tall;
mod gemv_cols;
mod gemv_rows;
mod lu;
mod narrow_rows;
mod panel;
mod plain;
mod slices;
mod solve;
#[cfg(test)]
mod tests;
mod tree;

pub use arithmetic::Arithmetic;
pub use gemm::{GEMM_DEPTH, GEMM_TILE, gemm};
pub use gemm_tall::{GEMM_LEAF, gemm_tall, is_tall};
pub use gemv_cols::{GEMV_LEAF, gemv_cols};
pub use gemv_rows::gemv_rows;
pub use lu::Real;
pub use slices::{MatrixMut, MatrixRef};
pub use solve::{Singular, solve, solve_scratch_bytes};

use std::marker::PhantomData;

/// Where a matrix lies: element `(i, j)` is at `ptr + i·strides[0] + j·strides[1]`, in bytes.
///
/// Nothing is promised by the value itself; the functions that take one say what must hold.
#[derive(Debug)]
pub struct RawMatrix<T> {
    /// Element (0, 0).
    pub ptr: *mut u8,
    /// Bytes from one row, and one column, to the next.
    pub strides: [isize; 2],
    element: PhantomData<*mut T>,
}

impl<T> Clone for RawMatrix<T> {
    fn clone(&self) -> RawMatrix<T> {
        *self
    }
}
impl<T> Copy for RawMatrix<T> {}

impl<T> RawMatrix<T> {
    /// See the type.
    pub fn new(ptr: *mut u8, strides: [isize; 2]) -> RawMatrix<T> {
        RawMatrix { ptr, strides, element: PhantomData }
    }

    /// A matrix of one column: a vector whose elements are `stride` bytes apart.
    pub fn vector(ptr: *mut u8, stride: isize) -> RawMatrix<T> {
        RawMatrix::new(ptr, [stride, 0])
    }

    /// Rows and columns exchanged.
    #[must_use]
    pub fn transposed(self) -> RawMatrix<T> {
        RawMatrix::new(self.ptr, [self.strides[1], self.strides[0]])
    }

    /// Element (i, j). The address only: it may lie outside.
    fn at(self, i: usize, j: usize) -> *mut T {
        let offset = i as isize * self.strides[0] + j as isize * self.strides[1];
        self.ptr.wrapping_offset(offset).cast()
    }

    /// The part that begins at element (i, j).
    fn from(self, i: usize, j: usize) -> RawMatrix<T> {
        RawMatrix::new(self.at(i, j).cast(), self.strides)
    }

    /// Whether elements of a row lie one after the other.
    fn rows_are_contiguous(self) -> bool {
        self.strides[1] == size_of::<T>() as isize
    }
}
