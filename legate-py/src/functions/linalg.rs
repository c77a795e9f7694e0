//! Products, norms, diagonals.

use super::{Arguments, Row, quick};
use crate::error::{Attempt, Failure};
use crate::outcome;

use legate_numpy::{NdArray, Norm, ReduceOptions, Reduction, Session};
use pyo3::prelude::*;
use pyo3::types::PyString;

type Result<'py> = Attempt<Bound<'py, PyAny>>;

pub(super) static ROWS: &[&Row] = &[
    row!("dot", "a b out", dot; quick::dot),
    row!("inner", "a b", |a| product(a, Session::inner); quick::inner),
    row!("vdot", "a b", |a| product(a, Session::vdot); quick::vdot),
    row!("outer", "a b out", outer),
    row!("tensordot", "a b axes", tensordot),
    row!("trace", "a offset axis1 axis2 dtype out", trace),
    row!("diag", "v k", diag),
    row!("diagflat", "v k", |a| {
        Ok(outcome::array(a.py(), a.session()?.diagflat(&a.array(0)?, a.integer(1, 0)?)?)?)
    }),
    row!("linalg.norm", "x ord axis keepdims", norm),
    row!("linalg.solve", "a b", solve),
];

methods! {
    dot("self b out") = dot; quick::dot,
    trace("self offset axis1 axis2 dtype out") = trace,
}

fn dot<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let (x, y, out) = (a.array(0)?, a.array(1)?, a.out(2)?);
    let session = a.session()?;
    let target = out.as_ref().map(|o| o.get().nd());
    let nd = a.issue(&x, || session.dot(&x, &y, target))?;
    a.result_like(0, nd, out)
}

type Product = fn(&Session, &NdArray, &NdArray) -> legate_numpy::Result<NdArray>;

fn product<'py>(a: &Arguments<'_, 'py>, product: Product) -> Result<'py> {
    let (x, y) = (a.array(0)?, a.array(1)?);
    let session = a.session()?;
    let nd = a.issue(&x, || product(session, &x, &y))?;
    a.result_like(0, nd, None)
}

fn outer<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let out = a.out(2)?;
    let nd = a.session()?.outer(&a.array(0)?, &a.array(1)?, out.as_ref().map(|o| o.get().nd()))?;
    a.result_like(0, nd, out)
}

/// `axes` is a number of axes (2 by default), or a pair of axes or of lists of axes.
fn tensordot<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let (x, y) = (a.array(0)?, a.array(1)?);
    let (of_x, of_y) = match a.get(2) {
        Some(axes) if axes.extract::<i64>().is_err() => {
            let pair = |i: usize| -> PyResult<Vec<i64>> { crate::convert::integers(&axes.get_item(i)?) };
            (pair(0)?, pair(1)?)
        }
        _ => {
            let n = a.integer(2, 2)?;
            ((-n..0).collect(), (0..n).collect())
        }
    };
    Ok(outcome::array(a.py(), a.session()?.tensordot(&x, &y, &of_x, &of_y)?)?)
}

fn trace<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let (offset, axis1, axis2, dtype, out) =
        (a.integer(1, 0)?, a.integer(2, 0)?, a.integer(3, 1)?, a.dtype(4)?, a.out(5)?);
    let (array, session) = (a.array(0)?, a.session()?);
    let nd = match dtype {
        None => session.trace(&array, offset, axis1, axis2)?,
        dtype => {
            let diagonal = array.diagonal(offset, axis1, axis2)?;
            session.reduce(
                Reduction::Sum,
                &diagonal,
                &ReduceOptions { axis: Some(&[-1]), dtype, ..Default::default() },
            )?
        }
    };
    if let Some(out) = &out {
        super::reductions::store(session, &nd, out.get().nd())?;
    }
    a.result_like(0, nd, out)
}

/// The diagonal of a matrix is a read-only view, as NumPy's.
fn diag<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let (nd, k) = (a.array(0)?, a.integer(1, 0)?);
    match nd.ndim() {
        2 => a.view(0, nd.diagonal(k, 0, 1)?),
        _ => Ok(outcome::array(a.py(), a.session()?.diag(&nd, k)?)?),
    }
}

fn solve<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let (matrix, sides, session) = (a.array(0)?, a.array(1)?, a.session()?);
    let nd = a.issue(&matrix, || session.solve(&matrix, &sides, &crate::session::interrupted))?;
    a.result_array_like(0, nd)
}

fn norm<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let axes = a.integers(2)?;
    let order = match a.get(1) {
        None => Norm::Default,
        Some(order) => named_or_number(order)?,
    };
    let nd = a.array(0)?;
    let session = a.session()?;
    let keepdims = a.flag(3)?;
    let nd = a.issue(&nd, || session.norm(&nd, order, axes.as_deref(), keepdims))?;
    a.result(nd, None)
}

fn named_or_number(order: &Bound<'_, PyAny>) -> Attempt<Norm> {
    if let Ok(name) = order.cast::<PyString>() {
        return if name.to_str()? == "fro" { Ok(Norm::Frobenius) } else { Err(Failure::Unsupported) };
    }
    match order.extract::<f64>().map_err(|_| Failure::Unsupported)? {
        f64::INFINITY => Ok(Norm::Inf),
        f64::NEG_INFINITY => Ok(Norm::NegInf),
        number => Ok(Norm::Order(number)),
    }
}
