//! Walking the chunk of a fold: blocks, leaves and the tree above them, as [`mod@crate::reduce`] defines them.
//!
//! Which shape a tile has is a matter of speed and decided here; which elements are joined in which order is not.

use super::fold_kernel::{FoldKernel, Root, Tree};
use super::kernel::STRIP;
use super::nest::{self, Dim, Dims, Offsets, walk, walk_segments, walk_tiles};
use super::plan::{Fold, Plan};
use super::tiles::Tiles;
use super::{DIRECT_TILE, Run, ahead, fold_rows};
use crate::reduce::Folding;
use smallvec::SmallVec;

/// Rows of at most this many elements are folded side by side, a row of results at a time.
const NARROW: usize = 32;

/// The results of a tile.
type Results = SmallVec<[u8; 256]>;

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

    /// Points of a block.
    fn block_points(&self) -> usize {
        self.segment * self.whole()
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
        } else if loops.block == 0 && !loops.kept.is_empty() {
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

/// Folds of rows whose blocks are leaves: a tile holds several, one after the other, if they are short, or if they need not be brought to a tile.
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
    let in_place = tiles.folds_in_place();
    let is_short = loops.is_one_block() && points <= run.plan.tile / 2;
    let segment = match (in_place, is_short) {
        (true, _) => (DIRECT_TILE / points).max(1),
        (false, true) => nest::segment(run.plan.tile, points),
        (false, false) => {
            loops.kept.push(row);
            // SAFETY: the caller's promise.
            return unsafe { by_blocks(run, loops) };
        }
    };
    let block = loops.block_points();
    let mut results = Results::new();
    walk_tiles(&loops.kept, row, segment, &mut run.offsets(), &mut |offsets, length| {
        // SAFETY: the walk stays in the chunk; the segment was chosen to fit a tile, and there is one result for each kept point.
        unsafe {
            if !in_place {
                tiles.compute(offsets, length);
            }
            for (f, fold) in run.plan.folds.iter().enumerate() {
                results.resize(length * fold.dtype.size(), 0);
                if in_place {
                    tiles.fold_in_place(f, offsets, length, &mut results, [points, block]);
                } else {
                    fold.kernel.runs(&mut results, tiles.values(f, points * length), points, block);
                }
                tiles.write_results(f, offsets, &results, &[Dim { extent: length, ..row }]);
            }
        }
    });
}

/// Folds of any length.
///
/// # Safety
/// As for [`run`].
unsafe fn by_blocks(run: &Run<'_>, loops: Loops<'_>) {
    if loops.block <= 1 && !loops.folded.is_empty() {
        // SAFETY: the caller's promise.
        unsafe {
            let tiles = run.tiles(&loops.folded, 0);
            if tiles.folds_in_place() {
                return leaves_in_a_tile(run, &loops, &tiles);
            }
        }
    }
    // SAFETY: the caller's promise.
    unsafe { block_in_a_tile(run, &loops) };
}

/// Contiguous operands: a tile is a node of the tree, of several leaves.
///
/// # Safety
/// As for [`run`]. The tiles are those of the folded dimensions, and fold in place; at most the first of these dimensions is outside of blocks.
unsafe fn leaves_in_a_tile(run: &Run<'_>, loops: &Loops<'_>, tiles: &Tiles<'_>) {
    let inner: usize = loops.folded[1..].iter().map(|dim| dim.extent).product();
    let granule = if loops.block == 0 { loops.segment } else { 1 };
    let leaves = 1 << (DIRECT_TILE / (granule * inner)).max(1).ilog2();
    let block = loops.block_points();
    let mut fold = BlockFold::new(run.plan, true);
    let (mut results, mut root) = (Results::new(), Root::new());
    walk(&loops.kept, &mut run.offsets(), &mut |offsets| {
        walk_segments(loops.folded[0], leaves * granule, offsets, &mut |offsets, length| {
            for (f, tree) in fold.trees.iter_mut().enumerate() {
                let Fold { kernel, dtype, .. } = run.plan.folds[f];
                results.resize(length.div_ceil(granule) * dtype.size(), 0);
                // SAFETY: the walk stays in the chunk.
                unsafe { tiles.fold_in_place(f, offsets, length, &mut results, [granule * inner, block]) };
                tree.push(&kernel.join(&results));
            }
        });
        // SAFETY: one result for this kept point.
        unsafe { fold.finish(tiles, offsets, &mut root) };
    });
}

/// A tile is a block.
///
/// # Safety
/// As for [`run`].
unsafe fn block_in_a_tile(run: &Run<'_>, loops: &Loops<'_>) {
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
        // SAFETY: one result for this kept point.
        unsafe { fold.finish(&tiles, offsets, &mut root) };
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
    /// That tile had `points` points.
    unsafe fn push_block(&mut self, run: &Run<'_>, tiles: &Tiles<'_>, points: usize) {
        let trees = if self.block_is_leaf { &mut self.trees } else { &mut self.leaves };
        for (f, tree) in trees.iter_mut().enumerate() {
            let Fold { kernel, dtype, .. } = run.plan.folds[f];
            let mut result = [0; 16];
            let result = &mut result[..dtype.size()];
            // SAFETY: the caller's promise.
            let values = unsafe { tiles.values(f, points) };
            if f == 0 {
                // Between two tiles the hardware does not look ahead.
                ahead::Shares::new(1).fetch(tiles.ahead(points), values.len(), 0, false);
            }
            kernel.runs(result, values, points, points);
            tree.push(result);
        }
    }

    /// Writes the results of a kept point, if anything was folded.
    ///
    /// # Safety
    /// The streams of `tiles` at `offsets` are those of the kept point.
    unsafe fn finish(&mut self, tiles: &Tiles<'_>, offsets: &Offsets, root: &mut Root) {
        for (f, tree) in self.trees.iter_mut().enumerate() {
            if tree.finish(root) {
                // SAFETY: the caller's promise.
                unsafe { tiles.write_results(f, offsets, root, &[]) };
            }
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
