//! Calls without a tuple of arguments: CPython's vectorcall protocol for our callable objects, and `METH_FASTCALL` for methods (pyo3 has it for
//! methods without `**kwargs` only).
//!
//! A callable has a quick form that takes arguments as they lie on the interpreter's stack. What it does not cover goes to
//! the type's `tp_call`, which pyo3 makes of `__call__`.

use pyo3::ffi;
use pyo3::panic::PanicException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{Borrowed, PyClass};
use std::any::Any;
use std::ffi::{CStr, CString};
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

impl<'a, 'py> Call<'a, 'py> {
    /// Of the arguments that CPython passes.
    ///
    /// # Safety
    /// `args` are as many objects as `nargs` and `keywords` (null, or a tuple of names) say; they live as long as `'a`.
    unsafe fn new(
        py: Python<'py>,
        args: *const *mut ffi::PyObject,
        nargs: usize,
        keywords: *mut ffi::PyObject,
    ) -> Call<'a, 'py> {
        // SAFETY: the caller's promise; a borrowed reference is a pointer that is not null.
        unsafe {
            let names = Borrowed::from_ptr_or_opt(py, keywords).map(|names| names.cast_unchecked::<PyTuple>());
            let count = nargs + names.map_or(0, |names| names.len());
            let values = if count == 0 { &[] } else { std::slice::from_raw_parts(args.cast(), count) };
            Call { values, names }
        }
    }

    /// Number of positional arguments.
    pub(crate) fn positional(&self) -> usize {
        self.values.len() - self.names.map_or(0, |names| names.len())
    }

    /// The arguments as a tuple and a dict.
    pub(crate) fn collected(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyTuple>, Option<Bound<'py, PyDict>>)> {
        let (positional, named) = self.values.split_at(self.positional());
        let args = PyTuple::new(py, positional)?;
        let Some(names) = self.names else { return Ok((args, None)) };
        let kwargs = PyDict::new(py);
        for (name, value) in names.iter_borrowed().zip(named) {
            kwargs.set_item(name, value)?;
        }
        Ok((args, Some(kwargs)))
    }
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
        let call = Call::new(py, args, ffi::PyVectorcall_NARGS(nargs) as usize, keywords);
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            let object = Borrowed::from_ptr(py, callable).cast_unchecked::<T>();
            object.get().quick(py, &call)
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
        plainly(py, callable, &call).unwrap_or_else(|error| {
            error.restore(py);
            std::ptr::null_mut()
        })
    }
}

/// Calls `tp_call` with a tuple and a dict.
///
/// # Safety
/// `callable` is an object whose type has a `tp_call`.
unsafe fn plainly(py: Python<'_>, callable: *mut ffi::PyObject, call: &Call<'_, '_>) -> PyResult<*mut ffi::PyObject> {
    let (args, kwargs) = call.collected(py)?;
    // SAFETY: the caller's promise, and living arguments of the right types.
    unsafe {
        let tp_call = (*ffi::Py_TYPE(callable)).tp_call.expect("a callable's type has a call slot");
        Ok(tp_call(callable, args.as_ptr(), kwargs.as_ref().map_or(std::ptr::null_mut(), |d| d.as_ptr())))
    }
}

/// NumPy's documentation of the method of its ndarray called `name`, with the signature as CPython keeps it; `None` if this NumPy tells no signature.
fn documentation(py: Python<'_>, name: &str) -> PyResult<Option<CString>> {
    let Some(method) = py.import("numpy")?.getattr("ndarray")?.getattr_opt(name)? else { return Ok(None) };
    let signature: Option<String> = method.getattr("__text_signature__")?.extract()?;
    let text: Option<String> = method.getattr("__doc__")?.extract()?;
    Ok(signature
        .and_then(|signature| CString::new(format!("{name}{signature}\n--\n\n{}", text.unwrap_or_default())).ok()))
}

/// A method of a class. The type stands for it, and has no values.
pub(crate) trait Method {
    /// The class.
    type Class: PyClass;
    /// What it is called.
    const NAME: &'static CStr;
    /// What `inspect.signature` reads.
    const DOC: &'static CStr;

    fn call<'py>(object: Borrowed<'_, 'py, Self::Class>, call: &Call<'_, 'py>) -> PyResult<Bound<'py, PyAny>>;
}

/// Gives the class its method `M`.
pub(crate) fn define<M: Method>(py: Python<'_>) -> PyResult<()> {
    let name = M::NAME.to_str().expect("a name is text");
    // The definition of a method, and its text, live as long as the class, that is as the process.
    let documentation = documentation(py, name)?.map_or(M::DOC, |text| &*Box::leak(text.into_boxed_c_str()));
    let definition = Box::leak(Box::new(ffi::PyMethodDef {
        ml_name: M::NAME.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: method::<M> },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: documentation.as_ptr(),
    }));
    let class = py.get_type::<M::Class>();
    // SAFETY: attached; a type object, and a definition whose flags tell the signature of its function.
    let method = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyDescr_NewMethod(class.as_type_ptr(), definition))? };
    class.setattr(name, method)
}

/// The function of a method.
///
/// # Safety
/// Called by CPython as the flags of the definition say: attached, `args` as many objects as `nargs` and `keywords` say. The
/// descriptor has checked that `object` is an instance of its class.
unsafe extern "C" fn method<M: Method>(
    object: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    nargs: ffi::Py_ssize_t,
    keywords: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the caller's promise: the thread is attached while the call lasts, and the objects live as long.
    unsafe {
        let py = Python::assume_attached();
        let call = Call::new(py, args, nargs as usize, keywords);
        let object = Borrowed::from_ptr(py, object).cast_unchecked::<M::Class>();
        let result = catch_unwind(AssertUnwindSafe(|| M::call(object, &call)));
        match result.unwrap_or_else(|payload| Err(panicked(&*payload))) {
            Ok(result) => result.into_ptr(),
            Err(error) => {
                error.restore(py);
                std::ptr::null_mut()
            }
        }
    }
}

/// A panic as pyo3 shows it.
fn panicked(payload: &(dyn Any + Send)) -> PyErr {
    let text = payload.downcast_ref::<&str>().copied().map(str::to_owned);
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    PanicException::new_err((text.unwrap_or_else(|| "panic".to_owned()),))
}
