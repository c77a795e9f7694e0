//! Powers: `exp(y · log(x))` with the logarithm to 66 bits.
//!
//! A relative error of the logarithm becomes an absolute error of the exponent, up to 710 times as large; so the logarithm carries a second number.
//! In single precision a double is logarithm enough.

use super::lanes::{DoubleFn, Doubles, Format, SingleFn, Singles, polynomial};
use super::nodes::{LOGS, LOGS_TO_BASE_2, POWERS};
use super::tabled::{LN2, exp_of_any, exp_of_common, is_exp_far, nearest_node, unusual};

/// `(log(1 + r) - r + r²/2) / r³` for `r` as [`super::nodes`] has them.
const TAIL: [f64; 10] = [
    0.333_333_333_333_333_3,
    -0.25,
    0.199_999_999_999_985_9,
    -0.166_666_666_666_622_14,
    0.142_857_142_953_556_28,
    -0.125_000_000_186_262_37,
    0.111_110_880_381_507_36,
    -0.099_999_675_474_960_36,
    0.091_134_404_151_114_57,
    -0.083_584_457_556_925_03,
];

/// `log(x)` for positive normal `x`: the sum of a number and a smaller one.
#[inline(always)]
fn log_extended<L: Doubles>(x: L) -> (L, L) {
    let (k, node, r) = nearest_node(x, L::splat(0.0));
    let (log, log_lost) = L::look_up_pair(&LOGS, node);
    let whole = k.mul_add(L::splat(LN2.0), log); // exact
    // log(1 + r) = r - r²/2 + r³ (1/3 - r/4 + …)
    let linear = whole + r;
    let linear_lost = (whole - linear) + r;
    let half_r = L::splat(-0.5) * r;
    let half = half_r * r;
    let half_lost = half_r.mul_add(r, -half);
    let high = linear + half;
    let lost = linear_lost + ((linear - high) + half) + half_lost;
    let constant = k.mul_add(L::splat(LN2.1), log_lost);
    let low = lost + (half * r).mul_add(L::splat(-2.0) * polynomial(r, &TAIL), constant);
    let sum = high + low;
    (sum, (high - sum) + low)
}

/// Whether [`pow`] does not hold: a zero, a subnormal, an infinity, a NaN.
#[inline(always)]
pub(super) fn is_rare(x: f64, y: f64) -> bool {
    unusual(x.abs()) | is_endless(y)
}

/// The product of the logarithm of a positive number, and a rest.
#[inline(always)]
fn exponent<L: Doubles>(x: L, y: L) -> (L, L) {
    let (log, log_lost) = log_extended(x);
    let product = y * log;
    (product, y.mul_add(log_lost, y.mul_add(log, -product)))
}

/// `x ** y` unless it [`is_rare`], without a branch.
#[inline(always)]
pub(super) fn pow(x: f64, y: f64) -> f64 {
    let (product, lost) = exponent(x.abs(), y);
    with_sign(x, y, exp_near(product, lost))
}

/// `exp(x + lost)`; far outside the range only `x` counts.
#[inline(always)]
fn exp_near<L: Doubles>(x: L, lost: L) -> L {
    let lost = L::choose(x.abs().is_below(L::splat(1000.0)), lost, L::splat(0.0));
    exp_of_any(x, Some(lost))
}

/// The power of a number whose size has this power.
#[inline(always)]
fn with_sign<L: Doubles>(x: L, y: L, size: L) -> L {
    let half = L::splat(0.5) * y;
    let is_whole = y.is_equal(y.trunc());
    let is_even = half.is_equal(half.trunc());
    let negative = L::choose(is_even, size, -size);
    let negative = L::choose(is_whole, negative, L::splat(f64::NAN));
    L::choose(x.is_below(L::splat(0.0)), negative, size)
}

/// `x ** y`.
pub(super) struct Power;

impl DoubleFn<2> for Power {
    #[inline(always)]
    fn apply<L: Doubles>([x, y]: [L; 2]) -> L {
        if are_common(x, y) { power_of_size(x, y) } else { finish(x, y, power_of_size(x.abs(), y)) }
    }
}

/// Whether all are positive normal numbers to finite powers.
#[inline(always)]
fn are_common<L: Doubles>(x: L, y: L) -> bool {
    !L::any(L::either(unusual(x), is_endless(y)))
}

/// Infinite or NaN.
#[inline(always)]
fn is_endless<L: Doubles>(y: L) -> L::Mask {
    L::is_lower(L::integer(f64::MAX.to_bits()), y.abs().to_bits())
}

/// `x ** y` of a positive normal number.
#[inline(always)]
fn power_of_size<L: Doubles>(x: L, y: L) -> L {
    let (product, lost) = exponent(x, y);
    if is_exp_far(product) { exp_near(product, lost) } else { exp_of_common(product, Some(lost)) }
}

/// Signs and rare arguments.
#[inline(always)]
fn finish<L: Doubles>(x: L, y: L, size: L) -> L {
    let is_rare = L::either(unusual(x.abs()), is_endless(y));
    with_sign(x, y, size).patched(is_rare, [x, y], |[x, y]| x.powf(y))
}

/// The same of numbers of single precision, to some 28 bits.
#[inline(always)]
fn single_power_of_size<L: Doubles>(x: L, y: L) -> L {
    /// `(log2(1 + r) - r / log 2) / r²`.
    const LOG_TAIL: [f64; 5] = [
        -0.721_347_520_462_553_7,
        0.480_898_258_727_434_1,
        -0.360_673_559_455_14,
        0.288_840_637_488_271_05,
        -0.240_818_744_208_067_45,
    ];
    /// `(2^f - 1) / f` up to 1/32.
    const POWER_TAIL: [f64; 3] = [0.693_147_180_241_916_9, 0.240_233_552_997_266_43, 0.055_505_736_641_073_42];
    let (k, node, r) = nearest_node(x, L::splat(0.0));
    let log = (r * r).mul_add(
        polynomial(r, &LOG_TAIL),
        r.mul_add(L::splat(std::f64::consts::LOG2_E), k + L::look_up(&LOGS_TO_BASE_2, node)),
    );
    let t = (y * log).at_most(L::splat(200.0)).at_least(L::splat(-200.0));
    let shifted = t + L::splat(f64::ROUNDER / 16.0);
    let f = t - (shifted - L::splat(f64::ROUNDER / 16.0));
    let bits = shifted.to_bits();
    let power = L::plus(L::look_up(&POWERS.first, bits).to_bits(), L::shift_left(bits, 48));
    let power = L::of_bits(power);
    (power * f).mul_add(polynomial(f, &POWER_TAIL), power)
}

/// `x ** y` of numbers of single precision unless it [`is_rare`], without a branch.
#[inline(always)]
pub(super) fn pow_single(x: f64, y: f64) -> f64 {
    with_sign(x, y, single_power_of_size(x.abs(), y))
}

/// `x ** y` in single precision.
pub(super) struct SinglePower;

impl DoubleFn<2> for SinglePower {
    #[inline(always)]
    fn apply<L: Doubles>([x, y]: [L; 2]) -> L {
        if are_common(x, y) { single_power_of_size(x, y) } else { finish(x, y, single_power_of_size(x.abs(), y)) }
    }
}

impl SingleFn<2> for SinglePower {
    #[inline(always)]
    fn apply<L: Singles>(x: [L; 2]) -> L {
        L::in_doubles::<SinglePower, 2>(x)
    }
}
