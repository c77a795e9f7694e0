//! Reductions.

use super::{Arguments, Row, quick};
use crate::error::{Attempt, Failure};
use legate_numpy::{Kind, NdArray, Operand, ReduceOptions, Reduction, Session};
use pyo3::prelude::*;

type Result<'py> = Attempt<Bound<'py, PyAny>>;

/// Functions, and the methods that take the same after the array.
macro_rules! reductions {
    ($($name:ident($parameters:literal)),* $(,)?) => {
        pub(super) static ROWS: &[&Row] = &[
            $(row!(stringify!($name), concat!("a ", $parameters), $name; quick::$name),)*
            row!("amax", "a axis out keepdims initial where", max; quick::max),
            row!("amin", "a axis out keepdims initial where", min; quick::min),
        ];
        methods! {
            $($name(concat!("self ", $parameters)) = $name; quick::$name),*
        }
    };
}

reductions! {
    sum("axis dtype out keepdims initial where"),
    prod("axis dtype out keepdims initial where"),
    max("axis out keepdims initial where"),
    min("axis out keepdims initial where"),
    any("axis out keepdims * where"),
    all("axis out keepdims * where"),
    mean("axis dtype out keepdims * where"),
    var("axis dtype out ddof keepdims * where mean correction"),
    std("axis dtype out ddof keepdims * where mean correction"),
    argmax("axis out * keepdims"),
    argmin("axis out * keepdims"),
}

/// Numbers of the parameters that reductions have in different places.
#[derive(Default)]
struct Places {
    dtype: Option<usize>,
    out: usize,
    keepdims: usize,
    initial: Option<usize>,
    mask: Option<usize>,
    ddof: Option<usize>,
}

fn fold<'py>(a: &Arguments<'_, 'py>, reduction: Reduction, places: &Places) -> Result<'py> {
    let array = a.array(0)?;
    let mut axes = a.integers(1)?;
    // NumPy's folds take a 0-d array for one with an axis of length 1; its means do not.
    if array.ndim() == 0 && !is_mean(reduction) && matches!(axes.as_deref(), Some([0 | -1])) {
        axes = None;
    }
    let out = a.out(places.out)?;
    let initial = places.initial.map(|i| a.optional_operand(i)).transpose()?.flatten();
    let mask = places.mask.map(|i| a.mask(i)).transpose()?.flatten();
    let options = ReduceOptions {
        axis: axes.as_deref(),
        keepdims: a.flag(places.keepdims)?,
        dtype: places.dtype.map(|i| a.dtype(i)).transpose()?.flatten(),
        out: None,
        initial: initial.as_ref(),
        where_: mask.as_ref(),
        ddof: ddof(a, places)?,
    };
    let session = a.session()?;
    let nd = a.issue(&array, || session.reduce(reduction, &array, &options))?;
    if let Some(out) = &out {
        store(session, &nd, out.get().nd())?;
    }
    match reduction {
        Reduction::ArgMax | Reduction::ArgMin => a.result_like(0, nd, out),
        _ => a.result_wrapped(0, nd, out),
    }
}

fn is_mean(reduction: Reduction) -> bool {
    matches!(reduction, Reduction::Mean | Reduction::Var | Reduction::Std)
}

/// Writes a result to `out`. An `out` of another type changes the type that NumPy computes in, one of another shape is refused: both are
/// NumPy's business.
pub(crate) fn store(session: &Session, result: &NdArray, out: &NdArray) -> Attempt<()> {
    if result.dtype() != out.dtype() || result.shape() != out.shape() {
        return Err(Failure::Unsupported);
    }
    Ok(session.assign(out, &Operand::from(result))?)
}

fn ddof(a: &Arguments<'_, '_>, places: &Places) -> Attempt<f64> {
    match places.ddof.and_then(|i| a.get(i)) {
        Some(ddof) => ddof.extract::<f64>().map_err(|_| Failure::Unsupported),
        None => Ok(0.0),
    }
}

const SUMS: Places = Places { dtype: Some(2), out: 3, keepdims: 4, initial: Some(5), mask: Some(6), ddof: None };
const EXTREMA: Places = Places { dtype: None, out: 2, keepdims: 3, initial: Some(4), mask: Some(5), ddof: None };
const LOGICAL: Places = Places { dtype: None, out: 2, keepdims: 3, initial: None, mask: Some(4), ddof: None };
const MEAN: Places = Places { dtype: Some(2), out: 3, keepdims: 4, initial: None, mask: Some(5), ddof: None };
const SPREAD: Places = Places { dtype: Some(2), out: 3, keepdims: 5, initial: None, mask: Some(6), ddof: Some(4) };
const WHICH: Places = Places { dtype: None, out: 2, keepdims: 3, initial: None, mask: None, ddof: None };

fn sum<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    fold(a, Reduction::Sum, &SUMS)
}
fn prod<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    fold(a, Reduction::Prod, &SUMS)
}
fn max<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    fold(a, Reduction::Max, &EXTREMA)
}
fn min<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    fold(a, Reduction::Min, &EXTREMA)
}
fn any<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    fold(a, Reduction::Any, &LOGICAL)
}
fn all<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    fold(a, Reduction::All, &LOGICAL)
}
fn mean<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    if a.get(5).is_some() {
        return composed(a, "mean");
    }
    fold(a, Reduction::Mean, &MEAN)
}
fn var<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    spread(a, Reduction::Var, "var")
}
fn std<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    spread(a, Reduction::Std, "std")
}

/// Chosen elements, a mean that the caller knows already, and `correction`, another name of `ddof`, take several operations.
fn spread<'py>(a: &Arguments<'_, 'py>, reduction: Reduction, name: &str) -> Result<'py> {
    if (6..=8).any(|i| a.get(i).is_some()) {
        return composed(a, name);
    }
    fold(a, reduction, &SPREAD)
}

/// What the Python part makes of other reductions.
fn composed<'py>(a: &Arguments<'_, 'py>, name: &str) -> Result<'py> {
    let function = a.py().import("legate.numpy._moments")?.getattr(name)?;
    Ok(function.call((a.required(0)?,), Some(&a.keywords()?))?)
}

fn argmax<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    which(a, Reduction::ArgMax)
}
fn argmin<'py>(a: &Arguments<'_, 'py>) -> Result<'py> {
    which(a, Reduction::ArgMin)
}

fn which<'py>(a: &Arguments<'_, 'py>, reduction: Reduction) -> Result<'py> {
    if a.array(0)?.dtype().kind() == Kind::Complex {
        return Err(Failure::Unsupported);
    }
    fold(a, reduction, &WHICH)
}
