//! Arrays from nothing, from a rule, from other objects.

use super::{Arguments, Row, quick};
use crate::array::Array;
use crate::convert;
use crate::error::{Attempt, Failure};
use crate::outcome;
use legate_numpy::{Casting, DType, Layout, NdArray, Operand, Weak};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyFloat};

type Result<'py> = Attempt<Bound<'py, PyAny>>;

pub(super) static ROWS: &[&Row] = &[
    row!("array", "object dtype * copy order subok ndmin ndmax like", array; quick::new_array),
    row!("asarray", "a dtype order * device copy like", asarray; quick::asarray),
    row!("asanyarray", "a dtype order * device copy like", asanyarray; quick::asarray),
    row!("ascontiguousarray", "a dtype * like", ascontiguousarray),
    row!("zeros", "shape dtype order * device like", |a| filled(a, |s, shape, t| s.zeros(shape, t)); quick::zeros),
    row!("ones", "shape dtype order * device like", |a| filled(a, |s, shape, t| s.ones(shape, t)); quick::ones),
    row!("empty", "shape dtype order * device like", |a| filled(a, |s, shape, t| s.empty(shape, t)); quick::empty),
    row!("full", "shape fill_value dtype order * device like", full),
    row!("zeros_like", "a dtype order subok shape * device", |a| filled_like(a, 1, |s, shape, t| s.zeros(shape, t)); quick::zeros_like),
    row!("ones_like", "a dtype order subok shape * device", |a| filled_like(a, 1, |s, shape, t| s.ones(shape, t)); quick::ones_like),
    row!("empty_like", "prototype dtype order subok shape * device", |a| filled_like(a, 1, |s, shape, t| s
        .empty(shape, t)); quick::empty_like),
    row!("full_like", "a fill_value dtype order subok shape * device", full_like),
    row!("arange", "start stop step dtype * device like", arange; quick::arange),
    row!("linspace", "start stop num endpoint retstep dtype axis * device", linspace),
    row!("eye", "N M k dtype order * device like", eye),
    row!("identity", "n dtype * like", identity),
    row!("copy", "a order subok", copy; quick::copy),
];

methods! {
    copy("self order") = |a| a.result_array_like(0, copied(a, Layout::C)?); quick::copy,
    astype("self dtype order casting subok copy") = astype; quick::astype,
    tolist("self") = tolist; quick::tolist,
    tobytes("self order") = tobytes; quick::tobytes,
    fill("self value /") = fill; quick::fill,
}

fn array<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    a.without(&[6, 7])?;
    let copy = a.get(2).is_none_or(|c| c.is_truthy().unwrap_or(true)) && a.raw(2).is_none_or(|c| !c.is_none());
    let dtype = a.dtype(1)?;
    let object = a.required(0)?;
    let ndmin = a.integer(5, 0)?;
    match object.cast::<Array>() {
        Err(_) if a.get(2).is_some() && !copy => Err(Failure::Unsupported), // NumPy refuses where it cannot do without
        Ok(of) => {
            let nd = converted(a, of.get().nd(), dtype, a.layout(3, Layout::K)?, copy)?;
            if nd.shares_base(of.get().nd()) && ndmin <= nd.ndim() as i64 {
                return plain(a, of);
            }
            let nd = raised(a, nd, ndmin)?;
            if a.flag(4)? { a.result_array_like(0, nd) } else { Ok(outcome::array(a.py(), nd)?) }
        }
        Err(_) => {
            let nd = laid_out(a, from_object(a, object, a.get(1), dtype)?, a.layout(3, Layout::K)?)?;
            Ok(outcome::array(a.py(), raised(a, nd, ndmin)?)?)
        }
    }
}

fn asarray<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    as_array(a, false)
}

fn asanyarray<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    as_array(a, true)
}

/// With `subok` an array of a subclass stays one.
fn as_array<'py>(a: &Arguments<'_, 'py>, subok: bool) -> Result<'py> {
    a.without(&[5])?;
    let copy = a.flag(4)?;
    let dtype = a.dtype(1)?;
    let object = a.required(0)?;
    match object.cast::<Array>() {
        Ok(of) => {
            let nd = converted(a, of.get().nd(), dtype, a.layout(2, Layout::K)?, copy)?;
            match nd.shares_base(of.get().nd()) {
                true if !subok && outcome::is_of_subclass(of.as_any()) => Ok(outcome::plain_view(of, nd)?),
                true => plain(a, of),
                false if subok => a.result_array_like(0, nd),
                false => Ok(outcome::array(a.py(), nd)?),
            }
        }
        Err(_) => {
            let nd = laid_out(a, from_object(a, object, a.get(1), dtype)?, a.layout(2, Layout::K)?)?;
            Ok(outcome::array(a.py(), nd)?)
        }
    }
}

