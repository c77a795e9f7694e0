//! `a[key]` and `a[key] = value`.

use crate::array::{Array, DeferredScalar};
use crate::capi;
use crate::convert;
use crate::error::{Attempt, Failure};
use crate::fallback;
use crate::functions::quick::plain;
use crate::outcome;
use crate::scalars;
use crate::session::{interrupted, session, started};
use legate_numpy::{Arg, DType, Error, IndexItem, KeyEntry, Kind, NdArray, Picked, Scalar, Ufunc};
use numpy::PyUntypedArray;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyEllipsis, PyFloat, PyInt, PyList, PySlice, PyTuple};
use smallvec::SmallVec;

type Items = SmallVec<[IndexItem; 4]>;

/// Adds the entries of a basic key; `false` if the key is not basic (arrays, lists, bools) or not valid.
fn basic(key: &Bound<'_, PyAny>, items: &mut Items) -> PyResult<bool> {
    let mut add = |entry: &Bound<'_, PyAny>| {
        let item = item(entry)?;
        if let Some(item) = item {
            items.push(item);
        }
        Ok(item.is_some())
    };
    let Ok(tuple) = key.cast_exact::<PyTuple>() else { return add(key) };
    for entry in tuple.iter_borrowed() {
        if !add(&entry)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn item(entry: &Bound<'_, PyAny>) -> PyResult<Option<IndexItem>> {
    if entry.cast_exact::<PyInt>().is_ok() {
        // An integer beyond 64 bits is out of any bounds: NumPy finds the words for it.
        return Ok(entry.extract::<i64>().ok().map(IndexItem::Int));
    }
    if let Ok(slice) = entry.cast_exact::<PySlice>() {
        return slice_item(slice).map(Some);
    }
    if entry.is_none() {
        return Ok(Some(IndexItem::NewAxis));
    }
    if entry.cast_exact::<PyEllipsis>().is_ok() {
        return Ok(Some(IndexItem::Ellipsis));
    }
    if is_advanced(entry) {
        return Ok(None);
    }
    Ok(entry.extract::<i64>().ok().map(IndexItem::Int))
}

/// Arrays, sequences and bools select elements (arrays without dimensions are copied from). Scalars of integers that are still to come are integers.
fn is_advanced(entry: &Bound<'_, PyAny>) -> bool {
    if let Some(array) = convert::as_array(entry) {
        return array.nd().dtype() == DType::Bool || !entry.is_instance_of::<DeferredScalar>();
    }
    entry.cast::<PyUntypedArray>().is_ok()
        || entry.cast_exact::<PyBool>().is_ok()
        || entry.cast::<PyList>().is_ok()
        || entry.cast::<PyTuple>().is_ok()
}

fn slice_item(slice: &Bound<'_, PySlice>) -> PyResult<IndexItem> {
    let [start, stop, step] = capi::slice_parts(slice)?;
    Ok(IndexItem::Slice { start: Some(start), stop: Some(stop), step: Some(step) })
}

/// A Python integer that is no bool.
fn integer(key: &Bound<'_, PyAny>) -> Option<i64> {
    key.cast_exact::<PyInt>().ok()?.extract().ok()
}

#[pymethods]
impl Array {
    fn __getitem__<'py>(slf: &Bound<'py, Self>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        if let Some(found) = get_small(slf, key)? {
            return Ok(found);
        }
        let mut items = Items::new();
        if !basic(key, &mut items)? {
            return get_chosen(slf, key);
        }
        get_basic(slf, &items).map_err(|f| f.raise(py))
    }

    fn __setitem__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        if set_small(slf.get().nd(), key, value)? {
            scalars::note_write();
            return Ok(());
        }
        if slf.is_instance_of::<DeferredScalar>() {
            let name = slf.get().nd().dtype().name();
            return Err(PyTypeError::new_err(format!("'numpy.{name}' object does not support item assignment")));
        }
        scalars::note_write();
        let attempt = || -> Attempt<()> {
            let mut items = Items::new();
            match basic(key, &mut items)? {
                true => set_basic(slf, &items, value),
                false => set_chosen(slf, key, value),
            }
        };
        attempt().or_else(|failure| match failure {
            Failure::Unsupported => fallback::set_item(slf.as_any(), key, value),
            failure => Err(failure.raise(py)),
        })
    }

    fn __delitem__(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let _ = key;
        Err(pyo3::exceptions::PyValueError::new_err("cannot delete array elements"))
    }
}

