//! Complex functions, with the special values of C99's Annex G, which NumPy documents as its own.
//!
//! The inverse functions follow W. Kahan, "Branch cuts for complex elementary functions" (1987): they are composed of square roots
//! such that no digits cancel and the branch cuts carry the sign of zero.
//!
//! All are inlined into their loops, for there the compiler may use fused multiply-adds, of which the real functions are made.

use super::Real;
use num_complex::Complex;

#[inline(always)]
pub(crate) fn is_nan<R: Real>(z: Complex<R>) -> bool {
    z.re.is_nan() || z.im.is_nan()
}

#[inline(always)]
pub(crate) fn is_true<R: Real>(z: Complex<R>) -> bool {
    z.re != R::ZERO || z.im != R::ZERO
}

/// 0 of a finite number, NaN of any other.
#[inline(always)]
fn zero_or_nan<R: Real>(x: R) -> R {
    x * R::ZERO
}

/// `x < y` in lexicographic order. A NaN in an imaginary part hides the real parts.
#[inline(always)]
pub(crate) fn lt<R: Real>(x: Complex<R>, y: Complex<R>) -> bool {
    (x.re < y.re && !x.im.is_nan() && !y.im.is_nan()) || (x.re == y.re && x.im < y.im)
}

/// `x <= y` in lexicographic order.
#[inline(always)]
pub(crate) fn le<R: Real>(x: Complex<R>, y: Complex<R>) -> bool {
    (x.re < y.re && !x.im.is_nan() && !y.im.is_nan()) || (x.re == y.re && x.im <= y.im)
}

/// `x / y` by Smith's method: no overflow on the way.
#[inline(always)]
pub(crate) fn divide<R: Real>(x: Complex<R>, y: Complex<R>) -> Complex<R> {
    let (re, im) = (y.re.abs(), y.im.abs());
    if re >= im {
        if re == R::ZERO && im == R::ZERO {
            return Complex::new(x.re / re, x.im / re);
        }
        let ratio = y.im / y.re;
        let scale = R::ONE / (y.re + y.im * ratio);
        Complex::new((x.re + x.im * ratio) * scale, (x.im - x.re * ratio) * scale)
    } else {
        let ratio = y.re / y.im;
        let scale = R::ONE / (y.im + y.re * ratio);
        Complex::new((x.re * ratio + x.im) * scale, (x.im * ratio - x.re) * scale)
    }
}

/// `1 / z` by Smith's method.
#[inline(always)]
pub(crate) fn reciprocal<R: Real>(z: Complex<R>) -> Complex<R> {
    if z.im.abs() <= z.re.abs() {
        let ratio = z.im / z.re;
        let divisor = z.re + z.im * ratio;
        Complex::new(R::ONE / divisor, -ratio / divisor)
    } else {
        let ratio = z.re / z.im;
        let divisor = z.re * ratio + z.im;
        Complex::new(ratio / divisor, -R::ONE / divisor)
    }
}

/// `z / |z|`, 0 of 0.
#[inline(always)]
pub(crate) fn sign<R: Real>(z: Complex<R>) -> Complex<R> {
    let size = z.re.hypot(z.im);
    let unit = |x: R| R::ONE.copysign(x);
    if size.is_nan() {
        Complex::new(R::NAN, R::NAN)
    } else if size.is_infinite() {
        match (z.re.is_infinite(), z.im.is_infinite()) {
            (true, true) => Complex::new(R::NAN, R::NAN),
            (true, false) => Complex::new(unit(z.re), R::ZERO),
            _ => Complex::new(R::ZERO, unit(z.im)),
        }
    } else if size == R::ZERO {
        Complex::new(R::ZERO, R::ZERO)
    } else {
        Complex::new(z.re / size, z.im / size)
    }
}

