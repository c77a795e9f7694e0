//! Functions of `f64` without branches, which the compiler turns into vector loops.
//!
//! Every multiplication that feeds an addition and should round once is an explicit `mul_add`, so the results have the same bits on every
//! machine (where there is no such instruction, the standard library computes the same slowly). Polynomials are minimax approximations, computed by
//! Remez' algorithm in 200 bits for this file. The methods are textbook: J.-M. Muller, "Elementary Functions" (2016), chapters 3 (polynomials), 9 and 11
//! (argument reduction); P. T. P. Tang's table of nodes for the error function.

use super::erf_table::ERF;

/// 1.5 · 2^52. Adding it to a number below 2^51 rounds that to an integer and leaves the integer in the low bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// The upper 42 bits of log 2: its product with an exponent is exact.
pub(super) const LN2_UPPER: f64 = 0.693_147_180_559_890_3;
pub(super) const LN2_LOWER: f64 = 5.497_923_018_708_371e-14;
/// log 2 and what its rounding lost.
const LN2_LOST: f64 = 2.319_046_813_846_299_6e-17;
const TWO_54: f64 = 18_014_398_509_481_984.0;

/// `x` rounded to an integer, and bits whose low half holds that integer.
#[inline(always)]
fn round(x: f64) -> (f64, u64) {
    let shifted = x + ROUNDER;
    (shifted - ROUNDER, shifted.to_bits())
}

/// 2 to the power of an integer between -1022 and 1023 in the low bits.
#[inline(always)]
fn exp2_of_bits(n: u64) -> f64 {
    f64::from_bits(n.wrapping_add(1023) << 52)
}

/// `x · 2^n` for `n` as [`round`] gives it. Two factors, for the result may be subnormal, or overflow only with the second.
#[inline(always)]
pub(super) fn scale(x: f64, n: (f64, u64)) -> f64 {
    let (_, half) = round(n.0 * 0.5);
    x * exp2_of_bits(half) * exp2_of_bits(n.1.wrapping_sub(half))
}

#[inline(always)]
pub(super) fn clamp(x: f64, low: f64, high: f64) -> f64 {
    // Written so that NaN passes.
    let x = if x > high { high } else { x };
    if x < low { low } else { x }
}

/// `x = n log 2 + high + low` with `|high| <= log(2) / 2`: `(n, high, low)`.
#[inline(always)]
pub(super) fn reduce_exponent(x: f64) -> ((f64, u64), f64, f64) {
    let n = round(x * std::f64::consts::LOG2_E);
    let exact = n.0.mul_add(-LN2_UPPER, x);
    let rest = n.0 * LN2_LOWER;
    let high = exact - rest;
    (n, high, (exact - high) - rest)
}

/// `(exp(r) - 1 - r) / r²` for `|r| <= log(2) / 2`.
#[inline(always)]
fn exp_tail(r: f64) -> f64 {
    const Q: [f64; 11] = [
        0.5,
        0.166_666_666_666_666_85,
        0.041_666_666_666_667_2,
        0.008_333_333_333_316_623,
        0.001_388_888_888_885_934_3,
        0.000_198_412_698_973_536_36,
        2.480_158_737_217_415e-5,
        2.755_723_393_604_182_4e-6,
        2.755_723_456_027_599_3e-7,
        2.511_234_670_324_787e-8,
        2.092_660_780_341_401e-9,
    ];
    let (r2, r4) = (r * r, (r * r) * (r * r));
    let pair = |i: usize| Q[i + 1].mul_add(r, Q[i]);
    let low = pair(2).mul_add(r2, pair(0));
    let middle = pair(6).mul_add(r2, pair(4));
    let high = Q[10].mul_add(r2, pair(8));
    high.mul_add(r4, middle).mul_add(r4, low)
}

/// `exp(high + low)` for `|high| <= log(2) / 2`.
#[inline(always)]
pub(super) fn exp_reduced(high: f64, low: f64) -> f64 {
    let tail = (high * high).mul_add(exp_tail(high), low);
    let sum = 1.0 + high;
    sum + (((1.0 - sum) + high) + tail)
}

#[inline(always)]
pub(super) fn exp(x: f64) -> f64 {
    let (n, high, low) = reduce_exponent(clamp(x, -746.0, 710.0));
    scale(exp_reduced(high, low), n)
}