/// `a[items]`: a view, or a scalar.
fn get_basic<'py>(slf: &Bound<'py, Array>, items: &Items) -> Attempt<Bound<'py, PyAny>> {
    let py = slf.py();
    let nd = slf.get().nd().index(items)?;
    if nd.ndim() > 0 || items.contains(&IndexItem::Ellipsis) {
        return Ok(outcome::view(slf, nd)?);
    }
    if slf.is_instance_of::<DeferredScalar>() {
        return Ok(slf.clone().into_any());
    }
    // A scalar is a copy: it keeps its value when the array is written to.
    if nd.is_ready() {
        return outcome::value(py, nd);
    }
    match scalars::read(py, slf.get(), items)? {
        Some(scalar) => Ok(crate::host::scalar(py, &scalar)?),
        None => outcome::value(py, session(py)?.copy(&nd)?),
    }
}

/// Integers, one for each dimension of an array.
type Place = SmallVec<[i64; 4]>;

/// A tuple of integers.
fn places(tuple: &Bound<'_, PyTuple>) -> Option<Place> {
    let mut place = Place::new();
    for entry in tuple.iter_borrowed() {
        place.push(integer(&entry)?);
    }
    Some(place)
}

/// `a[key]` where that is an element at hand, a row or a part, or what a small mask or index at hand chooses.
fn get_small<'py>(slf: &Bound<'py, Array>, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let (py, nd) = (slf.py(), slf.get().nd());
    if let Some(index) = integer(key) {
        return match nd.element(&[index]) {
            Some(value) => crate::host::scalar(py, &value).map(Some),
            None => nd.row(index).map(|row| outcome::view(slf, row)).transpose(),
        };
    }
    if let Ok(slice) = key.cast_exact::<PySlice>() {
        return nd.part(capi::slice_parts(slice)?).map(|part| outcome::view(slf, part)).transpose();
    }
    if let Some(key) = plain(key.as_borrowed()) {
        let chosen = || started()?.choose_small(nd, key.get().nd());
        return chosen().map(|chosen| outcome::like(slf, outcome::array(py, chosen)?)).transpose();
    }
    let Ok(tuple) = key.cast_exact::<PyTuple>() else { return Ok(None) };
    if let Some(place) = places(tuple)
        && let Some(value) = nd.element(&place)
    {
        return crate::host::scalar(py, &value).map(Some);
    }
    let part = nd.picked(|picked| pick(nd.ndim(), tuple, picked));
    // Elements are scalars, which the general way knows how to make.
    part.filter(|part| part.ndim() > 0).map(|part| outcome::view(slf, part)).transpose()
}

/// Picks what a tuple of integers, slices, `None` and `...` says; gives up where anything is unusual or wrong.
fn pick(ndim: usize, tuple: &Bound<'_, PyTuple>, picked: &mut Picked<'_>) -> Option<()> {
    // What `...` stands for, if each other entry takes a dimension.
    let skipped = (ndim + 1).checked_sub(tuple.len());
    let (mut has_ellipsis, mut has_new_axis) = (false, false);
    for entry in tuple.iter_borrowed() {
        if let Ok(slice) = entry.cast_exact::<PySlice>() {
            let [start, stop, step] = capi::slice_parts(&slice).ok()?; // the general way raises what this raises
            (picked.left() > 0).then_some(())?;
            picked.slice(Some(start), Some(stop), Some(step)).ok()?;
        } else if let Some(index) = integer(&entry) {
            (picked.left() > 0).then_some(())?;
            picked.at(index).ok()?;
        } else if entry.is_none() {
            has_new_axis = true;
            picked.new_axis();
        } else if entry.is(PyEllipsis::get(entry.py())) && !has_ellipsis {
            has_ellipsis = true;
            picked.keep(skipped.filter(|skipped| *skipped <= picked.left())?);
        } else {
            return None;
        }
    }
    (!(has_ellipsis && has_new_axis)).then_some(())
}

