//! Powers: `exp(y · log(x))` with the logarithm to 66 bits.
//!
//! A relative error of the logarithm becomes an absolute error of the exponent, up to 710 times as large; so the logarithm carries a second number.
//! It is found from a table of nodes (P. T. P. Tang, 1990): `x = 2^k · c · (1 + r)`, `log(x) = k log 2 + log(c) + log(1 + r)`. The inverses of the
//! nodes are sixteenths, so `r` is exact; and the table is so short that choosing by bits is quicker than loading from addresses.

use super::exponential::{exp_reduced, reduce};
use super::float::{Double, Float, clamp, polynomial, select};

/// `-log(i / 16)` for `i` from 11 to 23: the upper part, a multiple of 2^-42.
const NODES: [f64; 16] = [
    0.3746934494413381,
    0.28768207245184385,
    0.20763936477828793,
    0.13353139262449076,
    0.0645385211375924,
    0.0,
    -0.06062462181648698,
    -0.11778303565643,
    -0.17185025692674571,
    -0.22314355131425145,
    -0.2719337154835557,
    -0.31845373111855224,
    -0.3629054936893681,
    0.0,
    0.0,
    0.0,
];
/// What the upper parts lack.
const NODES_LOST: [f64; 16] = [
    7.260466149925637e-14,
    -6.292357389008195e-14,
    -4.3425422595242564e-14,
    3.1859736349078334e-14,
    -2.1225608044809997e-14,
    0.0,
    5.213620639136504e-14,
    4.654729747598445e-14,
    8.649239607212071e-14,
    4.169796584527195e-14,
    -8.604306772808733e-14,
    1.7625431312172662e-14,
    -3.6708569716349383e-16,
    0.0,
    0.0,
    0.0,
];
/// The number of the first node.
const FIRST: u64 = 11;
/// `16 / m` for `m` between √½ and √2, to a few bits.
const SIXTEENTHS: [f64; 3] = [48.0, -46.55, 14.63];
/// `(log(1 + r) - r + r²/2) / r³` for `|r| < 1/16`.
const TAIL: [f64; 11] = [
    0.333_333_333_333_333_3,
    -0.250_000_000_000_003_5,
    0.200_000_000_000_087_5,
    -0.166_666_666_656_779_68,
    0.142_857_142_734_293_15,
    -0.125_000_009_753_441_43,
    0.111_111_184_418_898_67,
    -0.099_995_631_072_230_3,
    0.090_888_922_591_822_93,
    -0.084_243_417_639_832,
    0.079_250_009_993_510_09,
];
const LN2: Double<f64> = <f64 as super::exponential::Exponential>::LN2;

#[inline(always)]
fn four_nodes(index: u64, t: &[f64; 16], i: usize) -> f64 {
    let (a, b) = (f64::by_bit::<0>(index, t[i], t[i + 1]), f64::by_bit::<0>(index, t[i + 2], t[i + 3]));
    f64::by_bit::<1>(index, a, b)
}

/// The number at an index below 16.
#[inline(always)]
fn choose(index: u64, t: &[f64; 16]) -> f64 {
    let low = f64::by_bit::<2>(index, four_nodes(index, t, 0), four_nodes(index, t, 4));
    let high = f64::by_bit::<2>(index, four_nodes(index, t, 8), four_nodes(index, t, 12));
    f64::by_bit::<3>(index, low, high)
}

/// `log(x)` for positive normal `x`.
#[inline(always)]
fn log_extended(x: f64) -> Double<f64> {
    let (k, m, _) = x.split_normal();
    let (sixteenths, bits) = polynomial(m, &SIXTEENTHS).nearest();
    let index = bits.wrapping_sub(FIRST);
    let r = m.mul_add(sixteenths * 0.0625, -1.0); // exact
    let whole = k * LN2.0 + choose(index, &NODES); // exact
    // log(1 + r) = r - r²/2 + r³ (1/3 - r/4 + …)
    let linear = Double::sum(whole, r);
    let half = Double::product(-0.5 * r, r);
    let high = linear.0 + half.0;
    let lost = linear.1 + ((linear.0 - high) + half.0) + half.1;
    let constant = k.mul_add(LN2.1, choose(index, &NODES_LOST));
    let low = lost + (r * r * r).mul_add(polynomial(r, &TAIL), constant);
    Double::sum(high, low)
}

/// Whether [`pow`] does not hold: a zero, a subnormal, an infinity, a NaN, an exponent whose size makes the result 0, 1 or infinite anyway.
#[inline(always)]
pub(super) fn is_rare(x: f64, y: f64) -> bool {
    !((x.abs() >= f64::MIN_POSITIVE) & (x.abs() < f64::INFINITY) & (y.abs() < 1e18))
}

/// `x ** y` unless it [`is_rare`].
#[inline(always)]
pub(super) fn pow(x: f64, y: f64) -> f64 {
    let log = log_extended(x.abs());
    let product = Double::product(y, log.0).plus(y * log.1);
    // Far outside the range only the product counts.
    let lost = select(product.0.abs() < 1000.0, product.1, 0.0);
    let (n, r) = reduce(clamp(product.0, -746.0, 710.0));
    with_sign(x, y, exp_reduced(Double::sum(r.0, r.1 + lost)).times_power_of_two(n))
}

/// The power of a number whose size has this power.
#[inline(always)]
pub(super) fn with_sign(x: f64, y: f64, size: f64) -> f64 {
    let is_whole = y.trunc() == y;
    let is_odd = is_whole & ((0.5 * y).trunc() != 0.5 * y);
    let negative = select(is_whole, select(is_odd, -size, size), f64::NAN);
    select(x < 0.0, negative, size)
}
