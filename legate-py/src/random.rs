//! Large random draws. The states are NumPy's (`legate/numpy/random.py` reads and writes them); here a draw is given its state.

use crate::error::Failure;
use crate::outcome;
use crate::session::session;
use legate_numpy::{DType, Generator, LegacyState, NdArray};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Uniform doubles of NumPy's legacy generator in the state (`key`, `pos`), and its state after them.
#[pyfunction]
pub(crate) fn mt19937_sample<'py>(
    py: Python<'py>,
    key: &[u8],
    pos: u32,
    shape: Vec<i64>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyBytes>, u32)> {
    let key = key.chunks_exact(4).map(|w| u32::from_ne_bytes([w[0], w[1], w[2], w[3]])).collect();
    let state = LegacyState { key, pos, has_gauss: false, cached_gaussian: 0.0 };
    let session = session(py)?;
    let draw = || -> legate_numpy::Result<_> {
        session.set_random_state(&state)?;
        Ok((session.random_sample(&shape)?, session.random_state()))
    };
    let (nd, after) = py.detach(draw).map_err(|e| Failure::from(e).raise(py))?;
    let key: Vec<u8> = after.key.iter().flat_map(|word| word.to_ne_bytes()).collect();
    Ok((outcome::array(py, nd)?, PyBytes::new(py, &key), after.pos))
}

/// Uniform doubles of PCG64 in the state (`state`, `inc`). The caller moves NumPy's generator on.
#[pyfunction]
pub(crate) fn pcg64_sample(py: Python<'_>, state: u128, inc: u128, shape: Vec<i64>) -> PyResult<Bound<'_, PyAny>> {
    let generator = Generator::from_state(state, inc);
    drawn(py, generator.random(session(py)?, &shape, DType::F64))
}

/// Standard normal doubles of a stream seeded by `entropy`.
#[pyfunction]
pub(crate) fn normal_sample(py: Python<'_>, entropy: Vec<u32>, shape: Vec<i64>) -> PyResult<Bound<'_, PyAny>> {
    drawn(py, Generator::new(&entropy).standard_normal(session(py)?, &shape))
}

fn drawn(py: Python<'_>, result: legate_numpy::Result<NdArray>) -> PyResult<Bound<'_, PyAny>> {
    outcome::array(py, result.map_err(|e| Failure::from(e).raise(py))?)
}
