//! Cube roots by tables: with `x = 2^(3q + rest) (1 + r) / i`, three factors of `2^q` and a polynomial that is minimax, computed by Remez' algorithm with 300 bits.

use super::lanes::{DoubleFn, Doubles, Format, Lanes, Pairs, SingleFn, Singles, polynomial, signed};
use super::tabled::{Tabled, made_normal, nearest_node, unusual};

/// What a cube root needs of a format.
pub(super) struct Roots<F: 'static> {
    /// `1 / ∛i` for the short numbers `i` of [`super::nodes`], and what that lacks.
    nodes: Pairs<F>,
    /// `∛1`, `∛2`, `∛4`, and what they lack.
    thirds: Pairs<F>,
    /// `(∛(1 + r) - 1) / r`.
    tail: &'static [F],
    one: F,
    third: F,
    minus_three: F,
}

/// Formats that have them.
pub(super) trait Rooted: Tabled {
    fn roots() -> &'static Roots<Self>;
}

static ROOTS_64: Roots<f64> = Roots {
    nodes: Pairs::new(
        [
            1.0,
            1.0217459098580708,
            1.0393656812237788,
            1.0582673679787997,
            1.078623635574877,
            1.0931035330127938,
            1.1163680039992963,
            1.1330326698854094,
            1.1417486483275778,
            1.1600197206705065,
            1.1795194924338694,
            1.1897766985180058,
            1.200400266874247,
            1.2228428349315195,
            1.2347158379972165,
            1.247063815527488,
        ],
        [
            0.0,
            1.9997734733444414e-17,
            2.0646111190651958e-17,
            -7.246005462798549e-17,
            6.089927670282373e-17,
            -6.552832601314114e-17,
            -2.1271326371439796e-17,
            6.60691072759438e-17,
            -6.169497760995073e-17,
            8.123409643739298e-17,
            1.5306169544603836e-17,
            -5.095237905083748e-17,
            6.305005190220379e-18,
            -2.084711750032616e-17,
            1.4197589673665726e-17,
            -7.45016805886392e-17,
        ],
    ),
    thirds: Pairs::new(
        [1.0, 1.2599210498948732, 1.5874010519681996, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [
            0.0,
            -2.589933375300507e-17,
            -1.0869008194197823e-16,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
        ],
    ),
    tail: &[
        0.33333333333333315,
        -0.11111111111110974,
        0.061728395067135074,
        -0.04115226338737405,
        0.03017830336822006,
        -0.023471997650485837,
        0.01903276231469398,
        -0.015868541485705805,
    ],
    one: 1.0,
    third: 1.0 / 3.0,
    minus_three: -3.0,
};

static ROOTS_32: Roots<f32> = Roots {
    nodes: Pairs::new(
        [
            1.0, 1.0217459, 1.0393656, 1.0582674, 1.0786237, 1.0931035, 1.116368, 1.1330327, 1.1417487, 1.1600198,
            1.1795195, 1.1897767, 1.2004002, 1.2228428, 1.2347158, 1.2470638,
        ],
        [
            0.0,
            -1.0323204e-08,
            3.200045e-08,
            1.3013589e-08,
            -1.6883314e-08,
            4.9900275e-09,
            -5.1344333e-08,
            -9.672391e-09,
            -1.8435728e-08,
            -3.4692956e-08,
            -4.1677154e-08,
            3.9506165e-08,
            3.360551e-08,
            2.2393372e-08,
            1.863839e-08,
            5.953841e-08,
        ],
    ),
    thirds: Pairs::new(
        [1.0, 1.2599211, 1.587401, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, -2.4018702e-08, 1.9520385e-08, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    ),
    tail: &[0.3333333, -0.1111111, 0.06176372, -0.04119348],
    one: 1.0,
    third: 1.0 / 3.0,
    minus_three: -3.0,
};

macro_rules! rooted {
    ($F:ident, $roots:ident) => {
        impl Rooted for $F {
            #[inline(always)]
            fn roots() -> &'static Roots<$F> {
                &$roots
            }
        }
    };
}
rooted!(f64, ROOTS_64);
rooted!(f32, ROOTS_32);

/// The cube root.
pub(super) struct Cbrt;

impl Cbrt {
    #[inline(always)]
    fn of<L: Lanes<Element: Rooted>>(x: L) -> L {
        if L::any(unusual(x.abs())) { cbrt(x) } else { signed(root_of_normal(x.abs(), L::splat(L::Element::ZERO)), x) }
    }
}

impl DoubleFn<1> for Cbrt {
    #[inline(always)]
    fn apply<L: Doubles>([x]: [L; 1]) -> L {
        Cbrt::of(x)
    }
}

impl SingleFn<1> for Cbrt {
    #[inline(always)]
    fn apply<L: Singles>([x]: [L; 1]) -> L {
        Cbrt::of(x)
    }
}

/// The same without a branch.
#[inline(always)]
pub(super) fn cbrt<L: Lanes<Element: Rooted>>(x: L) -> L {
    let size = x.abs();
    let (normal, more) = made_normal(size);
    let result = signed(root_of_normal(normal, more), x);
    let result = L::choose(size.is_below(L::of_bits(L::integer(L::Element::INFINITY))), result, x);
    L::choose(size.is_equal(L::splat(L::Element::ZERO)), x, result)
}

/// The cube root of `x · 2^more` of a positive normal number.
#[inline(always)]
fn root_of_normal<L: Lanes<Element: Rooted>>(x: L, more: L) -> L {
    let roots = L::Element::roots();
    let (k, node, r) = nearest_node(x, more);
    // k = 3 q + rest
    let rounder = L::splat(L::Element::ROUNDER);
    let shifted = (k - L::splat(roots.one)).mul_add(L::splat(roots.third), rounder);
    let rest = (shifted - rounder).mul_add(L::splat(roots.minus_three), k);
    let (node, node_lost) = L::look_up_pair(&roots.nodes, node);
    let (third, third_lost) = L::look_up_pair(&roots.thirds, (rest + rounder).to_bits());
    let product = node * third;
    let lost = node.mul_add(third, -product) + node.mul_add(third_lost, node_lost * third);
    let result = product + (product * r).mul_add(polynomial(r, roots.tail), lost);
    L::of_bits(L::plus(result.to_bits(), L::shift_left(shifted.to_bits(), L::Element::FRACTION)))
}
