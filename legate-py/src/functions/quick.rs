//! Quick forms of functions and methods: positional arguments, small arrays of our own class at hand. Each answers `None` where it does not
//! cover a call; then the row's body is asked, which finds errors too.

use crate::array::Array;
use crate::convert;
use crate::freelist::is_plain;
use crate::host;
use crate::outcome;
use crate::session::started;
use crate::vectorcall::Given;
use legate_core::exec::HostBuffer;
use legate_numpy::{Casting, DType, NdArray, Reduction, Session, Weak};
use pyo3::Borrowed;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt, PyList, PyTuple};
use smallvec::SmallVec;
use std::sync::Arc;

type Answer<'py> = PyResult<Option<Bound<'py, PyAny>>>;

/// A quick form. It lets no other thread run (see [`crate::vectorcall::Callable`]).
pub(crate) type Quick = for<'a, 'py> fn(Python<'py>, Given<'a, 'py>) -> Answer<'py>;

/// An array of the class `ndarray` itself: results are of that class too.
pub(crate) fn plain<'a, 'py>(object: Borrowed<'a, 'py, PyAny>) -> Option<Borrowed<'a, 'py, Array>> {
    if is_plain(&object) { object.cast::<Array>().ok() } else { None }
}

/// A Python integer that is no bool.
fn integer(object: Borrowed<'_, '_, PyAny>) -> Option<i64> {
    object.cast_exact::<PyInt>().ok()?.extract().ok()
}

/// The only argument, an array.
fn only<'a, 'py>(args: Given<'a, 'py>) -> Option<Borrowed<'a, 'py, Array>> {
    match *args {
        [a] => plain(a),
        _ => None,
    }
}

fn array<'py>(py: Python<'py>, nd: Option<NdArray>) -> Answer<'py> {
    nd.map(|nd| outcome::array(py, nd)).transpose()
}

/// A fold of a whole vector.
macro_rules! folds {
    ($($name:ident $reduction:ident),* $(,)?) => {
        $(pub(super) fn $name<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
            fold(py, args, Reduction::$reduction)
        })*
    };
}
folds! { sum Sum, prod Prod, max Max, min Min, any Any, all All, mean Mean, var Var, std Std, argmax ArgMax, argmin ArgMin }

/// Of all elements, or along an axis.
fn fold<'py>(py: Python<'py>, args: Given<'_, 'py>, reduction: Reduction) -> Answer<'py> {
    if let [a, axis] = *args {
        let (Some(a), Some(axis)) = (plain(a), integer(axis)) else { return Ok(None) };
        return array(py, started().and_then(|session| session.reduce_axis_small(reduction, a.get().nd(), axis)));
    }
    let Some(a) = only(args) else { return Ok(None) };
    let value = started().and_then(|session| session.reduce_small(reduction, a.get().nd(), 0.0));
    value.map(|value| host::scalar(py, &value)).transpose()
}

pub(super) fn dot<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let [x, y] = *args else { return Ok(None) };
    let (Some(x), Some(y)) = (plain(x), plain(y)) else { return Ok(None) };
    let value = started().and_then(|session| session.dot_small(x.get().nd(), y.get().nd()));
    value.map(|value| host::scalar(py, &value)).transpose()
}

pub(super) fn copy<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let Some(a) = only(args) else { return Ok(None) };
    let nd = a.get().nd();
    array(py, started().and_then(|session| session.copy_small(nd, nd.dtype())))
}

pub(super) fn astype<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let [a, dtype] = *args else { return Ok(None) };
    let (Some(a), Ok(dtype)) = (plain(a), crate::dtype::parse(&dtype)) else { return Ok(None) };
    array(py, started().and_then(|session| session.copy_small(a.get().nd(), dtype)))
}

type Fill = fn(&Session, &[i64], DType) -> legate_numpy::Result<NdArray>;

fn filled<'py>(py: Python<'py>, args: Given<'_, 'py>, fill: Fill) -> Answer<'py> {
    let [shape] = *args else { return Ok(None) };
    let shape: SmallVec<[i64; 4]> = match integer(shape) {
        Some(n) => SmallVec::from_slice(&[n]),
        None => {
            let Ok(tuple) = shape.cast_exact::<PyTuple>() else { return Ok(None) };
            let Some(shape) = tuple.iter_borrowed().map(integer).collect() else { return Ok(None) };
            shape
        }
    };
    array(py, started().and_then(|session| fill(session, &shape, DType::F64).ok()))
}

pub(super) fn zeros<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    filled(py, args, Session::zeros)
}

pub(super) fn ones<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    filled(py, args, Session::ones)
}

pub(super) fn empty<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    filled(py, args, Session::empty)
}

/// A function of one shape that is a Python integer, by a prototype.
pub(super) fn zeros_like<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let Some(a) = only(args) else { return Ok(None) };
    let nd = a.get().nd();
    array(py, started().and_then(|session| session.zeros(nd.shape(), nd.dtype()).ok()))
}

