//! Calls of generalised ufuncs: `axes=`, `axis=`, `keepdims=`.

use super::UfuncObject;
use super::keywords::Keywords;
use crate::convert;
use crate::error::{Attempt, Failure};
use crate::session::{issue, session};
use legate_numpy::{Casting, Gufunc, NdArray, Operand, Session};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

type Object<'py> = Bound<'py, PyAny>;

/// Where the core dimensions of inputs and result are; `None`: last.
struct CoreAxes {
    inputs: [Option<Vec<i64>>; 2],
    output: Option<Vec<i64>>,
    /// Keep the dimension that is summed, with extent 1, here.
    kept: Option<i64>,
}

impl CoreAxes {
    fn of(gufunc: Gufunc, ndims: [usize; 2], keywords: &Keywords<'_>) -> Attempt<CoreAxes> {
        let (cores, output) = gufunc.cores(ndims);
        let single = gufunc == Gufunc::Vecdot;
        let keep = match &keywords.keepdims {
            Some(keep) if single => keep.is_truthy()?,
            Some(_) => return Err(Failure::Misused),
            None => false,
        };
        match (&keywords.axes, &keywords.axis) {
            (None, None) => Ok(CoreAxes { inputs: [None, None], output: None, kept: keep.then_some(-1) }),
            (None, Some(axis)) if single => {
                let axis = convert::index(axis).map_err(|_| Failure::Misused)?;
                Ok(CoreAxes { inputs: [Some(vec![axis]), Some(vec![axis])], output: None, kept: keep.then_some(axis) })
            }
            (Some(axes), None) => {
                let axes = axes.cast::<PyList>().map_err(|_| Failure::Misused)?;
                let wanted = [cores[0], cores[1], if keep { 1 } else { output }];
                let may_omit = output == 0 && !keep;
                if axes.len() != 3 && !(may_omit && axes.len() == 2) {
                    return Err(Failure::Misused);
                }
                let mut lists = Vec::new();
                for (entry, count) in axes.iter().zip(wanted) {
                    lists.push(entries(&entry, count)?);
                }
                let last = if axes.len() == 3 { lists.pop() } else { None };
                let [a, b] = <[Vec<i64>; 2]>::try_from(lists).map_err(|_| Failure::Misused)?;
                let kept = if keep { last.as_ref().map(|axes| axes[0]) } else { None };
                Ok(CoreAxes { inputs: [Some(a), Some(b)], output: last.filter(|_| !keep), kept })
            }
            _ => Err(Failure::Misused),
        }
    }

    /// The input with its core dimensions last.
    fn input(&self, i: usize, a: &NdArray) -> Attempt<NdArray> {
        match &self.inputs[i] {
            Some(axes) => Ok(a.moveaxis(axes, &last(axes.len()))?),
            None => Ok(a.clone()),
        }
    }

    /// The result with its core dimensions where they are wanted.
    fn output(&self, result: NdArray) -> Attempt<NdArray> {
        let result = match self.kept {
            Some(axis) => result.expand_dims(&[axis])?,
            None => result,
        };
        match &self.output {
            Some(axes) => Ok(result.moveaxis(&last(axes.len()), axes)?),
            None => Ok(result),
        }
    }
}

/// The numbers of the last dimensions.
fn last(count: usize) -> Vec<i64> {
    (0..count as i64).map(|i| i - count as i64).collect()
}

/// The axes of one operand: a tuple of so many numbers, or a number where there is one.
fn entries(entry: &Object<'_>, count: usize) -> Attempt<Vec<i64>> {
    let axes = match entry.cast::<PyTuple>() {
        Ok(tuple) => tuple.iter().map(|axis| convert::index(&axis)).collect(),
        Err(_) => convert::index(entry).map(|axis| vec![axis]),
    };
    axes.ok().filter(|axes: &Vec<i64>| axes.len() == count).ok_or(Failure::Misused)
}

impl UfuncObject {
    pub(super) fn compute_gufunc<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        gufunc: Gufunc,
        inputs: &[Operand],
        keywords: Keywords<'py>,
    ) -> Attempt<Object<'py>> {
        let py = args.py();
        if keywords.names_mask {
            return Err(Failure::Misused);
        }
        let session = session(py)?;
        let (a, b) = (as_array(session, &inputs[0])?, as_array(session, &inputs[1])?);
        let axes = CoreAxes::of(gufunc, [a.ndim(), b.ndim()], &keywords)?;
        let plain = a.dtype() == b.dtype() && !keywords.names_types() && keywords.out.is_empty();
        let dtype = if plain { a.dtype() } else { self.loop_types(py, inputs, &keywords)?[0] };
        let (x, y) = (axes.input(0, &a)?, axes.input(1, &b)?);
        let heavier = if x.nbytes() > y.nbytes() { &x } else { &y };
        let product = issue(py, heavier, || session.gufunc(gufunc, &x, &y, dtype))?;
        let product = axes.output(product)?;
        if let Some(out) = keywords.out(0) {
            if out.is_readonly() || out.shape() != product.shape() {
                return Err(Failure::Misused);
            }
            session.copyto(out, &Operand::from(&product), Casting::Unsafe, None)?;
        }
        self.finish(args, [product].into_iter(), keywords)
    }
}

fn as_array(session: &Session, operand: &Operand) -> Attempt<NdArray> {
    match operand {
        Operand::Array(array) => Ok(array.clone()),
        Operand::Scalar(scalar) => Ok(session.scalar(*scalar)),
        Operand::Weak(weak) => Ok(session.scalar(weak.to_scalar(weak.default_dtype()?)?)),
    }
}
