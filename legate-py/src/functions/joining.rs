//! Arrays put together.

use super::{Arguments, Row, quick};
use crate::convert;
use crate::error::{Attempt, Failure};
use crate::outcome;
use legate_numpy::{Casting, NdArray};
use pyo3::prelude::*;

type Result<'py> = Attempt<Bound<'py, PyAny>>;

pub(super) static ROWS: &[&Row] = &[
    row!("concatenate", "arrays axis out * dtype casting", concatenate; quick::concatenate),
    row!("concat", "arrays axis out * dtype casting", concatenate; quick::concatenate),
    row!("stack", "arrays axis out * dtype casting", stack; quick::stack),
    row!("vstack", "tup * dtype casting", |a| {
        a.without(&[1, 2])?;
        Ok(outcome::array(a.py(), a.session()?.vstack(&arrays(a)?)?)?)
    }; quick::vstack),
    row!("hstack", "tup * dtype casting", |a| {
        a.without(&[1, 2])?;
        Ok(outcome::array(a.py(), a.session()?.hstack(&arrays(a)?)?)?)
    }; quick::hstack),
];

/// The arrays of the first argument, a sequence (an array is one of its rows).
fn arrays(a: &Arguments<'_, '_>) -> Attempt<Vec<NdArray>> {
    let sequence = a.required(0)?;
    if sequence.len().is_err() {
        return Err(Failure::Unsupported); // generators: NumPy refuses them
    }
    sequence.try_iter()?.map(|item| convert::array(&item?)).collect()
}

fn concatenate<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let axis = match a.raw(1) {
        Some(axis) if axis.is_none() => None,
        Some(axis) => Some(convert::index(axis)?),
        None => Some(0),
    };
    let out = a.out(2)?;
    let nd = a.session()?.concatenate(
        &arrays(a)?,
        axis,
        out.as_ref().map(|o| o.get().nd()),
        a.dtype(3)?,
        a.casting(4, Casting::SameKind)?,
    )?;
    a.result(nd, out)
}

fn stack<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    a.without(&[2, 3, 4])?;
    Ok(outcome::array(a.py(), a.session()?.stack(&arrays(a)?, a.integer(1, 0)?)?)?)
}
