//! Element types here and NumPy's dtype objects.

use crate::error::{Attempt, Failure};
use legate_numpy::DType;
use numpy::{PyArrayDescr, PyArrayDescrMethods};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyFloat, PyInt, PyType};

static DESCRIPTORS: PyOnceLock<Vec<Py<PyArrayDescr>>> = PyOnceLock::new();

/// NumPy's dtype object of a native element type.
pub(crate) fn descriptor<'py>(py: Python<'py>, dtype: DType) -> PyResult<&'py Bound<'py, PyArrayDescr>> {
    let all = DESCRIPTORS.get_or_try_init(py, || {
        DType::ALL.iter().map(|d| PyArrayDescr::new(py, d.name()).map(Bound::unbind)).collect::<PyResult<Vec<_>>>()
    })?;
    Ok(all[dtype as usize].bind(py))
}

/// The native element type of a dtype object; `None` where there is none (strings, objects, foreign byte order).
pub(crate) fn native(descriptor: &Bound<'_, PyArrayDescr>) -> Option<DType> {
    use DType::*;
    // NumPy's type numbers: `long` and `long long` are both int64 on the 64-bit systems that we build for.
    let dtype = match descriptor.num() {
        0 => Bool,
        1 => I8,
        2 => U8,
        3 => I16,
        4 => U16,
        5 => I32,
        6 => U32,
        7 | 9 => I64,
        8 | 10 => U64,
        11 => F32,
        12 => F64,
        14 => C64,
        15 => C128,
        23 => F16,
        _ => return None,
    };
    (descriptor.is_native_byteorder() != Some(false)).then_some(dtype)
}

/// A type by the names that programs use most: Python's classes, NumPy's scalar classes and dtype objects; `None` for all others.
pub(crate) fn known(object: &Bound<'_, PyAny>) -> Option<DType> {
    let py = object.py();
    if let Ok(class) = object.cast_exact::<PyType>() {
        return match class {
            _ if class.is(py.get_type::<PyFloat>()) => Some(DType::F64),
            _ if class.is(py.get_type::<PyInt>()) => Some(DType::I64),
            _ if class.is(py.get_type::<PyBool>()) => Some(DType::Bool),
            class => crate::host::dtype_of_scalars(class).ok()?,
        };
    }
    native(object.cast::<PyArrayDescr>().ok()?)
}

/// What a user gave as `dtype=`: anything that NumPy takes for one.
///
/// # Errors
/// NumPy's for what is no dtype; [`Failure::Unsupported`] if it is one that is not native.
pub(crate) fn parse(object: &Bound<'_, PyAny>) -> Attempt<DType> {
    if let Some(dtype) = known(object) {
        return Ok(dtype);
    }
    let descriptor = PyArrayDescr::new(object.py(), object)?;
    native(&descriptor).ok_or(Failure::Unsupported)
}
