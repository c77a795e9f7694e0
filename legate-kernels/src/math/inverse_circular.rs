//! Inverse circular functions. The arctangent beyond 1 is π/2 less that of the inverse; the arcsine beyond ½
//! is π/2 less twice that of `√((1 - x) / 2)` (J.-M. Muller, "Elementary Functions", 2016). Polynomials are minimax.

use super::float::{Double, Float, clamp, select};
use super::lanes::polynomial;

pub(super) trait InverseCircular: Float {
    /// π/4 to twice the precision.
    const QUARTER_PI: Double<Self>;
    /// `(atan(t) / t - 1) / t²` in powers of `t²`, up to 1.
    const ATAN_TAIL: &'static [Self];
    /// `(asin(t) / t - 1) / t²` in powers of `t²`, up to ½.
    const ASIN_TAIL: &'static [Self];
    /// Numbers between these have normal inverses.
    const SMALL: Self;
    const LARGE: Self;
    /// Factors that bring others between them.
    const UP: Self;
    const DOWN: Self;
}

impl InverseCircular for f64 {
    const QUARTER_PI: Double<f64> = Double(std::f64::consts::FRAC_PI_4, 3.061_616_997_868_383e-17);
    const ATAN_TAIL: &'static [f64] = &[
        -0.333_333_333_333_330_93,
        0.199_999_999_999_554_5,
        -0.142_857_142_828_014_3,
        0.111_111_110_135_634_85,
        -0.090_909_071_163_302_45,
        0.076_922_811_335_674_41,
        -0.066_664_143_826_636_44,
        0.058_805_876_711_968_9,
        -0.052_537_776_337_121_82,
        0.047_231_750_051_412_91,
        -0.042_213_387_056_024_27,
        0.036_684_249_642_902_78,
        -0.029_968_148_748_708_942,
        0.022_060_097_913_665_182,
        -0.013_967_647_914_160_105,
        0.007_241_129_803_918_407,
        -0.002_906_305_727_697_963,
        0.000_838_276_317_217_791_1,
        -0.000_153_528_934_211_875_5,
        1.334_735_470_763_761_7e-05,
    ];
    const ASIN_TAIL: &'static [f64] = &[
        0.166_666_666_666_667_63,
        0.074_999_999_999_701_28,
        0.044_642_857_175_226_51,
        0.030_381_942_681_023_216,
        0.022_372_215_671_121_94,
        0.017_351_600_667_945_388,
        0.013_980_940_475_853_805,
        0.011_398_188_674_782_702,
        0.010_781_824_618_955_332,
        0.003_714_340_531_559_751_5,
        0.021_643_451_942_806_8,
        -0.020_830_928_069_807_207,
        0.032_467_167_143_027_54,
    ];
    const SMALL: f64 = 1e-250;
    const LARGE: f64 = 1e300;
    const UP: f64 = TWO_200;
    const DOWN: f64 = 1.0 / TWO_200;
}

const TWO_200: f64 = (1u128 << 100) as f64 * (1u128 << 100) as f64;
const TWO_60: f32 = (1u64 << 60) as f32;

impl InverseCircular for f32 {
    const QUARTER_PI: Double<f32> = Double(std::f32::consts::FRAC_PI_4, -2.185_569_4e-8);
    const ATAN_TAIL: &'static [f32] = &[
        -0.333_333_28,
        0.199_997_22,
        -0.142_804_73,
        0.110_623_226,
        -0.088_262_19,
        0.067_756_84,
        -0.045_166_418,
        0.022_943_065,
        -0.007_507_1,
        0.001_151_535_5,
    ];
    const ASIN_TAIL: &'static [f32] = &[0.166_667_54, 0.074_952_51, 0.045_476_14, 0.024_151_701, 0.042_212_274];
    const SMALL: f32 = 1e-25;
    const LARGE: f32 = 1e37;
    const UP: f32 = TWO_60;
    const DOWN: f32 = 1.0 / TWO_60;
}

/// `base + t + tail` for a small tail.
#[inline(always)]
fn with_base<F: InverseCircular>(base: Double<F>, t: F, tail: F) -> F {
    Double::sum(base.0, t).plus(tail + base.1).value()
}

/// So many times π/4, a power of two.
#[inline(always)]
fn quarter_turns<F: InverseCircular>(n: F) -> Double<F> {
    Double(n * F::QUARTER_PI.0, n * F::QUARTER_PI.1)
}

