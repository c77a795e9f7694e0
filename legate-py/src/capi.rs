//! Pieces of CPython's C interface that pyo3 has no safe form of.

use crate::array::{Array, DeferredScalar, NdArrayObject};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PySlice;
use pyo3::{Borrowed, PyTypeInfo};

/// The bounds and the step of a slice; what was left out as the largest or smallest integers, which are clamped to an extent anyway.
///
/// # Errors
/// Python's, for bounds that are no integers and a step of 0.
pub(crate) fn slice_parts(slice: &Bound<'_, PySlice>) -> PyResult<[i64; 3]> {
    let (mut start, mut stop, mut step) = (0, 0, 0);
    // SAFETY: a living slice object, and three integers to be written.
    if unsafe { ffi::PySlice_Unpack(slice.as_ptr(), &mut start, &mut stop, &mut step) } < 0 {
        return Err(PyErr::fetch(slice.py()));
    }
    Ok([start as i64, stop as i64, step as i64])
}

/// Lets `len(array)` do without what pyo3 does around calls that may run any code. Called once, when the module is made.
pub(crate) fn install_length(py: Python<'_>) {
    for class in [Array::type_object_raw(py), NdArrayObject::type_object_raw(py), DeferredScalar::type_object_raw(py)] {
        // SAFETY: attached, so nobody else looks at the types. A class with `__len__` and `__getitem__` has mapping methods, and `length` is what this slot wants.
        unsafe {
            (*(*class).tp_as_mapping).mp_length = Some(length);
        }
    }
}

/// # Safety
/// Called by CPython, attached, with an instance of the class that has the slot.
unsafe extern "C" fn length(object: *mut ffi::PyObject) -> ffi::Py_ssize_t {
    // SAFETY: the caller's promise; all classes that have the slot are `Array` and what extends it.
    let array = unsafe { Borrowed::from_ptr(Python::assume_attached(), object).cast_unchecked::<Array>() };
    match array.get().nd().shape().first() {
        Some(&n) => n as ffi::Py_ssize_t,
        None => {
            PyTypeError::new_err("len() of unsized object").restore(array.py());
            -1
        }
    }
}
