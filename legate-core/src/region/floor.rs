//! Chains of floored affine functions: what turns a coordinate into the index of its tile.
//!
//! `x ↦ ⌊(a·x + b) / c⌋` is the index of a tile of extent `c`; composed with a view (`x ↦ stride·x + offset`) it is one again, and moving piece
//! boundaries up to multiples of a granule `g` puts `⌊x / g⌋` in front. So a tiling seen through any stack of views, reshapes and granules is a short
//! chain of such steps. Chains are monotone: the preimage of an index is an interval, found by walking the chain back.
//!
//! Normal form, so that equal functions mostly look equal: `gcd(a, c) = 1`, and two steps are one where the algebra allows it
//! (`⌊(⌊(a·x + b)/c⌋ + e)/f⌋ = ⌊(a·x + b + e·c)/(c·f)⌋`).

use crate::geometry::{div_ceil, gcd};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// `x ↦ ⌊(scale·x + shift) / divisor⌋`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Step {
    /// Not zero.
    scale: i64,
    shift: i64,
    /// Positive.
    divisor: i64,
}

/// Steps, the innermost first; none: the identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Chain {
    steps: SmallVec<[Step; 1]>,
}

impl Step {
    fn apply(self, x: i64) -> i64 {
        (self.scale * x + self.shift).div_euclid(self.divisor)
    }
    fn reduced(self) -> Step {
        let g = gcd(self.scale.abs(), self.divisor);
        Step { scale: self.scale / g, shift: self.shift.div_euclid(g), divisor: self.divisor / g }
    }
    /// `outer ∘ self` as one step, if it is one.
    fn then(self, outer: Step) -> Option<Step> {
        if self.divisor == 1 {
            let shift = outer.scale * self.shift + outer.shift;
            return Some(Step { scale: outer.scale * self.scale, shift, divisor: outer.divisor }.reduced());
        }
        (outer.scale == 1).then(|| Step {
            scale: self.scale,
            shift: self.shift + outer.shift * self.divisor,
            divisor: self.divisor * outer.divisor,
        })
    }
}

