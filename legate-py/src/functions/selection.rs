//! Element-wise functions that are no ufuncs: choosing, limiting, rounding.

use super::{Arguments, Row, quick};
use crate::convert;
use crate::error::{Attempt, Failure};
use crate::outcome;
use legate_numpy::{CallOptions, Casting, DType, Kind, NdArray, Operand, Ufunc, Weak};
use pyo3::prelude::*;

type Result<'py> = Attempt<Bound<'py, PyAny>>;

pub(super) static ROWS: &[&Row] = &[
    row!("where", "condition x y", where_; quick::choose),
    row!("clip", "a a_min a_max out * min max", clip_function),
    row!("round", "a decimals out", round),
    row!("around", "a decimals out", round),
    row!("copyto", "dst src casting where", copyto),
];

methods! {
    clip("self min max out") = clip_method,
    round("self decimals out") = round,
    conj("self") = conjugate,
    conjugate("self") = conjugate,
}

fn where_<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    if a.raw(1).is_none() && a.raw(2).is_none() {
        return super::choice::nonzero(a);
    }
    let (condition, x, y) = (a.operand(0)?, a.operand(1)?, a.operand(2)?);
    let nd = a.session()?.select(&condition, &x, &y)?;
    // Unlike a ufunc, `where` gives a 0-d array, not a scalar.
    Ok(outcome::array(a.py(), nd)?)
}

fn clip_function<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let lo = a.get(1).or(a.get(4));
    let hi = a.get(2).or(a.get(5));
    clip(a, lo, hi)
}

fn clip_method<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    clip(a, a.get(1), a.get(2))
}

/// `out` is argument 3 of both forms.
fn clip<'py>(a: &Arguments<'_, 'py>, lo: Option<&Bound<'py, PyAny>>, hi: Option<&Bound<'py, PyAny>>) -> Result<'py> {
    let out = a.out(3)?;
    let dtype = a.array(0)?.dtype();
    let lo = lo
        .map(convert::operand)
        .transpose()?
        .filter(|lo| !matches!(lo, Operand::Weak(Weak::Int(n)) if *n <= lowest(dtype)));
    let hi = hi
        .map(convert::operand)
        .transpose()?
        .filter(|hi| !matches!(hi, Operand::Weak(Weak::Int(n)) if *n >= highest(dtype)));
    let nd = a.session()?.clip(&a.operand(0)?, lo.as_ref(), hi.as_ref(), out.as_ref().map(|o| o.get().nd()))?;
    a.result_like(0, nd, out)
}

/// The smallest value of an integer type: a Python integer at or below it limits nothing.
fn lowest(dtype: DType) -> i128 {
    match dtype.kind() {
        Kind::Signed => -(1 << (8 * dtype.size() - 1)),
        Kind::Unsigned => 0,
        _ => i128::MIN,
    }
}

/// The largest value of an integer type.
fn highest(dtype: DType) -> i128 {
    match dtype.kind() {
        Kind::Signed => (1 << (8 * dtype.size() - 1)) - 1,
        Kind::Unsigned => (1 << (8 * dtype.size())) - 1,
        _ => i128::MAX,
    }
}

/// To so many decimals. Integers are what they are, unless digits before the point go.
fn round<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let (nd, decimals, out) = (a.array(0)?, a.integer(1, 0)?, a.out(2)?);
    let rounded = match nd.dtype().kind() {
        Kind::Bool | Kind::Time => return Err(Failure::Unsupported),
        Kind::Signed | Kind::Unsigned if decimals >= 0 => a.session()?.copy_like(&nd)?,
        Kind::Signed | Kind::Unsigned => {
            let session = a.session()?;
            session.astype(&round_to(a, nd.clone(), decimals)?, nd.dtype(), Casting::Unsafe, false)?
        }
        Kind::Complex if decimals != 0 => {
            let session = a.session()?;
            let rounded = session.copy_like(&nd)?;
            let parts = |z: &NdArray| [z.real(), z.imag().expect("a complex array has imaginary parts")];
            for (part, target) in parts(&nd).into_iter().zip(parts(&rounded)) {
                session.assign(&target, &Operand::Array(round_to(a, part, decimals)?))?;
            }
            rounded
        }
        _ => round_to(a, nd, decimals)?,
    };
    if let Some(out) = &out {
        let target = out.get().nd();
        if target.shape() != rounded.shape() {
            return Err(Failure::Misused);
        }
        a.session()?.copyto(target, &Operand::Array(rounded.clone()), Casting::SameKind, None)?;
    }
    a.result_like(0, rounded, out)
}

/// As NumPy does it: the elements times a power of ten (or divided by one), rounded, and back.
fn round_to(a: &Arguments<'_, '_>, nd: NdArray, decimals: i64) -> Attempt<NdArray> {
    let session = a.session()?;
    let call = |name: &str, operands: &[Operand]| -> Attempt<NdArray> {
        let ufunc = Ufunc::lookup(name).ok_or(Failure::Unsupported)?;
        Ok(session.call(ufunc, operands, &CallOptions::default())?)
    };
    if decimals == 0 {
        return call("rint", &[Operand::Array(nd)]);
    }
    let power = Operand::Weak(Weak::Float(power_of_ten(decimals.unsigned_abs()).ok_or(Failure::Unsupported)?));
    let (there, back) = if decimals > 0 { ("multiply", "divide") } else { ("divide", "multiply") };
    let scaled = call(there, &[Operand::Array(nd), power.clone()])?;
    let rounded = call("rint", &[Operand::Array(scaled)])?;
    call(back, &[Operand::Array(rounded), power])
}

/// NumPy's: exact up to 1e22.
fn power_of_ten(exponent: u64) -> Option<f64> {
    (exponent <= 22).then(|| (0..exponent).fold(1.0, |power, _| power * 10.0))
}

fn copyto<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let target = convert::as_array(a.required(0)?).ok_or(Failure::Unsupported)?;
    let (source, casting, mask) = (a.operand(1)?, a.casting(2, Casting::SameKind)?, a.mask(3)?);
    crate::scalars::note_write();
    a.session()?.copyto(target.nd(), &source, casting, mask.as_ref())?;
    Ok(a.py().None().into_bound(a.py()))
}

fn conjugate<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let nd = a.array(0)?;
    if nd.dtype().kind() != Kind::Complex {
        return a.required(0).cloned();
    }
    elementwise(a, "conjugate", nd, None)
}

fn elementwise<'py>(
    a: &Arguments<'_, 'py>,
    name: &str,
    nd: legate_numpy::NdArray,
    out: Option<Bound<'py, crate::array::Array>>,
) -> Result<'py> {
    let ufunc = Ufunc::lookup(name).ok_or(Failure::Unsupported)?;
    let options = CallOptions { out: out.as_ref().map(|o| o.get().nd()), ..CallOptions::default() };
    let result = a.session()?.call(ufunc, &[Operand::Array(nd)], &options)?;
    a.result_like(0, result, out)
}
