//! The arguments of a native call, bound to parameters by NumPy's rules.

use crate::array::Array;
use crate::convert;
use crate::dtype;
use crate::error::{Attempt, Failure};
use crate::outcome;
use crate::session::session;
use crate::vectorcall::Call;
use legate_numpy::{Casting, DType, Layout, NdArray, Operand, Session};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple};
use smallvec::SmallVec;

/// Names in order; those from `positional` on are given by keyword only.
pub(crate) struct Parameters {
    names: Vec<&'static str>,
    positional: usize,
    /// How many of them are never given by keyword.
    positional_only: usize,
    /// Whether further positional arguments are taken, any number of them.
    variadic: bool,
    /// The names as Python has them.
    interned: PyOnceLock<Vec<Py<PyString>>>,
}

impl Parameters {
    /// From NumPy's notation without defaults: `"a / axis dtype * keepdims"`; `+shape` stands for NumPy's `*shape`.
    pub(crate) fn parse(text: &'static str) -> Parameters {
        let mut names = Vec::new();
        let mut positional = None;
        let (mut variadic, mut positional_only) = (false, 0);
        for word in text.split_whitespace() {
            match word {
                "/" => positional_only = names.len(),
                "*" => positional = Some(names.len()),
                _ if word.starts_with('+') => variadic = true,
                name => names.push(name),
            }
        }
        let positional = positional.unwrap_or(names.len());
        Parameters { positional, positional_only, names, variadic, interned: PyOnceLock::new() }
    }

    /// Whether the arguments, of which `first` come before those of `call`, are those of the first parameters in order: positional ones, and keywords that
    /// go on where these end (`a.sum(axis=0)`, `np.zeros(n, dtype=int)`).
    pub(crate) fn are_in_order(&self, py: Python<'_>, first: usize, call: &Call<'_, '_>) -> bool {
        let given = first + call.positional();
        if given > self.positional && !self.variadic {
            return false;
        }
        let Some(names) = call.names else { return true };
        if given < self.positional_only {
            return false;
        }
        // Names in a program's text are interned; others are found by [`Arguments::bind`].
        let interned = self
            .interned
            .get_or_init(py, || self.names.iter().map(|name| PyString::intern(py, name).unbind()).collect());
        let mut expected = interned.iter().skip(given);
        !self.variadic && names.iter_borrowed().all(|name| expected.next().is_some_and(|next| name.is(next)))
    }
}

/// The arguments of one call, by number of their parameter.
pub(crate) struct Arguments<'a, 'py> {
    py: Python<'py>,
    values: SmallVec<[Option<Bound<'py, PyAny>>; 8]>,
    /// Positional arguments beyond the last positional parameter (the extents of `a.reshape(2, 3)`).
    rest: SmallVec<[Bound<'py, PyAny>; 4]>,
    names: &'a [&'static str],
}

impl<'a, 'py> Arguments<'a, 'py> {
    /// Binds. `first`, if any, comes before `args`.
    ///
    /// # Errors
    /// [`Failure::Misused`] if something does not fit.
    pub(crate) fn bind(
        py: Python<'py>,
        parameters: &'a Parameters,
        first: Option<&Bound<'py, PyAny>>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> Attempt<Arguments<'a, 'py>> {
        let names = parameters.names.as_slice();
        let mut bound = Arguments { py, values: SmallVec::from_elem(None, names.len()), rest: SmallVec::new(), names };
        for (i, value) in first.cloned().into_iter().chain(args.iter()).enumerate() {
            if i < parameters.positional {
                bound.values[i] = Some(value);
            } else if parameters.variadic {
                bound.rest.push(value);
            } else {
                return Err(Failure::Misused);
            }
        }
        if let Some(kwargs) = kwargs {
            for (key, value) in kwargs.iter() {
                bound.bind_keyword(&key, value, parameters.positional_only)?;
            }
        }
        bound.drop_no_values()?;
        Ok(bound)
    }

    fn bind_keyword(&mut self, key: &Bound<'py, PyAny>, value: Bound<'py, PyAny>, from: usize) -> Attempt<()> {
        let key = key.cast::<PyString>().map_err(PyErr::from)?.to_str()?;
        match self.names.iter().position(|name| *name == key) {
            Some(i) if i >= from && self.values[i].is_none() => {
                self.values[i] = Some(value);
                Ok(())
            }
            _ => Err(Failure::Misused),
        }
    }

