//! Points in time and lengths of time: 64-bit integers in units of a tick, the smallest of which is *NaT*, not a time.
//!
//! No kernel computes with times. What NumPy's loops for them do is written here as steps on the integers, with a choice where NaT has a say, and conversions between units of fixed
//! length. Years and months are no fixed number of days: what converts them is NumPy's business.
//!
//! *Order.* NaT is the least integer, but NumPy sorts it to the end, and `max` finds it. One less than the integer, wrapping, is the greatest for NaT and keeps the order of all others.

use crate::array::NdArray;
use crate::error::{Casting, Error, Result};
use crate::issue::Body;
use crate::order::Order;
use crate::reduction::{ReduceOptions, Reduction};
use crate::session::Session;
use crate::shape::broadcast_shapes;
use crate::ufunc::{CallOptions, Operand, Ufunc};
use legate_core::geometry::Point;
use legate_kernels::dtype::{DType, Kind, Scalar, Unit};
use legate_kernels::ops::{BinaryOp, UnaryOp};
use legate_kernels::program::{Program, ValueId};
use smallvec::SmallVec;

const NAT: i64 = i64::MIN;

/// The unit in which both are told; `None` if one is years or months and the other is not.
pub(crate) fn common_unit(a: Unit, b: Unit) -> Option<Unit> {
    let is_fixed = |unit: Unit| (Unit::Week..=Unit::Atto).contains(&unit);
    match (a, b) {
        _ if a == b => Some(a),
        (Unit::Generic, other) | (other, Unit::Generic) => Some(other),
        _ if is_fixed(a) && is_fixed(b) => Some(a.max(b)),
        _ => None,
    }
}

/// How many of the finer unit the coarser one has, both of fixed length; `None` if that is no number of 64 bits.
fn ticks_in(coarse: Unit, fine: Unit) -> Option<i64> {
    let places = coarse as usize..fine as usize;
    Unit::ALL[places].iter().try_fold(1i64, |ticks, unit| ticks.checked_mul(unit.in_next()?))
}

/// The type of both, if one of them is a time; `None` where NumPy should say.
pub(crate) fn common_type(a: DType, b: DType) -> Option<DType> {
    match (a, b) {
        (DType::Datetime(a), DType::Datetime(b)) => common_unit(a, b).map(DType::Datetime),
        (DType::Timedelta(a), DType::Timedelta(b)) => common_unit(a, b).map(DType::Timedelta),
        _ => None,
    }
}

/// Appends the conversion of a value between a time and another type; `None` where NumPy should do it.
pub(crate) fn convert(program: &mut Program, from: DType, to: DType, value: ValueId) -> Option<ValueId> {
    match (from, to) {
        (DType::Datetime(old), DType::Datetime(new)) | (DType::Timedelta(old), DType::Timedelta(new)) => {
            let ticks = program.bitcast(DType::I64, value);
            let ticks = in_unit(program, ticks, old, new)?;
            Some(program.bitcast(to, ticks))
        }
        (DType::Datetime(_) | DType::Timedelta(_), DType::I64) => Some(program.bitcast(DType::I64, value)),
        (from, DType::Timedelta(_) | DType::Datetime(_)) if is_integer(from) && from != DType::U64 => {
            let ticks = program.cast(DType::I64, value);
            Some(program.bitcast(to, ticks))
        }
        _ => None,
    }
}

/// Appends the conversion of ticks to another unit: exact to a finer one, rounded down to a coarser one.
fn in_unit(program: &mut Program, ticks: ValueId, from: Unit, to: Unit) -> Option<ValueId> {
    if from == to || (from == Unit::Generic && to != Unit::Generic) {
        return Some(ticks);
    }
    let finer = common_unit(from, to).filter(|_| to != Unit::Generic)?;
    let (op, factor) = match finer == to {
        true => (BinaryOp::Multiply, ticks_in(from, to)?),
        false => (BinaryOp::FloorDivide, ticks_in(to, from)?),
    };
    let factor = program.constant(Scalar::new(factor));
    let converted = program.binary(op, ticks, factor);
    let nat = is_nat(program, ticks);
    Some(or_nat(program, nat, converted))
}

fn is_nat(program: &mut Program, ticks: ValueId) -> ValueId {
    let nat = program.constant(Scalar::new(NAT));
    program.binary(BinaryOp::Equal, ticks, nat)
}

/// NaT where `nat` holds, else `ticks`.
fn or_nat(program: &mut Program, nat: ValueId, ticks: ValueId) -> ValueId {
    let value = program.constant(Scalar::new(NAT));
    program.select(nat, value, ticks)
}

