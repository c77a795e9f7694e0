//! How Python sees an array as a number, a container, a buffer, and how NumPy sees it.

use crate::array::{Array, DeferredScalar};
use crate::dtype::descriptor;
use crate::error::Attempt;
use crate::host;
use crate::outcome;
use crate::session::{interrupted, session};
use legate_numpy::{DType, Kind};
use numpy::{PyArrayDescr, PyArrayDescrMethods};
use pyo3::basic::CompareOp;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyComplex, PyDict, PySlice, PyTuple, PyType};
use std::ffi::c_int;

/// A function of the Python part of the package.
fn python<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let module = MODULE.get_or_try_init(py, || py.import("legate._protocols").map(Bound::unbind))?;
    module.bind(py).getattr(name)
}

/// The NumPy scalar of a 0-d array.
fn numpy_scalar<'py>(py: Python<'py>, array: &Array) -> PyResult<Bound<'py, PyAny>> {
    let attempt = || -> Attempt<Bound<'py, PyAny>> {
        let item = outcome::item(py, array.nd())?;
        Ok(host::scalar(py, &item)?)
    };
    attempt().map_err(|f| f.raise(py))
}

/// The NumPy object that answers like this array: a scalar for a deferred one, else a snapshot.
fn stand_in<'py>(slf: &Bound<'py, Array>) -> PyResult<Bound<'py, PyAny>> {
    match slf.is_instance_of::<DeferredScalar>() {
        true => numpy_scalar(slf.py(), slf.get()),
        false => Ok(slf.get()._snapshot(slf.py())?.into_any()),
    }
}

#[pymethods]
impl Array {
    fn __len__(&self) -> PyResult<usize> {
        match self.nd().shape().first() {
            Some(&n) => Ok(n as usize),
            None => Err(PyTypeError::new_err("len() of unsized object")),
        }
    }

    fn __bool__(&self, py: Python<'_>) -> PyResult<bool> {
        let attempt = || -> Attempt<bool> {
            let (session, nd) = (session(py)?, self.nd());
            if nd.is_ready() {
                return Ok(session.truth(nd, &interrupted)?);
            }
            let truth = py.detach(|| session.truth(nd, &interrupted))?;
            crate::errstate::tell(py)?;
            Ok(truth)
        };
        attempt().map_err(|f| f.raise(py))
    }

    fn __float__(slf: &Bound<'_, Self>) -> PyResult<f64> {
        let nd = slf.get().nd();
        if nd.ndim() > 0 || nd.dtype() != DType::F64 {
            return stand_in(slf)?.extract();
        }
        let item = outcome::item(slf.py(), nd).map_err(|f| f.raise(slf.py()))?;
        Ok(item.get::<f64>().expect("the array's type was asked"))
    }

