//! Row blocks: which groups may run one after the other on a block of rows before the next block is begun.
//!
//! `X.dot(w)`, the sigmoid of it and `X.T.dot(error)` are three groups over domains of different ranks, but they walk the same rows. What is decided here is
//! legality, from accesses, cuts and planned pieces; nothing here changes what a shard tells others, so shards may answer differently.
//!
//! *Rows* are the points that agree in dimension 0 of the domain. An access is row-aligned if one coordinate is the row's number plus an offset and no
//! other depends on it: then what a row touches of the field is a slab of its own.

use super::group::Group;
use super::plan::{LaunchPlan, Place};
use crate::geometry::Rect;
use crate::geometry::tree::{Node, Tree};
use crate::operation::{Cut, Operand, Privilege};
use crate::store::Access;
use std::ops::Range;

/// How a row-aligned access finds the slab of row `i`: where this coordinate of the field is `i + offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slabs {
    /// A coordinate of the field.
    pub coordinate: usize,
    /// Of row 0.
    pub offset: i64,
}

impl Slabs {
    /// `None` if the access is not row-aligned.
    pub fn of(access: &Access) -> Option<Slabs> {
        let mut using = access.coords.iter().enumerate().filter(|(_, c)| c.terms.iter().any(|t| t.dim == 0));
        let (coordinate, c) = using.next()?;
        let aligned = using.next().is_none() && matches!(c.terms.as_slice(), [term] if term.stride == 1);
        aligned.then_some(Slabs { coordinate, offset: c.offset })
    }
}

/// Whether `later` may run on a row before `earlier` has run on the next ones: what one writes and the other touches, both touch in the same row.
pub fn may_follow(earlier: &Group, later: &Group) -> bool {
    let apart = |a: &Operand, b: &Operand| a.access.is_disjoint(&earlier.domain, &b.access, &later.domain);
    let fine = |a: &Operand, b: &Operand| {
        a.field != b.field
            || !(a.privilege.writes() || b.privilege.writes())
            || Slabs::of(&a.access).is_some_and(|slabs| Slabs::of(&b.access) == Some(slabs))
            || apart(a, b)
    };
    later.operands.iter().all(|b| earlier.operands.iter().all(|a| fine(a, b)))
}

/// The rows that this shard computes of a group which may run in blocks of them: in one piece of whole rows, and without a word to other shards but the
/// joining of folded rows.
pub fn rows_of(group: &Group, plan: &LaunchPlan) -> Option<Range<i64>> {
    let [point] = plan.points.as_slice() else { return None };
    let silent = plan.prepare.is_empty() && plan.sends.is_empty() && plan.recvs.is_empty();
    let in_place = plan.fresh.is_empty() && plan.places.iter().all(|place| matches!(place, Place::Main(_)));
    let rank = group.domain.rank();
    let whole = (1..rank).all(|d| point.rect.extent(d) == group.domain.extent(d));
    let folds_rows = || group.operands.iter().any(|o| matches!(o.privilege, Privilege::Reduce(_)) && !o.access.uses(0));
    let joins_rows = matches!(group.cuts.first(), Some(Cut::Tree { .. }));
    let cuts = rank > 0 && (joins_rows || (group.cuts[0] != Cut::Never && !folds_rows()));
    (silent && in_place && whole && cuts).then(|| point.rect.lo[0]..point.rect.hi[0])
}

/// The rows at whose multiples groups may be cut together, so that every piece is a node of each one's tree. `None` if there are none.
pub fn common_leaf<'a>(groups: impl IntoIterator<Item = &'a Group>) -> Option<u64> {
    groups.into_iter().try_fold(1u64, |leaf, group| {
        let own = match group.cuts.first()? {
            Cut::Free => 1,
            Cut::Granule(granule) | Cut::Tree { granule } => *granule,
            Cut::Never => return None,
        };
        let (small, large) = (leaf.min(own), leaf.max(own));
        // With a power of two of one's leaves in the other's, nodes of the coarser tree are nodes of the finer.
        (small == 1 || (large.is_multiple_of(small) && (large / small).is_power_of_two())).then_some(large)
    })
}

/// Cuts rows of a domain of `all` rows into blocks of at most `most` (but at least a leaf): nodes of the tree over leaves, left to right.
pub fn blocks(rows: Range<i64>, all: i64, leaf: u64, most: u64) -> Vec<Range<i64>> {
    let tree = Tree::new((all as u64).div_ceil(leaf));
    let items = rows.start as u64 / leaf..(rows.end as u64).div_ceil(leaf);
    let most = (most / leaf).max(1);
    let mut blocks = Vec::new();
    let mut stack: Vec<Node> = tree.nodes(items).into_iter().rev().collect();
    while let Some(node) = stack.pop() {
        let range = tree.range(node);
        match tree.children(node) {
            Some((left, right)) if range.end - range.start > most => stack.extend([right, left]),
            _ => blocks.push((range.start * leaf) as i64..((range.end * leaf) as i64).min(rows.end)),
        }
    }
    blocks
}

/// The rectangle of some rows of a piece.
pub fn with_rows(piece: &Rect, rows: &Range<i64>) -> Rect {
    let mut rect = piece.clone();
    (rect.lo[0], rect.hi[0]) = (rows.start, rows.end);
    rect
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Coordinate;
    use proptest::prelude::*;
    use smallvec::smallvec;

    #[test]
    fn slabs_are_single_unit_steps_of_rows() {
        let of = |coords| Slabs::of(&Access { domain_rank: 2, coords });
        let row = |offset| Coordinate::strided(offset, 1, 0);
        assert_eq!(of(smallvec![row(3)]), Some(Slabs { coordinate: 0, offset: 3 }));
        assert_eq!(of(smallvec![Coordinate::strided(0, 2, 1), row(0)]), Some(Slabs { coordinate: 1, offset: 0 }));
        assert_eq!(of(smallvec![Coordinate::strided(9, -1, 0)]), None, "backward");
        assert_eq!(of(smallvec![row(0), row(0)]), None, "a diagonal");
        assert_eq!(of(smallvec![Coordinate::sum(0, &[(1, 0), (1, 1)])]), None, "two terms");
        assert_eq!(of(smallvec![Coordinate::constant(4)]), None, "all rows see the same");
    }

    proptest! {
        #[test]
        fn blocks_are_nodes_of_every_tree(
            all in 1i64..3000,
            fine in prop::sample::select(vec![1u64, 3, 8, 10]),
            height in 0u32..4,
            most in 1u64..500,
            begin in 0u64..4,
        ) {
            let leaf = fine << height;
            let start = (begin * leaf) as i64;
            prop_assume!(start < all);
            let blocks = blocks(start..all, all, leaf, most);
            prop_assert_eq!(blocks[0].start, start);
            prop_assert_eq!(blocks[blocks.len() - 1].end, all);
            for pair in blocks.windows(2) {
                prop_assert_eq!(pair[0].end, pair[1].start);
            }
            for granule in [fine, leaf] {
                let tree = Tree::new((all as u64).div_ceil(granule));
                for block in &blocks {
                    let items = block.start as u64 / granule..(block.end as u64).div_ceil(granule);
                    prop_assert_eq!(tree.nodes(items).len(), 1);
                    prop_assert!((block.end - block.start) as u64 <= most.max(leaf));
                }
            }
        }
    }
}
