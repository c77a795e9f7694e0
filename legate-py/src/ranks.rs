//! This process as one of several ranks: joined through a plug-in before the first array, left when the program has ended.

use crate::session::interrupted;
use legate_core::error::{FailureKind, Provenance, TaskFailure};
use legate_core::runtime::Ranks;
use legate_core::transport::remote::{Options, Plugin, Remote};
use legate_core::transport::{Transport, least};
use legate_numpy::LocalPiece;
use numpy::PyUntypedArray;
use parking_lot::Mutex;
use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::{PySlice, PyTuple};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

static REMOTE: Mutex<Option<Arc<Remote>>> = Mutex::new(None);

/// The others, if this process has joined them.
pub(crate) fn joined() -> Option<Arc<Remote>> {
    REMOTE.lock().clone()
}

/// Whether rank 0 alone runs the program (`LEGATE_CONTROLLER=1`).
fn led() -> bool {
    std::env::var_os("LEGATE_CONTROLLER").is_some_and(|value| value == "1")
}

/// Who the shards are: the ranks that were joined, else simulated ones.
pub(crate) fn ranks(simulated: u32, seed: u64) -> Ranks {
    match joined() {
        Some(remote) if led() => Ranks::Led(remote),
        Some(remote) => Ranks::Joined(remote),
        None => Ranks::simulated(simulated, seed),
    }
}

/// What processes of one machine share of it: its cores and its memory. All ranks get the same: the least that one of them has, since all decide alike.
///
/// # Errors
/// `RuntimeError` if a rank is lost.
pub(crate) fn share(cores: u32, memory_bytes: u64, cache_bytes: u64) -> PyResult<(u32, u64, u64)> {
    let Some(remote) = joined() else { return Ok((cores, memory_bytes, cache_bytes)) };
    let standing = remote.standing();
    let mine = [
        u64::from(cores.div_ceil(standing.local_ranks.max(1))).max(1),
        memory_bytes / u64::from(standing.local_ranks.max(1)),
        cache_bytes,
    ];
    let least = least(remote, 1, &mine, &interrupted).map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    Ok((least[0] as u32, least[1], least[2]))
}

/// Joins the ranks that were started together, through the plug-in at `plugin`, for the first of `libraries` (names or paths) that can be loaded.
/// Who waits longer than `patience_s` seconds says so on standard error; 0: never.
/// Returns rank, number of ranks, rank and number of ranks on this computer, and what the library calls itself.
#[pyfunction]
#[pyo3(name = "_join")]
pub(crate) fn join(
    py: Python<'_>,
    plugin: PathBuf,
    libraries: Vec<PathBuf>,
    patience_s: f64,
) -> PyResult<(u32, u32, u32, u32, String)> {
    let patience = Duration::try_from_secs_f64(patience_s).ok().filter(|patience| !patience.is_zero());
    let patience = patience.unwrap_or(Duration::MAX);
    let mut remote = REMOTE.lock();
    if remote.is_some() || crate::session::started().is_some() {
        return Err(PyRuntimeError::new_err("ranks are joined once, before the first array"));
    }
    let link = py.detach(|| Plugin::join(&plugin, &libraries));
    let link = link.map_err(|error| PyOSError::new_err(error.to_string()))?;
    let name = link.describe();
    let tell = Box::new(|words: &str| eprintln!("legate: {words}"));
    let joined = Remote::new(Box::new(link), Options { patience, tell, ..Options::default() });
    let standing = joined.standing();
    *remote = Some(Arc::new(joined));
    Ok((standing.rank, standing.ranks, standing.local_rank, standing.local_ranks, name))
}

/// The least of each of the numbers that the ranks bring; all call it alike. `meeting`: counts the calls.
#[pyfunction]
#[pyo3(name = "_agree")]
pub(crate) fn agree(py: Python<'_>, meeting: u64, numbers: Vec<u64>) -> PyResult<Vec<u64>> {
    let Some(remote) = joined() else { return Ok(numbers) };
    // Even numbers are the program's, odd ones ours (`share`).
    let least = py.detach(|| least(remote, 2 * meeting, &numbers, &interrupted));
    least.map_err(|error| PyRuntimeError::new_err(error.to_string()))
}

