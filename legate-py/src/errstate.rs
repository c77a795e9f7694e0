//! Floating-point exceptions as `np.errstate` wants them told.
//!
//! What is wanted is NumPy's own setting: a context variable of NumPy's that is looked at when an operation is issued. `'warn'` is told when the program next
//! waits for a value, at the line that issued the operation, for that is when it is known. Who wants anything else (`'raise'`, `'call'`, `'print'`, `'log'`) wants it at the call,
//! which waits.

use crate::capi;
use crate::error::Attempt;
use crate::session::{interrupted, started};
use legate_kernels::exceptions::Exceptions;
use legate_numpy::Session;
use legate_numpy::exceptions::{Incident, Wanted};
use parking_lot::Mutex;
use pyo3::exceptions::{PyFloatingPointError, PyRuntimeWarning};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

/// NumPy's settings, in its order, and the condition of each.
const SETTINGS: [(&str, Exceptions); 4] = [
    ("divide", Exceptions::DIVIDE),
    ("over", Exceptions::OVERFLOW),
    ("under", Exceptions::UNDERFLOW),
    ("invalid", Exceptions::INVALID),
];

/// What is done about a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
enum Mode {
    Ignore,
    Warn,
    Raise,
    Call,
    Print,
    Log,
}

/// Bits of a mode: as many for each condition, in the order of the settings.
const MODE_BITS: u32 = 3;

impl Mode {
    fn of(name: &str) -> Mode {
        match name {
            "ignore" => Mode::Ignore,
            "raise" => Mode::Raise,
            "call" => Mode::Call,
            "print" => Mode::Print,
            "log" => Mode::Log,
            _ => Mode::Warn,
        }
    }

    /// The mode of setting `k`.
    fn in_word(word: u16, k: usize) -> Mode {
        match word >> (MODE_BITS * k as u32) & 7 {
            0 => Mode::Ignore,
            2 => Mode::Raise,
            3 => Mode::Call,
            4 => Mode::Print,
            5 => Mode::Log,
            _ => Mode::Warn,
        }
    }
}

/// Whether somebody wants to be told at the call.
fn is_told_at_once(wanted: Wanted) -> bool {
    (0..SETTINGS.len()).any(|k| !matches!(Mode::in_word(wanted.mode, k), Mode::Ignore | Mode::Warn))
}

/// The value of NumPy's context variable that was seen last, kept alive so that its address means it, and what it says.
static SEEN: Mutex<Option<(Py<PyAny>, Wanted)>> = Mutex::new(None);

/// What the program wants to know now; asked for each operation that is issued.
pub(crate) fn wanted() -> Wanted {
    Python::attach(|py| current(py).unwrap_or_default())
}

fn current(py: Python<'_>) -> PyResult<Wanted> {
    let Some(state) = state(py)? else { return ask(py) };
    if let Some((seen, wanted)) = &*SEEN.lock()
        && seen.is(&state)
    {
        return Ok(*wanted);
    }
    let wanted = ask(py)?;
    *SEEN.lock() = Some((state.unbind(), wanted));
    Ok(wanted)
}

/// The value of NumPy's context variable; `None` for NumPy 1, which has none.
fn state(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    static VARIABLE: PyOnceLock<Option<Py<PyAny>>> = PyOnceLock::new();
    let find = || -> PyResult<Option<Py<PyAny>>> {
        let Ok(umath) = py.import("numpy._core.umath") else { return Ok(None) };
        Ok(umath.getattr_opt("_extobj_contextvar")?.map(Bound::unbind))
    };
    let Some(variable) = VARIABLE.get_or_try_init(py, find)? else { return Ok(None) };
    capi::context_value(variable.bind(py))
}

/// What `np.geterr()` says.
fn ask(py: Python<'_>) -> PyResult<Wanted> {
    let settings = py.import("numpy")?.call_method0("geterr")?;
    let mut wanted = Wanted::default();
    for (k, (name, condition)) in SETTINGS.into_iter().enumerate() {
        let mode = Mode::of(&settings.get_item(name)?.extract::<String>()?);
        wanted.mode |= (mode as u16) << (MODE_BITS * k as u32);
        if mode != Mode::Ignore {
            wanted.exceptions |= condition;
        }
    }
    Ok(wanted)
}

/// After an operation was issued: tells what is known, and waits for what has to be told at once.
pub(crate) fn after_issue(py: Python<'_>) -> Attempt<()> {
    let Some(session) = started() else { return Ok(()) };
    if is_told_at_once(current(py)?) {
        py.detach(|| session.fence(&interrupted))?;
    }
    Ok(tell(py)?)
}

/// After an operation on small arrays, which was computed at the call.
#[inline]
pub(crate) fn after_small(py: Python<'_>) -> PyResult<()> {
    match started().is_some_and(Session::has_incidents) {
        true => tell(py),
        false => Ok(()),
    }
}

/// At the end of the program: tells what has been met and nobody has waited to hear. What is not computed by now nobody has asked for.
#[pyfunction]
#[pyo3(name = "_tell")]
pub(crate) fn tell_last(py: Python<'_>) -> PyResult<()> {
    tell(py)
}

/// Tells what has been met so far.
///
/// # Errors
/// `FloatingPointError` under `'raise'`, and what Python makes of a warning.
pub(crate) fn tell(py: Python<'_>) -> PyResult<()> {
    let Some(session) = started() else { return Ok(()) };
    let mut failed = Ok(());
    for incident in session.take_incidents() {
        for (condition, words) in incident.met.words() {
            let told = tell_one(py, &incident, condition, words);
            failed = failed.and(told);
        }
    }
    failed
}

fn tell_one(py: Python<'_>, incident: &Incident, condition: Exceptions, words: &str) -> PyResult<()> {
    let place = SETTINGS.iter().position(|(_, c)| *c == condition).expect("each condition has a setting");
    let message = format!("{words} encountered in {}", incident.function);
    match Mode::in_word(incident.mode, place) {
        Mode::Ignore => Ok(()),
        Mode::Warn => warn(py, incident, &message),
        Mode::Raise => Err(PyFloatingPointError::new_err(message)),
        Mode::Print => {
            let line = format!("Warning: {message}\n");
            py.import("sys")?.getattr("stderr")?.call_method1("write", (line,)).map(|_| ())
        }
        mode => {
            let call = py.import("numpy")?.call_method0("geterrcall")?;
            if mode == Mode::Log {
                return call.call_method1("write", (format!("Warning: {message}\n"),)).map(|_| ());
            }
            call.call1((words, condition.bits())).map(|_| ())
        }
    }
}

/// A warning at the line that issued the operation. Which lines have been warned of is remembered for each file, as modules do.
fn warn(py: Python<'_>, incident: &Incident, message: &str) -> PyResult<()> {
    static REGISTRIES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let registries = REGISTRIES.get_or_init(py, || PyDict::new(py).unbind()).bind(py);
    let file = if incident.line.file.is_empty() { "<unknown>" } else { &*incident.line.file };
    let registry = registries.call_method1(intern!(py, "setdefault"), (file, PyDict::new(py)))?;
    let warnings = py.import(intern!(py, "warnings"))?;
    let keywords = PyDict::new(py);
    keywords.set_item("registry", registry)?;
    let category = py.get_type::<PyRuntimeWarning>();
    warnings.call_method("warn_explicit", (message, category, file, incident.line.line), Some(&keywords))?;
    Ok(())
}