#[inline(always)]
pub(crate) fn exp<R: Real>(z: Complex<R>) -> Complex<R> {
    let (x, y) = (z.re, z.im);
    if y == R::ZERO {
        return Complex::new(x.exp(), y);
    }
    if !y.is_finite() {
        return match x.is_infinite() {
            true if x < R::ZERO => Complex::new(R::ZERO, R::ZERO.copysign(y)),
            true => Complex::new(x, zero_or_nan(y)),
            false => Complex::new(zero_or_nan(y), zero_or_nan(y)),
        };
    }
    let (sin, cos) = (y.sin(), y.cos());
    if x > R::EXP_MAX && x.is_finite() {
        // The result may be representable though exp(x) is not.
        let root = (x * R::HALF).exp();
        return Complex::new(root * cos * root, root * sin * root);
    }
    let size = x.exp();
    Complex::new(size * cos, size * sin)
}

#[inline(always)]
pub(crate) fn exp2<R: Real>(z: Complex<R>) -> Complex<R> {
    exp(z.scale(R::LN_2))
}

#[inline(always)]
pub(crate) fn expm1<R: Real>(z: Complex<R>) -> Complex<R> {
    let half_sin = (z.im * R::HALF).sin();
    Complex::new(z.re.expm1() * z.im.cos() - R::TWO * half_sin * half_sin, z.re.exp() * z.im.sin())
}

/// `x*x + y*y - 1` for numbers near the unit circle, with the rounding errors of both squares made good.
#[inline(always)]
fn norm_minus_one<R: Real>(x: R, y: R) -> R {
    let (large, small) = if x >= y { (x, y) } else { (y, x) };
    let (large2, small2) = (large * large, small * small);
    let lost = large.mul_add(large, -large2) + small.mul_add(small, -small2);
    let difference = large2 - R::ONE; // exact: 0.5 <= large2 <= 2
    let sum = difference + small2;
    let virtual_part = sum - difference;
    let sum_lost = (difference - (sum - virtual_part)) + (small2 - virtual_part);
    sum + (sum_lost + lost)
}

/// `log(|x + iy|)`.
#[inline(always)]
fn log_abs<R: Real>(x: R, y: R) -> R {
    let (x, y) = (x.abs(), y.abs());
    let size = x.hypot(y);
    if size > R::HALF && size < R::TWO && (x * x > R::HALF || y * y > R::HALF) && x * x <= R::TWO && y * y <= R::TWO {
        return norm_minus_one(x, y).log1p() * R::HALF;
    }
    if size.is_infinite() && x.is_finite() && y.is_finite() {
        return (x * R::HALF).hypot(y * R::HALF).log() + R::LN_2;
    }
    size.log()
}

#[inline(always)]
pub(crate) fn log<R: Real>(z: Complex<R>) -> Complex<R> {
    Complex::new(log_abs(z.re, z.im), z.im.atan2(z.re))
}

#[inline(always)]
pub(crate) fn log1p<R: Real>(z: Complex<R>) -> Complex<R> {
    let (x, y) = (z.re, z.im);
    let angle = y.atan2(x + R::ONE);
    if x.abs() < R::HALF && y.abs() < R::HALF {
        return Complex::new((x * (R::TWO + x) + y * y).log1p() * R::HALF, angle);
    }
    Complex::new(log_abs(x + R::ONE, y), angle)
}

#[inline(always)]
pub(crate) fn sqrt<R: Real>(z: Complex<R>) -> Complex<R> {
    let (x, y) = (z.re, z.im);
    if x == R::ZERO && y == R::ZERO {
        return Complex::new(R::ZERO, y);
    }
    if y.is_infinite() {
        return Complex::new(R::INFINITY, y);
    }
    if x.is_nan() {
        return Complex::new(x, x + y);
    }
    if x.is_infinite() {
        return if x < R::ZERO {
            Complex::new(zero_or_nan(y).abs(), x.copysign(y))
        } else {
            Complex::new(x, R::ZERO.copysign(y) + zero_or_nan(y))
        };
    }
    // Powers of four keep the digits and take hypot away from both ends of the range.
    let quarter = R::HALF * R::HALF;
    let huge = R::MAX * quarter;
    let tiny = R::ONE / huge;
    let (x, y, unscale) = if x.abs() >= huge || y.abs() >= huge {
        (x * quarter, y * quarter, R::TWO)
    } else if x.abs() <= tiny && y.abs() <= tiny {
        let up = R::ONE / (R::EPSILON * R::EPSILON);
        (x * up, y * up, R::EPSILON)
    } else {
        (x, y, R::ONE)
    };
    let (re, im) = if x >= R::ZERO {
        let root = ((x + x.hypot(y)) * R::HALF).sqrt();
        (root, y / (R::TWO * root))
    } else {
        let root = ((x.hypot(y) - x) * R::HALF).sqrt();
        (y.abs() / (R::TWO * root), root.copysign(y))
    };
    Complex::new(re * unscale, im * unscale)
}

