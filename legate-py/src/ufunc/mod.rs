//! NumPy's ufuncs as objects: native where legate-numpy has a form, else a front for NumPy's.

mod call;
mod folds;
mod gufunc;
mod keywords;
mod overrides;
mod quick;
mod types;

pub(crate) use overrides::{Protocol, is_common, overrides};
pub(crate) use quick::quick_for_numpy;

use crate::error::{Attempt, Failure};
use crate::fallback;
use crate::functions::counter::Counter;
use crate::vectorcall::{self, Entry};
use legate_numpy::{DType, Gufunc, Ufunc};
use parking_lot::Mutex;
use pyo3::basic::CompareOp;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyNotImplemented, PyTuple};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::OnceLock;

type Object<'py> = Bound<'py, PyAny>;

// A universal function. (A comment, not documentation: that would hide the `__doc__` that each ufunc has.)
#[pyclass(frozen, module = "legate.numpy", name = "ufunc", weakref)]
pub(crate) struct UfuncObject {
    /// NumPy's `__name__`.
    name: String,
    native: Option<NativeForm>,
    /// Whether it is one of NumPy's own namespace, not made by a user.
    is_numpys: bool,
    /// NumPy's ufunc of this name.
    numpy: Py<PyAny>,
    inputs: usize,
    outputs: usize,
    /// For each type of elements the one that folds of them compute in, once NumPy was asked.
    fold_types: [OnceLock<DType>; DType::ALL.len()],
    calls: &'static Counter,
    entry: Entry,
}

/// What computes it here.
#[derive(Clone, Copy)]
enum NativeForm {
    Elementwise(Ufunc),
    /// Two outputs, each a ufunc of its own.
    Pair([Ufunc; 2]),
    /// A float and an integer.
    Ldexp(Ufunc),
    Gufunc(Gufunc),
}

impl NativeForm {
    fn lookup(name: &str) -> Option<NativeForm> {
        Some(match name {
            "divmod" => NativeForm::Pair([Ufunc::lookup("floor_divide")?, Ufunc::lookup("remainder")?]),
            "modf" | "frexp" => NativeForm::Pair([Ufunc::part(name, 0)?, Ufunc::part(name, 1)?]),
            "ldexp" => NativeForm::Ldexp(Ufunc::part(name, 0)?),
            _ => match Gufunc::lookup(name) {
                Some(gufunc) => NativeForm::Gufunc(gufunc),
                None => NativeForm::Elementwise(Ufunc::lookup(name)?),
            },
        })
    }
}

/// Counters of the native ufuncs. They live as long as the process, as ufuncs do.
static COUNTERS: Mutex<BTreeMap<String, &'static Counter>> = Mutex::new(BTreeMap::new());

fn counter(name: &str) -> &'static Counter {
    COUNTERS.lock().entry(name.to_owned()).or_insert_with(|| Box::leak(Box::default()))
}

/// Calls of each native ufunc.
pub(crate) fn calls() -> Vec<(String, u64)> {
    COUNTERS.lock().iter().map(|(name, counter)| (name.clone(), counter.calls())).collect()
}

/// Methods that answer alike: other classes first, then the native form, then NumPy.
macro_rules! answer {
    ($slf:ident, $method:literal, $args:ident, $kwargs:ident, $attempt:ident) => {
        match UfuncObject::overridden($slf, $method, $args, $kwargs)? {
            Some(answer) => Ok(answer),
            None => {
                let own = $slf.get();
                own.$attempt($args, $kwargs).or_else(|failure| own.or_numpy(failure, $method, $args, $kwargs))
            }
        }
    };
}

#[pymethods]
impl UfuncObject {
    /// The ufunc that stands for NumPy's `function`.
    #[new]
    #[pyo3(text_signature = None)]
    pub(crate) fn new(function: &Bound<'_, PyAny>) -> PyResult<UfuncObject> {
        let name: String = function.getattr("__name__")?.extract()?;
        let is_numpys = is_numpys_own(function, &name);
        let native = NativeForm::lookup(&name).filter(|_| is_numpys);
        let calls = match native {
            Some(_) => counter(&name),
            None => Box::leak(Box::default()),
        };
        Ok(UfuncObject {
            native,
            is_numpys,
            numpy: function.clone().unbind(),
            inputs: function.getattr("nin")?.extract()?,
            outputs: function.getattr("nout")?.extract()?,
            fold_types: [const { OnceLock::new() }; DType::ALL.len()],
            calls,
            name,
            entry: Entry::of::<UfuncObject>(),
        })
    }

    /// Lets calls take the short way. Called once, with the first ufunc.
    fn _enable(slf: &Bound<'_, Self>) {
        vectorcall::enable(slf);
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        answer!(slf, "__call__", args, kwargs, attempt_call)
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn reduce<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        answer!(slf, "reduce", args, kwargs, attempt_reduce)
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn outer<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        answer!(slf, "outer", args, kwargs, attempt_outer)
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn accumulate<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        answer!(slf, "accumulate", args, kwargs, attempt_accumulate)
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn reduceat<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        answer!(slf, "reduceat", args, kwargs, attempt_reduceat)
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn at<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        answer!(slf, "at", args, kwargs, attempt_at)
    }

