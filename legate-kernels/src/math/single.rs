//! Circular functions of `f32` that are computed in double precision, with polynomials as short as single precision allows: no digits to worry about.

use super::circular::turned;
use super::float::{Float, select};
use super::lanes::polynomial;

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
