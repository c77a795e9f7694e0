//! The operators of arrays.
#![allow(unsafe_op_in_unsafe_fn, reason = "in what pyo3 makes of the slots; there is no unsafe code here")]

use crate::array::{Array, DeferredScalar, NdArrayObject};
use crate::convert;
use crate::error::{Attempt, Failure};
use crate::errstate;
use crate::fallback;
use crate::functions::quick::plain;
use crate::outcome;
use crate::scalars;
use crate::session::{issue, session, started};
use legate_kernels::dtype::B8;
use legate_numpy::exceptions::called;
use legate_numpy::{Arg, CallOptions, Casting, Kind, NdArray, Operand, Scalar, Ufunc, Weak};
use pyo3::basic::CompareOp;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyList, PyNotImplemented, PyString, PyTuple};
use std::sync::OnceLock;

/// An operator of Python that is a ufunc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    TrueDivide,
    FloorDivide,
    Remainder,
    Power,
    And,
    Or,
    Xor,
    LeftShift,
    RightShift,
    Less,
    LessEqual,
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Negative,
    Positive,
    Absolute,
    Invert,
    Square,
    Sqrt,
    Reciprocal,
}

/// Per operator: the ufunc, and the function of Python's `operator` module.
const NAMES: [(Operator, &str, &str); 25] = {
    use Operator::*;
    [
        (Add, "add", "add"),
        (Subtract, "subtract", "sub"),
        (Multiply, "multiply", "mul"),
        (TrueDivide, "divide", "truediv"),
        (FloorDivide, "floor_divide", "floordiv"),
        (Remainder, "remainder", "mod"),
        (Power, "power", "pow"),
        (And, "bitwise_and", "and_"),
        (Or, "bitwise_or", "or_"),
        (Xor, "bitwise_xor", "xor"),
        (LeftShift, "left_shift", "lshift"),
        (RightShift, "right_shift", "rshift"),
        (Less, "less", "lt"),
        (LessEqual, "less_equal", "le"),
        (Equal, "equal", "eq"),
        (NotEqual, "not_equal", "ne"),
        (Greater, "greater", "gt"),
        (GreaterEqual, "greater_equal", "ge"),
        (Negative, "negative", "neg"),
        (Positive, "positive", "pos"),
        (Absolute, "absolute", "abs"),
        (Invert, "invert", "invert"),
        (Square, "square", "square"),
        (Sqrt, "sqrt", "sqrt"),
        (Reciprocal, "reciprocal", "reciprocal"),
    ]
};

impl Operator {
    /// Its ufunc; `None` if that is not native.
    fn ufunc(self) -> Option<Ufunc> {
        static TABLE: OnceLock<[Option<Ufunc>; NAMES.len()]> = OnceLock::new();
        TABLE.get_or_init(|| NAMES.map(|(_, ufunc, _)| Ufunc::lookup(ufunc)))[self as usize]
    }

    fn names(self) -> (&'static str, &'static str) {
        let (_, ufunc, function) = NAMES[self as usize];
        (ufunc, function)
    }

    fn of(op: CompareOp) -> Operator {
        match op {
            CompareOp::Lt => Operator::Less,
            CompareOp::Le => Operator::LessEqual,
            CompareOp::Eq => Operator::Equal,
            CompareOp::Ne => Operator::NotEqual,
            CompareOp::Gt => Operator::Greater,
            CompareOp::Ge => Operator::GreaterEqual,
        }
    }
}

type Object<'py> = Bound<'py, PyAny>;

