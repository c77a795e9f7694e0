//! Arrays put together.

use crate::array::NdArray;
use crate::assign::check_output;
use crate::error::{Casting, Error, Result};
use crate::promote::{can_cast, result_type};
use crate::session::Session;
use crate::ufunc::Operand;
use crate::view::normalize_axis;
use legate_core::geometry::Point;
use legate_core::mapping::Mapper;
use legate_kernels::dtype::DType;
use smallvec::SmallVec;

impl Session {
    /// `np.concatenate(arrays, axis, out=out, dtype=dtype, casting=casting)`; `axis` `None`: all raveled.
    ///
    /// # Errors
    /// NumPy's for shapes, axes and casts.
    pub fn concatenate(
        &self,
        arrays: &[NdArray],
        axis: Option<i64>,
        out: Option<&NdArray>,
        dtype: Option<DType>,
        casting: Casting,
    ) -> Result<NdArray> {
        let Some(axis) = axis else {
            let raveled = arrays.iter().map(|a| self.ravel(a)).collect::<Result<Vec<NdArray>>>()?;
            return self.concatenate(&raveled, Some(0), out, dtype, casting);
        };
        let (axis, shape) = joined_shape(arrays, axis)?;
        let types: SmallVec<[DType; 4]> = arrays.iter().map(NdArray::dtype).collect();
        let common = match out {
            Some(out) => out.dtype(),
            None => dtype.map_or_else(|| result_type(&types, &[]), Ok)?,
        };
        if let Some(&from) = types.iter().find(|from| !can_cast(**from, common, casting)) {
            return Err(Error::ArrayCast { from, to: common, casting });
        }
        if let Some(out) = out.filter(|out| out.shape() != &*shape) {
            let _ = out;
            return Err(Error::Value("Output array is the wrong shape".into()));
        }
        check_output("concatenate", common, out, &shape)?;
        if out.is_none()
            && let Some(joined) = self.join_small(arrays, axis, &shape, common)
        {
            return Ok(joined);
        }
        let result = out.cloned().map_or_else(|| self.to_be_written(&shape, common), Ok)?;
        let mut at = 0;
        for a in arrays {
            let len = a.shape()[axis];
            let place = result.with_view(result.view.sliced(axis, at, 1, len));
            self.copyto(&place, &Operand::from(a), Casting::Unsafe, None)?;
            at += len;
        }
        Ok(result)
    }

    /// A new array, all of which the caller is about to write, in parts. Unlike with [`Session::empty`] nothing is written first.
    pub(crate) fn to_be_written(&self, shape: &[i64], dtype: DType) -> Result<NdArray> {
        let size: i64 = shape.iter().product();
        match self.runtime() {
            Some(runtime) if size > 0 => {
                let bytes = size as u64 * dtype.size() as u64;
                if self.mapper().inline(size as u64, bytes, runtime.machine()) {
                    return self.empty(shape, dtype);
                }
                let a = NdArray::unwritten(shape, dtype);
                self.ensure_field(&a, runtime, true);
                Ok(a)
            }
            _ => self.empty(shape, dtype),
        }
    }

    /// `np.stack(arrays, axis)`.
    ///
    /// # Errors
    /// NumPy's for shapes and axes.
    pub fn stack(&self, arrays: &[NdArray], axis: i64) -> Result<NdArray> {
        let first = arrays.first().ok_or_else(|| Error::Value("need at least one array to stack".into()))?;
        if arrays.iter().any(|a| a.shape() != first.shape()) {
            return Err(Error::Value("all input arrays must have the same shape".into()));
        }
        let axis = normalize_axis(axis, first.ndim() + 1)?;
        let expanded: Vec<NdArray> = arrays.iter().map(|a| a.with_view(a.view.with_new_axis(axis))).collect();
        self.concatenate(&expanded, Some(axis as i64), None, None, Casting::SameKind)
    }

    /// `np.vstack(arrays)`.
    ///
    /// # Errors
    /// As [`Session::concatenate`].
    pub fn vstack(&self, arrays: &[NdArray]) -> Result<NdArray> {
        let rows: Vec<NdArray> = arrays.iter().map(|a| at_least(a, 2)).collect();
        self.concatenate(&rows, Some(0), None, None, Casting::SameKind)
    }

    /// `np.hstack(arrays)`.
    ///
    /// # Errors
    /// As [`Session::concatenate`].
    pub fn hstack(&self, arrays: &[NdArray]) -> Result<NdArray> {
        let arrays: Vec<NdArray> = arrays.iter().map(|a| at_least(a, 1)).collect();
        let axis = if arrays.first().is_some_and(|a| a.ndim() == 1) { 0 } else { 1 };
        self.concatenate(&arrays, Some(axis), None, None, Casting::SameKind)
    }
}

/// With dimensions of extent 1 in front, up to `ndim` dimensions.
fn at_least(a: &NdArray, ndim: usize) -> NdArray {
    let view = (a.ndim()..ndim).fold(a.view.clone(), |view, _| view.with_new_axis(0));
    a.with_view(view)
}

/// The axis counted from the front, and the shape of the whole.
fn joined_shape(arrays: &[NdArray], axis: i64) -> Result<(usize, Point)> {
    let first = arrays.first().ok_or_else(|| Error::Value("need at least one array to concatenate".into()))?;
    if first.ndim() == 0 {
        return Err(Error::Value("zero-dimensional arrays cannot be concatenated".into()));
    }
    let axis = normalize_axis(axis, first.ndim())?;
    let mut shape: Point = first.shape().into();
    for (k, a) in arrays.iter().enumerate().skip(1) {
        if a.ndim() != first.ndim() {
            return Err(Error::Value(format!(
                "all the input arrays must have same number of dimensions, but the array at index 0 has {} dimension(s) and the array at index {k} has {} dimension(s)",
                first.ndim(),
                a.ndim()
            )));
        }
        for d in 0..first.ndim() {
            if d == axis {
                shape[d] += a.shape()[d];
            } else if a.shape()[d] != shape[d] {
                return Err(Error::Value(format!(
                    "all the input array dimensions except for the concatenation axis must match exactly, but along dimension {d}, the array at index 0 has size {} and the array at index {k} has size {}",
                    shape[d],
                    a.shape()[d]
                )));
            }
        }
    }
    Ok((axis, shape))
}