    /// NumPy's marker for "not given" is as good as absence.
    fn drop_no_values(&mut self) -> PyResult<()> {
        static NO_VALUE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let marker = NO_VALUE.get_or_try_init(self.py, || {
            let numpy = self.py.import("numpy")?;
            numpy.getattr(intern!(self.py, "_NoValue")).map(Bound::unbind)
        })?;
        for value in &mut self.values {
            if value.as_ref().is_some_and(|v| v.is(marker)) {
                *value = None;
            }
        }
        Ok(())
    }

    pub(crate) fn py(&self) -> Python<'py> {
        self.py
    }

    pub(crate) fn session(&self) -> PyResult<&'static Session> {
        session(self.py)
    }

    /// What was given after the first argument, by name.
    pub(crate) fn keywords(&self) -> PyResult<Bound<'py, PyDict>> {
        let given = PyDict::new(self.py);
        for (name, value) in self.names.iter().zip(&self.values).skip(1) {
            if let Some(value) = value {
                given.set_item(name, value)?;
            }
        }
        Ok(given)
    }

    /// Argument `i`, if it was given and is not `None`.
    pub(crate) fn get(&self, i: usize) -> Option<&Bound<'py, PyAny>> {
        self.values[i].as_ref().filter(|v| !v.is_none())
    }

    /// Argument `i`, if it was given, be it `None`.
    pub(crate) fn raw(&self, i: usize) -> Option<&Bound<'py, PyAny>> {
        self.values[i].as_ref()
    }

    /// Argument `i`, which has no default.
    pub(crate) fn required(&self, i: usize) -> Attempt<&Bound<'py, PyAny>> {
        self.values[i].as_ref().ok_or(Failure::Misused)
    }

    /// Positional arguments beyond the last positional parameter.
    pub(crate) fn variadic(&self) -> &[Bound<'py, PyAny>] {
        &self.rest
    }

    /// Refuses calls that give any of these arguments something else than `None`.
    pub(crate) fn without(&self, arguments: &[usize]) -> Attempt<()> {
        if arguments.iter().any(|&i| self.get(i).is_some()) { Err(Failure::Unsupported) } else { Ok(()) }
    }

    pub(crate) fn array(&self, i: usize) -> Attempt<NdArray> {
        convert::array(self.required(i)?)
    }

    pub(crate) fn operand(&self, i: usize) -> Attempt<Operand> {
        convert::operand(self.required(i)?)
    }

    pub(crate) fn optional_operand(&self, i: usize) -> Attempt<Option<Operand>> {
        self.get(i).map(convert::operand).transpose()
    }

    /// An integer, or a sequence of them.
    pub(crate) fn integers(&self, i: usize) -> Attempt<Option<Vec<i64>>> {
        Ok(self.get(i).map(convert::integers).transpose()?)
    }

    pub(crate) fn integer(&self, i: usize, default: i64) -> Attempt<i64> {
        Ok(self.get(i).map(convert::index).transpose()?.unwrap_or(default))
    }

    pub(crate) fn flag(&self, i: usize) -> Attempt<bool> {
        Ok(self.get(i).map(|v| v.is_truthy()).transpose()?.unwrap_or(false))
    }

    pub(crate) fn dtype(&self, i: usize) -> Attempt<Option<DType>> {
        self.get(i).map(dtype::parse).transpose()
    }

    pub(crate) fn casting(&self, i: usize, default: Casting) -> Attempt<Casting> {
        match self.get(i) {
            Some(name) => Ok(Casting::parse(name.cast::<PyString>().map_err(PyErr::from)?.to_str()?)?),
            None => Ok(default),
        }
    }

    /// `order=`.
    ///
    /// # Errors
    /// [`Failure::Misused`] for what is no order.
    pub(crate) fn layout(&self, i: usize, default: Layout) -> Attempt<Layout> {
        let Some(order) = self.get(i) else { return Ok(default) };
        let Ok(text) = order.cast::<PyString>() else { return Err(Failure::Misused) };
        Layout::parse(text.to_str()?).ok_or(Failure::Misused)
    }

    /// `out=`: an array of ours (a tuple of one, as ufuncs have it). NumPy's own arrays as `out` are NumPy's business.
    pub(crate) fn out(&self, i: usize) -> Attempt<Option<Bound<'py, Array>>> {
        let Some(out) = self.get(i) else { return Ok(None) };
        crate::scalars::note_write();
        let single = match out.cast::<PyTuple>() {
            Ok(tuple) if tuple.len() == 1 => tuple.get_item(0)?,
            _ => out.clone(),
        };
        if single.is_none() {
            return Ok(None);
        }
        single.cast_into::<Array>().map(Some).map_err(|_| Failure::Unsupported)
    }

    /// `where=`: `None` if it is absent or `True`.
    pub(crate) fn mask(&self, i: usize) -> Attempt<Option<NdArray>> {
        let Some(mask) = self.get(i) else { return Ok(None) };
        mask_of(mask)
    }

    /// The result of a call that may have been given an `out`.
    pub(crate) fn result(&self, nd: NdArray, out: Option<Bound<'py, Array>>) -> Attempt<Bound<'py, PyAny>> {
        match out {
            Some(out) => Ok(out.into_any()),
            None => outcome::value(self.py, nd),
        }
    }

    /// As [`Arguments::result`], of the class of argument `i` if that is an array of a subclass.
    pub(crate) fn result_like(
        &self,
        i: usize,
        nd: NdArray,
        out: Option<Bound<'py, Array>>,
    ) -> Attempt<Bound<'py, PyAny>> {
        let result = self.result(nd, out)?;
        match self.get(i).and_then(|v| v.cast::<Array>().ok()) {
            Some(model) => Ok(outcome::like(model, result)?),
            None => Ok(result),
        }
    }

    /// As [`Arguments::result`]; where argument `i` is an array of a subclass, an array (also without dimensions) as its `__array_wrap__` has it.
    pub(crate) fn result_wrapped(
        &self,
        i: usize,
        nd: NdArray,
        out: Option<Bound<'py, Array>>,
    ) -> Attempt<Bound<'py, PyAny>> {
        match self.get(i).and_then(|v| v.cast::<Array>().ok()) {
            Some(model) if out.is_none() => outcome::like_value(model, nd),
            _ => self.result(nd, out),
        }
    }

    /// A new array, of the class of argument `i` if that is an array of a subclass; 0-d arrays stay arrays.
    pub(crate) fn result_array_like(&self, i: usize, nd: NdArray) -> Attempt<Bound<'py, PyAny>> {
        let result = outcome::array(self.py, nd)?;
        match self.get(i).and_then(|v| v.cast::<Array>().ok()) {
            Some(model) => Ok(outcome::like(model, result)?),
            None => Ok(result),
        }
    }

    /// Issues an operation on `array` and what goes with it, with the interpreter released if it may take a while.
    pub(crate) fn issue<T: Send>(
        &self,
        array: &NdArray,
        operation: impl FnOnce() -> legate_numpy::Result<T> + Send,
    ) -> Attempt<T> {
        crate::session::issue(self.py, array, operation)
    }

    /// A view of argument `i`, or of the temporary that was made of it.
    pub(crate) fn view(&self, i: usize, nd: NdArray) -> Attempt<Bound<'py, PyAny>> {
        match self.get(i).and_then(|v| v.cast::<Array>().ok()) {
            Some(of) if nd.shares_base(of.get().nd()) => Ok(outcome::view(of, nd)?),
            Some(of) => Ok(outcome::like(of, outcome::array(self.py, nd)?)?),
            None => Ok(outcome::array(self.py, nd)?),
        }
    }
}

/// A bool array as a mask; `None` for a plain `True`.
pub(crate) fn mask_of(mask: &Bound<'_, PyAny>) -> Attempt<Option<NdArray>> {
    if mask.cast_exact::<pyo3::types::PyBool>().is_ok_and(|m| m.is_true()) {
        return Ok(None);
    }
    let mask = convert::array(mask)?;
    if mask.dtype() == DType::Bool { Ok(Some(mask)) } else { Err(Failure::Unsupported) }
}
