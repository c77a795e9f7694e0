//! Mathematical functions of real and complex numbers.
//!
//! The real ones are bodies without branches, one text for both precisions where that is possible, which the compiler turns into vector loops; some have
//! tables in registers and are written for registers ([`lanes`]). Largest errors in units in the last place, of some 10^5 arguments of all sizes for each (`LEGATE_ACCURACY=400 cargo test -p legate-kernels ulps -- --nocapture`;
//! where a result is subnormal, `exp` and `exp2` err by up to 1.0):
//!
//! | function | `f64` | `f32` |
//! |---|---|---|
//! | `exp` | 0.74 | 0.76 |
//! | `exp2` | 0.68 | 0.80 |
//! | `expm1` | 1.08 | 1.03 |
//! | `log` | 0.53 | 0.79 |
//! | `log2` | 0.51 | 0.52 |
//! | `log10` | 0.51 | 0.52 |
//! | `log1p` | 0.79 | 0.81 |
//! | `sin` | 0.76 | 0.53 |
//! | `cos` | 0.75 | 0.55 |
//! | `tan` | 1.00 | 1.24 |
//! | `arcsin` | 0.63 | 0.67 |
//! | `arccos` | 0.60 | 0.67 |
//! | `arctan` | 1.27 | 0.95 |
//! | `arctan2` | 1.32 | 1.10 |
//! | `sinh` | 1.08 | 0.85 |
//! | `cosh` | 0.88 | 0.87 |
//! | `tanh` | 1.00 | 1.36 |
//! | `arcsinh` | 1.20 | 1.09 |
//! | `arccosh` | 1.42 | 1.50 |
//! | `arctanh` | 1.55 | 1.61 |
//! | `cbrt` | 0.57 | 0.53 |
//! | `hypot` | 0.84 | 0.50 |
//! | `power` | 0.69 | 0.53 |
//! | `erf` | 1.24 | 0.50 |

mod circular;
pub(crate) mod complex;
mod cube_root;
mod erf;
#[allow(clippy::approx_constant, reason = "the numbers of a table")]
mod erf_table;
mod exponential;
mod float;
mod inverse_circular;
mod lanes;
mod logarithm;
pub(crate) mod loops;
mod nodes;
mod power;
#[cfg(target_arch = "x86_64")]
mod registers;
mod root;
mod single;
mod singles;
mod tabled;

pub(crate) use float::select;

use crate::dtype::{B8, C64, C128, Element};
use num_traits::Num;
use std::ops::Neg;

/// The type of the real and imaginary parts of an element type; the type itself if it is not complex.
pub(crate) trait Parts: Element {
    type Real: Element;
}

macro_rules! parts {
    ($($T:ty => $R:ty),*) => { $(impl Parts for $T { type Real = $R; })* };
}
parts!(B8 => B8, i8 => i8, u8 => u8, i16 => i16, u16 => u16, i32 => i32, u32 => u32, i64 => i64, u64 => u64);
parts!(f32 => f32, f64 => f64, C64 => f32, C128 => f64);

