//! Circular functions: `x = n π/2 + r` with `|r| <= π/4`, and polynomials of `r` (J.-M. Muller, "Elementary Functions", 2016, chapter 11).

use super::float::{Double, Float, select};
use super::lanes::polynomial;

/// Beyond this size the argument is reduced with care (and slowly).
const CIRCULAR_MAX: f64 = 1e9;

/// Whether [`sin`], [`cos`] and [`tan`] do not hold for `x`.
#[inline(always)]
pub(super) fn is_beyond(x: f64) -> bool {
    // Infinities and NaN are no numbers to be reduced either.
    x.is_nan() | (x.abs() > CIRCULAR_MAX)
}

/// `x = n π/2 + r`: `(n, r)`.
#[inline(always)]
fn reduce(x: f64) -> (u64, Double<f64>) {
    const HALF_PI: [f64; 3] = [std::f64::consts::FRAC_PI_2, 6.123_233_995_736_766e-17, -1.497_384_904_859_169_8e-33];
    let (n, bits) = (x * std::f64::consts::FRAC_2_PI).nearest();
    let first = n.mul_add(-HALF_PI[0], x);
    let second = n * HALF_PI[1];
    let second_lost = n.mul_add(HALF_PI[1], -second);
    let high = first - second;
    let low = ((first - high) - second) - n.mul_add(HALF_PI[2], second_lost);
    (bits, Double(high, low))
}

/// `(sin r, cos r)`.
#[inline(always)]
fn sin_cos(r: Double<f64>) -> (Double<f64>, Double<f64>) {
    const SIN: [f64; 6] = [
        -0.166_666_666_666_666_32,
        0.008_333_333_333_322_316,
        -0.000_198_412_698_297_253_35,
        2.755_731_366_209_013e-6,
        -2.505_075_326_800_894_8e-8,
        1.589_650_507_370_139e-10,
    ];
    const COS: [f64; 6] = [
        0.041_666_666_666_666_6,
        -0.001_388_888_888_887_399,
        2.480_158_728_939_504_5e-5,
        -2.755_731_432_604_847_5e-7,
        2.087_571_955_938_04e-9,
        -1.135_944_864_561_233_5e-11,
    ];
    let Double(r, low) = r;
    let z = r * r;
    let half = 0.5 * z;
    let one = 1.0 - half;
    let sin = (r * z).mul_add(polynomial(z, &SIN), low * one);
    let cos = ((1.0 - one) - half) + (z * z).mul_add(polynomial(z, &COS), -(r * low));
    (Double(r, sin), Double(one, cos))
}

/// The number with its sign turned where bit 1 is set.
#[inline(always)]
pub(super) fn turned(x: f64, bits: u64) -> f64 {
    f64::from_bits(x.to_bits() ^ (bits & 2) << 62)
}

/// For arguments that are not [`is_beyond`].
#[inline(always)]
pub(super) fn sin(x: f64) -> f64 {
    let (n, r) = reduce(x);
    let (sin, cos) = sin_cos(r);
    select(x == 0.0, x, turned(f64::by_bit::<0>(n, sin.value(), cos.value()), n))
}

/// For arguments that are not [`is_beyond`].
#[inline(always)]
pub(super) fn cos(x: f64) -> f64 {
    let (n, r) = reduce(x);
    let (sin, cos) = sin_cos(r);
    turned(f64::by_bit::<0>(n, cos.value(), sin.value()), n.wrapping_add(1))
}

/// For arguments that are not [`is_beyond`].
#[inline(always)]
pub(super) fn tan(x: f64) -> f64 {
    let (n, r) = reduce(x);
    let (sin, cos) = sin_cos(r);
    let above = Double(f64::by_bit::<0>(n, sin.0, -cos.0), f64::by_bit::<0>(n, sin.1, -cos.1));
    let below = Double(f64::by_bit::<0>(n, cos.0, sin.0), f64::by_bit::<0>(n, cos.1, sin.1));
    select(x == 0.0, x, above.divided_by(below))
}
