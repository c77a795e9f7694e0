//! How long a point takes to compute: measured classes, enough to decide whether work is worth handing out.

use crate::dtype::{DType, Kind};
use crate::ops::{BinaryOp, UnaryOp};
use crate::program::{Instr, Program};

/// Nanoseconds for a vectorised operation on eight bytes that are in the first-level cache. `examples/engine.rs` measures these classes.
const CHEAP: f64 = 0.05;
const DIVISION: f64 = 0.15;
const VECTOR_FUNCTION: f64 = 0.8;
const SCALAR_FUNCTION: f64 = 8.0;
const COMPLEX_FUNCTION: f64 = 40.0;

/// The estimate for one domain point.
pub(super) fn ns_per_point(program: &Program) -> f64 {
    let types = program.value_dtypes();
    let of = |id: u16| types[id as usize].unwrap_or(DType::Bool);
    program
        .instrs
        .iter()
        .map(|instr| match *instr {
            Instr::Load { .. } | Instr::Const(_) => 0.0,
            Instr::Unary { op, arg } => unary(op, of(arg)),
            Instr::Binary { op, args: [x, _] } => binary(op, of(x)),
            Instr::Cast { to, arg } => scaled(of(arg)).max(scaled(to)),
            Instr::Select { args: [x, _], .. } => scaled(of(x)),
            Instr::Reduce { value, .. } => scaled(of(value)),
            Instr::Index { .. } | Instr::Bitcast { .. } | Instr::Store { .. } => CHEAP,
        })
        .sum()
}

/// A cheap operation on elements of this size.
fn scaled(dtype: DType) -> f64 {
    CHEAP * dtype.size() as f64 / 8.0
}

fn unary(op: UnaryOp, dtype: DType) -> f64 {
    use UnaryOp::*;
    match op {
        Sqrt | Reciprocal if dtype.kind() == Kind::Float => DIVISION,
        Exp | Exp2 | Expm1 | Log | Log2 | Log10 | Log1p | Cbrt | Sin | Cos | Tan | Arcsin | Arccos | Arctan | Sinh
        | Cosh | Tanh | Arcsinh | Arccosh | Arctanh | Erf
            if dtype.kind() == Kind::Float =>
        {
            VECTOR_FUNCTION
        }
        Absolute if dtype.kind() == Kind::Complex => VECTOR_FUNCTION,
        _ if op.vectorises(dtype) => scaled(dtype),
        _ if dtype.kind() == Kind::Complex => COMPLEX_FUNCTION,
        _ => SCALAR_FUNCTION,
    }
}

fn binary(op: BinaryOp, dtype: DType) -> f64 {
    match op {
        BinaryOp::Divide if dtype.kind() != Kind::Complex => DIVISION,
        BinaryOp::Power | BinaryOp::FloatPower | BinaryOp::Logaddexp | BinaryOp::Logaddexp2
            if dtype.kind() == Kind::Float =>
        {
            2.0 * VECTOR_FUNCTION
        }
        _ if !op.is_cheap() && dtype.kind() != Kind::Complex => VECTOR_FUNCTION,
        _ if op.vectorises(dtype) => scaled(dtype),
        _ if dtype.kind() == Kind::Complex => COMPLEX_FUNCTION,
        _ => SCALAR_FUNCTION,
    }
}