pub(super) fn arange<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let whole = |object| integer(object).map(|v| Weak::Int(i128::from(v)));
    let (start, stop) = match *args {
        [stop] => (Some(Weak::Int(0)), whole(stop)),
        [start, stop] => (whole(start), whole(stop)),
        _ => return Ok(None),
    };
    let (Some(start), Some(stop)) = (start, stop) else { return Ok(None) };
    array(py, started().and_then(|session| session.arange(start, stop, Weak::Int(1), None).ok()))
}

/// An array is returned as it is.
pub(super) fn asarray<'py>(_py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    Ok(only(args).map(|a| a.to_owned().into_any()))
}

/// A list of Python floats, or of Python integers. Other lists are NumPy's business.
pub(super) fn array_of_list<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let [object] = *args else { return Ok(None) };
    let (Ok(list), Some(session)) = (object.cast_exact::<PyList>(), started()) else { return Ok(None) };
    let n = list.len();
    let mut bytes = HostBuffer::unwritten(8 * n);
    let mut places = bytes.as_mut_slice().as_chunks_mut::<8>().0.iter_mut();
    let first_is_float = n > 0 && list.get_item(0)?.is_exact_instance_of::<PyFloat>();
    for item in list.iter() {
        let Some(place) = places.next() else { return Ok(None) };
        *place = if first_is_float {
            let Ok(value) = item.cast_exact::<PyFloat>() else { return Ok(None) };
            value.value().to_ne_bytes()
        } else {
            let Some(value) = integer(item.as_borrowed()) else { return Ok(None) };
            value.to_ne_bytes()
        };
    }
    if n == 0 || places.next().is_some() {
        return Ok(None);
    }
    let dtype = if first_is_float { DType::F64 } else { DType::I64 };
    array(py, session.from_buffer(Arc::new(bytes), &[n as i64], dtype).ok())
}

pub(super) fn ravel<'py>(_py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let Some(a) = only(args) else { return Ok(None) };
    let nd = a.get().nd();
    if !nd.is_c_contiguous() {
        return Ok(None);
    }
    reshaped(&a, &[nd.size()])
}

/// `np.reshape(a, shape)`.
pub(super) fn reshape_to<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    if args.len() == 2 { reshape(py, args) } else { Ok(None) }
}

/// `a.reshape(shape)` and `a.reshape(*shape)`.
pub(super) fn reshape<'py>(_py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let [a, ref extents @ ..] = *args else { return Ok(None) };
    let Some(a) = plain(a) else { return Ok(None) };
    let shape: Option<SmallVec<[i64; 4]>> = match *extents {
        [shape] => match shape.cast_exact::<PyTuple>() {
            Ok(tuple) => tuple.iter_borrowed().map(integer).collect(),
            Err(_) => integer(shape).map(|n| SmallVec::from_slice(&[n])),
        },
        _ => extents.iter().map(|n| integer(*n)).collect(),
    };
    shape.map_or(Ok(None), |shape| reshaped(&a, &shape))
}

fn reshaped<'py>(a: &Bound<'py, Array>, shape: &[i64]) -> Answer<'py> {
    let nd = a.get().nd();
    match started().and_then(|session| session.reshape(nd, shape).ok()) {
        Some(result) if result.shares_base(nd) => outcome::view(a, result).map(Some),
        _ => Ok(None),
    }
}

pub(super) fn transpose<'py>(_py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let Some(a) = only(args) else { return Ok(None) };
    a.get().nd().transpose(None).ok().map(|nd| outcome::view(&a, nd)).transpose()
}

pub(super) fn concatenate<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let [sequence] = *args else { return Ok(None) };
    let Ok(sequence) = sequence.cast_exact::<PyTuple>() else { return Ok(None) };
    let arrays: Option<Vec<NdArray>> =
        sequence.iter_borrowed().map(|item| plain(item).map(|a| a.get().nd().clone())).collect();
    let joined = |arrays: Vec<NdArray>| started()?.concatenate(&arrays, Some(0), None, None, Casting::SameKind).ok();
    array(py, arrays.filter(|arrays| arrays.iter().all(NdArray::is_ready)).and_then(joined))
}

pub(super) fn choose<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let [condition, x, y] = *args else { return Ok(None) };
    let (Some(condition), Some(x), Some(y)) = (plain(condition), convert::arg(&x), convert::arg(&y)) else {
        return Ok(None);
    };
    array(py, started().and_then(|session| session.select_small(condition.get().nd(), x, y)))
}

pub(super) fn tolist<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let Some(a) = only(args) else { return Ok(None) };
    let nd = a.get().nd();
    // Bytes of our own: while Python objects are made, any code may run, and write to the array.
    let Some((bytes, first, step)) = nd.shared_vector() else { return Ok(None) };
    let words = bytes.as_slice().as_chunks::<8>().0;
    let elements = (0..nd.size() as usize).map(|i| words[(first + i as i64 * step) as usize]);
    let list = match nd.dtype() {
        DType::F64 => PyList::new(py, elements.map(f64::from_ne_bytes)),
        DType::I64 => PyList::new(py, elements.map(i64::from_ne_bytes)),
        _ => return Ok(None),
    };
    Ok(Some(list?.into_any()))
}
