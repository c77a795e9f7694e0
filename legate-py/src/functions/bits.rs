//! Bits in bytes.

use super::{Arguments, Row};
use crate::convert;
use crate::error::{Attempt, Failure};
use crate::outcome;
use legate_kernels::bits::BitOrder;
use pyo3::prelude::*;
use pyo3::types::PyString;

type Result<'py> = Attempt<Bound<'py, PyAny>>;

pub(super) static ROWS: &[&Row] =
    &[row!("packbits", "a / axis bitorder", packbits), row!("unpackbits", "a / axis count bitorder", unpackbits)];

fn packbits<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let (array, axis, order, session) = (a.array(0)?, axis(a)?, order(a, 2)?, a.session()?);
    let packed = a.issue(&array, || session.packbits(&array, axis, order))?;
    Ok(outcome::array(a.py(), packed)?)
}

fn unpackbits<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let (array, axis, order, session) = (a.array(0)?, axis(a)?, order(a, 3)?, a.session()?);
    let count = a.get(2).map(convert::index).transpose()?;
    let bits = a.issue(&array, || session.unpackbits(&array, axis, count, order))?;
    Ok(outcome::array(a.py(), bits)?)
}

/// `None`: of the raveled array.
fn axis(a: &Arguments<'_, '_>) -> Attempt<Option<i64>> {
    Ok(a.get(1).map(convert::index).transpose()?)
}

/// Others than the two that there are are NumPy's to refuse.
fn order(a: &Arguments<'_, '_>, position: usize) -> Attempt<BitOrder> {
    let Some(order) = a.get(position) else { return Ok(BitOrder::Big) };
    match order.cast::<PyString>().map_err(|_| Failure::Misused)?.to_str()? {
        "big" => Ok(BitOrder::Big),
        "little" => Ok(BitOrder::Little),
        _ => Err(Failure::Misused),
    }
}
