//! Where values belong in a sorted vector, and what can be said by that: elements repeated.

use crate::array::NdArray;
use crate::error::{Casting, Error, Result};
use crate::promote::{Weak, promote_types};
use crate::reduction::{ReduceOptions, Reduction};
use crate::routine::Call;
use crate::scan::ScanOp;
use crate::session::Session;
use crate::tasks::Routine;
use crate::ufunc::Operand;
use crate::view::normalize_axis;
use legate_core::geometry::Point;
use legate_kernels::dtype::{DType, Kind, Scalar};

/// Nanoseconds that a step of a search takes, about: a read at random, several of which overlap.
const STEP_NS: f64 = 2.0;

impl Session {
    /// `np.searchsorted(sorted, needles)`, int64, of `needles`' shape; `after`: NumPy's `side='right'`. Blocks: no.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if `sorted` is no vector, and for complex elements.
    pub fn searchsorted(&self, sorted: &NdArray, needles: &NdArray, after: bool) -> Result<NdArray> {
        if sorted.dtype().is_time() || needles.dtype().is_time() {
            return self.search_times(sorted, needles, after);
        }
        let dtype = promote_types(sorted.dtype(), needles.dtype());
        if sorted.ndim() != 1 || dtype.kind() == Kind::Complex {
            return Err(Error::Unsupported("searching in what is no vector of real elements".into()));
        }
        if let Some(places) = self.search_small(sorted, needles, after) {
            return Ok(places);
        }
        let sorted = self.astype(sorted, dtype, Casting::Unsafe, false)?;
        let flat = self.ravel(&self.astype(needles, dtype, Casting::Unsafe, false)?)?;
        let (count, n) = (flat.size(), sorted.size());
        let places = NdArray::unwritten(&[count], DType::I64);
        Call::new(self, Routine::Search { dtype, after }, &[count, n], &[1])
            .costing(count, STEP_NS * (n as f64 + 1.0).log2())
            .read(&sorted, &[1])?
            .read(&flat, &[0])?
            .write(&places, &[0])
            .run()?;
        self.reshape(&places, needles.shape())
    }

    /// `np.repeat(a, count, axis)`; `axis` `None`: of the raveled array. Blocks: no.
    ///
    /// # Errors
    /// [`Error::AxisOutOfBounds`]; [`Error::Value`] for a negative count.
    pub fn repeat(&self, a: &NdArray, count: i64, axis: Option<i64>) -> Result<NdArray> {
        let (a, axis) = self.along(a, axis)?;
        if count < 0 {
            return Err(negative());
        }
        if let Some(repeated) = self.repeat_small(&a, count, axis) {
            return Ok(repeated);
        }
        let (before, rest) = a.shape().split_at(axis);
        let apart: Point = [before, &[rest[0], count], &rest[1..]].concat().into();
        let together: Point = [before, &[rest[0] * count], &rest[1..]].concat().into();
        let out = self.to_be_written(&apart, a.dtype())?;
        self.assign(&out, &Operand::from(a.with_view(a.view.with_new_axis(axis + 1))))?;
        self.reshape(&out, &together)
    }

