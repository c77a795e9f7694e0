//! What steps over rows have met ([`crate::exceptions`]).
//!
//! Asked after a step, with what it read and wrote. What was overwritten ([`Input::Old`]) cannot be looked at: there the CPU's flags decide, and
//! steps whose flags mean nothing are not to be asked about ([`can_overwrite`]).

use super::plan::What;
use super::row::{self, Input};
use crate::dtype::DType;
use crate::exceptions::{self, Exceptions, values};
use crate::half;
use crate::ops::{BinaryOp, UnaryOp};
use std::borrow::Cow;

/// Before a step that is asked about: forgets what other code has raised.
pub fn begin() {
    if !exceptions::raised().is_empty() {
        exceptions::clear();
    }
}

/// What a step of one argument may meet.
pub fn may_meet(op: UnaryOp, dtype: DType) -> Exceptions {
    values::of_unary_op(op, through(op.is_lowered(dtype), dtype)) | overflow_of_half(dtype)
}

/// What a step of two arguments may meet.
pub fn may_meet_of_two(op: BinaryOp, dtype: DType) -> Exceptions {
    let can = values::of_binary_op(op, through(op.is_lowered(dtype), dtype));
    if can.is_empty() { can } else { can | overflow_of_half(dtype) }
}

/// Whether it can be asked what `dst[i] = op(dst[i])` has met.
pub fn can_overwrite(op: UnaryOp, dtype: DType) -> bool {
    What::Unary(op, dtype).raises_flags() && dtype != DType::F16
}

/// Whether it can be asked what `dst[i] = op(dst[i], y[i])` has met.
pub fn can_overwrite_of_two(op: BinaryOp, dtype: DType) -> bool {
    What::Binary(op, dtype).raises_flags() && dtype != DType::F16
}

/// What a conversion may meet.
pub fn cast_may_meet(from: DType, to: DType) -> Exceptions {
    match half::between(from, to) {
        Some(between) => values::of_cast(from, between) | values::of_cast(between, to),
        None => values::of_cast(from, to),
    }
}

/// The CPU's flags since [`begin`]: what folds of sums and products have met.
pub fn raised() -> Exceptions {
    exceptions::raised()
}

/// Which of the `wanted` conditions `dst[i] = op(x[i])` has met for `i` in `0..n`, asked right after it.
pub fn unary(op: UnaryOp, dtype: DType, wanted: Exceptions, n: usize, dst: &[u8], x: Input<'_>) -> Exceptions {
    let (can, made) = (may_meet(op, dtype) & wanted, op.result(dtype).unwrap_or(dtype));
    if is_innocent(What::Unary(op, dtype), can, made, &dst[..n * made.size()]) {
        return Exceptions::NONE;
    }
    let Some(x) = elements(dtype, n, x) else { return exceptions::raised() & can };
    if !op.is_lowered(dtype) {
        return can & values::unary(op, dtype, &x, &dst[..n * made.size()]);
    }
    let (x, result) = (singles(&x), op.result(DType::F32).expect("float16 is computed as float32"));
    let mut computed = vec![0; n * result.size()];
    row::unary(op, DType::F32, result, n, &mut computed, Input::Row(&x));
    can & (values::unary(op, DType::F32, &x, &computed) | values::cast(result, DType::F16, &computed, dst))
}

