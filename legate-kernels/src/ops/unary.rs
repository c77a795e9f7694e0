//! Operations of one argument. The table is at the end of the file.

use super::{Loop, for_family, loops, out_type, real, vectorises};
use crate::cast::{Convert, ConvertTo};
use crate::dtype::{B8, DType, Element, Kind, Scalar};
use crate::half;
use crate::math::{self, Real};
use num_complex::Complex;
use serde::{Deserialize, Serialize};

/// The scalar body of a row for inputs of type `T`.
pub(crate) trait UnaryFn<T: Element>: 'static {
    type Out: Element;
    /// Whether the compiler can vectorise the body.
    const VECTORISES: bool;
    /// The value for arguments that are not rare.
    fn common(x: T) -> Self::Out;
    /// Whether there are rare arguments.
    const HAS_RARE: bool;
    /// Whether the argument needs a body of its own, one that does not vectorise. The engine computes a tile as if none did, and does these again.
    fn is_rare(x: T) -> bool;
    /// The value.
    fn apply(x: T) -> Self::Out;
}

/// Something to be done with the body of one loop, whichever it is.
pub(crate) trait UnaryVisitor {
    type Output;
    fn visit<T: Element, F: UnaryFn<T>>(self) -> Self::Output;
}

/// Applies the body to one value.
pub(super) struct Eval(pub(super) Scalar);

impl UnaryVisitor for Eval {
    type Output = Scalar;
    fn visit<T: Element, F: UnaryFn<T>>(self) -> Scalar {
        Scalar::new(F::apply(self.0.get::<T>().expect("the loop was chosen by the value's type")))
    }
}

/// Whether the body vectorises.
struct Vectorises;

impl UnaryVisitor for Vectorises {
    type Output = bool;
    fn visit<T: Element, F: UnaryFn<T>>(self) -> bool {
        F::VECTORISES
    }
}

