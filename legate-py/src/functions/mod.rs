//! Native functions: a table of names, parameters and bodies. A row is a function of the module, a method of arrays, or both.
//! What a body does not cover, and arguments that do not bind, go to NumPy's function of that name.

/// A row in a static of its own (it counts its calls).
macro_rules! row {
    ($name:expr, $parameters:expr, $body:expr) => {
        row!(@ $name, $parameters, $body, None)
    };
    ($name:expr, $parameters:expr, $body:expr; $quick:expr) => {
        row!(@ $name, $parameters, $body, Some($quick))
    };
    (@ $name:expr, $parameters:expr, $body:expr, $quick:expr) => {{
        static ROW: $crate::functions::Row = $crate::functions::Row::new($name, $parameters, $body, $quick);
        &ROW
    }};
}

/// Methods of arrays, and the list of them.
macro_rules! methods {
    ($($name:ident($parameters:expr) = $body:expr $(; $quick:expr)?),* $(,)?) => {
        $(#[allow(non_camel_case_types, reason = "it is called as the method is")]
        enum $name {}

        impl $name {
            fn row() -> &'static Row {
                row!(stringify!($name), $parameters, $body $(; $quick)?)
            }
        }

        impl $crate::vectorcall::Method for $name {
            type Class = $crate::array::Array;
            const NAME: &'static ::std::ffi::CStr = $crate::functions::c_text(concat!(stringify!($name), "\0"));
            const DOC: &'static ::std::ffi::CStr =
                $crate::functions::c_text(concat!(stringify!($name), "($self, /, *args, **kwargs)\n--\n\n\0"));

            fn call<'py>(
                object: pyo3::Borrowed<'_, 'py, $crate::array::Array>,
                call: &$crate::vectorcall::Call<'_, 'py>,
            ) -> pyo3::PyResult<pyo3::Bound<'py, pyo3::PyAny>> {
                $name::row().call_method(&object, call)
            }
        })*
        pub(super) static METHODS: &[$crate::functions::MethodEntry] =
            &[$($crate::functions::MethodEntry { row: $name::row, define: $crate::vectorcall::define::<$name> }),*];
    };
}

pub(crate) mod arguments;
mod bits;
pub(crate) mod choice;
pub(crate) mod counter;
mod creation;
mod guests;
mod joining;
mod linalg;
pub(crate) mod quick;
pub(crate) mod reductions;
mod scans;
mod selection;
pub(crate) mod sets;
mod shaping;
mod sorting;

pub(crate) use arguments::Arguments;

use crate::array::Array;
use crate::error::{Attempt, Failure};
use crate::fallback;
use crate::vectorcall::{self, Call, Callable, Entry};
use arguments::Parameters;
use counter::Counter;
use pyo3::Borrowed;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use quick::Quick;
use smallvec::SmallVec;
use std::ffi::CStr;
use std::sync::OnceLock;

/// A text that ends with its first zero byte.
const fn c_text(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(text) => text,
        Err(_) => panic!("one zero byte, at the end"),
    }
}

/// A method of arrays.
pub(crate) struct MethodEntry {
    row: fn() -> &'static Row,
    define: fn(Python<'_>) -> PyResult<()>,
}

/// Gives arrays their methods. Called once, when the module is made.
pub(crate) fn define_methods(py: Python<'_>) -> PyResult<()> {
    methods().try_for_each(|method| (method.define)(py))
}

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

    fn parameters(&self) -> &Parameters {
        self.parsed.get_or_init(|| Parameters::parse(self.parameters))
    }

