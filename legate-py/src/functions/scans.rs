//! Running sums and products.

use super::reductions::store;
use super::{Arguments, Row, quick};
use crate::error::Attempt;
use legate_numpy::ScanOp;
use pyo3::prelude::*;

type Result<'py> = Attempt<Bound<'py, PyAny>>;

pub(super) static ROWS: &[&Row] = &[
    row!("cumsum", "a axis dtype out", |a| accumulate(a, ScanOp::Add); quick::cumsum),
    row!("cumprod", "a axis dtype out", |a| accumulate(a, ScanOp::Multiply); quick::cumprod),
];

methods! {
    cumsum("self axis dtype out") = |a| accumulate(a, ScanOp::Add); quick::cumsum,
    cumprod("self axis dtype out") = |a| accumulate(a, ScanOp::Multiply); quick::cumprod,
}

fn accumulate<'py>(a: &Arguments<'_, 'py>, op: ScanOp) -> Result<'py> {
    let array = a.array(0)?;
    let axis = a.get(1).map(crate::convert::index).transpose()?;
    let (dtype, out) = (a.dtype(2)?, a.out(3)?);
    let session = a.session()?;
    let nd = a.issue(&array, || session.accumulate(op, &array, axis, dtype))?;
    if let Some(out) = &out {
        store(session, &nd, out.get().nd())?;
    }
    a.result_like(0, nd, out)
}
