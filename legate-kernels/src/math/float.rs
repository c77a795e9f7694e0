//! The two formats, as the vector bodies see them: one text for both, without branches, so that the compiler turns it into vector loops.
//!
//! Every multiplication that feeds an addition and should round once is an explicit `mul_add`, so the results have the same bits on every
//! machine (where there is no such instruction, the standard library computes the same slowly).

use super::lanes::Lanes;

/// `f32` or `f64`.
pub(super) trait Float: Lanes<Element = Self> + PartialOrd + 'static {
    const ZERO: Self;
    const ONE: Self;
    const TWO: Self;
    const HALF: Self;
    const INFINITY: Self;
    const NAN: Self;
    const LARGEST: Self;
    /// A number whose square is well below half an ulp of 1: `x³` is nothing beside smaller `x`.
    const NEGLIGIBLE: Self;
    fn of(x: f64) -> Self;
    fn sqrt(self) -> Self;
    fn copysign(self, sign: Self) -> Self;
    fn has_sign(self) -> bool;
    /// The nearest integer, of a number below a quarter of `1 / ε`, and bits whose low half holds that integer.
    fn nearest(self) -> (Self, Self::Bits);
    /// `2^(n - LESS)` for the integer in the low bits, where that is a normal number.
    fn power_of_two<const LESS: u32>(n: Self::Bits) -> Self;
    /// `self · 2^n` of a number near 1 with `n` as [`Float::nearest`] gives it. The result may overflow or be subnormal.
    fn times_power_of_two(self, n: (Self, Self::Bits)) -> Self;
    /// A positive number as `2^exponent · mantissa`, the mantissa between √½ and √2.
    fn split(self) -> (Self, Self);
    /// The same of a normal number; the third is `2^-exponent` where that is normal.
    fn split_normal(self) -> (Self, Self, Self);
    /// Whether it is positive and finite, and normal or not.
    fn is_ordinary(self) -> bool;
    /// One of two values, by a bit of an integer as [`Float::nearest`] gives it.
    fn by_bit<const BIT: u32>(bits: Self::Bits, clear: Self, set: Self) -> Self;
}

