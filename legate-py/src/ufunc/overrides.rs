//! Arguments that have something to say about a call: `__array_ufunc__` of other classes, `__array_wrap__`.

use super::UfuncObject;
use crate::array::{Array, DeferredScalar};
use crate::freelist::is_plain;
use crate::host;
use crate::outcome;
use numpy::PyUntypedArray;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyComplex, PyDict, PyFloat, PyInt, PyList, PyNotImplemented, PyString, PyTuple};

type Object<'py> = Bound<'py, PyAny>;

/// Whether an argument is of one of the classes that most are of, and has nothing to say.
pub(crate) fn is_common(value: &Object<'_>) -> bool {
    is_plain(value)
        || value.is_none()
        || value.cast_exact::<PyFloat>().is_ok()
        || value.cast_exact::<PyInt>().is_ok()
        || value.cast_exact::<PyBool>().is_ok()
        || value.cast_exact::<PyComplex>().is_ok()
        || value.cast_exact::<PyList>().is_ok()
        || value.get_type().is(value.py().get_type::<PyUntypedArray>())
        || value.get_type().is(value.py().get_type::<DeferredScalar>())
        || host::dtype_of_scalars(&value.get_type()).is_ok_and(|dtype| dtype.is_some())
}

/// A method by which classes say what calls with their instances mean, as our arrays and NumPy's have it.
pub(crate) struct Protocol {
    name: &'static str,
    defaults: PyOnceLock<[Py<PyAny>; 2]>,
}

impl Protocol {
    pub(crate) const fn new(name: &'static str) -> Protocol {
        Protocol { name, defaults: PyOnceLock::new() }
    }

    /// Whether the class of `value` has a method of its own, neither ours nor NumPy's.
    pub(crate) fn is_overridden(&self, value: &Object<'_>) -> PyResult<bool> {
        if is_common(value) {
            return Ok(false);
        }
        let py = value.py();
        let name = PyString::intern(py, self.name);
        let Some(own) = value.get_type().getattr_opt(&name)? else { return Ok(false) };
        let defaults = self.defaults.get_or_try_init(py, || {
            let ours = py.get_type::<Array>().getattr(&name)?.unbind();
            PyResult::Ok([ours, py.get_type::<PyUntypedArray>().getattr(&name)?.unbind()])
        })?;
        Ok(!defaults.iter().any(|default| own.is(default)))
    }
}

/// Whether the class of `value` has an `__array_ufunc__` that is neither ours nor NumPy's.
pub(crate) fn overrides(value: &Object<'_>) -> PyResult<bool> {
    static UFUNC: Protocol = Protocol::new("__array_ufunc__");
    UFUNC.is_overridden(value)
}

impl UfuncObject {
    /// What another class makes of the call; `None` if none wants to.
    pub(super) fn overridden<'py>(
        slf: &Bound<'py, Self>,
        method: &str,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Option<Object<'py>>> {
        let py = slf.py();
        let mut found = false;
        for value in args.iter() {
            found = found || overrides(&value)?;
        }
        if let Some(out) = kwargs.map(|k| k.get_item(intern!(py, "out"))).transpose()?.flatten() {
            match out.cast::<PyTuple>() {
                Ok(tuple) => {
                    for value in tuple.iter() {
                        found = found || overrides(&value)?;
                    }
                }
                Err(_) => found = found || overrides(&out)?,
            }
        }
        if !found {
            return Ok(None);
        }
        let kwargs = kwargs.cloned().unwrap_or_else(|| PyDict::new(py));
        let answer = py.import("legate._overrides")?.getattr("call")?.call1((slf, method, args, kwargs))?;
        Ok(Some(answer).filter(|answer| !answer.is(PyNotImplemented::get(py))))
    }

    /// Output `index` of a call, of the class that the arguments want it to have.
    pub(super) fn wrapped<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        value: Object<'py>,
        index: usize,
    ) -> PyResult<Object<'py>> {
        let py = args.py();
        let name = intern!(py, "__array_wrap__");
        let mut chosen: Option<(f64, Object<'py>)> = None;
        for arg in args.iter().take(self.inputs) {
            if is_common(&arg) || arg.is_instance_of::<PyTuple>() || arg.get_type().getattr_opt(name)?.is_none() {
                continue;
            }
            let priority = arg.getattr_opt(intern!(py, "__array_priority__"))?;
            let priority = priority.and_then(|p| p.extract::<f64>().ok()).unwrap_or(0.0);
            if chosen.as_ref().is_none_or(|(highest, _)| priority > *highest) {
                chosen = Some((priority, arg));
            }
        }
        let Some((_, model)) = chosen else { return Ok(value) };
        let own = model.get_type().getattr(name)?;
        match model.cast::<Array>() {
            Ok(array) if own.is(py.get_type::<Array>().getattr(name)?) => outcome::like(array, value),
            _ => {
                let call = py.import("legate._overrides")?.getattr("wrap")?;
                call.call1((model, value, &self.numpy, args, index))
            }
        }
    }
}
