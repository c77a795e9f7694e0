//! Reductions: along any axes, with NumPy's accumulator types, and the same bits for any number of ranks and threads.

use crate::array::NdArray;
use crate::error::Result;
use crate::session::Session;
use crate::ufunc::Operand;
use legate_kernels::dtype::DType;

/// A reduction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are NumPy's")]
pub enum Reduction {
    Sum,
    Prod,
    Min,
    Max,
    Any,
    All,
    Mean,
    Var,
    Std,
    ArgMin,
    ArgMax,
    CountNonzero,
    Ptp,
}

/// The keywords of a reduction.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReduceOptions<'a> {
    /// Which axes are folded; `None`: all.
    pub axis: Option<&'a [i64]>,
    /// Keep folded axes with extent 1.
    pub keepdims: bool,
    /// The type to compute in.
    pub dtype: Option<DType>,
    /// Where the result goes.
    pub out: Option<&'a NdArray>,
    /// Where the fold begins.
    pub initial: Option<&'a Operand>,
    /// Elements to fold: a bool array.
    pub where_: Option<&'a NdArray>,
    /// Var and Std: the divisor is `n - ddof`.
    pub ddof: f64,
}

impl Session {
    /// Folds an array.
    ///
    /// # Errors
    /// Axes out of bounds or repeated; [`crate::Error::EmptyReduction`], [`crate::Error::EmptyArg`]; an `out` that does not fit.
    pub fn reduce(&self, reduction: Reduction, a: &NdArray, options: &ReduceOptions<'_>) -> Result<NdArray> {
        let _ = (reduction, a, options);
        todo!()
    }
}
