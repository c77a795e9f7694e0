//! What operations have met, from their arguments and results.

use super::Exceptions;
use crate::dtype::{C64, C128, DType, Kind};
use crate::isa::at_best;
use crate::ops::{BinaryOp, UnaryOp};
use bytemuck::{AnyBitPattern, pod_read_unaligned};
use num_complex::Complex;
use std::ops::BitOr;

const NONE: Exceptions = Exceptions::NONE;
const DIVIDE: Exceptions = Exceptions::DIVIDE;
const OVERFLOW: Exceptions = Exceptions::OVERFLOW;
const UNDERFLOW: Exceptions = Exceptions::UNDERFLOW;
const INVALID: Exceptions = Exceptions::INVALID;

/// Whether all floats in `values` are finite: then an operation that made them has met nothing but underflow. A quick look before the careful one.
pub(crate) fn are_finite(dtype: DType, values: &[u8]) -> bool {
    match dtype {
        DType::F16 => finite::<u16>(values),
        DType::F32 | DType::C64 => finite::<u32>(values),
        DType::F64 | DType::C128 => finite::<u64>(values),
        _ => false,
    }
}

/// The bits of a float.
trait Word: AnyBitPattern + BitOr<Output = Self> {
    /// A word with the sign's bit set if the float is not finite: an exponent of all ones carries into the sign's place if one is added to it.
    fn carried(self) -> Self;
    fn is_carry(self) -> bool;
}

macro_rules! word {
    ($U:ty, $exponent:expr) => {
        impl Word for $U {
            #[inline(always)]
            fn carried(self) -> $U {
                (self & $exponent) + ($exponent & $exponent.wrapping_neg())
            }
            #[inline(always)]
            fn is_carry(self) -> bool {
                self >> (<$U>::BITS - 1) == 1
            }
        }
    };
}
word!(u16, 0x7C00_u16);
word!(u32, 0x7F80_0000_u32);
word!(u64, 0x7FF0_0000_0000_0000_u64);

at_best!(fn finite<W: Word>(values: &[u8]) -> bool = finite_over);

#[inline(always)]
fn finite_over<W: Word>(values: &[u8]) -> bool {
    let words = values.chunks_exact(size_of::<W>()).map(pod_read_unaligned::<W>);
    !words.fold(W::zeroed(), |carried, word| carried | word.carried()).is_carry()
}

/// Whether the element of `dtype` whose bytes these are is NaN, or a part of it.
pub fn is_nan(dtype: DType, element: &[u8]) -> bool {
    match dtype {
        DType::F32 => pod_read_unaligned::<f32>(element).is_nan(),
        DType::F64 => pod_read_unaligned::<f64>(element).is_nan(),
        DType::C64 => Number::is_nan(pod_read_unaligned::<C64>(element)),
        DType::C128 => Number::is_nan(pod_read_unaligned::<C128>(element)),
        _ => false,
    }
}

/// What can be said of a number that is real or complex. A complex number is NaN or infinite if a part of it is.
trait Number: AnyBitPattern {
    fn is_nan(self) -> bool;
    fn is_infinite(self) -> bool;
    fn is_zero(self) -> bool;
    /// Neither zero nor as large as normal numbers are, or zero: what may have underflowed.
    fn is_tiny(self) -> bool;
    /// The real part.
    fn real(self) -> f64;

    #[inline(always)]
    fn is_finite(self) -> bool {
        !self.is_nan() && !self.is_infinite()
    }
}

macro_rules! real {
    ($T:ty) => {
        impl Number for $T {
            #[inline(always)]
            fn is_nan(self) -> bool {
                <$T>::is_nan(self)
            }
            #[inline(always)]
            fn is_infinite(self) -> bool {
                <$T>::is_infinite(self)
            }
            #[inline(always)]
            fn is_zero(self) -> bool {
                self == 0.0
            }
            #[inline(always)]
            fn is_tiny(self) -> bool {
                self.abs() < <$T>::MIN_POSITIVE
            }
            #[inline(always)]
            fn real(self) -> f64 {
                f64::from(self)
            }
        }
    };
}
real!(f32);
real!(f64);

impl<T: Number> Number for Complex<T>
where
    Complex<T>: AnyBitPattern,
{
    #[inline(always)]
    fn is_nan(self) -> bool {
        self.re.is_nan() | self.im.is_nan()
    }
    #[inline(always)]
    fn is_infinite(self) -> bool {
        self.re.is_infinite() | self.im.is_infinite()
    }
    #[inline(always)]
    fn is_zero(self) -> bool {
        self.re.is_zero() & self.im.is_zero()
    }
    #[inline(always)]
    fn is_tiny(self) -> bool {
        (self.re.is_tiny() & !self.re.is_zero()) | (self.im.is_tiny() & !self.im.is_zero())
    }
    #[inline(always)]
    fn real(self) -> f64 {
        self.re.real()
    }
}

