//! Ufuncs, casts and choices over rows.

use super::loops::{self, TypeCode};
use super::{Row, locked, made, row, row_in_c_order};
use crate::array::{Backing, NdArray, Part};
use crate::order::Order;
use crate::promote::{Weak, converted, promote_weak};
use crate::session::Session;
use crate::ufunc::{Kernel, Operand, Ufunc};
use legate_core::exec::HostBuffer;
use legate_kernels::cast::cast;
use legate_kernels::dtype::{DType, Scalar};
use legate_kernels::engine::row::{self as kernels, Input};
use legate_kernels::engine::row_met;
use legate_kernels::exceptions::Exceptions;
use legate_kernels::ops::{BinaryOp, UnaryOp};
use smallvec::SmallVec;
use std::sync::Arc;

/// An argument of an element-wise function, lent for the call.
#[derive(Clone, Copy, Debug)]
pub enum Arg<'a> {
    /// An array.
    Array(&'a NdArray),
    /// A Python scalar.
    Weak(Weak),
    /// A NumPy scalar: strong in promotion.
    Scalar(Scalar),
}

impl<'a> From<&'a Operand> for Arg<'a> {
    fn from(operand: &'a Operand) -> Arg<'a> {
        match operand {
            Operand::Array(a) => Arg::Array(a),
            Operand::Weak(w) => Arg::Weak(*w),
            Operand::Scalar(s) => Arg::Scalar(*s),
        }
    }
}

impl From<Arg<'_>> for Operand {
    fn from(arg: Arg<'_>) -> Operand {
        match arg {
            Arg::Array(a) => Operand::Array(a.clone()),
            Arg::Weak(w) => Operand::Weak(w),
            Arg::Scalar(s) => Operand::Scalar(s),
        }
    }
}

impl<'a> Arg<'a> {
    fn array(self) -> Option<&'a NdArray> {
        match self {
            Arg::Array(a) => Some(a),
            _ => None,
        }
    }

    fn type_code(self) -> TypeCode {
        match self {
            Arg::Array(a) => TypeCode::strong(a.dtype()),
            Arg::Weak(w) => TypeCode::weak(w),
            Arg::Scalar(s) => TypeCode::strong(s.dtype()),
        }
    }

    /// The one value that it has along a row of `n` elements, as an element of `dtype`; `Some(None)` if it is a row itself.
    #[allow(clippy::option_option, reason = "a value, no value, or neither")]
    fn value(self, n: i64, dtype: DType) -> Option<Option<Scalar>> {
        match self {
            Arg::Weak(w) => w.to_scalar(dtype).ok().map(Some),
            Arg::Scalar(s) => converted(s, dtype).map(Some),
            Arg::Array(a) if a.size() == 1 && n != 1 => converted(a.known_constant()?, dtype).map(Some),
            Arg::Array(_) => Some(None),
        }
    }
}