/// `a[key] = value` of small arrays at hand; whether that is what it was.
fn set_small(nd: &NdArray, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let set = || {
        if key.is(PyEllipsis::get(key.py())) {
            return Some(started()?.assign_small(nd, convert::arg(value)?));
        }
        if let Some(key) = plain(key.as_borrowed()) {
            return Some(started()?.set_small(nd, key.get().nd(), convert::arg(value)?));
        }
        if let Ok(tuple) = key.cast_exact::<PyTuple>() {
            return Some(nd.set_element(&places(tuple)?, element_of(nd.dtype(), value)?));
        }
        let index = integer(key)?;
        match nd.ndim() {
            1 => Some(nd.set_element(&[index], element_of(nd.dtype(), value)?)),
            _ => Some(started()?.assign_small(&nd.row(index)?, convert::arg(value)?)),
        }
    };
    if let Ok(slice) = key.cast_exact::<PySlice>() {
        let part = nd.part(capi::slice_parts(slice)?);
        let set = || Some(started()?.assign_small(&part?, convert::arg(value)?));
        return Ok(set().unwrap_or(false));
    }
    Ok(set().unwrap_or(false))
}

/// A number as an element of `dtype`; `None` for what should be converted, or refused, with care.
fn element_of(dtype: DType, value: &Bound<'_, PyAny>) -> Option<Scalar> {
    if dtype == DType::F64
        && let Ok(value) = value.cast_exact::<PyFloat>()
    {
        return Some(Scalar::new(value.value()));
    }
    match convert::arg(value)? {
        Arg::Weak(value) => value.to_scalar(dtype).ok(),
        Arg::Scalar(value) if value.dtype() == dtype => Some(value),
        _ => None,
    }
}

/// `a[items] = value`. Lists and integers that do not fit are refused by NumPy, which looks at them otherwise than `asarray` does.
fn set_basic(slf: &Bound<'_, Array>, items: &Items, value: &Bound<'_, PyAny>) -> Attempt<()> {
    let session = session(slf.py())?;
    let direct = convert::direct_operand(value)?;
    let is_list = direct.is_none();
    let value = direct.map_or_else(|| convert::operand(value), Ok)?;
    session.set_index(slf.get().nd(), items, &value).map_err(|error| match error {
        Error::BroadcastInto { .. } if is_list => Failure::Unsupported,
        Error::BroadcastInto { into, .. } if into.0.is_empty() && !items.contains(&IndexItem::Ellipsis) => {
            Error::Value("setting an array element with a sequence.".into()).into()
        }
        Error::IntegerOutOfBounds { .. } => Failure::Unsupported,
        error => error.into(),
    })
}

/// A key entry by entry, and whether it has an array without dimensions, for which NumPy gives a copy where it would give a view for an integer.
struct Entries {
    entries: SmallVec<[KeyEntry; 4]>,
    has_array: bool,
}

impl Entries {
    /// What a key says that has more than integers, slices, `...` and `None`. Waits for integers and bools that are arrays without dimensions.
    ///
    /// # Errors
    /// [`Failure::Unsupported`] for what is no key: NumPy has the words for it.
    fn of(key: &Bound<'_, PyAny>) -> Attempt<Entries> {
        let mut all = Entries { entries: SmallVec::new(), has_array: false };
        match key.cast::<PyTuple>() {
            Ok(tuple) => tuple.iter_borrowed().try_for_each(|entry| all.add(&entry))?,
            Err(_) => all.add(key)?,
        }
        Ok(all)
    }

    fn add(&mut self, object: &Bound<'_, PyAny>) -> Attempt<()> {
        let entry = match item(object)? {
            Some(item) => KeyEntry::Basic(item),
            None => {
                let array = as_indices(object)?;
                match (array.ndim(), array.dtype()) {
                    (0, DType::Bool) => KeyEntry::Flag(place_of(&outcome::item(object.py(), &array)?) != 0),
                    (0, _) => {
                        self.has_array |= is_array(object);
                        KeyEntry::Basic(IndexItem::Int(place_of(&outcome::item(object.py(), &array)?)))
                    }
                    (_, DType::Bool) => KeyEntry::Mask(array),
                    _ => KeyEntry::Integers(array),
                }
            }
        };
        self.entries.push(entry);
        Ok(())
    }