fn not_implemented(py: Python<'_>) -> Object<'_> {
    PyNotImplemented::get(py).to_owned().into_any()
}

/// Whether `other` wants to handle operators with arrays itself: NumPy's rule (`__array_ufunc__ = None`, or a higher `__array_priority__`).
fn defers_to(other: &Object<'_>) -> bool {
    let class = other.get_type();
    if let Ok(protocol) = class.getattr("__array_ufunc__") {
        return protocol.is_none();
    }
    other.getattr("__array_priority__").and_then(|p| p.extract::<f64>()).is_ok_and(|priority| priority > 0.0)
}

/// `left op right`, one of which is `slf`.
fn binary<'py>(slf: &Bound<'py, Array>, other: &Object<'py>, op: Operator, reflected: bool) -> PyResult<Object<'py>> {
    let py = slf.py();
    if let Some(result) = small(slf.get().nd(), other, op, reflected) {
        errstate::after_small(py)?;
        return match model(slf, other) {
            Some(model) => match overridden(slf, other, op, reflected)? {
                Some(answer) => Ok(answer),
                None => outcome::like_value(model, result).map_err(|failure| failure.raise(py)),
            },
            None => outcome::small_value(py, result),
        };
    }
    if op == Operator::Multiply
        && let Some(repeated) = repetition(slf, other)
    {
        return repeated;
    }
    let model = match model(slf, other) {
        None => slf,
        Some(model) => match overridden(slf, other, op, reflected)? {
            Some(answer) => return Ok(answer),
            None => model,
        },
    };
    let operands = if reflected { (other, slf.as_any()) } else { (slf.as_any(), other) };
    let attempt = || -> Attempt<Object<'py>> {
        let other = match convert::direct_operand(other)? {
            Some(operand) => operand,
            None if defers_to(other) => return Ok(not_implemented(py)),
            None if crate::ufunc::overrides(other)? => {
                let ufunc = py.import("legate.numpy")?.getattr(op.names().0)?;
                return Ok(ufunc.call1(operands)?);
            }
            None => convert::operand(other)?,
        };
        let (s, nd) = (session(py)?, slf.get().nd());
        if let Some(result) = shortcut_power(py, nd, &other, op, reflected) {
            return outcome::like_value(model, result?);
        }
        let ufunc = op.ufunc().ok_or(Failure::Unsupported)?;
        let mut operands = [Operand::from(nd), other];
        if reflected {
            operands.swap(0, 1);
        }
        let result = issue(py, nd, || s.call(ufunc, &operands, &CallOptions::default()))?;
        outcome::like_value(model, result)
    };
    attempt().or_else(|failure| or_numpy(py, failure, op, &operands.into_pyobject(py)?))
}

/// What a class with an `__array_ufunc__` of its own makes of `slf op other`; `None` if neither operand has one.
fn overridden<'py>(
    slf: &Bound<'py, Array>,
    other: &Object<'py>,
    op: Operator,
    reflected: bool,
) -> PyResult<Option<Object<'py>>> {
    if !crate::ufunc::overrides(slf)? && !crate::ufunc::overrides(other)? {
        return Ok(None);
    }
    let ufuncs = slf.py().import("legate.numpy")?;
    let exponent = if op == Operator::Power { convert::arg(other) } else { None };
    if let Some(unary) = exponent.and_then(|exponent| unary_of_power(slf.get().nd(), exponent, reflected)) {
        return ufuncs.getattr(unary.names().0)?.call1((slf,)).map(Some);
    }
    let operands = if reflected { (other, slf.as_any()) } else { (slf.as_any(), other) };
    ufuncs.getattr(op.names().0)?.call1(operands).map(Some)
}

/// The operand whose class the result has; `None` where that is ours.
fn model<'a, 'py>(slf: &'a Bound<'py, Array>, other: &'a Object<'py>) -> Option<&'a Bound<'py, Array>> {
    // Nearly all operands are of no subclass: that is seen at once.
    if !outcome::is_of_subclass(slf) && !outcome::is_of_subclass(other) {
        return None;
    }
    outcome::model([slf.as_any(), other].into_iter())
}

/// Sequences times a scalar are repeated, as by NumPy's scalars.
fn repetition<'py>(slf: &Bound<'py, Array>, other: &Object<'py>) -> Option<PyResult<Object<'py>>> {
    let is_sequence = other.is_instance_of::<PyList>()
        || other.is_instance_of::<PyTuple>()
        || other.is_instance_of::<PyString>()
        || other.is_instance_of::<PyBytes>();
    if !is_sequence || !slf.is_instance_of::<DeferredScalar>() {
        return None;
    }
    let repeat = || {
        let count = outcome::item(slf.py(), slf.get().nd()).map_err(|failure| failure.raise(slf.py()))?;
        other.mul(crate::host::scalar(slf.py(), &count)?)
    };
    Some(repeat())
}

/// The result for small arrays at hand; `None` if it should be had otherwise.
fn small(nd: &NdArray, other: &Object<'_>, op: Operator, reflected: bool) -> Option<NdArray> {
    let other = convert::arg(other)?;
    let session = started()?;
    if op == Operator::Power {
        let unary = unary_of_power(nd, other, reflected)?;
        return session.call_small(unary.ufunc()?, &[Arg::Array(nd)], None);
    }
    let args = if reflected { [other, Arg::Array(nd)] } else { [Arg::Array(nd), other] };
    session.call_small(op.ufunc()?, &args, None)
}