/// `(cosh(x) * a, sinh(x) * b)`, which may be representable though the hyperbolic functions are not.
#[inline(always)]
fn cosh_sinh_times<R: Real>(x: R, a: R, b: R) -> (R, R) {
    if x.abs() > R::EXP_MAX && x.is_finite() {
        let root = (x.abs() * R::HALF).exp();
        return (root * R::HALF * a * root, root.copysign(x) * R::HALF * b * root);
    }
    (x.cosh() * a, x.sinh() * b)
}

#[inline(always)]
pub(crate) fn sinh<R: Real>(z: Complex<R>) -> Complex<R> {
    let (x, y) = (z.re, z.im);
    if y == R::ZERO {
        return Complex::new(x.sinh(), y);
    }
    if !y.is_finite() {
        return if x == R::ZERO || x.is_infinite() {
            Complex::new(x, zero_or_nan(y))
        } else {
            Complex::new(zero_or_nan(y), zero_or_nan(y))
        };
    }
    let (im, re) = cosh_sinh_times(x, y.sin(), y.cos());
    Complex::new(re, im)
}

#[inline(always)]
pub(crate) fn cosh<R: Real>(z: Complex<R>) -> Complex<R> {
    let (x, y) = (z.re, z.im);
    if y == R::ZERO {
        return Complex::new(x.cosh(), if x.is_nan() { y } else { R::ONE.copysign(x) * y });
    }
    if !y.is_finite() {
        return if x == R::ZERO {
            Complex::new(zero_or_nan(y), R::ZERO)
        } else if x.is_infinite() {
            Complex::new(R::INFINITY, zero_or_nan(y))
        } else {
            Complex::new(zero_or_nan(y), zero_or_nan(y))
        };
    }
    let (re, im) = cosh_sinh_times(x, y.cos(), y.sin());
    Complex::new(re, im)
}

#[inline(always)]
pub(crate) fn tanh<R: Real>(z: Complex<R>) -> Complex<R> {
    let (x, y) = (z.re, z.im);
    if x.is_nan() {
        return Complex::new(x, if y == R::ZERO { y } else { R::NAN });
    }
    if x.is_infinite() {
        let sign = if y.is_finite() { y.sin() * y.cos() } else { y };
        return Complex::new(R::ONE.copysign(x), R::ZERO.copysign(sign));
    }
    if !y.is_finite() {
        return Complex::new(if x == R::ZERO { x } else { R::NAN }, R::NAN);
    }
    if x.abs() > R::EXP_MAX * R::HALF * R::HALF {
        let decay = (-x.abs()).exp();
        return Complex::new(R::ONE.copysign(x), (R::TWO + R::TWO) * y.sin() * y.cos() * decay * decay);
    }
    let tan = y.tan();
    let beta = R::ONE + tan * tan;
    let sinh = x.sinh();
    let rho = (R::ONE + sinh * sinh).sqrt();
    let divisor = R::ONE + beta * sinh * sinh;
    Complex::new(beta * rho * sinh / divisor, tan / divisor)
}

/// `iz`: hyperbolic functions of it are circular functions of `z`, `f(z) = -i g(iz)`.
#[inline(always)]
fn turned<R: Real>(z: Complex<R>) -> Complex<R> {
    Complex::new(-z.im, z.re)
}

