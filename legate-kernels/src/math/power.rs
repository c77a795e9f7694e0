//! Powers: `exp(y · log(x))` with the logarithm to 68 bits.
//!
//! A relative error of the logarithm becomes an absolute error of the exponent, up to 710 times as large; so the logarithm carries a second number.
//! It is found from a table of nodes (P. T. P. Tang, 1990): `x = 2^k · c · (1 + r)`, `log(x) = k log 2 + log(c) + log(1 + r)` with a small `r`.

use super::log_table::LOG;
use super::vector::{LN2_LOWER, LN2_UPPER, Normal, clamp, exp_reduced, reduce_exponent, scale};

/// `log(x) = high + low` for positive `x`.
#[inline(always)]
fn log_extended(x: f64) -> (f64, f64) {
    let normal = Normal::new(x);
    let (k, z) = (normal.exponent, normal.mantissa);
    let [inverse, upper, lower] = LOG[normal.interval()];
    // z / c = 1 + r + r_lost, exactly.
    let ratio = z * inverse;
    let r_lost = z.mul_add(inverse, -ratio);
    let r = ratio - 1.0;
    let whole = k * LN2_UPPER + upper; // exact
    let sum = whole + r;
    let lost = (whole - sum) + r;
    // log(1 + r) = r - r²/2 + r³ (1/3 - r/4 + …)
    let half = -0.5 * r;
    let square = half * r;
    let high = sum + square;
    let lost = lost + ((sum - high) + square) + half.mul_add(r, -square);
    let (a, b, c) = (r.mul_add(-0.25, 1.0 / 3.0), r.mul_add(-1.0 / 6.0, 0.2), r.mul_add(-0.125, 1.0 / 7.0));
    let r2 = r * r;
    let tail = c.mul_add(r2, b).mul_add(r2, a);
    let correction = r_lost * ((1.0 - r) * (1.0 + r2)); // r_lost / (1 + r)
    let low = lost + k.mul_add(LN2_LOWER, lower) + (r2 * r).mul_add(tail, correction);
    let total = high + low;
    (total, (high - total) + low)
}

/// Whether [`pow`] does not hold: a zero, an infinity, a NaN, an exponent whose size makes the result 0, 1 or infinite anyway.
#[inline(always)]
pub(super) fn is_rare(x: f64, y: f64) -> bool {
    !(x.abs() > 0.0 && x.abs() < f64::INFINITY && y.abs() < 1e18)
}

/// `x ** y` unless it [`is_rare`].
#[inline(always)]
pub(super) fn pow(x: f64, y: f64) -> f64 {
    let (log_high, log_low) = log_extended(x.abs());
    let product = y * log_high;
    let lost = y.mul_add(log_high, -product) + y * log_low;
    // Far outside the range only the product counts.
    let lost = if product.abs() < 1000.0 { lost } else { 0.0 };
    let (n, high, low) = reduce_exponent(clamp(product, -746.0, 710.0));
    let rest = low + lost;
    let exponent = high + rest;
    let size = scale(exp_reduced(exponent, (high - exponent) + rest), n);
    with_sign(x, y, size)
}

/// For `f32`, where a single logarithm is precise enough.
#[inline(always)]
pub(super) fn pow_single(x: f64, y: f64) -> f64 {
    with_sign(x, y, super::vector::exp(y * super::vector::log(x.abs())))
}

/// The power of a number whose size has this power.
#[inline(always)]
fn with_sign(x: f64, y: f64, size: f64) -> f64 {
    let is_whole = y.trunc() == y;
    let is_odd = is_whole && (0.5 * y).trunc() != 0.5 * y;
    let signed = if is_odd { -size } else { size };
    let negative = if is_whole { signed } else { f64::NAN };
    if x < 0.0 { negative } else { size }
}
