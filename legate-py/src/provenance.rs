//! Which line of the user's program is being executed.
//!
//! Asked only when an operation is really issued, so it may cost a walk over a few frames.

use legate_core::Provenance;
use parking_lot::Mutex;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyCode, PyFrame};
use std::sync::{Arc, OnceLock};

/// The folder of this package's Python files: their frames are not the user's.
static PACKAGE: OnceLock<String> = OnceLock::new();

/// Says where this package lies. Called once, at import.
pub(crate) fn set_package(folder: String) {
    // A second import (a sub-interpreter) has the same folder.
    let _ = PACKAGE.set(folder);
}

/// File names of the code objects seen last. Code objects are kept alive here, so an address means one code object.
static SEEN: Mutex<Vec<Seen>> = Mutex::new(Vec::new());
const SEEN_MAX: usize = 16;

struct Seen {
    code: Py<PyCode>,
    /// `None`: one of our own files.
    file: Option<Arc<str>>,
}

/// The innermost line that is not in this package; empty if no Python code runs on this thread.
pub(crate) fn current() -> Provenance {
    Python::attach(|py| walk(py).unwrap_or_default())
}

fn walk(py: Python<'_>) -> Option<Provenance> {
    // SAFETY: the thread is attached; a null pointer (no frame) is answered by `None`, else we own a new reference.
    let mut frame: Bound<'_, PyFrame> =
        unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PyEval_GetFrame().cast())?.cast_into_unchecked() };
    loop {
        // SAFETY: `frame` is a frame object and the thread is attached; the call gives a new reference, never null.
        let code: Bound<'_, PyCode> = unsafe {
            Bound::from_owned_ptr(py, ffi::PyFrame_GetCode(frame.as_ptr().cast()).cast()).cast_into_unchecked()
        };
        if let Some(file) = file_of(&code) {
            // SAFETY: as above; the line of a running frame is asked without side effects.
            let line = unsafe { ffi::PyFrame_GetLineNumber(frame.as_ptr().cast()) };
            return Some(Provenance { file, line: line.max(0) as u32 });
        }
        // SAFETY: as above; a new reference, or null for the outermost frame.
        frame = unsafe {
            Bound::from_owned_ptr_or_opt(py, ffi::PyFrame_GetBack(frame.as_ptr().cast()).cast())?.cast_into_unchecked()
        };
    }
}

/// The code's file name, `None` if it is ours.
fn file_of(code: &Bound<'_, PyCode>) -> Option<Arc<str>> {
    let mut seen = SEEN.lock();
    if let Some(known) = seen.iter().find(|s| s.code.as_ptr() == code.as_ptr()) {
        return known.file.clone();
    }
    let name: String = code.getattr("co_filename").and_then(|n| n.extract()).unwrap_or_default();
    let ours = PACKAGE.get().is_some_and(|folder| name.starts_with(folder.as_str()));
    let file = (!ours).then(|| Arc::from(name));
    if seen.len() == SEEN_MAX {
        seen.remove(0);
    }
    seen.push(Seen { code: code.clone().unbind(), file: file.clone() });
    file
}