    /// As [`Session::repeat`], with a count for each element along the axis. Waits for the counts.
    ///
    /// # Errors
    /// As there; [`Error::Unsupported`] for counts that are not one for each; as [`Session::to_host`].
    pub fn repeat_each(
        &self,
        a: &NdArray,
        counts: &NdArray,
        axis: Option<i64>,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<NdArray> {
        let (a, axis) = self.along(a, axis)?;
        let n = a.shape()[axis];
        if counts.shape() != [n] || n == 0 || !matches!(counts.dtype().kind(), Kind::Signed | Kind::Unsigned) {
            return Err(Error::Unsupported("counts that are not one for each".into()));
        }
        let counts = self.astype(counts, DType::I64, Casting::Unsafe, false)?;
        let least = self.reduce(Reduction::Min, &counts, &ReduceOptions::default())?;
        let ends = self.accumulate(ScanOp::Add, &counts, Some(0), Some(DType::I64))?;
        let total = ends.with_view(ends.view.sliced(0, n - 1, 1, 1));
        let whole = |a: &NdArray| self.item(a, interrupted).map(|value| value.get::<i64>().expect("counts are int64"));
        if whole(&least)? < 0 {
            return Err(negative());
        }
        // What lies at a place comes from the first element that ends behind it.
        let places =
            self.arange(Weak::Int(0), Weak::Int(i128::from(whole(&total)?)), Weak::Int(1), Some(DType::I64))?;
        let sources = self.searchsorted(&ends, &places, true)?;
        self.gather(&a, &sources, axis)
    }

    /// The array and the axis; raveled without one.
    fn along(&self, a: &NdArray, axis: Option<i64>) -> Result<(NdArray, usize)> {
        match axis {
            None => Ok((self.ravel(a)?, 0)),
            Some(axis) => Ok((a.clone(), normalize_axis(axis, a.ndim())?)),
        }
    }
}

fn negative() -> Error {
    Error::Value("repeats may not contain negative values.".into())
}

/// Distinct elements in order.
pub struct Unique {
    /// The elements.
    pub values: NdArray,
    /// Where each is first found in the raveled array.
    pub index: NdArray,
    /// Which of them each element of the array is; of the array's shape.
    pub inverse: NdArray,
    /// How often each is there.
    pub counts: NdArray,
}

impl Session {
    /// `np.unique(a)`: the distinct elements, in order. NaN is one of them. Waits for the values.
    ///
    /// # Errors
    /// As [`Session::sort`] and [`Session::to_host`].
    pub fn unique(&self, a: &NdArray, interrupted: &dyn Fn() -> bool) -> Result<NdArray> {
        if a.dtype().is_time() {
            return self.unique_times(a, interrupted);
        }
        if let Some(distinct) = self.unique_small(a) {
            return Ok(distinct);
        }
        let sorted = self.sort(a, None)?;
        match sorted.size() {
            0 => Ok(sorted),
            _ => self.select_by_mask(&sorted, &self.first_of_equals(&sorted)?, interrupted),
        }
    }

    /// As [`Session::unique`], with what `return_index`, `return_inverse` and `return_counts` ask for.
    ///
    /// # Errors
    /// As there; [`Error::Unsupported`] for an array without elements.
    pub fn unique_all(&self, a: &NdArray, interrupted: &dyn Fn() -> bool) -> Result<Unique> {
        if a.dtype().is_time() {
            return self.unique_all_times(a, interrupted);
        }
        let (flat, n) = (self.ravel(a)?, a.size());
        if n == 0 {
            return Err(Error::Unsupported("places in nothing".into()));
        }
        let order = self.argsort(&flat, Some(0))?;
        let sorted = self.gather(&flat, &order, 0)?;
        let first = self.first_of_equals(&sorted)?;
        let starts = self.flat_positions(&first, interrupted)?;
        let ends = starts.with_view(starts.view.sliced(0, 1, 1, starts.size() - 1));
        let last = self.scalar(Scalar::new(n));
        let ends = self.concatenate(&[ends, self.reshape(&last, &[1])?], Some(0), None, None, Casting::SameKind)?;
        let group = self.accumulate(ScanOp::Add, &first, Some(0), Some(DType::I64))?;
        let group = self.apply2("subtract", &group, Operand::Scalar(Scalar::new(1i64)))?;
        let inverse = self.empty(&[n], DType::I64)?;
        self.scatter(&inverse, &order, &Operand::from(group))?;
        Ok(Unique {
            values: self.select_by_mask(&sorted, &first, interrupted)?,
            index: self.select_by_mask(&order, &first, interrupted)?,
            inverse: self.reshape(&inverse, a.shape())?,
            counts: self.apply2("subtract", &ends, &starts)?,
        })
    }

    /// Where an element of a sorted vector (of one element at least) differs from the one before; true for the first.
    fn first_of_equals(&self, sorted: &NdArray) -> Result<NdArray> {
        let n = sorted.size();
        let part = |a: &NdArray, first: i64, len: i64| a.with_view(a.view.sliced(0, first, 1, len));
        let (before, after) = (part(sorted, 0, n - 1), part(sorted, 1, n - 1));
        let mut differs = self.apply2("not_equal", &after, &before)?;
        if sorted.dtype().kind() == Kind::Float {
            // NaN differs from itself, but there is one.
            let number = self.apply2("equal", &before, &before)?;
            differs = self.apply2("logical_and", &differs, &number)?;
        }
        let first = self.empty(&[n], DType::Bool)?;
        self.assign(&part(&first, 0, 1), &Operand::Weak(Weak::Bool(true)))?;
        self.assign(&part(&first, 1, n - 1), &Operand::from(differs))?;
        Ok(first)
    }
}