/// What an operation of one argument can meet.
pub(crate) fn of_unary_op(op: UnaryOp, dtype: DType) -> Exceptions {
    use UnaryOp::*;
    match (op, dtype.kind()) {
        (Reciprocal, Kind::Signed | Kind::Unsigned) => DIVIDE | INVALID,
        (_, Kind::Bool | Kind::Signed | Kind::Unsigned | Kind::Time) => NONE,
        (Absolute, Kind::Complex) => OVERFLOW | UNDERFLOW,
        (
            Positive | Negative | Absolute | Fabs | Sign | Rint | Floor | Ceil | Trunc | LogicalNot | Invert
            | BitwiseCount | Isnan | Isinf | Isfinite | Signbit | Spacing | Conjugate | Real | Imag | ModfFraction
            | FrexpMantissa | FrexpExponent | Cbrt | Arctan | Tanh | Arcsinh | Erf,
            Kind::Float,
        )
        | (Positive | Negative | Sign | Rint | LogicalNot | Isnan | Isinf | Isfinite | Conjugate | Real | Imag, _) => {
            NONE
        }
        (Sqrt | Sin | Cos | Tan | Arcsin | Arccos | Arccosh, Kind::Float) => INVALID,
        (Log | Log2 | Log10 | Log1p | Arctanh, Kind::Float) => DIVIDE | INVALID,
        (Exp | Exp2 | Square, Kind::Float) => OVERFLOW | UNDERFLOW,
        (Expm1 | Sinh | Cosh | Rad2deg | Degrees, Kind::Float) => OVERFLOW,
        (Deg2rad | Radians, Kind::Float) => UNDERFLOW,
        (Reciprocal, Kind::Float) => DIVIDE | OVERFLOW | UNDERFLOW,
        (_, _) => DIVIDE | OVERFLOW | UNDERFLOW | INVALID,
    }
}

/// What an operation of two arguments can meet.
pub(crate) fn of_binary_op(op: BinaryOp, dtype: DType) -> Exceptions {
    use BinaryOp::*;
    match (op, dtype.kind()) {
        (FloorDivide, Kind::Signed) => DIVIDE | OVERFLOW,
        (FloorDivide | Remainder | Fmod, Kind::Signed | Kind::Unsigned) => DIVIDE,
        (_, Kind::Bool | Kind::Signed | Kind::Unsigned | Kind::Time) => NONE,
        (Add | Subtract, _) => OVERFLOW | INVALID,
        (Multiply, _) => OVERFLOW | UNDERFLOW | INVALID,
        (Divide, _) => DIVIDE | OVERFLOW | UNDERFLOW | INVALID,
        (FloorDivide, _) => DIVIDE | OVERFLOW | INVALID,
        (Remainder | Fmod, _) => INVALID,
        (Power | FloatPower, _) => DIVIDE | OVERFLOW | UNDERFLOW | INVALID,
        (Hypot | Logaddexp | Logaddexp2 | Ldexp | Nextafter, _) => OVERFLOW,
        _ => NONE,
    }
}

/// What a conversion can meet.
pub(crate) fn of_cast(from: DType, to: DType) -> Exceptions {
    match (from.kind(), to.kind()) {
        (Kind::Float | Kind::Complex, Kind::Signed | Kind::Unsigned) => INVALID,
        (Kind::Float | Kind::Complex, Kind::Float | Kind::Complex) if parts_size(from) > parts_size(to) => {
            OVERFLOW | UNDERFLOW
        }
        (Kind::Signed | Kind::Unsigned, Kind::Float) if to == DType::F16 => OVERFLOW,
        _ => NONE,
    }
}

fn parts_size(dtype: DType) -> usize {
    if dtype.kind() == Kind::Complex { dtype.size() / 2 } else { dtype.size() }
}

/// The union over all elements.
#[inline(always)]
fn over<T: AnyBitPattern, R: AnyBitPattern>(x: &[u8], r: &[u8], each: impl Fn(T, R) -> Exceptions) -> Exceptions {
    let pairs = x.chunks_exact(size_of::<T>()).zip(r.chunks_exact(size_of::<R>()));
    pairs.fold(NONE, |met, (x, r)| met | each(pod_read_unaligned(x), pod_read_unaligned(r)))
}

/// The union over all elements.
#[inline(always)]
fn over_two<T: AnyBitPattern>(x: &[u8], y: &[u8], r: &[u8], each: impl Fn(T, T, T) -> Exceptions) -> Exceptions {
    let size = size_of::<T>();
    let triples = x.chunks_exact(size).zip(y.chunks_exact(size)).zip(r.chunks_exact(size));
    triples
        .fold(NONE, |met, ((x, y), r)| met | each(pod_read_unaligned(x), pod_read_unaligned(y), pod_read_unaligned(r)))
}