fn is_integer(dtype: DType) -> bool {
    matches!(dtype.kind(), Kind::Bool | Kind::Signed | Kind::Unsigned)
}

/// What a ufunc takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Point(Unit),
    Span(Unit),
    /// Integers, and bools.
    Count,
    Float,
    Other,
}

impl Side {
    fn of(dtype: DType) -> Side {
        match dtype {
            DType::Datetime(unit) => Side::Point(unit),
            DType::Timedelta(unit) => Side::Span(unit),
            DType::U64 => Side::Other,
            dtype if is_integer(dtype) => Side::Count,
            DType::F32 | DType::F64 => Side::Float,
            _ => Side::Other,
        }
    }

    fn unit(self) -> Option<Unit> {
        match self {
            Side::Point(unit) | Side::Span(unit) => Some(unit),
            _ => None,
        }
    }
}

/// What is computed of two arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// Integers, in one unit; NaT if one is.
    Ticks(BinaryOp, DType),
    /// Integers as they are; false (true: `not_equal`) if one is NaT.
    Compare(BinaryOp),
    /// The greater or less of two, in that unit; the flag says that NaT counts as the greatest.
    Extreme(BinaryOp, bool, DType),
    /// A length times a float, or divided by one.
    Scale(BinaryOp, DType),
    /// A length divided by an integer, towards zero.
    Share(DType),
    /// How often one length goes into another: a float; NaN if one is NaT.
    Ratio,
    /// The same as an integer, rounded down; 0 if one is NaT.
    Quotient,
}

fn unsupported<T>(name: &str) -> Result<T> {
    Err(Error::Unsupported(format!("{name} of these times")))
}

/// What `op` means for these, and the unit of what is computed.
fn meaning(op: BinaryOp, x: Side, y: Side) -> Result<(Meaning, Unit)> {
    use BinaryOp::{
        Add, Divide, Equal, FloorDivide, Fmax, Fmin, Greater, GreaterEqual, Less, LessEqual, Maximum, Minimum,
        Multiply, NotEqual, Remainder, Subtract,
    };
    use Side::{Count, Float, Point, Span};
    let unit = match (x.unit(), y.unit()) {
        (Some(x), Some(y)) => common_unit(x, y),
        (one, other) => one.or(other),
    };
    let Some(unit) = unit else { return unsupported(op.name()) };
    let (point, span) = (DType::Datetime(unit), DType::Timedelta(unit));
    let same = match (x, y) {
        (Point(_), Point(_)) => Some(point),
        (Span(_), Span(_) | Count) | (Count, Span(_)) => Some(span),
        _ => None,
    };
    let meaning = match (op, x, y, same) {
        (Add, Point(_), Span(_) | Count, _) | (Add, Span(_) | Count, Point(_), _) => Meaning::Ticks(op, point),
        (Subtract, Point(_), Span(_) | Count, _) => Meaning::Ticks(op, point),
        (Subtract, Point(_), Point(_), _) => Meaning::Ticks(op, span),
        (Add | Subtract, _, _, Some(DType::Timedelta(_))) => Meaning::Ticks(op, span),
        (Remainder, Span(_), Span(_), _) => Meaning::Ticks(op, span),
        (Multiply, Span(_), Count, _) | (Multiply, Count, Span(_), _) => Meaning::Ticks(op, span),
        (Multiply, Span(_), Float, _) | (Multiply, Float, Span(_), _) => Meaning::Scale(op, span),
        (Divide | FloorDivide, Span(_), Count, _) => Meaning::Share(span),
        (Divide | FloorDivide, Span(_), Float, _) => Meaning::Scale(Divide, span),
        (Divide, Span(_), Span(_), _) => Meaning::Ratio,
        (FloorDivide, Span(_), Span(_), _) => Meaning::Quotient,
        (Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual, _, _, Some(_)) => Meaning::Compare(op),
        (Minimum, _, _, Some(dtype)) => Meaning::Extreme(Minimum, false, dtype),
        (Fmax, _, _, Some(dtype)) => Meaning::Extreme(Maximum, false, dtype),
        (Maximum, _, _, Some(dtype)) => Meaning::Extreme(Maximum, true, dtype),
        (Fmin, _, _, Some(dtype)) => Meaning::Extreme(Minimum, true, dtype),
        // NumPy refuses these, in words that it should choose.
        (Add, Point(_), Point(_), _) | (Multiply | Divide, Point(_), _, _) | (Multiply | Divide, _, Point(_), _) => {
            return Err(Error::Type(format!("{} of points in time", op.name())));
        }
        _ => return unsupported(op.name()),
    };
    Ok((meaning, unit))
}

