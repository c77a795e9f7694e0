//! `ufunc(...)` and `ufunc.outer(...)`.

use super::keywords::{Given, Keywords};
use super::{NativeForm, UfuncObject};
use crate::convert;
use crate::error::{Attempt, Failure};
use crate::outcome;
use crate::session::{issue, session};
use legate_numpy::exceptions::called;
use legate_numpy::{CallOptions, DType, IndexItem, NdArray, Operand, Ufunc};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use smallvec::SmallVec;

type Object<'py> = Bound<'py, PyAny>;
type Operands = SmallVec<[Operand; 2]>;

impl UfuncObject {
    pub(super) fn attempt_call<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> Attempt<Object<'py>> {
        let form = self.form()?;
        let mut keywords = Keywords::parse(kwargs, self.outputs)?;
        let given = args.len();
        if given < self.inputs {
            return Err(Failure::Misused);
        }
        if given > self.inputs {
            keywords.put_outputs(&args.get_slice(self.inputs, given), self.outputs)?;
        }
        let inputs: Operands =
            args.iter_borrowed().take(self.inputs).map(|arg| convert::operand(&arg)).collect::<Attempt<_>>()?;
        let result = self.compute(args, form, &inputs, keywords)?;
        self.calls.tick();
        Ok(result)
    }

    /// `f.outer(a, b)` is `f` of `a` with as many new axes behind as `b` has dimensions, and `b`.
    pub(super) fn attempt_outer<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> Attempt<Object<'py>> {
        let form = self.form()?;
        if args.len() != 2 || self.inputs != 2 || matches!(form, NativeForm::Gufunc(_)) {
            return Err(Failure::Misused);
        }
        let keywords = Keywords::parse(kwargs, self.outputs)?;
        let (a, b) = (convert::array(&args.get_item(0)?)?, convert::array(&args.get_item(1)?)?);
        let mut items: Vec<IndexItem> = vec![IndexItem::Ellipsis];
        items.extend(std::iter::repeat_n(IndexItem::NewAxis, b.ndim()));
        let result = self.compute(args, form, &[a.index(&items)?.into(), b.into()], keywords)?;
        self.calls.tick();
        Ok(result)
    }

    fn compute<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        form: NativeForm,
        inputs: &[Operand],
        keywords: Keywords<'py>,
    ) -> Attempt<Object<'py>> {
        match form {
            NativeForm::Gufunc(gufunc) => return self.compute_gufunc(args, gufunc, inputs, keywords),
            _ => keywords.without_core()?,
        }
        match form {
            NativeForm::Elementwise(ufunc) => {
                let input = match keywords.names_types() {
                    true => self.input_of(ufunc, &self.loop_types(args.py(), inputs, &keywords)?)?,
                    false => None,
                };
                let result = call(args.py(), ufunc, inputs, &keywords.options(inputs, input))?;
                self.finish(args, [result].into_iter(), keywords)
            }
            NativeForm::Ldexp(ufunc) => {
                let types = self.loop_types(args.py(), inputs, &keywords)?;
                let result = call(args.py(), ufunc, inputs, &keywords.options(inputs, Some(types[0])))?;
                self.finish(args, [result].into_iter(), keywords)
            }
            NativeForm::Pair(parts) => self.compute_pair(args, parts, inputs, keywords),
            NativeForm::Gufunc(_) => unreachable!("returned above"),
        }
    }

    /// The type that inputs are cast to for a loop of these types; `None` if each is cast to another one.
    fn input_of(&self, ufunc: Ufunc, types: &[DType]) -> Attempt<Option<DType>> {
        let (inputs, output) = types.split_at(self.inputs);
        if inputs.iter().any(|dtype| *dtype != inputs[0]) {
            return Ok(None);
        }
        match ufunc.loop_of(inputs[0]) == Some(output[0]) {
            true => Ok(Some(inputs[0])),
            false => Err(Failure::Unsupported),
        }
    }

    /// Two outputs. Both are computed before either is written: an output may be an input.
    fn compute_pair<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        parts: [Ufunc; 2],
        inputs: &[Operand],
        keywords: Keywords<'py>,
    ) -> Attempt<Object<'py>> {
        let py = args.py();
        let types = self.loop_types(py, inputs, &keywords)?;
        if types[..self.inputs].iter().any(|dtype| *dtype != types[0]) {
            return Err(Failure::Unsupported);
        }
        let options = CallOptions { out: None, ..keywords.options(inputs, Some(types[0])) };
        let both =
            || -> Attempt<_> { Ok([call(py, parts[0], inputs, &options)?, call(py, parts[1], inputs, &options)?]) };
        // The other two pairs, parts of numbers, meet nothing.
        let results = called("divmod", both)?;
        let session = session(py)?;
        for (i, result) in results.iter().enumerate() {
            if let Some(out) = keywords.out(i) {
                if out.is_readonly() {
                    return Err(Failure::Misused);
                }
                session.copyto(out, &Operand::from(result), keywords.casting, keywords.mask.as_ref())?;
            }
        }
        self.finish(args, results.into_iter(), keywords)
    }

    /// The outputs that were given, else the results.
    pub(super) fn finish<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        results: impl Iterator<Item = NdArray>,
        keywords: Keywords<'py>,
    ) -> Attempt<Object<'py>> {
        let subclasses = !keywords.no_subclass;
        let mut given = keywords.out.into_iter();
        let mut objects: SmallVec<[Object<'py>; 2]> = SmallVec::new();
        for (i, result) in results.enumerate() {
            objects.push(match given.next().flatten() {
                Some(out) => Given::done(out)?,
                None if subclasses => self.wrapped(args, outcome::value(args.py(), result)?, i)?,
                None => outcome::value(args.py(), result)?,
            });
        }
        match objects.len() {
            1 => Ok(objects.swap_remove(0)),
            _ => Ok(PyTuple::new(args.py(), objects)?.into_any()),
        }
    }
}

/// Calls a ufunc, letting other threads run if it may take a while.
fn call(py: Python<'_>, ufunc: Ufunc, inputs: &[Operand], options: &CallOptions<'_>) -> Attempt<NdArray> {
    let session = session(py)?;
    match heaviest(inputs) {
        Some(array) => issue(py, array, || session.call(ufunc, inputs, options)),
        None => Ok(session.call(ufunc, inputs, options)?),
    }
}

fn heaviest(inputs: &[Operand]) -> Option<&NdArray> {
    inputs.iter().filter_map(Operand::array).max_by_key(|a| (!a.is_ready(), a.nbytes()))
}
