//! Folds whose innermost dimension is kept: rows are added to rows.

use super::Run;
use super::fold::{LeafFold, Loops};
use super::fold_kernel::{Root, Tree};
use super::kernel::STRIP;
use super::nest::{self, Dim, Dims, Offsets, walk, walk_segments, walk_tiles};
use super::plan::Plan;
use super::tiles::Tiles;
use smallvec::SmallVec;

/// Runs a plan that folds dimensions and keeps others inside them.
///
/// # Safety
/// As for [`super::Compiled::run`]; there is at least one point.
pub(super) unsafe fn run<'r>(run: &'r Run<'_>, mut loops: Loops<'r>) {
    if loops.inner.is_empty() {
        loops.inner.push(run.point_loop());
    }
    let cut = nest::cut(&loops.inner, run.plan.tile);
    loops.kept.extend(loops.inner.drain(..cut.dim));
    let width: usize = loops.inner.iter().map(|dim| dim.extent).product();
    // SAFETY: the caller's promise.
    unsafe {
        if width < STRIP && loops.whole() * width <= run.plan.tile {
            return many_in_a_tile(run, &loops, width);
        }
        let tiles = run.tiles(&loops.inner, 0);
        if tiles.folds_operands() && loops.block + 1 == loops.folded.len() {
            blocks_where_they_lie(run, &loops, &tiles, cut);
        } else if width <= run.plan.tile / 2 && loops.whole() * width <= run.plan.tile {
            many_in_a_tile(run, &loops, width);
        } else {
            one_in_a_tile(run, &loops, tiles, cut);
        }
    }
}

/// Short rows: a tile holds several.
///
/// # Safety
/// As for [`run`].
unsafe fn many_in_a_tile(run: &Run<'_>, loops: &Loops<'_>, width: usize) {
    let mut dims: Dims<'_> = loops.folded[loops.block..].into();
    dims.extend_from_slice(&loops.inner);
    // SAFETY: the caller's promise.
    let mut tiles = unsafe { run.tiles(&dims, 0) };
    let segment = nest::segment(run.plan.tile, loops.whole() * width);
    let mut fold = RowFold::new(run.plan, loops, width);
    walk(&loops.kept, &mut run.offsets(), &mut |offsets| {
        loops.walk_leaves(offsets, &mut fold, &mut |offsets, fold| {
            walk_segments(dims[0], segment, offsets, &mut |offsets, length| {
                // SAFETY: the walk stays in the chunk; the segment was chosen to fit a tile.
                unsafe {
                    tiles.compute(offsets, length);
                    fold.push_rows(&tiles, length * loops.whole());
                }
            });
            fold.end_block();
        });
        // SAFETY: the results are those of this kept position.
        unsafe { fold.finish(&tiles, offsets, &loops.inner) };
    });
}

/// Rows of operands: nothing is brought to a tile, and the rows of a block are read side by side.
///
/// # Safety
/// As for [`run`]. The tiles are those of the inner dimensions, and fold operands; each row of a block is another point of the innermost folded dimension.
unsafe fn blocks_where_they_lie(run: &Run<'_>, loops: &Loops<'_>, tiles: &Tiles<'_>, cut: nest::Cut) {
    let (row, folded) = (loops.inner[0], loops.folded[loops.block]);
    walk_tiles(&loops.kept, row, SEGMENTS * cut.segment, &mut run.offsets(), &mut |offsets, length| {
        let mut fold = RowFold::new(run.plan, loops, length * cut.inner);
        loops.walk_leaves(offsets, &mut fold, &mut |offsets, fold| {
            walk_segments(folded, loops.segment, offsets, &mut |offsets, count| {
                // SAFETY: the walk stays in the chunk.
                unsafe { fold.push_block(tiles, offsets, folded, count) };
            });
        });
        let mut dims = loops.inner.clone();
        dims[0].extent = length;
        // SAFETY: the results are those of this part of the row.
        unsafe { fold.finish(tiles, offsets, &dims) };
    });
}

/// Long rows: a tile is one row, or a segment of it. Several segments are folded at a time, so that memory is read from front to back.
///
/// # Safety
/// As for [`run`].
unsafe fn one_in_a_tile(run: &Run<'_>, loops: &Loops<'_>, mut tiles: Tiles<'_>, cut: nest::Cut) {
    let row = loops.inner[0];
    walk_tiles(&loops.kept, row, SEGMENTS * cut.segment, &mut run.offsets(), &mut |offsets, length| {
        let part = Dim { extent: length, ..row };
        let mut segments = Segments::new(run.plan, loops, part, cut);
        loops.walk_leaves(offsets, &mut segments, &mut |offsets, segments| {
            walk(&loops.folded[loops.block..], offsets, &mut |offsets| {
                let mut folds = segments.0.iter_mut();
                walk_segments(part, cut.segment, offsets, &mut |offsets, length| {
                    let fold = folds.next().expect("each segment has a fold");
                    // SAFETY: the walk stays in the chunk; the segment has at most a tile of points.
                    unsafe {
                        tiles.compute(offsets, length);
                        fold.push_rows(&tiles, 1);
                    }
                });
            });
            segments.0.iter_mut().for_each(RowFold::end_block);
        });
        let mut folds = segments.0.iter_mut();
        walk_segments(part, cut.segment, offsets, &mut |offsets, length| {
            let mut dims = loops.inner.clone();
            dims[0].extent = length;
            let fold = folds.next().expect("each segment has a fold");
            // SAFETY: the results are those of this segment.
            unsafe { fold.finish(&tiles, offsets, &dims) };
        });
    });
}

