//! The tasks that multiply matrices.

use super::bridge;
use crate::exceptions::{Asked, Incidents, Watch};
use legate_core::Error;
use legate_core::operation::{Cost, Task, TaskArgs, TaskContext, TaskError};
use legate_kernels::dtype::{DType, Kind};
use legate_kernels::exceptions::{Exceptions, Flags};
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

/// A product of elements of one type, and who wants to know what it meets.
#[derive(Clone, Debug)]
pub(crate) struct ProductArgs {
    pub(crate) kind: ProductKind,
    pub(crate) dtype: DType,
    pub(crate) watch: Option<Arc<Watch>>,
}

/// Nanoseconds for a multiplication and an addition of such elements, on one core, apart from the memory's.
pub(crate) fn ns_per_point(dtype: DType) -> f64 {
    if matches!(dtype.kind(), Kind::Float | Kind::Complex) { 0.04 } else { 0.5 }
}

/// NumPy's name for a product whose caller gives none.
pub(crate) const PRODUCT: &str = "matmul";

/// What of what the CPUs have `raised` a product has met. Kernels multiply the zeros that they pad tiles with too, and an infinite factor by zero is invalid: then no result is NaN.
pub(crate) fn met_by_product(raised: Exceptions, has_nan: impl FnOnce() -> bool) -> Exceptions {
    let is_invalid = raised.contains(Exceptions::INVALID) && has_nan();
    if is_invalid { raised } else { raised & !Exceptions::INVALID }
}

impl TaskArgs for ProductArgs {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn encode(&self, out: &mut Vec<u8>) {
        let asked = self.watch.as_ref().map(|watch| &watch.asked);
        out.extend(postcard::to_allocvec(&(self.kind, self.dtype, asked)).expect("a product is plain data"));
    }
}

/// Multiplies.
pub(super) struct Product {
    incidents: Arc<Incidents>,
}

impl Product {
    pub(super) fn new(incidents: &Arc<Incidents>) -> Product {
        Product { incidents: Arc::clone(incidents) }
    }
}

impl Task for Product {
    fn name(&self) -> &str {
        "product"
    }
    fn decode(&self, bytes: &[u8]) -> Result<Arc<dyn TaskArgs>, Error> {
        let (kind, dtype, asked): (ProductKind, DType, Option<Asked>) =
            postcard::from_bytes(bytes).map_err(|e| Error::Decode(e.to_string()))?;
        let watch = asked.map(|asked| Arc::new(Watch::new(asked, &self.incidents)));
        Ok(Arc::new(ProductArgs { kind, dtype, watch }))
    }
    fn run(&self, ctx: &TaskContext<'_>) -> Result<(), TaskError> {
        let args = ctx.args::<ProductArgs>();
        let Some(watch) = &args.watch else {
            bridge::multiply(args, ctx);
            return Ok(());
        };
        let flags = Flags::default();
        flags.over(|| bridge::multiply(args, ctx));
        watch.note(PRODUCT, met_by_product(flags.raised(), || bridge::product_has_nan(args, ctx)));
        Ok(())
    }
    fn cost(&self, args: &dyn TaskArgs) -> Cost {
        Cost { ns_per_point: ns_per_point(own(args).dtype) }
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
