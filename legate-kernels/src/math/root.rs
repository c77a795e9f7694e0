//! Cube roots and lengths.

use super::float::{Double, Float, polynomial, select};

pub(super) trait Root: Float {
    /// Squares of numbers between these neither overflow nor lose digits that count.
    const SMALL: Self;
    const LARGE: Self;
    /// Factors that bring others between them.
    const UP: Self;
    const DOWN: Self;
}

impl Root for f64 {
    const SMALL: f64 = 1e-140;
    const LARGE: f64 = 1e150;
    const UP: f64 = TWO_600;
    const DOWN: f64 = 1.0 / TWO_600;
}

const TWO_100: f64 = (1u128 << 100) as f64;
const TWO_600: f64 = TWO_100 * TWO_100 * TWO_100 * TWO_100 * TWO_100 * TWO_100;
const TWO_80: f32 = (1u128 << 80) as f32;

impl Root for f32 {
    const SMALL: f32 = 1e-15;
    const LARGE: f32 = 1e18;
    const UP: f32 = TWO_80;
    const DOWN: f32 = 1.0 / TWO_80;
}

/// `1 / ∛m` for `m` between √½ and √2, to a third of the digits.
const INVERSE_CBRT: [f64; 7] = [
    2.109_976_876_633_006,
    -3.151_551_462_631_801,
    4.438_080_242_894_993,
    -4.042_523_092_557_96,
    2.253_752_487_765_35,
    -0.701_012_898_361_882_1,
    0.093_278_598_223_401_66,
];
/// 1 / ∛2 and 1 / ∛4.
const INVERSE_CBRT_2: f64 = 0.793_700_525_984_099_7;
const INVERSE_CBRT_4: f64 = 0.629_960_524_947_436_6;

/// The cube root of a double. With `y = m · 2^r`, `r` one of -1, 0, 1, and `e = 1 - y i³` for an approximation `i` of its inverse cube root:
/// `∛y = y i² (1 - e)^(-2/3)`, the series cut off after its square.
#[inline(always)]
pub(super) fn cbrt(x: f64) -> f64 {
    let size = x.abs();
    let (k, mantissa) = size.split();
    let (third, bits) = (k * (1.0 / 3.0)).nearest();
    let rest = (-third).mul_add(3.0, k);
    let (is_up, is_down) = (rest > 0.0, rest < 0.0);
    let y = mantissa * select(is_up, 2.0, select(is_down, 0.5, 1.0));
    let factor = select(is_up, INVERSE_CBRT_2, select(is_down, 2.0 * INVERSE_CBRT_4, 1.0));
    let i = factor * polynomial(mantissa, &INVERSE_CBRT);
    let start = (y * i) * i;
    let e = (-start).mul_add(i, 1.0);
    let root = (start * e).mul_add((5.0f64 / 9.0).mul_add(e, 2.0 / 3.0), start);
    let result = root * f64::power_of_two::<0>(bits);
    select(size.is_ordinary(), result.copysign(x), x)
}

/// `√(x² + y²)` with the squares and their sum to twice the precision.
#[inline(always)]
pub(super) fn hypot<F: Root>(x: F, y: F) -> F {
    let (x, y) = (x.abs(), y.abs());
    let (a, b) = select(x > y, (x, y), (y, x));
    let is_small = a < F::SMALL;
    let is_large = a > F::LARGE;
    let factor = select(is_small, F::UP, F::ONE);
    let factor = select(is_large, F::DOWN, factor);
    let back = select(is_small, F::DOWN, F::ONE);
    let back = select(is_large, F::UP, back);
    let (a, b) = (a * factor, b * factor);
    let (a, b) = (Double::product(a, a), Double::product(b, b));
    let sum = Double::sum(a.0, b.0).plus(a.1 + b.1).value();
    let result = sum.sqrt() * back;
    // An infinity beside a NaN, too.
    select((x == F::INFINITY) | (y == F::INFINITY), F::INFINITY, result)
}
