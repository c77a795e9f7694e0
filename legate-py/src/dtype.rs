//! Element types here and NumPy's dtype objects.

use crate::error::{Attempt, Failure};
use legate_numpy::{DType, Unit};
use numpy::{PyArrayDescr, PyArrayDescrMethods};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyFloat, PyInt, PyType};

static DESCRIPTORS: PyOnceLock<Vec<Py<PyArrayDescr>>> = PyOnceLock::new();

/// NumPy's dtype object of a native element type.
pub(crate) fn descriptor<'py>(py: Python<'py>, dtype: DType) -> PyResult<&'py Bound<'py, PyArrayDescr>> {
    let all = DESCRIPTORS.get_or_try_init(py, || {
        let points = Unit::ALL.into_iter().map(DType::Datetime);
        let spans = Unit::ALL.into_iter().map(DType::Timedelta);
        let types = DType::ALL.into_iter().chain(points).chain(spans);
        types.map(|d| PyArrayDescr::new(py, d.name()).map(Bound::unbind)).collect::<PyResult<Vec<_>>>()
    })?;
    let (numbers, units) = (DType::ALL.len(), Unit::ALL.len());
    let place = match dtype {
        DType::Datetime(unit) => numbers + unit as usize,
        DType::Timedelta(unit) => numbers + units + unit as usize,
        dtype => dtype.number().expect("what is no time is a number"),
    };
    Ok(all[place].bind(py))
}

/// The unit of a dtype object of times; `None` for multiples of one (`datetime64[25s]`).
fn unit_of(descriptor: &Bound<'_, PyArrayDescr>) -> Option<Unit> {
    let (py, kind) = (descriptor.py(), descriptor.num());
    let of = |unit: &Unit| if kind == 21 { DType::Datetime(*unit) } else { DType::Timedelta(*unit) };
    let is_it = |unit: &Unit| self::descriptor(py, of(unit)).is_ok_and(|known| known.is_equiv_to(descriptor));
    Unit::ALL.into_iter().find(is_it)
}

/// The native element type of a dtype object; `None` where there is none (strings, objects, foreign byte order).
pub(crate) fn native(descriptor: &Bound<'_, PyArrayDescr>) -> Option<DType> {
    use DType::*;
    // NumPy's type numbers: `long` and `long long` are both int64 on the 64-bit systems that we build for.
    let dtype = match descriptor.num() {
        0 => Bool,
        1 => I8,
        2 => U8,
        3 => I16,
        4 => U16,
        5 => I32,
        6 => U32,
        7 | 9 => I64,
        8 | 10 => U64,
        11 => F32,
        12 => F64,
        14 => C64,
        15 => C128,
        21 => Datetime(unit_of(descriptor)?),
        22 => Timedelta(unit_of(descriptor)?),
        23 => F16,
        _ => return None,
    };
    (descriptor.is_native_byteorder() != Some(false)).then_some(dtype)
}

/// A type by the names that programs use most: Python's classes, NumPy's scalar classes and dtype objects; `None` for all others.
pub(crate) fn known(object: &Bound<'_, PyAny>) -> Option<DType> {
    let py = object.py();
    if let Ok(class) = object.cast_exact::<PyType>() {
        return match class {
            _ if class.is(py.get_type::<PyFloat>()) => Some(DType::F64),
            _ if class.is(py.get_type::<PyInt>()) => Some(DType::I64),
            _ if class.is(py.get_type::<PyBool>()) => Some(DType::Bool),
            class => crate::host::dtype_of_scalars(class).ok()?,
        };
    }
    native(object.cast::<PyArrayDescr>().ok()?)
}

/// What a user gave as `dtype=`: anything that NumPy takes for one.
///
/// # Errors
/// NumPy's for what is no dtype; [`Failure::Unsupported`] if it is one that is not native.
pub(crate) fn parse(object: &Bound<'_, PyAny>) -> Attempt<DType> {
    if let Some(dtype) = known(object) {
        return Ok(dtype);
    }
    let descriptor = PyArrayDescr::new(object.py(), object)?;
    native(&descriptor).ok_or(Failure::Unsupported)
}
