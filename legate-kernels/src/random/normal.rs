//! The standard normal distribution by inversion: one draw, one value.
//!
//! NumPy's ziggurat takes a varying number of draws per value, so value `i` cannot be found without all before it. Here value `i` is a
//! function of draw `i` alone, and any tile of an array is filled by itself. The numbers are therefore not NumPy's.
//!
//! Source: M. J. Wichura, "Algorithm AS 241: The Percentage Points of the Normal Distribution", Applied Statistics 37 (1988), routine
//! PPND16 (relative accuracy about 1e-16). The sign is a draw's top bit and the tail probability its other 63, so the
//! tails reach 9.1 standard deviations. Only +, −, ×, ÷ and √ are used, so the bits are the same on every machine.

use crate::dispatch::run_on;
use crate::isa::Isa;

/// Half the width of the central region in probability.
const CENTRAL: f64 = 0.425;
/// `CENTRAL²`, with which the central fit is centred.
const CENTRAL_SQUARED: f64 = 0.180625;

/// Numerator and denominator coefficients, constant term first.
struct Rational {
    numerator: [f64; 8],
    denominator: [f64; 8],
}

const NEAR_MEDIAN: Rational = Rational {
    numerator: [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ],
    denominator: [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_854,
    ],
};

/// For r = √(-ln p) up to 5, in r − 1.6.
const TAIL: Rational = Rational {
    numerator: [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        0.000_774_545_014_278_341_4,
    ],
    denominator: [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        0.000_547_593_808_499_534_5,
        1.050_750_071_644_416_9e-9,
    ],
};

/// For r above 5, in r − 5.
const FAR_TAIL: Rational = Rational {
    numerator: [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        0.001_242_660_947_388_078_4,
        0.000_027_115_555_687_434_876,
        2.010_334_399_292_288_1e-7,
    ],
    denominator: [
        1.0,
        0.599_832_206_555_888,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        0.000_786_869_131_145_613_3,
        0.000_018_463_183_175_100_548,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ],
};

#[inline(always)]
fn horner(coefficients: &[f64; 8], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, &c| sum * x + c)
}

impl Rational {
    #[inline(always)]
    fn at(&self, x: f64) -> f64 {
        horner(&self.numerator, x) / horner(&self.denominator, x)
    }
}

/// Draws that are looked at together.
const BLOCK: usize = 512;

/// 2^-64: draws are fixed-point numbers in these units.
const UNIT: f64 = 1.0 / 18_446_744_073_709_551_616.0;
const SIGN: u64 = 1 << 63;

/// The probability beyond the value that a draw stands for: its low 63 bits and a half, in (0, ½).
#[inline(always)]
fn tail_probability(bits: u64) -> f64 {
    ((bits & !SIGN) as f64 + 0.5) * UNIT
}

/// ½ less [`tail_probability`], with its full relative precision.
#[inline(always)]
fn distance_from_median(bits: u64) -> f64 {
    ((SIGN - (bits & !SIGN)) as f64 - 0.5) * UNIT
}

/// `out[i]` = the standard normal value of the uniform draw `draws[i]`.
pub(super) fn normal_from_bits(draws: &[u64], out: &mut [f64]) {
    run_on(Isa::best(), {
        #[inline(always)]
        || from_bits(draws, out)
    });
}

#[inline(always)]
fn from_bits(draws: &[u64], out: &mut [f64]) {
    for (draws, out) in draws.chunks(BLOCK).zip(out.chunks_mut(BLOCK)) {
        // First the central fit for all, then the one in seven that lies in a tail once more: each a vector loop.
        for (value, &bits) in out.iter_mut().zip(draws) {
            let q = distance_from_median(bits);
            *value = with_sign(q * NEAR_MEDIAN.at(CENTRAL_SQUARED - q * q), bits);
        }
        let mut places = [0; BLOCK];
        let mut count = 0;
        for (place, &bits) in draws.iter().enumerate() {
            // Without a branch, which chance would make dear.
            places[count] = place as u16;
            count += usize::from(distance_from_median(bits) > CENTRAL);
        }
        tails(draws, out, &places[..count]);
    }
}

