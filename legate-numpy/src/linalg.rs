//! Products of vectors and matrices, norms, diagonals.

use crate::array::NdArray;
use crate::error::{Casting, Error, Result};
use crate::exceptions::called;
use crate::product::as_common;
use crate::promote::promote_types;
use crate::reduction::{ReduceOptions, Reduction};
use crate::session::Session;
use crate::shape::check_shape;
use crate::ufunc::{CallOptions, Operand, Ufunc};
use crate::view::normalize_axes;
use legate_kernels::dtype::DType;
use smallvec::SmallVec;

impl Session {
    /// `np.matmul(a, b, out=out)`.
    ///
    /// # Errors
    /// NumPy's for shapes that do not fit.
    pub fn matmul(&self, a: &NdArray, b: &NdArray, out: Option<&NdArray>) -> Result<NdArray> {
        for (k, operand) in [a, b].into_iter().enumerate() {
            if operand.ndim() == 0 {
                return Err(Error::Value(format!(
                    "matmul: Input operand {k} does not have enough dimensions (has 0, gufunc core with signature (n?,k),(k,m?)->(n?,m?) requires 1)"
                )));
            }
        }
        let (depth, other) = (a.shape()[a.ndim() - 1], b.shape()[b.ndim().saturating_sub(2)]);
        if depth != other {
            return Err(Error::Value(format!(
                "matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature (n?,k),(k,m?)->(n?,m?) (size {other} is different from {depth})"
            )));
        }
        let result = match b.ndim() > 2 {
            true => {
                let (a, b) = as_common(self, a, b, promote_types(a.dtype(), b.dtype()))?;
                called("matmul", || self.multiply_stacks(&a, &b))?
            }
            false => called("matmul", || self.contract(a, b))?,
        };
        self.product_into(result, out, "matmul")
    }

    /// `np.dot(a, b, out=out)`.
    ///
    /// # Errors
    /// NumPy's for shapes that do not fit.
    pub fn dot(&self, a: &NdArray, b: &NdArray, out: Option<&NdArray>) -> Result<NdArray> {
        if a.ndim() == 0 || b.ndim() == 0 {
            let multiply = Ufunc::lookup("multiply").expect("multiply is native");
            return self.call(multiply, &[a.into(), b.into()], &CallOptions { out, ..CallOptions::default() });
        }
        if out.is_none()
            && let Some(value) = self.dot_small(a, b)
        {
            return Ok(self.scalar(value));
        }
        let axis = b.ndim().saturating_sub(2);
        check_alignment(a, b, axis)?;
        let result = called("dot", || self.contract(a, b))?;
        self.product_into(result, out, "dot")
    }

    /// `np.inner(a, b)`.
    ///
    /// # Errors
    /// As [`Session::dot`].
    pub fn inner(&self, a: &NdArray, b: &NdArray) -> Result<NdArray> {
        if a.ndim() == 0 || b.ndim() == 0 {
            return self.dot(a, b, None);
        }
        check_alignment(a, b, b.ndim() - 1)?;
        called("dot", || match b.ndim() {
            1 => self.contract(a, b),
            _ => self.contract(a, &b.swapaxes(-1, -2)?),
        })
    }

    /// The sum over the last dimension of `a` and the last but one of `b` (the only one of a vector).
    fn contract(&self, a: &NdArray, b: &NdArray) -> Result<NdArray> {
        if a.dtype().is_time() || b.dtype().is_time() {
            return Err(Error::Unsupported("products of times".into()));
        }
        let dtype = promote_types(a.dtype(), b.dtype());
        let (a, b) = as_common(self, a, b, dtype.computed())?;
        let product = match (a.ndim(), b.ndim()) {
            (1, 1) => self.vector_product(&a, &b),
            (2, 1) => self.matrix_vector_product(&a, &b),
            (1, 2) => self.matrix_vector_product(&b.transpose(None)?, &a),
            (2, 2) => self.matrix_product(&a, &b),
            _ => self.contract_flattened(&a, &b),
        }?;
        self.of_type(product, dtype)
    }

    /// More dimensions are flattened to matrices.
    fn contract_flattened(&self, a: &NdArray, b: &NdArray) -> Result<NdArray> {
        let depth = a.shape()[a.ndim() - 1];
        let b = if b.ndim() > 2 { b.moveaxis(&[-2], &[0])? } else { b.clone() };
        let mut shape: SmallVec<[i64; 4]> = a.shape()[..a.ndim() - 1].into();
        shape.extend_from_slice(&b.shape()[1..]);
        check_shape(&shape)?;
        let rows: i64 = a.shape()[..a.ndim() - 1].iter().product();
        let columns: i64 = b.shape()[1..].iter().product();
        let (left, right) = (self.reshape(a, &[rows, depth])?, self.reshape(&b, &[depth, columns])?);
        let product = self.matrix_product(&left, &right)?;
        self.reshape(&product, &shape)
    }

    fn product_into(&self, result: NdArray, out: Option<&NdArray>, name: &str) -> Result<NdArray> {
        let Some(out) = out else { return Ok(result) };
        if name == "dot" && (out.shape() != result.shape() || out.dtype() != result.dtype() || !out.is_c_contiguous()) {
            let text =
                "output array is not acceptable (must have the right datatype, number of dimensions, and be a C-Array)";
            return Err(Error::Value(text.into()));
        }
        crate::assign::check_output(name, result.dtype(), Some(out), result.shape())?;
        self.copyto(out, &Operand::Array(result), Casting::Unsafe, None)?;
        Ok(out.clone())
    }

