//! Element-wise functions that are no ufuncs: choosing, limiting, rounding.

use super::{Arguments, Row};
use crate::convert;
use crate::error::{Attempt, Failure};
use crate::outcome;
use legate_numpy::{CallOptions, Kind, Operand, Ufunc};
use pyo3::prelude::*;

type Result<'py> = Attempt<Bound<'py, PyAny>>;

pub(super) static ROWS: &[&Row] = &[
    row!("where", "condition x y", where_),
    row!("clip", "a a_min a_max out * min max", clip_function),
    row!("round", "a decimals out", round),
    row!("around", "a decimals out", round),
];

methods! {
    clip("self min max out") = clip_method,
    round("self decimals out") = round,
    conj("self") = conjugate,
    conjugate("self") = conjugate,
}

fn where_<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let (condition, x, y) = (a.operand(0)?, a.operand(1)?, a.operand(2)?);
    let nd = a.session()?.select(&condition, &x, &y)?;
    // Unlike a ufunc, `where` gives a 0-d array, not a scalar.
    if nd.ndim() == 0 { Ok(outcome::array(a.py(), nd)?) } else { a.result_like(1, nd, None) }
}

fn clip_function<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let lo = a.get(1).or(a.get(4));
    let hi = a.get(2).or(a.get(5));
    clip(a, lo, hi)
}

fn clip_method<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    clip(a, a.get(1), a.get(2))
}

/// `out` is argument 3 of both forms.
fn clip<'py>(a: &Arguments<'_, 'py>, lo: Option<&Bound<'py, PyAny>>, hi: Option<&Bound<'py, PyAny>>) -> Result<'py> {
    let out = a.out(3)?;
    let lo = lo.map(convert::operand).transpose()?;
    let hi = hi.map(convert::operand).transpose()?;
    let nd = a.session()?.clip(&a.operand(0)?, lo.as_ref(), hi.as_ref(), out.as_ref().map(|o| o.get().nd()))?;
    a.result_like(0, nd, out)
}

/// Rounding to integers is `rint`; integers are what they are.
fn round<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    if a.integer(1, 0)? != 0 {
        return Err(Failure::Unsupported);
    }
    let nd = a.array(0)?;
    let out = a.out(2)?;
    let name = match nd.dtype().kind() {
        Kind::Float | Kind::Complex => "rint",
        Kind::Bool => return Err(Failure::Unsupported),
        Kind::Signed | Kind::Unsigned => "positive",
    };
    elementwise(a, name, nd, out)
}

fn conjugate<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let nd = a.array(0)?;
    if nd.dtype().kind() != Kind::Complex {
        return a.required(0).cloned();
    }
    elementwise(a, "conjugate", nd, None)
}

fn elementwise<'py>(
    a: &Arguments<'_, 'py>,
    name: &str,
    nd: legate_numpy::NdArray,
    out: Option<Bound<'py, crate::array::Array>>,
) -> Result<'py> {
    let ufunc = Ufunc::lookup(name).ok_or(Failure::Unsupported)?;
    let options = CallOptions { out: out.as_ref().map(|o| o.get().nd()), ..CallOptions::default() };
    let result = a.session()?.call(ufunc, &[Operand::Array(nd)], &options)?;
    a.result_like(0, result, out)
}