/// `f32` or `f64`: what the bodies of operations need of a float.
pub(crate) trait Real: Element + Num + Neg<Output = Self> + PartialOrd {
    const ZERO: Self;
    const ONE: Self;
    const HALF: Self;
    const TWO: Self;
    const INFINITY: Self;
    const NAN: Self;
    const MAX: Self;
    const EPSILON: Self;
    const PI: Self;
    const LN_2: Self;
    const LOG2_E: Self;
    const LOG10_E: Self;
    const RADIANS_PER_DEGREE: Self;
    const DEGREES_PER_RADIAN: Self;
    /// Beyond it `exp` overflows, nearly.
    const EXP_MAX: Self;
    fn to_f64(self) -> f64;
    fn exp(self) -> Self;
    fn exp2(self) -> Self;
    fn expm1(self) -> Self;
    fn log(self) -> Self;
    fn log2(self) -> Self;
    fn log10(self) -> Self;
    fn log1p(self) -> Self;
    fn cbrt(self) -> Self;
    fn sqrt(self) -> Self;
    /// The sine, unless the argument [`Real::is_beyond_circular`].
    fn sin_common(self) -> Self;
    /// The cosine, unless the argument [`Real::is_beyond_circular`].
    fn cos_common(self) -> Self;
    /// The tangent, unless the argument [`Real::is_beyond_circular`].
    fn tan_common(self) -> Self;
    fn asin(self) -> Self;
    fn acos(self) -> Self;
    fn atan(self) -> Self;
    fn atan2(self, x: Self) -> Self;
    fn sinh(self) -> Self;
    fn cosh(self) -> Self;
    fn tanh(self) -> Self;
    fn asinh(self) -> Self;
    fn acosh(self) -> Self;
    fn atanh(self) -> Self;
    fn erf(self) -> Self;
    fn hypot(self, y: Self) -> Self;
    fn copysign(self, y: Self) -> Self;
    fn abs(self) -> Self;
    fn floor(self) -> Self;
    fn trunc(self) -> Self;
    fn mul_add(self, y: Self, z: Self) -> Self;
    fn is_nan(self) -> bool;
    fn is_infinite(self) -> bool;
    fn is_finite(self) -> bool;
    fn next_up(self) -> Self;
    fn next_down(self) -> Self;
    /// Whether a circular function of it is a call of the system's.
    fn is_beyond_circular(self) -> bool;
    /// The system's function, for such arguments.
    fn sin_beyond(self) -> Self;
    /// The system's function, for such arguments.
    fn cos_beyond(self) -> Self;
    /// The system's function, for such arguments.
    fn tan_beyond(self) -> Self;
    /// The power, unless the arguments are rare.
    fn pow_common(self, y: Self) -> Self;
    /// Whether the power is a call of the system's.
    fn is_pow_rare(self, y: Self) -> bool;
    /// The system's function, for such arguments.
    fn pow_rare(self, y: Self) -> Self;
    #[inline(always)]
    fn sin(self) -> Self {
        if self.is_beyond_circular() { self.sin_beyond() } else { self.sin_common() }
    }
    #[inline(always)]
    fn cos(self) -> Self {
        if self.is_beyond_circular() { self.cos_beyond() } else { self.cos_common() }
    }
    #[inline(always)]
    fn tan(self) -> Self {
        if self.is_beyond_circular() { self.tan_beyond() } else { self.tan_common() }
    }
}