/// The values at these places.
#[inline(always)]
fn tails(draws: &[u64], out: &mut [f64], places: &[u16]) {
    let (mut bits, mut r) = ([0; BLOCK], [0.0; BLOCK]);
    let (bits, r) = (&mut bits[..places.len()], &mut r[..places.len()]);
    bits.iter_mut().zip(places).for_each(|(bits, &place)| *bits = draws[usize::from(place)]);
    r.iter_mut().zip(&*bits).for_each(|(r, &bits)| *r = (-ln(tail_probability(bits))).sqrt());
    let mut values = [0.0; BLOCK];
    values.iter_mut().zip(&*r).for_each(|(value, &r)| *value = TAIL.at(r - 1.6));
    for (k, &place) in places.iter().enumerate() {
        let magnitude = if r[k] <= 5.0 { values[k] } else { FAR_TAIL.at(r[k] - 5.0) };
        out[usize::from(place)] = with_sign(magnitude, bits[k]);
    }
}

#[inline(always)]
fn with_sign(magnitude: f64, bits: u64) -> f64 {
    f64::from_bits(magnitude.to_bits() | bits & SIGN)
}

/// Natural logarithm of a normal positive number, to about 2 ulp; the platform's would bring the platform's bits.
///
/// x = 2ᵉ·m with m in [√½, √2), and ln m = 2 artanh s = 2 (s + s³/3 + s⁵/5 + …) with s = (m − 1)/(m + 1), |s| < 0.172.
#[inline(always)]
fn ln(x: f64) -> f64 {
    const SQRT_HALF_BITS: u64 = 0x3fe6_a09e_667f_3bcd;
    let shifted = x.to_bits().wrapping_sub(SQRT_HALF_BITS);
    let exponent = (shifted as i64 >> 52) as f64;
    let m = f64::from_bits((shifted & ((1 << 52) - 1)) + SQRT_HALF_BITS);
    let s = (m - 1.0) / (m + 1.0);
    let s2 = s * s;
    let series = (0..12).rev().fold(0.0, |sum, k| sum * s2 + 1.0 / f64::from(2 * k + 1));
    exponent * std::f64::consts::LN_2 + 2.0 * s * series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_right() {
        for x in [1e-19, 2.7e-10, 0.001, 0.3, 0.5, 0.7, 0.71, 1.0, 1.5, 2.0, 1e10] {
            assert!((ln(x) - f64::ln(x)).abs() <= 4.0 * f64::EPSILON * f64::ln(x).abs(), "ln {x}");
        }
    }

    /// √2·erf⁻¹(1 − 2p) computed with 50 digits.
    #[test]
    fn quantiles_are_right() {
        let table = [
            (0, 9.155293772686072),
            (1, 9.035918848571939),
            (1048576, 7.423939748863402),
            (1099511627776, 5.294704084854515),
            (1125899906842624, 3.841930685501911),
            (530242871224172544, 1.899573997278826),
            (9223371968135299072, 9.33791799326525e-09),
            (1844674407370955161, 1.2815515655446004),
            (1317624576693551746, 1.4652337926855177),
            (4611686018427387904, 0.6744897501960817),
            (6917529027641081856, 0.31863936396437514),
            (9223370937343148031, 1.4940668789339957e-07),
        ];
        for (bits, expected) in table {
            let mut value = [0.0];
            normal_from_bits(&[bits], &mut value);
            let error = (value[0] - expected) / expected;
            assert!(error.abs() < 4.0 * f64::EPSILON, "{bits}: {} is off by {error}", value[0]);
        }
    }

    #[test]
    fn values_do_not_depend_on_their_neighbours_or_on_the_instructions() {
        // Small numbers: far tails.
        let draws: Vec<u64> =
            (0..3 * BLOCK as u64 + 7).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (i % 60)).collect();
        let single = |&bits: &u64| {
            let mut value = [0.0];
            from_bits(&[bits], &mut value);
            value[0]
        };
        let wanted: Vec<f64> = draws.iter().map(single).collect();
        for isa in Isa::available() {
            let mut out = vec![0.0; draws.len()];
            run_on(isa, {
                #[inline(always)]
                || from_bits(&draws, &mut out)
            });
            assert!(out == wanted, "{}", isa.name());
        }
    }

    #[test]
    fn the_tails_are_finite_and_symmetric() {
        let mut out = [0.0; 4];
        normal_from_bits(&[0, 1 << 63, u64::MAX >> 1, u64::MAX], &mut out);
        assert!(out[0] > 9.0 && out[0] < 9.2);
        assert_eq!(out[1], -out[0]);
        assert!(out[2] >= 0.0 && out[2] < 1e-15);
        assert_eq!(out[3], -out[2]);
    }
}
