//! Functions of single precision over registers: tangents and hyperbolic tangents. Polynomials are minimax, computed by Remez' algorithm with 300 bits.

use super::lanes::{DoubleFn, Doubles, Format, NODES, SingleFn, Singles, polynomial, signed};

// ---------------------------------------------------------------------------------------------------------------------
// Hyperbolic tangents
// ---------------------------------------------------------------------------------------------------------------------

/// Up to 12, in half octaves from 1/4 on: a point near the middle where the hyperbolic tangent is nearly a number of single precision.
static CENTERS: [f32; NODES] = [
    0.0, 0.31248993, 0.43750852, 0.6249861, 0.87499523, 1.2500209, 1.7499933, 2.4999368, 3.4999313, 5.000098,
    6.9998093, 10.0003805, 0.0, 0.0, 0.0, 0.0,
];
/// The polynomial's coefficients there, by power of the distance.
static TANH: [[f32; NODES]; 7] = [
    [
        0.0, 0.30270058, 0.41157714, 0.5545901, 0.7039032, 0.8482895, 0.9413748, 0.9866126, 0.99817765, 0.9999092,
        0.99999833, 1.0, 0.0, 0.0, 0.0, 0.0,
    ],
    [
        1.0,
        0.90837234,
        0.83060426,
        0.69242984,
        0.5045203,
        0.28040484,
        0.113813475,
        0.026595647,
        0.0036414552,
        0.00018182564,
        3.3325146e-06,
        -9.129643e-08,
        0.0,
        0.0,
        0.0,
        0.0,
    ],
    [
        -1.0967045e-06,
        -0.27496484,
        -0.34185773,
        -0.3840148,
        -0.35513347,
        -0.23786455,
        -0.107141085,
        -0.026239239,
        -0.003634803,
        -0.0001817779,
        -3.3319252e-06,
        -2.0786463e-07,
        0.0,
        0.0,
        0.0,
        0.0,
    ],
    [
        -0.33327022,
        -0.21955878,
        -0.13616757,
        -0.01784548,
        0.08180378,
        0.108325064,
        0.06292887,
        0.017019523,
        0.0024120528,
        0.000118798125,
        2.177606e-06,
        -2.1011918e-07,
        0.0,
        0.0,
        0.0,
        0.0,
    ],
    [
        -0.0011834935,
        0.15811494,
        0.16999604,
        0.1379069,
        0.06079966,
        -0.01258804,
        -0.023525808,
        -0.008053025,
        -0.0011974352,
        -5.946287e-05,
        -1.0903739e-06,
        -1.3623557e-07,
        0.0,
        0.0,
        0.0,
        0.0,
    ],
    [
        0.14308341,
        0.04551065,
        -0.0059649614,
        -0.054333895,
        -0.058548,
        -0.019688798,
        0.0034820407,
        0.0028875377,
        0.00049044646,
        2.8476497e-05,
        5.2306143e-07,
        -4.4656854e-08,
        0.0,
        0.0,
        0.0,
        0.0,
    ],
    [
        -0.03697596,
        -0.072363354,
        -0.06169545,
        -0.02436619,
        0.012852935,
        0.015104987,
        0.0021089984,
        -0.0006955864,
        -0.00015780891,
        -9.418747e-06,
        -1.7328372e-07,
        -7.521077e-09,
        0.0,
        0.0,
        0.0,
        0.0,
    ],
];

/// The hyperbolic tangent.
pub(super) struct Tanh;

impl SingleFn<1> for Tanh {
    #[inline(always)]
    fn apply<L: Singles>([x]: [L; 1]) -> L {
        tanh(x)
    }
}

#[inline(always)]
pub(super) fn tanh<L: Singles>(x: L) -> L {
    // The half octave before the first stands for all that is smaller.
    const BEFORE: f32 = 0.1875;
    // From 9.02 on the result is 1.
    let size = x.abs().at_most(L::splat(9.5));
    let half_octave = L::shift_right(size.at_least(L::splat(BEFORE)).to_bits(), 22);
    let index = L::minus(half_octave, L::integer(u64::from(BEFORE.to_bits() >> 22)));
    let h = size - L::look_up(&CENTERS, index);
    let c = |k: usize| L::look_up(&TANH[k], index);
    let h2 = h * h;
    let upper = c(6).mul_add(h2, c(5).mul_add(h, c(4)));
    let middle = c(3).mul_add(h, c(2));
    let slope = upper.mul_add(h2, middle);
    let result = h.mul_add(slope.mul_add(h, c(1)), c(0));
    signed(result, x)
}

