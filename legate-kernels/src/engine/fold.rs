//! Walking the chunk of a fold: blocks, leaves and the tree above them, as [`mod@crate::reduce`] defines them.
//!
//! Which shape a tile has is a matter of speed and decided here; which elements are joined in which order is not.

use super::fold_kernel::{FoldKernel, Root, Tree};
use super::kernel::STRIP;
use super::nest::{self, Dim, Dims, Offsets, walk, walk_segments, walk_tiles};
use super::plan::Plan;
use super::tiles::Tiles;
use super::{Run, fold_rows};
use crate::reduce::Folding;
use smallvec::SmallVec;

/// Rows of at most this many elements are folded side by side, a row of results at a time.
const NARROW: usize = 32;

/// The loops of a fold.
pub(super) struct Loops<'a> {
    /// Kept dimensions that are walked outside; for row folds, those outside the innermost folded one.
    pub(super) kept: Dims<'a>,
    /// Folded dimensions longer than one point in the domain, outermost first; the first is the one that chunks cut.
    pub(super) folded: Dims<'a>,
    /// Kept dimensions inside the innermost folded one. Empty for folds by halving.
    pub(super) inner: Dims<'a>,
    /// Which of `folded` blocks cut into segments.
    pub(super) block: usize,
    /// Points of a segment.
    pub(super) segment: usize,
}

impl<'a> Loops<'a> {
    fn new(run: &'a Run<'_>, folding: &Folding) -> Loops<'a> {
        let is_folded = |d: &usize| run.plan.folded_dims >> d & 1 == 1;
        let rank = run.domain.len();
        let long: SmallVec<[usize; 4]> = (0..rank).filter(|d| is_folded(d) && run.domain[*d] > 1).collect();
        let innermost = if folding.halving { rank } else { long.last().map_or(rank, |d| *d) };
        let kept = |range: std::ops::Range<usize>| run.loops(range.filter(|d| !is_folded(d)));
        Loops {
            kept: nest::simplify(kept(0..innermost)),
            inner: nest::simplify(kept(innermost..rank)),
            block: folding.block_dim.and_then(|block| long.iter().position(|d| *d == block)).unwrap_or(0),
            folded: long.iter().map(|d| run.whole_loop(*d)).collect(),
            segment: folding.segment,
        }
    }

    /// Folded points of the chunk for each kept one.
    fn folded_points(&self) -> usize {
        self.folded.iter().map(|dim| dim.extent).product()
    }

    /// Whether each result is the fold of one block.
    fn is_one_block(&self) -> bool {
        self.block == 0 && self.folded.first().is_none_or(|dim| dim.extent <= self.segment)
    }

    /// Folded points of a block for each point of its segment.
    pub(super) fn whole(&self) -> usize {
        self.folded.iter().skip(self.block + 1).map(|dim| dim.extent).product()
    }

    /// Calls `blocks` where the blocks of each leaf begin. A leaf is a point of the cut dimension; if that is the one that blocks cut, a block is a leaf.
    pub(super) fn walk_leaves<F: LeafFold>(
        &self,
        offsets: &mut Offsets,
        fold: &mut F,
        blocks: &mut impl FnMut(&mut Offsets, &mut F),
    ) {
        if self.block == 0 {
            return blocks(offsets, fold);
        }
        walk(&self.folded[..1], offsets, &mut |offsets| {
            walk(&self.folded[1..self.block], offsets, &mut |offsets| blocks(offsets, fold));
            fold.end_leaf();
        });
    }
}

/// What is told that a leaf is complete.
pub(super) trait LeafFold {
    fn end_leaf(&mut self);
}

/// Runs a plan that folds.
///
/// # Safety
/// As for [`super::Compiled::run`]; there is at least one point.
pub(super) unsafe fn run(run: &Run<'_>) {
    let folding = Folding::new(run.domain, run.plan.folded_dims);
    let loops = Loops::new(run, &folding);
    let points = loops.folded_points();
    // SAFETY: the caller's promise.
    unsafe {
        if !folding.halving && !loops.folded.is_empty() {
            fold_rows::run(run, loops);
        } else if loops.is_one_block() && points <= NARROW && !loops.kept.is_empty() {
            side_by_side(run, loops);
        } else if loops.is_one_block() && points <= run.plan.tile / 2 && !loops.kept.is_empty() {
            row_by_row(run, loops);
        } else {
            by_blocks(run, loops);
        }
    }
}

/// Folds of a few elements: a tile holds them for many kept points, the folded dimensions outermost, and whole rows of results are joined.
///
/// # Safety
/// As for [`run`].
unsafe fn side_by_side(run: &Run<'_>, mut loops: Loops<'_>) {
    let points = loops.folded_points();
    let Some(row) = loops.kept.pop() else { return };
    let segment = match run.plan.tile / points {
        few @ 0..STRIP => few,
        many => many / STRIP * STRIP,
    };
    let mut dims = loops.folded.clone();
    dims.push(Dim { extent: segment.min(row.extent), ..row });
    // SAFETY: the caller's promise.
    let mut tiles = unsafe { run.tiles(&dims, dims.len() - 1) };
    let mut rows = Vec::new();
    walk_tiles(&loops.kept, row, segment, &mut run.offsets(), &mut |offsets, length| {
        // SAFETY: the walk stays in the chunk; a segment has at most a tile of points, and one result for each kept one.
        unsafe {
            tiles.compute(offsets, length);
            for (f, fold) in run.plan.folds.iter().enumerate() {
                rows.clear();
                rows.extend_from_slice(tiles.values(f, points * length));
                let results = halve_rows(fold.kernel, &mut rows, length * fold.dtype.size());
                tiles.write_results(f, offsets, results, &[Dim { extent: length, ..row }]);
            }
        }
    });
}

