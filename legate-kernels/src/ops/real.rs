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

/// `x = mantissa · 2^exponent` with the mantissa's size at least ½ and below 1; 0, infinities and NaN are their own mantissas, with exponent 0.
#[inline(always)]
pub(super) fn frexp(x: f64) -> (f64, i32) {
    const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;
    const EXPONENT: u64 = 0x7ff << 52;
    if x == 0.0 || !x.is_finite() {
        return (x, 0);
    }
    let is_subnormal = x.abs() < f64::MIN_POSITIVE;
    let bits = if is_subnormal { x * TWO_TO_64 } else { x }.to_bits();
    let exponent = ((bits & EXPONENT) >> 52) as i32 - 1022 - if is_subnormal { 64 } else { 0 };
    (f64::from_bits(bits & !EXPONENT | 1022 << 52), exponent)
}

/// `x · 2^n` for a whole number `n`, rounded once.
#[inline(always)]
pub(super) fn ldexp(x: f64, n: f64) -> f64 {
    // Beyond these nothing of a number is left, or it is infinite.
    let mut n = n.clamp(-2200.0, 2200.0) as i32;
    let mut x = x;
    // Steps up by powers that are numbers. Steps down leave 53 bits above the least subnormal number, so that only the last one rounds.
    for _ in 0..2 {
        if n > 1023 {
            x *= power_of_two(1023);
            n -= 1023;
        } else if n < -1022 {
            x *= power_of_two(-1022 + 53);
            n += 1022 - 53;
        }
    }
    x * power_of_two(n.clamp(-1022, 1023))
}

fn power_of_two(n: i32) -> f64 {
    f64::from_bits(((n + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mantissa_and_exponent_make_the_number() {
        for x in [1.0, -3.5, 0.1, f64::MAX, f64::MIN_POSITIVE, 5e-324, -1e-310] {
            let (mantissa, exponent) = frexp(x);
            assert!((0.5..1.0).contains(&mantissa.abs()), "{x}");
            assert_eq!(ldexp(mantissa, f64::from(exponent)), x);
        }
        assert_eq!(frexp(-0.0).0.to_bits(), (-0.0f64).to_bits());
        assert_eq!(frexp(f64::INFINITY), (f64::INFINITY, 0));
    }

    #[test]
    fn scaling_rounds_once() {
        assert_eq!(ldexp(1.0, -1074.0), 5e-324);
        assert_eq!(ldexp(1.5, -1075.0), 5e-324);
        assert_eq!(ldexp(1.0, -1075.0), 0.0);
        assert_eq!(ldexp(1.0 + f64::EPSILON, -1075.0), 5e-324);
        assert_eq!(ldexp(5e-324, 2097.0), 2f64.powi(1023));
        assert_eq!(ldexp(f64::MAX, -2097.0), 5e-324 * 2.0);
        assert_eq!(ldexp(1.0, 1e300), f64::INFINITY);
        assert_eq!(ldexp(-1.0, -1e300).to_bits(), (-0.0f64).to_bits());
    }
}
