//! The tasks that multiply matrices.

use super::bridge;
use legate_core::Error;
use legate_core::operation::{Cost, Task, TaskArgs, TaskContext, TaskError};
use legate_kernels::dtype::{DType, Kind};
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::sync::Arc;

/// Which product. Operands are `a`, `b` (or the vector `x`), and the result, which is folded over `k`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ProductKind {
    /// `y[i] = Σ_k a[i, k]·x[k]` over the domain `(i, k)`; `k` is never cut.
    GemvRows,
    /// `y[j] = Σ_k x[k]·a[k, j]` over the domain `(k, j)`; `k` is cut as a tree.
    GemvCols,
    /// `c[i, j] = Σ_k a[i, k]·b[k, j]` over the domain `(i, j, k)`; `k` is never cut, `i` and `j` at multiples of a tile.
    Gemm,
    /// The same where [`is_tall`](legate_kernels::linalg::is_tall()): `k` is cut as a tree.
    GemmTall,
}

/// A product of elements of one type.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct ProductArgs {
    pub(crate) kind: ProductKind,
    pub(crate) dtype: DType,
}

impl ProductArgs {
    /// Nanoseconds for a multiplication and an addition, on one core, apart from the memory's.
    pub(crate) fn ns_per_point(self) -> f64 {
        if matches!(self.dtype.kind(), Kind::Float | Kind::Complex) { 0.04 } else { 0.5 }
    }
}

impl TaskArgs for ProductArgs {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(postcard::to_allocvec(self).expect("a product is plain data"));
    }
}

/// Multiplies.
pub(super) struct Product;

impl Task for Product {
    fn name(&self) -> &str {
        "product"
    }
    fn decode(&self, bytes: &[u8]) -> Result<Arc<dyn TaskArgs>, Error> {
        let args: ProductArgs = postcard::from_bytes(bytes).map_err(|e| Error::Decode(e.to_string()))?;
        Ok(Arc::new(args))
    }
    fn run(&self, ctx: &TaskContext<'_>) -> Result<(), TaskError> {
        bridge::multiply(*ctx.args::<ProductArgs>(), ctx);
        Ok(())
    }
    fn cost(&self, args: &dyn TaskArgs) -> Cost {
        Cost { ns_per_point: own(args).ns_per_point() }
    }
    fn runs_in_row_blocks(&self, args: &dyn TaskArgs) -> bool {
        // A product of two matrices has tiles of its own, in both directions.
        matches!(own(args).kind, ProductKind::GemvRows | ProductKind::GemvCols)
    }
    fn label(&self, args: &dyn TaskArgs) -> String {
        match own(args).kind {
            ProductKind::GemvRows => "gemv_rows".to_owned(),
            ProductKind::GemvCols => "gemv_cols".to_owned(),
            ProductKind::Gemm => "gemm".to_owned(),
            ProductKind::GemmTall => "gemm_tall".to_owned(),
        }
    }
}

fn own(args: &dyn TaskArgs) -> &ProductArgs {
    args.as_any().downcast_ref().expect("a launch carries the arguments of its own task")
}
