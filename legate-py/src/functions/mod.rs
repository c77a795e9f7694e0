//! Native functions: a table of names, parameters and bodies. A row is a function of the module, a method of arrays, or both.
//! What a body does not cover, and arguments that do not bind, go to NumPy's function of that name.

/// A row in a static of its own (it counts its calls).
macro_rules! row {
    ($name:expr, $parameters:literal, $body:expr) => {
        row!(@ $name, $parameters, $body, None)
    };
    ($name:expr, $parameters:literal, $body:expr; $quick:expr) => {
        row!(@ $name, $parameters, $body, Some($quick))
    };
    (@ $name:expr, $parameters:literal, $body:expr, $quick:expr) => {{
        static ROW: $crate::functions::Row = $crate::functions::Row::new($name, $parameters, $body, $quick);
        &ROW
    }};
}

/// Methods of arrays, and the list of their rows.
macro_rules! methods {
    ($($name:ident($parameters:literal) = $body:expr $(; $quick:expr)?),* $(,)?) => {
        #[allow(non_camel_case_types, reason = "a row is called as the method is")]
        #[derive(Clone, Copy)]
        enum MethodRow {
            $($name),*
        }
        pub(super) static METHODS: &[&Row] = &[$(row!(stringify!($name), $parameters, $body $(; $quick)?)),*];
        $(#[pyo3::pymethods]
        impl $crate::array::Array {
            #[pyo3(signature = (*args, **kwargs))]
            fn $name<'py>(
                slf: &pyo3::Bound<'py, Self>,
                args: &pyo3::Bound<'py, pyo3::types::PyTuple>,
                kwargs: Option<&pyo3::Bound<'py, pyo3::types::PyDict>>,
            ) -> pyo3::PyResult<pyo3::Bound<'py, pyo3::PyAny>> {
                METHODS[MethodRow::$name as usize].call_method(slf, args, kwargs)
            }
        })*
    };
}

pub(crate) mod arguments;
pub(crate) mod choice;
pub(crate) mod counter;
mod creation;
mod joining;
mod linalg;
pub(crate) mod quick;
pub(crate) mod reductions;
mod scans;
mod selection;
mod shaping;
mod sorting;

pub(crate) use arguments::Arguments;

use crate::array::Array;
use crate::error::{Attempt, Failure};
use crate::fallback;
use crate::vectorcall::{self, Call, Callable, Entry, Given};
use arguments::Parameters;
use counter::Counter;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{Borrowed, intern};
use quick::Quick;
use smallvec::SmallVec;
use std::sync::OnceLock;

/// One native function.
pub(crate) struct Row {
    /// NumPy's name, with its module if that is not the main one: `"linalg.norm"`.
    pub(crate) name: &'static str,
    /// NumPy's parameters in order; after `*` by keyword only.
    parameters: &'static str,
    body: Body,
    quick: Option<Quick>,
    parsed: OnceLock<Parameters>,
    calls: Counter,
}

type Body = for<'a, 'py> fn(&Arguments<'a, 'py>) -> Attempt<Bound<'py, PyAny>>;

impl Row {
    pub(crate) const fn new(name: &'static str, parameters: &'static str, body: Body, quick: Option<Quick>) -> Row {
        Row { name, parameters, body, quick, parsed: OnceLock::new(), calls: Counter::new() }
    }

    /// Whether the parameter after the array is `axis`, as that of reductions is.
    fn axis_is_second(&self) -> bool {
        self.parameters.split(' ').nth(1) == Some("axis")
    }

    /// What the quick form gives for positional arguments.
    fn attempt_quickly<'py>(&self, py: Python<'py>, args: Given<'_, 'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(quick) = self.quick else { return Ok(None) };
        let result = quick(py, args)?;
        if result.is_some() {
            self.calls.tick();
        }
        Ok(result)
    }

    /// Calls it with `first`, if any, before `args`.
    fn attempt<'py>(
        &self,
        py: Python<'py>,
        first: Option<&Bound<'py, PyAny>>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> Attempt<Bound<'py, PyAny>> {
        let parameters = self.parsed.get_or_init(|| Parameters::parse(self.parameters));
        let arguments = Arguments::bind(py, parameters, first, args, kwargs)?;
        let result = (self.body)(&arguments)?;
        self.calls.tick();
        Ok(result)
    }

    /// Calls it as the method of an array.
    pub(crate) fn call_method<'py>(
        &self,
        array: &Bound<'py, Array>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = array.py();
        if self.quick.is_some() {
            // `a.sum(axis=0)`
            let axis = match kwargs {
                Some(kwargs) if self.axis_is_second() && kwargs.len() == 1 && args.is_empty() => {
                    kwargs.get_item(intern!(py, "axis"))?
                }
                _ => None,
            };
            let mut given: SmallVec<[Borrowed<'_, 'py, PyAny>; 4]> = SmallVec::new();
            given.push(array.as_any().as_borrowed());
            given.extend(args.iter_borrowed());
            given.extend(axis.as_ref().map(Bound::as_borrowed));
            if (kwargs.is_none() || axis.is_some())
                && let Some(result) = self.attempt_quickly(py, &given)?
            {
                return Ok(result);
            }
        }
        self.attempt(py, Some(array.as_any()), args, kwargs).or_else(|failure| match failure {
            Failure::Unsupported => fallback::method(array.as_any(), self.name, args, kwargs),
            failure if failure.is_refusal(py) => {
                Err(fallback::refused_method(array.as_any(), self.name, args, kwargs, failure.raise(py)))
            }
            failure => Err(failure.raise(py)),
        })
    }
}

