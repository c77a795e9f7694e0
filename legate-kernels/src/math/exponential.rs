//! Exponential and hyperbolic functions: `x = n log 2 + r` with `|r| <= log(2) / 2`, a polynomial of `r`, and a scaling by `2^n`
//! (J.-M. Muller, "Elementary Functions", 2016, chapter 11). The polynomials are minimax, computed by Remez' algorithm with 200 bits.

use super::float::{Double, Float, clamp, select};
use super::lanes::{Lanes, polynomial};

pub(super) trait Exponential: Float {
    /// The upper bits of log 2, so many that a product with an exponent is exact, and what they lack.
    const LN2: Double<Self>;
    /// log 2, and what its rounding lost.
    const LN2_ROUNDED: Double<Self>;
    const LOG2_E: Self;
    /// `(exp(r) - 1 - r) / r²`.
    const EXP_TAIL: &'static [Self];
    /// `(sinh(r) / r - 1) / r²` in powers of `r²`.
    const SINH_TAIL: &'static [Self];
    /// `(cosh(r) - 1) / r²` in powers of `r²`.
    const COSH_TAIL: &'static [Self];
    /// Below and above it the exponential is zero and infinite.
    const EXP_RANGE: (Self, Self);
    /// The same for powers of two.
    const EXP2_RANGE: (Self, Self);
    /// Above it the hyperbolic functions are infinite.
    const HYPERBOLIC_MAX: Self;
    /// From it on the hyperbolic tangent is 1, and `expm1` of its negative is -1.
    const TANH_MAX: Self;
    /// An exponent of two that is nothing beside its negative.
    const EXPONENT_MAX: Self;
}

impl Exponential for f64 {
    const LN2: Double<f64> = Double(0.693_147_180_559_890_3, 5.497_923_018_708_371e-14);
    const LN2_ROUNDED: Double<f64> = Double(std::f64::consts::LN_2, 2.319_046_813_846_299_6e-17);
    const LOG2_E: f64 = std::f64::consts::LOG2_E;
    const EXP_TAIL: &'static [f64] = &[
        0.5,
        0.166_666_666_666_666_85,
        0.041_666_666_666_666_67,
        0.008_333_333_333_315_754,
        0.001_388_888_888_888_182,
        0.000_198_412_698_994_283_9,
        2.480_158_733_254_309_3e-5,
        2.755_723_195_022_683_7e-6,
        2.755_726_416_326_542e-7,
        2.511_300_800_776_097_3e-8,
        2.091_885_825_954_549_3e-9,
    ];
    const SINH_TAIL: &'static [f64] = &[
        0.166_666_666_666_666_77,
        0.008_333_333_333_321_386,
        0.000_198_412_698_868_173_8,
        2.755_724_344_876_383e-6,
        2.510_932_254_746_846e-8,
    ];
    const COSH_TAIL: &'static [f64] = &[
        0.5,
        0.041_666_666_666_666_685,
        0.001_388_888_888_887_328_3,
        2.480_158_734_920_242_5e-5,
        2.755_725_181_876_902e-7,
        2.092_177_048_392_165_6e-9,
    ];
    const EXP_RANGE: (f64, f64) = (-746.0, 710.0);
    const EXP2_RANGE: (f64, f64) = (-1076.0, 1024.0);
    const HYPERBOLIC_MAX: f64 = 710.6;
    const TANH_MAX: f64 = 40.0;
    const EXPONENT_MAX: f64 = 60.0;
}

impl Exponential for f32 {
    const LN2: Double<f32> = Double(LN2_UPPER_32, LN2_LOWER_32);
    const LN2_ROUNDED: Double<f32> = Double(std::f32::consts::LN_2, LN2_LOST_32);
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    const EXP_TAIL: &'static [f32] = &[0.5, 0.166_665_15, 0.041_666_586, 0.008_369_302, 0.001_392_192_1];
    const SINH_TAIL: &'static [f32] = &[0.166_666_67, 0.008_333_175, 0.000_199_740_87];
    const COSH_TAIL: &'static [f32] = &[0.5, 0.041_666_46, 0.001_393_543_6];
    const EXP_RANGE: (f32, f32) = (-104.0, 89.0);
    const EXP2_RANGE: (f32, f32) = (-151.0, 128.0);
    const HYPERBOLIC_MAX: f32 = 89.5;
    const TANH_MAX: f32 = 20.0;
    const EXPONENT_MAX: f32 = 30.0;
}

/// log 2 in parts: the upper has 15 bits.
const LN2_UPPER_32: f32 = 0.693_145_75;
const LN2_LOWER_32: f32 = 1.428_606_8e-6;
const LN2_LOST_32: f32 = -1.904_654_2e-9;

/// A multiple of log 2: as a number and in the low bits.
type Exponent<F> = (F, <F as Lanes>::Bits);

