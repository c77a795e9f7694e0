//! Sorting.

use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::order::Order;
use crate::routine::Call;
use crate::session::Session;
use crate::tasks::Routine;
use crate::ufunc::Operand;
use crate::view::normalize_axis;
use legate_kernels::dtype::{DType, Kind};
use smallvec::SmallVec;

/// From this many lines on the runtime cuts a sort between its lines; the kernel cuts each of fewer.
const MANY_LINES: i64 = 64;
/// Nanoseconds per element, about.
const COST_NS: f64 = 4.0;

impl Session {
    /// `np.sort(a, axis)`; `axis` `None`: of the raveled array. Stable, so the same for every `kind`; NaN comes last. Blocks: no.
    ///
    /// # Errors
    /// [`Error::AxisOutOfBounds`]; [`Error::Unsupported`] for complex elements.
    pub fn sort(&self, a: &NdArray, axis: Option<i64>) -> Result<NdArray> {
        if is_vector(a, axis)
            && let Some(sorted) = self.sort_small(a, false)
        {
            return Ok(sorted);
        }
        if a.dtype().is_time() {
            return self.sort_times(a, axis);
        }
        let a = if axis.is_none() { self.ravel(a)? } else { a.clone() };
        let order = Order::of(a.shape(), std::iter::once(&a));
        let out = order.unwritten(a.dtype());
        self.sort_to(&a, axis, &order, &out, false)?;
        Ok(out)
    }

    /// `np.argsort(a, axis)`, int64; `axis` `None`: of the raveled array. Equal elements keep their order, whatever the `kind`. Blocks: no.
    ///
    /// # Errors
    /// As [`Session::sort`].
    pub fn argsort(&self, a: &NdArray, axis: Option<i64>) -> Result<NdArray> {
        if is_vector(a, axis)
            && let Some(places) = self.sort_small(a, true)
        {
            return Ok(places);
        }
        if a.dtype().is_time() {
            return self.argsort_times(a, axis);
        }
        let a = if axis.is_none() { self.ravel(a)? } else { a.clone() };
        let out = NdArray::unwritten(a.shape(), DType::I64);
        self.sort_to(&a, axis, &Order::c(a.shape()), &out, true)?;
        Ok(out)
    }

    /// `a.sort(axis)`.
    ///
    /// # Errors
    /// As [`Session::sort`]; [`Error::Value`] (`sort array is read-only`).
    pub fn sort_in_place(&self, a: &NdArray, axis: i64) -> Result<()> {
        if a.is_readonly() {
            return Err(Error::Value("sort array is read-only".into()));
        }
        let sorted = self.sort(a, Some(axis))?;
        self.assign(a, &Operand::from(sorted))
    }

    fn sort_to(&self, a: &NdArray, axis: Option<i64>, order: &Order, out: &NdArray, places: bool) -> Result<()> {
        let axis = normalize_axis(axis.unwrap_or(0), a.ndim())?;
        let dtype = a.dtype();
        if dtype.kind() == Kind::Complex {
            return Err(Error::Unsupported("sorting complex elements".into()));
        }
        let along = order.dim(axis);
        let dims: SmallVec<[usize; 4]> = (0..a.ndim()).collect();
        let lines = a.size() / a.shape()[axis].max(1);
        Call::new(self, Routine::Sort { dtype, axis: along, places }, order.domain(), &[along])
            .on_all_cores(lines < MANY_LINES)
            .costing(a.size(), COST_NS)
            .read(&order.view_of(a), &dims)?
            .write(&order.view_of(out), &dims)
            .run()
    }
}

/// Whether `a` has one dimension, which is that of `axis`.
fn is_vector(a: &NdArray, axis: Option<i64>) -> bool {
    a.ndim() == 1 && matches!(axis, None | Some(0 | -1))
}
