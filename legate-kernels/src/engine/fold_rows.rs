//! Folds whose innermost dimension is kept: rows are added to rows.

use super::Run;
use super::fold_kernel::{FoldKernel, Tree};
use super::nest::{self, Dim, Dims, Offsets, walk, walk_segments};
use super::plan::Plan;
use super::tiles::Tiles;
use crate::reduce::Folding;
use smallvec::SmallVec;

/// Runs a plan that folds the dimensions `folded` and keeps those inside them, `inner`. Blocks cut `folded[block]`.
///
/// # Safety
/// As for [`super::Compiled::run`]; there is at least one point.
pub(super) unsafe fn run(
    run: &Run<'_>,
    folding: &Folding,
    mut kept: Dims,
    folded: Dims,
    mut inner: Dims,
    block: usize,
    kernels: &[FoldKernel],
) {
    if inner.is_empty() {
        inner.push(run.point_loop());
    }
    let cut = nest::cut(&inner, run.plan.tile);
    kept.extend(inner.drain(..cut.dim));
    let whole = folded.iter().skip(block + 1).map(|d| d.extent).product();
    let rows = Rows { run, folding, block, whole, kept, folded, inner, kernels };
    let width: usize = rows.inner.iter().map(|d| d.extent).product();
    // SAFETY: the caller's promise.
    unsafe {
        if width <= run.plan.tile / 2 && whole * width <= run.plan.tile {
            rows.many_in_a_tile(width);
        } else {
            rows.one_in_a_tile(cut.segment, cut.inner);
        }
    }
}

struct Rows<'a> {
    run: &'a Run<'a>,
    folding: &'a Folding,
    /// Which of `folded` blocks cut into segments.
    block: usize,
    /// Folded points of a block for each point of its segment.
    whole: usize,
    kept: Dims,
    folded: Dims,
    /// Kept dimensions inside the folded ones, of which a row is made.
    inner: Dims,
    kernels: &'a [FoldKernel],
}

impl Rows<'_> {
    /// Calls `blocks` where the blocks of each leaf begin, and ends the leaves. A leaf is a point of the cut dimension, or else a block.
    fn walk_leaves(
        &self,
        offsets: &mut Offsets,
        fold: &mut RowFold<'_>,
        blocks: &mut impl FnMut(&mut Offsets, &mut RowFold<'_>),
    ) {
        if self.block == 0 {
            blocks(offsets, fold);
            return fold.end_block();
        }
        walk(&self.folded[..1], offsets, &mut |offsets| {
            walk(&self.folded[1..self.block], offsets, &mut |offsets| {
                blocks(offsets, fold);
                fold.end_block();
            });
            fold.end_leaf();
        });
    }

    fn new_fold(&self, row_points: usize) -> RowFold<'_> {
        RowFold::new(self.run.plan, self.kernels, row_points, self.folding.segment * self.whole, self.block == 0)
    }

    /// Short rows: a tile holds several.
    ///
    /// # Safety
    /// As for [`run`].
    unsafe fn many_in_a_tile(&self, width: usize) {
        let mut dims: Dims = self.folded[self.block..].into();
        dims.extend(self.inner.iter().cloned());
        // SAFETY: the caller's promise.
        let mut tiles = unsafe { self.run.tiles(&dims, 0) };
        let segment = nest::segment(self.run.plan.tile, self.whole * width);
        let extents: SmallVec<[usize; 4]> = self.inner.iter().map(|d| d.extent).collect();
        let mut fold = self.new_fold(width);
        walk(&self.kept, &mut self.run.offsets(), &mut |offsets| {
            self.walk_leaves(offsets, &mut fold, &mut |offsets, fold| {
                walk_segments(&dims[0], segment, offsets, &mut |offsets, length| {
                    // SAFETY: the walk stays in the chunk; the segment was chosen to fit a tile.
                    let sources = unsafe { tiles.compute(offsets, length) };
                    fold.push_rows(&sources, length * self.whole);
                });
            });
            // SAFETY: the results are those of this kept position.
            unsafe { fold.finish(&tiles, offsets, &self.inner, &extents) };
        });
    }

    /// Long rows: a tile is one row, or a segment of it.
    ///
    /// # Safety
    /// As for [`run`].
    unsafe fn one_in_a_tile(&self, segment: usize, points_inside: usize) {
        // SAFETY: the caller's promise.
        let mut tiles = unsafe { self.run.tiles(&self.inner, 0) };
        let mut extents: SmallVec<[usize; 4]> = self.inner.iter().map(|d| d.extent).collect();
        nest::walk_tiles(&self.kept, &self.inner[0], segment, &mut self.run.offsets(), &mut |offsets, length| {
            let mut fold = self.new_fold(length * points_inside);
            self.walk_leaves(offsets, &mut fold, &mut |offsets, fold| {
                walk(&self.folded[self.block..], offsets, &mut |offsets| {
                    // SAFETY: the walk stays in the chunk; the segment has at most a tile of points.
                    let sources = unsafe { tiles.compute(offsets, length) };
                    fold.push_rows(&sources, 1);
                });
            });
            extents[0] = length;
            // SAFETY: the results are those of this segment.
            unsafe { fold.finish(&tiles, offsets, &self.inner, &extents) };
        });
    }
}

