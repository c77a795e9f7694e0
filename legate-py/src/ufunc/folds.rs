//! `reduce`, `accumulate`, `reduceat` and `at`.

use super::keywords::{Given, mask_of};
use super::{NativeForm, UfuncObject};
use crate::convert;
use crate::error::{Attempt, Failure};
use crate::outcome;
use crate::session::{issue, session};
use legate_numpy::{Casting, DType, FoldOptions, Initial, Kind, NdArray, Operand, Ufunc};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

type Object<'py> = Bound<'py, PyAny>;

/// Arguments by place, those that NumPy's marker stands for left out.
struct Bounded<'py, const N: usize>([Option<Object<'py>>; N]);

impl<'py, const N: usize> Bounded<'py, N> {
    /// # Errors
    /// [`Failure::Misused`] for what does not fit.
    fn bind(
        names: [&str; N],
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> Attempt<Bounded<'py, N>> {
        if args.len() > N {
            return Err(Failure::Misused);
        }
        let mut values = [const { None }; N];
        for (slot, value) in values.iter_mut().zip(args.iter()) {
            *slot = Some(value);
        }
        for (key, value) in kwargs.iter().flat_map(|k| k.iter()) {
            let key = key.cast::<PyString>().map_err(PyErr::from)?.to_str()?.to_owned();
            let place = names.iter().position(|name| *name == key).ok_or(Failure::Misused)?;
            if values[place].replace(value).is_some() {
                return Err(Failure::Misused);
            }
        }
        let marker = args.py().import(intern!(args.py(), "numpy"))?.getattr(intern!(args.py(), "_NoValue"))?;
        Ok(Bounded(values.map(|value| value.filter(|value| !value.is(&marker)))))
    }

    /// What was given, if it is not `None`.
    fn get(&self, i: usize) -> Option<&Object<'py>> {
        self.0[i].as_ref().filter(|value| !value.is_none())
    }

    fn array(&self, i: usize) -> Attempt<NdArray> {
        convert::array(self.0[i].as_ref().ok_or(Failure::Misused)?)
    }

    /// `out=`: an array, or a tuple of one.
    fn out(&self, i: usize) -> Attempt<Option<Given<'py>>> {
        let Some(out) = self.get(i) else { return Ok(None) };
        crate::scalars::note_write();
        match out.cast::<PyTuple>() {
            Ok(tuple) if tuple.len() == 1 => {
                let out = tuple.get_item(0)?;
                if out.is_none() { Ok(None) } else { Given::of(&out).map(Some) }
            }
            Ok(_) => Err(Failure::Misused),
            Err(_) => Given::of(out).map(Some),
        }
    }

    /// The one axis that `accumulate` and `reduceat` take.
    fn axis(&self, i: usize, a: &NdArray) -> Attempt<i64> {
        let axes = match &self.0[i] {
            None => vec![0],
            Some(axis) if axis.is_none() => (0..a.ndim() as i64).collect(),
            Some(axis) => convert::integers(axis).map_err(|_| Failure::Misused)?,
        };
        match axes[..] {
            [axis] if a.ndim() > 0 => Ok(axis),
            _ => Err(Failure::Misused),
        }
    }
}

impl UfuncObject {
    /// The ufunc, if it has the methods of those with two inputs and one output.
    fn foldable(&self) -> Attempt<Ufunc> {
        match self.form()? {
            NativeForm::Elementwise(ufunc) if self.inputs == 2 => Ok(ufunc),
            _ => Err(Failure::Misused),
        }
    }

    /// `reduce(array, axis=0, dtype=None, out=None, keepdims=False, initial, where=True)`.
    pub(super) fn attempt_reduce<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> Attempt<Object<'py>> {
        let ufunc = self.foldable()?;
        let names = ["array", "axis", "dtype", "out", "keepdims", "initial", "where"];
        let bound = Bounded::bind(names, args, kwargs)?;
        let array = bound.array(0)?;
        let axes = match &bound.0[1] {
            None => Some(vec![0]),
            Some(axis) if axis.is_none() => None,
            Some(axis) => Some(convert::integers(axis).map_err(|_| Failure::Misused)?),
        };
        // A 0-d array is taken for one with an axis of length 1.
        let axes = axes.filter(|axes| array.ndim() > 0 || !matches!(axes[..], [0 | -1]));
        let out = bound.out(3)?;
        let dtype = self.fold_type(args.py(), &array, bound.get(2), out.as_ref().map(Given::nd))?;
        let value = bound.get(5).map(convert::operand).transpose()?;
        let mask = bound.get(6).map(mask_of).transpose()?.flatten();
        let options = FoldOptions {
            axis: axes.as_deref(),
            keepdims: bound.get(4).map(|keep| keep.is_truthy()).transpose()?.unwrap_or(false),
            initial: match (&bound.0[5], &value) {
                (None, _) => Initial::Identity,
                (Some(_), None) => Initial::First,
                (Some(_), Some(value)) => Initial::Value(value),
            },
            where_: mask.as_ref(),
        };
        self.fold(args, ufunc, dtype, &array, out, |session| session.ufunc_reduce(ufunc, &array, dtype, &options))
    }

    /// `accumulate(array, axis=0, dtype=None, out=None)`.
    pub(super) fn attempt_accumulate<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> Attempt<Object<'py>> {
        let ufunc = self.foldable()?;
        let bound = Bounded::bind(["array", "axis", "dtype", "out"], args, kwargs)?;
        let array = bound.array(0)?;
        let (axis, out) = (bound.axis(1, &array)?, bound.out(3)?);
        let dtype = self.fold_type(args.py(), &array, bound.get(2), out.as_ref().map(Given::nd))?;
        self.fold(args, ufunc, dtype, &array, out, |session| session.ufunc_accumulate(ufunc, &array, dtype, axis))
    }

    /// `reduceat(array, indices, axis=0, dtype=None, out=None)`.
    pub(super) fn attempt_reduceat<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> Attempt<Object<'py>> {
        let ufunc = self.foldable()?;
        let bound = Bounded::bind(["array", "indices", "axis", "dtype", "out"], args, kwargs)?;
        let (array, indices) = (bound.array(0)?, bound.array(1)?);
        let is_integer = matches!(indices.dtype().kind(), Kind::Bool | Kind::Signed | Kind::Unsigned);
        if indices.ndim() != 1 || !is_integer || indices.dtype() == DType::U64 {
            return Err(Failure::Misused);
        }
        let (axis, out) = (bound.axis(2, &array)?, bound.out(4)?);
        let dtype = self.fold_type(args.py(), &array, bound.get(3), out.as_ref().map(Given::nd))?;
        self.fold(args, ufunc, dtype, &array, out, |session| {
            session.ufunc_reduceat(ufunc, &array, &indices, dtype, axis)
        })
    }

    fn fold<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        ufunc: Ufunc,
        dtype: DType,
        array: &NdArray,
        out: Option<Given<'py>>,
        fold: impl FnOnce(&legate_numpy::Session) -> legate_numpy::Result<NdArray> + Send,
    ) -> Attempt<Object<'py>> {
        if !ufunc.keeps(dtype) {
            return Err(Failure::Unsupported);
        }
        let py = args.py();
        let session = session(py)?;
        let result = issue(py, array, || fold(session))?;
        self.calls.tick();
        let Some(out) = out else { return Ok(self.wrapped(args, outcome::value(py, result)?, 0)?) };
        if out.nd().shape() != result.shape() || out.nd().is_readonly() {
            return Err(Failure::Misused);
        }
        session.copyto(out.nd(), &Operand::from(&result), Casting::Unsafe, None)?;
        out.done()
    }
}