    /// NumPy's ufunc of this name.
    #[getter]
    pub(crate) fn numpy(&self, py: Python<'_>) -> Py<PyAny> {
        self.numpy.clone_ref(py)
    }

    /// Whether there is a native form.
    #[getter]
    fn is_native(&self) -> bool {
        self.native.is_some()
    }

    #[getter]
    fn __name__(&self) -> &str {
        &self.name
    }

    #[getter]
    fn nin(&self) -> usize {
        self.inputs
    }

    #[getter]
    fn nout(&self) -> usize {
        self.outputs
    }

    #[getter]
    fn nargs(&self) -> usize {
        self.inputs + self.outputs
    }

    #[getter]
    fn ntypes<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        self.numpy.bind(py).getattr("ntypes")
    }

    #[getter]
    fn types<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        self.numpy.bind(py).getattr("types")
    }

    #[getter]
    fn identity<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        self.numpy.bind(py).getattr("identity")
    }

    #[getter]
    fn signature<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        self.numpy.bind(py).getattr("signature")
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn resolve_dtypes<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Object<'py>> {
        self.numpy.bind(args.py()).getattr("resolve_dtypes")?.call(args, kwargs)
    }

    #[getter]
    fn __doc__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.numpy.bind(py).getattr("__doc__")
    }

    /// Whatever else NumPy's has (`__qualname__`, `__signature__`).
    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.numpy.bind(py).getattr(name)
    }

    /// The same ufunc as NumPy's of this name: programs that are called by NumPy compare what they are given with `np.add`.
    fn __richcmp__<'py>(&self, other: &Bound<'py, PyAny>, op: CompareOp) -> PyResult<Object<'py>> {
        let py = other.py();
        let is_same = match other.cast_exact::<UfuncObject>() {
            Ok(other) => other.get().numpy.is(&self.numpy),
            Err(_) => self.numpy.is(other),
        };
        match op {
            CompareOp::Eq => Ok(is_same.into_pyobject(py)?.to_owned().into_any()),
            CompareOp::Ne => Ok((!is_same).into_pyobject(py)?.to_owned().into_any()),
            _ => Ok(PyNotImplemented::get(py).to_owned().into_any()),
        }
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.numpy.bind(py).hash()
    }

    fn __repr__(&self) -> String {
        format!("<ufunc '{}'>", self.name)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let lookup = py.import("legate._protocols")?.getattr("ufunc_named")?;
        Ok((lookup, (&self.numpy,)).into_pyobject(py)?.into_any())
    }
}

/// Ufuncs made by users (`np.frompyfunc`) may have the names of NumPy's.
fn is_numpys_own(function: &Object<'_>, name: &str) -> bool {
    let numpy = function.py().import("numpy").and_then(|numpy| numpy.getattr(name));
    numpy.is_ok_and(|own| own.is(function))
}

impl UfuncObject {
    /// # Errors
    /// [`Failure::Unsupported`] for users' ufuncs; [`Failure::Misused`] for `isnat`, which has no loop for numbers.
    fn form(&self) -> Attempt<NativeForm> {
        self.native.ok_or(if self.is_numpys { Failure::Misused } else { Failure::Unsupported })
    }

    /// Raises, or lets NumPy do it where `failure` says that the native form does not cover the call.
    fn or_numpy<'py>(
        &self,
        failure: Failure,
        method: &str,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Object<'py>> {
        let (py, function) = (args.py(), self.numpy.bind(args.py()));
        match failure {
            Failure::Misused => match fallback::refused_ufunc(function, method, args, kwargs) {
                Some(error) => Err(error),
                None => fallback::ufunc(function, method, args, kwargs),
            },
            Failure::Unsupported => fallback::ufunc(function, method, args, kwargs),
            failure if failure.is_refusal(py) => {
                Err(fallback::refused_ufunc(function, method, args, kwargs).unwrap_or_else(|| failure.raise(py)))
            }
            failure => Err(failure.raise(py)),
        }
    }

    /// `at(target, key, values)`, the values left out for ufuncs of one input.
    fn attempt_at<'py>(&self, args: &Bound<'py, PyTuple>, kwargs: Option<&Bound<'py, PyDict>>) -> Attempt<Object<'py>> {
        let NativeForm::Elementwise(ufunc) = self.form()? else { return Err(Failure::Misused) };
        let arguments: SmallVec<[Object<'py>; 3]> = args.iter().collect();
        let [target, key, values] = &arguments[..] else { return Err(Failure::Unsupported) };
        if kwargs.is_some_and(|kwargs| !kwargs.is_empty()) {
            return Err(Failure::Misused);
        }
        crate::index::accumulate_at(ufunc, target, key, values)?;
        self.calls.tick();
        Ok(args.py().None().into_bound(args.py()))
    }
}