/// NumPy computes `x**2` of all arrays, and `x**0.5`, `x**-1` and `x**1` of inexact ones, with the function that says so.
fn shortcut_power(
    py: Python<'_>,
    nd: &NdArray,
    exponent: &Operand,
    op: Operator,
    reflected: bool,
) -> Option<Attempt<NdArray>> {
    if op != Operator::Power {
        return None;
    }
    let Operand::Weak(exponent) = *exponent else { return None };
    let unary = unary_of_power(nd, Arg::Weak(exponent), reflected)?;
    let ufunc = unary.ufunc()?;
    let operands = [Operand::from(nd)];
    let call = || -> Attempt<NdArray> {
        let s = session(py)?;
        issue(py, nd, || s.call(ufunc, &operands, &CallOptions::default()))
    };
    Some(call())
}

/// The function that says what the power says.
fn unary_of_power(nd: &NdArray, exponent: Arg<'_>, reflected: bool) -> Option<Operator> {
    let inexact = matches!(nd.dtype().kind(), Kind::Float | Kind::Complex);
    match exponent {
        _ if reflected => None,
        Arg::Weak(Weak::Int(2)) => Some(Operator::Square),
        Arg::Weak(Weak::Float(2.0)) if inexact => Some(Operator::Square),
        Arg::Weak(Weak::Float(0.5)) if inexact => Some(Operator::Sqrt),
        Arg::Weak(Weak::Int(-1) | Weak::Float(-1.0)) if inexact => Some(Operator::Reciprocal),
        Arg::Weak(Weak::Int(1) | Weak::Float(1.0)) if inexact => Some(Operator::Positive),
        _ => None,
    }
}

fn unary<'py>(slf: &Bound<'py, Array>, op: Operator) -> PyResult<Object<'py>> {
    let py = slf.py();
    let small = || started()?.call_small(op.ufunc()?, &[Arg::Array(slf.get().nd())], None);
    if outcome::is_of_subclass(slf) && crate::ufunc::overrides(slf)? {
        return py.import("legate.numpy")?.getattr(op.names().0)?.call1((slf,));
    }
    if let Some(result) = small() {
        errstate::after_small(py)?;
        return outcome::like_value(slf, result).map_err(|failure| failure.raise(py));
    }
    let attempt = || -> Attempt<Object<'py>> {
        let (s, nd) = (session(py)?, slf.get().nd());
        let ufunc = op.ufunc().ok_or(Failure::Unsupported)?;
        let operands = [Operand::from(nd)];
        let result = issue(py, nd, || s.call(ufunc, &operands, &CallOptions::default()))?;
        outcome::like_value(slf, result)
    };
    attempt().or_else(|failure| or_numpy(py, failure, op, &(slf,).into_pyobject(py)?))
}

/// A comparison. No number equals `None` or a text.
pub(crate) fn compare<'py>(slf: &Bound<'py, Array>, other: &Object<'py>, op: CompareOp) -> PyResult<Object<'py>> {
    let is_no_number = other.is_none() || other.cast_exact::<PyString>().is_ok();
    if is_no_number && matches!(op, CompareOp::Eq | CompareOp::Ne) {
        let (py, differs) = (slf.py(), Scalar::new(B8(u8::from(matches!(op, CompareOp::Ne)))));
        if slf.is_instance_of::<DeferredScalar>() && other.is_none() {
            return Ok(PyBool::new(py, matches!(op, CompareOp::Ne)).to_owned().into_any());
        }
        let full = session(py)?.full(slf.get().nd().shape(), &Operand::Scalar(differs), None);
        let value = full.map_err(Failure::from).and_then(|full| outcome::like_value(slf, full));
        return value.map_err(|failure| failure.raise(py));
    }
    binary(slf, other, Operator::of(op), false)
}