impl Meaning {
    fn result(self) -> DType {
        match self {
            Meaning::Ticks(_, dtype)
            | Meaning::Extreme(_, _, dtype)
            | Meaning::Scale(_, dtype)
            | Meaning::Share(dtype) => dtype,
            Meaning::Compare(_) => DType::Bool,
            Meaning::Ratio => DType::F64,
            Meaning::Quotient => DType::I64,
        }
    }
}

/// Whether a call has to do with times.
pub(crate) fn concerns(inputs: &[Operand], options: &CallOptions<'_>) -> bool {
    let of_input = |input: &Operand| match input {
        Operand::Array(a) => a.dtype().is_time(),
        Operand::Scalar(s) => s.dtype().is_time(),
        Operand::Weak(_) => false,
    };
    inputs.iter().any(of_input)
        || options.out.is_some_and(|out| out.dtype().is_time())
        || options.dtype.is_some_and(DType::is_time)
}

impl Session {
    /// A ufunc of times.
    ///
    /// # Errors
    /// NumPy's for shapes; [`Error::Unsupported`] for what is not covered.
    pub(crate) fn call_on_times(&self, ufunc: Ufunc, inputs: &[Operand], options: &CallOptions<'_>) -> Result<NdArray> {
        if options.dtype.is_some() || options.casting != Casting::default() {
            return unsupported(ufunc.name());
        }
        let mut shapes: SmallVec<[&[i64]; 4]> = inputs.iter().map(Operand::shape).collect();
        shapes.extend(options.where_.map(NdArray::shape));
        let shape = broadcast_shapes(&shapes)?;
        let arrays = inputs.iter().filter_map(Operand::array).chain(options.where_);
        let order = Order::of(&shape, arrays.chain(options.out));
        let mut body = Body::new(self, order.domain());
        let (result, dtype) = match (ufunc.kernel(), inputs) {
            (crate::ufunc::Kernel::Unary(op), [x]) => unary(&mut body, &order, op, x)?,
            (crate::ufunc::Kernel::Binary(op), [x, y]) => binary(&mut body, &order, op, [x, y])?,
            _ => return unsupported(ufunc.name()),
        };
        if options.out.is_some_and(|out| out.dtype() != dtype || out.is_readonly() || out.shape() != &*shape) {
            return unsupported(ufunc.name());
        }
        let out = options.out.cloned().unwrap_or_else(|| order.unwritten(dtype));
        body.finish(&order, &out, result, options.where_)?;
        Ok(out)
    }
}

/// An argument as integers in this unit (as floats: `as_float`).
fn ticks(body: &mut Body<'_>, order: &Order, operand: &Operand, unit: Unit) -> Result<ValueId> {
    let dtype = operand.dtype()?;
    let value = match operand {
        Operand::Array(a) => body.load(&order.view_of(a)),
        Operand::Scalar(s) => body.program.constant(*s),
        Operand::Weak(w) => return body.weak(*w, DType::I64),
    };
    let converted = match dtype {
        DType::Datetime(from) | DType::Timedelta(from) => {
            let ticks = body.program.bitcast(DType::I64, value);
            in_unit(&mut body.program, ticks, from, unit)
        }
        _ => Some(body.program.cast(DType::I64, value)),
    };
    converted.map_or_else(|| unsupported("a conversion"), Ok)
}

fn float(body: &mut Body<'_>, order: &Order, operand: &Operand, unit: Unit) -> Result<ValueId> {
    if operand.dtype()?.is_time() {
        let ticks = ticks(body, order, operand, unit)?;
        return Ok(body.program.cast(DType::F64, ticks));
    }
    crate::ufunc::operand(body, order, operand, DType::F64)
}

fn unary(body: &mut Body<'_>, order: &Order, op: UnaryOp, x: &Operand) -> Result<(ValueId, DType)> {
    let dtype = x.dtype()?;
    let (DType::Datetime(unit) | DType::Timedelta(unit)) = dtype else { return unsupported(op.name()) };
    let is_span = matches!(dtype, DType::Timedelta(_));
    let x = ticks(body, order, x, unit)?;
    let program = &mut body.program;
    let nat = is_nat(program, x);
    Ok(match op {
        UnaryOp::Isnat | UnaryOp::Isnan => (nat, DType::Bool),
        UnaryOp::Isfinite => (program.unary(UnaryOp::LogicalNot, nat), DType::Bool),
        UnaryOp::Isinf => (program.constant(Scalar::zero(DType::Bool)), DType::Bool),
        UnaryOp::Negative | UnaryOp::Absolute | UnaryOp::Sign | UnaryOp::Positive if is_span => {
            let value = program.unary(op, x);
            // The sign of NaT is that of its integer.
            let value = if op == UnaryOp::Sign { value } else { or_nat(program, nat, value) };
            (program.bitcast(dtype, value), dtype)
        }
        _ => return unsupported(op.name()),
    })
}

