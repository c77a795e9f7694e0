//! Bodies of real operations that do not fit on a table line.

use crate::math::{Real, select};

/// Whether the quotient has so many digits, or is no number, that [`near_remainder`] does not hold.
#[inline(always)]
pub(super) fn is_far<R: Real>(x: R, y: R) -> bool {
    let quotient = (x / y).abs();
    quotient.is_nan() | (quotient > R::ONE / R::EPSILON)
}

/// `x - y trunc(x / y)`, exactly, unless the quotient [`is_far`].
#[inline(always)]
pub(super) fn near_remainder<R: Real>(x: R, y: R) -> R {
    let quotient = (x / y).trunc();
    // Exact: a multiple of the smaller ulp, below `y`.
    let rest = (-quotient).mul_add(y, x);
    // The quotient may have been rounded up to an integer.
    let is_beyond = (rest < R::ZERO) != (x < R::ZERO);
    let rest = select(is_beyond & (rest != R::ZERO), rest + y.copysign(x), rest);
    // An infinite divisor.
    select(quotient == R::ZERO, x, rest.copysign(x))
}

/// The remainder of Python, with the sign of `y`, from the one of C.
#[inline(always)]
pub(super) fn remainder<R: Real>(y: R, rest: R) -> R {
    let is_other_sign = (y < R::ZERO) != (rest < R::ZERO);
    let shifted = select(is_other_sign, rest + y, rest);
    select((rest == R::ZERO) & (y != R::ZERO), R::ZERO.copysign(y), shifted)
}

/// `floor(x / y)` as Python defines it, from the remainder of C.
#[inline(always)]
pub(super) fn floor_divide<R: Real>(x: R, y: R, rest: R) -> R {
    // The remainder is exact, so this quotient is nearly an integer.
    let quotient = (x - rest) / y;
    let is_other_sign = (rest != R::ZERO) & ((y < R::ZERO) != (rest < R::ZERO));
    let quotient = select(is_other_sign, quotient - R::ONE, quotient);
    let floor = quotient.floor();
    let nearest = select(quotient - floor > R::HALF, floor + R::ONE, floor);
    let result = select(quotient != R::ZERO, nearest, R::ZERO.copysign(x / y));
    select(y == R::ZERO, x / y, result)
}

/// `log(exp(x) + exp(y))`. Equal infinities must not be subtracted.
#[inline(always)]
pub(super) fn logaddexp<R: Real>(x: R, y: R) -> R {
    let larger = select(x > y, x, y);
    select(x == y, x + R::LN_2, larger + (-(x - y).abs()).exp().log1p())
}

#[inline(always)]
pub(super) fn logaddexp2<R: Real>(x: R, y: R) -> R {
    let larger = select(x > y, x, y);
    select(x == y, x + R::ONE, larger + (-(x - y).abs()).exp2().log1p() * R::LOG2_E)
}

pub(super) fn gcd<U: Into<u64>>(x: U, y: U) -> u64 {
    let (mut x, mut y) = (x.into(), y.into());
    while y != 0 {
        (x, y) = (y, x % y);
    }
    x
}

pub(super) fn lcm<U: Into<u64>>(x: U, y: U) -> u64 {
    let (x, y) = (x.into(), y.into());
    x.checked_div(gcd(x, y)).map_or(0, |x| x.wrapping_mul(y))
}
