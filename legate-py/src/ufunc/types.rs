//! Which loop a call runs, asked of NumPy (`resolve_dtypes`) where keywords or several types make that more than a table look-up.

use super::UfuncObject;
use super::keywords::Keywords;
use crate::dtype::{self, descriptor};
use crate::error::{Attempt, Failure};
use legate_numpy::{DType, NdArray, Operand, Weak};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyComplex, PyDict, PyFloat, PyInt, PyTuple};
use smallvec::SmallVec;
use std::sync::OnceLock;

type Object<'py> = Bound<'py, PyAny>;

impl UfuncObject {
    /// The types of inputs and outputs of the loop that NumPy would run.
    ///
    /// # Errors
    /// NumPy's; [`Failure::Unsupported`] where a type is not native.
    pub(super) fn loop_types<'py>(
        &self,
        py: Python<'py>,
        inputs: &[Operand],
        keywords: &Keywords<'py>,
    ) -> Attempt<SmallVec<[DType; 4]>> {
        let given = inputs.iter().map(|input| type_of(py, input)).collect::<PyResult<Vec<_>>>()?;
        let outs = (0..self.outputs).map(|i| match keywords.out(i) {
            Some(out) => Ok(descriptor(py, out.dtype())?.clone().into_any()),
            None => Ok(py.None().into_bound(py)),
        });
        let outs = outs.collect::<PyResult<Vec<_>>>()?;
        let options = PyDict::new(py);
        options.set_item(intern!(py, "casting"), keywords.casting.name())?;
        if let Some(signature) = self.wanted_types(py, keywords)? {
            options.set_item(intern!(py, "signature"), signature)?;
        }
        self.resolved(py, given.into_iter().chain(outs).collect(), &options)
    }

    /// `signature=`, or what `dtype=` stands for: the type of every output.
    fn wanted_types<'py>(&self, py: Python<'py>, keywords: &Keywords<'py>) -> PyResult<Option<Object<'py>>> {
        if let Some(signature) = &keywords.signature {
            return Ok(Some(signature.clone()));
        }
        let Some(dtype) = &keywords.dtype else { return Ok(None) };
        let none = || py.None().into_bound(py);
        let inputs = std::iter::repeat_with(none).take(self.inputs);
        let outputs = std::iter::repeat_with(|| dtype.clone()).take(self.outputs);
        PyTuple::new(py, inputs.chain(outputs).collect::<Vec<_>>()).map(|tuple| Some(tuple.into_any()))
    }

    /// The type that a fold of elements of `a` computes in.
    ///
    /// # Errors
    /// As [`UfuncObject::loop_types`].
    pub(super) fn fold_type(
        &self,
        py: Python<'_>,
        a: &NdArray,
        dtype: Option<&Object<'_>>,
        out: Option<&NdArray>,
    ) -> Attempt<DType> {
        let plain = dtype.is_none() && out.is_none();
        let known = a.dtype().number().map(|number| &self.fold_types[number]);
        if let (true, Some(known)) = (plain, known.and_then(OnceLock::get)) {
            return Ok(*known);
        }
        let none = || py.None().into_bound(py);
        let described = |a: &NdArray| PyResult::Ok(descriptor(py, a.dtype())?.clone().into_any());
        let out = out.map(described).transpose()?.unwrap_or_else(none);
        let options = PyDict::new(py);
        options.set_item(intern!(py, "reduction"), true)?;
        options.set_item(intern!(py, "casting"), "unsafe")?;
        if let Some(dtype) = dtype {
            options.set_item(intern!(py, "signature"), (dtype, py.None(), py.None()))?;
        }
        let types = self.resolved(py, vec![out, described(a)?, none()], &options)?;
        if types.iter().any(|dtype| *dtype != types[0]) {
            return Err(Failure::Misused);
        }
        if plain {
            known.map(|known| known.get_or_init(|| types[0]));
        }
        Ok(types[0])
    }

    fn resolved<'py>(
        &self,
        py: Python<'py>,
        types: Vec<Object<'py>>,
        options: &Bound<'py, PyDict>,
    ) -> Attempt<SmallVec<[DType; 4]>> {
        let types = PyTuple::new(py, types)?;
        let found = self.numpy.bind(py).call_method(intern!(py, "resolve_dtypes"), (types,), Some(options))?;
        found.cast::<PyTuple>().map_err(PyErr::from)?.iter().map(|dtype| dtype::parse(&dtype)).collect()
    }
}

/// How an argument takes part in promotion.
fn type_of<'py>(py: Python<'py>, operand: &Operand) -> PyResult<Object<'py>> {
    Ok(match operand {
        Operand::Array(a) => descriptor(py, a.dtype())?.clone().into_any(),
        Operand::Scalar(s) => descriptor(py, s.dtype())?.clone().into_any(),
        Operand::Weak(Weak::Bool(_)) => descriptor(py, DType::Bool)?.clone().into_any(),
        Operand::Weak(Weak::Int(_)) => py.get_type::<PyInt>().into_any(),
        Operand::Weak(Weak::Float(_)) => py.get_type::<PyFloat>().into_any(),
        Operand::Weak(Weak::Complex(..)) => py.get_type::<PyComplex>().into_any(),
    })
}
