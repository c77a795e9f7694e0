//! From Python objects to arguments of native calls.

use crate::array::Array;
use crate::error::{Attempt, Failure};
use crate::freelist::is_plain;
use crate::host;
use crate::lists;
use crate::session::session;
use legate_numpy::{Arg, NdArray, Operand, Weak};
use numpy::PyUntypedArray;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyComplex, PyFloat, PyInt, PyList, PyTuple};

/// The Legate array that `object` is, if it is one.
pub(crate) fn as_array<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a Array> {
    object.cast::<Array>().ok().map(Bound::get)
}

/// A Python scalar, by exact type: subclasses (NumPy's float64 is a float) are not weak.
pub(crate) fn weak(object: &Bound<'_, PyAny>) -> Attempt<Option<Weak>> {
    if let Ok(value) = object.cast_exact::<PyFloat>() {
        return Ok(Some(Weak::Float(value.value())));
    }
    if let Ok(value) = object.cast_exact::<PyInt>() {
        if let Ok(value) = value.extract::<i64>() {
            return Ok(Some(Weak::Int(i128::from(value))));
        }
        // NumPy makes objects of integers beyond 64 bits where nothing else has a say; 128 bits are kept for its messages.
        return value.extract::<i128>().map(|v| Some(Weak::Int(v))).map_err(|_| Failure::Unsupported);
    }
    if let Ok(value) = object.cast_exact::<PyBool>() {
        return Ok(Some(Weak::Bool(value.is_true())));
    }
    if let Ok(value) = object.cast_exact::<PyComplex>() {
        return Ok(Some(Weak::Complex(value.real(), value.imag())));
    }
    Ok(None)
}

/// What an element-wise function takes of `object` where that is an array of ours or a number; borrowed for the call.
pub(crate) fn arg<'a>(object: &'a Bound<'_, PyAny>) -> Option<Arg<'a>> {
    if !is_plain(object) {
        if let Some(weak) = weak(object).ok()? {
            return Some(Arg::Weak(weak));
        }
        if let Some(scalar) = host::from_scalar(object).ok()? {
            return Some(Arg::Scalar(scalar));
        }
    }
    as_array(object).map(|array| Arg::Array(array.nd()))
}

/// What an element-wise function takes of `object`, if that costs no conversion of containers.
///
/// # Errors
/// [`Failure::Unsupported`] for NumPy arrays of a dtype that is not native.
pub(crate) fn direct_operand(object: &Bound<'_, PyAny>) -> Attempt<Option<Operand>> {
    if let Some(array) = as_array(object) {
        return Ok(Some(Operand::Array(array.nd().clone())));
    }
    if let Some(weak) = weak(object)? {
        return Ok(Some(Operand::Weak(weak)));
    }
    if let Some(scalar) = host::from_scalar(object)? {
        return Ok(Some(Operand::Scalar(scalar)));
    }
    match object.cast::<PyUntypedArray>() {
        // Subclasses of NumPy's (masked arrays, matrices) have rules of their own: NumPy should see them.
        Ok(array) if is_plain_numpy(array) => Ok(Some(Operand::Array(host::adopt(array)?))),
        Ok(_) => Err(Failure::Unsupported),
        Err(_) => Ok(None),
    }
}

/// What an element-wise function takes of any object: lists and other array-likes are made into arrays.
///
/// # Errors
/// [`Failure::Unsupported`] if the array has a dtype that is not native; NumPy's own for what is no array.
pub(crate) fn operand(object: &Bound<'_, PyAny>) -> Attempt<Operand> {
    match direct_operand(object)? {
        Some(operand) => Ok(operand),
        None => Ok(Operand::Array(array_like(object)?)),
    }
}

/// Any array-like as an array: no copy of what is one already.
///
/// # Errors
/// As [`operand`].
pub(crate) fn array(object: &Bound<'_, PyAny>) -> Attempt<NdArray> {
    match direct_operand(object)? {
        Some(Operand::Array(array)) => Ok(array),
        Some(Operand::Scalar(scalar)) => Ok(session(object.py())?.scalar(scalar)),
        Some(Operand::Weak(weak)) => {
            let scalar = weak.to_scalar(weak.default_dtype()?)?;
            Ok(session(object.py())?.scalar(scalar))
        }
        None => array_like(object),
    }
}

fn array_like(object: &Bound<'_, PyAny>) -> Attempt<NdArray> {
    if let Some(array) = lists::array(object, None) {
        return Ok(array);
    }
    let array = numpy_array(object)?;
    if is_plain_numpy(&array) { host::take_over(array, 1) } else { Err(Failure::Unsupported) }
}

/// `numpy.asanyarray(object)`.
pub(crate) fn numpy_array<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyUntypedArray>> {
    static ASANYARRAY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let function = ASANYARRAY.import(object.py(), "numpy", "asanyarray")?;
    Ok(function.call1((object,))?.cast_into::<PyUntypedArray>()?)
}

pub(crate) fn is_plain_numpy(array: &Bound<'_, PyUntypedArray>) -> bool {
    array.get_type().is(array.py().get_type::<PyUntypedArray>())
}

/// One integer or a sequence of them (`axis=`, `shape=`).
pub(crate) fn integers(object: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    if let Ok(tuple) = object.cast::<PyTuple>() {
        return tuple.iter().map(|item| index(&item)).collect();
    }
    if let Ok(list) = object.cast::<PyList>() {
        return list.iter().map(|item| index(&item)).collect();
    }
    match index(object) {
        Ok(value) => Ok(vec![value]),
        Err(error) => match object.try_iter() {
            Ok(items) => items.map(|item| index(&item?)).collect(),
            Err(_) => Err(error),
        },
    }
}

/// `operator.index(object)` as 64 bits.
pub(crate) fn index(object: &Bound<'_, PyAny>) -> PyResult<i64> {
    object.extract::<i64>()
}
