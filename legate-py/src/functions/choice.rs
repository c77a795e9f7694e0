//! Elements that masks and integers choose.

use super::reductions::store;
use super::{Arguments, Row, quick};
use crate::error::{Attempt, Failure};
use crate::outcome;
use crate::session::interrupted;
use legate_numpy::{BoundsMode, Casting, DType, NdArray, Operand, ReduceOptions, Reduction, Scalar, Session, Weak};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyTuple};

type Result<'py> = Attempt<Bound<'py, PyAny>>;

pub(super) static ROWS: &[&Row] = &[
    row!("take", "a indices axis out mode", take; quick::take),
    row!("nonzero", "a", nonzero; quick::nonzero),
    row!("flatnonzero", "a", flatnonzero; quick::flatnonzero),
    row!("argwhere", "a", argwhere; quick::argwhere),
    row!("put", "a ind v mode", put),
    row!("place", "arr mask vals", place),
    row!("putmask", "a mask values", putmask),
    row!("count_nonzero", "a axis * keepdims", count_nonzero; quick::count_nonzero),
];

methods! {
    take("self indices axis out mode") = take; quick::take,
    put("self indices values mode") = put,
    nonzero("self") = nonzero; quick::nonzero,
    item("self +index") = item; quick::item,
}

fn take<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let (array, index) = (a.array(0)?, crate::index::as_indices(a.required(1)?)?);
    let axis = a.get(2).map(crate::convert::index).transpose()?;
    let out = a.out(3)?;
    let mode = mode(a, 4)?;
    let session = a.session()?;
    let nd = a.issue(waited_for(&array, &index), || session.take(&array, &index, axis, mode, &interrupted))?;
    if let Some(out) = &out {
        store(session, &nd, out.get().nd())?;
    }
    a.result_like(0, nd, out)
}

/// The Python part knows all the ways to say which one.
fn item<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    static ITEM: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let item = ITEM.import(a.py(), "legate._methods", "item")?;
    let args: Vec<_> = std::iter::once(a.required(0)?).chain(a.variadic()).collect();
    Ok(item.call1(PyTuple::new(a.py(), args)?)?)
}

fn mode(a: &Arguments<'_, '_>, i: usize) -> Attempt<BoundsMode> {
    a.get(i).map_or(Ok(BoundsMode::Raise), named_mode)
}

/// The array of ours that is written to.
fn target<'a>(a: &'a Arguments<'_, '_>) -> Attempt<&'a NdArray> {
    crate::scalars::note_write();
    Ok(crate::convert::as_array(a.required(0)?).ok_or(Failure::Unsupported)?.nd())
}

/// Argument 2 as an array to be cast to the target's type: Python's integers have to fit.
fn values(a: &Arguments<'_, '_>, target: &NdArray) -> Attempt<NdArray> {
    match crate::convert::weak(a.required(2)?)? {
        Some(value @ Weak::Int(_)) => Ok(a.session()?.scalar(value.to_scalar(target.dtype())?)),
        _ => a.array(2),
    }
}

fn put<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let (target, index) = (target(a)?, crate::index::as_indices(a.required(1)?)?);
    let (values, mode, session) = (values(a, target)?, mode(a, 3)?, a.session()?);
    a.issue(waited_for(target, &index), || session.put(target, &index, &values, mode, &interrupted))?;
    Ok(a.py().None().into_bound(a.py()))
}

fn place<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let (target, mask, session) = (target(a)?, a.array(1)?, a.session()?);
    let mut values = values(a, target)?;
    if !crate::index::is_array(a.required(2)?) {
        // What is no array yet becomes one of the target's type.
        values = session.astype(&values, target.dtype(), Casting::Unsafe, false)?;
    }
    a.issue(waited_for(target, &mask), || session.place(target, &mask, &values, &interrupted))?;
    Ok(a.py().None().into_bound(a.py()))
}

