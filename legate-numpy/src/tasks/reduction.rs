//! Joining partial results of folds: one operator for each fold and element type of the kernels' table.

use legate_core::operation::ReductionOp;
use legate_kernels::dtype::{DType, Scalar};
use legate_kernels::ops::{self, ReduceOp};

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
        let folds = op.binary().result(dtype) == Some(dtype);
        folds.then(|| Fold { op, dtype, name: format!("{}.{dtype}", op.binary().name()), identity: op.identity(dtype) })
    }
}

impl ReductionOp for Fold {
    fn name(&self) -> &str {
        &self.name
    }
    fn combine(&self, left: &mut [u8], right: &[u8]) {
        let size = self.dtype.size();
        for (left, right) in left.chunks_exact_mut(size).zip(right.chunks_exact(size)) {
            let (x, y) = (Scalar::from_bytes(self.dtype, left), Scalar::from_bytes(self.dtype, right));
            let joined = ops::binary(self.op.binary(), x, y).expect("the loop exists, see Fold::new");
            left.copy_from_slice(joined.as_bytes());
        }
    }
    fn identity(&self) -> Option<&[u8]> {
        self.identity.as_ref().map(Scalar::as_bytes)
    }
}
