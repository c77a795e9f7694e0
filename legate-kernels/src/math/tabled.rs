//! Exponentials and logarithms of doubles by tables (P. T. P. Tang, 1989 and 1990): arguments are brought so near to the next of sixteen nodes that a short
//! polynomial does the rest. Polynomials are minimax, computed by Remez' algorithm with 300 bits.

use super::lanes::{DoubleFn, Doubles, Format, Lanes, NODES, Pairs, SingleFn, Singles, polynomial};
use super::nodes::{LOGS, POWERS};

/// log(2) / 16 to twice the precision.
const LN2_16: (f64, f64) = (0.043_321_698_784_996_58, 1.449_404_258_653_937_2e-18);
/// `(exp(r) - 1 - r) / r²` up to log(2) / 32.
const EXP_TAIL: [f64; 5] = [
    0.500_000_000_000_000_1,
    0.166_666_666_653_011_4,
    0.041_666_666_662_228_72,
    0.008_333_449_724_604_218,
    0.001_388_909_257_351_810_9,
];

/// `x` as `k log(2) / 16 + r`: `(k, bits that end with k, r)`. `|x|` is below 1e6.
#[inline(always)]
fn nearest_power<L: Doubles>(x: L) -> (L, L::Bits, L) {
    let shifted = x.mul_add(L::splat(16.0 * std::f64::consts::LOG2_E), L::splat(f64::ROUNDER));
    let k = shifted - L::splat(f64::ROUNDER);
    let near = (-k).mul_add(L::splat(LN2_16.0), x); // exact
    (k, shifted.to_bits(), (-k).mul_add(L::splat(LN2_16.1), near))
}

/// `exp(r + small) - 1`, and the relative error of the power's upper part.
#[inline(always)]
fn above_power<L: Doubles>(r: L, small: Option<L>, lost: L) -> L {
    let r = match small {
        Some(small) => r + small,
        None => r,
    };
    lost + (r * r).mul_add(polynomial(r, &EXP_TAIL), r)
}

/// `exp(x + small)` whose result is a normal number.
#[inline(always)]
pub(super) fn exp_of_common<L: Doubles>(x: L, small: Option<L>) -> L {
    let (_, bits, r) = nearest_power(x);
    let (power, lost) = L::look_up_pair(&POWERS, bits);
    // The integer is added to the exponent; the table's powers are short of what its lower four bits add to the fraction.
    let power = L::of_bits(L::plus(power.to_bits(), L::shift_left(bits, 48)));
    power.mul_add(above_power(r, small, lost), power)
}

/// `exp(x + small)`. Where the result is normal these are the bits of [`exp_of_common`], for scaling by powers of two is exact.
#[inline(always)]
pub(super) fn exp_of_any<L: Doubles>(x: L, small: Option<L>) -> L {
    let (k, bits, r) = nearest_power(x.at_most(L::splat(710.0)).at_least(L::splat(-746.0)));
    let (power, lost) = L::look_up_pair(&POWERS, bits);
    let power = L::of_bits(L::plus(power.to_bits(), L::shift_left(L::and(bits, L::integer(15)), 48)));
    let near_one = power.mul_add(above_power(r, small, lost), power);
    // Two factors, so that only the second overflows, or leaves the normal numbers.
    const BIAS: u64 = 1023;
    const FAR: u64 = BIAS - 25;
    let is_far = k.is_below(L::splat(-16.0 * FAR as f64));
    let offset =
        L::choose(is_far, L::splat(f64::from_bits(16 * (BIAS + FAR))), L::splat(f64::from_bits(16 * (BIAS - 1))));
    let last = L::choose(is_far, L::splat(f64::from_bits((BIAS - FAR) << 52)), L::splat(2.0));
    let first = L::and(L::shift_left(L::plus(bits, offset.to_bits()), 48), L::integer(0x7ff << 52));
    near_one * L::of_bits(first) * last
}

/// Whether the exponential is not a normal number, or nearly so.
#[inline(always)]
pub(super) fn is_exp_far<L: Doubles>(x: L) -> bool {
    L::any(L::is_lower(L::integer(708f64.to_bits()), x.abs().to_bits()))
}