/// Halves rows of `width` bytes until one is left, as a block is halved.
fn halve_rows(kernel: FoldKernel, rows: &mut [u8], width: usize) -> &[u8] {
    let mut left = rows.len() / width;
    while left > 1 {
        let middle = left.next_power_of_two() / 2;
        let (low, high) = rows.split_at_mut(middle * width);
        let joined = (left - middle) * width;
        kernel.rows(&mut low[..joined], &high[..joined]);
        left = middle;
    }
    &rows[..width]
}

/// Folds of one short block each: a tile holds several, one after the other.
///
/// # Safety
/// As for [`run`].
unsafe fn row_by_row(run: &Run<'_>, mut loops: Loops<'_>) {
    let points = loops.folded_points();
    let Some(row) = loops.kept.pop() else { return };
    let mut dims: Dims<'_> = SmallVec::from_slice(&[row]);
    dims.extend_from_slice(&loops.folded);
    // SAFETY: the caller's promise.
    let mut tiles = unsafe { run.tiles(&dims, 0) };
    let mut results = Vec::new();
    let segment = nest::segment(run.plan.tile, points);
    walk_tiles(&loops.kept, row, segment, &mut run.offsets(), &mut |offsets, length| {
        // SAFETY: the walk stays in the chunk; a segment has at most a tile of points, and one result for each kept one. The workspace
        // is in use only here.
        unsafe {
            tiles.compute(offsets, length);
            for (f, fold) in run.plan.folds.iter().enumerate() {
                results.clear();
                for block in tiles.values(f, points * length).chunks_exact(points * fold.dtype.size()) {
                    results.extend_from_slice(fold.kernel.halve(run.workspace(), block, block.as_ptr()));
                }
                tiles.write_results(f, offsets, &results, &[Dim { extent: length, ..row }]);
            }
        }
    });
}

/// Folds of any length: a tile is a block.
///
/// # Safety
/// As for [`run`].
unsafe fn by_blocks(run: &Run<'_>, loops: Loops<'_>) {
    let mut dims: Dims<'_> = loops.folded.get(loops.block..).unwrap_or(&[]).into();
    if dims.is_empty() {
        dims.push(run.point_loop());
    }
    // SAFETY: the caller's promise.
    let mut tiles = unsafe { run.tiles(&dims, 0) };
    let whole = loops.whole();
    let mut fold = BlockFold::new(run.plan, loops.block == 0);
    let mut root = Root::new();
    walk(&loops.kept, &mut run.offsets(), &mut |offsets| {
        loops.walk_leaves(offsets, &mut fold, &mut |offsets, fold| {
            walk_segments(dims[0], loops.segment, offsets, &mut |offsets, length| {
                // SAFETY: the walk stays in the chunk; a block has at most a tile of points.
                unsafe {
                    tiles.compute(offsets, length);
                    fold.push_block(run, &tiles, length * whole);
                }
            });
        });
        for (f, tree) in fold.trees.iter_mut().enumerate() {
            if tree.finish(&mut root) {
                // SAFETY: one result for this kept point.
                unsafe { tiles.write_results(f, offsets, &root, &[]) };
            }
        }
    });
}

/// The trees of all folds of a plan, for one kept point: blocks are joined in leaves, leaves in the tree above.
struct BlockFold {
    block_is_leaf: bool,
    leaves: SmallVec<[Tree; 1]>,
    trees: SmallVec<[Tree; 1]>,
}

impl BlockFold {
    fn new(plan: &Plan, block_is_leaf: bool) -> BlockFold {
        let trees = || plan.folds.iter().map(|fold| Tree::new(fold.kernel, fold.dtype.size())).collect();
        BlockFold { block_is_leaf, leaves: if block_is_leaf { SmallVec::new() } else { trees() }, trees: trees() }
    }

    /// The next block: the tile that was computed last.
    ///
    /// # Safety
    /// That tile had `points` points, and nobody else uses the run's workspace.
    unsafe fn push_block(&mut self, run: &Run<'_>, tiles: &Tiles<'_>, points: usize) {
        let trees = if self.block_is_leaf { &mut self.trees } else { &mut self.leaves };
        for (f, tree) in trees.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            let result = unsafe {
                let values = tiles.values(f, points);
                let ahead = if f == 0 { tiles.ahead(points) } else { values.as_ptr() };
                run.plan.folds[f].kernel.halve(run.workspace(), values, ahead)
            };
            tree.push(result);
        }
    }
}

impl LeafFold for BlockFold {
    fn end_leaf(&mut self) {
        let mut root = Root::new();
        for (leaf, tree) in self.leaves.iter_mut().zip(&mut self.trees) {
            if leaf.finish(&mut root) {
                tree.push(&root);
            }
        }
    }
}
