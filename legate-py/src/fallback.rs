//! The way to NumPy for what is not native (`legate/_fallback.py` does it).

use crate::array::Array;
use crate::convert::is_plain_numpy;
use crate::host;
use crate::ufunc::UfuncObject;
use numpy::PyUntypedArray;
use pyo3::call::PyCallArgs;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PySlice, PyTuple};
use smallvec::SmallVec;

fn python<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let module = MODULE.get_or_try_init(py, || py.import("legate._fallback").map(Bound::unbind))?;
    module.bind(py).getattr(name)
}

/// `function(*args, **kwargs)` on gathered arguments (see [`gather`]), where NumPy arrays in the result become Legate arrays. What the function has just made
/// is taken over, not copied.
#[pyfunction]
#[pyo3(name = "call")]
pub(crate) fn call_numpy<'py>(
    function: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let args = gathered_tuple(args)?;
    let kwargs = if kwargs.is_empty() { None } else { Some(gathered_dict(kwargs)?) };
    wrap(function.call(args, kwargs.as_ref())?, 1)
}

/// `value` with every Legate array in it (also inside lists, tuples, dicts, slices) replaced by a read-only snapshot. Waits for the values.
#[pyfunction]
pub(crate) fn gather<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    if let Ok(array) = value.cast::<Array>() {
        return Ok(array.get()._snapshot(py)?.into_any());
    }
    if let Ok(list) = value.cast_exact::<PyList>() {
        let items = list.iter().map(|item| gather(&item)).collect::<PyResult<Vec<_>>>()?;
        return Ok(PyList::new(py, items)?.into_any());
    }
    if let Ok(tuple) = value.cast::<PyTuple>() {
        if tuple.is_exact_instance_of::<PyTuple>() {
            return Ok(gathered_tuple(tuple)?.into_any());
        }
        let make = intern!(py, "_make"); // a named tuple
        return if tuple.hasattr(make)? {
            tuple.get_type().call_method1(make, (gathered_tuple(tuple)?,))
        } else {
            Ok(value.clone())
        };
    }
    if let Ok(dict) = value.cast_exact::<PyDict>() {
        return Ok(gathered_dict(dict)?.into_any());
    }
    if value.cast_exact::<PySlice>().is_ok() {
        let part = |name| gather(&value.getattr(name)?);
        let parts = (part(intern!(py, "start"))?, part(intern!(py, "stop"))?, part(intern!(py, "step"))?);
        return value.get_type().call1(parts);
    }
    match value.cast_exact::<UfuncObject>() {
        Ok(ufunc) => Ok(ufunc.get().numpy(py).into_bound(py)),
        Err(_) => Ok(value.clone()),
    }
}

fn gathered_tuple<'py>(tuple: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyTuple>> {
    let items: SmallVec<[_; 4]> = tuple.iter().map(|item| gather(&item)).collect::<PyResult<_>>()?;
    PyTuple::new(tuple.py(), items)
}

fn gathered_dict<'py>(dict: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
    let gathered = PyDict::new(dict.py());
    // Waiting for values lets other threads run, which might write to the dict: a copy is walked.
    for (key, value) in dict.copy()? {
        gathered.set_item(key, gather(&value)?)?;
    }
    Ok(gathered)
}

/// What `LEGATE_FALLBACK` says; empty if it is not set.
#[pyfunction]
pub(crate) fn fallback_setting() -> String {
    std::env::var("LEGATE_FALLBACK").unwrap_or_default()
}

/// As NumPy's result `value` is to be seen: every NumPy array of a native dtype in it, also inside lists and tuples, is replaced by a Legate array with a copy of
/// its values. A view of a read-only snapshot stays read-only: it does not share memory with the Legate array it came from.
#[pyfunction]
#[pyo3(name = "wrap")]
pub(crate) fn wrap_result<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    wrap(value.clone(), SHARED)
}

/// No array has so many references.
const SHARED: isize = isize::MAX;

/// As [`wrap_result`]; an array (or sequence of arrays) to which there are just so many references is taken over, not copied.
fn wrap<'py>(result: Bound<'py, PyAny>, references: isize) -> PyResult<Bound<'py, PyAny>> {
    let result = match result.cast_into::<PyUntypedArray>() {
        Ok(array) if is_plain_numpy(&array) => return host::take_over_array(array, references),
        Ok(array) => return Ok(array.into_any()),
        Err(other) => other.into_inner(),
    };
    let py = result.py();
    if let Ok(tuple) = result.cast::<PyTuple>() {
        let items = tuple.iter().map(|item| wrap(item, references_of_items(&result, references)));
        if tuple.is_exact_instance_of::<PyTuple>() {
            return Ok(PyTuple::new(py, items.collect::<PyResult<Vec<_>>>()?)?.into_any());
        }
        if tuple.hasattr("_make")? {
            return tuple.get_type().call_method1("_make", (items.collect::<PyResult<Vec<_>>>()?,));
        }
    } else if let Ok(list) = result.cast_exact::<PyList>() {
        let items = list.iter().map(|item| wrap(item, references_of_items(&result, references)));
        return Ok(PyList::new(py, items.collect::<PyResult<Vec<_>>>()?)?.into_any());
    } else if result.is_instance(UFUNC.import(py, "numpy", "ufunc")?)? {
        return Ok(Bound::new(py, UfuncObject::new(&result)?)?.into_any());
    }
    Ok(result)
}

