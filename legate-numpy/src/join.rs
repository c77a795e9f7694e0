//! Arrays put together.

use crate::array::NdArray;
use crate::error::{Casting, Result};
use crate::session::Session;
use legate_kernels::dtype::DType;

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
        let _ = (arrays, axis, out, dtype, casting);
        todo!()
    }
    /// `np.stack(arrays, axis)`.
    ///
    /// # Errors
    /// NumPy's for shapes and axes.
    pub fn stack(&self, arrays: &[NdArray], axis: i64) -> Result<NdArray> {
        let _ = (arrays, axis);
        todo!()
    }
    /// `np.vstack(arrays)`.
    ///
    /// # Errors
    /// As [`Session::concatenate`].
    pub fn vstack(&self, arrays: &[NdArray]) -> Result<NdArray> {
        let _ = arrays;
        todo!()
    }
    /// `np.hstack(arrays)`.
    ///
    /// # Errors
    /// As [`Session::concatenate`].
    pub fn hstack(&self, arrays: &[NdArray]) -> Result<NdArray> {
        let _ = arrays;
        todo!()
    }
}
