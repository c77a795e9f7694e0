//! Joining partial results of folds: one operator for each fold and element type of the kernels' table.

use legate_core::operation::ReductionOp;
use legate_kernels::dtype::{DType, Scalar};
use legate_kernels::ops::ReduceOp;

/// A fold of elements of one type.
#[derive(Debug)]
pub(super) struct Fold {
    op: ReduceOp,
    dtype: DType,
    name: String,
    identity: Option<Scalar>,
}

impl Fold {
    /// `None` if the kernels have no such loop, or its output has another type than its inputs.
    pub(super) fn new(op: ReduceOp, dtype: DType) -> Option<Fold> {
        op.result(dtype)?;
        Some(Fold { op, dtype, name: format!("{}.{dtype}", op.name()), identity: op.identity(dtype) })
    }
}

impl ReductionOp for Fold {
    fn name(&self) -> &str {
        &self.name
    }
    fn combine(&self, left: &mut [u8], right: &[u8]) {
        self.op.combine(self.dtype, left, right);
    }
    fn identity(&self) -> Option<&[u8]> {
        self.identity.as_ref().map(Scalar::as_bytes)
    }
}