#[inline(always)]
pub(super) fn exp2(x: f64) -> f64 {
    let x = clamp(x, -1076.0, 1025.0);
    let n = round(x);
    let rest = x - n.0;
    let high = rest * std::f64::consts::LN_2;
    let low = rest.mul_add(LN2_LOST, rest.mul_add(std::f64::consts::LN_2, -high));
    scale(exp_reduced(high, low), n)
}

#[inline(always)]
pub(super) fn expm1(x: f64) -> f64 {
    let (n, high, low) = reduce_exponent(clamp(x, -40.0, 710.0));
    let reduced = high + (high * high).mul_add(exp_tail(high), low);
    // Half of 2^n, which does not overflow when the result does not.
    let half = exp2_of_bits(n.1.wrapping_sub(1));
    let result = 2.0 * half.mul_add(reduced, half - 0.5);
    // Subnormals would lose their last bit.
    if x.abs() < 1e-17 { x } else { result }
}

/// `expm1(2x) / (expm1(2x) + 2)`.
#[inline(always)]
pub(super) fn tanh(x: f64) -> f64 {
    let double = expm1(clamp(2.0 * x.abs(), 0.0, 50.0));
    (double / (double + 2.0)).copysign(x)
}

/// `exp(x) / 2`, which does not overflow before the hyperbolic functions do.
#[inline(always)]
fn half_exp(x: f64) -> f64 {
    let (n, high, low) = reduce_exponent(clamp(x, -746.0, 711.0));
    scale(exp_reduced(high, low), (n.0 - 1.0, n.1.wrapping_sub(1)))
}

#[inline(always)]
pub(super) fn cosh(x: f64) -> f64 {
    let half = half_exp(x.abs());
    half + 0.25 / half
}

#[inline(always)]
pub(super) fn sinh(x: f64) -> f64 {
    let size = x.abs();
    let half = half_exp(size);
    let large = half - 0.25 / half;
    // Near 0 that difference cancels.
    let difference = expm1(clamp(size, 0.0, 2.0));
    let small = 0.5 * (difference + difference / (difference + 1.0));
    let result = if size < 1.0 { small } else { large };
    if size < 1e-9 { x } else { result.copysign(x) }
}

/// A positive number as `2^exponent · mantissa`, the mantissa between √½ and √2.
pub(super) struct Normal {
    pub(super) exponent: f64,
    pub(super) mantissa: f64,
    /// The bits of the mantissa, counted from √½.
    bits: u64,
}

impl Normal {
    #[inline(always)]
    pub(super) fn new(x: f64) -> Normal {
        const ONE: u64 = 1f64.to_bits();
        const ROOT_HALF: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
        // Subnormals are made normal first.
        let is_tiny = x < f64::MIN_POSITIVE;
        let x = if is_tiny { x * TWO_54 } else { x };
        let shifted = x.to_bits().wrapping_add(ONE - ROOT_HALF);
        let bits = shifted & 0x000f_ffff_ffff_ffff;
        // An integer below 2^52 to a float: as the low bits of 2^52, which is then taken away.
        let biased = f64::from_bits(shifted >> 52 | 0x4330_0000_0000_0000);
        let exponent = biased - (4_503_599_627_370_496.0 + 1023.0);
        Normal {
            exponent: if is_tiny { exponent - 54.0 } else { exponent },
            mantissa: f64::from_bits(bits + ROOT_HALF),
            bits,
        }
    }

    /// Which of 128 intervals the mantissa is in.
    #[inline(always)]
    pub(super) fn interval(&self) -> usize {
        (self.bits >> 45) as usize & 127
    }
}

/// A positive number as `2^exponent · (1 + fraction)`.
#[inline(always)]
fn split(x: f64) -> (f64, f64) {
    let normal = Normal::new(x);
    (normal.exponent, normal.mantissa - 1.0)
}

/// `log(1 + f) = f - (square - rest)`: `(square, rest)`, with `square = f² / 2`.
#[inline(always)]
fn log_reduced(f: f64) -> (f64, f64) {
    const L: [f64; 7] = [
        0.666_666_666_666_673_4,
        0.399_999_999_994_140_54,
        0.285_714_287_425_231_8,
        0.222_221_985_592_669_48,
        0.181_835_650_584_234_56,
        0.153_140_314_611_693_56,
        0.147_961_450_273_700_53,
    ];
    let s = f / (2.0 + f);
    let (z, z2) = (s * s, (s * s) * (s * s));
    let even = L[6].mul_add(z2, L[4]).mul_add(z2, L[2]).mul_add(z2, L[0]);
    let odd = L[5].mul_add(z2, L[3]).mul_add(z2, L[1]);
    let square = 0.5 * f * f;
    (square, s * (z * odd.mul_add(z, even) + square))
}