impl Chain {
    /// The chain of one step. `scale` is not zero, `divisor` is positive.
    pub(crate) fn step(scale: i64, shift: i64, divisor: i64) -> Chain {
        let mut chain = Chain::default();
        chain.append(Step { scale, shift, divisor });
        chain
    }
    fn append(&mut self, step: Step) {
        let step = step.reduced();
        match self.steps.pop() {
            Some(last) => match last.then(step) {
                Some(joined) => self.append(joined),
                None => self.steps.extend([last, step]),
            },
            None if step == (Step { scale: 1, shift: 0, divisor: 1 }) => {}
            None => self.steps.push(step),
        }
    }
    /// `x ↦ self(inner(x))`.
    pub(crate) fn compose(&self, inner: &Chain) -> Chain {
        let mut chain = inner.clone();
        self.steps.iter().for_each(|step| chain.append(*step));
        chain
    }
    pub(crate) fn apply(&self, x: i64) -> i64 {
        self.steps.iter().fold(x, |x, step| step.apply(x))
    }
    /// The `x` with `lo <= self(x) < hi`, as a half-open interval; `None` for a side without a bound.
    pub(crate) fn interval(&self, lo: Option<i64>, hi: Option<i64>) -> (Option<i64>, Option<i64>) {
        self.steps.iter().rev().fold((lo, hi), |(lo, hi), step| {
            // scale·x + shift in [divisor·lo, divisor·hi)
            let (from, to) = (lo.map(|k| k * step.divisor - step.shift), hi.map(|k| k * step.divisor - step.shift));
            if step.scale > 0 {
                (from.map(|b| div_ceil(b, step.scale)), to.map(|b| div_ceil(b, step.scale)))
            } else {
                (to.map(|b| (-b).div_euclid(-step.scale) + 1), from.map(|b| (-b).div_euclid(-step.scale) + 1))
            }
        })
    }
    /// Whether adding any of `0..=reach` to `at + stride·p` never changes the result, whatever the integer `p`. May say no where yes is true.
    pub(crate) fn ignores(&self, stride: i64, at: i64, reach: i64) -> bool {
        if reach == 0 {
            return true;
        }
        let Some(first) = self.steps.first() else { return false };
        // ⌊(g·m + rest)/(g·c)⌋ depends on ⌊rest/g⌋ only.
        let g = gcd((first.scale * stride).abs(), first.divisor);
        let rest = |r: i64| (first.scale * (at + r) + first.shift).div_euclid(g);
        rest(0) == rest(reach)
    }
    /// Whether the result changes only where `x` becomes a multiple of `granule`. May say no where yes is true.
    pub(crate) fn steps_at_multiples_of(&self, granule: i64) -> bool {
        if granule == 1 {
            return true;
        }
        let Some(first) = self.steps.first() else { return false };
        // The first step changes where scale·x + shift passes a multiple of the divisor.
        first.divisor % granule == 0
            && match first.scale {
                1 => first.shift % granule == 0,
                -1 => (first.shift + 1) % granule == 0,
                _ => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn raw_step() -> impl Strategy<Value = Step> {
        (prop_oneof![-6i64..0, 1i64..7], -20i64..20, 1i64..9).prop_map(|(scale, shift, divisor)| Step {
            scale,
            shift,
            divisor,
        })
    }

    proptest! {
        #[test]
        fn normal_forms_are_the_same_function(steps in proptest::collection::vec(raw_step(), 0..5), x in -50i64..50) {
            let mut chain = Chain::default();
            steps.iter().for_each(|s| chain.append(*s));
            prop_assert_eq!(chain.apply(x), steps.iter().fold(x, |x, s| s.apply(x)));
        }

        #[test]
        fn composition(a in proptest::collection::vec(raw_step(), 0..4), b in proptest::collection::vec(raw_step(), 0..4), x in -50i64..50) {
            let (mut f, mut g) = (Chain::default(), Chain::default());
            a.iter().for_each(|s| f.append(*s));
            b.iter().for_each(|s| g.append(*s));
            prop_assert_eq!(f.compose(&g).apply(x), f.apply(g.apply(x)));
        }

        #[test]
        fn intervals_are_preimages(
            steps in proptest::collection::vec(raw_step(), 0..4),
            lo in proptest::option::of(-9i64..9),
            hi in proptest::option::of(-9i64..9),
        ) {
            let mut chain = Chain::default();
            steps.iter().for_each(|s| chain.append(*s));
            let (from, to) = chain.interval(lo, hi);
            for x in -60..60 {
                let inside = from.is_none_or(|f| f <= x) && to.is_none_or(|t| x < t);
                let y = chain.apply(x);
                // An interval that is empty in the middle of the chain stays empty.
                if lo.is_none_or(|l| l <= y) && hi.is_none_or(|h| y < h) {
                    prop_assert!(inside);
                } else if lo.zip(hi).is_none_or(|(l, h)| l <= h) {
                    prop_assert!(!inside);
                }
            }
        }

        #[test]
        fn claims_about_rests_and_granules_hold(
            steps in proptest::collection::vec(raw_step(), 0..3),
            stride in 1i64..9, at in -9i64..9, reach in 0i64..9, granule in 1i64..5,
        ) {
            let mut chain = Chain::default();
            steps.iter().for_each(|s| chain.append(*s));
            if chain.ignores(stride, at, reach) {
                for p in -9..9 {
                    for r in 0..=reach {
                        prop_assert_eq!(chain.apply(at + stride * p + r), chain.apply(at + stride * p));
                    }
                }
            }
            if chain.steps_at_multiples_of(granule) {
                for x in -40i64..40 {
                    prop_assert!(x.rem_euclid(granule) == 0 || chain.apply(x) == chain.apply(x - 1));
                }
            }
        }
    }
}