// ---------------------------------------------------------------------------------------------------------------------
// Tangents
// ---------------------------------------------------------------------------------------------------------------------

/// π/2 in three parts.
const HALF_PI: [f32; 3] = [1.5707964, -4.371139e-08, -1.7151245e-15];
/// Up to this size three parts are enough.
const NEAR: f32 = 1000.0;
/// `(tan(r) - r) / r³` in powers of `r²`, up to π/4.
const TAN_TAIL: [f32; 7] = [0.3333335, 0.13332653, 0.054061066, 0.02127606, 0.010852181, 6.819336e-05, 0.004387085];

/// The tangent, unless the argument is beyond what [`super::circular`] reduces.
pub(super) struct Tan;

impl SingleFn<1> for Tan {
    #[inline(always)]
    fn apply<L: Singles>([x]: [L; 1]) -> L {
        if L::any(is_far(x)) {
            let is_beyond = L::is_lower(L::integer(u64::from(1e9f32.to_bits())), x.abs().to_bits());
            tan(x).patched(is_beyond, [x], |[x]| x.tan())
        } else {
            tan_reduced(x, reduce(x))
        }
    }
}

/// The same without a branch, for arguments that are not beyond.
#[inline(always)]
pub(super) fn tan<L: Singles>(x: L) -> L {
    let (near, far) = (reduce(x), reduce_far(x));
    let pick = |near: L, far: L| L::choose(is_far(x), far, near);
    tan_reduced(x, [pick(near[0], far[0]), pick(near[1], far[1]), pick(near[2], far[2])])
}

#[inline(always)]
fn is_far<L: Singles>(x: L) -> L::Mask {
    L::is_lower(L::integer(u64::from(NEAR.to_bits())), x.abs().to_bits())
}

/// `x = n π/2 + high + low`: `[high, low, a number whose lowest bit is n's]`.
#[inline(always)]
fn reduce<L: Singles>(x: L) -> [L; 3] {
    let part = |i: usize| L::splat(HALF_PI[i]);
    let shifted = x.mul_add(L::splat(std::f32::consts::FRAC_2_PI), L::splat(f32::ROUNDER));
    let n = shifted - L::splat(f32::ROUNDER);
    let first = (-n).mul_add(part(0), x); // exact
    let second = n * part(1);
    let second_lost = n.mul_add(part(1), -second);
    let high = first - second;
    let low = ((first - high) - second) - n.mul_add(part(2), second_lost);
    [high, low, shifted]
}

/// A part of the same, computed in double precision.
struct Reduced<const PART: usize>;

impl<const PART: usize> DoubleFn<1> for Reduced<PART> {
    #[inline(always)]
    fn apply<L: Doubles>([x]: [L; 1]) -> L {
        let rounder = L::splat(f64::ROUNDER);
        let n = x.mul_add(L::splat(std::f64::consts::FRAC_2_PI), rounder) - rounder;
        let first = (-n).mul_add(L::splat(std::f64::consts::FRAC_PI_2), x);
        let r = (-n).mul_add(L::splat(6.123_233_995_736_766e-17), first);
        match PART {
            0 => r,
            1 => r - r.rounded_to_single(),
            // n modulo 2, where single precision has units.
            _ => n - L::splat(2.0) * (n * L::splat(0.5)).trunc() + L::splat((1u32 << 23) as f64 * 1.5),
        }
    }
}

#[inline(always)]
fn reduce_far<L: Singles>(x: L) -> [L; 3] {
    [L::in_doubles::<Reduced<0>, 1>([x]), L::in_doubles::<Reduced<1>, 1>([x]), L::in_doubles::<Reduced<2>, 1>([x])]
}

#[inline(always)]
fn tan_reduced<L: Singles>(x: L, [high, low, n]: [L; 3]) -> L {
    let z = high * high;
    let tail = (high * z).mul_add(polynomial(z, &TAN_TAIL), low.mul_add(z, low));
    let tan = high + tail;
    let tan_lost = (high - tan) + tail;
    // -1 / (tan + tan_lost)
    let inverse = L::splat(-1.0) / tan;
    let error = inverse.mul_add(tan_lost, inverse.mul_add(tan, L::splat(1.0)));
    let inverse = inverse.mul_add(error, inverse);
    let is_odd = L::is_lower(L::integer(0), L::and(n.to_bits(), L::integer(1)));
    let result = L::choose(is_odd, inverse, tan);
    L::choose(x.is_equal(L::splat(0.0)), x, result)
}
