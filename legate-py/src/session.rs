//! The one session of the process: put together from the environment at first use.

use crate::error::{Attempt, Failure};
use crate::errstate;
use crate::provenance;
use crate::settings::Settings;
use legate_core::id::ShardId;
use legate_core::profile::trace_json;
use legate_core::transport::{Sent, Traffic};
use legate_numpy::{NdArray, Session, Wait};
use parking_lot::Mutex;
use pyo3::exceptions::{PyKeyboardInterrupt, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::cell::Cell;
use std::sync::{Arc, OnceLock};

static SESSION: OnceLock<Session> = OnceLock::new();
static STARTING: Mutex<()> = Mutex::new(());

/// The session; started by the first call.
///
/// # Errors
/// `ValueError` for settings in the environment that make no sense.
pub(crate) fn session(py: Python<'_>) -> PyResult<&'static Session> {
    match SESSION.get() {
        Some(session) => Ok(session),
        None => py.detach(start),
    }
}

/// The session, if it has been started.
pub(crate) fn started() -> Option<&'static Session> {
    SESSION.get()
}

fn start() -> PyResult<&'static Session> {
    let _one_at_a_time = STARTING.lock();
    if let Some(session) = SESSION.get() {
        return Ok(session);
    }
    let settings = Settings::from_environment()?;
    let session = Session::new(settings.config()?).map_err(|e| PyValueError::new_err(e.to_string()))?;
    session.set_provenance_source(Arc::new(provenance::current));
    session.set_waiter(Arc::new(released));
    session.set_exceptions_source(Arc::new(errstate::wanted));
    if let Some(runtime) = session.runtime() {
        runtime.profiler().enable(settings.wants_profile());
    }
    Ok(SESSION.get_or_init(|| session))
}

// ---------------------------------------------------------------------------------------------------------------------
// Interrupts
// ---------------------------------------------------------------------------------------------------------------------

thread_local! {
    static INTERRUPT: Cell<Option<PyErr>> = const { Cell::new(None) };
}

/// Whether a signal's handler wants the present wait to end (Ctrl-C). Asked by waits every now and then.
pub(crate) fn interrupted() -> bool {
    Python::attach(|py| match py.check_signals() {
        Ok(()) => false,
        Err(error) => {
            INTERRUPT.set(Some(error));
            true
        }
    })
}

/// Waits as a call has turned out to need, with the interpreter released: other threads of the program go on, and Ctrl-C ends it.
fn released(wait: &mut Wait<'_>) {
    Python::attach(|py| py.detach(|| wait(&interrupted)));
}

/// The exception that the signal's handler raised.
pub(crate) fn take_interrupt() -> PyErr {
    INTERRUPT.take().unwrap_or_else(|| PyKeyboardInterrupt::new_err(()))
}

/// Issues an operation on `array` and what goes with it. The interpreter is released if it may take a while: what is at hand and small is
/// computed faster than that.
pub(crate) fn issue<T: Send>(
    py: Python<'_>,
    array: &NdArray,
    operation: impl FnOnce() -> legate_numpy::Result<T> + Send,
) -> Attempt<T> {
    const WORTH_RELEASING_BYTES: usize = 32 << 10;
    if array.is_ready() && array.nbytes() < WORTH_RELEASING_BYTES {
        let result = operation()?;
        errstate::after_issue(py)?;
        return Ok(result);
    }
    let result = py.detach(operation)?;
    errstate::after_issue(py)?;
    Ok(result)
}

/// Waits until everything that was asked for is computed. Failures of tasks show where their results are read, not here.
#[pyfunction]
pub(crate) fn fence(py: Python<'_>) -> PyResult<()> {
    let Some(session) = SESSION.get() else { return Ok(()) };
    py.detach(|| session.fence(&interrupted)).map_err(|e| Failure::from(e).raise(py))?;
    errstate::tell(py)
}

/// Test hook: an array whose values cannot be computed: its task panics.
#[pyfunction]
#[pyo3(name = "_failing_array", signature = (shape, message = "asked to fail"))]
pub(crate) fn failing_array<'py>(py: Python<'py>, shape: Vec<i64>, message: &str) -> PyResult<Bound<'py, PyAny>> {
    let nd = session(py)?.failing(&shape, message).map_err(|e| Failure::from(e).raise(py))?;
    crate::outcome::array(py, nd)
}

/// What the runtime has done so far: operations issued, windows flushed and, of them, replayed (like an earlier one, whose plan was used again),
/// groups and launches fused into them, groups that shared their rows, calls of task bodies, messages
/// and bytes between shards, bytes of values that the program has looked at, bytes of memory. All zero before the first array needs it.
#[pyfunction]
pub(crate) fn stats(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let stats = SESSION.get().and_then(Session::runtime).map(|runtime| runtime.stats()).unwrap_or_default();
    let all = PyDict::new(py);
    for (name, value) in [
        ("operations", stats.operations),
        ("windows", stats.windows),
        ("replayed", stats.replayed),
        ("groups", stats.groups),
        ("fused", stats.fused),
        ("in_rows", stats.in_rows),
        ("tasks", stats.tasks),
        ("messages", stats.messages),
        ("message_bytes", stats.message_bytes),
        ("fetched_bytes", stats.fetched_bytes),
        ("live_bytes", stats.live_bytes),
        ("peak_bytes", stats.peak_bytes),
        ("idle_bytes", stats.idle_bytes),
        ("fresh_blocks", stats.fresh_blocks),
    ] {
        all.set_item(name, value)?;
    }
    Ok(all)
}

/// Messages and bytes of each kind.
type Counts = [(u64, u64); 3];

/// What the ranks of this process have sent so far: for each pair of a sender and a receiver both, then messages and bytes of values, of what the runtime says for itself, and of
/// what the library that connects the ranks was given.
#[pyfunction]
#[pyo3(name = "_traffic")]
pub(crate) fn traffic() -> Vec<(u32, u32, Counts)> {
    let traffic = SESSION.get().and_then(Session::runtime).map(|runtime| runtime.traffic()).unwrap_or_default();
    let counts = |sent: &Sent| [sent.values, sent.control, sent.link].map(|count| (count.messages, count.bytes));
    let of = |from: ShardId, peers: Traffic| peers.into_iter().map(move |(to, sent)| (from.0, to.0, counts(&sent)));
    traffic.into_iter().flat_map(|(from, peers)| of(from, peers)).collect()
}

/// Writes the trace collected so far (`LEGATE_PROFILE`) for Perfetto or chrome://tracing, after what is pending is done.
#[pyfunction]
#[pyo3(name = "_write_profile")]
pub(crate) fn write_profile(py: Python<'_>, path: &str) -> PyResult<()> {
    fence(py)?;
    let runtime = SESSION.get().and_then(Session::runtime);
    let (spans, records) = runtime.map(|runtime| runtime.profiler().take()).unwrap_or_default();
    std::fs::write(path, trace_json(&spans, &records))?;
    Ok(())
}
