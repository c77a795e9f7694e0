//! Arrays from nothing, from a rule, from host bytes.

use crate::array::{Backing, NdArray};
use crate::error::{Error, Result};
use crate::issue::Body;
use crate::promote::Weak;
use crate::session::Session;
use crate::shape::check_shape;
use crate::ufunc::Operand;
use crate::view::volume;
use legate_core::exec::HostBuffer;
use legate_kernels::cast::cast;
use legate_kernels::dtype::{B8, DType, Kind, Scalar};
use legate_kernels::ops::{BinaryOp, UnaryOp, binary};
use legate_kernels::program::ValueId;
use std::sync::Arc;

impl Session {
    /// `np.empty(shape, dtype)`: zeros, in fact.
    ///
    /// # Errors
    /// Negative extents, too many dimensions.
    pub fn empty(&self, shape: &[i64], dtype: DType) -> Result<NdArray> {
        self.zeros(shape, dtype)
    }

    /// `np.zeros(shape, dtype)`. Takes no memory until something is written.
    ///
    /// # Errors
    /// As [`Session::empty`].
    pub fn zeros(&self, shape: &[i64], dtype: DType) -> Result<NdArray> {
        self.filled(shape, Scalar::zero(dtype))
    }

    /// `np.ones(shape, dtype)`. Takes no memory until something is written.
    ///
    /// # Errors
    /// As [`Session::empty`].
    pub fn ones(&self, shape: &[i64], dtype: DType) -> Result<NdArray> {
        let one = match dtype.is_time() {
            true => Scalar::from_bytes(dtype, Scalar::new(1i64).as_bytes()),
            false => cast(Scalar::new(B8(1)), dtype),
        };
        self.filled(shape, one)
    }

    /// An array of one value.
    pub(crate) fn filled(&self, shape: &[i64], value: Scalar) -> Result<NdArray> {
        check_shape(shape)?;
        Ok(NdArray::new(shape, value.dtype(), Backing { fill: Some(value), ..Backing::default() }))
    }

    /// `np.full(shape, value, dtype)`; the value's own type if `dtype` is `None`. The value may be an array that broadcasts.
    ///
    /// # Errors
    /// As [`Session::empty`] and [`Session::assign`].
    pub fn full(&self, shape: &[i64], value: &Operand, dtype: Option<DType>) -> Result<NdArray> {
        let a = self.zeros(shape, dtype.map_or_else(|| value.dtype(), Ok)?)?;
        self.assign(&a, value)?;
        Ok(a)
    }

    /// `np.arange(start, stop, step, dtype)`; `np.arange(stop)` has `start = Weak::Int(0)`, `step = Weak::Int(1)`.
    /// The type where none is asked for: int64 if all three are integers, else float64.
    ///
    /// Element `i` is `start + i·(second − start)`, computed in the result's type, as NumPy does.
    ///
    /// # Errors
    /// [`Error::ZeroDivision`] for a zero step, [`Error::Value`] for a length that is no number or too large.
    pub fn arange(&self, start: Weak, stop: Weak, step: Weak, dtype: Option<DType>) -> Result<NdArray> {
        let len = arange_len(start, stop, step)?;
        let natural = [start, stop, step].iter().map(|w| w.kind()).max().unwrap_or(Kind::Signed);
        let dtype = dtype.unwrap_or(if natural == Kind::Float { DType::F64 } else { DType::I64 });
        if matches!(dtype.kind(), Kind::Bool | Kind::Complex | Kind::Time) || natural == Kind::Complex {
            return Err(Error::Unsupported("arange of bool or complex numbers".into()));
        }
        if len == 0 {
            return self.zeros(&[0], dtype);
        }
        let element = |value: Weak| value.to_scalar(dtype).map(|value| cast(value, dtype.computed()));
        let (first, second) = (element(start)?, element(sum(start, step))?);
        let delta = binary(BinaryOp::Subtract, second, first).expect("numbers are subtracted");
        if dtype == dtype.computed()
            && let Some(range) = self.range_small(len, first, second, delta)
        {
            return Ok(range);
        }
        self.generate(&[len], dtype, |body| {
            let index = body.program.index(0);
            let index = body.program.cast(dtype.computed(), index);
            let (first, second, delta) =
                (body.program.constant(first), body.program.constant(second), body.program.constant(delta));
            let offset = body.program.binary(BinaryOp::Multiply, index, delta);
            let value = body.program.binary(BinaryOp::Add, first, offset);
            second_exactly(body, value, second)
        })
    }