/// The bounds of a piece, and its values.
type LocalPart<'py> = (Bound<'py, PyTuple>, Bound<'py, PyUntypedArray>);

/// This rank's own part of an array: a list of pieces, each as the tuple of slices that it is of the whole, and a read-only NumPy array of its values. No rank is asked
/// for anything, and each element is one rank's: what all of them hold (small arrays, results of reductions) is rank 0's. A single process has all. Where the ranks run the program side
/// by side, all have to call it.
#[pyfunction]
pub(crate) fn local<'py>(py: Python<'py>, array: &Bound<'py, PyAny>) -> PyResult<Vec<LocalPart<'py>>> {
    let nd = crate::convert::array(array).map_err(|failure| failure.raise(py))?;
    let session = crate::session::session(py)?;
    let pieces = py.detach(|| session.local(&nd, &interrupted));
    let pieces = pieces.map_err(|error| crate::error::Failure::from(error).raise(py))?;
    let part = |piece: LocalPiece| {
        let ends = piece.start.iter().zip(&piece.shape).map(|(start, extent)| (*start, start + extent));
        let bounds = ends.map(|(start, end)| PySlice::new(py, start as isize, end as isize, 1));
        let values = crate::host::snapshot(py, piece.values, &piece.shape, nd.dtype())?;
        Ok((PyTuple::new(py, bounds)?, values))
    };
    pieces.into_iter().map(part).collect()
}

/// Does what rank 0 tells, until it tells that it is over.
#[pyfunction]
#[pyo3(name = "_follow")]
pub(crate) fn follow(py: Python<'_>) -> PyResult<()> {
    let session = crate::session::session(py)?;
    let runtime = session.runtime().ok_or_else(|| PyRuntimeError::new_err("nobody leads"))?;
    py.detach(|| runtime.follow(&interrupted)).map_err(|error| PyRuntimeError::new_err(error.to_string()))
}

/// Tells the ranks that follow that it is over.
#[pyfunction]
#[pyo3(name = "_dismiss")]
pub(crate) fn dismiss(py: Python<'_>) -> PyResult<()> {
    // Those who follow wait for the leader's session, whether the program has needed one or not.
    let session = crate::session::session(py)?;
    if let Some(runtime) = session.runtime() {
        py.detach(|| runtime.dismiss());
    }
    Ok(())
}

/// Tells all ranks that the run is over: whoever waits, now or later, gets `message` as an exception.
#[pyfunction]
#[pyo3(name = "_announce")]
pub(crate) fn announce(message: &str, file: &str, line: u32) {
    if let Some(remote) = joined() {
        let provenance = Provenance { file: file.into(), line };
        remote.announce(&TaskFailure::new("rank", &provenance, FailureKind::Transport, message));
    }
}

/// Why the run is over, if a rank has announced it.
#[pyfunction]
#[pyo3(name = "_announced")]
pub(crate) fn announced() -> Option<String> {
    joined()?.failure().map(|failure| failure.0.message.clone())
}

/// Asks all other ranks to end, with this exit status.
#[pyfunction]
#[pyo3(name = "_call_off")]
pub(crate) fn call_off(status: i32) {
    if let Some(remote) = joined() {
        remote.call_off(status);
    }
}

/// The exit status with which this rank was asked to end.
#[pyfunction]
#[pyo3(name = "_called_off")]
pub(crate) fn called_off() -> Option<i32> {
    joined()?.called_off()
}

/// Disconnects, after all ranks have met.
#[pyfunction]
#[pyo3(name = "_leave")]
pub(crate) fn leave(py: Python<'_>) -> PyResult<()> {
    let Some(remote) = joined() else { return Ok(()) };
    py.detach(|| remote.leave()).map_err(|error| PyRuntimeError::new_err(error.to_string()))
}

/// Ends all ranks, at once.
#[pyfunction]
#[pyo3(name = "_abort")]
pub(crate) fn abort(code: i32) {
    if let Some(remote) = joined() {
        remote.abort(code);
    }
}
