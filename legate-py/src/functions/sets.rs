//! Searches, repetitions and distinct elements.

use super::{Arguments, Row, quick};
use crate::convert;
use crate::error::{Attempt, Failure};
use crate::outcome;
use crate::session::interrupted;
use legate_numpy::Kind;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyString, PyTuple};

type Result<'py> = Attempt<Bound<'py, PyAny>>;

pub(super) static ROWS: &[&Row] = &[
    row!("searchsorted", "a v side sorter", searchsorted; quick::searchsorted),
    // Long vectors are counted by NumPy: how many counts there are depends on the values.
    row!("bincount", "x weights minlength", |_| Err(Failure::Unsupported); quick::bincount),
    row!("repeat", "a repeats axis", repeat; quick::repeat),
    row!("unique", "ar return_index return_inverse return_counts axis * equal_nan sorted", unique; quick::unique),
];

methods! {
    searchsorted("self v side sorter") = searchsorted; quick::searchsorted,
    repeat("self repeats axis") = repeat; quick::repeat,
}

/// Whether the places are behind equal elements; `None` for what is no side.
pub(crate) fn is_after(side: &Bound<'_, PyAny>) -> Option<bool> {
    match side.cast::<PyString>().ok()?.to_str().ok()? {
        "left" => Some(false),
        "right" => Some(true),
        _ => None, // NumPy knows other spellings, for now
    }
}

fn searchsorted<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let after = a.get(2).map_or(Some(false), is_after).ok_or(Failure::Misused)?;
    let (sorted, needles, session) = (a.array(0)?, a.array(1)?, a.session()?);
    if sorted.ndim() != 1 {
        return Err(Failure::Misused);
    }
    let sorted = match a.get(3) {
        None => sorted,
        Some(sorter) => {
            let sorter = convert::array(sorter)?;
            let is_index = matches!(sorter.dtype().kind(), Kind::Signed | Kind::Unsigned);
            if !is_index || sorter.shape() != sorted.shape() {
                return Err(Failure::Misused);
            }
            let sorter = std::slice::from_ref(&sorter);
            a.issue(&sorted, || session.select_by_index(&sorted, sorter, &interrupted))?
        }
    };
    let places = a.issue(&sorted, || session.searchsorted(&sorted, &needles, after))?;
    outcome::value(a.py(), places)
}

/// The same number of times each, or a number of times for each.
fn repeat<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let (array, counts, session) = (a.array(0)?, a.array(1)?, a.session()?);
    let axis = a.get(2).map(convert::index).transpose()?;
    if !matches!(counts.dtype().kind(), Kind::Signed | Kind::Unsigned) {
        return Err(Failure::Misused);
    }
    let each = |count: i64| a.issue(&array, || session.repeat(&array, count, axis));
    let repeated = match counts.size() {
        1 => each(convert::index(&crate::host::scalar(a.py(), &outcome::item(a.py(), &counts)?)?)?)?,
        _ => a.issue(&counts, || session.repeat_each(&array, &counts, axis, &interrupted))?,
    };
    a.result_array_like(0, repeated)
}

/// Of arrays of any shape, but not along an axis; NaN once.
fn unique<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let flag = |i: usize, default: bool| match a.get(i) {
        None => Ok(default),
        Some(flag) => flag.cast_exact::<PyBool>().map(|flag| flag.is_true()).map_err(|_| Failure::Unsupported),
    };
    let array = a.array(0)?;
    if a.get(4).is_some() || !flag(5, true)? || !flag(6, true)? || array.dtype().kind() == Kind::Complex {
        return Err(Failure::Unsupported);
    }
    let session = a.session()?;
    let wanted = [flag(1, false)?, flag(2, false)?, flag(3, false)?];
    if wanted == [false; 3] {
        let values = a.issue(&array, || session.unique(&array, &interrupted))?;
        return a.result_array_like(0, values);
    }
    let all = a.issue(&array, || session.unique_all(&array, &interrupted))?;
    let more = [all.index, all.inverse, all.counts].into_iter().zip(wanted).filter(|(_, wanted)| *wanted);
    let mut results = vec![a.result_array_like(0, all.values)?];
    for (array, _) in more {
        results.push(outcome::array(a.py(), array)?);
    }
    Ok(PyTuple::new(a.py(), results)?.into_any())
}