/// The logarithm's values where there is none, or an infinite one.
#[inline(always)]
fn log_special(x: f64, result: f64) -> f64 {
    let result = if x < f64::INFINITY { result } else { x }; // infinity, NaN
    let result = if x < 0.0 { f64::NAN } else { result };
    if x == 0.0 { f64::NEG_INFINITY } else { result }
}

#[inline(always)]
pub(super) fn log(x: f64) -> f64 {
    let (k, f) = split(x);
    let (square, rest) = log_reduced(f);
    let result = k * LN2_UPPER - ((square - (rest + k * LN2_LOWER)) - f);
    log_special(x, result)
}

/// `(k log 2 + log(1 + f)) · c`, where `k log 2 · c = upper + lower` and `c + c_lost` is `c` to twice the precision.
#[inline(always)]
fn log_in_base(upper: f64, lower: f64, f: f64, c: f64, c_lost: f64) -> f64 {
    let (square, rest) = log_reduced(f);
    let high = f - square;
    let low = ((f - high) - square) + rest;
    let sum = high + low;
    let low = (high - sum) + low;
    let product = sum * c;
    let lost = sum.mul_add(c, -product) + sum.mul_add(c_lost, low * c);
    let total = upper + product;
    total + (((upper - total) + product) + (lost + lower))
}

#[inline(always)]
pub(super) fn log2(x: f64) -> f64 {
    const LOST: f64 = 2.035_527_374_093_103_3e-17;
    let (k, f) = split(x);
    log_special(x, log_in_base(k, 0.0, f, std::f64::consts::LOG2_E, LOST))
}

#[inline(always)]
pub(super) fn log10(x: f64) -> f64 {
    const LOST: f64 = 1.098_319_650_216_765e-17;
    const LOG10_2_UPPER: f64 = 0.301_029_995_663_952_83;
    const LOG10_2_LOWER: f64 = 2.836_339_455_104_496_4e-14;
    let (k, f) = split(x);
    log_special(x, log_in_base(k * LOG10_2_UPPER, k * LOG10_2_LOWER, f, std::f64::consts::LOG10_E, LOST))
}

#[inline(always)]
pub(super) fn log1p(x: f64) -> f64 {
    let sum = 1.0 + x;
    // What the sum lost, by the larger of its terms.
    let lost = if x < 1.0 { x - (sum - 1.0) } else { 1.0 - (sum - x) };
    let (k, f) = split(sum);
    let (square, rest) = log_reduced(f);
    let correction = k * LN2_LOWER + lost / sum;
    let result = k * LN2_UPPER - ((square - (rest + correction)) - f);
    let result = log_special(sum, result);
    if x.abs() < 1e-17 { x } else { result }
}

/// Beyond this size the argument of a circular function is reduced with care (and slowly).
const CIRCULAR_MAX: f64 = 1e9;

/// Whether [`sin`] and [`cos`] do not hold for `x`.
#[inline(always)]
pub(super) fn is_beyond_circular(x: f64) -> bool {
    // Infinities and NaN are no numbers to be reduced either.
    x.is_nan() || x.abs() > CIRCULAR_MAX
}

/// `x = n π/2 + high + low`: `(n, high, low)`.
#[inline(always)]
fn reduce_circular(x: f64) -> (u64, f64, f64) {
    const HALF_PI: [f64; 3] = [std::f64::consts::FRAC_PI_2, 6.123_233_995_736_766e-17, -1.497_384_904_859_169_8e-33];
    let (n, bits) = round(x * std::f64::consts::FRAC_2_PI);
    let first = n.mul_add(-HALF_PI[0], x);
    let second = n * HALF_PI[1];
    let second_lost = n.mul_add(HALF_PI[1], -second);
    let high = first - second;
    let low = ((first - high) - second) - n.mul_add(HALF_PI[2], second_lost);
    (bits, high, low)
}