/// The accumulators and trees of all folds of a plan, for one row of kept points.
struct RowFold<'a> {
    kernels: &'a [FoldKernel],
    /// Bytes of one row of each fold.
    widths: SmallVec<[usize; 2]>,
    /// Rows of a whole block.
    block_rows: usize,
    /// Rows in the current block so far.
    filled: usize,
    block_is_leaf: bool,
    blocks: Vec<Vec<u8>>,
    leaf: Vec<Tree>,
    tree: Vec<Tree>,
    root: Vec<u8>,
}

impl RowFold<'_> {
    fn new<'a>(
        plan: &Plan,
        kernels: &'a [FoldKernel],
        row_points: usize,
        block_rows: usize,
        block_is_leaf: bool,
    ) -> RowFold<'a> {
        let widths: SmallVec<[usize; 2]> = plan.folds.iter().map(|f| f.dtype.size() * row_points).collect();
        let trees = || kernels.iter().zip(&widths).map(|(kernel, width)| Tree::new(*kernel, *width)).collect();
        let blocks = vec![Vec::new(); kernels.len()];
        RowFold {
            kernels,
            leaf: trees(),
            tree: trees(),
            blocks,
            widths,
            block_rows,
            filled: 0,
            block_is_leaf,
            root: Vec::new(),
        }
    }

    /// The next rows, which lie one after the other in each source.
    fn push_rows(&mut self, sources: &[*const u8], rows: usize) {
        let mut done = 0;
        while done < rows {
            let now = (rows - done).min(self.block_rows - self.filled);
            for (f, source) in sources.iter().enumerate() {
                let width = self.widths[f];
                // SAFETY: the source holds the values of a tile of so many rows.
                let values = unsafe { std::slice::from_raw_parts(source.add(done * width), now * width) };
                if self.filled == 0 {
                    self.blocks[f].clear();
                    self.blocks[f].extend_from_slice(&values[..width]);
                    self.kernels[f].rows(&mut self.blocks[f], &values[width..]);
                } else {
                    self.kernels[f].rows(&mut self.blocks[f], values);
                }
            }
            done += now;
            self.filled += now;
            if self.filled == self.block_rows {
                self.end_block();
            }
        }
    }

    /// Ends the current block, if it has begun.
    fn end_block(&mut self) {
        if self.filled > 0 {
            let trees = if self.block_is_leaf { &mut self.tree } else { &mut self.leaf };
            self.blocks.iter().zip(trees).for_each(|(block, tree)| tree.push(block));
            self.filled = 0;
        }
    }

    fn end_leaf(&mut self) {
        for (leaf, tree) in self.leaf.iter_mut().zip(&mut self.tree) {
            if leaf.finish(&mut self.root) {
                tree.push(&self.root);
            }
        }
    }

    /// Writes the results to the operands.
    ///
    /// # Safety
    /// The streams of `tiles` at `offsets` are those of the kept points that were folded, a box of `extents`.
    unsafe fn finish(&mut self, tiles: &Tiles<'_>, offsets: &Offsets, kept: &[Dim], extents: &[usize]) {
        for (f, tree) in self.tree.iter_mut().enumerate() {
            if tree.finish(&mut self.root) {
                // SAFETY: the root has one value for each kept point.
                unsafe { tiles.write_results(f, offsets, self.root.as_ptr(), kept, extents) };
            }
        }
    }
}
