//! Arrays seen in another shape: views where NumPy makes views.

use super::{Arguments, Row, quick};
use crate::convert;
use crate::error::{Attempt, Failure};
use legate_numpy::Layout;
use pyo3::prelude::*;

type Result<'py> = Attempt<Bound<'py, PyAny>>;

pub(super) static ROWS: &[&Row] = &[
    row!("reshape", "a shape order * copy", |a| {
        let shape = convert::integers(a.required(1)?)?;
        reshaped(a, &shape, 2, 3)
    }; quick::reshape_to),
    row!("ravel", "a order", ravel; quick::ravel),
    row!("transpose", "a axes", |a| {
        let nd = a.array(0)?.transpose(a.integers(1)?.as_deref())?;
        a.view(0, nd)
    }; quick::transpose),
    row!("swapaxes", "a axis1 axis2", swapaxes; quick::swapaxes),
    row!("squeeze", "a axis", squeeze),
    row!("diagonal", "a offset axis1 axis2", diagonal),
];

methods! {
    reshape("self +shape * order copy") = |a| {
        if matches!(a.variadic(), [one] if one.is_none()) {
            return a.view(0, a.array(0)?);
        }
        let shape = variadic_integers(a)?.ok_or(Failure::Misused)?;
        reshaped(a, &shape, 1, 2)
    }; quick::reshape,
    transpose("self +axes") = |a| {
        let nd = a.array(0)?.transpose(variadic_integers(a)?.as_deref())?;
        a.view(0, nd)
    }; quick::transpose,
    ravel("self order") = ravel; quick::ravel,
    flatten("self order") = flatten; quick::flatten,
    swapaxes("self axis1 axis2 /") = swapaxes; quick::swapaxes,
    squeeze("self axis") = squeeze,
    diagonal("self offset axis1 axis2") = diagonal,
}

/// `(2, 3)` of `f(2, 3)` and of `f((2, 3))`; `None` if nothing, or `None`, was given.
fn variadic_integers(a: &Arguments<'_, '_>) -> Attempt<Option<Vec<i64>>> {
    match a.variadic() {
        [] => Ok(None),
        [one] if one.is_none() => Ok(None),
        [one] => Ok(Some(convert::integers(one)?)),
        several => Ok(Some(several.iter().map(convert::index).collect::<PyResult<_>>()?)),
    }
}

fn reshaped<'py>(a: &Arguments<'_, 'py>, shape: &[i64], order: usize, copy: usize) -> Result<'py> {
    let nd = a.array(0)?;
    let session = a.session()?;
    let columns = match a.layout(order, Layout::C)? {
        Layout::C => false,
        Layout::F => true,
        Layout::A => nd.is_f_contiguous() && !nd.is_c_contiguous(),
        Layout::K => return Err(Failure::Unsupported), // NumPy refuses it
    };
    let result = if columns {
        let reversed: Vec<i64> = shape.iter().rev().copied().collect();
        session.reshape(&nd.transpose(None)?, &reversed)?.transpose(None)?
    } else {
        session.reshape(&nd, shape)?
    };
    match a.get(copy).map(|c| c.is_truthy()).transpose()? {
        Some(true) if result.shares_base(&nd) => a.result_array_like(0, session.copy(&result)?),
        Some(false) if !result.shares_base(&nd) => Err(Failure::Python(pyo3::exceptions::PyValueError::new_err(
            "Unable to avoid creating a copy while reshaping.",
        ))),
        _ => a.view(0, result),
    }
}

fn ravel<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let nd = a.array(0)?;
    let result = a.session()?.ravel(&a.layout(1, Layout::C)?.visited(&nd))?;
    a.view(0, result)
}

fn flatten<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let nd = a.array(0)?;
    a.result_array_like(0, a.session()?.flatten(&a.layout(1, Layout::C)?.visited(&nd))?)
}

fn swapaxes<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let (axis1, axis2) = (convert::index(a.required(1)?)?, convert::index(a.required(2)?)?);
    let nd = a.array(0)?.swapaxes(axis1, axis2)?;
    a.view(0, nd)
}

fn squeeze<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let nd = a.array(0)?.squeeze(a.integers(1)?.as_deref())?;
    a.view(0, nd)
}

fn diagonal<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let nd = a.array(0)?.diagonal(a.integer(1, 0)?, a.integer(2, 0)?, a.integer(3, 1)?)?;
    a.view(0, nd)
}