fn binary(body: &mut Body<'_>, order: &Order, op: BinaryOp, [x, y]: [&Operand; 2]) -> Result<(ValueId, DType)> {
    if matches!(op, BinaryOp::Divide | BinaryOp::FloorDivide) && y.dtype()? == DType::Bool {
        return Err(Error::Type(format!("{} by truth values", op.name())));
    }
    let (meaning, unit) = meaning(op, Side::of(x.dtype()?), Side::of(y.dtype()?))?;
    let dtype = meaning.result();
    if let Meaning::Scale(op, _) = meaning {
        let [a, b] = [float(body, order, x, unit)?, float(body, order, y, unit)?];
        let span = if x.dtype()?.is_time() { x } else { y };
        let ticks = ticks(body, order, span, unit)?;
        let program = &mut body.program;
        let (value, nat) = (program.binary(op, a, b), is_nat(program, ticks));
        // What is not finite becomes the least integer: NaT.
        let value = program.cast(DType::I64, value);
        let value = or_nat(program, nat, value);
        return Ok((program.bitcast(dtype, value), dtype));
    }
    let [x, y] = [ticks(body, order, x, unit)?, ticks(body, order, y, unit)?];
    let program = &mut body.program;
    let (nat_x, nat_y) = (is_nat(program, x), is_nat(program, y));
    let nat = program.binary(BinaryOp::LogicalOr, nat_x, nat_y);
    let value = match meaning {
        Meaning::Ticks(op, _) => {
            let value = program.binary(op, x, y);
            let nat = if op == BinaryOp::Remainder { or_zero(program, nat, y) } else { nat };
            or_nat(program, nat, value)
        }
        Meaning::Compare(op) => {
            let value = program.binary(op, x, y);
            let otherwise = program.constant(Scalar::new(legate_kernels::dtype::B8::from(op == BinaryOp::NotEqual)));
            program.select(nat, otherwise, value)
        }
        Meaning::Extreme(op, nat_is_greatest, _) => {
            let one = program.constant(Scalar::new(i64::from(nat_is_greatest)));
            let (x, y) = (program.binary(BinaryOp::Subtract, x, one), program.binary(BinaryOp::Subtract, y, one));
            let value = program.binary(op, x, y);
            program.binary(BinaryOp::Add, value, one)
        }
        Meaning::Share(_) => {
            let value = towards_zero(program, x, y);
            let nat = or_zero(program, nat_x, y);
            or_nat(program, nat, value)
        }
        Meaning::Ratio => {
            let (a, b) = (program.cast(DType::F64, x), program.cast(DType::F64, y));
            let value = program.binary(BinaryOp::Divide, a, b);
            let nan = program.constant(Scalar::new(f64::NAN));
            program.select(nat, nan, value)
        }
        Meaning::Quotient => {
            let value = program.binary(BinaryOp::FloorDivide, x, y);
            let zero = program.constant(Scalar::new(0i64));
            program.select(nat, zero, value)
        }
        Meaning::Scale(..) => unreachable!("computed above"),
    };
    let value = if dtype.is_time() { program.bitcast(dtype, value) } else { value };
    Ok((value, dtype))
}

/// Where `nat` holds or `y` is zero.
fn or_zero(program: &mut Program, nat: ValueId, y: ValueId) -> ValueId {
    let zero = program.constant(Scalar::new(0i64));
    let is_zero = program.binary(BinaryOp::Equal, y, zero);
    program.binary(BinaryOp::LogicalOr, nat, is_zero)
}

/// C's `x / y`.
fn towards_zero(program: &mut Program, x: ValueId, y: ValueId) -> ValueId {
    let zero = program.constant(Scalar::new(0i64));
    let one = program.constant(Scalar::new(1i64));
    let quotient = program.binary(BinaryOp::FloorDivide, x, y);
    let rest = program.binary(BinaryOp::Remainder, x, y);
    let (inexact, below) =
        (program.binary(BinaryOp::NotEqual, rest, zero), program.binary(BinaryOp::Less, quotient, zero));
    let raised = program.binary(BinaryOp::LogicalAnd, inexact, below);
    let next = program.binary(BinaryOp::Add, quotient, one);
    program.select(raised, next, quotient)
}

