//! Arrays from nothing, from a rule, from host bytes.

use crate::array::NdArray;
use crate::error::Result;
use crate::promote::Weak;
use crate::session::Session;
use crate::ufunc::Operand;
use legate_core::exec::HostBuffer;
use legate_kernels::dtype::{DType, Scalar};
use std::sync::Arc;

impl Session {
    /// `np.empty(shape, dtype)`: zeros, in fact.
    ///
    /// # Errors
    /// Negative extents, too many dimensions.
    pub fn empty(&self, shape: &[i64], dtype: DType) -> Result<NdArray> {
        let _ = (shape, dtype);
        todo!()
    }
    /// `np.zeros(shape, dtype)`.
    ///
    /// # Errors
    /// As [`Session::empty`].
    pub fn zeros(&self, shape: &[i64], dtype: DType) -> Result<NdArray> {
        let _ = (shape, dtype);
        todo!()
    }
    /// `np.ones(shape, dtype)`.
    ///
    /// # Errors
    /// As [`Session::empty`].
    pub fn ones(&self, shape: &[i64], dtype: DType) -> Result<NdArray> {
        let _ = (shape, dtype);
        todo!()
    }
    /// `np.full(shape, value, dtype)`; the value's own type if `dtype` is `None`. The value may be an array that broadcasts.
    ///
    /// # Errors
    /// As [`Session::empty`] and [`Session::assign`].
    pub fn full(&self, shape: &[i64], value: &Operand, dtype: Option<DType>) -> Result<NdArray> {
        let _ = (shape, value, dtype);
        todo!()
    }
    /// `np.arange(start, stop, step, dtype)`; `np.arange(stop)` has `start = Weak::Int(0)`, `step = Weak::Int(1)`.
    /// The type where none is asked for: int64 if all three are integers, else float64.
    ///
    /// # Errors
    /// [`crate::Error::ZeroDivision`] for a zero step, [`crate::Error::Value`] for a length that is no number or too large.
    pub fn arange(&self, start: Weak, stop: Weak, step: Weak, dtype: Option<DType>) -> Result<NdArray> {
        let _ = (start, stop, step, dtype);
        todo!()
    }
    /// `np.linspace(start, stop, num, endpoint=endpoint, retstep=True, dtype=dtype)`: the array and the step (NaN if there is none).
    ///
    /// # Errors
    /// [`crate::Error::Value`] if `num` is negative.
    pub fn linspace(
        &self,
        start: f64,
        stop: f64,
        num: i64,
        endpoint: bool,
        dtype: Option<DType>,
    ) -> Result<(NdArray, f64)> {
        let _ = (start, stop, num, endpoint, dtype);
        todo!()
    }
    /// `np.eye(rows, columns, k, dtype)`.
    ///
    /// # Errors
    /// As [`Session::empty`].
    pub fn eye(&self, rows: i64, columns: i64, k: i64, dtype: DType) -> Result<NdArray> {
        let _ = (rows, columns, k, dtype);
        todo!()
    }
    /// An array of these bytes, row-major; they are copied.
    ///
    /// # Panics
    /// If there are not as many bytes as the shape needs.
    ///
    /// # Errors
    /// As [`Session::empty`].
    pub fn from_host(&self, bytes: &[u8], shape: &[i64], dtype: DType) -> Result<NdArray> {
        let _ = (bytes, shape, dtype);
        todo!()
    }
    /// As [`Session::from_host`], without a copy.
    ///
    /// # Panics
    /// As [`Session::from_host`].
    ///
    /// # Errors
    /// As [`Session::empty`].
    pub fn from_buffer(&self, bytes: Arc<HostBuffer>, shape: &[i64], dtype: DType) -> Result<NdArray> {
        let _ = (bytes, shape, dtype);
        todo!()
    }
    /// A 0-d array.
    pub fn scalar(&self, value: Scalar) -> NdArray {
        let _ = value;
        todo!()
    }
}