/// Raises, or lets NumPy apply the operator where `failure` says that there is no native form.
fn or_numpy<'py>(
    py: Python<'py>,
    failure: Failure,
    op: Operator,
    operands: &Bound<'py, PyTuple>,
) -> PyResult<Object<'py>> {
    let (ufunc, function) = op.names();
    match failure {
        Failure::Unsupported => {
            // No arithmetic goes with `None` or a text: NumPy refuses.
            let is_no_number =
                |operand: Bound<'_, PyAny>| operand.is_none() || operand.is_exact_instance_of::<PyString>();
            if operands.iter().any(is_no_number) {
                let function = py.import("operator")?.getattr(function)?;
                if let Some(refusal) = fallback::refusal_of_types(&function, operands, None) {
                    return Err(refusal);
                }
            }
            fallback::operator(function, ufunc, operands)
        }
        failure if failure.is_refused_type() => {
            let function = py.import("operator")?.getattr(function)?;
            Err(fallback::refused_types(&function, operands, None, failure.raise(py)))
        }
        failure => Err(failure.raise(py)),
    }
}

/// `slf op= other`: writes into the array that `slf` is.
fn in_place<'py>(slf: &Bound<'py, NdArrayObject>, other: &Object<'py>, op: Operator) -> PyResult<()> {
    let py = slf.py();
    scalars::note_write();
    let nd = slf.as_super().get().nd();
    let small = || started()?.call_small(op.ufunc()?, &[Arg::Array(nd), convert::arg(other)?], Some(nd));
    if op != Operator::Power && small().is_some() {
        return errstate::after_small(py);
    }
    let attempt = || -> Attempt<()> {
        let other = convert::operand(other)?;
        let (s, nd) = (session(py)?, slf.as_super().get().nd());
        let ufunc = op.ufunc().ok_or(Failure::Unsupported)?;
        let operands = [Operand::from(nd), other];
        let options = CallOptions { out: Some(nd), ..CallOptions::default() };
        issue(py, nd, || s.call(ufunc, &operands, &options)).map(drop)
    };
    attempt().or_else(|failure| match failure {
        Failure::Unsupported => {
            let ufunc = py.import("numpy")?.getattr(op.names().0)?;
            let kwargs = PyDict::new(py);
            kwargs.set_item("out", (slf,))?;
            fallback::ufunc(&ufunc, "__call__", &(slf, other).into_pyobject(py)?, Some(&kwargs)).map(drop)
        }
        failure if failure.is_refused_type() => {
            let function = py.import("operator")?.getattr(format!("i{}", op.names().1.trim_end_matches('_')))?;
            Err(fallback::refused_types(&function, &(slf, other).into_pyobject(py)?, None, failure.raise(py)))
        }
        failure => Err(failure.raise(py)),
    })
}

/// `left @ right`.
pub(crate) fn matmul<'py>(left: &Object<'py>, right: &Object<'py>, model: &Bound<'py, Array>) -> PyResult<Object<'py>> {
    let py = left.py();
    if let (Some(a), Some(b)) = (plain(left.as_borrowed()), plain(right.as_borrowed()))
        && let Some(value) = started().and_then(|session| session.dot_small(a.get().nd(), b.get().nd()))
    {
        return crate::host::scalar(py, &value);
    }
    let attempt = || -> Attempt<Object<'py>> {
        if crate::ufunc::overrides(left)? || crate::ufunc::overrides(right)? {
            return Ok(py.import("legate.numpy")?.getattr("matmul")?.call1((left, right))?);
        }
        let (s, a, b) = (session(py)?, convert::array(left)?, convert::array(right)?);
        outcome::like_value(model, issue(py, &a, || s.matmul(&a, &b, None))?)
    };
    attempt().or_else(|failure| match failure {
        Failure::Unsupported => fallback::operator("matmul", "matmul", &(left, right).into_pyobject(py)?),
        failure if failure.is_refusal(py) => {
            let function = py.import("operator")?.getattr("matmul")?;
            Err(fallback::refused(&function, &(left, right).into_pyobject(py)?, None, failure.raise(py)))
        }
        failure => Err(failure.raise(py)),
    })
}

/// `divmod(left, right)`, one of which is `slf`. What is refused is refused as the ufunc `divmod` does.
fn divmod<'py>(slf: &Bound<'py, Array>, other: &Object<'py>, reflected: bool) -> PyResult<Object<'py>> {
    let py = slf.py();
    let part = |op| binary(slf, other, op, reflected);
    let parts: PyResult<_> = called("divmod", || Ok([part(Operator::FloorDivide)?, part(Operator::Remainder)?]));

    match parts {
        Ok([quotient, remainder]) if quotient.is(not_implemented(py)) || remainder.is(not_implemented(py)) => {
            Ok(not_implemented(py))
        }
        Ok(parts) => Ok(PyTuple::new(py, parts)?.into_any()),
        Err(error) if error.is_instance_of::<PyTypeError>(py) => {
            let function = py.import("numpy")?.getattr("divmod")?;
            let operands = if reflected { (other, slf.as_any()) } else { (slf.as_any(), other) };
            Err(fallback::refused_types(&function, &operands.into_pyobject(py)?, None, error))
        }
        Err(error) => Err(error),
    }
}