    /// `np.linspace(start, stop, num, endpoint=endpoint, retstep=True, dtype=dtype)`: the array and the step (NaN if there is none).
    ///
    /// # Errors
    /// [`Error::Value`] if `num` is negative.
    pub fn linspace(
        &self,
        start: f64,
        stop: f64,
        num: i64,
        endpoint: bool,
        dtype: Option<DType>,
    ) -> Result<(NdArray, f64)> {
        if num < 0 {
            return Err(Error::Value(format!("Number of samples, {num}, must be non-negative.")));
        }
        let dtype = dtype.unwrap_or(DType::F64);
        let (div, delta) = ((num - i64::from(endpoint)) as f64, stop - start);
        let step = if div > 0.0 { delta / div } else { f64::NAN };
        if num == 0 {
            return Ok((self.zeros(&[0], dtype)?, step));
        }
        let a = self.generate(&[num], dtype, |body| {
            let index = body.program.index(0);
            let index = body.program.cast(DType::F64, index);
            let constant = |body: &mut Body<'_>, v: f64| body.program.constant(Scalar::new(v));
            let offset = if div <= 0.0 {
                let delta = constant(body, delta);
                body.program.binary(BinaryOp::Multiply, index, delta)
            } else if step == 0.0 {
                let (div, delta) = (constant(body, div), constant(body, delta));
                let fraction = body.program.binary(BinaryOp::Divide, index, div);
                body.program.binary(BinaryOp::Multiply, fraction, delta)
            } else {
                let step = constant(body, step);
                body.program.binary(BinaryOp::Multiply, index, step)
            };
            let start = constant(body, start);
            let mut value = body.program.binary(BinaryOp::Add, offset, start);
            if endpoint && num > 1 {
                value = last_exactly(body, value, num - 1, stop);
            }
            if matches!(dtype.kind(), Kind::Signed | Kind::Unsigned) {
                body.program.unary(UnaryOp::Floor, value)
            } else {
                value
            }
        })?;
        Ok((a, step))
    }

    /// `np.eye(rows, columns, k, dtype)`.
    ///
    /// # Errors
    /// As [`Session::empty`].
    pub fn eye(&self, rows: i64, columns: i64, k: i64, dtype: DType) -> Result<NdArray> {
        self.generate(&[rows, columns], dtype, |body| {
            let (row, column) = (body.program.index(0), body.program.index(1));
            let k = body.program.constant(Scalar::new(k));
            let shifted = body.program.binary(BinaryOp::Add, row, k);
            body.program.binary(BinaryOp::Equal, shifted, column)
        })
    }