/// `-iw`.
#[inline(always)]
fn turned_back<R: Real>(w: Complex<R>) -> Complex<R> {
    Complex::new(w.im, -w.re)
}

#[inline(always)]
pub(crate) fn sin<R: Real>(z: Complex<R>) -> Complex<R> {
    turned_back(sinh(turned(z)))
}

#[inline(always)]
pub(crate) fn cos<R: Real>(z: Complex<R>) -> Complex<R> {
    cosh(turned(z))
}

#[inline(always)]
pub(crate) fn tan<R: Real>(z: Complex<R>) -> Complex<R> {
    turned_back(tanh(turned(z)))
}

/// Where squares are no longer safe, and `1` is lost beside `z`.
#[inline(always)]
fn is_large<R: Real>(z: Complex<R>) -> bool {
    let bound = R::ONE / (R::EPSILON * R::EPSILON);
    z.re.abs() > bound || z.im.abs() > bound
}

/// `log(2 |z|)` without overflow.
#[inline(always)]
fn log_twice_abs<R: Real>(z: Complex<R>) -> R {
    (z.re * R::HALF).hypot(z.im * R::HALF).log() + R::TWO * R::LN_2
}

#[inline(always)]
pub(crate) fn asin<R: Real>(z: Complex<R>) -> Complex<R> {
    if is_large(z) {
        return Complex::new(z.re.atan2(z.im.abs()), log_twice_abs(z).copysign(z.im));
    }
    if z.re == R::ZERO && z.im.is_nan() {
        return z;
    }
    let minus = sqrt(Complex::new(R::ONE - z.re, -z.im));
    let plus = sqrt(Complex::new(R::ONE + z.re, z.im));
    let re = z.re.atan2(minus.re * plus.re - minus.im * plus.im);
    Complex::new(re, (minus.re * plus.im - minus.im * plus.re).asinh())
}

#[inline(always)]
pub(crate) fn acos<R: Real>(z: Complex<R>) -> Complex<R> {
    if is_large(z) {
        return Complex::new(z.im.abs().atan2(z.re), (-log_twice_abs(z)).copysign(-z.im));
    }
    if z.re == R::ZERO && z.im.is_nan() {
        return Complex::new(R::PI * R::HALF, z.im);
    }
    let minus = sqrt(Complex::new(R::ONE - z.re, -z.im));
    let plus = sqrt(Complex::new(R::ONE + z.re, z.im));
    let im = (plus.re * minus.im - plus.im * minus.re).asinh();
    Complex::new(R::TWO * minus.re.atan2(plus.re), im)
}

#[inline(always)]
pub(crate) fn asinh<R: Real>(z: Complex<R>) -> Complex<R> {
    turned_back(asin(turned(z)))
}

#[inline(always)]
pub(crate) fn acosh<R: Real>(z: Complex<R>) -> Complex<R> {
    if is_large(z) {
        return Complex::new(log_twice_abs(z), z.im.atan2(z.re));
    }
    if z.re == R::ZERO && z.im.is_nan() {
        return Complex::new(R::NAN, R::PI * R::HALF);
    }
    let minus = sqrt(Complex::new(z.re - R::ONE, z.im));
    let plus = sqrt(Complex::new(z.re + R::ONE, z.im));
    let re = (minus.re * plus.re + minus.im * plus.im).asinh();
    Complex::new(re, R::TWO * minus.im.atan2(plus.re))
}

