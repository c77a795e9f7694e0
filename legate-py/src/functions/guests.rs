//! Arguments that have something to say about a call of a function, as NumPy asks them: classes with an `__array_function__` of their own, and
//! containers of other libraries whose method of the function's name NumPy calls (`np.sum(series)` is `series.sum()`).

use crate::array::Array;
use crate::ufunc::{Protocol, is_common};
use numpy::PyUntypedArray;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

type Object<'py> = Bound<'py, PyAny>;

/// Functions that NumPy leaves to a method of the first argument, if that is no array and has one of the name.
const DELEGATED: &[&str] = &[
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "argsort",
    "around",
    "clip",
    "compress",
    "cumprod",
    "cumsum",
    "diagonal",
    "max",
    "mean",
    "min",
    "nonzero",
    "prod",
    "ravel",
    "repeat",
    "reshape",
    "round",
    "searchsorted",
    "squeeze",
    "std",
    "sum",
    "swapaxes",
    "take",
    "transpose",
    "var",
];

/// Whether a class among those of the arguments, or of the elements of lists of arrays, has an `__array_function__` that is neither ours nor NumPy's.
pub(super) fn override_functions(args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<bool> {
    for value in args.iter() {
        if overrides_within(&value)? {
            return Ok(true);
        }
    }
    let Some(kwargs) = kwargs else { return Ok(false) };
    for (_, value) in kwargs.iter() {
        if overrides_within(&value)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn overrides_within(value: &Object<'_>) -> PyResult<bool> {
    if value.is_exact_instance_of::<PyList>() || value.is_exact_instance_of::<PyTuple>() {
        for (place, item) in value.try_iter()?.enumerate() {
            let item = item?;
            // A list of numbers is not searched to its end.
            if place == 0 && is_common(&item) && !item.is_instance_of::<Array>() {
                return Ok(false);
            }
            if overrides(&item)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    overrides(value)
}

fn overrides(value: &Object<'_>) -> PyResult<bool> {
    static FUNCTION: Protocol = Protocol::new("__array_function__");
    FUNCTION.is_overridden(value)
}

/// Whether NumPy would call the method `name` of the first argument.
pub(super) fn has_method_of(name: &str, args: &Bound<'_, PyTuple>) -> PyResult<bool> {
    if !DELEGATED.contains(&name) {
        return Ok(false);
    }
    let Ok(first) = args.get_item(0) else { return Ok(false) };
    if is_common(&first) || first.is_instance_of::<Array>() || first.is_instance_of::<PyUntypedArray>() {
        return Ok(false);
    }
    let py = args.py();
    let is_scalar = first.is_instance(py.import("numpy")?.getattr("generic")?.as_any())?;
    let method = match name {
        "amax" => "max",
        "amin" => "min",
        "around" => "round",
        other => other,
    };
    Ok(!is_scalar && first.get_type().getattr_opt(method)?.is_some())
}
