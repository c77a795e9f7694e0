//! Lists and tuples of Python numbers as arrays, without NumPy.
//!
//! Only numbers of exact types are looked at, so no code of the user's runs meanwhile.

use crate::session::started;
use legate_core::exec::HostBuffer;
use legate_numpy::{DType, NdArray};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PyList, PyTuple};
use std::sync::Arc;

type Object<'py> = Bound<'py, PyAny>;

/// A list or a tuple of floats, of integers or of bools, or a list of such lists of one length, as an array of `dtype`, or of the type that NumPy gives it.
/// `None` for everything else, which is NumPy's business.
pub(crate) fn array(object: &Object<'_>, dtype: Option<DType>) -> Option<NdArray> {
    let items = Items::of(object)?;
    let first = items.get(0)?;
    let Some(row) = Items::of(&first) else { return made(&[items.len()], std::iter::once(&items), dtype) };
    let rows: Vec<Object<'_>> = (0..items.len()).map(|k| items.get(k)).collect::<Option<_>>()?;
    let rows: Vec<Items<'_, '_>> = rows.iter().map(Items::of).collect::<Option<_>>()?;
    made(&[rows.len(), row.len()], rows.iter(), dtype)
}

enum Items<'a, 'py> {
    List(&'a Bound<'py, PyList>),
    Tuple(&'a Bound<'py, PyTuple>),
}

impl<'a, 'py> Items<'a, 'py> {
    fn of(object: &'a Object<'py>) -> Option<Items<'a, 'py>> {
        let list = object.cast_exact::<PyList>().ok().map(Items::List);
        list.or_else(|| object.cast_exact::<PyTuple>().ok().map(Items::Tuple))
    }

    fn len(&self) -> usize {
        match self {
            Items::List(list) => list.len(),
            Items::Tuple(tuple) => tuple.len(),
        }
    }

    fn get(&self, k: usize) -> Option<Object<'py>> {
        match self {
            Items::List(list) => list.get_item(k).ok(),
            Items::Tuple(tuple) => tuple.get_item(k).ok(),
        }
    }
}

/// An array of the numbers in rows, as many as `shape` says.
fn made<'a, 'py: 'a>(
    shape: &[usize],
    mut rows: impl Iterator<Item = &'a Items<'a, 'py>> + Clone,
    dtype: Option<DType>,
) -> Option<NdArray> {
    let first = rows.clone().next()?.get(0)?;
    let own = if first.is_exact_instance_of::<PyFloat>() {
        DType::F64
    } else if first.is_exact_instance_of::<PyInt>() {
        DType::I64
    } else {
        DType::Bool
    };
    let dtype = dtype.unwrap_or(own);
    let mut bytes = HostBuffer::unwritten(shape.iter().product::<usize>() * dtype.size());
    let (width, places) = (shape[shape.len() - 1], bytes.as_mut_slice());
    let row_bytes = width * dtype.size();
    let mut fill = |convert: &dyn Fn(&Object<'py>, &mut [u8]) -> Option<()>| {
        places.chunks_exact_mut(row_bytes).try_for_each(|places| {
            let row = rows.next().filter(|row| row.len() == width)?;
            let mut places = places.chunks_exact_mut(dtype.size()).enumerate();
            places.try_for_each(|(k, place)| convert(&row.get(k)?, place))
        })
    };
    match dtype {
        DType::F64 => fill(&|item, place| {
            let value = match item.cast_exact::<PyFloat>() {
                Ok(float) => float.value(),
                Err(_) => item.cast_exact::<PyInt>().ok()?.extract::<i64>().ok()? as f64,
            };
            place.copy_from_slice(&value.to_ne_bytes());
            Some(())
        }),
        DType::I64 => fill(&|item, place| {
            let value: i64 = item.cast_exact::<PyInt>().ok()?.extract().ok()?;
            place.copy_from_slice(&value.to_ne_bytes());
            Some(())
        }),
        DType::Bool => fill(&|item, place| {
            place[0] = u8::from(item.cast_exact::<PyBool>().ok()?.is_true());
            Some(())
        }),
        _ => None,
    }?;
    let shape: Vec<i64> = shape.iter().map(|&n| n as i64).collect();
    started()?.from_buffer(Arc::new(bytes), &shape, dtype).ok()
}
