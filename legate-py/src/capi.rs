//! Pieces of CPython's C interface that pyo3 has no safe form of.

use crate::array::{Array, DeferredScalar, NdArrayObject};
use crate::ufunc::UfuncObject;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PySlice, PyType};
use pyo3::{Borrowed, PyTypeInfo};
use std::ffi::CString;

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

/// The value of a context variable in the calling thread's context; `None` if it has none there, and no default.
///
/// # Errors
/// `TypeError` if it is no context variable.
pub(crate) fn context_value<'py>(variable: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let mut value = std::ptr::null_mut();
    // SAFETY: attached; a living object, no default, and a place for a new reference, or for null if there is no value.
    unsafe {
        if ffi::PyContextVar_Get(variable.as_ptr(), std::ptr::null_mut(), &raw mut value) < 0 {
            return Err(PyErr::fetch(variable.py()));
        }
        Ok(Bound::from_owned_ptr_or_opt(variable.py(), value))
    }
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

/// Lets the texts of CPython's errors call arrays what NumPy's say (`unhashable type: 'numpy.ndarray'`), and attributes have NumPy's documentation. What the
/// class is called, and where it lies, is said by `__name__` and `__module__`, which stay. Called once, when the module is made.
pub(crate) fn speak_as_numpy(py: Python<'_>) -> PyResult<()> {
    for class in [Array::type_object_raw(py), NdArrayObject::type_object_raw(py)] {
        // SAFETY: attached, so nobody else looks at the types; a text that lives as long as the process.
        unsafe { (*class).tp_name = c"numpy.ndarray".as_ptr() };
    }
    let (ours, numpys) = (py.get_type::<Array>(), py.import("numpy")?.getattr("ndarray")?);
    for (name, attribute) in ours
        .getattr("__dict__")?
        .call_method0("items")?
        .try_iter()?
        .map(|item| item?.extract())
        .collect::<PyResult<Vec<(String, Bound<'_, PyAny>)>>>()?
    {
        // SAFETY: a living object, and a type of CPython's that is never freed.
        let is_attribute = unsafe { ffi::Py_TYPE(attribute.as_ptr()) == &raw mut ffi::PyGetSetDescr_Type };
        let Some(text) = numpys.getattr_opt(&*name)?.and_then(|theirs| theirs.getattr("__doc__").ok()) else {
            continue;
        };
        let Ok(Ok(text)) = text.extract::<String>().map(CString::new) else { continue };
        if is_attribute {
            // SAFETY: the descriptor is of the class that this structure describes; its definition lives as long as the type, and nobody else reads it now.
            unsafe { (*(*attribute.as_ptr().cast::<ffi::PyGetSetDescrObject>()).d_getset).doc = text.into_raw() };
        }
    }
    Ok(())
}

/// Makes `metaclass`, a subclass of `type`, the class of `ndarray` or of `ufunc` (`isinstance(x, ndarray)` asks it for what is not exactly one). Called once for each,
/// before anybody has made a subclass.
#[pyfunction]
pub(crate) fn set_metaclass(class: &Bound<'_, PyType>, metaclass: &Bound<'_, PyType>) -> PyResult<()> {
    let py = metaclass.py();
    if !class.is(py.get_type::<NdArrayObject>()) && !class.is(py.get_type::<UfuncObject>()) {
        return Err(PyTypeError::new_err("only ndarray and ufunc may have a metaclass"));
    }
    let plain = py.get_type::<PyType>();
    let size = |class: &Bound<'_, PyType>| -> PyResult<usize> { class.getattr("__basicsize__")?.extract() };
    if !metaclass.is_subclass(&plain)? || size(metaclass)? != size(&plain)? {
        return Err(PyTypeError::new_err("a metaclass has to extend type, and to have no fields of its own"));
    }
    // SAFETY: attached. The metaclass lays out its instances as `type` does (checked), so it may take the place of `type`; a class holds a reference to its own
    // class if that is made at run time, as this one is: it is given away by `into_ptr`. `type` is not counted by its instances.
    unsafe { (*class.as_ptr()).ob_type = metaclass.clone().into_ptr().cast() };
    Ok(())
}

/// # Safety
/// Called by CPython, attached, with an instance of the class that has the slot.
unsafe extern "C" fn length(object: *mut ffi::PyObject) -> ffi::Py_ssize_t {
    // SAFETY: the caller's promise; all classes that have the slot are `Array` and what extends it.
    let array = unsafe { Borrowed::from_ptr(Python::assume_attached(), object).cast_unchecked::<Array>() };
    match array.get().nd().shape().first() {
        Some(&n) => n as ffi::Py_ssize_t,
        None => {
            let text = match array.is_instance_of::<DeferredScalar>() {
                true => format!("object of type 'numpy.{}' has no len()", array.get().nd().dtype().name()),
                false => "len() of unsized object".to_owned(),
            };
            PyTypeError::new_err(text).restore(array.py());
            -1
        }
    }
}