/// Which of the `wanted` conditions `dst[i] = op(x[i], y[i])` has met for `i` in `0..n`, asked right after it.
pub fn binary(
    op: BinaryOp,
    dtype: DType,
    wanted: Exceptions,
    n: usize,
    dst: &[u8],
    [x, y]: [Input<'_>; 2],
) -> Exceptions {
    let (can, made) = (may_meet_of_two(op, dtype) & wanted, op.result(dtype).unwrap_or(dtype));
    if is_innocent(What::Binary(op, dtype), can, made, &dst[..n * made.size()]) {
        return Exceptions::NONE;
    }
    let (Some(x), Some(y)) = (elements(dtype, n, x), elements(dtype, n, y)) else { return exceptions::raised() & can };
    if !op.is_lowered(dtype) {
        return can & values::binary(op, dtype, &x, &y, &dst[..n * made.size()]);
    }
    let (x, y) = (singles(&x), singles(&y));
    let result = op.result(DType::F32).expect("float16 is computed as float32");
    let mut computed = vec![0; n * result.size()];
    row::binary(op, DType::F32, result, n, &mut computed, [Input::Row(&x), Input::Row(&y)]);
    can & (values::binary(op, DType::F32, &x, &y, &computed) | values::cast(result, DType::F16, &computed, dst))
}

/// Which of the `wanted` conditions `dst[i] = x[i]` as elements of another type has met for `i` in `0..n`. Nothing is said of what was overwritten.
pub fn cast(from: DType, to: DType, wanted: Exceptions, n: usize, dst: &[u8], x: Input<'_>) -> Exceptions {
    let (can, dst) = (cast_may_meet(from, to) & wanted, &dst[..n * to.size()]);
    if is_innocent(What::Cast(from, to), can, to, dst) {
        return Exceptions::NONE;
    }
    let Some(x) = elements(from, n, x) else { return Exceptions::NONE };
    let Some(between) = half::between(from, to) else { return can & values::cast(from, to, &x, dst) };
    let mut converted = vec![0; n * between.size()];
    row::cast(from, between, n, &mut converted, Input::Row(&x));
    can & (values::cast(from, between, &x, &converted) | values::cast(between, to, &converted, dst))
}

/// Whether a step that `can` meet these conditions, and has just made elements of the type `made`, has met none of them, as a quick look says.
fn is_innocent(what: What, can: Exceptions, made: DType, dst: &[u8]) -> bool {
    let by_flags = || what.raises_flags() && (exceptions::raised() & can).is_empty();
    let by_result = || !can.contains(Exceptions::UNDERFLOW) && values::are_finite(made, dst);
    can.is_empty() || by_flags() || by_result()
}

fn through(is_lowered: bool, dtype: DType) -> DType {
    if is_lowered { DType::F32 } else { dtype }
}

/// What is rounded to float16 may become too large.
fn overflow_of_half(dtype: DType) -> Exceptions {
    (Exceptions::OVERFLOW | Exceptions::UNDERFLOW).when(dtype == DType::F16)
}

/// The elements of an input, one for each point; `None` if they were overwritten.
fn elements(dtype: DType, n: usize, input: Input<'_>) -> Option<Cow<'_, [u8]>> {
    match input {
        Input::Row(bytes) => Some(Cow::Borrowed(&bytes[..n * dtype.size()])),
        Input::One(value) => Some(Cow::Owned(value.as_bytes().repeat(n))),
        Input::Old => None,
    }
}

/// Elements of float16 as float32.
fn singles(halves: &[u8]) -> Vec<u8> {
    let n = halves.len() / DType::F16.size();
    let mut singles = vec![0; n * DType::F32.size()];
    row::cast(DType::F16, DType::F32, n, &mut singles, Input::Row(halves));
    singles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Scalar;

    fn bytes(values: &[f64]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    fn divided(x: &[f64], y: Input<'_>) -> Exceptions {
        let (x, mut dst) = (bytes(x), bytes(&vec![0.0; x.len()]));
        begin();
        row::binary(BinaryOp::Divide, DType::F64, DType::F64, x.len() / 8, &mut dst, [Input::Row(&x), y]);
        let all = Exceptions::from_bits(15);
        binary(BinaryOp::Divide, DType::F64, all, x.len() / 8, &dst, [Input::Row(&x), y])
    }

    #[test]
    fn rows_and_constants() {
        let zero = Scalar::new(0.0);
        assert_eq!(divided(&[1.0, 2.0, f64::NAN, f64::INFINITY], Input::One(&zero)), Exceptions::DIVIDE);
        assert_eq!(divided(&[0.0, f64::NAN], Input::One(&zero)), Exceptions::INVALID);
        assert_eq!(divided(&[1.0; 100], Input::Row(&bytes(&[3.0; 100]))), Exceptions::NONE);
        assert_eq!(divided(&[1e308], Input::Row(&bytes(&[0.1]))), Exceptions::OVERFLOW);
    }

    #[test]
    fn what_is_overwritten() {
        let mut x = bytes(&[1e308; 3]);
        assert!(can_overwrite_of_two(BinaryOp::Add, DType::F64) && !can_overwrite(UnaryOp::Log, DType::F64));
        begin();
        row::binary(BinaryOp::Add, DType::F64, DType::F64, 3, &mut x, [Input::Old; 2]);
        let met = binary(BinaryOp::Add, DType::F64, Exceptions::from_bits(15), 3, &x, [Input::Old; 2]);
        assert!(met.contains(Exceptions::OVERFLOW) && !met.contains(Exceptions::INVALID));
    }
}
