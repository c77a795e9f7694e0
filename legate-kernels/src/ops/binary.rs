//! Operations of two arguments of one type. The table is at the end of the file.

use super::integer::{Power, Quotient};
use super::real;
use super::{Loop, for_family, loops, out_type, vectorises};
use crate::cast::{Convert, ConvertTo};
use crate::dtype::{B8, DType, Element, Kind, Scalar};
use crate::half;
use crate::math::{self, Real, complex};
use num_complex::Complex;
use serde::{Deserialize, Serialize};

/// The scalar body of a row for inputs of type `T`.
pub(crate) trait BinaryFn<T: Element>: 'static {
    type Out: Element;
    const OP: BinaryOp;
    /// Whether the compiler can vectorise the body.
    const VECTORISES: bool;
    /// The value for arguments that are not rare.
    fn common(x: T, y: T) -> Self::Out;
    /// Whether there are rare arguments.
    const HAS_RARE: bool;
    /// Whether the arguments need a body of its own, one that does not vectorise. The engine computes a tile as if none did, and does these again.
    fn is_rare(x: T, y: T) -> bool;
    /// The value.
    fn apply(x: T, y: T) -> Self::Out;
}

/// Something to be done with the body of one loop, whichever it is.
pub(crate) trait BinaryVisitor {
    type Output;
    fn visit<T: Element, F: BinaryFn<T>>(self) -> Self::Output;
}

/// Applies the body to one pair of values.
pub(super) struct Eval(pub(super) Scalar, pub(super) Scalar);

impl BinaryVisitor for Eval {
    type Output = Scalar;
    fn visit<T: Element, F: BinaryFn<T>>(self) -> Scalar {
        let claim = "the loop was chosen by the values' type";
        Scalar::new(F::apply(self.0.get::<T>().expect(claim), self.1.get::<T>().expect(claim)))
    }
}

/// Whether the body vectorises.
struct Vectorises;

impl BinaryVisitor for Vectorises {
    type Output = bool;
    fn visit<T: Element, F: BinaryFn<T>>(self) -> bool {
        F::VECTORISES
    }
}

macro_rules! binary_ops {
    ($(
        $(#[$doc:meta])*
        $Op:ident $name:literal ulp $ulp:literal {
            $($family:ident $arrow:tt $out:ident |$x:ident, $y:ident| $body:expr $(; rare $rare:expr => $slow:expr)?),* $(,)?
        }
    )*) => {
        /// An operation of two arguments of one type, named after NumPy's function.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum BinaryOp { $($(#[$doc])* $Op),* }

        impl BinaryOp {
            /// Every operation, in the order of the table.
            pub const ALL: &[BinaryOp] = &[$(BinaryOp::$Op),*];

            /// NumPy's name of it: `"add"`.
            pub const fn name(self) -> &'static str {
                match self { $(BinaryOp::$Op => $name),* }
            }

            /// Its loops (the type of both inputs, the type of the output), in NumPy's order of resolution.
            pub const fn loops(self) -> &'static [Loop] {
                match self { $(BinaryOp::$Op => loops!(@ [] $($family $out)*)),* }
            }

            const fn table_ulp(self) -> f64 {
                match self { $(BinaryOp::$Op => $ulp as f64),* }
            }

            /// Hands the body for inputs of type `dtype` to the visitor; `None` if there is no such loop.
            pub(crate) fn visit<V: BinaryVisitor>(self, dtype: DType, visitor: V) -> Option<V::Output> {
                match self {
                    $(BinaryOp::$Op => { $(for_family!($family, visit_one!(dtype, visitor, rows::$Op));)* })*
                }
                None
            }
        }

        /// One type for each row, carrying its bodies.
        pub(crate) mod rows { $(pub(crate) struct $Op;)* }

        $($(for_family!($family, body!($Op, $out, $arrow, $x, $y, $body $(, $rare, $slow)?));)*)*
    };
}

macro_rules! visit_one {
    ($T:ty, $dtype:ident, $visitor:ident, $Row:ty) => {
        if $dtype == <$T as Element>::DTYPE {
            return Some($visitor.visit::<$T, $Row>());
        }
    };
}

macro_rules! body {
    ($T:ty, $Op:ident, $out:ident, $arrow:tt, $x:ident, $y:ident, $body:expr $(, $rare:expr, $slow:expr)?) => {
        impl BinaryFn<$T> for rows::$Op {
            type Out = out_type!($out, $T);
            const OP: BinaryOp = BinaryOp::$Op;
            const VECTORISES: bool = vectorises!($arrow);
            #[inline(always)]
            fn common($x: $T, $y: $T) -> Self::Out {
                #[allow(dead_code, reason = "the name of the input type, for the bodies that need it")]
                type T = $T;
                $body
            }
            const HAS_RARE: bool = false $(|| { stringify!($rare); true })?;
            #[inline(always)]
            #[allow(unused_variables, reason = "few rows have rare arguments")]
            fn is_rare($x: $T, $y: $T) -> bool {
                false $(|| $rare)?
            }
            #[inline(always)]
            fn apply($x: $T, $y: $T) -> Self::Out {
                $(if $rare {
                    return $slow;
                })?
                Self::common($x, $y)
            }
        }
    };
}