    /// The entries, if all of them are basic.
    fn basic(&self) -> Option<Items> {
        let item = |entry: &KeyEntry| match entry {
            KeyEntry::Basic(item) => Some(*item),
            _ => None,
        };
        self.entries.iter().map(item).collect()
    }

    /// The array to wait for: one that is still to come, else what is indexed.
    fn waited_for<'a>(&'a self, indexed: &'a NdArray) -> &'a NdArray {
        let array = |entry: &'a KeyEntry| match entry {
            KeyEntry::Integers(array) | KeyEntry::Mask(array) => Some(array),
            _ => None,
        };
        self.entries.iter().filter_map(array).find(|array| !array.is_ready()).unwrap_or(indexed)
    }
}

/// An array of ours or of NumPy's, that is: no scalar.
pub(crate) fn is_array(object: &Bound<'_, PyAny>) -> bool {
    let ours = convert::as_array(object).is_some() && !object.is_instance_of::<DeferredScalar>();
    ours || object.cast::<PyUntypedArray>().is_ok()
}

/// An element as 64 bits, as NumPy casts indices.
fn place_of(value: &Scalar) -> i64 {
    legate_numpy::cast_scalar(*value, DType::I64).get().expect("it was cast to int64")
}

/// An array or a list as indices; an empty list holds integers.
pub(crate) fn as_indices(object: &Bound<'_, PyAny>) -> Attempt<NdArray> {
    let array = convert::array(object)?;
    if array.size() == 0 && array.dtype() == DType::F64 && !is_array(object) {
        return Ok(session(object.py())?.zeros(array.shape(), DType::I64)?);
    }
    match array.dtype().kind() {
        Kind::Bool | Kind::Signed | Kind::Unsigned => Ok(array),
        _ => Err(Failure::Unsupported), // NumPy refuses it
    }
}

/// `a[key]` for keys that are not basic.
fn get_chosen<'py>(slf: &Bound<'py, Array>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let (py, nd) = (slf.py(), slf.get().nd());
    let attempt = || -> Attempt<Bound<'py, PyAny>> {
        let session = session(py)?;
        let key = Entries::of(key)?;
        if let Some(items) = key.basic() {
            let found = get_basic(slf, &items)?;
            let copied = key.has_array && !found.is_instance_of::<DeferredScalar>();
            let Some(view) = convert::as_array(&found).filter(|_| copied) else { return Ok(found) };
            return Ok(outcome::like(slf, outcome::array(py, session.copy_like(view.nd())?)?)?);
        }
        let waited_for = key.waited_for(nd);
        let chosen = crate::session::issue(py, waited_for, || session.get_chosen(nd, &key.entries, &interrupted))?;
        Ok(outcome::like(slf, outcome::array(py, chosen)?)?)
    };
    attempt().or_else(|failure| match failure {
        Failure::Unsupported => fallback::get_item(slf.as_any(), key),
        failure => Err(failure.raise(py)),
    })
}

/// `a[key] = value` for keys that are not basic.
fn set_chosen(slf: &Bound<'_, Array>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> Attempt<()> {
    let (py, nd) = (slf.py(), slf.get().nd());
    let session = session(py)?;
    let key = Entries::of(key)?;
    if let Some(items) = key.basic() {
        return set_basic(slf, &items, value);
    }
    let value = convert::operand(value)?;
    let waited_for = key.waited_for(nd);
    let assigned = crate::session::issue(py, waited_for, || session.set_chosen(nd, &key.entries, &value, &interrupted));
    match assigned {
        Err(Failure::Native(Error::IntegerOutOfBounds { .. })) => Err(Failure::Unsupported),
        other => other,
    }
}

/// `ufunc.at(target, key, values)`.
pub(crate) fn accumulate_at(
    ufunc: Ufunc,
    target: &Bound<'_, PyAny>,
    key: &Bound<'_, PyAny>,
    values: &Bound<'_, PyAny>,
) -> Attempt<()> {
    let (py, target) = (key.py(), target.cast::<Array>().map_err(|_| Failure::Unsupported)?);
    let (nd, session, key) = (target.get().nd(), session(py)?, Entries::of(key)?);
    let values = convert::operand(values)?;
    scalars::note_write();
    crate::session::issue(py, key.waited_for(nd), || session.ufunc_at(ufunc, nd, &key.entries, &values, &interrupted))
}
