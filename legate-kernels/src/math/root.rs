//! Lengths.

use super::float::{Double, Float, select};

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
