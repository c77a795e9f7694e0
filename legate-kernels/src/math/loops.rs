//! Which functions have loops over registers of their own ([`super::registers`]), where others are left to the compiler.

use crate::dtype::DType;
use crate::isa::Isa;
use crate::ops::{BinaryOp, UnaryOp};

/// `dst[i] = f(a[i])` for as many elements as fill the longest registers. Unsafe to call because it may need an ISA level.
pub(crate) type Unary = unsafe fn(dst: &mut [u8], a: &[u8]);
/// `dst[i] = f(a[i], b[i])`.
pub(crate) type Binary = unsafe fn(dst: &mut [u8], a: &[u8], b: &[u8]);

/// The loop for inputs of type `dtype`; `None` if there is none, for this instruction set or at all.
#[cfg(target_arch = "x86_64")]
pub(crate) fn unary(op: UnaryOp, dtype: DType, isa: Isa) -> Option<Unary> {
    use super::cube_root::Cbrt;
    use super::registers::{unary_doubles, unary_singles};
    use super::singles::{Tan, Tanh};
    use super::tabled::{Exp, Log, Log2, Log10};
    match (op, dtype) {
        (UnaryOp::Log2, DType::F64) => unary_doubles::<Log2>(isa),
        (UnaryOp::Log2, DType::F32) => unary_singles::<Log2>(isa),
        (UnaryOp::Log10, DType::F64) => unary_doubles::<Log10>(isa),
        (UnaryOp::Log10, DType::F32) => unary_singles::<Log10>(isa),
        (UnaryOp::Cbrt, DType::F64) => unary_doubles::<Cbrt>(isa),
        (UnaryOp::Cbrt, DType::F32) => unary_singles::<Cbrt>(isa),
        (UnaryOp::Tan, DType::F32) => unary_singles::<Tan>(isa),
        (UnaryOp::Tanh, DType::F32) => unary_singles::<Tanh>(isa),
        (UnaryOp::Exp, DType::F64) => unary_doubles::<Exp>(isa),
        (UnaryOp::Log, DType::F64) => unary_doubles::<Log>(isa),
        _ => None,
    }
}

/// The same for two arguments.
#[cfg(target_arch = "x86_64")]
pub(crate) fn binary(op: BinaryOp, dtype: DType, isa: Isa) -> Option<Binary> {
    use super::power::{Power, SinglePower};
    use super::registers::{binary_doubles, binary_singles};
    match (op, dtype) {
        (BinaryOp::Power | BinaryOp::FloatPower, DType::F64) => binary_doubles::<Power>(isa),
        (BinaryOp::Power, DType::F32) => binary_singles::<SinglePower>(isa),
        _ => None,
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn unary(_op: UnaryOp, _dtype: DType, _isa: Isa) -> Option<Unary> {
    None
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn binary(_op: BinaryOp, _dtype: DType, _isa: Isa) -> Option<Binary> {
    None
}