impl BinaryOp {
    /// The operation of this name; `true_divide` is `divide` and `mod` is `remainder`.
    pub fn from_name(name: &str) -> Option<BinaryOp> {
        let name = match name {
            "true_divide" => "divide",
            "mod" => "remainder",
            "pow" => "power",
            other => other,
        };
        BinaryOp::ALL.iter().copied().find(|op| op.name() == name)
    }

    /// The output type for inputs of type `input`; `None` if there is no such loop (cast first).
    pub fn result(self, input: DType) -> Option<DType> {
        self.loops().iter().find(|l| l.0 == input).map(|l| l.1)
    }

    /// Whether the loop for inputs of type `input` is that for float32, between conversions.
    pub(crate) fn is_lowered(self, input: DType) -> bool {
        input == DType::F16 && self.visit(input, Vectorises).is_none()
    }

    /// Whether the body for inputs of type `input` compiles to vector instructions.
    pub(crate) fn vectorises(self, input: DType) -> bool {
        self.visit(input, Vectorises).unwrap_or(false)
    }

    /// Whether the body is a few instructions, so that what it spends its time on is loading and storing.
    pub(crate) const fn is_cheap(self) -> bool {
        use BinaryOp::{Arctan2, FloatPower, FloorDivide, Fmod, Hypot, Logaddexp, Logaddexp2, Power, Remainder};
        !matches!(self, Power | FloatPower | FloorDivide | Remainder | Fmod | Arctan2 | Hypot | Logaddexp | Logaddexp2)
    }

    /// The error budget in units in the last place for inputs of type `input`; 0 means correctly rounded. The parts of complex results
    /// count in units of the larger one, and are composed of several real functions.
    pub fn ulp(self, input: DType) -> f64 {
        match input.kind() {
            Kind::Float => self.table_ulp(),
            Kind::Complex if self.table_ulp() > 0.0 => self.table_ulp() + 2.0,
            _ => 0.0,
        }
    }
}

