//! What the runtime made of a stretch of the program: for `legate.explain`.

use crate::error::Failure;
use crate::session::{interrupted, session};
use legate_core::Provenance;
use legate_core::profile::{AtOnce, Explained, Explanation, Mark};
use legate_core::runtime::Runtime;
use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use std::sync::Arc;

/// Collects from its making until `finish`. What was pending before is done first, so that it is not told.
#[pyclass(frozen, module = "legate._native")]
pub(crate) struct Recording {
    mark: Mutex<Option<Mark>>,
}

#[pymethods]
impl Recording {
    #[new]
    fn begin(py: Python<'_>) -> PyResult<Recording> {
        let runtime = settled(py)?;
        Ok(Recording { mark: Mutex::new(Some(runtime.profiler().mark())) })
    }

    /// Waits for what was asked for and tells what was done for it, as dicts and lists.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let runtime = settled(py)?;
        let mark = self.mark.lock().take().ok_or_else(|| PyRuntimeError::new_err("the recording has ended"))?;
        let (spans, records) = runtime.profiler().since(mark);
        let explanation = Explanation::new(&records, &spans, u64::from(runtime.machine().cores));
        as_dict(py, &explanation)
    }
}

/// The runtime, after everything asked for is computed.
fn settled(py: Python<'_>) -> PyResult<Arc<Runtime>> {
    let session = session(py)?;
    py.detach(|| session.fence(&interrupted)).map_err(|e| Failure::from(e).raise(py))?;
    Ok(session.runtime().expect("the session of the module has a runtime").clone())
}

fn as_dict<'py>(py: Python<'py>, explanation: &Explanation) -> PyResult<Bound<'py, PyDict>> {
    let all = PyDict::new(py);
    let windows = explanation.windows.iter().map(|(operations, end, at)| (operations, end, at.as_ref().map(line)));
    all.set_item("windows", windows.collect::<Vec<_>>())?;
    let groups = explanation.groups.iter().map(|explained| group(py, explained)).collect::<PyResult<Vec<_>>>()?;
    all.set_item("groups", PyList::new(py, groups)?)?;
    let at_once =
        explanation.at_once.iter().map(|AtOnce { name, provenance, points }| (name, line(provenance), points));
    all.set_item("at_once", PyList::new(py, at_once.collect::<Vec<_>>())?)?;
    all.set_item("copies", explanation.copies.count)?;
    all.set_item("copied_bytes", explanation.copies.bytes)?;
    Ok(all)
}

fn group<'py>(py: Python<'py>, explained: &Explained) -> PyResult<Bound<'py, PyDict>> {
    let Explained { group, .. } = explained;
    let all = PyDict::new(py);
    let operations: Vec<_> = group.members.iter().map(|member| (&member.name, line(&member.provenance))).collect();
    all.set_item("operations", operations)?;
    all.set_item("shape", &group.shape)?;
    all.set_item("own_points", group.own_points)?;
    all.set_item("apart", &group.apart)?;
    all.set_item("apart_from", group.apart_from.as_ref().map(line))?;
    all.set_item("walk", explained.walk)?;
    all.set_item("unstored", group.unstored)?;
    all.set_item("unstored_bytes", group.unstored_bytes)?;
    all.set_item("dead", group.dead)?;
    all.set_item("chunks", explained.chunks)?;
    all.set_item("threads", explained.threads)?;
    all.set_item("bytes", explained.bytes)?;
    all.set_item("predicted_s", 1e-9 * explained.predicted_ns)?;
    all.set_item("measured_s", 1e-9 * explained.measured_ns as f64)?;
    all.set_item("busy_s", 1e-9 * explained.busy_ns as f64)?;
    Ok(all)
}

fn line(provenance: &Provenance) -> (String, u32) {
    (provenance.file.to_string(), provenance.line)
}
