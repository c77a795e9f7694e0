//! Quick forms of what makes arrays.

use super::{Answer, array, integer, only, plain};
use crate::convert;
use crate::dtype;
use crate::lists;
use crate::scalars;
use crate::session::started;
use crate::vectorcall::Given;
use legate_numpy::{DType, NdArray, Session, Weak};
use pyo3::Borrowed;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use smallvec::SmallVec;

type Fill = fn(&Session, &[i64], DType) -> legate_numpy::Result<NdArray>;

/// A shape: an integer, or a tuple of integers.
fn shape_of(shape: Borrowed<'_, '_, PyAny>) -> Option<SmallVec<[i64; 4]>> {
    match integer(shape) {
        Some(n) => Some(SmallVec::from_slice(&[n])),
        None => shape.cast_exact::<PyTuple>().ok()?.iter_borrowed().map(integer).collect(),
    }
}

/// Of a shape, and a type if one is given.
fn filled<'py>(py: Python<'py>, args: Given<'_, 'py>, fill: Fill) -> Answer<'py> {
    let (shape, dtype) = match *args {
        [shape] => (shape_of(shape), Some(DType::F64)),
        [shape, dtype] => (shape_of(shape), dtype::known(&dtype)),
        _ => return Ok(None),
    };
    array(py, started().and_then(|session| fill(session, &shape?, dtype?).ok()))
}

pub(crate) fn zeros<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    filled(py, args, Session::zeros)
}

pub(crate) fn ones<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    filled(py, args, Session::ones)
}

pub(crate) fn empty<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    filled(py, args, Session::empty)
}

/// Of the shape and the type of an array.
fn like<'py>(py: Python<'py>, args: Given<'_, 'py>, fill: Fill) -> Answer<'py> {
    let Some(a) = only(args) else { return Ok(None) };
    let nd = a.get().nd();
    array(py, started().and_then(|session| fill(session, nd.shape(), nd.dtype()).ok()))
}

pub(crate) fn zeros_like<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    like(py, args, Session::zeros)
}

pub(crate) fn ones_like<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    like(py, args, Session::ones)
}

pub(crate) fn empty_like<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    like(py, args, Session::empty)
}

pub(crate) fn arange<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let whole = |object| integer(object).map(|v| Weak::Int(i128::from(v)));
    let (start, stop) = match *args {
        [stop] => (Some(Weak::Int(0)), whole(stop)),
        [start, stop] => (whole(start), whole(stop)),
        _ => return Ok(None),
    };
    let (Some(start), Some(stop)) = (start, stop) else { return Ok(None) };
    array(py, started().and_then(|session| session.arange(start, stop, Weak::Int(1), None).ok()))
}

/// The object, and the type asked for, if any; `None` for a type that would take a look at more than names.
fn typed<'a, 'py>(args: Given<'a, 'py>) -> Option<(Borrowed<'a, 'py, PyAny>, Option<DType>)> {
    match *args {
        [object] => Some((object, None)),
        [object, dtype] => Some((object, Some(dtype::known(&dtype)?))),
        _ => None,
    }
}

/// An array of this type is returned as it is.
pub(crate) fn asarray<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let Some((object, dtype)) = typed(args) else { return Ok(None) };
    match plain(object) {
        Some(a) if dtype.is_none_or(|dtype| dtype == a.get().nd().dtype()) => Ok(Some(a.to_owned().into_any())),
        Some(_) => Ok(None),
        None => array(py, lists::array(&object, dtype).or_else(|| number(object, dtype))),
    }
}

/// A Python number as an array without dimensions.
fn number(object: Borrowed<'_, '_, PyAny>, dtype: Option<DType>) -> Option<NdArray> {
    let weak = convert::weak(&object).ok()??;
    let dtype = dtype.map_or_else(|| weak.default_dtype(), Ok).ok()?;
    Some(started()?.scalar(weak.to_scalar(dtype).ok()?))
}

/// A copy of an array, or an array of numbers.
pub(crate) fn new_array<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let Some((object, dtype)) = typed(args) else { return Ok(None) };
    let Some(session) = started() else { return Ok(None) };
    if let Some(a) = plain(object) {
        let nd = a.get().nd();
        return if nd.lies_in_order() {
            array(py, session.copy_small(nd, dtype.unwrap_or(nd.dtype())))
        } else {
            Ok(None)
        };
    }
    array(py, lists::array(&object, dtype).or_else(|| number(object, dtype)))
}

pub(crate) fn copy<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let Some(a) = only(args) else { return Ok(None) };
    let nd = a.get().nd();
    array(py, started().and_then(|session| session.copy_small(nd, nd.dtype())))
}

pub(crate) fn flatten<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let Some(a) = only(args) else { return Ok(None) };
    let nd = a.get().nd();
    if !nd.is_c_contiguous() {
        return Ok(None);
    }
    let flat = started().and_then(|session| {
        let flat = session.reshape(nd, &[nd.size()]).ok()?;
        session.copy_small(&flat, nd.dtype())
    });
    array(py, flat)
}

pub(crate) fn astype<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let [a, dtype] = *args else { return Ok(None) };
    let (Some(a), Ok(dtype)) = (plain(a), dtype::parse(&dtype)) else { return Ok(None) };
    let nd = a.get().nd();
    if !nd.lies_in_order() {
        return Ok(None);
    }
    array(py, started().and_then(|session| session.copy_small(nd, dtype)))
}

pub(crate) fn fill<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let [a, value] = *args else { return Ok(None) };
    let Some(a) = plain(a) else { return Ok(None) };
    let number = convert::weak(&value).ok().flatten().map(legate_numpy::Arg::Weak);
    let done = number.is_some_and(|value| started().is_some_and(|session| session.assign_small(a.get().nd(), value)));
    if !done {
        return Ok(None);
    }
    scalars::note_write();
    Ok(Some(py.None().into_bound(py)))
}
