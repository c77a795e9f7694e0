//! `a[key]` and `a[key] = value`.

use crate::array::{Array, DeferredScalar};
use crate::convert;
use crate::error::{Attempt, Failure};
use crate::fallback;
use crate::outcome;
use crate::scalars;
use crate::session::session;
use legate_numpy::{Casting, DType, Error, IndexItem, Operand};
use numpy::{PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyEllipsis, PyInt, PyList, PySlice, PyTuple};
use smallvec::SmallVec;

type Items = SmallVec<[IndexItem; 4]>;

/// The entries of a basic key; `None` if the key is not basic (arrays, lists, bools) or not valid.
fn basic(key: &Bound<'_, PyAny>) -> PyResult<Option<Items>> {
    let mut items = Items::new();
    match key.cast_exact::<PyTuple>() {
        Ok(tuple) => {
            for entry in tuple.iter_borrowed() {
                match item(&entry)? {
                    Some(item) => items.push(item),
                    None => return Ok(None),
                }
            }
        }
        Err(_) => match item(key)? {
            Some(item) => items.push(item),
            None => return Ok(None),
        },
    }
    Ok(Some(items))
}

fn item(entry: &Bound<'_, PyAny>) -> PyResult<Option<IndexItem>> {
    if entry.cast_exact::<PyInt>().is_ok() {
        // An integer beyond 64 bits is out of any bounds: NumPy finds the words for it.
        return Ok(entry.extract::<i64>().ok().map(IndexItem::Int));
    }
    if let Ok(slice) = entry.cast_exact::<PySlice>() {
        return slice_item(slice).map(Some);
    }
    if entry.is_none() {
        return Ok(Some(IndexItem::NewAxis));
    }
    if entry.cast_exact::<PyEllipsis>().is_ok() {
        return Ok(Some(IndexItem::Ellipsis));
    }
    if is_advanced(entry) {
        return Ok(None);
    }
    Ok(entry.extract::<i64>().ok().map(IndexItem::Int))
}

/// Arrays of one dimension or more, sequences and bools select elements; 0-d integer arrays are integers.
fn is_advanced(entry: &Bound<'_, PyAny>) -> bool {
    if let Some(array) = convert::as_array(entry) {
        return array.nd().ndim() > 0 || array.nd().dtype() == DType::Bool;
    }
    if let Ok(array) = entry.cast::<PyUntypedArray>() {
        return array.ndim() > 0 || array.dtype().kind() == b'b';
    }
    entry.cast_exact::<PyBool>().is_ok() || entry.cast::<PyList>().is_ok() || entry.cast::<PyTuple>().is_ok()
}

fn slice_item(slice: &Bound<'_, PySlice>) -> PyResult<IndexItem> {
    let part = |name| -> PyResult<Option<i64>> {
        let value = slice.getattr(name)?;
        if value.is_none() { Ok(None) } else { clamped(&value).map(Some) }
    };
    Ok(IndexItem::Slice { start: part("start")?, stop: part("stop")?, step: part("step")? })
}

/// An integer of any size, as near as 64 bits come: bounds of slices are clamped to the extent anyway.
fn clamped(value: &Bound<'_, PyAny>) -> PyResult<i64> {
    if let Ok(value) = value.extract::<i64>() {
        return Ok(value);
    }
    let integer = value
        .py()
        .import("operator")?
        .getattr("index")?
        .call1((value,))
        .map_err(|_| PyTypeError::new_err("slice indices must be integers or None or have an __index__ method"))?;
    Ok(if integer.lt(0)? { i64::MIN } else { i64::MAX })
}

#[pymethods]
impl Array {
    fn __getitem__<'py>(slf: &Bound<'py, Self>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let Some(items) = basic(key)? else { return fallback::get_item(slf.as_any(), key) };
        let attempt = || -> Attempt<Bound<'py, PyAny>> {
            let nd = slf.get().nd().index(&items)?;
            if nd.ndim() > 0 || items.contains(&IndexItem::Ellipsis) {
                return Ok(outcome::view(slf, nd)?);
            }
            if slf.is_instance_of::<DeferredScalar>() {
                return Ok(slf.clone().into_any());
            }
            // A scalar is a copy: it keeps its value when the array is written to.
            if nd.is_ready() {
                return outcome::value(py, nd);
            }
            match scalars::read(py, slf.get(), &items)? {
                Some(scalar) => Ok(crate::host::scalar(py, &scalar)?),
                None => outcome::value(py, session(py)?.copy(&nd)?),
            }
        };
        attempt().map_err(|f| f.raise(py))
    }

    fn __setitem__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        if slf.is_instance_of::<DeferredScalar>() {
            let name = slf.get().nd().dtype().name();
            return Err(PyTypeError::new_err(format!("'numpy.{name}' object does not support item assignment")));
        }
        scalars::note_write();
        let attempt = || -> Attempt<()> {
            match basic(key)? {
                Some(items) => set_basic(slf, &items, value),
                None => set_masked(slf, key, value),
            }
        };
        attempt().or_else(|failure| match failure {
            Failure::Unsupported => fallback::set_item(slf.as_any(), key, value),
            failure => Err(failure.raise(py)),
        })
    }

    fn __delitem__(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let _ = key;
        Err(pyo3::exceptions::PyValueError::new_err("cannot delete array elements"))
    }
}

/// `a[items] = value`. Lists and integers that do not fit are refused by NumPy, which looks at them otherwise than `asarray` does.
fn set_basic(slf: &Bound<'_, Array>, items: &Items, value: &Bound<'_, PyAny>) -> Attempt<()> {
    let session = session(slf.py())?;
    let direct = convert::direct_operand(value)?;
    let is_list = direct.is_none();
    let value = direct.map_or_else(|| convert::operand(value), Ok)?;
    session.set_index(slf.get().nd(), items, &value).map_err(|error| match error {
        Error::BroadcastInto { .. } if is_list => Failure::Unsupported,
        Error::IntegerOutOfBounds { .. } => Failure::Unsupported,
        error => error.into(),
    })
}

/// `a[mask] = value` with a mask of `a`'s shape and one value: that is a `where`, and native.
fn set_masked(slf: &Bound<'_, Array>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> Attempt<()> {
    let nd = slf.get().nd();
    let mask = convert::as_array(key).ok_or(Failure::Unsupported)?.nd();
    if mask.dtype() != DType::Bool || mask.shape() != nd.shape() {
        return Err(Failure::Unsupported);
    }
    let value = convert::operand(value)?;
    match &value {
        Operand::Array(array) if array.ndim() > 0 => Err(Failure::Unsupported),
        _ => Ok(session(slf.py())?.copyto(nd, &value, Casting::Unsafe, Some(mask))?),
    }
}
