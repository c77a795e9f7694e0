//! The slow twin of [`super::dependence`]: every pair of uses, straight from the definition.

use super::dependence::{DependenceType, Usage, dependence_type};
use crate::geometry::Rect;

/// One use, as a line of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use<R> {
    /// Who. Users are numbered in program order; a user may have several uses, next to each other.
    pub user: usize,
    /// Of what.
    pub resource: R,
    /// Which points.
    pub rect: Rect,
    /// How.
    pub usage: Usage,
}

/// All conflicting pairs `(earlier, later)` of different users, sorted. O(n²).
pub fn conflicts<R: PartialEq>(uses: &[Use<R>]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for (j, later) in uses.iter().enumerate() {
        for earlier in &uses[..j] {
            let meet = earlier.resource == later.resource && earlier.rect.overlaps(&later.rect);
            if meet && earlier.user != later.user && dependence_type(earlier.usage, later.usage).is_some() {
                pairs.push((earlier.user, later.user));
            }
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// The pairs of users of which the later reads, at some point, what the earlier was the last to write there, sorted. O(n²) uses and their overlaps.
pub fn true_dependences<R: PartialEq>(uses: &[Use<R>]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for (j, reader) in uses.iter().enumerate().filter(|(_, u)| u.usage.reads()) {
        let mut unseen = vec![reader.rect.clone()];
        for writer in uses[..j].iter().rev() {
            if writer.resource != reader.resource || !writer.usage.writes() {
                continue;
            }
            if writer.user != reader.user && unseen.iter().any(|rect| rect.overlaps(&writer.rect)) {
                debug_assert_eq!(dependence_type(writer.usage, reader.usage), Some(DependenceType::True));
                pairs.push((writer.user, reader.user));
            }
            unseen = unseen.iter().flat_map(|rect| rect.subtract(&writer.rect)).collect();
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// Which users come before which, through any chain of `edges` (pairs earlier, later): row `later`, column `earlier`.
pub fn closure(users: usize, edges: &[(usize, usize)]) -> Vec<Vec<bool>> {
    let mut before = vec![vec![false; users]; users];
    let mut edges = edges.to_vec();
    edges.sort_unstable_by_key(|(_, later)| *later);
    for (earlier, later) in edges {
        let row = before[earlier].clone();
        for (known, through) in before[later].iter_mut().zip(row) {
            *known |= through;
        }
        before[later][earlier] = true;
    }
    before
}

#[cfg(test)]
mod tests {
    use super::super::dependence::{Tracker, simplify};
    use super::*;
    use proptest::prelude::*;

    fn uses() -> impl Strategy<Value = Vec<Use<u8>>> {
        let usage = prop_oneof![Just(Usage::Read), Just(Usage::Discard), Just(Usage::ReadWrite)];
        let one = (any::<bool>(), 0u8..3, (0i64..6, 1i64..4, 0i64..5, 0i64..4), usage);
        proptest::collection::vec(one, 1..40).prop_map(|list| {
            let mut user = 0;
            list.into_iter()
                .map(|(next, resource, (i, m, j, n), usage)| {
                    user += usize::from(next);
                    Use { user, resource, rect: Rect::new([i, j].as_slice(), [i + m, j + n].as_slice()), usage }
                })
                .collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn the_tracker_orders_what_the_pairwise_oracle_orders(uses in uses()) {
            let mut tracker = Tracker::new();
            let (mut all, mut true_) = (Vec::new(), Vec::new());
            for u in &uses {
                let mut edges = Vec::new();
                tracker.record(u.user, u.resource, &u.rect, u.usage, &mut edges);
                simplify(&mut edges);
                all.extend(edges.iter().map(|e| (e.on, u.user)));
                true_.extend(edges.iter().filter(|e| e.kind == DependenceType::True).map(|e| (e.on, u.user)));
            }
            true_.sort_unstable();
            true_.dedup();
            let users = uses.last().map_or(0, |u| u.user + 1);
            prop_assert_eq!(closure(users, &all), closure(users, &conflicts(&uses)));
            prop_assert_eq!(true_, true_dependences(&uses));
        }
    }
}