fn putmask<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let (target, mask) = (target(a)?, a.array(1)?);
    a.session()?.putmask(target, &mask, &values(a, target)?)?;
    Ok(a.py().None().into_bound(a.py()))
}

fn named_mode(mode: &Bound<'_, PyAny>) -> Attempt<BoundsMode> {
    let Ok(name) = mode.cast::<PyString>() else { return Err(Failure::Unsupported) };
    match name.to_str()? {
        "raise" => Ok(BoundsMode::Raise),
        "wrap" => Ok(BoundsMode::Wrap),
        "clip" => Ok(BoundsMode::Clip),
        _ => Err(Failure::Unsupported),
    }
}

/// The one whose values will take longer.
pub(crate) fn waited_for<'a>(array: &'a NdArray, choice: &'a NdArray) -> &'a NdArray {
    if choice.is_ready() { array } else { choice }
}

/// The places of what is not zero: one array for each dimension.
pub(super) fn nonzero<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let array = a.array(0)?;
    if array.ndim() == 0 {
        return Err(Failure::Unsupported); // NumPy refuses it
    }
    let session = a.session()?;
    let places = a.issue(&array, || positions(session, &array))?;
    let arrays = coordinates(session, &places, array.shape())?;
    let arrays = arrays.into_iter().map(|nd| outcome::array(a.py(), nd)).collect::<PyResult<Vec<_>>>()?;
    Ok(PyTuple::new(a.py(), arrays)?.into_any())
}

fn flatnonzero<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let array = a.array(0)?;
    let session = a.session()?;
    let places = a.issue(&array, || positions(session, &array))?;
    Ok(outcome::array(a.py(), places)?)
}

/// The places of what is not zero: a row for each.
fn argwhere<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let array = a.array(0)?;
    let session = a.session()?;
    let places = a.issue(&array, || positions(session, &array))?;
    if array.ndim() == 0 {
        return Ok(outcome::array(a.py(), session.zeros(&[places.size(), 0], DType::I64)?)?);
    }
    let arrays = coordinates(session, &places, array.shape())?;
    Ok(outcome::array(a.py(), session.stack(&arrays, 1)?)?)
}

fn count_nonzero<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let (array, axes) = (a.array(0)?, a.integers(1)?);
    let options = ReduceOptions { axis: axes.as_deref(), keepdims: a.flag(2)?, ..ReduceOptions::default() };
    let session = a.session()?;
    let count = a.issue(&array, || session.reduce(Reduction::CountNonzero, &array, &options))?;
    outcome::value(a.py(), count)
}

/// Row-major numbers of the elements that are not zero.
fn positions(session: &Session, array: &NdArray) -> legate_numpy::Result<NdArray> {
    let mask = match array.dtype() {
        DType::Bool => array.clone(),
        dtype => binary(session, "not_equal", array, Operand::Scalar(Scalar::zero(dtype)))?,
    };
    session.flat_positions(&mask, &interrupted)
}

/// Points of a shape by their row-major numbers: one array for each dimension.
fn coordinates(session: &Session, places: &NdArray, shape: &[i64]) -> legate_numpy::Result<Vec<NdArray>> {
    if shape.len() == 1 {
        return Ok(vec![places.clone()]);
    }
    let coordinate = |d: usize| {
        let below: i64 = shape[d + 1..].iter().product();
        let row = match below {
            1 => places.clone(),
            _ => binary(session, "floor_divide", places, Operand::Scalar(Scalar::new(below.max(1))))?,
        };
        if d == 0 {
            return Ok(row);
        }
        binary(session, "remainder", &row, Operand::Scalar(Scalar::new(shape[d].max(1))))
    };
    (0..shape.len()).map(coordinate).collect()
}

fn binary(session: &Session, name: &str, a: &NdArray, b: Operand) -> legate_numpy::Result<NdArray> {
    let ufunc = legate_numpy::Ufunc::lookup(name).expect("the ufuncs named here are native");
    session.call(ufunc, &[Operand::from(a), b], &legate_numpy::CallOptions::default())
}