    fn __int__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        stand_in(slf)?.call_method0("__int__")
    }

    fn __complex__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if slf.is_instance_of::<DeferredScalar>() {
            // NumPy's real scalars have no such method: `complex` asks them for a float.
            return slf.py().get_type::<PyComplex>().call1((stand_in(slf)?,));
        }
        slf.get()._snapshot(slf.py())?.call_method0("__complex__")
    }

    fn __index__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let nd = slf.get().nd();
        if nd.ndim() > 0 || !matches!(nd.dtype().kind(), Kind::Signed | Kind::Unsigned) {
            if slf.is_instance_of::<DeferredScalar>() {
                let text = format!("'numpy.{}' object cannot be interpreted as an integer", nd.dtype().name());
                return Err(PyTypeError::new_err(text));
            }
            return Err(PyTypeError::new_err("only integer scalar arrays can be converted to a scalar index"));
        }
        numpy_scalar(slf.py(), slf.get())?.call_method0("__index__")
    }

    fn __repr__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        python(slf.py(), "array_repr")?.call1((slf,))
    }

    fn __str__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if slf.is_instance_of::<DeferredScalar>() {
            return Ok(stand_in(slf)?.str()?.into_any());
        }
        python(slf.py(), "array_str")?.call1((slf,))
    }

    #[pyo3(signature = (spec, /))]
    fn __format__<'py>(slf: &Bound<'py, Self>, spec: &str) -> PyResult<Bound<'py, PyAny>> {
        stand_in(slf)?.call_method1("__format__", (spec,))
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if slf.get().nd().ndim() == 0 {
            let what = if slf.is_instance_of::<DeferredScalar>() {
                format!("'numpy.{}' object is not iterable", slf.get().nd().dtype().name())
            } else {
                "iteration over a 0-d array".to_owned()
            };
            return Err(PyTypeError::new_err(what));
        }
        Ok(Bound::new(slf.py(), Elements { array: slf.clone().unbind(), next: 0.into() })?.into_any())
    }

    fn __reversed__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let back = PySlice::new(slf.py(), isize::MAX, isize::MIN, -1);
        Ok(slf.as_any().get_item(back)?.try_iter()?.into_any())
    }

    fn __contains__(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        slf.as_any().rich_compare(value, CompareOp::Eq)?.call_method0("any")?.is_truthy()
    }

    #[getter]
    fn flags<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        python(slf.py(), "flags")?.call1((slf,))
    }

    #[setter]
    fn set_dtype(slf: &Bound<'_, Self>, dtype: &Bound<'_, PyAny>) -> PyResult<()> {
        python(slf.py(), "set_dtype")?.call1((slf, dtype)).map(drop)
    }

    /// `numpy.asarray` of this array: read-only, a copy of the values as they are now. With ``copy=True`` it may be written to.
    #[pyo3(signature = (dtype = None, *, copy = None))]
    fn __array__<'py>(
        slf: &Bound<'py, Self>,
        dtype: Option<&Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let snapshot = slf.get()._snapshot(py)?.into_any();
        let dtype = dtype.filter(|d| !d.is_none()).map(|d| PyArrayDescr::new(py, d)).transpose()?;
        let same = match &dtype {
            Some(dtype) => dtype.is_equiv_to(descriptor(py, slf.get().nd().dtype())?),
            None => true,
        };
        match copy {
            Some(true) if same => snapshot.call_method0("copy"),
            Some(false) if !same => {
                // NumPy has the words.
                let kwargs = PyDict::new(py);
                kwargs.set_item("copy", false)?;
                let own = descriptor(py, slf.get().nd().dtype())?;
                py.import("numpy")?.call_method1("empty", (0, own))?.call_method("__array__", (dtype,), Some(&kwargs))
            }
            _ if same => Ok(snapshot),
            _ => snapshot.call_method1("astype", (dtype,)),
        }
    }

    #[getter]
    fn __array_interface__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        python(slf.py(), "array_interface")?.call1((slf.get()._snapshot(slf.py())?,))
    }

    #[pyo3(signature = (ufunc, method, /, *inputs, **kwargs))]
    fn __array_ufunc__<'py>(
        slf: &Bound<'py, Self>,
        ufunc: &Bound<'py, PyAny>,
        method: &str,
        inputs: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let plainly = method == "__call__" && kwargs.is_none_or(|kwargs| kwargs.is_empty());
        if plainly && let Some(result) = crate::ufunc::quick_for_numpy(ufunc, inputs)? {
            return Ok(result);
        }
        let kwargs = kwargs.cloned().unwrap_or_else(|| PyDict::new(py));
        python(py, "array_ufunc")?.call1((slf, ufunc, method, inputs, kwargs))
    }

    fn __array_function__<'py>(
        slf: &Bound<'py, Self>,
        func: &Bound<'py, PyAny>,
        types: &Bound<'py, PyAny>,
        args: &Bound<'py, PyAny>,
        kwargs: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        python(slf.py(), "array_function")?.call1((func, types, args, kwargs))
    }

    #[classmethod]
    #[pyo3(signature = (item, /))]
    fn __class_getitem__<'py>(cls: &Bound<'py, PyType>, item: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let given = item.cast::<PyTuple>().map_or(1, |items| items.len());
        if !(1..=2).contains(&given) {
            let what = if given == 0 { "few" } else { "many" };
            return Err(PyTypeError::new_err(format!("Too {what} arguments for numpy.ndarray")));
        }
        cls.py().import("types")?.getattr("GenericAlias")?.call1((cls, item))
    }

    /// Who wants to read gets a snapshot. Who wants to write (`file.readinto(x)`, `comm.Recv(x)`, `struct.pack_into`) gets memory of its own, whose contents are
    /// the array's once the buffer is released.
    ///
    /// # Safety
    /// Called by Python with a `Py_buffer` to fill.
    unsafe fn __getbuffer__(slf: &Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let py = slf.py();
        let snapshot = match slf.get()._snapshot(py) {
            Ok(snapshot) => snapshot,
            Err(error) => {
                // NumPy discards exceptions of exporters and tries other protocols: Ctrl-C must not get lost on the way.
                if error.is_instance_of::<pyo3::exceptions::PyKeyboardInterrupt>(py) {
                    // SAFETY: sets a flag, as a signal does.
                    unsafe { ffi::PyErr_SetInterrupt() };
                }
                return Err(error);
            }
        };
        let writes = flags & ffi::PyBUF_WRITABLE == ffi::PyBUF_WRITABLE;
        if writes && slf.get().nd().is_readonly() {
            return Err(PyValueError::new_err("buffer source array is read-only"));
        }
        let lent = if writes { snapshot.call_method0("copy")? } else { snapshot.into_any() };
        // SAFETY: Python passes a buffer structure to be filled; what is lent is an array of NumPy's, which fills it and
        // becomes its owner (`view.obj`), so that releasing the buffer is NumPy's business.
        if unsafe { ffi::PyObject_GetBuffer(lent.as_ptr(), view, flags) } != 0 {
            return Err(PyErr::fetch(py));
        }
        if writes {
            // SAFETY: the structure was filled by NumPy, which gave it a reference to what is lent. A copy of it is kept, to be released later, and the
            // reference to the owner is replaced by one to this array, whose `__releasebuffer__` is called then.
            unsafe {
                let kept = Box::new(Lent { view: std::ptr::read(view), array: lent.unbind() });
                (*view).obj = slf.clone().into_ptr();
                (*view).internal = Box::into_raw(kept).cast();
            }
        }
        Ok(())
    }

    /// # Safety
    /// Called by Python with a `Py_buffer` that `__getbuffer__` has filled, when nobody uses it any more.
    unsafe fn __releasebuffer__(slf: &Bound<'_, Self>, view: *mut ffi::Py_buffer) {
        // SAFETY: buffers of which this array is the owner were made for writing, and `internal` is what was put there, once.
        let mut lent = unsafe { Box::from_raw((*view).internal.cast::<Lent>()) };
        // SAFETY: the structure that NumPy filled, which has not been released.
        unsafe { ffi::PyBuffer_Release(&mut lent.view) };
        if let Err(error) = crate::array::assign(slf.py(), slf.get().nd(), lent.array.bind(slf.py())) {
            error.write_unraisable(slf.py(), Some(slf.as_any()));
        }
    }
}