impl Session {
    /// The result of a ufunc on small arrays at hand; `None` if it should be had by [`Session::call`], errors included.
    pub fn call_small(&self, ufunc: Ufunc, args: &[Arg<'_>], out: Option<&NdArray>) -> Option<NdArray> {
        let result = match out {
            None => self.computed_in_order(ufunc, args),
            Some(_) => self.computed(ufunc, args, out),
        }?;
        self.note_at_once(result.size() as u64, || ufunc.name().to_owned());
        Some(result)
    }

    /// In the order in which the operands lie in memory, which is the result's.
    fn computed_in_order(&self, ufunc: Ufunc, args: &[Arg<'_>]) -> Option<NdArray> {
        if args.iter().filter_map(|arg| arg.array()).all(NdArray::lies_in_order) {
            return self.computed(ufunc, args, None);
        }
        // Whatever is computed here has the shape of one operand: that of the most dimensions and elements.
        let shape = args.iter().filter_map(|arg| arg.array()).max_by_key(|a| (a.ndim(), a.size()))?.shape();
        let order = Order::of(shape, args.iter().filter_map(|arg| arg.array()));
        if order.is_c() {
            return self.computed(ufunc, args, None);
        }
        let views: SmallVec<[Option<NdArray>; 2]> =
            args.iter().map(|arg| arg.array().map(|a| order.view_of(a))).collect();
        let args: SmallVec<[Arg<'_>; 2]> =
            views.iter().zip(args).map(|(view, arg)| view.as_ref().map_or(*arg, Arg::Array)).collect();
        Some(order.restored(self.computed(ufunc, &args, None)?))
    }

    fn computed(&self, ufunc: Ufunc, args: &[Arg<'_>], out: Option<&NdArray>) -> Option<NdArray> {
        match (ufunc.kernel(), args) {
            (Kernel::Unary(op), &[x]) => {
                let Arg::Array(x) = x else { return None };
                let (input, result) = loops::unary(op, x.dtype())?;
                match out {
                    None => self.unary_row(op, input, result, x),
                    Some(out) => self.unary_into(op, input, result, x, out),
                }
            }
            // Powers by one number for all have forms of their own: see `Session::call`.
            (Kernel::Binary(BinaryOp::Power), &[_, y]) if y.array().is_none_or(|y| y.known_constant().is_some()) => {
                None
            }
            (Kernel::Binary(op), &[x, y]) => {
                let (input, result) = loops::binary(op, [x.type_code(), y.type_code()])?;
                match out {
                    None => self.binary_row(op, input, result, [x, y]),
                    Some(out) => self.binary_into(op, input, result, [x, y], out),
                }
            }
            _ => None,
        }
    }

    /// The value of a ufunc for numbers; `None` if it should be had by [`Session::call`], errors included.
    pub fn call_scalars(&self, ufunc: Ufunc, args: &[Arg<'_>]) -> Option<Scalar> {
        // Without arrays, Python's numbers have the types that NumPy gives them.
        let number = |arg: Arg<'_>| match arg {
            Arg::Weak(weak) => weak.to_scalar(weak.default_dtype().ok().filter(|dtype| *dtype != DType::U64)?).ok(),
            Arg::Scalar(value) => Some(value),
            Arg::Array(_) => None,
        };
        if !self.is_small(1, 32) {
            return None;
        }
        let mut bytes = [0; 16];
        let result = match (ufunc.kernel(), args) {
            (Kernel::Unary(op), &[x]) => {
                let x = number(x)?;
                let (input, result) = loops::unary(op, x.dtype())?;
                let x = cast(x, input);
                self.watched_unary(op, input, result, 1, &mut bytes, Input::Row(x.as_bytes()));
                result
            }
            (Kernel::Binary(BinaryOp::Power), _) => return None,
            (Kernel::Binary(op), &[x, y]) => {
                // Two Python numbers meet as such: (2, 2.5) is not (int64, float64) for every loop.
                let weak = matches!((x, y), (Arg::Weak(_), Arg::Weak(_)));
                let codes = if weak {
                    [number(x)?, number(y)?].map(|v| TypeCode::strong(v.dtype()))
                } else {
                    [x.type_code(), y.type_code()]
                };
                let (input, result) = loops::binary(op, codes)?;
                let value = |arg: Arg<'_>| match arg {
                    Arg::Weak(weak) => weak.to_scalar(input).ok(),
                    _ => number(arg).map(|value| cast(value, input)),
                };
                let inputs = [value(x)?, value(y)?];
                let rows = [&inputs[0], &inputs[1]].map(|x| Input::Row(x.as_bytes()));
                self.watched_binary(op, input, result, 1, &mut bytes, rows);
                result
            }
            _ => return None,
        };
        self.note_at_once(1, || ufunc.name().to_owned());
        Some(Scalar::from_bytes(result, &bytes[..result.size()]))
    }

    fn unary_row(&self, op: UnaryOp, input: DType, result: DType, x: &NdArray) -> Option<NdArray> {
        let n = self.small_row(x, input.size() + result.size())?;
        let backing = locked(x)?;
        let source = row_in_c_order(x, &backing, input)?;
        let mut bytes = HostBuffer::unwritten(n * result.size());
        self.watched_unary(op, input, result, n, bytes.as_mut_slice(), source.input());
        drop(backing);
        Some(made(x.shape(), result, bytes))
    }

    fn binary_row(&self, op: BinaryOp, input: DType, result: DType, args: [Arg<'_>; 2]) -> Option<NdArray> {
        let Some(shaped) = shaped(args) else { return self.binary_rows(op, input, result, args) };
        let n = self.small_row(shaped, 2 * input.size() + result.size())?;
        let mut bytes = HostBuffer::unwritten(n * result.size());
        with_rows(args, shaped.size(), input, |inputs| {
            self.watched_binary(op, input, result, n, bytes.as_mut_slice(), inputs);
        })?;
        Some(made(shaped.shape(), result, bytes))
    }

    /// A matrix beside a vector that is each of its rows, or a column that has an element for each: row by row.
    fn binary_rows(&self, op: BinaryOp, input: DType, result: DType, args: [Arg<'_>; 2]) -> Option<NdArray> {
        let [Arg::Array(x), Arg::Array(y)] = args else { return None };
        let (matrix, other, swapped) = if x.size() >= y.size() { (x, y, false) } else { (y, x, true) };
        let &[rows, columns] = matrix.shape() else { return None };
        let is_column = match *other.shape() {
            [n] | [1, n] if n == columns => false,
            [n, 1] if n == rows => true,
            _ => return None,
        };
        if (is_column && other.dtype() != input) || rows > ROWS {
            return None;
        }
        self.small_row(matrix, 2 * input.size() + result.size())?;
        let first = locked(matrix)?;
        let second = if matrix.shares_base(other) { None } else { Some(locked(other)?) };
        let lines = row_in_c_order(matrix, &first, input)?;
        let beside = second.as_deref().unwrap_or(&first);
        let other = if is_column {
            Beside::Column(column(other, beside)?)
        } else {
            Beside::Row(row_in_c_order(other, beside, input)?)
        };
        let width = columns as usize * input.size();
        let mut bytes = HostBuffer::unwritten((rows * columns) as usize * result.size());
        let results = bytes.as_mut_slice().chunks_exact_mut(columns as usize * result.size());
        for (r, dst) in results.enumerate() {
            let line = match &lines {
                Row::One(value) => Input::One(value),
                Row::Bytes(bytes) => Input::Row(&bytes[r * width..][..width]),
                Row::Own(bytes) => Input::Row(&bytes.as_slice()[r * width..][..width]),
            };
            let other = match &other {
                Beside::Row(row) => row.input(),
                Beside::Column(values) => Input::One(&values[r]),
            };
            let inputs = if swapped { [other, line] } else { [line, other] };
            self.watched_binary(op, input, result, columns as usize, dst, inputs);
        }
        Some(made(matrix.shape(), result, bytes))
    }

    /// The number of elements, if an array of this shape is worth a row: not empty, and small with so many bytes for each element.
    fn small_row(&self, a: &NdArray, bytes: usize) -> Option<usize> {
        let n = a.size();
        (n > 0 && self.is_small(n, n as usize * bytes)).then_some(n as usize)
    }

    fn unary_into(&self, op: UnaryOp, input: DType, result: DType, x: &NdArray, out: &NdArray) -> Option<NdArray> {
        let n = self.small_row(out, input.size() + result.size())?;
        if x.shape() != out.shape() {
            return None;
        }
        let mut backing = writable(out, result)?;
        if x.shares_base(out) {
            (is_itself(x, out) && input == result).then_some(())?;
            (row_met::can_overwrite(op, input) || !self.wants(row_met::may_meet(op, input))).then_some(())?;
            self.watched_unary(op, input, result, n, written(out, &mut backing)?, Input::Old);
        } else {
            let read = locked(x)?;
            let source = row_in_c_order(x, &read, input)?;
            self.watched_unary(op, input, result, n, written(out, &mut backing)?, source.input());
        }
        Some(out.clone())
    }

    fn binary_into(
        &self,
        op: BinaryOp,
        input: DType,
        result: DType,
        args: [Arg<'_>; 2],
        out: &NdArray,
    ) -> Option<NdArray> {
        let n = self.small_row(out, 2 * input.size() + result.size())?;
        let is_row = |a: &NdArray| a.shape() == out.shape() || (a.size() == 1 && a.ndim() <= out.ndim());
        if !args.iter().filter_map(|arg| arg.array()).all(is_row) {
            return None;
        }
        let old = args.map(|arg| arg.array().is_some_and(|a| a.shares_base(out)));
        let itself = |k: usize| args[k].array().is_some_and(|a| is_itself(a, out)) && input == result;
        if old != [false, false] && !row_met::can_overwrite_of_two(op, input) {
            (!self.wants(row_met::may_meet_of_two(op, input))).then_some(())?;
        }
        let mut backing = writable(out, result)?;
        match old {
            [false, false] => with_rows(args, out.size(), input, |inputs| {
                written(out, &mut backing).map(|dst| self.watched_binary(op, input, result, n, dst, inputs))
            })??,
            [true, true] if itself(0) && itself(1) => {
                self.watched_binary(op, input, result, n, written(out, &mut backing)?, [Input::Old; 2]);
            }
            [true, false] if itself(0) => with_row(args[1], out.size(), input, |y| {
                written(out, &mut backing).map(|dst| self.watched_binary(op, input, result, n, dst, [Input::Old, y]))
            })??,
            [false, true] if itself(1) => with_row(args[0], out.size(), input, |x| {
                written(out, &mut backing).map(|dst| self.watched_binary(op, input, result, n, dst, [x, Input::Old]))
            })??,
            _ => return None,
        }
        Some(out.clone())
    }

    /// Whether the front end wants to know of any of these.
    pub(super) fn wants(&self, can: Exceptions) -> bool {
        !self.wanted_of(can).is_empty()
    }

    /// Those of these that the front end wants to know of, which is not asked if there are none.
    fn wanted_of(&self, can: Exceptions) -> Exceptions {
        if can.is_empty() { can } else { self.wanted_exceptions().exceptions & can }
    }

    /// A step, of which is noted what it has met.
    fn watched_unary(&self, op: UnaryOp, dtype: DType, result: DType, n: usize, dst: &mut [u8], x: Input<'_>) {
        let wanted = self.wanted_of(row_met::may_meet(op, dtype));
        row_met::begin();
        kernels::unary(op, dtype, result, n, dst, x);
        self.note_small(op.name(), row_met::unary(op, dtype, wanted, n, dst, x));
    }

    /// A step, of which is noted what it has met.
    fn watched_binary(&self, op: BinaryOp, dtype: DType, result: DType, n: usize, dst: &mut [u8], x: [Input<'_>; 2]) {
        let wanted = self.wanted_of(row_met::may_meet_of_two(op, dtype));
        row_met::begin();
        kernels::binary(op, dtype, result, n, dst, x);
        self.note_small(op.name(), row_met::binary(op, dtype, wanted, n, dst, x));
    }

    /// `np.where(condition, x, y)` of small arrays at hand, `x` and `y` being of one type or a Python number beside an array; `None` if it should be had
    /// by [`Session::select`].
    pub fn select_small(&self, condition: &NdArray, x: Arg<'_>, y: Arg<'_>) -> Option<NdArray> {
        let args = [x, y];
        let dtype = match (x, y) {
            (Arg::Weak(w), Arg::Array(a)) | (Arg::Array(a), Arg::Weak(w)) => promote_weak(a.dtype(), w.kind()),
            (Arg::Array(a), Arg::Array(b)) if a.dtype() == b.dtype() => a.dtype(),
            _ => return None,
        };
        if condition.dtype() != DType::Bool {
            return None;
        }
        let n = self.small_row(condition, 1 + 3 * dtype.size())?;
        let is_row = |a: &NdArray| {
            a.lies_in_order() && (a.shape() == condition.shape() || (a.size() == 1 && a.ndim() <= condition.ndim()))
        };
        if !args.iter().filter_map(|arg| arg.array()).all(|a| is_row(a) && !a.shares_base(condition)) {
            return None;
        }
        let backing = locked(condition)?;
        let chosen = row(condition, &backing, DType::Bool)?;
        let mut bytes = HostBuffer::unwritten(n * dtype.size());
        with_rows(args, n as i64, dtype, |inputs| {
            kernels::select(dtype, n, bytes.as_mut_slice(), chosen.input(), inputs);
        })?;
        drop(backing);
        self.note_at_once(n as u64, || "where".to_owned());
        Some(made(condition.shape(), dtype, bytes))
    }

    /// `np.clip(a, lo, hi)` of small arrays at hand whose common type is `dtype`.
    pub(crate) fn clip_small(&self, dtype: DType, a: &Operand, lo: &Operand, hi: &Operand) -> Option<NdArray> {
        let typed = |arg: &Operand| matches!(arg, Operand::Weak(_)) || arg.dtype().is_ok_and(|d| d == dtype);
        let mut arrays = [a, lo, hi].into_iter().filter_map(Operand::array);
        if ![a, lo, hi].into_iter().all(typed) || !arrays.all(NdArray::lies_in_order) {
            return None;
        }
        let raised = self.binary_row(BinaryOp::Maximum, dtype, dtype, [a.into(), lo.into()])?;
        if hi.array().is_some_and(|hi| hi.shape() != raised.shape() && hi.size() != 1) {
            return None;
        }
        self.binary_into(BinaryOp::Minimum, dtype, dtype, [Arg::Array(&raised), hi.into()], &raised)
    }

    /// A C-ordered copy of a small array at hand, as elements of `dtype`; `None` if it should be had by [`Session::copy`] or [`Session::astype`].
    pub fn copy_small(&self, a: &NdArray, dtype: DType) -> Option<NdArray> {
        self.small_row(a, a.itemsize() + dtype.size())?;
        let backing = locked(a)?;
        if dtype == a.base.dtype && a.is_whole_base() {
            // Bytes that two bases have are copied by whichever is written first.
            let host = Some(Arc::clone(backing.host.as_ref()?));
            drop(backing);
            return Some(NdArray::new(a.shape(), dtype, Backing { host, ..Backing::default() }));
        }
        let (from, n) = (a.dtype(), a.size() as usize);
        if !row_met::cast_may_meet(from, dtype).is_empty() {
            let source = row_in_c_order(a, &backing, from)?;
            source.bytes()?;
            let mut bytes = HostBuffer::unwritten(n * dtype.size());
            kernels::cast(from, dtype, n, bytes.as_mut_slice(), source.input());
            let wanted = self.wanted_of(row_met::cast_may_meet(from, dtype));
            self.note_small("cast", row_met::cast(from, dtype, wanted, n, bytes.as_slice(), source.input()));
            return Some(made(a.shape(), dtype, bytes));
        }
        let bytes = match row_in_c_order(a, &backing, dtype)? {
            Row::Bytes(bytes) => HostBuffer::from_slice(bytes),
            Row::Own(bytes) => bytes,
            Row::One(_) => return None, // constants are copied without memory
        };
        drop(backing);
        Some(made(a.shape(), dtype, bytes))
    }
}

/// Rows of a matrix up to which they are gone through one by one.
const ROWS: i64 = 64;

/// What stands beside each row of a matrix.
enum Beside<'a> {
    Row(Row<'a>),
    Column(SmallVec<[Scalar; 8]>),
}

/// The elements of a column, `(n, 1)`.
fn column(a: &NdArray, backing: &Backing) -> Option<SmallVec<[Scalar; 8]>> {
    if a.part != Part::Whole {
        return None;
    }
    let (dtype, size) = (a.base.dtype, a.base.dtype.size());
    if let Some(value) = backing.fill {
        return Some(SmallVec::from_elem(value, a.size() as usize));
    }
    let bytes = backing.host.as_ref()?.as_slice();
    let at = |r: i64| (a.view.offset + r * a.view.strides[0]) as usize * size;
    Some((0..a.shape()[0]).map(|r| Scalar::from_bytes(dtype, &bytes[at(r)..][..size])).collect())
}

/// The argument that has the result's shape: all others have it too, or are one element.
fn shaped<'a>(args: [Arg<'a>; 2]) -> Option<&'a NdArray> {
    match args.map(Arg::array) {
        [Some(x), None] => Some(x),
        [None, Some(y)] => Some(y),
        [Some(x), Some(y)] if x.shape() == y.shape() => Some(x),
        [Some(x), Some(y)] if y.size() == 1 && y.ndim() <= x.ndim() => Some(x),
        [Some(x), Some(y)] if x.size() == 1 && x.ndim() <= y.ndim() => Some(y),
        _ => None,
    }
}

/// Calls `f` with an argument as a row of `n` elements of `dtype`.
fn with_row<R>(arg: Arg<'_>, n: i64, dtype: DType, f: impl FnOnce(Input<'_>) -> R) -> Option<R> {
    if let Some(value) = arg.value(n, dtype)? {
        return Some(f(Input::One(&value)));
    }
    let a = arg.array().expect("what has no value is an array");
    let backing = locked(a)?;
    let row = row_in_c_order(a, &backing, dtype)?;
    Some(f(row.input()))
}

/// Calls `f` with two arguments as rows of `n` elements of `dtype`. A base that both have is locked once.
fn with_rows<R>(args: [Arg<'_>; 2], n: i64, dtype: DType, f: impl FnOnce([Input<'_>; 2]) -> R) -> Option<R> {
    let [x, y] = args;
    match (x.value(n, dtype)?, y.value(n, dtype)?) {
        (Some(x), Some(y)) => Some(f([Input::One(&x), Input::One(&y)])),
        (Some(x), None) => with_row(y, n, dtype, |y| f([Input::One(&x), y])),
        (None, Some(y)) => with_row(x, n, dtype, |x| f([x, Input::One(&y)])),
        (None, None) => {
            let (Arg::Array(x), Arg::Array(y)) = (x, y) else { return None };
            let first = locked(x)?;
            let left = row_in_c_order(x, &first, dtype)?;
            if x.shares_base(y) {
                let right = row_in_c_order(y, &first, dtype)?;
                return Some(f([left.input(), right.input()]));
            }
            let second = locked(y)?;
            let right = row_in_c_order(y, &second, dtype)?;
            Some(f([left.input(), right.input()]))
        }
    }
}

/// Whether the two are one view.
fn is_itself(a: &NdArray, out: &NdArray) -> bool {
    a.part == out.part && a.view == out.view
}

/// The locked backing of an output whose elements lie one after the other.
fn writable(out: &NdArray, dtype: DType) -> Option<parking_lot::MutexGuard<'_, Backing>> {
    let plain = out.part == Part::Whole && out.base.dtype == dtype && !out.is_readonly() && out.view.is_c_contiguous();
    if !plain {
        return None;
    }
    let backing = locked(out)?;
    backing.is_known().then_some(backing)
}

/// The elements of an output, to be written; whatever else had the values is forgotten.
fn written<'a>(out: &NdArray, backing: &'a mut Backing) -> Option<&'a mut [u8]> {
    out.base.materialized(backing);
    (backing.fill, backing.field) = (None, None);
    let bytes = Arc::make_mut(backing.host.as_mut()?).as_mut_slice();
    let size = out.base.dtype.size();
    let first = out.view.offset as usize * size;
    Some(&mut bytes[first..first + out.size() as usize * size])
}