/// The exponential function.
pub(super) struct Exp;

impl DoubleFn<1> for Exp {
    #[inline(always)]
    fn apply<L: Doubles>([x]: [L; 1]) -> L {
        if is_exp_far(x) { exp(x) } else { exp_of_common(x, None) }
    }
}

/// The same without a branch.
#[inline(always)]
pub(super) fn exp<L: Doubles>(x: L) -> L {
    exp_of_any(x, None)
}

/// `(log(1 + r) - r + r²/2) / r³` for `r` as [`super::nodes`] has them.
const LOG_TAIL: [f64; 8] = [
    0.333_333_333_333_332,
    -0.249_999_999_999_990_23,
    0.200_000_000_036_447_83,
    -0.166_666_666_758_562_84,
    0.142_856_987_095_574_62,
    -0.124_999_757_210_328_26,
    0.111_324_075_867_691_07,
    -0.100_244_078_657_976_31,
];
/// log 2: the upper part, a multiple of 2^-42, and the rest.
pub(super) const LN2: (f64, f64) = (0.693_147_180_559_890_3, 5.497_923_018_708_371e-14);

/// A positive normal number as `2^k (1 + r) / i[j]`, times `2^more`: `(k, j, r)`, `j` in the low bits.
#[inline(always)]
pub(super) fn nearest_node<L: Lanes<Element: Tabled>>(x: L, more: L) -> (L, L::Bits, L) {
    let bits = x.to_bits();
    // Half an interval up: the upper bits of the fraction are the number of the nearest node then, and the exponent is that node's.
    let shifted = L::plus(bits, L::integer(1 << (L::Element::FRACTION - 5)));
    let biased = L::or(L::shift_right(shifted, L::Element::FRACTION), L::integer(L::Element::TO_FLOAT));
    let k = L::of_bits(biased) - (L::splat(L::Element::TO_EXPONENT) - more);
    let power = L::and(shifted, L::integer(L::Element::EXPONENT));
    let m = L::plus(L::minus(bits, power), L::integer(L::Element::ONE));
    let node = L::shift_right(shifted, L::Element::FRACTION - 4);
    let r = L::of_bits(m).mul_add(L::look_up(L::Element::inverses(), node), L::splat(L::Element::MINUS_ONE));
    (k, node, r)
}

/// `log(x) + more · log(2)` of positive normal numbers.
#[inline(always)]
fn log_of_normal<L: Doubles>(x: L, more: L) -> L {
    let (k, node, r) = nearest_node(x, more);
    let (log, log_lost) = L::look_up_pair(&LOGS, node);
    let whole = k.mul_add(L::splat(LN2.0), log); // exact
    let upper = whole + r;
    let lost = (whole - upper) + r;
    let constant = k.mul_add(L::splat(LN2.1), log_lost);
    let square = r * r;
    let tail = r.mul_add(polynomial(r, &LOG_TAIL), L::splat(-0.5));
    upper + square.mul_add(tail, constant + lost)
}

/// Numbers that are not positive and normal.
#[inline(always)]
pub(super) fn unusual<L: Lanes>(x: L) -> L::Mask {
    let normal = L::minus(x.to_bits(), L::integer(L::Element::NORMAL));
    L::is_lower(L::integer(L::Element::INFINITY - L::Element::NORMAL - 1), normal)
}

/// Positive numbers, those that are subnormal times a power of two; and minus that power's exponent.
#[inline(always)]
pub(super) fn made_normal<L: Lanes>(x: L) -> (L, L) {
    let is_tiny = x.is_below(L::of_bits(L::integer(L::Element::NORMAL)));
    let (zero, up) = (L::splat(L::Element::ZERO), L::splat(L::Element::UP_EXPONENT));
    (L::choose(is_tiny, x * L::splat(L::Element::UP), x), L::choose(is_tiny, up, zero))
}