    /// What the quick form gives, with `first`, if any, before the call's arguments.
    fn attempt_quickly<'py>(
        &self,
        py: Python<'py>,
        first: Option<Borrowed<'_, 'py, PyAny>>,
        call: &Call<'_, 'py>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(quick) = self.quick else { return Ok(None) };
        if !self.parameters().are_in_order(py, usize::from(first.is_some()), call) {
            return Ok(None);
        }
        let result = match (first, call.values) {
            (None, values) => quick(py, values)?,
            (Some(first), []) => quick(py, &[first])?,
            (Some(first), [one]) => quick(py, &[first, *one])?,
            (Some(first), [one, two]) => quick(py, &[first, *one, *two])?,
            (Some(first), several) => {
                let values: SmallVec<[Borrowed<'_, 'py, PyAny>; 8]> =
                    std::iter::once(first).chain(several.iter().copied()).collect();
                quick(py, &values)?
            }
        };
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
        let arguments = Arguments::bind(py, self.parameters(), first, args, kwargs)?;
        let result = (self.body)(&arguments)?;
        self.calls.tick();
        Ok(result)
    }

    /// Calls it as the method of an array.
    pub(crate) fn call_method<'py>(
        &self,
        array: &Bound<'py, Array>,
        call: &Call<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = array.py();
        if let Some(result) = self.attempt_quickly(py, Some(array.as_any().as_borrowed()), call)? {
            return Ok(result);
        }
        let (args, kwargs) = call.collected(py)?;
        let (args, kwargs) = (&args, kwargs.as_ref());
        self.attempt(py, Some(array.as_any()), args, kwargs).or_else(|failure| match failure {
            Failure::Unsupported => fallback::method(array.as_any(), self.name, args, kwargs),
            Failure::Misused => match fallback::refusal_of_method(array.as_any(), self.name, args, kwargs) {
                Some(error) => Err(error),
                None => fallback::method(array.as_any(), self.name, args, kwargs),
            },
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
    /// What NumPy's does where no class overrides it; `None` for the functions that ask no class (`array`).
    undispatched: Option<Py<PyAny>>,
    entry: Entry,
}

impl Callable for Function {
    fn quick<'py>(&self, py: Python<'py>, call: &Call<'_, 'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.row.attempt_quickly(py, None, call)
    }

    fn entry(&self) -> &Entry {
        &self.entry
    }
}

#[pymethods]
impl Function {
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let function = slf.get();
        if function.undispatched.is_some() && guests::override_functions(args, kwargs)? {
            let kwargs = kwargs.cloned().unwrap_or_else(|| PyDict::new(slf.py()));
            return slf.py().import("legate._overrides")?.getattr("call_function")?.call1((slf, args, kwargs));
        }
        function._implementation(slf.py(), args, kwargs)
    }

    /// The call without asking classes for their `__array_function__`.
    #[pyo3(signature = (*args, **kwargs))]
    fn _implementation<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Some(undispatched) = &self.undispatched
            && guests::has_method_of(self.row.name, args)?
        {
            return undispatched.bind(py).call(args, kwargs);
        }
        self.row.attempt(py, None, args, kwargs).or_else(|failure| match failure {
            Failure::Unsupported => fallback::function(self.row.name, self.numpy.bind(py), args, kwargs),
            Failure::Misused => match fallback::refusal(self.numpy.bind(py), args, kwargs) {
                Some(error) => Err(error),
                None => fallback::function(self.row.name, self.numpy.bind(py), args, kwargs),
            },
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
        sets::ROWS,
        bits::ROWS,
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
        let undispatched = function.getattr_opt("_implementation")?.map(Bound::unbind);
        let numpy = function.unbind();
        let function = Bound::new(py, Function { row, numpy, undispatched, entry: Entry::of::<Function>() })?;
        vectorcall::enable(&function);
        // Interned, as the names in programs are: looking one up compares addresses.
        all.set_item(PyString::intern(py, row.name), function)?;
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
    for row in methods().map(|method| (method.row)()) {
        all.set_item(format!("ndarray.{}", row.name), row.calls.calls())?;
    }
    for (name, count) in crate::ufunc::calls() {
        all.set_item(name, count)?;
    }
    Ok(all)
}

/// All methods.
fn methods() -> impl Iterator<Item = &'static MethodEntry> {
    [
        choice::METHODS,
        creation::METHODS,
        linalg::METHODS,
        reductions::METHODS,
        scans::METHODS,
        selection::METHODS,
        sets::METHODS,
        shaping::METHODS,
        sorting::METHODS,
    ]
    .into_iter()
    .flatten()
}
