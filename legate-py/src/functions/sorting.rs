//! Sorting.

use super::{Arguments, Row, quick};
use crate::error::{Attempt, Failure};
use pyo3::prelude::*;
use pyo3::types::PyString;

type Result<'py> = Attempt<Bound<'py, PyAny>>;

pub(super) static ROWS: &[&Row] = &[
    row!("sort", "a axis kind order * stable", sort; quick::sort),
    row!("argsort", "a axis kind order * stable", argsort; quick::argsort),
];

methods! {
    sort("self axis kind order * stable") = sort_in_place; quick::sort_in_place,
    argsort("self axis kind order * stable") = argsort; quick::argsort,
}

/// The axis: the last one by default, `None` for all of them in a row.
fn axis(a: &Arguments<'_, '_>) -> Attempt<Option<i64>> {
    match a.raw(1) {
        None => Ok(Some(-1)),
        Some(axis) if axis.is_none() => Ok(None),
        Some(axis) => Ok(Some(crate::convert::index(axis)?)),
    }
}

/// All kinds give what a stable one gives. Anything else than a kind is NumPy's to refuse, and so are arrays without an axis.
fn check(a: &Arguments<'_, '_>) -> Attempt<()> {
    // No native array has fields to order by.
    if a.get(3).is_some() || a.array(0)?.ndim() == 0 || (a.get(2).is_some() && a.get(4).is_some()) {
        return Err(Failure::Misused);
    }
    let Some(kind) = a.get(2) else { return Ok(()) };
    let Ok(kind) = kind.cast::<PyString>() else { return Err(Failure::Misused) };
    match kind.to_str()? {
        "quicksort" | "mergesort" | "heapsort" | "stable" => Ok(()),
        _ => Err(Failure::Misused),
    }
}

fn sort<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    check(a)?;
    let (array, axis, session) = (a.array(0)?, axis(a)?, a.session()?);
    let nd = a.issue(&array, || session.sort(&array, axis))?;
    a.result_array_like(0, nd)
}

fn argsort<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    check(a)?;
    let (array, axis, session) = (a.array(0)?, axis(a)?, a.session()?);
    let nd = a.issue(&array, || session.argsort(&array, axis))?;
    a.result_array_like(0, nd)
}

fn sort_in_place<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    check(a)?;
    let (array, session) = (a.array(0)?, a.session()?);
    let axis = axis(a)?.ok_or(Failure::Misused)?;
    crate::scalars::note_write();
    a.issue(&array, || session.sort_in_place(&array, axis))?;
    Ok(a.py().None().into_bound(a.py()))
}
