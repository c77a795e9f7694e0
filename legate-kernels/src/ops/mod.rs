//! Operations as table rows.
//!
//! A row is a doc sentence, a name, an error budget in units in the last place, and one clause per family of element
//! types: `float -> same |x| x.sqrt()`. From it come the enum variant, [`UnaryOp::loops`], the scalar body that the oracle calls
//! and the loops that the engine runs. Adding an element-wise operation is adding a row.
//!
//! In a clause `->` marks a body that the compiler can vectorise: the engine stamps one loop for each ISA level. `=>` marks a body that
//! has branches or calls a scalar function: one loop serves all levels, for wider vectors would gain nothing (complex functions have two, for they gain by
//! fused multiply-adds).
//!
//! The semantics are NumPy's for each element type: integers wrap, integer division by zero is 0, remainders have the
//! divisor's sign, shifts by too much give 0 or -1, `maximum` propagates NaN and `fmax` ignores it, complex numbers are
//! ordered by real part, then imaginary part.

mod binary;
mod fold;
mod integer;
mod real;
mod unary;

pub use binary::BinaryOp;
pub use fold::ReduceOp;
pub use unary::UnaryOp;

#[cfg(target_arch = "x86_64")]
pub(crate) use binary::rows;
pub(crate) use binary::{BinaryFn, BinaryVisitor};
pub(crate) use fold::{FoldRow, FoldVisitor};
pub(crate) use unary::{UnaryFn, UnaryVisitor};

use crate::dtype::{DType, Scalar};
use crate::half;

/// The value of `op(x)`; `None` if the operation has no loop for the type of `x`.
///
/// ```
/// use legate_kernels::{dtype::Scalar, ops::{self, UnaryOp}};
/// assert_eq!(ops::unary(UnaryOp::Negative, Scalar::new(3i8)), Some(Scalar::new(-3i8)));
/// ```
pub fn unary(op: UnaryOp, x: Scalar) -> Option<Scalar> {
    match op.visit(x.dtype(), unary::Eval(x)) {
        None if x.dtype() == DType::F16 => half::through_singles(op.result(DType::F16)?, [x], |[x]| unary(op, x)),
        value => value,
    }
}

/// The value of `op(x, y)`; `None` if the operation has no loop for the type of `x`, or `y` has another type.
pub fn binary(op: BinaryOp, x: Scalar, y: Scalar) -> Option<Scalar> {
    if x.dtype() != y.dtype() {
        return None;
    }
    match op.visit(x.dtype(), binary::Eval(x, y)) {
        None if x.dtype() == DType::F16 => {
            half::through_singles(op.result(DType::F16)?, [x, y], |[x, y]| binary(op, x, y))
        }
        value => value,
    }
}

/// A loop: the type of the inputs and the type of the output.
pub type Loop = (DType, DType);

/// Its place in the order of the types.
const fn place(dtype: DType) -> usize {
    dtype.number().expect("loops compute with numbers")
}

/// Loops in NumPy's order of resolution, which is the order of the element types.
const fn sorted<const N: usize>(mut loops: [Loop; N]) -> [Loop; N] {
    let mut end = N;
    while end > 1 {
        let mut i = 1;
        while i < end {
            if place(loops[i].0) <= place(loops[i - 1].0) {
                let earlier = loops[i];
                loops[i] = loops[i - 1];
                loops[i - 1] = earlier;
            }
            i += 1;
        }
        end -= 1;
    }
    loops
}