macro_rules! float {
    ($F:ident, $U:ident, $I:ident, digits $digits:literal, negligible $negligible:literal) => {
        impl Float for $F {
            const ZERO: $F = 0.0;
            const ONE: $F = 1.0;
            const TWO: $F = 2.0;
            const HALF: $F = 0.5;
            const INFINITY: $F = $F::INFINITY;
            const NAN: $F = $F::NAN;
            const LARGEST: $F = $F::MAX;
            const NEGLIGIBLE: $F = $negligible;
            #[inline(always)]
            fn of(x: f64) -> $F {
                x as $F
            }
            #[inline(always)]
            fn sqrt(self) -> $F {
                <$F>::sqrt(self)
            }
            #[inline(always)]
            fn copysign(self, sign: $F) -> $F {
                <$F>::copysign(self, sign)
            }
            #[inline(always)]
            fn has_sign(self) -> bool {
                <$F>::is_sign_negative(self)
            }
            #[inline(always)]
            fn nearest(self) -> ($F, $U) {
                // 1.5 times the first number whose neighbours are 1 apart: a sum with it is rounded to an integer, which is in its low bits.
                const ROUNDER: $F = 1.5 / <$F>::EPSILON;
                let shifted = self + ROUNDER;
                (shifted - ROUNDER, shifted.to_bits())
            }
            #[inline(always)]
            fn power_of_two<const LESS: u32>(n: $U) -> $F {
                const BIAS: $U = $F::MAX_EXP as $U - 1;
                $F::from_bits(n.wrapping_add(BIAS - $U::from(LESS)) << ($digits - 1))
            }
            #[inline(always)]
            fn times_power_of_two(self, n: ($F, $U)) -> $F {
                const BIAS: $U = $F::MAX_EXP as $U - 1;
                // Two factors, so that only the second overflows, or leaves the normal numbers.
                const FAR: $U = BIAS - 25;
                let is_far = n.0 < -(FAR as $F);
                let offset = select(is_far, BIAS + FAR, BIAS - 1);
                let last = select(is_far, $F::from_bits((BIAS - FAR) << ($digits - 1)), 2.0);
                self * $F::from_bits(n.1.wrapping_add(offset) << ($digits - 1)) * last
            }
            #[inline(always)]
            fn split(self) -> ($F, $F) {
                // Subnormals are made normal first.
                let is_tiny = self < <$F>::MIN_POSITIVE;
                let (exponent, mantissa, _) = select(is_tiny, self * (4.0 / <$F>::EPSILON), self).split_normal();
                (exponent - select(is_tiny, ($digits + 1) as $F, 0.0), mantissa)
            }
            #[inline(always)]
            fn split_normal(self) -> ($F, $F, $F) {
                const ONE: $U = (1 as $F).to_bits();
                const ROOT_HALF: $U = std::$F::consts::FRAC_1_SQRT_2.to_bits();
                const FRACTION: $U = (1 << ($digits - 1)) - 1;
                // The first number whose neighbours are 1 apart: its low bits are an integer, which is a float when it is taken away.
                const TO_FLOAT: $F = 1.0 / <$F>::EPSILON;
                const BIAS: $F = TO_FLOAT + ($F::MAX_EXP - 1) as $F;
                let shifted = self.to_bits().wrapping_add(ONE - ROOT_HALF);
                let exponent = shifted >> ($digits - 1);
                let mantissa = $F::from_bits((shifted & FRACTION) + ROOT_HALF);
                let inverse = $F::from_bits((2 * ($F::MAX_EXP as $U - 1)).wrapping_sub(exponent) << ($digits - 1));
                ($F::from_bits(exponent | TO_FLOAT.to_bits()) - BIAS, mantissa, inverse)
            }
            #[inline(always)]
            fn is_ordinary(self) -> bool {
                const INFINITY: $I = <$F>::INFINITY.to_bits() as $I;
                let bits = self.to_bits() as $I;
                (bits > 0) & (bits < INFINITY)
            }
            #[inline(always)]
            fn by_bit<const BIT: u32>(bits: $U, clear: $F, set: $F) -> $F {
                select(bits & (1 << BIT) == 0, clear, set)
            }
        }
    };
}
float!(f32, u32, i32, digits 24, negligible 1e-4);
float!(f64, u64, i64, digits 53, negligible 5e-9);

/// `x` moved between `low` and `high`; NaN stays.
#[inline(always)]
pub(super) fn clamp<F: Float>(x: F, low: F, high: F) -> F {
    let x = select(x > high, high, x);
    select(x < low, low, x)
}

/// `a` if the condition holds, else `b`; an instruction and not a branch. Bodies choose with it and not with `if`: of that the compiler makes two
/// paths, each with its own copy of all that follows, which it then cannot merge into one vector loop, or must compute both.
#[inline(always)]
pub(crate) fn select<T>(condition: bool, a: T, b: T) -> T {
    std::hint::select_unpredictable(condition, a, b)
}

/// A number of twice the precision: the unevaluated sum of a number and a much smaller one.
#[derive(Clone, Copy)]
pub(super) struct Double<F>(pub(super) F, pub(super) F);

impl<F: Float> Double<F> {
    /// `x + y` for `|x| >= |y|` or `x = 0`, exactly.
    #[inline(always)]
    pub(super) fn sum(x: F, y: F) -> Double<F> {
        let sum = x + y;
        Double(sum, (x - sum) + y)
    }
    /// `x · y`, exactly.
    #[inline(always)]
    pub(super) fn product(x: F, y: F) -> Double<F> {
        let product = x * y;
        Double(product, x.mul_add(y, -product))
    }
    /// A small number more.
    #[inline(always)]
    pub(super) fn plus(self, small: F) -> Double<F> {
        Double(self.0, self.1 + small)
    }
    #[inline(always)]
    pub(super) fn value(self) -> F {
        self.0 + self.1
    }
    /// `self / divisor`, rounded once but for a small part of an ulp.
    #[inline(always)]
    pub(super) fn divided_by(self, divisor: Double<F>) -> F {
        let inverse = F::ONE / divisor.value();
        let quotient = self.value() * inverse;
        let rest = (-quotient).mul_add(divisor.0, self.0) + (-quotient).mul_add(divisor.1, self.1);
        rest.mul_add(inverse, quotient)
    }
}
