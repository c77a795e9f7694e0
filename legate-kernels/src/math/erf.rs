//! The error function.

use super::erf_table::ERF;
use super::float::{Float, clamp, select};

/// The error function: its value at the nearest multiple of 1/32, and the Taylor series from there.
#[inline(always)]
pub(super) fn erf(x: f64) -> f64 {
    let size = clamp(x.abs(), 0.0, 6.0);
    let (node, bits) = (size * 32.0).nearest();
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
    select(x.is_nan(), x, result.copysign(x))
}