/// `x = n log 2 + high + low`.
#[inline(always)]
pub(super) fn reduce<F: Exponential>(x: F) -> (Exponent<F>, Double<F>) {
    let n = (x * F::LOG2_E).nearest();
    let exact = (-n.0).mul_add(F::LN2.0, x);
    let rest = n.0 * F::LN2.1;
    let high = exact - rest;
    (n, Double(high, (exact - high) - rest))
}

/// `exp(high + low)`, as `1 + high` and the rest.
#[inline(always)]
fn exp_parts<F: Exponential>(r: Double<F>) -> Double<F> {
    let tail = (r.0 * r.0).mul_add(polynomial(r.0, F::EXP_TAIL), r.1);
    Double::sum(F::ONE, r.0).plus(tail)
}

/// `exp(high + low)`.
#[inline(always)]
pub(super) fn exp_reduced<F: Exponential>(r: Double<F>) -> F {
    exp_parts(r).value()
}

#[inline(always)]
pub(super) fn exp<F: Exponential>(x: F) -> F {
    let (n, r) = reduce(clamp(x, F::EXP_RANGE.0, F::EXP_RANGE.1));
    exp_reduced(r).times_power_of_two(n)
}

#[inline(always)]
pub(super) fn exp2<F: Exponential>(x: F) -> F {
    let x = clamp(x, F::EXP2_RANGE.0, F::EXP2_RANGE.1);
    let n = x.nearest();
    let rest = x - n.0;
    let r = Double::product(rest, F::LN2_ROUNDED.0).plus(rest * F::LN2_ROUNDED.1);
    exp_reduced(r).times_power_of_two(n)
}

#[inline(always)]
pub(super) fn expm1<F: Exponential>(x: F) -> F {
    let (n, r) = reduce(clamp(x, -F::TANH_MAX, F::EXP_RANGE.1));
    let tail = (r.0 * r.0).mul_add(polynomial(r.0, F::EXP_TAIL), r.1);
    // Half of 2^n, which does not overflow when the result does not.
    let half = F::power_of_two::<1>(n.1);
    let result = F::TWO * Double::sum(half - F::HALF, half * r.0).plus(half * tail).value();
    // Half of a subnormal would lose a bit.
    select(x.abs() < F::NEGLIGIBLE * F::NEGLIGIBLE, x, result)
}

#[inline(always)]
pub(super) fn cosh<F: Exponential>(x: F) -> F {
    let (n, r) = reduce(clamp(x.abs(), F::ZERO, F::HYPERBOLIC_MAX));
    // Half of the result, which does not overflow before it: exp(|x|) / 4 + exp(-|x|) / 4.
    let quarter = F::power_of_two::<2>(n.1);
    let Double(upper, lower) = exp_parts(r);
    let (upper, lower) = (quarter * upper, quarter * lower);
    let falling = F::of(0.062_5) / (upper + lower);
    F::TWO * (upper + (lower + falling))
}

/// From `exp(|x|) = 2^n (cosh r + sinh r)` and the same for `exp(-|x|)`: no digits cancel.
#[inline(always)]
pub(super) fn sinh<F: Exponential>(x: F) -> F {
    let (n, r) = reduce(clamp(x.abs(), F::ZERO, F::HYPERBOLIC_MAX));
    let up = F::power_of_two::<2>(n.1);
    // Far away nothing depends on it.
    let (_, n_down) = (-clamp(n.0, F::ZERO, F::EXPONENT_MAX)).nearest();
    let down = F::power_of_two::<2>(n_down);
    let (difference, sum) = (up - down, up + down);
    let z = r.0 * r.0;
    let sinh_tail = (z * r.0).mul_add(polynomial(z, F::SINH_TAIL), r.1);
    let cosh_tail = z * polynomial(z, F::COSH_TAIL);
    let product = Double::product(sum, r.0);
    let tail = difference.mul_add(cosh_tail, sum.mul_add(sinh_tail, product.1));
    let result = F::TWO * Double::sum(difference, product.0).plus(tail).value();
    select(x.abs() < F::NEGLIGIBLE, x, result.copysign(x))
}

/// `expm1(2x) / (expm1(2x) + 2)`, both to twice the precision.
#[inline(always)]
pub(super) fn tanh<F: Exponential>(x: F) -> F {
    let (n, r) = reduce(clamp(x.abs() + x.abs(), F::ZERO, F::TANH_MAX));
    let power = F::power_of_two::<0>(n.1);
    let tail = power * (r.0 * r.0).mul_add(polynomial(r.0, F::EXP_TAIL), r.1);
    let above = Double::sum(power - F::ONE, power * r.0).plus(tail);
    let power_and_one = Double::sum(power, F::ONE);
    let below = Double::sum(power_and_one.0, power * r.0).plus(power_and_one.1 + tail);
    above.divided_by(below).copysign(x)
}
