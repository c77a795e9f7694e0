//! Calls without a tuple of arguments: CPython's vectorcall protocol for our callable objects.
//!
//! A callable has a quick form that takes positional arguments as they lie on the interpreter's stack. What it does not cover (keywords, anything unusual) goes to
//! the type's `tp_call`, which pyo3 makes of `__call__`.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{Borrowed, PyClass};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Positional arguments, borrowed from the caller.
pub(crate) type Given<'a, 'py> = &'a [Borrowed<'a, 'py, PyAny>];

/// The arguments of a call.
pub(crate) struct Call<'a, 'py> {
    /// Positional ones, then the values of keywords.
    pub(crate) values: Given<'a, 'py>,
    /// The keywords.
    pub(crate) names: Option<Borrowed<'a, 'py, PyTuple>>,
}

/// A class whose instances are called this way.
pub(crate) trait Callable: PyClass<Frozen = pyo3::pyclass::boolean_struct::True> + Sync {
    /// The result of a call; `None` if `__call__` should be asked. It does nothing that lets other threads run, and
    /// drops no reference that it does not hold on behalf of `py`.
    fn quick<'py>(&self, py: Python<'py>, call: &Call<'_, 'py>) -> PyResult<Option<Bound<'py, PyAny>>>;

    /// Where an instance has its entry point.
    fn entry(&self) -> &Entry;
}

/// The field by which CPython finds an instance's entry point.
#[repr(transparent)]
pub(crate) struct Entry(ffi::vectorcallfunc);

impl Entry {
    pub(crate) fn of<T: Callable>() -> Entry {
        Entry(call::<T>)
    }
}

/// Tells CPython where the instances of `T` have their entry points. Called with each new instance, before anyone else has it.
pub(crate) fn enable<T: Callable>(object: &Bound<'_, T>) {
    let entry: *const Entry = object.get().entry();
    let offset = entry.addr() - object.as_ptr().addr();
    // SAFETY: the thread is attached, so nobody else reads the type; `offset` is that of a field of every instance of `T` (one Rust type, one
    // layout), which holds a function of the type that the protocol wants. Writing the same values again changes nothing.
    unsafe {
        let class = ffi::Py_TYPE(object.as_ptr());
        (*class).tp_vectorcall_offset = offset as ffi::Py_ssize_t;
        (*class).tp_flags |= ffi::Py_TPFLAGS_HAVE_VECTORCALL;
    }
}

/// The entry point.
///
/// # Safety
/// Called by CPython as its protocol says: attached, `callable` an instance of `T`, `args` as many objects as `nargs` and `keywords` say.
unsafe extern "C" fn call<T: Callable>(
    callable: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    nargs: usize,
    keywords: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the caller's promise, for all that follows: the thread is attached while the call lasts, and the arguments live as long.
    unsafe {
        let py = Python::assume_attached();
        let nargs = ffi::PyVectorcall_NARGS(nargs) as usize;
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            let object = Borrowed::from_ptr(py, callable).cast_unchecked::<T>();
            let names = Borrowed::from_ptr_or_opt(py, keywords).map(|names| names.cast_unchecked::<PyTuple>());
            let count = nargs + names.map_or(0, |names| names.len());
            // A borrowed reference is a pointer that is not null.
            let values = if count == 0 { &[] } else { std::slice::from_raw_parts(args.cast(), count) };
            object.get().quick(py, &Call { values, names })
        }));
        match attempt {
            Ok(Ok(Some(result))) => return result.into_ptr(),
            Ok(Err(error)) => {
                error.restore(py);
                return std::ptr::null_mut();
            }
            // Not covered; or a bug of ours, which shows again below, where pyo3 makes an exception of it.
            Ok(Ok(None)) | Err(_) => {}
        }
        plainly(py, callable, args, nargs, keywords).unwrap_or_else(|error| {
            error.restore(py);
            std::ptr::null_mut()
        })
    }
}

/// Calls `tp_call` with a tuple and a dict.
///
/// # Safety
/// As for [`call`].
unsafe fn plainly(
    py: Python<'_>,
    callable: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    nargs: usize,
    keywords: *mut ffi::PyObject,
) -> PyResult<*mut ffi::PyObject> {
    // SAFETY: the caller's promise; the values of keywords follow the positional arguments. Types with this entry point have a `tp_call`.
    unsafe {
        let argument = |i: usize| Borrowed::from_ptr(py, *args.add(i));
        let positional = PyTuple::new(py, (0..nargs).map(argument))?;
        let named = match keywords.is_null() {
            true => None,
            false => {
                let names = Borrowed::from_ptr(py, keywords).cast_unchecked::<PyTuple>();
                let dict = PyDict::new(py);
                for (k, name) in names.iter_borrowed().enumerate() {
                    dict.set_item(name, argument(nargs + k))?;
                }
                Some(dict)
            }
        };
        let tp_call = (*ffi::Py_TYPE(callable)).tp_call.expect("a callable's type has a call slot");
        Ok(tp_call(callable, positional.as_ptr(), named.as_ref().map_or(std::ptr::null_mut(), |d| d.as_ptr())))
    }
}