/// `of` itself; a deferred scalar, which is no array to users, as an array.
fn plain<'py>(a: &Arguments<'_, 'py>, of: &Bound<'py, Array>) -> Result<'py> {
    if of.is_instance_of::<crate::array::DeferredScalar>() {
        return Ok(outcome::array(a.py(), a.session()?.copy(of.get().nd())?)?);
    }
    Ok(of.clone().into_any())
}

fn ascontiguousarray<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    a.without(&[2])?;
    let object = a.required(0)?;
    let dtype = a.dtype(1)?;
    let nd = match object.cast::<Array>() {
        Ok(of) => converted(a, of.get().nd(), dtype, Layout::C, false)?,
        Err(_) => from_object(a, object, a.get(1), dtype)?,
    };
    let nd = if nd.ndim() == 0 { a.session()?.reshape(&nd, &[1])? } else { nd };
    match object.cast::<Array>() {
        Ok(of) if nd.shares_base(of.get().nd()) && nd.ndim() == of.get().nd().ndim() => plain(a, of),
        _ => Ok(outcome::array(a.py(), nd)?),
    }
}

/// `nd` in another type or layout, or copied, or itself.
fn converted(
    a: &Arguments<'_, '_>,
    nd: &NdArray,
    dtype: Option<DType>,
    layout: Layout,
    copy: bool,
) -> Attempt<NdArray> {
    let dtype = dtype.unwrap_or(nd.dtype());
    if !copy && dtype == nd.dtype() && layout.is_met(nd) {
        return Ok(nd.clone());
    }
    Ok(a.session()?.copy_as(nd, dtype, Casting::Unsafe, layout)?)
}

/// `nd`, or a copy of it in that layout.
fn laid_out(a: &Arguments<'_, '_>, nd: NdArray, layout: Layout) -> Attempt<NdArray> {
    if layout.is_met(&nd) { Ok(nd) } else { Ok(a.session()?.copy_as(&nd, nd.dtype(), Casting::No, layout)?) }
}

/// An array of what is not one of ours. NumPy knows how to read lists and how to convert what is in them.
fn from_object<'py>(
    a: &Arguments<'_, 'py>,
    object: &Bound<'py, PyAny>,
    wanted: Option<&Bound<'py, PyAny>>,
    dtype: Option<DType>,
) -> Attempt<NdArray> {
    match (dtype, wanted) {
        (None, _) => convert::array(object),
        (Some(_), wanted) => {
            let numpy = a.py().import("numpy")?;
            let array = numpy.getattr("asarray")?.call1((object, wanted))?;
            convert::array(&array)
        }
    }
}

fn raised(a: &Arguments<'_, '_>, nd: NdArray, ndmin: i64) -> Attempt<NdArray> {
    let missing = (ndmin - nd.ndim() as i64).max(0) as usize;
    if missing == 0 {
        return Ok(nd);
    }
    let shape: Vec<i64> = std::iter::repeat_n(1, missing).chain(nd.shape().iter().copied()).collect();
    Ok(a.session()?.reshape(&nd, &shape)?)
}

type Fill = fn(&legate_numpy::Session, &[i64], DType) -> legate_numpy::Result<NdArray>;

fn filled<'py>(a: &Arguments<'_, 'py>, fill: Fill) -> Result<'py> {
    a.without(&[4])?;
    let dtype = a.dtype(1)?.unwrap_or(DType::F64);
    let shape = convert::integers(a.required(0)?)?;
    let session = a.session()?;
    let nd = a.layout(2, Layout::C)?.made(&shape, None, |extents| fill(session, extents, dtype))?;
    Ok(outcome::array(a.py(), nd)?)
}

/// `zeros_like` and its like; `dtype` is argument number `first`, then `order`, `subok`, `shape`.
fn filled_like<'py>(a: &Arguments<'_, 'py>, first: usize, fill: Fill) -> Result<'py> {
    let (like, session) = (a.array(0)?, a.session()?);
    let (shape, dtype) = prototype(a, &like, first)?;
    let nd = a.layout(first + 1, Layout::K)?.made(&shape, Some(&like), |extents| fill(session, extents, dtype))?;
    like_prototype(a, first, nd)
}