/// Calls `$f::<T>($args)` for the type of numbers that `$dtype` is, if it is one with loops of its own.
macro_rules! of_number {
    ($dtype:expr, $f:ident($($arg:expr),*)) => {
        match $dtype {
            DType::F32 => $f::<f32>($($arg),*),
            DType::F64 => $f::<f64>($($arg),*),
            DType::C64 => $f::<C64>($($arg),*),
            DType::C128 => $f::<C128>($($arg),*),
            _ => NONE,
        }
    };
}

/// What `r = op(x)` has met; `x` has elements of `dtype`. Float16 is computed as float32: ask for that, and for the conversion.
pub(crate) fn unary(op: UnaryOp, dtype: DType, x: &[u8], r: &[u8]) -> Exceptions {
    match (op, dtype) {
        (UnaryOp::Reciprocal, _) if matches!(dtype.kind(), Kind::Signed | Kind::Unsigned) => {
            (DIVIDE | INVALID).when(x.chunks_exact(dtype.size()).any(|x| x.iter().all(|byte| *byte == 0)))
        }
        (UnaryOp::Absolute, DType::C64) => {
            over::<C64, f32>(x, r, |x, r| OVERFLOW.when(r.is_infinite() && Number::is_finite(x)))
        }
        (UnaryOp::Absolute, DType::C128) => {
            over::<C128, f64>(x, r, |x, r| OVERFLOW.when(r.is_infinite() && Number::is_finite(x)))
        }
        _ => of_unary_op(op, dtype) & of_number!(dtype, unary_for(op, x, r)),
    }
}

at_best!(fn unary_for<T: Number>(op: UnaryOp, x: &[u8], r: &[u8]) -> Exceptions = unary_over);

#[inline(always)]
fn unary_over<T: Number>(op: UnaryOp, x: &[u8], r: &[u8]) -> Exceptions {
    use UnaryOp::{Arctanh, Exp, Exp2, Log, Log1p, Log2, Log10, Reciprocal};
    match op {
        Log | Log2 | Log10 | Log1p | Arctanh => {
            over::<T, T>(x, r, |x, r| DIVIDE.when(r.is_infinite() && x.is_finite()) | invalid(x, r))
        }
        Reciprocal => over::<T, T>(x, r, |x, r| {
            let infinite = r.is_infinite() && x.is_finite();
            DIVIDE.when(infinite && x.is_zero())
                | OVERFLOW.when(infinite && !x.is_zero())
                | UNDERFLOW.when(r.is_tiny() && x.is_finite())
                | invalid(x, r)
        }),
        Exp | Exp2 => over::<T, T>(x, r, |x, r| {
            OVERFLOW.when(r.is_infinite() && x.is_finite())
                | UNDERFLOW.when(r.is_tiny() && x.is_finite())
                | invalid(x, r)
        }),
        _ => over::<T, T>(x, r, |x, r| {
            OVERFLOW.when(r.is_infinite() && x.is_finite())
                | UNDERFLOW.when(r.is_tiny() && x.is_finite() && !x.is_zero())
                | invalid(x, r)
        }),
    }
}

#[inline(always)]
fn invalid<T: Number>(x: T, r: T) -> Exceptions {
    INVALID.when(r.is_nan() && !x.is_nan())
}

/// What `r = op(x, y)` has met; `x` and `y` have elements of `dtype`. Float16: as for [`unary`].
pub(crate) fn binary(op: BinaryOp, dtype: DType, x: &[u8], y: &[u8], r: &[u8]) -> Exceptions {
    let can = of_binary_op(op, dtype);
    if can.is_empty() {
        return NONE;
    }
    macro_rules! integers {
        ($($D:ident $T:ty),*) => {
            match dtype {
                $(DType::$D => over_two::<$T>(x, y, r, |x, y, _| {
                    #[allow(unused_comparisons, reason = "unsigned integers are stamped too")]
                    let overflows = <$T>::MIN < 0 && x == <$T>::MIN && y == !0;
                    DIVIDE.when(y == 0) | OVERFLOW.when(overflows)
                }),)*
                _ => of_number!(dtype, binary_for(op, x, y, r)),
            }
        };
    }
    can & integers!(I8 i8, I16 i16, I32 i32, I64 i64, U8 u8, U16 u16, U32 u32, U64 u64)
}

at_best!(fn binary_for<T: Number>(op: BinaryOp, x: &[u8], y: &[u8], r: &[u8]) -> Exceptions = binary_over);

