//! Quick forms of what chooses elements, or puts them in order.

use super::{Answer, array, integer, only, plain};
use crate::lists;
use crate::scalars;
use crate::session::started;
use crate::vectorcall::Given;
use legate_numpy::{Arg, DType, NdArray, Scalar, ScanOp, Ufunc};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use smallvec::SmallVec;
use std::sync::OnceLock;

/// `a.item(…)`: the element as a Python number.
pub(crate) fn item<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let [a, ref index @ ..] = *args else { return Ok(None) };
    let Some(a) = plain(a) else { return Ok(None) };
    let nd = a.get().nd();
    let value = match index {
        [] => nd.known_value(),
        index => {
            let place: Option<SmallVec<[i64; 4]>> = index.iter().map(|entry| integer(*entry)).collect();
            place.and_then(|place| nd.element(&place))
        }
    };
    let Some(value) = value else { return Ok(None) };
    match value.dtype() {
        DType::F64 => value.get::<f64>().into_bound_py_any(py).map(Some),
        DType::I64 => value.get::<i64>().into_bound_py_any(py).map(Some),
        DType::Bool => (value.as_bytes()[0] != 0).into_bound_py_any(py).map(Some),
        _ => Ok(None),
    }
}

/// Of a vector, by an array or a list of integers.
pub(crate) fn take<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let [a, index] = *args else { return Ok(None) };
    let Some(a) = plain(a) else { return Ok(None) };
    let nd = a.get().nd();
    let taken = |index: &NdArray| match index.dtype() {
        DType::Bool => None,
        _ => started()?.choose_small(nd, index),
    };
    if nd.ndim() != 1 {
        return Ok(None);
    }
    match plain(index) {
        Some(index) => array(py, taken(index.get().nd())),
        None => array(py, lists::array(&index, None).and_then(|index| taken(&index))),
    }
}

/// The places of what is not zero in a vector.
fn positions(a: &NdArray) -> Option<NdArray> {
    static NOT_EQUAL: OnceLock<Ufunc> = OnceLock::new();
    let session = started()?;
    if a.ndim() != 1 {
        return None;
    }
    if a.dtype() == DType::Bool {
        return session.positions_small(a);
    }
    let not_equal = *NOT_EQUAL.get_or_init(|| Ufunc::lookup("not_equal").expect("a native ufunc"));
    let zero = Arg::Scalar(Scalar::zero(a.dtype()));
    session.positions_small(&session.call_small(not_equal, &[Arg::Array(a), zero], None)?)
}

pub(crate) fn flatnonzero<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    array(py, only(args).and_then(|a| positions(a.get().nd())))
}

pub(crate) fn nonzero<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let places = flatnonzero(py, args)?;
    places.map(|places| Ok(PyTuple::new(py, [places])?.into_any())).transpose()
}

pub(crate) fn sort<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    array(py, only(args).and_then(|a| started()?.sort_small(a.get().nd(), false)))
}

pub(crate) fn argsort<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    array(py, only(args).and_then(|a| started()?.sort_small(a.get().nd(), true)))
}

pub(crate) fn sort_in_place<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let Some(a) = only(args) else { return Ok(None) };
    let nd = a.get().nd();
    if !started().is_some_and(|session| session.sort_in_place_small(nd)) {
        return Ok(None);
    }
    scalars::note_write();
    Ok(Some(py.None().into_bound(py)))
}

pub(crate) fn cumsum<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    array(py, only(args).and_then(|a| started()?.accumulate_small(ScanOp::Add, a.get().nd(), None)))
}

pub(crate) fn cumprod<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    array(py, only(args).and_then(|a| started()?.accumulate_small(ScanOp::Multiply, a.get().nd(), None)))
}