/// The result as NumPy's `subok` (argument `first + 2`) has it.
fn like_prototype<'py>(a: &Arguments<'_, 'py>, first: usize, nd: NdArray) -> Result<'py> {
    let keeps_class = a.get(first + 2).map(|subok| subok.is_truthy()).transpose()?.unwrap_or(true);
    if keeps_class { a.result_array_like(0, nd) } else { Ok(outcome::array(a.py(), nd)?) }
}

fn prototype(a: &Arguments<'_, '_>, like: &NdArray, first: usize) -> Attempt<(Vec<i64>, DType)> {
    let dtype = a.dtype(first)?.unwrap_or(like.dtype());
    let shape = a.integers(first + 3)?.unwrap_or_else(|| like.shape().to_vec());
    Ok((shape, dtype))
}

fn full<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    a.without(&[5])?;
    let shape = convert::integers(a.required(0)?)?;
    let (session, value, dtype) = (a.session()?, a.operand(1)?, a.dtype(2)?);
    let layout = a.layout(3, Layout::C)?;
    Ok(outcome::array(a.py(), filled_with(session, layout, &shape, None, &value, dtype)?)?)
}

/// `value` may be an array that is stretched to the shape: then it is written into the array once that is seen in its shape.
fn filled_with(
    session: &legate_numpy::Session,
    layout: Layout,
    shape: &[i64],
    like: Option<&NdArray>,
    value: &Operand,
    dtype: Option<DType>,
) -> Attempt<NdArray> {
    if value.shape().is_empty() || layout == Layout::C {
        return Ok(layout.made(shape, like, |extents| session.full(extents, value, dtype))?);
    }
    let nd = layout.made(shape, like, |extents| session.empty(extents, dtype.unwrap_or(value.dtype()?)))?;
    session.assign(&nd, value)?;
    Ok(nd)
}

fn full_like<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let (like, value) = (a.array(0)?, a.operand(1)?);
    let (shape, dtype) = prototype(a, &like, 2)?;
    let nd = filled_with(a.session()?, a.layout(3, Layout::K)?, &shape, Some(&like), &value, Some(dtype))?;
    like_prototype(a, 2, nd)
}

fn arange<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    a.without(&[5])?;
    let number = |i: usize| a.get(i).map(weak_number).transpose();
    let (start, stop, step) = (number(0)?, number(1)?, number(2)?);
    let (start, stop) = match (start, stop) {
        (Some(start), Some(stop)) => (start, stop),
        (Some(stop), None) => (Weak::Int(0), stop),
        _ => return Err(Failure::Unsupported),
    };
    let nd = a.session()?.arange(start, stop, step.unwrap_or(Weak::Int(1)), a.dtype(3)?)?;
    Ok(outcome::array(a.py(), nd)?)
}

/// A Python number; of NumPy's scalars those that are as wide as Python's, so that the type of the result is the same.
fn weak_number(object: &Bound<'_, PyAny>) -> Attempt<Weak> {
    match convert::direct_operand(object)? {
        Some(Operand::Weak(Weak::Complex(..))) | None => Err(Failure::Unsupported),
        Some(Operand::Weak(weak)) => Ok(weak),
        Some(Operand::Scalar(scalar)) => match scalar.dtype() {
            DType::I64 => Ok(Weak::Int(object.extract::<i128>()?)),
            DType::F64 => Ok(Weak::Float(object.extract::<f64>()?)),
            _ => Err(Failure::Unsupported),
        },
        Some(Operand::Array(_)) => Err(Failure::Unsupported),
    }
}

fn linspace<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    if a.integer(6, 0)? != 0 {
        return Err(Failure::Unsupported);
    }
    let (start, stop) = (real_number(a.required(0)?)?, real_number(a.required(1)?)?);
    let endpoint = a.get(3).map(|e| e.is_truthy()).transpose()?.unwrap_or(true);
    let (nd, step) = a.session()?.linspace(start, stop, a.integer(2, 50)?, endpoint, a.dtype(5)?)?;
    let samples = outcome::array(a.py(), nd)?;
    if !a.flag(4)? {
        return Ok(samples);
    }
    let step = match step.is_nan() {
        true => PyFloat::new(a.py(), step).into_any(), // there is none: NumPy has a Python float for that
        false => crate::host::scalar(a.py(), &legate_numpy::Scalar::new(step))?,
    };
    Ok((samples, step).into_pyobject(a.py())?.into_any())
}

