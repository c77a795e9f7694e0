//! Which loop a ufunc runs for given types, remembered: resolution looks through tables, a call should not.

use crate::promote::Weak;
use crate::resolve::{self, ArgType, BinaryLoop};
use legate_kernels::dtype::{DType, Kind, Unit};
use legate_kernels::ops::{BinaryOp, UnaryOp};
use std::sync::atomic::{AtomicU16, Ordering};

/// The type of the inputs and the type of the result.
pub(super) type Loop = (DType, DType);

/// Types of arrays, then the kinds of Python numbers.
const TYPES: usize = STRONG + 4;
const STRONG: usize = DType::ALL.len();
const INT: u8 = STRONG as u8;
const FLOAT: u8 = INT + 1;
const COMPLEX: u8 = INT + 2;
/// Any time: no loop takes it.
const TIME: u8 = INT + 3;
const UNKNOWN: u16 = 0;
/// There is none, or it takes more than a loop over values of one type.
const NONE: u16 = 1;

/// An answer of resolution is a function of the types, so it does not matter which thread writes it down.
static UNARY: [AtomicU16; UnaryOp::ALL.len() * TYPES] = [const { AtomicU16::new(UNKNOWN) }; UnaryOp::ALL.len() * TYPES];
static BINARY: [AtomicU16; BinaryOp::ALL.len() * TYPES * TYPES] =
    [const { AtomicU16::new(UNKNOWN) }; BinaryOp::ALL.len() * TYPES * TYPES];

/// An argument's type, as a number below [`TYPES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TypeCode(u8);

impl TypeCode {
    pub(super) fn strong(dtype: DType) -> TypeCode {
        TypeCode(dtype.number().map_or(TIME, |number| number as u8))
    }

    /// Of a Python number; a bool is as strong as an array of bool.
    pub(super) fn weak(value: Weak) -> TypeCode {
        match value.kind() {
            Kind::Bool => TypeCode::strong(DType::Bool),
            Kind::Signed | Kind::Unsigned => TypeCode(INT),
            Kind::Float => TypeCode(FLOAT),
            Kind::Complex => TypeCode(COMPLEX),
            Kind::Time => TypeCode(TIME),
        }
    }

    fn arg_type(self) -> ArgType {
        match self.0 {
            INT => ArgType::Weak(Kind::Signed, DType::I64),
            FLOAT => ArgType::Weak(Kind::Float, DType::F64),
            COMPLEX => ArgType::Weak(Kind::Complex, DType::C128),
            TIME => ArgType::Strong(DType::Datetime(Unit::Generic)),
            strong => ArgType::Strong(DType::ALL[strong as usize]),
        }
    }
}

/// The loop of a ufunc with one input.
pub(super) fn unary(op: UnaryOp, dtype: DType) -> Option<Loop> {
    remembered(&UNARY[op as usize * TYPES + TypeCode::strong(dtype).0 as usize], || resolve::unary(op, dtype).ok())
}

/// The loop of a ufunc with two inputs, not both of which are Python numbers.
pub(super) fn binary(op: BinaryOp, [a, b]: [TypeCode; 2]) -> Option<Loop> {
    let place = &BINARY[(op as usize * TYPES + a.0 as usize) * TYPES + b.0 as usize];
    remembered(place, || match resolve::binary(op, [a.arg_type(), b.arg_type()]) {
        // Powers of integers look at values: see `Session::check_exponents`.
        Ok((BinaryLoop::Same(input), result)) if op != BinaryOp::Power || input.kind() == Kind::Float => {
            Some((input, result))
        }
        _ => None,
    })
}

fn remembered(place: &AtomicU16, resolve: impl FnOnce() -> Option<Loop>) -> Option<Loop> {
    match place.load(Ordering::Relaxed) {
        UNKNOWN => {
            let found = resolve();
            let code = found.and_then(|(input, result)| Some((input.number()?, result.number()?)));
            let code = code.map_or(NONE, |(input, result)| (2 + input * TYPES + result) as u16);
            place.store(code, Ordering::Relaxed);
            found
        }
        NONE => None,
        code => {
            let code = usize::from(code - 2);
            Some((DType::ALL[code / TYPES], DType::ALL[code % TYPES]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_what_resolution_says() {
        for _ in 0..2 {
            for &op in BinaryOp::ALL.iter().filter(|op| **op != BinaryOp::Power) {
                for (a, b) in (0..TIME).flat_map(|a| (0..STRONG as u8).map(move |b| (TypeCode(a), TypeCode(b)))) {
                    let expected = match resolve::binary(op, [a.arg_type(), b.arg_type()]) {
                        Ok((BinaryLoop::Same(input), result)) => Some((input, result)),
                        _ => None,
                    };
                    assert_eq!(binary(op, [a, b]), expected, "{op:?} {a:?} {b:?}");
                }
            }
            for (&op, dtype) in UnaryOp::ALL.iter().flat_map(|op| DType::ALL.map(|dtype| (op, dtype))) {
                assert_eq!(unary(op, dtype), resolve::unary(op, dtype).ok(), "{op:?} {dtype}");
            }
        }
    }
}