/// `(sin, cos)` of `high + low` between -π/4 and π/4.
#[inline(always)]
fn circular_reduced(r: f64, low: f64) -> (f64, f64) {
    const S: [f64; 6] = [
        -0.166_666_666_666_666_32,
        0.008_333_333_333_322_316,
        -0.000_198_412_698_297_253_35,
        2.755_731_366_209_013e-6,
        -2.505_075_326_800_894_8e-8,
        1.589_650_507_370_139e-10,
    ];
    const C: [f64; 6] = [
        0.041_666_666_666_666_6,
        -0.001_388_888_888_887_399,
        2.480_158_728_939_504_5e-5,
        -2.755_731_432_604_847_5e-7,
        2.087_571_955_938_04e-9,
        -1.135_944_864_561_233_5e-11,
    ];
    let (z, z2) = (r * r, (r * r) * (r * r));
    let half = 0.5 * z;
    let poly = |p: &[f64; 6]| {
        let (a, b, c) = (p[1].mul_add(z, p[0]), p[3].mul_add(z, p[2]), p[5].mul_add(z, p[4]));
        c.mul_add(z2, b).mul_add(z2, a)
    };
    let sin = r + (r * z).mul_add(poly(&S), low * (1.0 - half));
    let one = 1.0 - half;
    let cos = one + (((1.0 - one) - half) + z2.mul_add(poly(&C), -(r * low)));
    (sin, cos)
}

/// For arguments that are not [`is_beyond_circular`].
#[inline(always)]
pub(super) fn sin(x: f64) -> f64 {
    let (n, high, low) = reduce_circular(x);
    let (sin, cos) = circular_reduced(high, low);
    let result = if n & 1 == 0 { sin } else { cos };
    let result = f64::from_bits(result.to_bits() ^ (n & 2) << 62);
    if x == 0.0 { x } else { result }
}

/// For arguments that are not [`is_beyond_circular`].
#[inline(always)]
pub(super) fn cos(x: f64) -> f64 {
    let (n, high, low) = reduce_circular(x);
    let (sin, cos) = circular_reduced(high, low);
    let result = if n & 1 == 0 { cos } else { sin };
    f64::from_bits(result.to_bits() ^ (n.wrapping_add(1) & 2) << 62)
}

/// For arguments that are not [`is_beyond_circular`].
#[inline(always)]
pub(super) fn tan(x: f64) -> f64 {
    let (n, high, low) = reduce_circular(x);
    let (sin, cos) = circular_reduced(high, low);
    let is_even = n & 1 == 0;
    let (above, below) = (if is_even { sin } else { -cos }, if is_even { cos } else { sin });
    let result = above / below;
    if x == 0.0 { x } else { result }
}

/// The error function: its value at the nearest multiple of 1/32, and the Taylor series from there.
#[inline(always)]
pub(super) fn erf(x: f64) -> f64 {
    let size = clamp(x.abs(), 0.0, 6.0);
    let (node, bits) = round(size * 32.0);
    // NaN rounds to any bits.
    let row = &ERF[(bits as usize & 0xff).min(ERF.len() - 1)];
    let c = node * (1.0 / 32.0);
    let h = size - c;
    // The derivative at c + t is slope · exp(-2ct - t²); b[k] are the coefficients of that exponential, b[k+1] (k + 1) = -2c b[k] - 2 b[k-1].
    let d = -2.0 * c;
    let mut b = [1.0, d, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    const INVERSE: [f64; 11] =
        [0.0, 1.0, 1.0 / 2.0, 1.0 / 3.0, 1.0 / 4.0, 1.0 / 5.0, 1.0 / 6.0, 1.0 / 7.0, 1.0 / 8.0, 1.0 / 9.0, 1.0 / 10.0];
    let mut k = 1;
    while k < 9 {
        b[k + 1] = d.mul_add(b[k], -2.0 * b[k - 1]) * INVERSE[k + 1];
        k += 1;
    }
    // Its integral, without the factor slope · h.
    let mut integral = b[9] * INVERSE[10];
    let mut k = 9;
    while k > 1 {
        integral = integral.mul_add(h, b[k - 1] * INVERSE[k]);
        k -= 1;
    }
    let tail = integral * h;
    let step = row[2] * h;
    let result = row[0] + (step.mul_add(tail, row[1]) + step);
    let result = if x.is_nan() { x } else { result };
    result.copysign(x)
}