/// The arctangent of `t + lost`, without `t`.
#[inline(always)]
fn atan_tail<F: InverseCircular>(t: F, lost: F) -> F {
    let z = t * t;
    // The derivative, 1 / (1 + z), nearly.
    let lost = lost * (-F::HALF).mul_add(z, F::ONE);
    (z * t).mul_add(polynomial(z, F::ATAN_TAIL), lost)
}

#[inline(always)]
pub(super) fn atan<F: InverseCircular>(x: F) -> F {
    let size = clamp(x.abs(), F::ZERO, F::LARGEST);
    let is_steep = size > F::ONE;
    let inverse = F::ONE / size;
    let lost = (-inverse).mul_add(size, F::ONE) * inverse;
    let t = select(is_steep, -inverse, size);
    let tail = atan_tail(t, select(is_steep, -lost, F::ZERO));
    with_base(quarter_turns(select(is_steep, F::TWO, F::ZERO)), t, tail).copysign(x)
}

/// The angle of the point `(x, y)`.
#[inline(always)]
pub(super) fn atan2<F: InverseCircular>(y: F, x: F) -> F {
    let (a, b) = (y.abs(), x.abs());
    let is_steep = a > b;
    let is_left = x.has_sign();
    let (above, below) = (select(is_steep, b, a), select(is_steep, a, b));
    // The larger is brought where its inverse is a normal number.
    let factor = select(below > F::LARGE, F::DOWN, select(below < F::SMALL, F::UP, F::ONE));
    let (above, below) = (above * factor, below * factor);
    let inverse = F::ONE / below;
    let t = above * inverse;
    let lost = (-t).mul_add(below, above) * inverse;
    // Equal infinities, or zeros, count as equal to each other, or as a zero beside a one.
    let is_finite = below < F::INFINITY;
    let t = select(is_finite, t, select(above == below, F::ONE, F::ZERO));
    let lost = select(is_finite & (below > F::ZERO), lost, F::ZERO);
    let t = select(below > F::ZERO, t, F::ZERO);
    // Beyond the diagonal the angle is π/2 less that of the mirrored point; left of the origin it is π less that on the right.
    let sign = select(is_steep != is_left, -F::ONE, F::ONE);
    let base = quarter_turns(select(is_steep, F::TWO, select(is_left, F::of(4.0), F::ZERO)));
    let result = with_base(base, sign * t, atan_tail(sign * t, sign * lost));
    let is_nan = !((a >= F::ZERO) & (b >= F::ZERO));
    select(is_nan, F::NAN, result.copysign(y))
}

/// `(t, t_lost, z)`: the arcsine of `t` is the one to compute, `t` below ½ and its square `z`.
#[inline(always)]
fn asin_argument<F: InverseCircular>(x: F) -> (F, F, F, bool) {
    let size = x.abs();
    let is_steep = size > F::HALF;
    let half = F::HALF.mul_add(-size, F::HALF);
    let root = half.sqrt();
    let lost = (-root).mul_add(root, half) / (root + root);
    let lost = select(root > F::ZERO, lost, F::ZERO);
    let (t, t_lost) = (select(is_steep, root, size), select(is_steep, lost, F::ZERO));
    let z = select(is_steep, half, size * size);
    (t, t_lost, z, is_steep)
}

#[inline(always)]
pub(super) fn asin<F: InverseCircular>(x: F) -> F {
    let (t, t_lost, z, is_steep) = asin_argument(x);
    let tail = (z * t).mul_add(polynomial(z, F::ASIN_TAIL), t_lost);
    let pi_half = Double(F::TWO * F::QUARTER_PI.0, F::TWO * F::QUARTER_PI.1);
    let steep = with_base(pi_half, -F::TWO * t, -F::TWO * tail);
    let result = select(is_steep, steep, t + tail);
    result.copysign(x)
}

#[inline(always)]
pub(super) fn acos<F: InverseCircular>(x: F) -> F {
    let (t, t_lost, z, is_steep) = asin_argument(x);
    let tail = (z * t).mul_add(polynomial(z, F::ASIN_TAIL), t_lost);
    // π/2 - asin(x), 2 asin(t), or π - 2 asin(t).
    let is_left = x.has_sign();
    let factor = select(is_steep, F::TWO, -F::ONE);
    let factor = select(is_left, -factor, factor);
    let quarters = select(is_steep, F::ZERO, F::TWO);
    let quarters = select(is_left & is_steep, F::of(4.0), quarters);
    let base = Double(quarters * F::QUARTER_PI.0, quarters * F::QUARTER_PI.1);
    with_base(base, factor * t, factor * tail)
}
