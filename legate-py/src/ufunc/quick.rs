//! The short way of calls, and the ufunc that NumPy's call on our arrays means.

use super::{NativeForm, UfuncObject};
use crate::array::Array;
use crate::convert;
use crate::errstate;
use crate::freelist::is_plain;
use crate::functions::quick::plain;
use crate::host;
use crate::outcome;
use crate::scalars;
use crate::session::started;
use crate::vectorcall::{Call, Callable, Entry, Given};
use legate_numpy::{Scalar, Ufunc};
use pyo3::Borrowed;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use smallvec::SmallVec;

type Object<'py> = Bound<'py, PyAny>;

impl Callable for UfuncObject {
    /// Calls with numbers and arrays, and `out=` with one of ours.
    fn quick<'py>(&self, py: Python<'py>, call: &Call<'_, 'py>) -> PyResult<Option<Object<'py>>> {
        let Some(NativeForm::Elementwise(ufunc)) = self.native else { return Ok(None) };
        let given = call.values.len();
        let out = match call.names {
            None if given == self.inputs => None,
            Some(names) if given == self.inputs + 1 && names.len() == 1 => {
                if !names.get_borrowed_item(0)?.is(intern!(py, "out")) {
                    return Ok(None);
                }
                let Some(out) = plain(call.values[self.inputs]) else { return Ok(None) };
                scalars::note_write();
                Some(out)
            }
            _ => return Ok(None),
        };
        let target = out.as_ref().map(|out| out.get().nd());
        let values = &call.values[..self.inputs];
        if out.is_none() && !values.iter().any(|value| is_plain(value)) {
            let value = of_numbers(ufunc, values);
            if let Some(value) = value {
                errstate::after_small(py)?;
                self.calls.tick();
                return host::scalar(py, &value).map(Some);
            }
        }
        // Arrays of subclasses may have something to say about it.
        if values.iter().any(|value| !is_plain(value) && value.is_instance_of::<Array>()) {
            return Ok(None);
        }
        let small = || match *values {
            [ref x] => started()?.call_small(ufunc, &[convert::arg(x)?], target),
            [ref x, ref y] => started()?.call_small(ufunc, &[convert::arg(x)?, convert::arg(y)?], target),
            _ => None,
        };
        let Some(result) = small() else { return Ok(None) };
        errstate::after_small(py)?;
        self.calls.tick();
        if let Some(out) = out {
            return Ok(Some(out.to_owned().into_any()));
        }
        outcome::small_value(py, result).map(Some)
    }

    fn entry(&self) -> &Entry {
        &self.entry
    }
}

/// A plain call of NumPy's ufunc with our arrays, by the short way if that covers it. It is what a NumPy scalar to the left of an operator makes of the
/// two: `x.mean() * x` calls `numpy.multiply`.
pub(crate) fn quick_for_numpy<'py>(
    function: &Object<'py>,
    inputs: &Bound<'py, PyTuple>,
) -> PyResult<Option<Object<'py>>> {
    static OURS: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let py = inputs.py();
    let values: SmallVec<[Borrowed<'_, 'py, PyAny>; 3]> = inputs.iter_borrowed().collect();
    let known = OURS.get_or_init(py, || PyDict::new(py).unbind()).bind(py);
    let ours = match known.get_item(function)? {
        Some(ours) => ours,
        None => {
            let ours = py.import("legate._protocols")?.getattr("ufunc_named")?.call1((function,))?;
            known.set_item(function, &ours)?;
            ours
        }
    };
    ours.cast::<UfuncObject>()?.get().quick(py, &Call { values: &values, names: None })
}

/// The value of a ufunc where no argument is an array.
fn of_numbers(ufunc: Ufunc, values: Given<'_, '_>) -> Option<Scalar> {
    match *values {
        [ref x] => started()?.call_scalars(ufunc, &[convert::arg(x)?]),
        [ref x, ref y] => started()?.call_scalars(ufunc, &[convert::arg(x)?, convert::arg(y)?]),
        _ => None,
    }
}
