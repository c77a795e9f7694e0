//! From failures to Python's exceptions: the one place where they are chosen.

use legate_core::FailureKind;
use legate_numpy::{Casting, DType, Error, ExceptionKind};
use pyo3::exceptions::{
    PyIndexError, PyKeyboardInterrupt, PyMemoryError, PyOverflowError, PyRuntimeError, PyTypeError, PyValueError,
    PyZeroDivisionError,
};
use pyo3::prelude::*;

pyo3::create_exception!(
    legate,
    TaskError,
    PyRuntimeError,
    "A task failed; raised where its result is read. `filename` and `lineno` say which line issued it."
);

pyo3::create_exception!(
    legate,
    ControlReplicationError,
    PyRuntimeError,
    "The ranks do not run the same program: they took different branches, or gave operations different shapes or numbers. The message names the first operation that differs, \
     and the lines that issued it; `filename` and `lineno` are one of them."
);

/// Why a native form of a call gave no result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The native form does not cover this call: NumPy should be asked.
    Unsupported,
    /// The arguments fit neither the native form nor, it seems, NumPy's: NumPy should say what is wrong, or, if it finds nothing, be asked.
    Misused,
    /// The call was wrong, or the computation failed.
    Native(Error),
    /// A Python exception is on its way.
    Python(PyErr),
}

/// The result of trying a call natively.
pub(crate) type Attempt<T> = Result<T, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error.kind() {
            ExceptionKind::Fallback => Failure::Unsupported,
            // The hook that saw the signal has set the exception that its handler raised.
            ExceptionKind::KeyboardInterrupt => Failure::Python(crate::session::take_interrupt()),
            _ => Failure::Native(error),
        }
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Failure {
        Failure::Python(error)
    }
}

impl Failure {
    /// Whether a type was refused: NumPy has several exceptions and wordings for that, which it should choose itself.
    pub(crate) fn is_refused_type(&self) -> bool {
        matches!(self, Failure::Native(e) if matches!(e.kind(), ExceptionKind::TypeError | ExceptionKind::UFuncTypeError))
    }

    /// Whether the call itself was wrong, so that NumPy would refuse it too.
    pub(crate) fn is_refusal(&self, py: Python<'_>) -> bool {
        match self {
            Failure::Unsupported | Failure::Misused => false,
            Failure::Native(e) => matches!(
                e.kind(),
                ExceptionKind::ValueError
                    | ExceptionKind::TypeError
                    | ExceptionKind::IndexError
                    | ExceptionKind::AxisError
            ),
            Failure::Python(e) => {
                e.is_instance_of::<PyTypeError>(py)
                    || e.is_instance_of::<PyValueError>(py)
                    || e.is_instance_of::<PyOverflowError>(py)
            }
        }
    }

    /// The exception to raise where nothing can fall back.
    pub(crate) fn raise(self, py: Python<'_>) -> PyErr {
        match self {
            Failure::Python(error) => error,
            Failure::Native(error) => exception(py, &error),
            Failure::Unsupported | Failure::Misused => {
                PyTypeError::new_err("legate.numpy has no native form of this operation")
            }
        }
    }
}

/// NumPy's exception for `error`.
pub(crate) fn exception(py: Python<'_>, error: &Error) -> PyErr {
    let text = error.to_string();
    match error.kind() {
        ExceptionKind::ValueError => PyValueError::new_err(text),
        ExceptionKind::TypeError => PyTypeError::new_err(text),
        ExceptionKind::IndexError => PyIndexError::new_err(text),
        ExceptionKind::OverflowError => PyOverflowError::new_err(text),
        ExceptionKind::ZeroDivisionError => PyZeroDivisionError::new_err(text),
        ExceptionKind::MemoryError => PyMemoryError::new_err(text),
        ExceptionKind::KeyboardInterrupt => PyKeyboardInterrupt::new_err(()),
        ExceptionKind::Fallback => PyRuntimeError::new_err(text),
        ExceptionKind::AxisError => axis_error(py, text),
        ExceptionKind::LinAlgError => linalg_error(py, text),
        ExceptionKind::UFuncTypeError => ufunc_cast_error(py, error, text),
        ExceptionKind::RuntimeError => match error {
            Error::Task(failure) => task_error(py, failure, text),
            _ => PyRuntimeError::new_err(text),
        },
    }
}

fn axis_error(py: Python<'_>, text: String) -> PyErr {
    let class = py.import("numpy.exceptions").and_then(|m| m.getattr("AxisError"));
    match class.and_then(|class| class.call1((&text,))) {
        Ok(instance) => PyErr::from_value(instance),
        Err(error) => error,
    }
}

fn linalg_error(py: Python<'_>, text: String) -> PyErr {
    let class = py.import("numpy.linalg").and_then(|m| m.getattr("LinAlgError"));
    match class.and_then(|class| class.call1((&text,))) {
        Ok(instance) => PyErr::from_value(instance),
        Err(error) => error,
    }
}

/// NumPy's own classes for refused casts; they are private, so a plain `TypeError` (their base) where they are not found.
fn ufunc_cast_error(py: Python<'_>, error: &Error, text: String) -> PyErr {
    let Error::UfuncCast { ufunc, side, from, to, casting } = error else { return PyTypeError::new_err(text) };
    numpy_cast_error(py, ufunc, side, (*from, *to), *casting).unwrap_or_else(|_| PyTypeError::new_err(text))
}

fn numpy_cast_error(
    py: Python<'_>,
    ufunc: &str,
    side: &str,
    (from, to): (DType, DType),
    casting: Casting,
) -> PyResult<PyErr> {
    let module = py.import("numpy._core._exceptions")?;
    let mut words = side.split(' ');
    let class = match words.next() {
        Some("output") => module.getattr("_UFuncOutputCastingError")?,
        _ => module.getattr("_UFuncInputCastingError")?,
    };
    let position: usize = words.next().and_then(|w| w.parse().ok()).unwrap_or(0);
    let ufunc = py.import("numpy")?.getattr(ufunc)?;
    let (from, to) = (crate::dtype::descriptor(py, from)?, crate::dtype::descriptor(py, to)?);
    Ok(PyErr::from_value(class.call1((ufunc, casting.name(), from, to, position))?))
}

fn task_error(py: Python<'_>, failure: &legate_core::TaskFailure, text: String) -> PyErr {
    if failure.0.kind == FailureKind::OutOfMemory {
        return PyMemoryError::new_err(text);
    }
    let error = match failure.0.kind {
        FailureKind::Divergence => ControlReplicationError::new_err(failure.0.message.clone()),
        _ => TaskError::new_err(text),
    };
    let place = &failure.0.provenance;
    // The attributes are a convenience: the message names the line as well.
    let _ = error.value(py).setattr("filename", &*place.file);
    let _ = error.value(py).setattr("lineno", place.line);
    error
}