#[inline(always)]
fn binary_over<T: Number>(op: BinaryOp, x: &[u8], y: &[u8], r: &[u8]) -> Exceptions {
    use BinaryOp::{Divide, FloatPower, FloorDivide, Multiply, Power};
    match op {
        Divide | FloorDivide => over_two::<T>(x, y, r, |x, y, r| {
            let infinite = r.is_infinite() && x.is_finite() && y.is_finite();
            DIVIDE.when(y.is_zero() && x.is_finite() && !x.is_zero())
                | OVERFLOW.when(infinite && !y.is_zero())
                | UNDERFLOW.when(r.is_tiny() && !x.is_zero() && y.is_finite())
                | invalid_of(x, y, r)
        }),
        Power | FloatPower => over_two::<T>(x, y, r, |x, y, r| {
            let infinite = r.is_infinite() && x.is_finite() && y.is_finite();
            DIVIDE.when(infinite && x.is_zero())
                | OVERFLOW.when(infinite && !x.is_zero())
                | UNDERFLOW.when(r.is_tiny() && x.is_finite() && y.is_finite() && !x.is_zero())
                | invalid_of(x, y, r)
        }),
        Multiply => over_two::<T>(x, y, r, |x, y, r| {
            plain(x, y, r) | UNDERFLOW.when(r.is_tiny() && !x.is_zero() && !y.is_zero())
        }),
        _ => over_two::<T>(x, y, r, plain),
    }
}

#[inline(always)]
fn plain<T: Number>(x: T, y: T, r: T) -> Exceptions {
    OVERFLOW.when(r.is_infinite() && x.is_finite() && y.is_finite()) | invalid_of(x, y, r)
}

#[inline(always)]
fn invalid_of<T: Number>(x: T, y: T, r: T) -> Exceptions {
    INVALID.when(r.is_nan() && !x.is_nan() && !y.is_nan())
}

/// What `r = x` as elements of another type has met.
pub(crate) fn cast(from: DType, to: DType, x: &[u8], r: &[u8]) -> Exceptions {
    macro_rules! narrowed {
        ($T:ty, $R:ty) => {
            over::<$T, $R>(x, r, |x, r| {
                OVERFLOW.when(r.is_infinite() && Number::is_finite(x))
                    | UNDERFLOW.when(Number::is_tiny(r) && !Number::is_zero(x))
            })
        };
    }
    match (from, to) {
        (DType::F64, DType::F32) => narrowed!(f64, f32),
        (DType::C128, DType::C64) => narrowed!(C128, C64),
        (DType::F32, DType::F16) => over::<f32, u16>(x, r, |x, r| {
            OVERFLOW.when(r & 0x7FFF == 0x7C00 && x.is_finite()) | UNDERFLOW.when(r & 0x7C00 == 0 && x != 0.0)
        }),
        (DType::F64, DType::F16) => over::<f64, u16>(x, r, |x, r| {
            OVERFLOW.when(r & 0x7FFF == 0x7C00 && x.is_finite()) | UNDERFLOW.when(r & 0x7C00 == 0 && x != 0.0)
        }),
        (DType::F32, _) if of_cast(from, to) == INVALID => to_integer_from::<f32>(to, x),
        (DType::F64, _) if of_cast(from, to) == INVALID => to_integer_from::<f64>(to, x),
        (DType::C64, _) if of_cast(from, to) == INVALID => to_integer_from::<C64>(to, x),
        (DType::C128, _) if of_cast(from, to) == INVALID => to_integer_from::<C128>(to, x),
        _ => NONE,
    }
}

at_best!(fn to_integer_from<T: Number>(to: DType, x: &[u8]) -> Exceptions = to_integer);

/// Whether a number has no place in the integers. Narrow ones are converted through `int32`, as C compilers do it for NumPy, so that their own range is no matter;
/// negative numbers wrap in unsigned ones. Of complex numbers the real parts are converted.
#[inline(always)]
fn to_integer<T: Number>(to: DType, x: &[u8]) -> Exceptions {
    let (low, high) = match to {
        DType::U64 => (-9_223_372_036_854_775_808.0, 18_446_744_073_709_551_616.0),
        DType::I64 => (-9_223_372_036_854_775_808.0, 9_223_372_036_854_775_808.0),
        DType::U32 => (-2_147_483_648.0, 4_294_967_296.0),
        _ => (-2_147_483_648.0, 2_147_483_648.0),
    };
    // What is truncated to the lowest integer is inside.
    let low = if to.size() > 4 { low } else { low - 1.0 };
    let is_inside = |x: f64| ((x > low) | ((x == low) & (to.size() > 4))) & (x < high);
    let outside = x
        .chunks_exact(size_of::<T>())
        .fold(false, |outside, x| outside | !is_inside(pod_read_unaligned::<T>(x).real()));
    INVALID.when(outside)
}