static UFUNC: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// A sequence that nobody else has holds one reference to each item; looking at it makes a second.
fn references_of_items(sequence: &Bound<'_, PyAny>, references: isize) -> isize {
    if host::references(sequence) == references { 2 } else { SHARED }
}

/// Keywords as the Python side takes them.
fn keywords<'py>(py: Python<'py>, kwargs: Option<&Bound<'py, PyDict>>) -> Bound<'py, PyDict> {
    kwargs.cloned().unwrap_or_else(|| PyDict::new(py))
}

/// Calls NumPy's `function`, known to users as `name`.
pub(crate) fn function<'py>(
    name: &str,
    function: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = function.py();
    python(py, "call")?.call1((name, function, args, keywords(py, kwargs)))
}

/// Calls the method `name` of NumPy's ndarray on the values of `array`.
pub(crate) fn method<'py>(
    array: &Bound<'py, PyAny>,
    name: &str,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = array.py();
    python(py, "call_method")?.call1((array, name, args, keywords(py, kwargs)))
}

/// Calls a method (`"__call__"`, `"reduce"`, …) of NumPy's ufunc.
pub(crate) fn ufunc<'py>(
    ufunc: &Bound<'py, PyAny>,
    method: &str,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = ufunc.py();
    python(py, "call_ufunc")?.call1((ufunc, method, args, keywords(py, kwargs)))
}

/// `operator.name(*operands)` on NumPy arrays; `ufunc` is what the user is told.
pub(crate) fn operator<'py>(name: &str, ufunc: &str, operands: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
    python(operands.py(), "call_operator")?.call1((name, ufunc, operands))
}

/// `array[key]` for keys that are not basic.
pub(crate) fn get_item<'py>(array: &Bound<'py, PyAny>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    python(array.py(), "get_item")?.call1((array, key))
}

/// `array[key] = value` for keys and values that are not native.
pub(crate) fn set_item(array: &Bound<'_, PyAny>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    python(array.py(), "set_item")?.call1((array, key, value)).map(drop)
}

/// The exception that NumPy raises where `function` does not take arguments of these types; `ours` if it raises none.
pub(crate) fn refused_types<'py>(
    function: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
    ours: PyErr,
) -> PyErr {
    refusal_of_types(function, args, kwargs).unwrap_or(ours)
}

/// As [`refused_types`]; `None` if NumPy raises nothing.
pub(crate) fn refusal_of_types<'py>(
    function: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> Option<PyErr> {
    raised(function.py(), "refuse_types", (function, args, keywords(function.py(), kwargs)))
}

/// The exception that NumPy raises where its `function` refuses arguments of these shapes, dtypes and (other than arrays') values; `ours` if it
/// raises none.
pub(crate) fn refused<'py>(
    function: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
    ours: PyErr,
) -> PyErr {
    refusal(function, args, kwargs).unwrap_or(ours)
}

/// As [`refused`]; `None` if NumPy raises nothing.
pub(crate) fn refusal<'py>(
    function: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> Option<PyErr> {
    raised(function.py(), "refuse", (function, args, keywords(function.py(), kwargs)))
}

/// The exception that a method of NumPy's ufunc raises for arguments of these shapes and dtypes, if it raises one.
pub(crate) fn refused_ufunc<'py>(
    ufunc: &Bound<'py, PyAny>,
    method: &str,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> Option<PyErr> {
    let py = ufunc.py();
    python(py, "refuse_ufunc").and_then(|refuse| refuse.call1((ufunc, method, args, keywords(py, kwargs)))).err()
}

/// As [`refused`], for the method `name` of NumPy's ndarray.
pub(crate) fn refused_method<'py>(
    array: &Bound<'py, PyAny>,
    name: &str,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
    ours: PyErr,
) -> PyErr {
    refusal_of_method(array, name, args, kwargs).unwrap_or(ours)
}

/// As [`refused_method`]; `None` if NumPy raises nothing.
pub(crate) fn refusal_of_method<'py>(
    array: &Bound<'py, PyAny>,
    name: &str,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> Option<PyErr> {
    raised(array.py(), "refuse_method", (array, name, args, keywords(array.py(), kwargs)))
}

/// The exception that a function of the Python side raises.
fn raised<'py>(py: Python<'py>, refuse: &str, call: impl PyCallArgs<'py>) -> Option<PyErr> {
    python(py, refuse).and_then(|refuse| refuse.call1(call)).err()
}
