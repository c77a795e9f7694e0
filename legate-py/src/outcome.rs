//! From native results to Python objects.

use crate::array::{Array, DeferredScalar, NdArrayObject};
use crate::error::Attempt;
use crate::errstate;
use crate::freelist::is_plain;
use crate::host;
use crate::session::{interrupted, session};
use legate_core::exec::HostBuffer;
use legate_numpy::{NdArray, Scalar};
use pyo3::PyTypeInfo;
use pyo3::prelude::*;
use std::sync::Arc;

/// An array that stays an array, whatever its dimensions.
pub(crate) fn array(py: Python<'_>, nd: NdArray) -> PyResult<Bound<'_, PyAny>> {
    Ok(Bound::new(py, PyClassInitializer::from(Array::new(nd, None)).add_subclass(NdArrayObject))?.into_any())
}

/// An array that is a view of `of`, and of its class.
pub(crate) fn view<'py>(of: &Bound<'py, Array>, nd: NdArray) -> PyResult<Bound<'py, PyAny>> {
    like(of, plain_view(of, nd)?)
}

/// An array of the class `ndarray` itself that is a view of `of`.
pub(crate) fn plain_view<'py>(of: &Bound<'py, Array>, nd: NdArray) -> PyResult<Bound<'py, PyAny>> {
    let owner = match of.get().base() {
        Some(base) => base.clone_ref(of.py()),
        None => of.clone().into_any().unbind(),
    };
    let init = PyClassInitializer::from(Array::new(nd, Some(owner))).add_subclass(NdArrayObject);
    Ok(Bound::new(of.py(), init)?.into_any())
}

/// What NumPy makes of a result: an array; of a 0-d one a scalar, if its value is at hand, else one that stands for it.
pub(crate) fn value(py: Python<'_>, nd: NdArray) -> Attempt<Bound<'_, PyAny>> {
    if nd.ndim() > 0 {
        return Ok(array(py, nd)?);
    }
    if let Some(value) = nd.known_value() {
        return Ok(host::scalar(py, &value)?);
    }
    if nd.is_ready() {
        return Ok(host::scalar(py, &item(py, &nd)?)?);
    }
    Ok(deferred_scalar(py, nd)?)
}

/// As [`value`], of a result that was computed at once.
pub(crate) fn small_value(py: Python<'_>, nd: NdArray) -> PyResult<Bound<'_, PyAny>> {
    match nd.ndim() {
        0 => value(py, nd).map_err(|f| f.raise(py)),
        _ => array(py, nd),
    }
}

/// A scalar whose value is still to come.
pub(crate) fn deferred_scalar(py: Python<'_>, mut nd: NdArray) -> PyResult<Bound<'_, PyAny>> {
    nd.set_readonly(true);
    Ok(Bound::new(py, PyClassInitializer::from(Array::new(nd, None)).add_subclass(DeferredScalar))?.into_any())
}

/// The value of an array of one element; waits for it.
pub(crate) fn item(py: Python<'_>, nd: &NdArray) -> Attempt<Scalar> {
    let session = session(py)?;
    if nd.is_ready() {
        return Ok(session.item(nd, &interrupted)?);
    }
    let value = py.detach(|| session.item(nd, &interrupted))?;
    errstate::tell(py)?;
    Ok(value)
}

/// All values, row-major; waits for them.
pub(crate) fn bytes(py: Python<'_>, nd: &NdArray) -> Attempt<Arc<HostBuffer>> {
    const FEW: usize = 1 << 14; // bytes: gathered faster than another thread could be let run
    let session = session(py)?;
    if nd.nbytes() <= FEW && nd.is_ready() {
        return Ok(session.to_host(nd, &interrupted)?);
    }
    let bytes = py.detach(|| session.to_host(nd, &interrupted))?;
    errstate::tell(py)?;
    Ok(bytes)
}

/// `result` as an instance of `model`'s class, if that is a subclass of ours: what NumPy's `__array_finalize__` is for.
pub(crate) fn like<'py>(model: &Bound<'py, Array>, result: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if is_plain(model) || model.get_type_ptr() == DeferredScalar::type_object_raw(model.py()) {
        return Ok(result);
    }
    if !result.is_instance_of::<NdArrayObject>() {
        return Ok(result);
    }
    crate::array::view_as(&result, &model.get_type(), Some(model.as_any()))
}

/// Whether results are of the class of this one: it is of a subclass of ours.
pub(crate) fn is_of_subclass(object: &Bound<'_, PyAny>) -> bool {
    !is_plain(object)
        && object.is_instance_of::<Array>()
        && object.get_type_ptr() != DeferredScalar::type_object_raw(object.py())
}

/// The argument whose class a result has: of those of subclasses the one with the highest `__array_priority__`, of several the first.
pub(crate) fn model<'a, 'py: 'a>(
    arguments: impl Iterator<Item = &'a Bound<'py, PyAny>>,
) -> Option<&'a Bound<'py, Array>> {
    let mut best: Option<(f64, &Bound<'py, Array>)> = None;
    for argument in arguments.filter(|argument| is_of_subclass(argument)) {
        let priority = argument.getattr("__array_priority__").and_then(|p| p.extract()).unwrap_or(0.0);
        if best.is_none_or(|(highest, _)| priority > highest) {
            best = argument.cast::<Array>().ok().map(|array| (priority, array));
        }
    }
    best.map(|(_, array)| array)
}

/// As [`value`]; where `model` is of a subclass, an array (also without dimensions) as its `__array_wrap__` has it.
pub(crate) fn like_value<'py>(model: &Bound<'py, Array>, nd: NdArray) -> Attempt<Bound<'py, PyAny>> {
    if !is_of_subclass(model) {
        return value(model.py(), nd);
    }
    let (py, class, is_scalar) = (model.py(), model.get_type(), nd.ndim() == 0);
    let result = array(py, nd)?;
    if class.getattr("__array_wrap__")?.is(&py.get_type::<Array>().getattr("__array_wrap__")?) {
        return Ok(crate::array::view_as(&result, &class, Some(model.as_any()))?);
    }
    Ok(model.call_method1("__array_wrap__", (result, py.None(), is_scalar))?)
}
