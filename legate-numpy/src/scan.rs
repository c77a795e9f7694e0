//! Running sums and products.

use crate::array::NdArray;
use crate::error::{Casting, Error, Result};
use crate::order::Order;
use crate::promote::can_cast;
use crate::routine::Call;
use crate::session::Session;
use crate::tasks::Routine;
use crate::view::normalize_axis;
use legate_kernels::dtype::{DType, Kind};
use smallvec::SmallVec;

pub use legate_kernels::scan::ScanOp;

/// From this many lines on the runtime cuts a scan between its lines; fewer are each cut by the kernel.
const MANY_LINES: i64 = 64;

impl Session {
    /// `np.cumsum(a, axis, dtype)`, `np.cumprod(a, axis, dtype)`; `axis` `None`: of the raveled array.
    ///
    /// Sums are taken in blocks (see [`legate_kernels::scan`]), so an element of a long line may differ from NumPy's in its last bits. Blocks: no.
    ///
    /// # Errors
    /// [`Error::AxisOutOfBounds`]; [`Error::Unsupported`] for a `dtype` that the elements cannot be cast to.
    pub fn accumulate(&self, op: ScanOp, a: &NdArray, axis: Option<i64>, dtype: Option<DType>) -> Result<NdArray> {
        if a.dtype().is_time() || dtype.is_some_and(DType::is_time) {
            return Err(Error::Unsupported("running sums of times".into()));
        }
        let a = match axis {
            None => self.ravel(a)?,
            Some(_) if a.ndim() == 0 => self.reshape(a, &[1])?,
            Some(_) => a.clone(),
        };
        let axis = normalize_axis(axis.unwrap_or(0), a.ndim())?;
        let dtype = dtype.unwrap_or_else(|| accumulated_type(a.dtype()));
        if !can_cast(a.dtype(), dtype, Casting::SameKind) {
            return Err(Error::Unsupported(format!("a running sum of {} as {dtype}", a.dtype())));
        }
        if let Some(sums) = self.accumulate_small(op, &a, Some(dtype)) {
            return Ok(sums);
        }
        let a = self.astype(&a, dtype, Casting::SameKind, false)?;
        let order = Order::of(a.shape(), std::iter::once(&a));
        let out = order.unwritten(dtype);
        let (a, result) = (order.view_of(&a), order.view_of(&out));
        let dims: SmallVec<[usize; 4]> = (0..a.ndim()).collect();
        let along = order.dim(axis);
        let lines = a.size() / a.shape()[along].max(1);
        Call::new(self, Routine::Scan { op, dtype, axis: along }, order.domain(), &[along])
            .on_all_cores(lines < MANY_LINES)
            .costing(a.size(), 0.5)
            .read(&a, &dims)?
            .write(&result, &dims)
            .run()?;
        Ok(out)
    }
}

/// The type that NumPy accumulates elements of `dtype` in.
pub(crate) fn accumulated_type(dtype: DType) -> DType {
    match dtype.kind() {
        Kind::Bool | Kind::Signed => DType::I64,
        Kind::Unsigned => DType::U64,
        Kind::Float | Kind::Complex | Kind::Time => dtype,
    }
}
