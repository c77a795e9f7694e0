//! Pieces of CPython's C interface that pyo3 has no safe form of.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PySlice;

/// The bounds and the step of a slice; what was left out as the largest or smallest integers, which are clamped to an extent anyway.
///
/// # Errors
/// Python's, for bounds that are no integers and a step of 0.
pub(crate) fn slice_parts(slice: &Bound<'_, PySlice>) -> PyResult<[i64; 3]> {
    let (mut start, mut stop, mut step) = (0, 0, 0);
    // SAFETY: a living slice object, and three integers to be written.
    if unsafe { ffi::PySlice_Unpack(slice.as_ptr(), &mut start, &mut stop, &mut step) } < 0 {
        return Err(PyErr::fetch(slice.py()));
    }
    Ok([start as i64, stop as i64, step as i64])
}
