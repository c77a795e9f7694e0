//! Functions of `f32` that are computed in double precision, with polynomials as short as single precision allows: no digits to worry about.

use super::circular::turned;
use super::float::{Float, clamp, polynomial, select};
use super::power::with_sign;

/// `log(x)` of positive numbers that are no smaller than those of single precision, to 42 bits.
#[inline(always)]
fn log(x: f64) -> f64 {
    // As in `logarithm`.
    const TAIL: [f64; 5] = [
        0.666_666_666_758_148,
        0.399_999_956_169_650_45,
        0.285_721_097_291_992_5,
        0.221_761_626_045_890_06,
        0.195_845_555_212_121,
    ];
    let (k, m, _) = x.split_normal();
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let log = s.mul_add(2.0, (s * z) * polynomial(z, &TAIL));
    k.mul_add(std::f64::consts::LN_2, log)
}

/// `exp(x)` between 1e-50 and 1e50, to 27 bits.
#[inline(always)]
fn exp(x: f64) -> f64 {
    // As in `exponential`.
    const TAIL: [f64; 5] = [
        0.500_000_009_741_954_9,
        0.166_665_185_497_062_83,
        0.041_666_193_991_635_896,
        0.008_368_885_899_023_536,
        0.001_395_005_602_938_375_2,
    ];
    let n = (x * std::f64::consts::LOG2_E).nearest();
    let r = (-n.0).mul_add(std::f64::consts::LN_2, x);
    let power = f64::power_of_two::<0>(n.1);
    let tail = (r * r).mul_add(polynomial(r, &TAIL), r);
    power.mul_add(tail, power)
}

/// `x ** y` unless it is rare ([`super::power::is_rare`]).
#[inline(always)]
pub(super) fn pow(x: f64, y: f64) -> f64 {
    let size = exp(clamp(y * log(x.abs()), -110.0, 110.0));
    with_sign(x, y, size)
}

/// The argument less a multiple of π/2, and the multiple, as in `circular`.
#[inline(always)]
fn reduce(x: f64) -> (u64, f64) {
    let (n, bits) = (x * std::f64::consts::FRAC_2_PI).nearest();
    let first = (-n).mul_add(std::f64::consts::FRAC_PI_2, x);
    (bits, (-n).mul_add(6.123_233_995_736_766e-17, first))
}

/// `(sin r, cos r)` between -π/4 and π/4.
#[inline(always)]
fn sin_cos(r: f64) -> (f64, f64) {
    const SIN: [f64; 4] =
        [-0.166_666_666_416_093_7, 0.008_333_329_383_794_07, -0.000_198_393_340_942_344_8, 2.718_303_804_613_248_6e-6];
    const COS: [f64; 4] =
        [-0.499_999_997_249_148_06, 0.041_666_623_300_828_334, -0.001_388_676_296_453_725, 2.439_036_485_918_366e-5];
    let z = r * r;
    ((r * z).mul_add(polynomial(z, &SIN), r), z.mul_add(polynomial(z, &COS), 1.0))
}

#[inline(always)]
pub(super) fn sin(x: f64) -> f64 {
    let (n, r) = reduce(x);
    let (sin, cos) = sin_cos(r);
    select(x == 0.0, x, turned(f64::by_bit::<0>(n, sin, cos), n))
}

#[inline(always)]
pub(super) fn cos(x: f64) -> f64 {
    let (n, r) = reduce(x);
    let (sin, cos) = sin_cos(r);
    turned(f64::by_bit::<0>(n, cos, sin), n.wrapping_add(1))
}

#[inline(always)]
pub(super) fn tan(x: f64) -> f64 {
    let (n, r) = reduce(x);
    let (sin, cos) = sin_cos(r);
    let (above, below) = (f64::by_bit::<0>(n, sin, -cos), f64::by_bit::<0>(n, cos, sin));
    select(x == 0.0, x, above / below)
}
