//! `a[key]` and `a[key] = value`.

use crate::array::{Array, DeferredScalar};
use crate::capi;
use crate::convert;
use crate::error::{Attempt, Failure};
use crate::fallback;
use crate::outcome;
use crate::scalars;
use crate::session::{interrupted, session, started};
use legate_numpy::{Arg, DType, Error, IndexItem, Kind, NdArray, Scalar};
use numpy::{PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyEllipsis, PyFloat, PyInt, PyList, PySlice, PyTuple};
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
    let [start, stop, step] = capi::slice_parts(slice)?;
    Ok(IndexItem::Slice { start: Some(start), stop: Some(stop), step: Some(step) })
}

/// A Python integer that is no bool.
fn integer(key: &Bound<'_, PyAny>) -> Option<i64> {
    key.cast_exact::<PyInt>().ok()?.extract().ok()
}

#[pymethods]
impl Array {
    fn __getitem__<'py>(slf: &Bound<'py, Self>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        if let Some(index) = integer(key) {
            let nd = slf.get().nd();
            if let Some(value) = nd.element(index) {
                return crate::host::scalar(py, &value);
            }
            if let Some(row) = nd.row(index) {
                return outcome::view(slf, row);
            }
        } else if let Ok(slice) = key.cast_exact::<PySlice>()
            && let Some(part) = slf.get().nd().part(capi::slice_parts(slice)?)
        {
            return outcome::view(slf, part);
        }
        let Some(items) = basic(key)? else { return get_chosen(slf, key) };
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
        if set_small(slf.get().nd(), key, value)? {
            scalars::note_write();
            return Ok(());
        }
        if slf.is_instance_of::<DeferredScalar>() {
            let name = slf.get().nd().dtype().name();
            return Err(PyTypeError::new_err(format!("'numpy.{name}' object does not support item assignment")));
        }
        scalars::note_write();
        let attempt = || -> Attempt<()> {
            match basic(key)? {
                Some(items) => set_basic(slf, &items, value),
                None => set_chosen(slf, key, value),
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

/// `a[index] = value` and `a[slice] = value` of small arrays at hand; whether that is what it was.
fn set_small(nd: &NdArray, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if nd.ndim() < 2 && set_element(nd, key, value) {
        return Ok(true);
    }
    let part = if let Ok(slice) = key.cast_exact::<PySlice>() {
        nd.part(capi::slice_parts(slice)?)
    } else {
        integer(key).and_then(|index| nd.row(index))
    };
    let assigned = || Some(started()?.assign_small(&part?, convert::arg(value)?));
    Ok(assigned().unwrap_or(false))
}

/// `a[index] = number` of a vector at hand; whether that is what it was.
fn set_element(nd: &NdArray, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> bool {
    let attempt = || {
        let index = integer(key)?;
        if nd.dtype() == DType::F64
            && let Ok(value) = value.cast_exact::<PyFloat>()
        {
            return Some(nd.set_element(index, Scalar::new(value.value())));
        }
        let value = match convert::arg(value)? {
            Arg::Weak(value) => value.to_scalar(nd.dtype()).ok()?,
            Arg::Scalar(value) if value.dtype() == nd.dtype() => value,
            _ => return None,
        };
        Some(nd.set_element(index, value))
    };
    attempt().unwrap_or(false)
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

/// A key that chooses elements by masks or integers.
enum Choice {
    /// A bool array of the shape of the first dimensions.
    Mask(NdArray),
    /// Integer arrays, one for each of the first dimensions.
    Indices(SmallVec<[NdArray; 4]>),
    /// An integer or a bool array at this dimension, beside slices.
    Along { items: Items, axis: usize, index: NdArray },
}

impl Choice {
    /// What a key that is not basic says of an array of `ndim` dimensions.
    ///
    /// # Errors
    /// [`Failure::Unsupported`] for what NumPy should look at.
    fn of(key: &Bound<'_, PyAny>, ndim: usize) -> Attempt<Choice> {
        let Ok(tuple) = key.cast_exact::<PyTuple>() else {
            let array = as_indices(key)?;
            return match array.dtype() {
                _ if array.ndim() == 0 => Err(Failure::Unsupported),
                DType::Bool => Ok(Choice::Mask(array)),
                _ => Ok(Choice::Indices(SmallVec::from_iter([array]))),
            };
        };
        let mut items = Items::new();
        let mut arrays: SmallVec<[NdArray; 4]> = SmallVec::new();
        let mut place = 0;
        for (k, entry) in tuple.iter_borrowed().enumerate() {
            match item(&entry)? {
                Some(IndexItem::NewAxis) => return Err(Failure::Unsupported),
                Some(item) => items.push(item),
                None => {
                    arrays.push(as_indices(&entry)?);
                    place = k;
                    items.push(IndexItem::Slice { start: None, stop: None, step: None });
                }
            }
        }
        if arrays.iter().any(|array| array.ndim() == 0) || arrays.is_empty() {
            return Err(Failure::Unsupported);
        }
        let has_integers = items.iter().any(|item| matches!(item, IndexItem::Int(_)));
        if arrays.len() == tuple.len() && arrays.iter().all(|array| array.dtype() != DType::Bool) {
            return Ok(Choice::Indices(arrays));
        }
        if arrays.len() > 1 || has_integers || items.len() > ndim + 1 {
            return Err(Failure::Unsupported);
        }
        let index = arrays.swap_remove(0);
        let after_ellipsis = items[..place].contains(&IndexItem::Ellipsis);
        let axis = if after_ellipsis { ndim.checked_sub(items.len() - place) } else { Some(place) };
        match axis {
            Some(axis) if axis < ndim && (index.dtype() != DType::Bool || index.ndim() == 1) => {
                Ok(Choice::Along { items, axis, index })
            }
            _ => Err(Failure::Unsupported),
        }
    }

    /// The array to wait for.
    fn array(&self) -> &NdArray {
        match self {
            Choice::Mask(array) | Choice::Along { index: array, .. } => array,
            Choice::Indices(arrays) => arrays.iter().find(|array| !array.is_ready()).unwrap_or(&arrays[0]),
        }
    }
}

/// An array or a list as indices; an empty list holds integers.
pub(crate) fn as_indices(object: &Bound<'_, PyAny>) -> Attempt<NdArray> {
    let array = convert::array(object)?;
    if array.size() == 0 && array.dtype() == DType::F64 && object.cast::<PyList>().is_ok() {
        return Ok(session(object.py())?.zeros(array.shape(), DType::I64)?);
    }
    match array.dtype().kind() {
        Kind::Bool | Kind::Signed | Kind::Unsigned => Ok(array),
        _ => Err(Failure::Unsupported), // NumPy refuses it
    }
}

/// `a[key]` for keys that are not basic.
fn get_chosen<'py>(slf: &Bound<'py, Array>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let (py, nd) = (slf.py(), slf.get().nd());
    let attempt = || -> Attempt<Bound<'py, PyAny>> {
        let session = session(py)?;
        let choice = Choice::of(key, nd.ndim())?;
        let waited_for = crate::functions::choice::waited_for(nd, choice.array());
        let chosen = crate::session::issue(py, waited_for, || match &choice {
            Choice::Mask(mask) => session.select_by_mask(nd, mask, &interrupted),
            Choice::Indices(indices) => session.select_by_index(nd, indices, &interrupted),
            Choice::Along { items, axis, index } => {
                let view = nd.index(items)?;
                let index = session.as_places(index, view.shape()[*axis], *axis, &interrupted)?;
                session.take_along(&view, &index, *axis, &interrupted)
            }
        })?;
        Ok(outcome::like(slf, outcome::array(py, chosen)?)?)
    };
    attempt().or_else(|failure| match failure {
        Failure::Unsupported => fallback::get_item(slf.as_any(), key),
        failure => Err(failure.raise(py)),
    })
}

/// `a[key] = value` for keys that are not basic.
fn set_chosen(slf: &Bound<'_, Array>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> Attempt<()> {
    let (py, nd) = (slf.py(), slf.get().nd());
    let session = session(py)?;
    let choice = Choice::of(key, nd.ndim())?;
    let value = convert::operand(value)?;
    let waited_for = crate::functions::choice::waited_for(nd, choice.array());
    let assigned = crate::session::issue(py, waited_for, || match &choice {
        Choice::Mask(mask) => session.assign_by_mask(nd, mask, &value, &interrupted),
        Choice::Indices(indices) => session.assign_by_index(nd, indices, &value, &interrupted),
        Choice::Along { .. } => Err(Error::Unsupported("assignment beside slices".into())),
    });
    match assigned {
        Err(Failure::Native(Error::IntegerOutOfBounds { .. } | Error::Value(_))) => Err(Failure::Unsupported),
        other => other,
    }
}
