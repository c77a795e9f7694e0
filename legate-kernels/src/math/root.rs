//! Lengths.

use super::float::{Double, select};

/// Squares of numbers between these neither overflow nor lose digits that count.
const SMALL: f64 = 1e-140;
const LARGE: f64 = 1e150;
/// Factors that bring others between them.
const UP: f64 = TWO_100 * TWO_100 * TWO_100 * TWO_100 * TWO_100 * TWO_100;
const DOWN: f64 = 1.0 / UP;
const TWO_100: f64 = (1u128 << 100) as f64;

/// `√(x² + y²)` with the squares and their sum to twice the precision.
#[inline(always)]
pub(super) fn hypot(x: f64, y: f64) -> f64 {
    let (x, y) = (x.abs(), y.abs());
    let (a, b) = select(x > y, (x, y), (y, x));
    let is_small = a < SMALL;
    let is_large = a > LARGE;
    let factor = select(is_small, UP, 1.0);
    let factor = select(is_large, DOWN, factor);
    let back = select(is_small, DOWN, 1.0);
    let back = select(is_large, UP, back);
    let (a, b) = (a * factor, b * factor);
    let (a, b) = (Double::product(a, a), Double::product(b, b));
    let sum = Double::sum(a.0, b.0).plus(a.1 + b.1).value();
    with_infinities(x, y, sum.sqrt() * back)
}

/// The same in single precision: the squares are doubles, and none overflows.
#[inline(always)]
pub(super) fn hypot_single(x: f64, y: f64) -> f64 {
    with_infinities(x.abs(), y.abs(), x.mul_add(x, y * y).sqrt())
}

/// An infinity beside a NaN has infinite length, too.
#[inline(always)]
fn with_infinities(x: f64, y: f64, result: f64) -> f64 {
    select((x == f64::INFINITY) | (y == f64::INFINITY), f64::INFINITY, result)
}