/// Calls `$m!($T, $args…)` for each Rust type of a family that has bodies of its own. A `float` clause has loops for float16 too, which are computed in float32
/// ([`mod@crate::half`]); `wide` floats are those without it, and `half` is a body for it alone.
macro_rules! for_family {
    (bool, $m:ident!($($args:tt)*)) => { $m!($crate::dtype::B8, $($args)*); };
    (signed, $m:ident!($($args:tt)*)) => { $m!(i8, $($args)*); $m!(i16, $($args)*); $m!(i32, $($args)*); $m!(i64, $($args)*); };
    (unsigned, $m:ident!($($args:tt)*)) => { $m!(u8, $($args)*); $m!(u16, $($args)*); $m!(u32, $($args)*); $m!(u64, $($args)*); };
    (int, $m:ident!($($args:tt)*)) => {
        $crate::ops::for_family!(signed, $m!($($args)*));
        $crate::ops::for_family!(unsigned, $m!($($args)*));
    };
    (float, $m:ident!($($args:tt)*)) => { $m!(f32, $($args)*); $m!(f64, $($args)*); };
    (half, $m:ident!($($args:tt)*)) => { $m!($crate::dtype::F16, $($args)*); };
    (wide, $m:ident!($($args:tt)*)) => { $crate::ops::for_family!(float, $m!($($args)*)); };
    (double, $m:ident!($($args:tt)*)) => { $m!(f64, $($args)*); };
    (complex, $m:ident!($($args:tt)*)) => { $m!($crate::dtype::C64, $($args)*); $m!($crate::dtype::C128, $($args)*); };
    (complex_double, $m:ident!($($args:tt)*)) => { $m!($crate::dtype::C128, $($args)*); };
}
pub(crate) use for_family;

/// The output type of a clause, from its input type.
macro_rules! out_type {
    (same, $T:ty) => { $T };
    (bool, $T:ty) => { $crate::dtype::B8 };
    (byte, $T:ty) => { u8 };
    (int32, $T:ty) => { i32 };
    (double, $T:ty) => { f64 };
    (part, $T:ty) => { <$T as $crate::math::Parts>::Real };
    (complex, $T:ty) => { num_complex::Complex<$T> };
}
pub(crate) use out_type;

/// Whether the clause's arrow promises a body that vectorises.
macro_rules! vectorises {
    (->) => {
        true
    };
    (=>) => {
        false
    };
}
pub(crate) use vectorises;

/// The loops of a row, sorted: folds the clauses into one array literal.
macro_rules! loops {
    (@ [$($done:tt)*]) => {{
        const LOOPS: &[$crate::ops::Loop] = &$crate::ops::sorted([$($done)*]);
        LOOPS
    }};
    (@ [$($done:tt)*] bool $out:ident $($rest:tt)*) => { $crate::ops::loops!(@one [$($done)*] $out ($crate::dtype::B8) $($rest)*) };
    (@ [$($done:tt)*] signed $out:ident $($rest:tt)*) => { $crate::ops::loops!(@one [$($done)*] $out (i8, i16, i32, i64) $($rest)*) };
    (@ [$($done:tt)*] unsigned $out:ident $($rest:tt)*) => { $crate::ops::loops!(@one [$($done)*] $out (u8, u16, u32, u64) $($rest)*) };
    (@ [$($done:tt)*] int $out:ident $($rest:tt)*) => {
        $crate::ops::loops!(@one [$($done)*] $out (i8, i16, i32, i64, u8, u16, u32, u64) $($rest)*)
    };
    (@ [$($done:tt)*] float $out:ident $($rest:tt)*) => {
        $crate::ops::loops!(@one [$($done)*] $out ($crate::dtype::F16, f32, f64) $($rest)*)
    };
    (@ [$($done:tt)*] half $out:ident $($rest:tt)*) => { $crate::ops::loops!(@one [$($done)*] $out ($crate::dtype::F16) $($rest)*) };
    (@ [$($done:tt)*] wide $out:ident $($rest:tt)*) => { $crate::ops::loops!(@one [$($done)*] $out (f32, f64) $($rest)*) };
    (@ [$($done:tt)*] double $out:ident $($rest:tt)*) => { $crate::ops::loops!(@one [$($done)*] $out (f64) $($rest)*) };
    (@ [$($done:tt)*] complex $out:ident $($rest:tt)*) => {
        $crate::ops::loops!(@one [$($done)*] $out ($crate::dtype::C64, $crate::dtype::C128) $($rest)*)
    };
    (@ [$($done:tt)*] complex_double $out:ident $($rest:tt)*) => { $crate::ops::loops!(@one [$($done)*] $out ($crate::dtype::C128) $($rest)*) };
    (@one [$($done:tt)*] $out:ident ($($T:ty),* $(,)?) $($rest:tt)*) => {
        $crate::ops::loops!(@ [$($done)* $(
            (<$T as $crate::dtype::Element>::DTYPE, <$crate::ops::out_type!($out, $T) as $crate::dtype::Element>::DTYPE),
        )*] $($rest)*)
    };
}
pub(crate) use loops;