/// A Python or NumPy number as float64.
fn real_number(object: &Bound<'_, PyAny>) -> Attempt<f64> {
    match convert::direct_operand(object)? {
        Some(Operand::Weak(Weak::Complex(..)) | Operand::Array(_)) | None => Err(Failure::Unsupported),
        Some(Operand::Scalar(s)) if matches!(s.dtype(), DType::F32 | DType::C64 | DType::C128) => {
            Err(Failure::Unsupported)
        }
        Some(_) => Ok(object.extract::<f64>()?),
    }
}

fn eye<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    a.without(&[6])?;
    let rows = convert::index(a.required(0)?)?;
    let (columns, k) = (a.integer(1, rows)?, a.integer(2, 0)?);
    let dtype = a.dtype(3)?.unwrap_or(DType::F64);
    // In column-major order it is the transpose of another one.
    let nd = match a.layout(4, Layout::C)? {
        Layout::F => a.session()?.eye(columns, rows, -k, dtype)?.transpose(None)?,
        _ => a.session()?.eye(rows, columns, k, dtype)?,
    };
    Ok(outcome::array(a.py(), nd)?)
}

fn identity<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    a.without(&[2])?;
    let n = convert::index(a.required(0)?)?;
    Ok(outcome::array(a.py(), a.session()?.eye(n, n, 0, a.dtype(1)?.unwrap_or(DType::F64))?)?)
}

fn copy<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let nd = copied(a, Layout::K)?;
    let keeps_class = a.flag(2)?;
    if keeps_class { a.result_array_like(0, nd) } else { Ok(outcome::array(a.py(), nd)?) }
}

fn copied(a: &Arguments<'_, '_>, default: Layout) -> Attempt<NdArray> {
    let nd = a.array(0)?;
    Ok(a.session()?.copy_as(&nd, nd.dtype(), Casting::No, a.layout(1, default)?)?)
}

fn astype<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let of = a.required(0)?.cast::<Array>().map_err(PyErr::from)?;
    let dtype = crate::dtype::parse(a.required(1)?)?;
    let copy = a.get(5).map(|c| c.is_truthy()).transpose()?.unwrap_or(true);
    let (session, casting, layout) = (a.session()?, a.casting(3, Casting::Unsafe)?, a.layout(2, Layout::K)?);
    let subok = a.get(4).map(|s| s.is_truthy()).transpose()?.unwrap_or(true);
    let copy = copy || !(subok || crate::freelist::is_plain(of.as_any()));
    let nd = match copy || !layout.is_met(of.get().nd()) {
        true => session.copy_as(of.get().nd(), dtype, casting, layout)?,
        false => session.astype(of.get().nd(), dtype, casting, copy)?,
    };
    if nd.shares_base(of.get().nd()) {
        return Ok(of.clone().into_any());
    }
    if of.is_instance_of::<crate::array::DeferredScalar>() {
        return outcome::value(a.py(), nd);
    }
    if subok { a.result_array_like(0, nd) } else { Ok(outcome::array(a.py(), nd)?) }
}

fn fill<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let value = a.operand(1)?;
    if matches!(&value, Operand::Array(v) if v.ndim() > 0) {
        return Err(Failure::Misused);
    }
    crate::scalars::note_write();
    a.session()?.assign(&a.array(0)?, &value)?;
    Ok(a.py().None().into_bound(a.py()))
}

/// The elements' bytes, in the order asked for.
fn tobytes<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let layout = match a.layout(1, Layout::C)? {
        Layout::K => Layout::C,
        layout => layout,
    };
    let nd = layout.visited(&a.array(0)?);
    let bytes = outcome::bytes(a.py(), &nd)?;
    Ok(PyBytes::new(a.py(), &bytes.as_slice()[..nd.nbytes()]).into_any())
}

/// The elements as (nested) lists of Python numbers.
fn tolist<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    let of = a.required(0)?.cast::<Array>().map_err(PyErr::from)?;
    Ok(of.get()._snapshot(a.py())?.call_method0("tolist")?)
}