    /// `np.outer(a, b, out=out)`.
    ///
    /// # Errors
    /// An `out` that does not fit.
    pub fn outer(&self, a: &NdArray, b: &NdArray, out: Option<&NdArray>) -> Result<NdArray> {
        let (column, row) = (self.ravel(a)?.expand_dims(&[1])?, self.ravel(b)?);
        let multiply = Ufunc::lookup("multiply").expect("multiply is native");
        self.call(multiply, &[column.into(), row.into()], &CallOptions { out, ..CallOptions::default() })
    }

    /// `np.vdot(a, b)`.
    ///
    /// # Errors
    /// Sizes that differ.
    pub fn vdot(&self, a: &NdArray, b: &NdArray) -> Result<NdArray> {
        let (a, b) = (self.ravel(a)?, self.ravel(b)?);
        if a.size() != b.size() {
            return Err(Error::Reshape { size: b.size(), shape: a.shape().into() });
        }
        let a = match a.dtype() {
            DType::C64 | DType::C128 => self.apply("conjugate", &a)?,
            _ => a,
        };
        self.contract(&a, &b)
    }

    /// `np.tensordot(a, b, axes=(axes_a, axes_b))`.
    ///
    /// # Errors
    /// [`Error::Value`] (`shape-mismatch for sum`).
    pub fn tensordot(&self, a: &NdArray, b: &NdArray, axes_a: &[i64], axes_b: &[i64]) -> Result<NdArray> {
        let folded_a = normalize_axes(axes_a, a.ndim(), "duplicate axes")?;
        let folded_b = normalize_axes(axes_b, b.ndim(), "duplicate axes")?;
        let extents = |a: &NdArray, axes: &[usize]| axes.iter().map(|&d| a.shape()[d]).collect::<SmallVec<[i64; 4]>>();
        if extents(a, &folded_a) != extents(b, &folded_b) {
            return Err(Error::Value("shape-mismatch for sum".into()));
        }
        let kept = |a: &NdArray, folded: &[usize]| {
            (0..a.ndim()).filter(|d| !folded.contains(d)).collect::<SmallVec<[usize; 4]>>()
        };
        let (kept_a, kept_b) = (kept(a, &folded_a), kept(b, &folded_b));
        let shape: Vec<i64> = extents(a, &kept_a).into_iter().chain(extents(b, &kept_b)).collect();
        let depth: i64 = extents(a, &folded_a).iter().product();
        let left = a.with_view(a.view.permuted(&[kept_a.as_slice(), &folded_a].concat()));
        let right = b.with_view(b.view.permuted(&[folded_b.as_slice(), &kept_b].concat()));
        let left = self.reshape(&left, &[extents(a, &kept_a).iter().product(), depth])?;
        let right = self.reshape(&right, &[depth, extents(b, &kept_b).iter().product()])?;
        let product = self.contract(&left, &right)?;
        self.reshape(&product, &shape)
    }

    /// `np.trace(a, k, axis1, axis2)`.
    ///
    /// # Errors
    /// As [`NdArray::diagonal`].
    pub fn trace(&self, a: &NdArray, k: i64, axis1: i64, axis2: i64) -> Result<NdArray> {
        let diagonal = a.diagonal(k, axis1, axis2)?;
        self.reduce(Reduction::Sum, &diagonal, &ReduceOptions { axis: Some(&[-1]), ..ReduceOptions::default() })
    }

    /// `np.diag(a, k)`: a matrix of a vector, or the diagonal of a matrix (a read-only view, as in NumPy).
    ///
    /// # Errors
    /// [`Error::Value`] (`Input must be 1- or 2-d.`).
    pub fn diag(&self, a: &NdArray, k: i64) -> Result<NdArray> {
        match a.ndim() {
            1 => {
                let n = a.size() + k.abs();
                let matrix = self.zeros(&[n, n], a.dtype())?;
                let diagonal = matrix.with_view(matrix.view.diagonal(k, 0, 1));
                self.assign(&diagonal, &a.into())?;
                Ok(matrix)
            }
            2 => a.diagonal(k, 0, 1),
            _ => Err(Error::Value("Input must be 1- or 2-d.".into())),
        }
    }

    /// `np.diagflat(a, k)`.
    ///
    /// # Errors
    /// None of the user's making.
    pub fn diagflat(&self, a: &NdArray, k: i64) -> Result<NdArray> {
        self.diag(&self.ravel(a)?, k)
    }

    /// A ufunc of one input, called plainly.
    pub(crate) fn apply(&self, name: &str, a: &NdArray) -> Result<NdArray> {
        let ufunc = Ufunc::lookup(name).expect("the caller names native ufuncs");
        self.call(ufunc, &[a.into()], &CallOptions::default())
    }

    /// A ufunc of two inputs, called plainly.
    pub(crate) fn apply2(&self, name: &str, a: &NdArray, b: impl Into<Operand>) -> Result<NdArray> {
        let ufunc = Ufunc::lookup(name).expect("the caller names native ufuncs");
        self.call(ufunc, &[a.into(), b.into()], &CallOptions::default())
    }
}

/// Whether the last dimension of `a` has the extent of dimension `axis` of `b`.
fn check_alignment(a: &NdArray, b: &NdArray, axis: usize) -> Result<()> {
    let last = a.ndim() - 1;
    let (left, right) = (a.shape()[last], b.shape()[axis]);
    if left == right {
        return Ok(());
    }
    let (a, b) = (crate::error::ShapeText::from(a.shape()), crate::error::ShapeText::from(b.shape()));
    Err(Error::Value(format!("shapes {a} and {b} not aligned: {left} (dim {last}) != {right} (dim {axis})")))
}
