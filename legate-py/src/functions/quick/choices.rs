//! Quick forms of what chooses elements, or puts them in order.

use super::{Answer, array, integer, only, plain};
use crate::convert;
use crate::functions::sets::is_after;
use crate::host;
use crate::lists;
use crate::scalars;
use crate::session::started;
use crate::vectorcall::Given;
use legate_numpy::{Arg, DType, Kind, NdArray, Reduction, Scalar, ScanOp, Ufunc, cast_scalar};
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
    let wide = |dtype: DType| if value.dtype() == dtype { value } else { cast_scalar(value, dtype) };
    match value.dtype().kind() {
        Kind::Float => wide(DType::F64).get::<f64>().into_bound_py_any(py).map(Some),
        Kind::Signed => wide(DType::I64).get::<i64>().into_bound_py_any(py).map(Some),
        Kind::Unsigned => wide(DType::U64).get::<u64>().into_bound_py_any(py).map(Some),
        Kind::Bool => (value.as_bytes()[0] != 0).into_bound_py_any(py).map(Some),
        Kind::Complex | Kind::Time => Ok(None),
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
    if a.ndim() == 1 { started()?.positions_small(&ones(a)?) } else { None }
}

/// What is not zero, as a mask.
fn ones(a: &NdArray) -> Option<NdArray> {
    static NOT_EQUAL: OnceLock<Ufunc> = OnceLock::new();
    if a.dtype() == DType::Bool {
        return Some(a.clone());
    }
    let not_equal = *NOT_EQUAL.get_or_init(|| Ufunc::lookup("not_equal").expect("a native ufunc"));
    let zero = Arg::Scalar(Scalar::zero(a.dtype()));
    started()?.call_small(not_equal, &[Arg::Array(a), zero], None)
}

pub(crate) fn flatnonzero<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    array(py, only(args).and_then(|a| positions(a.get().nd())))
}

pub(crate) fn nonzero<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let places = flatnonzero(py, args)?;
    places.map(|places| Ok(PyTuple::new(py, [places])?.into_any())).transpose()
}

/// `np.searchsorted(a, v)`, `np.searchsorted(a, v, side)`.
pub(crate) fn searchsorted<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let (a, v, after) = match *args {
        [a, v] => (plain(a), v, Some(false)),
        [a, v, side] => (plain(a), v, is_after(&side)),
        _ => return Ok(None),
    };
    let (Some(a), Some(after), Some(session)) = (a, after, started()) else { return Ok(None) };
    let (sorted, one) = (a.get().nd(), |needle: Scalar| session.search_one_small(a.get().nd(), needle, after));
    let place = match convert::arg(&v) {
        Some(Arg::Array(needles)) if needles.ndim() > 0 => {
            return array(py, session.search_small(sorted, needles, after));
        }
        Some(Arg::Scalar(needle)) => one(needle),
        Some(Arg::Weak(needle)) => needle.default_dtype().and_then(|dtype| needle.to_scalar(dtype)).ok().and_then(one),
        _ => None,
    };
    place.map(|place| host::scalar(py, &Scalar::new(place))).transpose()
}

/// `np.repeat(a, count)`, `np.repeat(a, count, axis)`.
pub(crate) fn repeat<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let (a, count, axis) = match *args {
        [a, count] => (plain(a), integer(count), None),
        [a, count, axis] => (plain(a), integer(count), Some(integer(axis).and_then(|axis| usize::try_from(axis).ok()))),
        _ => return Ok(None),
    };
    let (Some(a), Some(count), Some(session)) = (a, count, started()) else { return Ok(None) };
    let nd = a.get().nd();
    match axis {
        Some(axis) => array(py, axis.and_then(|axis| session.repeat_small(nd, count, axis))),
        None if nd.ndim() == 1 => array(py, session.repeat_small(nd, count, 0)),
        None => Ok(None),
    }
}

pub(crate) fn unique<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    array(py, only(args).and_then(|a| started()?.unique_small(a.get().nd())))
}

/// How many elements are not zero.
pub(crate) fn count_nonzero<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let Some(a) = only(args) else { return Ok(None) };
    let nd = a.get().nd();
    let count = || {
        let flat = nd.recast(&[nd.size()])?;
        started()?.reduce_small(Reduction::Sum, &ones(&flat)?, 0.0)
    };
    count().map(|count| host::scalar(py, &count)).transpose()
}

/// Small integers counted.
pub(crate) fn bincount<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let weights = match *args {
        [_] => None,
        [_, weights] => match plain(weights) {
            Some(weights) => Some(weights),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    let Some(a) = args.first().and_then(|a| plain(*a)) else { return Ok(None) };
    array(py, started().and_then(|session| session.bincount_small(a.get().nd(), weights.map(|w| w.get().nd()))))
}

/// Of a vector, as a column.
pub(crate) fn argwhere<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let places = || positions(only(args)?.get().nd());
    array(py, places().and_then(|places| places.recast(&[places.size(), 1])))
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