/// Folds, sorts and searches.
impl Session {
    /// The integers of an array of times.
    fn integers_of(&self, a: &NdArray) -> Result<NdArray> {
        a.bits_as(DType::I64).map_or_else(|| unsupported("parts"), Ok)
    }

    /// Integers, which were made for this, as times.
    fn as_times(a: NdArray, dtype: DType) -> NdArray {
        let mut backing = std::mem::take(&mut *a.base.cell.lock());
        backing.fill = backing.fill.map(|value| Scalar::from_bytes(dtype, value.as_bytes()));
        let shape: Point = a.base.shape.clone();
        NdArray { base: crate::array::Base::new(&shape, dtype, backing), ..a }
    }

    /// Integers in NumPy's order of times, NaT last: the step of each from the integer of the time is -1.
    fn ranks_of(&self, a: &NdArray) -> Result<NdArray> {
        self.apply2("subtract", &self.integers_of(a)?, Operand::from(1))
    }

    fn of_ranks(&self, ranks: &NdArray, dtype: DType) -> Result<NdArray> {
        Ok(Session::as_times(self.apply2("add", ranks, Operand::from(1))?, dtype))
    }

    pub(crate) fn sort_times(&self, a: &NdArray, axis: Option<i64>) -> Result<NdArray> {
        self.of_ranks(&self.sort(&self.ranks_of(a)?, axis)?, a.dtype())
    }

    pub(crate) fn argsort_times(&self, a: &NdArray, axis: Option<i64>) -> Result<NdArray> {
        self.argsort(&self.ranks_of(a)?, axis)
    }

    pub(crate) fn search_times(&self, sorted: &NdArray, needles: &NdArray, after: bool) -> Result<NdArray> {
        let Some(dtype) = common_type(sorted.dtype(), needles.dtype()) else { return unsupported("searchsorted") };
        let ranks = |a: &NdArray| self.ranks_of(&self.astype(a, dtype, Casting::Unsafe, false)?);
        self.searchsorted(&ranks(sorted)?, &ranks(needles)?, after)
    }

    pub(crate) fn unique_times(&self, a: &NdArray, interrupted: &dyn Fn() -> bool) -> Result<NdArray> {
        self.of_ranks(&self.unique(&self.ranks_of(a)?, interrupted)?, a.dtype())
    }

    pub(crate) fn unique_all_times(
        &self,
        a: &NdArray,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<crate::search::Unique> {
        let found = self.unique_all(&self.ranks_of(a)?, interrupted)?;
        Ok(crate::search::Unique { values: self.of_ranks(&found.values, a.dtype())?, ..found })
    }

    /// A reduction of times.
    pub(crate) fn reduce_times(&self, kind: Reduction, a: &NdArray, options: &ReduceOptions<'_>) -> Result<NdArray> {
        let covered = options.dtype.is_none()
            && options.out.is_none()
            && options.initial.is_none()
            && options.where_.is_none()
            && a.size() > 0;
        if !covered {
            return unsupported("a reduction");
        }
        let dtype = a.dtype();
        let integers = self.integers_of(a)?;
        match kind {
            Reduction::Min => Ok(Session::as_times(self.reduce(kind, &integers, options)?, dtype)),
            Reduction::Max => self.of_ranks(&self.reduce(kind, &self.ranks_of(a)?, options)?, dtype),
            Reduction::ArgMin => self.reduce(kind, &integers, options),
            Reduction::ArgMax => self.reduce(kind, &self.ranks_of(a)?, options),
            Reduction::Ptp => {
                let highest = self.reduce_times(Reduction::Max, a, options)?;
                self.apply2("subtract", &highest, &self.reduce_times(Reduction::Min, a, options)?)
            }
            Reduction::Sum if matches!(dtype, DType::Timedelta(_)) => {
                let lost = self.reduce(Reduction::Any, &self.apply("isnat", a)?, options)?;
                let sum = self.reduce(Reduction::Sum, &integers, options)?;
                let nat = Operand::Scalar(Scalar::new(NAT));
                Ok(Session::as_times(self.select(&lost.into(), &nat, &sum.into())?, dtype))
            }
            _ => unsupported("a reduction"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_have_fixed_ratios() {
        assert_eq!(ticks_in(Unit::Week, Unit::Hour), Some(168));
        assert_eq!(ticks_in(Unit::Second, Unit::Nano), Some(1_000_000_000));
        assert_eq!(ticks_in(Unit::Week, Unit::Atto), None);
        assert_eq!(common_unit(Unit::Day, Unit::Nano), Some(Unit::Nano));
        assert_eq!(common_unit(Unit::Generic, Unit::Month), Some(Unit::Month));
        assert_eq!(common_unit(Unit::Month, Unit::Day), None);
    }
}