/// A buffer that somebody writes to.
struct Lent {
    view: ffi::Py_buffer,
    array: Py<PyAny>,
}

/// Iterates over the first axis, reading each element when its turn comes.
#[pyclass(frozen, module = "legate._native")]
struct Elements {
    array: Py<Array>,
    next: std::sync::atomic::AtomicUsize,
}

#[pymethods]
impl Elements {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let index = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let array = self.array.bind(py);
        if let Some(value) = array.get().nd().element(&[index as i64]) {
            return host::scalar(py, &value).map(Some);
        }
        match array.get().nd().shape().first() {
            Some(&n) if (index as i64) < n => array.as_any().get_item(index).map(Some),
            _ => Ok(None),
        }
    }

    fn __length_hint__(&self) -> usize {
        let n = self.array.get().nd().shape().first().map_or(0, |&n| n as usize);
        n.saturating_sub(self.next.load(std::sync::atomic::Ordering::Relaxed))
    }
}

#[pymethods]
impl DeferredScalar {
    /// The class of the NumPy scalar that this stands for: what `isinstance` asks. `type` says what it is.
    #[getter]
    fn __class__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyType>> {
        Ok(descriptor(slf.py(), slf.as_super().get().nd().dtype())?.typeobj())
    }

    #[getter]
    fn __array_priority__(&self) -> f64 {
        -1_000_000.0
    }

    fn __hash__(slf: &Bound<'_, Self>) -> PyResult<isize> {
        numpy_scalar(slf.py(), slf.as_super().get())?.hash()
    }

    /// Said again because Python does not inherit it by a class that has a hash.
    fn __richcmp__<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
        op: CompareOp,
    ) -> PyResult<Bound<'py, PyAny>> {
        crate::operators::compare(slf.as_super(), other, op)
    }

    #[pyo3(signature = (ndigits = None))]
    fn __round__<'py>(slf: &Bound<'py, Self>, ndigits: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        numpy_scalar(slf.py(), slf.as_super().get())?.call_method1("__round__", (ndigits,))
    }

    fn __trunc__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("math")?.call_method1("trunc", (numpy_scalar(slf.py(), slf.as_super().get())?,))
    }

    fn __floor__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("math")?.call_method1("floor", (numpy_scalar(slf.py(), slf.as_super().get())?,))
    }

    fn __ceil__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("math")?.call_method1("ceil", (numpy_scalar(slf.py(), slf.as_super().get())?,))
    }

    /// What NumPy's scalars have beside what arrays have (`hex`, `is_integer`, …) is asked of the value.
    fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        numpy_scalar(slf.py(), slf.as_super().get())?.getattr(name)
    }
}
