//! Cutting a shard's piece of a launch into chunks for its cores.
//!
//! Along a [`Cut::Tree`] dimension every chunk is a canonical node of the tree over the *whole* domain, so that the number of
//! chunks changes nothing about the order in which a fold is parenthesised.

use crate::geometry::Rect;
use crate::geometry::tree::{Node, Tree};
use crate::operation::Cut;
use smallvec::SmallVec;
use std::ops::Range;

/// Free cuts are made at multiples of this many points where there are enough: whole cache lines, whole vectors.
const ALIGNED_POINTS: i64 = 64;

/// The folded dimension of a domain that is cut as a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TreeDim {
    pub(crate) dim: usize,
    /// Points per item.
    pub(crate) granule: i64,
    /// Over all items of the domain.
    pub(crate) tree: Tree,
}

/// A part of a piece that is computed by one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) rect: Rect,
    /// Which of [`Chunking::nodes`] it belongs to; 0 if no dimension is cut as a tree.
    pub(crate) node: usize,
}

/// All chunks of a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunking {
    pub(crate) chunks: Vec<Chunk>,
    /// The canonical nodes that the piece is made of, left to right. Empty without a tree dimension.
    pub(crate) nodes: Vec<Node>,
}

impl TreeDim {
    /// The dimension of `domain` that is cut as a tree, if one is.
    pub(crate) fn of(domain: &Rect, cuts: &[Cut]) -> Option<TreeDim> {
        cuts.iter().enumerate().find_map(|(dim, cut)| match *cut {
            Cut::Tree { granule } => {
                let granule = granule.max(1) as i64;
                let items = (domain.extent(dim) as u64).div_ceil(granule as u64);
                Some(TreeDim { dim, granule, tree: Tree::new(items) })
            }
            _ => None,
        })
    }

    /// The items of a piece of the domain.
    pub(crate) fn items(&self, piece: &Rect) -> Range<u64> {
        debug_assert_eq!(piece.lo[self.dim] % self.granule, 0, "pieces begin where items do");
        let (lo, hi) = (piece.lo[self.dim], piece.hi[self.dim]);
        (lo / self.granule) as u64..(hi as u64).div_ceil(self.granule as u64)
    }

    fn points(&self, node: Node, piece: &Rect) -> Range<i64> {
        let items = self.tree.range(node);
        items.start as i64 * self.granule..(items.end as i64 * self.granule).min(piece.hi[self.dim])
    }
}

/// Cuts `piece` into about `target` chunks, outer dimensions first. `tree_last`: the tree dimension only when the others do not suffice
/// (each node costs a partial result, and they are large).
pub(crate) fn cut(piece: &Rect, cuts: &[Cut], tree: Option<&TreeDim>, target: u32, tree_last: bool) -> Chunking {
    if target <= 1 && tree.is_none() {
        return Chunking { chunks: vec![Chunk { rect: piece.clone(), node: 0 }], nodes: Vec::new() };
    }
    let rank = piece.rank();
    let is_tree = |d: &usize| tree.is_some_and(|tree| tree.dim == *d);
    let mut order: SmallVec<[usize; 4]> = (0..rank).collect();
    if tree_last {
        order.sort_by_key(is_tree);
    }
    let mut missing = u64::from(target.max(1));
    let mut segments: SmallVec<[Vec<Range<i64>>; 4]> = SmallVec::from_elem(Vec::new(), rank);
    let mut nodes = Vec::new();
    for d in order {
        segments[d] = match (cuts[d], tree) {
            (Cut::Tree { .. }, Some(tree)) => {
                nodes = refine(tree, tree.items(piece), missing);
                nodes.iter().map(|node| tree.points(*node, piece)).collect()
            }
            (Cut::Free, _) => free_segments(piece.lo[d], piece.hi[d], missing as i64),
            (Cut::Granule(granule), _) => granule_segments(piece.lo[d], piece.hi[d], granule as i64, missing as i64),
            _ => std::iter::once(piece.lo[d]..piece.hi[d]).collect(),
        };
        missing = missing.div_ceil(segments[d].len().max(1) as u64);
    }
    Chunking { chunks: product(&segments, tree.map(|tree| tree.dim)), nodes }
}

/// The canonical nodes of `items`, split into children until none has more than its share of `parts`.
fn refine(tree: &TreeDim, items: Range<u64>, parts: u64) -> Vec<Node> {
    let most = (items.end - items.start).div_ceil(parts).max(1);
    let mut nodes = Vec::new();
    let mut stack: Vec<Node> = tree.tree.nodes(items).into_iter().rev().collect();
    while let Some(node) = stack.pop() {
        let range = tree.tree.range(node);
        match tree.tree.children(node) {
            Some((left, right)) if range.end - range.start > most => stack.extend([right, left]),
            _ => nodes.push(node),
        }
    }
    nodes
}

fn free_segments(lo: i64, hi: i64, parts: i64) -> Vec<Range<i64>> {
    let parts = parts.clamp(1, (hi - lo).max(1));
    let align = if hi - lo >= parts * ALIGNED_POINTS { ALIGNED_POINTS } else { 1 };
    let border = |part: i64| match part {
        0 => lo,
        _ if part == parts => hi,
        _ => lo + ((i128::from(hi - lo) * i128::from(part) / i128::from(parts)) as i64 / align) * align,
    };
    (0..parts).map(|part| border(part)..border(part + 1)).collect()
}

