//! Norms of vectors and matrices.

use crate::array::NdArray;
use crate::error::{Casting, Error, Result};
use crate::reduction::{ReduceOptions, Reduction};
use crate::session::Session;
use crate::view::normalize_axes;
use legate_kernels::dtype::{DType, Kind};

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
    /// `np.linalg.norm(a, order, axis, keepdims)`.
    ///
    /// # Errors
    /// NumPy's; [`Error::Unsupported`] for matrix norms by singular values.
    pub fn norm(&self, a: &NdArray, order: Norm, axis: Option<&[i64]>, keepdims: bool) -> Result<NdArray> {
        let a = match a.dtype().kind() {
            Kind::Float | Kind::Complex => a.clone(),
            _ => self.astype(a, DType::F64, Casting::Unsafe, false)?,
        };
        let euclidean = match order {
            Norm::Default => true,
            Norm::Frobenius => a.ndim() == 2,
            Norm::Order(order) => order == 2.0 && a.ndim() == 1,
            _ => false,
        };
        if axis.is_none() && euclidean {
            return self.euclidean(&a, keepdims);
        }
        let axes: Vec<i64> = axis.map_or_else(|| (0..a.ndim() as i64).collect(), <[i64]>::to_vec);
        match axes.len() {
            1 => self.vector_norm(&a, order, axes[0], keepdims),
            2 => self.matrix_norm(&a, order, [axes[0], axes[1]], keepdims),
            _ => Err(Error::Value("Improper number of dimensions to norm.".into())),
        }
    }

    /// The root of the sum of all squares.
    fn euclidean(&self, a: &NdArray, keepdims: bool) -> Result<NdArray> {
        let flat = if a.is_f_contiguous() { self.ravel(&a.transpose(None)?)? } else { self.ravel(a)? };
        let squares = match a.dtype().kind() {
            Kind::Complex => {
                let (re, im) = (flat.real(), flat.imag().expect("the numbers are complex"));
                let im = self.dot(&im, &im, None)?;
                self.apply2("add", &self.dot(&re, &re, None)?, im)?
            }
            _ => self.dot(&flat, &flat, None)?,
        };
        let norm = self.apply("sqrt", &squares)?;
        if keepdims { self.reshape(&norm, &vec![1; a.ndim()]) } else { Ok(norm) }
    }

    fn vector_norm(&self, a: &NdArray, order: Norm, axis: i64, keepdims: bool) -> Result<NdArray> {
        let along = [axis];
        let options = ReduceOptions { axis: Some(&along), keepdims, ..ReduceOptions::default() };
        match order {
            Norm::Inf => self.reduce(Reduction::Max, &self.apply("absolute", a)?, &options),
            Norm::NegInf => self.reduce(Reduction::Min, &self.apply("absolute", a)?, &options),
            Norm::Default => self.root_of_squares(a, &options),
            Norm::Order(2.0) => self.root_of_squares(a, &options),
            Norm::Order(0.0) => {
                let nonzero = self.apply2("not_equal", a, crate::ufunc::Operand::from(0))?;
                self.reduce(Reduction::Sum, &self.astype(&nonzero, a.dtype().real(), Casting::Unsafe, false)?, &options)
            }
            Norm::Order(1.0) => self.reduce(Reduction::Sum, &self.apply("absolute", a)?, &options),
            Norm::Order(order) => {
                let powers = self.apply2("power", &self.apply("absolute", a)?, order)?;
                self.apply2("power", &self.reduce(Reduction::Sum, &powers, &options)?, 1.0 / order)
            }
            Norm::Frobenius => Err(Error::Value("Invalid norm order 'fro' for vectors".into())),
        }
    }

    fn root_of_squares(&self, a: &NdArray, options: &ReduceOptions<'_>) -> Result<NdArray> {
        let squares = self.apply2("multiply", &self.apply("conjugate", a)?, a)?.real();
        self.apply("sqrt", &self.reduce(Reduction::Sum, &squares, options)?)
    }

    fn matrix_norm(&self, a: &NdArray, order: Norm, axes: [i64; 2], keepdims: bool) -> Result<NdArray> {
        let axes = normalize_axes(&axes, a.ndim(), "Duplicate axes given.")?;
        let (rows, columns) = (axes[0] as i64, axes[1] as i64);
        let both = [rows, columns];
        let options = ReduceOptions { axis: Some(&both), keepdims, ..ReduceOptions::default() };
        match order {
            Norm::Default | Norm::Frobenius => self.root_of_squares(a, &options),
            Norm::Order(1.0) => self.extreme_sum(a, rows, columns, Reduction::Max, keepdims),
            Norm::Order(-1.0) => self.extreme_sum(a, rows, columns, Reduction::Min, keepdims),
            Norm::Inf => self.extreme_sum(a, columns, rows, Reduction::Max, keepdims),
            Norm::NegInf => self.extreme_sum(a, columns, rows, Reduction::Min, keepdims),
            Norm::Order(2.0 | -2.0) => Err(Error::Unsupported("matrix norms by singular values".into())),
            Norm::Order(_) => Err(Error::Value("Invalid norm order for matrices.".into())),
        }
    }

    /// The extreme, along one axis, of the sums of sizes along another.
    fn extreme_sum(&self, a: &NdArray, summed: i64, other: i64, extreme: Reduction, keepdims: bool) -> Result<NdArray> {
        let sizes = self.apply("absolute", a)?;
        let sums = self.reduce(
            Reduction::Sum,
            &sizes,
            &ReduceOptions { axis: Some(&[summed]), keepdims: true, ..ReduceOptions::default() },
        )?;
        let result = self.reduce(
            extreme,
            &sums,
            &ReduceOptions { axis: Some(&[other]), keepdims: true, ..ReduceOptions::default() },
        )?;
        if keepdims { Ok(result) } else { result.squeeze(Some(&[summed, other])) }
    }
}
