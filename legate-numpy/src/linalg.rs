//! Products of vectors and matrices, norms, diagonals.

use crate::array::NdArray;
use crate::error::Result;
use crate::session::Session;

/// The orders of `np.linalg.norm` that are native.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    /// No order given: the 2-norm of all elements.
    Default,
    /// `'fro'`
    Frobenius,
    /// `inf`
    Inf,
    /// `-inf`
    NegInf,
    /// A number.
    Order(f64),
}

impl Session {
    /// `np.matmul(a, b, out=out)`.
    ///
    /// # Errors
    /// NumPy's for shapes that do not fit; [`crate::Error::Unsupported`] for stacks of matrices.
    pub fn matmul(&self, a: &NdArray, b: &NdArray, out: Option<&NdArray>) -> Result<NdArray> {
        let _ = (a, b, out);
        todo!()
    }
    /// `np.dot(a, b, out=out)`.
    ///
    /// # Errors
    /// NumPy's for shapes that do not fit.
    pub fn dot(&self, a: &NdArray, b: &NdArray, out: Option<&NdArray>) -> Result<NdArray> {
        let _ = (a, b, out);
        todo!()
    }
    /// `np.inner(a, b)`.
    ///
    /// # Errors
    /// As [`Session::dot`].
    pub fn inner(&self, a: &NdArray, b: &NdArray) -> Result<NdArray> {
        let _ = (a, b);
        todo!()
    }
    /// `np.outer(a, b, out=out)`.
    ///
    /// # Errors
    /// An `out` that does not fit.
    pub fn outer(&self, a: &NdArray, b: &NdArray, out: Option<&NdArray>) -> Result<NdArray> {
        let _ = (a, b, out);
        todo!()
    }
    /// `np.vdot(a, b)`.
    ///
    /// # Errors
    /// Sizes that differ.
    pub fn vdot(&self, a: &NdArray, b: &NdArray) -> Result<NdArray> {
        let _ = (a, b);
        todo!()
    }
    /// `np.tensordot(a, b, axes=(axes_a, axes_b))`.
    ///
    /// # Errors
    /// [`crate::Error::Value`] (`shape-mismatch for sum`).
    pub fn tensordot(&self, a: &NdArray, b: &NdArray, axes_a: &[i64], axes_b: &[i64]) -> Result<NdArray> {
        let _ = (a, b, axes_a, axes_b);
        todo!()
    }
    /// `np.trace(a, k, axis1, axis2)`.
    ///
    /// # Errors
    /// As [`NdArray::diagonal`].
    pub fn trace(&self, a: &NdArray, k: i64, axis1: i64, axis2: i64) -> Result<NdArray> {
        let _ = (a, k, axis1, axis2);
        todo!()
    }
    /// `np.diag(a, k)`: a matrix of a vector, or the (copied) diagonal of a matrix.
    ///
    /// # Errors
    /// [`crate::Error::Value`] (`Input must be 1- or 2-d.`).
    pub fn diag(&self, a: &NdArray, k: i64) -> Result<NdArray> {
        let _ = (a, k);
        todo!()
    }
    /// `np.diagflat(a, k)`.
    ///
    /// # Errors
    /// None of the user's making.
    pub fn diagflat(&self, a: &NdArray, k: i64) -> Result<NdArray> {
        let _ = (a, k);
        todo!()
    }
    /// `np.linalg.norm(a, order, axis, keepdims)`.
    ///
    /// # Errors
    /// NumPy's; [`crate::Error::Unsupported`] for matrix norms by singular values.
    pub fn norm(&self, a: &NdArray, order: Norm, axis: Option<&[i64]>, keepdims: bool) -> Result<NdArray> {
        let _ = (a, order, axis, keepdims);
        todo!()
    }
}