/// The logarithm's values where there is none, or an infinite one.
#[inline(always)]
fn with_limits<L: Lanes>(x: L, result: L) -> L {
    let (zero, infinity) = (L::splat(L::Element::ZERO), L::of_bits(L::integer(L::Element::INFINITY)));
    // Infinity and NaN are their own.
    let result = L::choose(x.is_below(infinity), result, x);
    let result = L::choose(x.is_below(zero), L::splat(L::Element::NAN), result);
    L::choose(x.is_equal(zero), -infinity, result)
}

/// The natural logarithm.
pub(super) struct Log;

impl DoubleFn<1> for Log {
    #[inline(always)]
    fn apply<L: Doubles>([x]: [L; 1]) -> L {
        if L::any(unusual(x)) { log(x) } else { log_of_normal(x, L::splat(0.0)) }
    }
}

/// The same without a branch.
#[inline(always)]
pub(super) fn log<L: Doubles>(x: L) -> L {
    let (normal, more) = made_normal(x);
    with_limits(x, log_of_normal(normal, more))
}

/// What a logarithm needs of its base.
pub(super) struct Base<F: 'static> {
    /// Of the short numbers of [`super::nodes`], negative: the upper parts are multiples of `two.0`'s last digit, so sums with multiples of that are exact.
    pub(super) nodes: Pairs<F>,
    /// The logarithm of 2: the upper part, and the rest.
    pub(super) two: (F, F),
    /// The logarithm of e to twice the precision.
    pub(super) e: (F, F),
    /// `(log(1 + r) - r log(e)) / r²`.
    pub(super) tail: &'static [F],
}

/// What functions of this file need of a format.
pub(super) trait Tabled: Format {
    fn inverses() -> &'static [Self; NODES];
    fn base_2() -> &'static Base<Self>;
    fn base_10() -> &'static Base<Self>;
}

/// The logarithm of `x · 2^more` of a positive normal number.
#[inline(always)]
fn log_in_base<L: Lanes<Element: Tabled>>(x: L, more: L, base: &'static Base<L::Element>) -> L {
    let (k, node, r) = nearest_node(x, more);
    let (log, log_lost) = L::look_up_pair(&base.nodes, node);
    let whole = k.mul_add(L::splat(base.two.0), log); // exact
    let lost = k.mul_add(L::splat(base.two.1), log_lost);
    // The product of `r`, which is exact, carries all digits; the rest is smaller.
    let linear = r * L::splat(base.e.0);
    let linear_lost = r.mul_add(L::splat(base.e.1), r.mul_add(L::splat(base.e.0), -linear));
    let sum = whole + linear;
    let sum_lost = (whole - sum) + linear;
    sum + (r * r).mul_add(polynomial(r, base.tail), sum_lost + (linear_lost + lost))
}

macro_rules! logarithm {
    ($(#[$doc:meta])* $Log:ident, $log:ident, $base:ident) => {
        $(#[$doc])*
        pub(super) struct $Log;

        impl $Log {
            #[inline(always)]
            fn of<L: Lanes<Element: Tabled>>(x: L) -> L {
                if L::any(unusual(x)) { $log(x) } else { log_in_base(x, L::splat(L::Element::ZERO), L::Element::$base()) }
            }
        }

        impl DoubleFn<1> for $Log {
            #[inline(always)]
            fn apply<L: Doubles>([x]: [L; 1]) -> L {
                $Log::of(x)
            }
        }

        impl SingleFn<1> for $Log {
            #[inline(always)]
            fn apply<L: Singles>([x]: [L; 1]) -> L {
                $Log::of(x)
            }
        }

        $(#[$doc])*
        /// Without a branch.
        #[inline(always)]
        pub(super) fn $log<L: Lanes<Element: Tabled>>(x: L) -> L {
            let (normal, more) = made_normal(x);
            with_limits(x, log_in_base(normal, more, L::Element::$base()))
        }
    };
}
logarithm!(
    /// The logarithm to base 2.
    Log2, log2, base_2
);
logarithm!(
    /// The logarithm to base 10.
    Log10, log10, base_10
);