macro_rules! real {
    ($R:ident, exp_max $exp_max:literal, std { $($std:ident($($arg:ident)?)),* $(,)? },
     vector { $($module:ident { $($vector:ident($($other:ident)?)),* })* }, circular $circular:ident, tan $tan:ident, power $power:ident, hypot $hypot:ident) => {
        impl Real for $R {
            const ZERO: $R = 0.0;
            const ONE: $R = 1.0;
            const HALF: $R = 0.5;
            const TWO: $R = 2.0;
            const INFINITY: $R = $R::INFINITY;
            const NAN: $R = $R::NAN;
            const MAX: $R = $R::MAX;
            const EPSILON: $R = $R::EPSILON;
            const PI: $R = std::$R::consts::PI;
            const LN_2: $R = std::$R::consts::LN_2;
            const LOG2_E: $R = std::$R::consts::LOG2_E;
            const LOG10_E: $R = std::$R::consts::LOG10_E;
            const RADIANS_PER_DEGREE: $R = std::$R::consts::PI / 180.0;
            const DEGREES_PER_RADIAN: $R = 180.0 / std::$R::consts::PI;
            const EXP_MAX: $R = $exp_max;
            #[inline(always)]
            fn to_f64(self) -> f64 { f64::from(self) }
            $(
                #[inline(always)]
                fn $std(self $(, $arg: $R)?) -> $R { <$R>::$std(self $(, $arg)?) }
            )*
            $($(
                #[inline(always)]
                fn $vector(self $(, $other: $R)?) -> $R { $module::$vector(self $(, $other)?) }
            )*)*
            #[inline(always)]
            fn erf(self) -> $R { erf::erf(f64::from(self)) as $R }
            #[inline(always)]
            fn is_beyond_circular(self) -> bool { circular::is_beyond(f64::from(self)) }
            #[inline(always)]
            fn sin_common(self) -> $R { $circular::sin(f64::from(self)) as $R }
            #[inline(always)]
            fn cos_common(self) -> $R { $circular::cos(f64::from(self)) as $R }
            #[inline(always)]
            fn tan_common(self) -> $R { $tan::tan(self) }
            fn sin_beyond(self) -> $R { <$R>::sin(self) }
            fn cos_beyond(self) -> $R { <$R>::cos(self) }
            fn tan_beyond(self) -> $R { <$R>::tan(self) }
            #[inline(always)]
            fn pow_common(self, y: $R) -> $R { power::$power(f64::from(self), f64::from(y)) as $R }
            #[inline(always)]
            fn is_pow_rare(self, y: $R) -> bool { power::is_rare(f64::from(self), f64::from(y)) }
            fn pow_rare(self, y: $R) -> $R { <$R>::powf(self, y) }
            #[inline(always)]
            fn hypot(self, y: $R) -> $R { root::$hypot(f64::from(self), f64::from(y)) as $R }
            #[inline(always)]
            fn mul_add(self, y: $R, z: $R) -> $R { <$R>::mul_add(self, y, z) }
            #[inline(always)]
            fn is_nan(self) -> bool { <$R>::is_nan(self) }
            #[inline(always)]
            fn is_infinite(self) -> bool { <$R>::is_infinite(self) }
            #[inline(always)]
            fn is_finite(self) -> bool { <$R>::is_finite(self) }
        }
    };
}

macro_rules! reals {
    ($($R:ident exp_max $exp_max:literal circular $circular:ident tan $tan:ident power $power:ident hypot $hypot:ident own { $($own:tt)* };)*) => {$(
        real!($R, exp_max $exp_max, std {
            sqrt(), copysign(y), abs(), floor(), trunc(), next_up(), next_down(),
        }, vector {
            exponential { exp2(), expm1(), sinh(), cosh() }
            logarithm { log1p(), asinh(), acosh(), atanh() }
            tabled { log2(), log10() }
            inverse_circular { asin(), acos(), atan(), atan2(x) }
            cube_root { cbrt() }
            $($own)*
        }, circular $circular, tan $tan, power $power, hypot $hypot);
    )*};
}
reals! {
    f32 exp_max 88.0 circular single tan singles power pow_single hypot hypot_single own { exponential { exp() } logarithm { log() } singles { tanh() } };
    f64 exp_max 709.0 circular circular tan circular power pow hypot hypot own { tabled { exp(), log() } exponential { tanh() } };
}

/// -1, 0 or 1, or NaN; the sign of zero is lost, as in NumPy.
#[inline(always)]
pub(crate) fn sign<R: Real>(x: R) -> R {
    if x > R::ZERO {
        R::ONE
    } else if x < R::ZERO {
        -R::ONE
    } else if x == R::ZERO {
        R::ZERO
    } else {
        x
    }
}

/// The next float after `x` towards `y`.
#[inline(always)]
pub(crate) fn nextafter<R: Real>(x: R, y: R) -> R {
    if x.is_nan() || y.is_nan() {
        x + y
    } else if x < y {
        x.next_up()
    } else if x > y {
        x.next_down()
    } else {
        y
    }
}

/// The signed distance from `x` to the next float away from zero.
#[inline(always)]
pub(crate) fn spacing<R: Real>(x: R) -> R {
    if x.is_infinite() {
        R::NAN
    } else if x < R::ZERO {
        x.next_down() - x
    } else {
        x.next_up() - x
    }
}