macro_rules! unary_ops {
    ($(
        $(#[$doc:meta])*
        $Op:ident $name:literal ulp $ulp:literal {
            $($family:ident $arrow:tt $out:ident |$x:pat_param| $body:expr $(; rare $rare:expr => $slow:expr)?),* $(,)?
        }
    )*) => {
        /// An operation of one argument, named after NumPy's function.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum UnaryOp { $($(#[$doc])* $Op),* }

        impl UnaryOp {
            /// Every operation, in the order of the table.
            pub const ALL: &[UnaryOp] = &[$(UnaryOp::$Op),*];

            /// NumPy's name of it: `"negative"`.
            pub const fn name(self) -> &'static str {
                match self { $(UnaryOp::$Op => $name),* }
            }

            /// Its loops, in NumPy's order of resolution.
            pub const fn loops(self) -> &'static [Loop] {
                match self { $(UnaryOp::$Op => loops!(@ [] $($family $out)*)),* }
            }

            /// How far, in units in the last place, a float result may lie from the exact one.
            const fn table_ulp(self) -> f64 {
                match self { $(UnaryOp::$Op => $ulp as f64),* }
            }

            /// Hands the body for inputs of type `dtype` to the visitor; `None` if there is no such loop.
            pub(crate) fn visit<V: UnaryVisitor>(self, dtype: DType, visitor: V) -> Option<V::Output> {
                match self {
                    $(UnaryOp::$Op => { $(for_family!($family, visit_one!(dtype, visitor, rows::$Op));)* })*
                }
                None
            }
        }

        /// One type for each row, carrying its bodies.
        mod rows { $(#[allow(dead_code, reason = "a row without loops has no body")] pub(super) struct $Op;)* }

        $($(for_family!($family, body!($Op, $out, $arrow, $x, $body $(, $rare, $slow)?));)*)*
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
    ($T:ty, $Op:ident, $out:ident, $arrow:tt, $x:pat_param, $body:expr $(, $rare:expr, $slow:expr)?) => {
        impl UnaryFn<$T> for rows::$Op {
            type Out = out_type!($out, $T);
            const VECTORISES: bool = vectorises!($arrow);
            #[inline(always)]
            fn common($x: $T) -> Self::Out {
                #[allow(dead_code, reason = "the name of the input type, for the bodies that need it")]
                type T = $T;
                $body
            }
            const HAS_RARE: bool = false $(|| { stringify!($rare); true })?;
            #[inline(always)]
            #[allow(unused_variables, reason = "few rows have rare arguments")]
            fn is_rare($x: $T) -> bool {
                false $(|| $rare)?
            }
            #[inline(always)]
            #[allow(unused_variables, reason = "few rows have rare arguments")]
            fn apply(argument: $T) -> Self::Out {
                $({
                    let $x = argument;
                    if $rare {
                        return $slow;
                    }
                })?
                Self::common(argument)
            }
        }
    };
}

impl UnaryOp {
    /// The operation of this name.
    pub fn from_name(name: &str) -> Option<UnaryOp> {
        UnaryOp::ALL.iter().copied().find(|op| op.name() == name)
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

unary_ops! {
    /// `x`.
    Positive "positive" ulp 0 {
        int -> same |x| x,
        float -> same |x| x,
        complex -> same |x| x,
    }
    /// `-x`.
    Negative "negative" ulp 0 {
        int -> same |x| x.wrapping_neg(),
        float -> same |x| -x,
        complex -> same |x| Complex::new(-x.re, -x.im),
    }
    /// `|x|`; the smallest integer is its own.
    Absolute "absolute" ulp 1 {
        bool -> same |x| x,
        signed -> same |x| x.wrapping_abs(),
        unsigned -> same |x| x,
        float -> same |x| x.abs(),
        complex -> part |x| Real::hypot(x.re, x.im),
    }
    /// `|x|` of floats only.
    Fabs "fabs" ulp 0 {
        float -> same |x| x.abs(),
    }
    /// -1, 0 or 1; NaN of NaN; `z / |z|` of complex numbers.
    Sign "sign" ulp 2 {
        signed -> same |x| x.signum(),
        unsigned -> same |x| T::from(x > 0),
        float -> same |x| math::sign(x),
        complex => same |x| math::complex::sign(x),
    }
    /// The nearest integer, halves to even.
    Rint "rint" ulp 0 {
        float -> same |x| x.round_ties_even(),
        complex -> same |x| Complex::new(x.re.round_ties_even(), x.im.round_ties_even()),
    }
    /// The largest integer not above `x`.
    Floor "floor" ulp 0 {
        bool -> same |x| x,
        int -> same |x| x,
        float -> same |x| x.floor(),
    }
    /// The smallest integer not below `x`.
    Ceil "ceil" ulp 0 {
        bool -> same |x| x,
        int -> same |x| x,
        float -> same |x| x.ceil(),
    }
    /// `x` without its fraction.
    Trunc "trunc" ulp 0 {
        bool -> same |x| x,
        int -> same |x| x,
        float -> same |x| x.trunc(),
    }
    /// `e**x`.
    Exp "exp" ulp 1 {
        float -> same |x| Real::exp(x),
        complex => same |x| math::complex::exp(x),
    }
    /// `2**x`.
    Exp2 "exp2" ulp 1 {
        float -> same |x| Real::exp2(x),
        complex => same |x| math::complex::exp2(x),
    }
    /// `e**x - 1`, accurate near 0.
    Expm1 "expm1" ulp 1.5 {
        float -> same |x| Real::expm1(x),
        complex => same |x| math::complex::expm1(x),
    }
    /// The natural logarithm.
    Log "log" ulp 1 {
        float -> same |x| Real::log(x),
        complex => same |x| math::complex::log(x),
    }
    /// The logarithm to base 2.
    Log2 "log2" ulp 1 {
        float -> same |x| Real::log2(x),
        complex => same |x| math::complex::log(x).scale(Real::LOG2_E),
    }
    /// The logarithm to base 10.
    Log10 "log10" ulp 1 {
        float -> same |x| Real::log10(x),
        complex => same |x| math::complex::log(x).scale(Real::LOG10_E),
    }
    /// `log(1 + x)`, accurate near 0.
    Log1p "log1p" ulp 1 {
        float -> same |x| Real::log1p(x),
        complex => same |x| math::complex::log1p(x),
    }
    /// The square root.
    Sqrt "sqrt" ulp 2 {
        float -> same |x| x.sqrt(),
        complex => same |x| math::complex::sqrt(x),
    }
    /// The cube root.
    Cbrt "cbrt" ulp 1 {
        float -> same |x| Real::cbrt(x),
    }
    /// `x * x`.
    Square "square" ulp 2 {
        int -> same |x| x.wrapping_mul(x),
        float -> same |x| x * x,
        complex -> same |x| x * x,
    }
    /// `1 / x`; integers truncate, and 0 gives what the machine's conversion of infinity gives.
    Reciprocal "reciprocal" ulp 3 {
        int -> same |x| (1.0 / f64::convert(x)).convert_to(),
        float -> same |x| 1.0 / x,
        complex => same |x| math::complex::reciprocal(x),
    }
    /// The sine.
    Sin "sin" ulp 1 {
        float -> same |x| x.sin_common(); rare x.is_beyond_circular() => x.sin_beyond(),
        complex => same |x| math::complex::sin(x),
    }
    /// The cosine.
    Cos "cos" ulp 1 {
        float -> same |x| x.cos_common(); rare x.is_beyond_circular() => x.cos_beyond(),
        complex => same |x| math::complex::cos(x),
    }
    /// The tangent.
    Tan "tan" ulp 2 {
        float -> same |x| x.tan_common(); rare x.is_beyond_circular() => x.tan_beyond(),
        complex => same |x| math::complex::tan(x),
    }
    /// The inverse sine.
    Arcsin "arcsin" ulp 1 {
        float -> same |x| Real::asin(x),
        complex => same |x| math::complex::asin(x),
    }
    /// The inverse cosine.
    Arccos "arccos" ulp 1 {
        float -> same |x| Real::acos(x),
        complex => same |x| math::complex::acos(x),
    }
    /// The inverse tangent.
    Arctan "arctan" ulp 1.5 {
        float -> same |x| Real::atan(x),
        complex => same |x| math::complex::atan(x),
    }
    /// The hyperbolic sine.
    Sinh "sinh" ulp 2 {
        float -> same |x| Real::sinh(x),
        complex => same |x| math::complex::sinh(x),
    }
    /// The hyperbolic cosine.
    Cosh "cosh" ulp 2 {
        float -> same |x| Real::cosh(x),
        complex => same |x| math::complex::cosh(x),
    }
    /// The hyperbolic tangent.
    Tanh "tanh" ulp 2 {
        float -> same |x| Real::tanh(x),
        complex => same |x| math::complex::tanh(x),
    }
    /// The inverse hyperbolic sine.
    Arcsinh "arcsinh" ulp 2 {
        float -> same |x| Real::asinh(x),
        complex => same |x| math::complex::asinh(x),
    }
    /// The inverse hyperbolic cosine.
    Arccosh "arccosh" ulp 2 {
        float -> same |x| Real::acosh(x),
        complex => same |x| math::complex::acosh(x),
    }
    /// The inverse hyperbolic tangent.
    Arctanh "arctanh" ulp 2 {
        float -> same |x| Real::atanh(x),
        complex => same |x| math::complex::atanh(x),
    }
    /// Degrees to radians.
    Deg2rad "deg2rad" ulp 1 {
        float -> same |x| x * <T as Real>::RADIANS_PER_DEGREE,
    }
    /// Radians to degrees.
    Rad2deg "rad2deg" ulp 1 {
        float -> same |x| x * <T as Real>::DEGREES_PER_RADIAN,
    }
    /// Degrees to radians.
    Radians "radians" ulp 1 {
        float -> same |x| x * <T as Real>::RADIANS_PER_DEGREE,
    }
    /// Radians to degrees.
    Degrees "degrees" ulp 1 {
        float -> same |x| x * <T as Real>::DEGREES_PER_RADIAN,
    }
    /// Whether `x` is zero.
    LogicalNot "logical_not" ulp 0 {
        bool -> bool |x| B8(x.0 ^ 1),
        int -> bool |x| B8::from(x == 0),
        float -> bool |x| B8::from(x == 0.0),
        complex -> bool |x| B8::from(x.re == 0.0 && x.im == 0.0),
    }
    /// Every bit flipped; `not` of bools.
    Invert "invert" ulp 0 {
        bool -> same |x| B8(x.0 ^ 1),
        int -> same |x| !x,
    }
    /// How many bits are set in `|x|`.
    BitwiseCount "bitwise_count" ulp 0 {
        signed -> byte |x| x.unsigned_abs().count_ones() as u8,
        unsigned -> byte |x| x.count_ones() as u8,
    }
    /// Whether `x` is no time. No number is asked, and times are compared as integers, so there are no loops.
    Isnat "isnat" ulp 0 {}
    /// Whether `x` is not a number.
    Isnan "isnan" ulp 0 {
        bool -> bool |_x| B8(0),
        int -> bool |_x| B8(0),
        float -> bool |x| B8::from(x.is_nan()),
        complex -> bool |x| B8::from(x.re.is_nan() | x.im.is_nan()),
    }
    /// Whether `x` is infinite.
    Isinf "isinf" ulp 0 {
        bool -> bool |_x| B8(0),
        int -> bool |_x| B8(0),
        float -> bool |x| B8::from(x.is_infinite()),
        complex -> bool |x| B8::from(x.re.is_infinite() | x.im.is_infinite()),
    }
    /// Whether `x` is neither infinite nor NaN.
    Isfinite "isfinite" ulp 0 {
        bool -> bool |_x| B8(1),
        int -> bool |_x| B8(1),
        float -> bool |x| B8::from(x.is_finite()),
        complex -> bool |x| B8::from(x.re.is_finite() & x.im.is_finite()),
    }
    /// Whether the sign bit is set (of -0.0 and NaN too).
    Signbit "signbit" ulp 0 {
        float -> bool |x| B8::from(x.is_sign_negative()),
    }
    /// The distance to the next float away from zero.
    Spacing "spacing" ulp 0 {
        half => same |x| half::spacing(x),
        wide -> same |x| math::spacing(x),
    }
    /// The complex conjugate.
    Conjugate "conjugate" ulp 0 {
        int -> same |x| x,
        float -> same |x| x,
        complex -> same |x| Complex::new(x.re, -x.im),
    }
    /// The real part. Not a NumPy ufunc.
    Real "real" ulp 0 {
        bool -> same |x| x,
        int -> same |x| x,
        float -> same |x| x,
        complex -> part |x| x.re,
    }
    /// The imaginary part, 0 of real numbers. Not a NumPy ufunc.
    Imag "imag" ulp 0 {
        bool -> same |_x| B8(0),
        int -> same |_x| 0,
        float -> same |_x| 0.0,
        complex -> part |x| x.im,
    }
    /// The error function. Not a NumPy ufunc; normal distributions are made of it.
    Erf "erf" ulp 2 {
        wide -> same |x| Real::erf(x),
    }
    /// The fraction of `x`, with its sign. One result of NumPy's `modf`; the other one is `trunc`.
    ModfFraction "modf_fraction" ulp 0 {
        float -> same |x| if x.is_infinite() { (0.0 as T).copysign(x) } else { (x - x.trunc()).copysign(x) },
    }
    /// The mantissa of `x`, at least ½ and below 1: one result of NumPy's `frexp`.
    FrexpMantissa "frexp_mantissa" ulp 0 {
        float -> same |x| real::frexp(f64::convert(x)).0.convert_to(),
    }
    /// The exponent that goes with the mantissa: the other one.
    FrexpExponent "frexp_exponent" ulp 0 {
        float -> int32 |x| real::frexp(f64::convert(x)).1,
    }
}
