//! Bodies of real operations that do not fit on a table line.

use crate::math::Real;

/// `(floor(x / y), x mod y)` as Python defines them, computed from the exact remainder.
#[inline]
fn divmod<R: Real>(x: R, y: R) -> (R, R) {
    let mut modulus = x % y;
    if y == R::ZERO {
        return (x / y, modulus);
    }
    // The remainder is exact, so this quotient is nearly an integer.
    let mut quotient = (x - modulus) / y;
    if modulus != R::ZERO {
        if (y < R::ZERO) != (modulus < R::ZERO) {
            modulus = modulus + y;
            quotient = quotient - R::ONE;
        }
    } else {
        modulus = R::ZERO.copysign(y);
    }
    let quotient = if quotient != R::ZERO {
        let floor = quotient.floor();
        if quotient - floor > R::HALF { floor + R::ONE } else { floor }
    } else {
        R::ZERO.copysign(x / y)
    };
    (quotient, modulus)
}

#[inline]
pub(super) fn floor_divide<R: Real>(x: R, y: R) -> R {
    divmod(x, y).0
}

#[inline]
pub(super) fn remainder<R: Real>(x: R, y: R) -> R {
    divmod(x, y).1
}

/// `log(exp(x) + exp(y))`. Equal infinities must not be subtracted.
#[inline]
pub(super) fn logaddexp<R: Real>(x: R, y: R) -> R {
    if x == y {
        return x + R::LN_2;
    }
    let difference = x - y;
    if difference > R::ZERO {
        x + (-difference).exp().log1p()
    } else if difference <= R::ZERO {
        y + difference.exp().log1p()
    } else {
        difference // NaN
    }
}

#[inline]
pub(super) fn logaddexp2<R: Real>(x: R, y: R) -> R {
    if x == y {
        return x + R::ONE;
    }
    let difference = x - y;
    if difference > R::ZERO {
        x + (-difference).exp2().log1p() * R::LOG2_E
    } else if difference <= R::ZERO {
        y + difference.exp2().log1p() * R::LOG2_E
    } else {
        difference // NaN
    }
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