binary_ops! {
    /// `x + y`; `or` of bools.
    Add "add" ulp 0 {
        bool -> same |x, y| B8(x.0 | y.0),
        int -> same |x, y| x.wrapping_add(y),
        float -> same |x, y| x + y,
        complex -> same |x, y| Complex::new(x.re + y.re, x.im + y.im),
    }
    /// `x - y`.
    Subtract "subtract" ulp 0 {
        int -> same |x, y| x.wrapping_sub(y),
        float -> same |x, y| x - y,
        complex -> same |x, y| Complex::new(x.re - y.re, x.im - y.im),
    }
    /// `x * y`; `and` of bools.
    Multiply "multiply" ulp 0 {
        bool -> same |x, y| B8(x.0 & y.0),
        int -> same |x, y| x.wrapping_mul(y),
        float -> same |x, y| x * y,
        complex -> same |x, y| Complex::new(x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re),
    }
    /// `x / y`, a float for integers too.
    Divide "divide" ulp 0 {
        int -> double |x, y| x as f64 / y as f64,
        float -> same |x, y| x / y,
        complex -> same |x, y| complex::divide(x, y),
    }
    /// The largest integer not above `x / y`; 0 for integers divided by 0.
    FloorDivide "floor_divide" ulp 0 {
        int -> same |x, y| x.near_floor_divide(y); rare x.is_quotient_far(y) => x.far_floor_divide(y),
        float -> same |x, y| real::floor_divide(x, y, real::near_remainder(x, y)); rare real::is_far(x, y) => real::floor_divide(x, y, x % y),
    }
    /// `x - y * floor(x / y)`: it has the sign of `y`; 0 for integers divided by 0.
    Remainder "remainder" ulp 0 {
        int -> same |x, y| x.wrapping_sub(x.near_floor_divide(y).wrapping_mul(y)).zero_if(y == 0);
            rare x.is_quotient_far(y) => x.wrapping_sub(x.far_floor_divide(y).wrapping_mul(y)).zero_if(y == 0),
        float -> same |x, y| real::remainder(y, real::near_remainder(x, y)); rare real::is_far(x, y) => real::remainder(y, x % y),
    }
    /// `x - y * trunc(x / y)`: it has the sign of `x`; 0 for integers divided by 0.
    Fmod "fmod" ulp 0 {
        int -> same |x, y| x.wrapping_sub(x.near_divide(y).wrapping_mul(y)).zero_if(y == 0);
            rare x.is_quotient_far(y) => if y == 0 { 0 } else { x.wrapping_rem(y) },
        float -> same |x, y| real::near_remainder(x, y); rare real::is_far(x, y) => x % y,
    }
    /// `x ** y`. Negative integer exponents truncate towards zero (NumPy's front end refuses them).
    Power "power" ulp 1 {
        int -> same |x, y| x.small_power(y); rare x.is_power_large(y) => x.any_power(y),
        float -> same |x, y| x.pow_common(y); rare x.is_pow_rare(y) => x.pow_rare(y),
        complex => same |x, y| complex::pow(x, y),
    }
    /// `x ** y` in double precision whatever the inputs.
    FloatPower "float_power" ulp 1 {
        double -> same |x, y| x.pow_common(y); rare x.is_pow_rare(y) => x.pow_rare(y),
        complex_double => same |x, y| complex::pow(x, y),
    }
    /// The larger; NaN if either is NaN; the second of equal zeros.
    Maximum "maximum" ulp 0 {
        bool -> same |x, y| B8(x.0 | y.0),
        int -> same |x, y| if x >= y { x } else { y },
        float -> same |x, y| if x > y || x.is_nan() { x } else { y },
        complex -> same |x, y| if complex::is_nan(x) || complex::le(y, x) { x } else { y },
    }
    /// The smaller; NaN if either is NaN; the second of equal zeros.
    Minimum "minimum" ulp 0 {
        bool -> same |x, y| B8(x.0 & y.0),
        int -> same |x, y| if x <= y { x } else { y },
        float -> same |x, y| if x < y || x.is_nan() { x } else { y },
        complex -> same |x, y| if complex::is_nan(x) || complex::le(x, y) { x } else { y },
    }
    /// The larger; a number if either is one.
    Fmax "fmax" ulp 0 {
        bool -> same |x, y| B8(x.0 | y.0),
        int -> same |x, y| if x >= y { x } else { y },
        float -> same |x, y| if x >= y || y.is_nan() { x } else { y },
        complex -> same |x, y| if complex::is_nan(y) || complex::le(y, x) { x } else { y },
    }
    /// The smaller; a number if either is one.
    Fmin "fmin" ulp 0 {
        bool -> same |x, y| B8(x.0 & y.0),
        int -> same |x, y| if x <= y { x } else { y },
        float -> same |x, y| if x <= y || y.is_nan() { x } else { y },
        complex -> same |x, y| if complex::is_nan(y) || complex::le(x, y) { x } else { y },
    }
    /// `x > y`.
    Greater "greater" ulp 0 {
        bool -> bool |x, y| B8::from(x > y),
        int -> bool |x, y| B8::from(x > y),
        float -> bool |x, y| B8::from(x > y),
        complex -> bool |x, y| B8::from(complex::lt(y, x)),
    }
    /// `x >= y`.
    GreaterEqual "greater_equal" ulp 0 {
        bool -> bool |x, y| B8::from(x >= y),
        int -> bool |x, y| B8::from(x >= y),
        float -> bool |x, y| B8::from(x >= y),
        complex -> bool |x, y| B8::from(complex::le(y, x)),
    }
    /// `x < y`.
    Less "less" ulp 0 {
        bool -> bool |x, y| B8::from(x < y),
        int -> bool |x, y| B8::from(x < y),
        float -> bool |x, y| B8::from(x < y),
        complex -> bool |x, y| B8::from(complex::lt(x, y)),
    }
    /// `x <= y`.
    LessEqual "less_equal" ulp 0 {
        bool -> bool |x, y| B8::from(x <= y),
        int -> bool |x, y| B8::from(x <= y),
        float -> bool |x, y| B8::from(x <= y),
        complex -> bool |x, y| B8::from(complex::le(x, y)),
    }
    /// `x == y`.
    Equal "equal" ulp 0 {
        bool -> bool |x, y| B8::from(x == y),
        int -> bool |x, y| B8::from(x == y),
        float -> bool |x, y| B8::from(x == y),
        complex -> bool |x, y| B8::from(x.re == y.re && x.im == y.im),
    }
    /// `x != y`.
    NotEqual "not_equal" ulp 0 {
        bool -> bool |x, y| B8::from(x != y),
        int -> bool |x, y| B8::from(x != y),
        float -> bool |x, y| B8::from(x != y),
        complex -> bool |x, y| B8::from(x.re != y.re || x.im != y.im),
    }
    /// Whether both are not zero.
    LogicalAnd "logical_and" ulp 0 {
        bool -> bool |x, y| B8(x.0 & y.0),
        int -> bool |x, y| B8::from((x != 0) & (y != 0)),
        float -> bool |x, y| B8::from((x != 0.0) & (y != 0.0)),
        complex -> bool |x, y| B8::from(complex::is_true(x) & complex::is_true(y)),
    }
    /// Whether one is not zero.
    LogicalOr "logical_or" ulp 0 {
        bool -> bool |x, y| B8(x.0 | y.0),
        int -> bool |x, y| B8::from((x != 0) | (y != 0)),
        float -> bool |x, y| B8::from((x != 0.0) | (y != 0.0)),
        complex -> bool |x, y| B8::from(complex::is_true(x) | complex::is_true(y)),
    }
    /// Whether exactly one is not zero.
    LogicalXor "logical_xor" ulp 0 {
        bool -> bool |x, y| B8(x.0 ^ y.0),
        int -> bool |x, y| B8::from((x != 0) ^ (y != 0)),
        float -> bool |x, y| B8::from((x != 0.0) ^ (y != 0.0)),
        complex -> bool |x, y| B8::from(complex::is_true(x) ^ complex::is_true(y)),
    }
    /// `x & y`.
    BitwiseAnd "bitwise_and" ulp 0 {
        bool -> same |x, y| B8(x.0 & y.0),
        int -> same |x, y| x & y,
    }
    /// `x | y`.
    BitwiseOr "bitwise_or" ulp 0 {
        bool -> same |x, y| B8(x.0 | y.0),
        int -> same |x, y| x | y,
    }
    /// `x ^ y`.
    BitwiseXor "bitwise_xor" ulp 0 {
        bool -> same |x, y| B8(x.0 ^ y.0),
        int -> same |x, y| x ^ y,
    }
    /// `x << y`; 0 if `y` is negative or not less than the number of bits.
    LeftShift "left_shift" ulp 0 {
        int -> same |x, y| if (y as u64) < u64::from(T::BITS) { x.wrapping_shl(y as u32) } else { 0 },
    }
    /// `x >> y`, arithmetic for signed types; the sign (0 or -1) if `y` is negative or not less than the number of bits.
    RightShift "right_shift" ulp 0 {
        signed -> same |x, y| if (y as u64) < u64::from(T::BITS) { x.wrapping_shr(y as u32) } else { x >> (T::BITS - 1) },
        unsigned -> same |x, y| if (y as u64) < u64::from(T::BITS) { x.wrapping_shr(y as u32) } else { 0 },
    }
    /// The angle of the point `(y, x)`.
    Arctan2 "arctan2" ulp 1.5 {
        float -> same |x, y| Real::atan2(x, y),
    }
    /// `sqrt(x*x + y*y)` without overflow on the way.
    Hypot "hypot" ulp 1 {
        float -> same |x, y| Real::hypot(x, y),
    }
    /// The size of `x` with the sign of `y`.
    Copysign "copysign" ulp 0 {
        float -> same |x, y| x.copysign(y),
    }
    /// The next float after `x` towards `y`.
    Nextafter "nextafter" ulp 0 {
        half => same |x, y| half::nextafter(x, y),
        wide -> same |x, y| math::nextafter(x, y),
    }
    /// 0 for negative `x`, 1 for positive, `y` at zero.
    Heaviside "heaviside" ulp 0 {
        float -> same |x, y| if x.is_nan() { x } else if x == 0.0 { y } else if x < 0.0 { 0.0 } else { 1.0 },
    }
    /// `log(exp(x) + exp(y))`.
    Logaddexp "logaddexp" ulp 2 {
        float -> same |x, y| real::logaddexp(x, y),
    }
    /// `log2(2**x + 2**y)`.
    Logaddexp2 "logaddexp2" ulp 2 {
        float -> same |x, y| real::logaddexp2(x, y),
    }
    /// The greatest common divisor, not negative.
    Gcd "gcd" ulp 0 {
        signed => same |x, y| real::gcd(x.unsigned_abs(), y.unsigned_abs()) as T,
        unsigned => same |x, y| real::gcd(x, y) as T,
    }
    /// The least common multiple, not negative unless it wraps.
    Lcm "lcm" ulp 0 {
        signed => same |x, y| real::lcm(x.unsigned_abs(), y.unsigned_abs()) as T,
        unsigned => same |x, y| real::lcm(x, y) as T,
    }
    /// The complex number of these parts. Not a NumPy ufunc.
    Complex "complex" ulp 0 {
        wide -> complex |x, y| Complex::new(x, y),
    }
    /// `x · 2^y` for a whole number `y`. NumPy's `ldexp` takes integers, which are converted: beyond the integers that a type holds exactly nothing is left of `x`.
    Ldexp "ldexp" ulp 0 {
        float -> same |x, y| real::ldexp(f64::convert(x), f64::convert(y)).convert_to(),
    }
}
