//! Quick forms of functions and methods: positional arguments, small arrays of our own class at hand. Each answers `None` where it does not
//! cover a call; then the row's body is asked, which finds errors too.

use crate::array::Array;
use crate::convert;
use crate::host;
use crate::outcome;
use crate::session::started;
use crate::vectorcall::Given;
use legate_numpy::{Casting, DType, Kind, NdArray, Reduction};
use pyo3::Borrowed;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyList, PyTuple};
use smallvec::SmallVec;

mod choices;
mod creation;

pub(crate) use choices::*;
pub(crate) use creation::*;

type Answer<'py> = PyResult<Option<Bound<'py, PyAny>>>;

/// A quick form. It lets no other thread run (see [`crate::vectorcall::Callable`]).
pub(crate) type Quick = for<'a, 'py> fn(Python<'py>, Given<'a, 'py>) -> Answer<'py>;

/// An array of the class `ndarray` itself: results are of that class too.
pub(crate) use crate::freelist::plain;

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
        $(pub(crate) fn $name<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
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

pub(crate) fn dot<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let [x, y] = *args else { return Ok(None) };
    let (Some(x), Some(y)) = (plain(x), plain(y)) else { return Ok(None) };
    let (x, y, Some(session)) = (x.get().nd(), y.get().nd(), started()) else { return Ok(None) };
    if let Some(value) = session.dot_small(x, y) {
        return host::scalar(py, &value).map(Some);
    }
    let product = (is_quick(x) && is_quick(y)).then(|| session.dot(x, y, None).ok()).flatten();
    product.map(|product| outcome::small_value(py, product)).transpose()
}

/// Of two vectors.
pub(crate) fn inner<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let [x, y] = *args else { return Ok(None) };
    let (Some(x), Some(y), Some(session)) = (plain(x), plain(y), started()) else { return Ok(None) };
    session.dot_small(x.get().nd(), y.get().nd()).map(|value| host::scalar(py, &value)).transpose()
}

/// As [`inner`], where nothing is conjugated.
pub(crate) fn vdot<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    match args.first().and_then(|x| plain(*x)) {
        Some(x) if x.get().nd().dtype().kind() != Kind::Complex => inner(py, args),
        _ => Ok(None),
    }
}

pub(crate) fn ravel<'py>(_py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let Some(a) = only(args) else { return Ok(None) };
    let nd = a.get().nd();
    nd.raveled().map(|flat| outcome::plain_view(&a, flat)).transpose()
}

/// `np.reshape(a, shape)`.
pub(crate) fn reshape_to<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    if args.len() == 2 { reshape(py, args) } else { Ok(None) }
}

/// `a.reshape(shape)` and `a.reshape(*shape)`.
pub(crate) fn reshape<'py>(_py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
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
    if let Some(recast) = nd.recast(shape) {
        return outcome::view(a, recast).map(Some);
    }
    match started().and_then(|session| session.reshape(nd, shape).ok()) {
        Some(result) if result.shares_base(nd) => outcome::view(a, result).map(Some),
        _ => Ok(None),
    }
}

pub(crate) fn transpose<'py>(_py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let Some(a) = only(args) else { return Ok(None) };
    a.get().nd().transpose(None).ok().map(|nd| outcome::plain_view(&a, nd)).transpose()
}

/// `a.swapaxes(i, j)`.
pub(crate) fn swapaxes<'py>(_py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let [a, i, j] = *args else { return Ok(None) };
    let (Some(a), Some(i), Some(j)) = (plain(a), integer(i), integer(j)) else { return Ok(None) };
    a.get().nd().swapaxes(i, j).ok().map(|nd| outcome::plain_view(&a, nd)).transpose()
}

/// A list or a tuple of arrays whose values are at hand, and not many; and the axis, if it is given.
fn joined<'py>(args: Given<'_, 'py>) -> Option<(Vec<NdArray>, Option<i64>)> {
    let (sequence, axis) = match *args {
        [sequence] => (sequence, None),
        [sequence, axis] => (sequence, Some(integer(axis)?)),
        _ => return None,
    };
    let nd = |item: Borrowed<'_, 'py, PyAny>| plain(item).map(|a| a.get().nd().clone()).filter(is_quick);
    let arrays: Option<Vec<NdArray>> = match sequence.cast_exact::<PyTuple>() {
        Ok(tuple) => tuple.iter_borrowed().map(nd).collect(),
        Err(_) => sequence.cast_exact::<PyList>().ok()?.iter().map(|item| nd(item.as_borrowed())).collect(),
    };
    Some((arrays?, axis))
}

/// Whether work on the array is done at once, and faster than other threads could be let run.
fn is_quick(a: &NdArray) -> bool {
    const BYTES: usize = 1 << 14;
    a.nbytes() <= BYTES && a.is_ready()
}

pub(crate) fn concatenate<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let Some((arrays, axis)) = joined(args) else { return Ok(None) };
    let axis = Some(axis.unwrap_or(0));
    array(py, started().and_then(|session| session.concatenate(&arrays, axis, None, None, Casting::SameKind).ok()))
}

pub(crate) fn stack<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let Some((arrays, axis)) = joined(args) else { return Ok(None) };
    array(py, started().and_then(|session| session.stack(&arrays, axis.unwrap_or(0)).ok()))
}

pub(crate) fn vstack<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let Some((arrays, None)) = joined(args) else { return Ok(None) };
    array(py, started().and_then(|session| session.vstack(&arrays).ok()))
}

pub(crate) fn hstack<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let Some((arrays, None)) = joined(args) else { return Ok(None) };
    array(py, started().and_then(|session| session.hstack(&arrays).ok()))
}

pub(crate) fn choose<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    if args.len() == 1 {
        return nonzero(py, args);
    }
    let [condition, x, y] = *args else { return Ok(None) };
    let (Some(condition), Some(x), Some(y)) = (plain(condition), convert::arg(&x), convert::arg(&y)) else {
        return Ok(None);
    };
    array(py, started().and_then(|session| session.select_small(condition.get().nd(), x, y)))
}

/// Of what lies in order.
pub(crate) fn tobytes<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
    let Some(bytes) = only(args).and_then(|a| a.get().nd().bytes_in_order()) else { return Ok(None) };
    // Python's own memory is being written: no code runs meanwhile.
    Ok(Some(PyBytes::new(py, &bytes).into_any()))
}

pub(crate) fn tolist<'py>(py: Python<'py>, args: Given<'_, 'py>) -> Answer<'py> {
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