/// Borders at multiples of `granule`, counted from the domain's origin.
fn granule_segments(lo: i64, hi: i64, granule: i64, parts: i64) -> Vec<Range<i64>> {
    let granule = granule.max(1);
    let (first, last) = (lo.div_euclid(granule), (hi - 1).div_euclid(granule));
    let granules = last - first + 1;
    let parts = parts.clamp(1, granules.max(1));
    let border = |part: i64| ((first + granules * part / parts) * granule).clamp(lo, hi);
    (0..parts).map(|part| border(part)..if part + 1 == parts { hi } else { border(part + 1) }).collect()
}

/// All combinations of segments, row-major.
fn product(segments: &[Vec<Range<i64>>], tree_dim: Option<usize>) -> Vec<Chunk> {
    let total: usize = segments.iter().map(Vec::len).product();
    let mut index: SmallVec<[usize; 4]> = SmallVec::from_elem(0, segments.len());
    let mut chunks = Vec::with_capacity(total);
    for _ in 0..total {
        let lo: SmallVec<[i64; 4]> = index.iter().zip(segments).map(|(i, s)| s[*i].start).collect();
        let hi: SmallVec<[i64; 4]> = index.iter().zip(segments).map(|(i, s)| s[*i].end).collect();
        chunks.push(Chunk { rect: Rect { lo, hi }, node: tree_dim.map_or(0, |d| index[d]) });
        for d in (0..segments.len()).rev() {
            index[d] += 1;
            if index[d] < segments[d].len() {
                break;
            }
            index[d] = 0;
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cuts() -> impl Strategy<Value = Cut> {
        prop_oneof![Just(Cut::Free), Just(Cut::Never), (1u64..5).prop_map(Cut::Granule)]
    }

    proptest! {
        #[test]
        fn chunks_cover_the_piece_once_and_nodes_are_canonical(
            cuts in prop::collection::vec(cuts(), 1..4),
            extents in prop::collection::vec(1i64..40, 3),
            tree_at in prop::option::of((0usize..3, 1u64..6)),
            begin in 0i64..5,
            target in 1u32..20,
            tree_last: bool,
        ) {
            let mut cuts = cuts;
            if let Some((dim, granule)) = tree_at {
                let dim = dim % cuts.len();
                cuts[dim] = Cut::Tree { granule };
            }
            let domain = Rect::from_shape(&extents[..cuts.len()]);
            let tree = TreeDim::of(&domain, &cuts);
            // A piece that begins later, as another shard's would.
            let mut piece = domain.clone();
            let step = match cuts[0] { Cut::Tree { granule } | Cut::Granule(granule) => granule as i64, _ => 1 };
            piece.lo[0] = (begin * step).min((extents[0] - 1) / step * step);
            let chunking = cut(&piece, &cuts, tree.as_ref(), target, tree_last);
            let volume: u64 = chunking.chunks.iter().map(|chunk| chunk.rect.volume()).sum();
            prop_assert_eq!(volume, piece.volume());
            for (k, chunk) in chunking.chunks.iter().enumerate() {
                prop_assert!(piece.contains(&chunk.rect) && !chunk.rect.is_empty());
                prop_assert!(chunking.chunks[k + 1..].iter().all(|other| !other.rect.overlaps(&chunk.rect)));
                for (d, one) in cuts.iter().enumerate() {
                    match *one {
                        Cut::Never => prop_assert_eq!(chunk.rect.extent(d), piece.extent(d)),
                        Cut::Granule(g) => prop_assert_eq!(chunk.rect.lo[d] % g as i64, 0),
                        _ => {}
                    }
                }
                if let Some(tree) = &tree {
                    let node = chunking.nodes[chunk.node];
                    prop_assert_eq!(tree.items(&chunk.rect), tree.tree.range(node));
                    let alone = tree.tree.nodes(tree.tree.range(node));
                    prop_assert_eq!(alone.as_slice(), &[node][..]);
                }
            }
        }
    }

    #[test]
    fn one_chunk_of_a_whole_domain_is_the_root() {
        let domain = Rect::from_shape(&[100_000]);
        let cuts = [Cut::Tree { granule: 1024 }];
        let tree = TreeDim::of(&domain, &cuts).unwrap();
        assert_eq!(cut(&domain, &cuts, Some(&tree), 1, false).nodes, [tree.tree.root()]);
        let many = cut(&domain, &cuts, Some(&tree), 8, false);
        assert!((8..=16).contains(&many.chunks.len()), "{}", many.chunks.len());
    }

    #[test]
    fn wide_rows_are_cut_before_the_tree_when_partials_are_large() {
        let domain = Rect::from_shape(&[1000, 1 << 20]);
        let cuts = [Cut::Tree { granule: 16 }, Cut::Free];
        let tree = TreeDim::of(&domain, &cuts).unwrap();
        let chunking = cut(&domain, &cuts, Some(&tree), 8, true);
        assert_eq!((chunking.nodes.len(), chunking.chunks.len()), (1, 8));
    }
}
