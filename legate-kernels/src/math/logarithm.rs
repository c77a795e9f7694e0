//! Logarithms and inverse hyperbolic functions: `x = 2^k (1 + f)` with `1 + f` between √½ and √2, and
//! `log(1 + f) = f - (f²/2 - s (f²/2 + R(s²)))` with `s = f / (2 + f)`, which loses nothing near 1 (J.-M. Muller, "Elementary Functions", 2016).

use super::float::{Double, Float, select};
use super::lanes::polynomial;

pub(super) trait Logarithm: Float {
    /// `(log((1 + s) / (1 - s)) / s - 2) / s²` in powers of `s²`.
    const LOG_TAIL: &'static [Self];
    /// The upper bits of log 2, so many that a product with an exponent is exact, and what they lack.
    const LN2: Double<Self>;
    /// Beyond it `x² + 1` is `x²`, and all numbers are integers.
    const VAST: Self;
}

impl Logarithm for f64 {
    const LOG_TAIL: &'static [f64] = &[
        0.666_666_666_666_673_4,
        0.399_999_999_994_140_54,
        0.285_714_287_425_231_8,
        0.222_221_985_592_669_48,
        0.181_835_650_584_234_56,
        0.153_140_314_611_693_56,
        0.147_961_450_273_700_53,
    ];
    const LN2: Double<f64> = Double(0.693_147_180_559_890_3, 5.497_923_018_708_371e-14);
    const VAST: f64 = 9_007_199_254_740_992.0;
}

impl Logarithm for f32 {
    const LOG_TAIL: &'static [f32] = &[0.666_667_76, 0.399_775_77, 0.298_710_73];
    const LN2: Double<f32> = Double(0.693_145_75, 1.428_606_8e-6);
    const VAST: f32 = 16_777_216.0;
}

/// `log(1 + f) = f - below`: `below`.
#[inline(always)]
fn below_linear<F: Logarithm>(f: F, small: F) -> F {
    let s = f / (F::TWO + f);
    let z = s * s;
    let square = (F::HALF * f) * f;
    let rest = z.mul_add(polynomial(z, F::LOG_TAIL), square);
    square - s.mul_add(rest, small)
}

/// `k log 2 + log(1 + f) + small`.
#[inline(always)]
fn log_of_parts<F: Logarithm>(k: F, f: F, small: F) -> F {
    let below = below_linear(f, k.mul_add(F::LN2.1, small));
    k.mul_add(F::LN2.0, f - below)
}

/// The logarithm's values where there is none, or an infinite one.
#[inline(always)]
fn with_limits<F: Logarithm>(x: F, result: F) -> F {
    let limit = select(x > F::ZERO, x, F::NAN); // infinity, NaN, negative
    let limit = select(x == F::ZERO, -F::INFINITY, limit);
    select(x.is_ordinary(), result, limit)
}

#[inline(always)]
pub(super) fn log<F: Logarithm>(x: F) -> F {
    let (k, mantissa) = x.split();
    with_limits(x, log_of_parts(k, mantissa - F::ONE, F::ZERO))
}

/// `log(1 + x) + more · log 2` for `x > -1`, where that is not subnormal.
#[inline(always)]
fn log1p_of_double<F: Logarithm>(x: Double<F>, more: F) -> F {
    let (k, mantissa, inverse) = (F::ONE + x.0).split_normal();
    // (1 + x) / 2^k - 1 from `x` itself, for `1 + x` was rounded.
    let near = Double::sum(inverse - F::ONE, x.0 * inverse);
    let is_vast = x.0 > F::VAST;
    let f = select(is_vast, mantissa - F::ONE, near.0);
    let small = select(is_vast, F::ZERO, x.1.mul_add(inverse, near.1));
    log_of_parts(k + more, f, small)
}

#[inline(always)]
pub(super) fn log1p<F: Logarithm>(x: F) -> F {
    let result = with_limits(F::ONE + x, log1p_of_double(Double(x, F::ZERO), F::ZERO));
    // The square of a subnormal; the sign of zero.
    select(x.abs() < F::NEGLIGIBLE * F::NEGLIGIBLE, x, result)
}

/// `log(x + √(x² + 1))`, the argument less 1 being `x + x² / (1 + √(x² + 1))`.
#[inline(always)]
pub(super) fn asinh<F: Logarithm>(x: F) -> F {
    let size = x.abs();
    let is_vast = size > F::VAST;
    let square = size * size;
    let beyond = select(is_vast, F::ZERO, square / (F::ONE + (F::ONE + square).sqrt()));
    let result = log1p_of_double(Double::sum(size, beyond), select(is_vast, F::ONE, F::ZERO));
    let result = select(size < F::INFINITY, result, size);
    select(size < F::NEGLIGIBLE, x, result.copysign(x))
}

/// `log(x + √(x² - 1))`, the argument less 1 being `t + √(t² + 2t)` with `t = x - 1`.
#[inline(always)]
pub(super) fn acosh<F: Logarithm>(x: F) -> F {
    let t = x - F::ONE;
    let is_vast = t > F::VAST;
    let root = select(is_vast, F::ZERO, t.mul_add(t, t + t).sqrt());
    let result = log1p_of_double(Double::sum(root, t), select(is_vast, F::ONE, F::ZERO));
    let result = select(x < F::INFINITY, result, x);
    select(x >= F::ONE, result, F::NAN)
}

/// `log((1 + x) / (1 - x)) / 2`: with `2^k` near the quotient, `s = (1 + x - 2^k (1 - x)) / (1 + x + 2^k (1 - x))`.
#[inline(always)]
pub(super) fn atanh<F: Logarithm>(x: F) -> F {
    let size = x.abs();
    let below = F::ONE - size;
    let (k, _, _) = ((F::ONE + size) / below).split_normal();
    let power = F::power_of_two::<0>(k.nearest().1);
    let (more, less) = (F::ONE + power, F::ONE - power);
    // 1 + x -+ 2^k (1 - x), from x or from 1 - x, whichever is exact.
    let is_small = size < F::HALF;
    let part = select(is_small, size, -below);
    let s = part.mul_add(more, select(is_small, less, F::TWO)) / part.mul_add(less, select(is_small, more, F::TWO));
    let z = s * s;
    let half = F::HALF;
    let series = (half * s).mul_add(z * polynomial(z, F::LOG_TAIL), k * (half * F::LN2.1));
    let result = k.mul_add(half * F::LN2.0, s + series);
    let result = select(size == F::ONE, F::INFINITY, result);
    let result = select(size > F::ONE, F::NAN, result);
    select(size < F::NEGLIGIBLE, x, result.copysign(x))
}