// A native function as Python sees it. (A comment, not documentation: that would hide the `__doc__` that each function has.)
#[pyclass(frozen, module = "legate._native", name = "function", weakref)]
pub(crate) struct Function {
    row: &'static Row,
    /// NumPy's function of this name.
    numpy: Py<PyAny>,
    entry: Entry,
}

impl Callable for Function {
    fn quick<'py>(&self, py: Python<'py>, call: &Call<'_, 'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match call.names {
            None => self.row.attempt_quickly(py, call.values),
            // `np.sum(a, axis=0)`
            Some(names) if self.row.axis_is_second() && call.values.len() == 2 && names.len() == 1 => {
                match names.get_borrowed_item(0)?.is(intern!(py, "axis")) {
                    true => self.row.attempt_quickly(py, call.values),
                    false => Ok(None),
                }
            }
            Some(_) => Ok(None),
        }
    }

    fn entry(&self) -> &Entry {
        &self.entry
    }
}

#[pymethods]
impl Function {
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.row.attempt(py, None, args, kwargs).or_else(|failure| match failure {
            Failure::Unsupported => fallback::function(self.row.name, self.numpy.bind(py), args, kwargs),
            failure if failure.is_refusal(py) => {
                Err(fallback::refused(self.numpy.bind(py), args, kwargs, failure.raise(py)))
            }
            failure => Err(failure.raise(py)),
        })
    }

    #[getter]
    fn __name__(&self) -> &'static str {
        self.row.name.rsplit('.').next().unwrap_or(self.row.name)
    }

    #[getter]
    fn __qualname__(&self) -> &'static str {
        self.__name__()
    }

    #[getter]
    fn __module__(&self) -> String {
        match self.row.name.rsplit_once('.') {
            Some((module, _)) => format!("legate.numpy.{module}"),
            None => "legate.numpy".to_owned(),
        }
    }

    #[getter]
    fn __doc__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.numpy.bind(py).getattr("__doc__")
    }

    /// NumPy's function, whose signature this one has.
    #[getter]
    fn __wrapped__(&self, py: Python<'_>) -> Py<PyAny> {
        self.numpy.clone_ref(py)
    }

    fn __getattr__(&self, name: &str) -> PyResult<Py<PyAny>> {
        Err(PyAttributeError::new_err(format!("native function '{}' has no attribute '{name}'", self.row.name)))
    }

    fn __repr__(&self) -> String {
        format!("<function legate.numpy.{}>", self.row.name)
    }

    fn __reduce__(&self) -> String {
        self.__name__().to_owned()
    }
}

/// All rows that are functions of a module.
fn rows() -> impl Iterator<Item = &'static Row> {
    [
        choice::ROWS,
        creation::ROWS,
        joining::ROWS,
        linalg::ROWS,
        reductions::ROWS,
        scans::ROWS,
        selection::ROWS,
        shaping::ROWS,
        sorting::ROWS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The native functions by name (`"linalg.norm"` for those of submodules).
#[pyfunction]
pub(crate) fn functions(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let numpy = py.import("numpy")?;
    let all = PyDict::new(py);
    for row in rows() {
        let mut function = numpy.clone().into_any();
        for part in row.name.split('.') {
            // A name that this NumPy does not have (an alias of a later version) is not shown.
            function = match function.getattr_opt(part)? {
                Some(found) => found,
                None => break,
            };
        }
        if function.is(&numpy) {
            continue;
        }
        let function = Bound::new(py, Function { row, numpy: function.unbind(), entry: Entry::of::<Function>() })?;
        vectorcall::enable(&function);
        all.set_item(row.name, function)?;
    }
    Ok(all)
}

/// Calls of every native name: functions, methods, ufuncs.
#[pyfunction]
pub(crate) fn calls(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let all = PyDict::new(py);
    for row in rows() {
        all.set_item(row.name, row.calls.calls())?;
    }
    for row in methods() {
        all.set_item(format!("ndarray.{}", row.name), row.calls.calls())?;
    }
    for (name, count) in crate::ufunc::calls() {
        all.set_item(name, count)?;
    }
    Ok(all)
}

/// All rows that are methods.
fn methods() -> impl Iterator<Item = &'static Row> {
    [
        choice::METHODS,
        creation::METHODS,
        linalg::METHODS,
        reductions::METHODS,
        scans::METHODS,
        selection::METHODS,
        shaping::METHODS,
        sorting::METHODS,
    ]
    .into_iter()
    .flatten()
    .copied()
}