#[inline(always)]
pub(crate) fn atanh<R: Real>(z: Complex<R>) -> Complex<R> {
    let (x, y) = (z.re, z.im);
    if x.is_nan() || y.is_nan() {
        return if y.is_infinite() {
            Complex::new(R::ZERO.copysign(x), (R::PI * R::HALF).copysign(y))
        } else if x.is_infinite() || x == R::ZERO {
            Complex::new(R::ZERO.copysign(x), y)
        } else {
            Complex::new(R::NAN, R::NAN)
        };
    }
    if is_large(z) {
        // 1/z, whose real part is x / |z|².
        let size = (x * R::HALF).hypot(y * R::HALF);
        return Complex::new(
            if size.is_infinite() { R::ZERO.copysign(x) } else { x / size / size * R::HALF * R::HALF },
            (R::PI * R::HALF).copysign(y),
        );
    }
    let gap = R::ONE - x.abs();
    let four = R::TWO + R::TWO;
    let re = if gap == R::ZERO && y.abs() < R::EPSILON {
        // |z - 1|² would vanish.
        if y == R::ZERO { R::INFINITY } else { (R::TWO.sqrt() / y.abs().sqrt()).log() }
    } else {
        (four * x.abs() / (gap * gap + y * y)).log1p() * (R::HALF * R::HALF)
    };
    let im = (R::TWO * y).atan2(gap * (R::ONE + x.abs()) - y * y) * R::HALF;
    Complex::new(re.copysign(x), im)
}

#[inline(always)]
pub(crate) fn atan<R: Real>(z: Complex<R>) -> Complex<R> {
    turned_back(atanh(turned(z)))
}

/// The product, infinite if a factor is and the other is not 0 (C99, G.5.1).
#[inline(always)]
fn times<R: Real>(x: Complex<R>, y: Complex<R>) -> Complex<R> {
    let product = Complex::new(x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re);
    let is_infinite = |z: Complex<R>| z.re.is_infinite() || z.im.is_infinite();
    if !(product.re.is_nan() && product.im.is_nan() && (is_infinite(x) || is_infinite(y))) {
        return product;
    }
    // An infinite number counts by its direction, a NaN beside it as 0.
    let sign = |part: R, is_one: bool| if is_one { R::ONE.copysign(part) } else { R::ZERO.copysign(part) };
    let direction = |z: Complex<R>| match is_infinite(z) {
        true => Complex::new(sign(z.re, z.re.is_infinite()), sign(z.im, z.im.is_infinite())),
        false => Complex::new(
            if z.re.is_nan() { R::ZERO.copysign(z.re) } else { z.re },
            if z.im.is_nan() { R::ZERO.copysign(z.im) } else { z.im },
        ),
    };
    let (x, y) = (direction(x), direction(y));
    Complex::new(R::INFINITY * (x.re * y.re - x.im * y.im), R::INFINITY * (x.re * y.im + x.im * y.re))
}

/// `z ** w`. Small integer exponents are products, as in NumPy.
#[inline(always)]
pub(crate) fn pow<R: Real>(z: Complex<R>, w: Complex<R>) -> Complex<R> {
    if w.re == R::ZERO && w.im == R::ZERO {
        return Complex::new(R::ONE, R::ZERO);
    }
    if z.re == R::ZERO && z.im == R::ZERO {
        return if w.re > R::ZERO { Complex::new(R::ZERO, R::ZERO) } else { Complex::new(R::NAN, R::NAN) };
    }
    if w.im == R::ZERO
        && let Some(n) = small_integer(w.re)
    {
        let power = integer_power(z, n.unsigned_abs());
        return if n < 0 { divide(Complex::new(R::ONE, R::ZERO), power) } else { power };
    }
    exp(times(w, log(z)))
}

/// `x` as an integer of at most two digits.
#[inline(always)]
fn small_integer<R: Real>(x: R) -> Option<i32> {
    let x = x.to_f64();
    (x == x.trunc() && x.abs() < 100.0).then_some(x as i32)
}

/// `z ** n` for positive `n`.
#[inline(always)]
fn integer_power<R: Real>(z: Complex<R>, n: u32) -> Complex<R> {
    let times = |x: Complex<R>, y: Complex<R>| Complex::new(x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re);
    let (mut power, mut base, mut rest) = (None, z, n);
    loop {
        if rest & 1 == 1 {
            power = Some(power.map_or(base, |power| times(power, base)));
        }
        rest >>= 1;
        if rest == 0 {
            return power.unwrap_or(Complex::new(R::ONE, R::ZERO));
        }
        base = times(base, base);
    }
}