macro_rules! binary_slots {
    ($($slot:ident $reflected:ident $op:ident),* $(,)?) => {
        $(#[pymethods]
        impl Array {
            fn $slot<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
                binary(slf, other, Operator::$op, false)
            }
            fn $reflected<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
                binary(slf, other, Operator::$op, true)
            }
        })*
    };
}

binary_slots! {
    __add__ __radd__ Add,
    __sub__ __rsub__ Subtract,
    __mul__ __rmul__ Multiply,
    __truediv__ __rtruediv__ TrueDivide,
    __floordiv__ __rfloordiv__ FloorDivide,
    __mod__ __rmod__ Remainder,
    __and__ __rand__ And,
    __or__ __ror__ Or,
    __xor__ __rxor__ Xor,
    __lshift__ __rlshift__ LeftShift,
    __rshift__ __rrshift__ RightShift,
}

macro_rules! in_place_slots {
    ($($slot:ident $op:ident),* $(,)?) => {
        $(#[pymethods]
        impl NdArrayObject {
            fn $slot(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<()> {
                in_place(slf, other, Operator::$op)
            }
        })*
    };
}

in_place_slots! {
    __iadd__ Add,
    __isub__ Subtract,
    __imul__ Multiply,
    __itruediv__ TrueDivide,
    __ifloordiv__ FloorDivide,
    __imod__ Remainder,
    __iand__ And,
    __ior__ Or,
    __ixor__ Xor,
    __ilshift__ LeftShift,
    __irshift__ RightShift,
}

#[pymethods]
impl NdArrayObject {
    fn __ipow__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>, modulo: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let _ = modulo; // Python has no syntax for it
        in_place(slf, other, Operator::Power)
    }

    fn __imatmul__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<()> {
        let array = slf.as_super();
        let (py, nd) = (slf.py(), array.get().nd());
        let attempt = || -> Attempt<()> {
            let product = convert::array(&matmul(slf.as_any(), other, array)?)?;
            if product.shape() != nd.shape() || nd.ndim() == 0 {
                return Err(Failure::Misused);
            }
            scalars::note_write();
            Ok(session(py)?.copyto(nd, &Operand::Array(product), Casting::SameKind, None)?)
        };
        attempt().map_err(|failure| {
            let operator = py.import("operator").and_then(|operator| operator.getattr("imatmul"));
            let refused = |operator, operands| fallback::refused(&operator, &operands, None, failure.raise(py));
            match (operator, (slf, other).into_pyobject(py)) {
                (Ok(operator), Ok(operands)) => refused(operator, operands),
                (Err(error), _) | (_, Err(error)) => error,
            }
        })
    }
}

#[pymethods]
impl Array {
    fn __pow__<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
        modulo: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match modulo {
            Some(m) if !m.is_none() => Ok(not_implemented(slf.py())),
            _ => binary(slf, other, Operator::Power, false),
        }
    }

    fn __rpow__<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
        modulo: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match modulo {
            Some(m) if !m.is_none() => Ok(not_implemented(slf.py())),
            _ => binary(slf, other, Operator::Power, true),
        }
    }

    fn __matmul__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        matmul(slf.as_any(), other, slf)
    }

    fn __rmatmul__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        matmul(other, slf.as_any(), slf)
    }

    fn __divmod__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        divmod(slf, other, false)
    }

    fn __rdivmod__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        divmod(slf, other, true)
    }

    fn __richcmp__<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
        op: CompareOp,
    ) -> PyResult<Bound<'py, PyAny>> {
        compare(slf, other, op)
    }

    fn __neg__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        unary(slf, Operator::Negative)
    }

    fn __pos__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        unary(slf, Operator::Positive)
    }

    fn __abs__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        unary(slf, Operator::Absolute)
    }

    fn __invert__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        unary(slf, Operator::Invert)
    }
}