/// Segments that are folded at a time: their accumulators stay in the first two levels of the cache.
const SEGMENTS: usize = 4;

/// The folds of the segments of a row.
struct Segments<'a>(Vec<RowFold<'a>>);

impl<'a> Segments<'a> {
    fn new(plan: &'a Plan, loops: &Loops<'_>, row: Dim<'_>, cut: nest::Cut) -> Segments<'a> {
        let starts = (0..row.extent).step_by(cut.segment);
        let lengths = starts.map(|start| cut.segment.min(row.extent - start));
        Segments(lengths.map(|length| RowFold::new(plan, loops, length * cut.inner)).collect())
    }
}

impl LeafFold for Segments<'_> {
    fn end_leaf(&mut self) {
        self.0.iter_mut().for_each(LeafFold::end_leaf);
    }
}

/// The accumulators and trees of all folds of a plan, for one row of kept points.
struct RowFold<'a> {
    plan: &'a Plan,
    /// Points of a row.
    width: usize,
    /// Rows of a whole block.
    block_rows: usize,
    /// Rows in the current block so far.
    filled: usize,
    block_is_leaf: bool,
    blocks: SmallVec<[Root; 1]>,
    leaves: SmallVec<[Tree; 1]>,
    trees: SmallVec<[Tree; 1]>,
}

impl RowFold<'_> {
    fn new<'a>(plan: &'a Plan, loops: &Loops<'_>, width: usize) -> RowFold<'a> {
        let trees = || plan.folds.iter().map(|fold| Tree::new(fold.kernel, width * fold.dtype.size())).collect();
        RowFold {
            plan,
            width,
            block_rows: loops.segment * loops.whole(),
            filled: 0,
            block_is_leaf: loops.block == 0,
            blocks: plan.folds.iter().map(|_| Root::new()).collect(),
            leaves: trees(),
            trees: trees(),
        }
    }

    /// The next rows: the tile that was computed last.
    ///
    /// # Safety
    /// That tile was so many rows.
    unsafe fn push_rows(&mut self, tiles: &Tiles<'_>, rows: usize) {
        let mut done = 0;
        while done < rows {
            let now = (rows - done).min(self.block_rows - self.filled);
            for (f, fold) in self.plan.folds.iter().enumerate() {
                let width = self.width * fold.dtype.size();
                // SAFETY: the caller's promise.
                let values = unsafe { tiles.values(f, rows * self.width) };
                let (first, rest) = values[done * width..(done + now) * width].split_at(width);
                if self.filled == 0 {
                    self.blocks[f].clear();
                    self.blocks[f].extend_from_slice(first);
                } else {
                    fold.kernel.rows(&mut self.blocks[f], first);
                }
                fold.kernel.rows(&mut self.blocks[f], rest);
            }
            done += now;
            self.filled += now;
            if self.filled == self.block_rows {
                self.end_block();
            }
        }
    }

    /// The next block: `count` rows along `dim`, the streams being at `offsets`.
    ///
    /// # Safety
    /// As for [`Tiles::rows`].
    unsafe fn push_block(&mut self, tiles: &Tiles<'_>, offsets: &Offsets, dim: Dim<'_>, count: usize) {
        for (f, fold) in self.plan.folds.iter().enumerate() {
            self.blocks[f].resize(self.width * fold.dtype.size(), 0);
            // SAFETY: the caller's promise.
            let rows = unsafe { tiles.rows(f, offsets, dim, count, self.width) };
            fold.kernel.block_of_rows(&mut self.blocks[f], rows);
        }
        self.filled = count;
        self.end_block();
    }

    /// Ends the current block, if it has begun.
    fn end_block(&mut self) {
        if self.filled > 0 {
            let trees = if self.block_is_leaf { &mut self.trees } else { &mut self.leaves };
            self.blocks.iter().zip(trees).for_each(|(block, tree)| tree.push(block));
            self.filled = 0;
        }
    }

    /// Writes the results to the operands.
    ///
    /// # Safety
    /// The streams of `tiles` at `offsets` are those of the kept points that were folded, a box of `kept`.
    unsafe fn finish(&mut self, tiles: &Tiles<'_>, offsets: &Offsets, kept: &[Dim<'_>]) {
        let mut root = Root::new();
        for (f, tree) in self.trees.iter_mut().enumerate() {
            if tree.finish(&mut root) {
                // SAFETY: the root has one value for each kept point.
                unsafe { tiles.write_results(f, offsets, &root, kept) };
            }
        }
    }
}

impl LeafFold for RowFold<'_> {
    fn end_leaf(&mut self) {
        let mut root = Root::new();
        for (leaf, tree) in self.leaves.iter_mut().zip(&mut self.trees) {
            if leaf.finish(&mut root) {
                tree.push(&root);
            }
        }
    }
}