    /// A new array of what `value` makes at each point.
    pub(crate) fn generate(
        &self,
        shape: &[i64],
        dtype: DType,
        value: impl FnOnce(&mut Body<'_>) -> ValueId,
    ) -> Result<NdArray> {
        check_shape(shape)?;
        let out = NdArray::unwritten(shape, dtype);
        let mut body = Body::new(self, shape);
        let value = value(&mut body);
        body.store(&out, value);
        body.run()?;
        Ok(out)
    }

    /// An array of these bytes, row-major; they are copied.
    ///
    /// # Panics
    /// If there are not as many bytes as the shape needs.
    ///
    /// # Errors
    /// As [`Session::empty`].
    pub fn from_host(&self, bytes: &[u8], shape: &[i64], dtype: DType) -> Result<NdArray> {
        self.from_buffer(Arc::new(HostBuffer::from_slice(bytes)), shape, dtype)
    }

    /// As [`Session::from_host`], without a copy.
    ///
    /// # Panics
    /// As [`Session::from_host`].
    ///
    /// # Errors
    /// As [`Session::empty`].
    pub fn from_buffer(&self, bytes: Arc<HostBuffer>, shape: &[i64], dtype: DType) -> Result<NdArray> {
        check_shape(shape)?;
        let needed = volume(shape) as usize * dtype.size();
        assert_eq!(bytes.as_slice().len(), needed, "an array of shape {shape:?} and type {dtype} has {needed} bytes");
        Ok(NdArray::new(shape, dtype, Backing { host: Some(bytes), ..Backing::default() }))
    }

    /// A 0-d array.
    pub fn scalar(&self, value: Scalar) -> NdArray {
        NdArray::new(&[], value.dtype(), Backing { fill: Some(value), ..Backing::default() })
    }
}

/// `ceil((stop - start) / step)`, at least 0.
fn arange_len(start: Weak, stop: Weak, step: Weak) -> Result<i64> {
    let too_long = || Error::Value("Maximum allowed size exceeded".into());
    if let (Some(start), Some(stop), Some(step)) = (as_int(start), as_int(stop), as_int(step)) {
        if step == 0 {
            return Err(Error::ZeroDivision("division by zero".into()));
        }
        let distance = stop.checked_sub(start).ok_or_else(too_long)?;
        let len = if (distance > 0) == (step > 0) { (distance.abs() - 1).div_euclid(step.abs()) + 1 } else { 0 };
        let len = if distance == 0 { 0 } else { len };
        return i64::try_from(len).map_err(|_| too_long());
    }
    let len = ((as_float(stop) - as_float(start)) / as_float(step)).ceil();
    if as_float(step) == 0.0 {
        return Err(Error::ZeroDivision("float division by zero".into()));
    }
    if len.is_nan() {
        return Err(Error::Value("arange: cannot compute length".into()));
    }
    if len > i64::MAX as f64 / 16.0 { Err(too_long()) } else { Ok((len as i64).max(0)) }
}

fn as_int(w: Weak) -> Option<i128> {
    match w {
        Weak::Bool(v) => Some(i128::from(v)),
        Weak::Int(v) => Some(v),
        _ => None,
    }
}

fn as_float(w: Weak) -> f64 {
    match w {
        Weak::Bool(v) => f64::from(u8::from(v)),
        Weak::Int(v) => v as f64,
        Weak::Float(v) | Weak::Complex(v, _) => v,
    }
}

/// Python's `a + b`.
fn sum(a: Weak, b: Weak) -> Weak {
    match (as_int(a), as_int(b)) {
        (Some(a), Some(b)) => Weak::Int(a.saturating_add(b)),
        _ => Weak::Float(as_float(a) + as_float(b)),
    }
}

/// NumPy computes the second element of a range as such, not from the difference that it then uses.
fn second_exactly(body: &mut Body<'_>, value: ValueId, second: ValueId) -> ValueId {
    let (index, one) = (body.program.index(0), body.program.constant(Scalar::new(1i64)));
    let is_second = body.program.binary(BinaryOp::Equal, index, one);
    body.program.select(is_second, second, value)
}

fn last_exactly(body: &mut Body<'_>, value: ValueId, last: i64, stop: f64) -> ValueId {
    let (index, last) = (body.program.index(0), body.program.constant(Scalar::new(last)));
    let is_last = body.program.binary(BinaryOp::Equal, index, last);
    let stop = body.program.constant(Scalar::new(stop));
    body.program.select(is_last, stop, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<T: legate_kernels::dtype::Element>(session: &Session, a: &NdArray) -> Vec<T> {
        let bytes = session.to_host(a, &|| false).unwrap();
        bytes.as_slice().chunks_exact(size_of::<T>()).map(|e| Scalar::from_bytes(T::DTYPE, e).get().unwrap()).collect()
    }

    #[test]
    fn ranges_have_numpys_lengths_and_values() {
        let s = Session::eager();
        let ints = |a, b, c| values::<i64>(&s, &s.arange(Weak::Int(a), Weak::Int(b), Weak::Int(c), None).unwrap());
        assert_eq!(ints(0, 5, 1), [0, 1, 2, 3, 4]);
        assert_eq!(ints(5, 0, -2), [5, 3, 1]);
        assert_eq!(ints(5, 0, 2), [0; 0]);
        assert_eq!(ints(3, 3, 1), [0; 0]);
        let floats = s.arange(Weak::Int(0), Weak::Float(1.0), Weak::Float(0.1), None).unwrap();
        assert_eq!(floats.shape(), [10]);
        // numpy.arange(0.5, 1.3, 0.1)
        let a = s.arange(Weak::Float(0.5), Weak::Float(1.3), Weak::Float(0.1), None).unwrap();
        assert_eq!(
            values::<f64>(&s, &a),
            [
                0.5,
                0.6,
                0.7,
                0.7999999999999999,
                0.8999999999999999,
                0.9999999999999999,
                1.0999999999999999,
                1.1999999999999997
            ]
        );
        let truncated = s.arange(Weak::Int(0), Weak::Float(1.5), Weak::Float(0.5), Some(DType::I64)).unwrap();
        assert_eq!(values::<i64>(&s, &truncated), [0, 0, 0]);
        assert!(matches!(s.arange(Weak::Int(0), Weak::Int(1), Weak::Int(0), None), Err(Error::ZeroDivision(_))));
    }

    #[test]
    fn linspace_ends_exactly() {
        let s = Session::eager();
        let (a, step) = s.linspace(0.0, 1.0, 4, true, None).unwrap();
        assert_eq!(values::<f64>(&s, &a), [0.0, 0.3333333333333333, 0.6666666666666666, 1.0]);
        assert_eq!(step, 1.0 / 3.0);
        assert_eq!(values::<i64>(&s, &s.linspace(0.0, 10.0, 4, true, Some(DType::I64)).unwrap().0), [0, 3, 6, 10]);
        assert_eq!(values::<f64>(&s, &s.linspace(2.0, 3.0, 1, true, None).unwrap().0), [2.0]);
        assert_eq!(
            s.linspace(0.0, 1.0, -1, true, None).unwrap_err().to_string(),
            "Number of samples, -1, must be non-negative."
        );
    }

    #[test]
    fn identity_matrices_may_be_shifted() {
        let s = Session::eager();
        assert_eq!(values::<i32>(&s, &s.eye(2, 3, 1, DType::I32).unwrap()), [0, 1, 0, 0, 0, 1]);
        assert_eq!(s.eye(-1, 1, 0, DType::I32).unwrap_err().to_string(), "negative dimensions are not allowed");
    }

    #[test]
    fn constants_are_written_when_they_change() {
        let s = Session::eager();
        let a = s.full(&[2, 2], &Operand::from(7), None).unwrap();
        let b = a.clone();
        s.set_index(&a, &[crate::IndexItem::Int(0)], &Operand::from(1)).unwrap();
        assert_eq!(values::<i64>(&s, &b), [1, 1, 7, 7]);
        assert_eq!(
            s.full(&[3], &Operand::from(300), Some(DType::I8)).unwrap_err().to_string(),
            "Python integer 300 out of bounds for int8"
        );
    }
}
