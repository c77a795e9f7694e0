//! Walking the chunk of a fold: blocks, leaves and the tree above them, as [`mod@crate::reduce`] defines them.
//!
//! Which shape a tile has is a matter of speed and decided here; which elements are joined in which order is not.

use super::fold_kernel::{FoldKernel, Tree, Workspace};
use super::nest::{self, Dim, Dims, Offsets, walk};
use super::plan::Plan;
use super::{Run, fold_rows, kernel::STRIP};
use crate::reduce::Folding;
use smallvec::SmallVec;

/// Rows of at most this many elements are folded side by side, a row of results at a time.
const NARROW: usize = 32;

/// The loops of a fold.
struct Loops {
    /// Kept dimensions that are walked outside; for row folds, those outside the innermost folded one.
    kept: Dims,
    /// Folded dimensions longer than one point in the domain, outermost first; the first is the one that chunks cut.
    folded: Dims,
    /// Kept dimensions inside the innermost folded one. Empty for folds by halving.
    inner: Dims,
    /// Which of `folded` blocks cut into segments.
    block: usize,
}

impl Loops {
    fn new(run: &Run<'_>, folding: &Folding) -> Loops {
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
        }
    }

    /// Folded points of the chunk for each kept one.
    fn folded_points(&self) -> usize {
        self.folded.iter().map(|dim| dim.extent).product()
    }

    /// Folded points of a block for each point of its segment.
    fn whole(&self) -> usize {
        self.folded.iter().skip(self.block + 1).map(|dim| dim.extent).product()
    }

    /// The box of a block: the segmented dimension and those inside it.
    fn block_box(&self) -> &[Dim] {
        self.folded.get(self.block..).unwrap_or(&[])
    }
}

/// Runs a plan that folds.
///
/// # Safety
/// As for [`super::Compiled::run`]; there is at least one point.
pub(super) unsafe fn run(run: &Run<'_>) {
    let folding = Folding::new(run.domain, run.plan.folded_dims);
    let loops = Loops::new(run, &folding);
    let kernels: SmallVec<[FoldKernel; 2]> =
        run.plan.folds.iter().map(|f| FoldKernel::new(f.op, f.dtype, run.isa)).collect();
    let one_block = loops.block == 0 && loops.folded.first().is_none_or(|dim| dim.extent <= folding.segment);
    let points = loops.folded_points();
    // SAFETY: the caller's promise.
    unsafe {
        if !folding.halving && !loops.folded.is_empty() {
            fold_rows::run(run, &folding, loops.kept, loops.folded, loops.inner, loops.block, &kernels);
        } else if one_block && points <= NARROW && !loops.kept.is_empty() {
            side_by_side(run, loops, &kernels);
        } else if one_block && points <= run.plan.tile / 2 && !loops.kept.is_empty() {
            row_by_row(run, loops, &kernels);
        } else {
            by_blocks(run, &folding, loops, &kernels);
        }
    }
}

/// Folds of a few elements: a tile holds them for many kept points, the folded dimensions outermost, and whole rows of results are joined.
///
/// # Safety
/// As for [`run`].
unsafe fn side_by_side(run: &Run<'_>, mut loops: Loops, kernels: &[FoldKernel]) {
    let points = loops.folded_points();
    let Some(row) = loops.kept.pop() else { return };
    let segment = match run.plan.tile / points {
        few @ 0..STRIP => few,
        many => many / STRIP * STRIP,
    };
    let mut dims = loops.folded.clone();
    dims.push(row.clone());
    let varying = dims.len() - 1;
    dims[varying].extent = segment.min(row.extent);
    // SAFETY: the caller's promise.
    let mut tiles = unsafe { run.tiles(&dims, varying) };
    let mut rows = Vec::new();
    nest::walk_tiles(&loops.kept, &row, segment, &mut run.offsets(), &mut |offsets, length| {
        // SAFETY: the walk stays in the chunk; a segment has at most a tile of points.
        let sources = unsafe { tiles.compute(offsets, length) };
        for (f, (kernel, source)) in kernels.iter().zip(&sources).enumerate() {
            let width = length * run.plan.folds[f].dtype.size();
            // SAFETY: the source holds the values of the tile.
            let values = unsafe { std::slice::from_raw_parts(*source, points * width) };
            rows.clear();
            rows.extend_from_slice(values);
            halve_rows(kernel, &mut rows, width);
            // SAFETY: one result for each kept point of the tile.
            unsafe { tiles.write_results(f, offsets, rows.as_ptr(), std::slice::from_ref(&row), &[length]) };
        }
    });
}

/// Halves rows of `width` bytes until one is left, as a block is halved.
fn halve_rows(kernel: &FoldKernel, rows: &mut [u8], width: usize) {
    let mut left = rows.len() / width;
    while left > 1 {
        let middle = left.next_power_of_two() / 2;
        let (low, high) = rows.split_at_mut(middle * width);
        let joined = (left - middle) * width;
        kernel.rows(&mut low[..joined], &high[..joined]);
        left = middle;
    }
}

/// Folds of one short block each: a tile holds several, one after the other.
///
/// # Safety
/// As for [`run`].
unsafe fn row_by_row(run: &Run<'_>, mut loops: Loops, kernels: &[FoldKernel]) {
    let points = loops.folded_points();
    let Some(row) = loops.kept.pop() else { return };
    let segment = nest::segment(run.plan.tile, points);
    let mut dims: Dims = SmallVec::from_elem(row.clone(), 1);
    dims.extend(loops.folded.iter().cloned());
    // SAFETY: the caller's promise.
    let mut tiles = unsafe { run.tiles(&dims, 0) };
    let mut workspace = Workspace::new();
    let mut results = Vec::new();
    nest::walk_tiles(&loops.kept, &row, segment, &mut run.offsets(), &mut |offsets, length| {
        // SAFETY: the walk stays in the chunk; a segment has at most a tile of points.
        let sources = unsafe { tiles.compute(offsets, length) };
        for (f, (kernel, source)) in kernels.iter().zip(&sources).enumerate() {
            let width = points * run.plan.folds[f].dtype.size();
            // SAFETY: the source holds the values of the tile.
            let values = unsafe { std::slice::from_raw_parts(*source, length * width) };
            results.clear();
            values.chunks_exact(width).for_each(|block| results.extend_from_slice(kernel.halve(&mut workspace, block)));
            // SAFETY: one result for each kept point of the tile.
            unsafe { tiles.write_results(f, offsets, results.as_ptr(), std::slice::from_ref(&row), &[length]) };
        }
    });
}

/// Folds of any length: a tile is a block.
///
/// # Safety
/// As for [`run`].
unsafe fn by_blocks(run: &Run<'_>, folding: &Folding, loops: Loops, kernels: &[FoldKernel]) {
    let mut dims: Dims = loops.block_box().into();
    if dims.is_empty() {
        dims.push(run.point_loop());
    }
    let segmented = dims[0].clone();
    // SAFETY: the caller's promise.
    let mut tiles = unsafe { run.tiles(&dims, 0) };
    let whole = loops.whole();
    let mut blocks = BlockFold::new(run.plan, kernels);
    let (leaf, inside) = match loops.folded.split_first() {
        Some((cut, between)) if loops.block > 0 => (Some(cut), &between[..loops.block - 1]),
        _ => (None, &[][..]),
    };
    let mut root = Vec::new();
    walk(&loops.kept, &mut run.offsets(), &mut |offsets| {
        let mut fold_leaf = |offsets: &mut Offsets| {
            walk(inside, offsets, &mut |offsets| {
                nest::walk_segments(&segmented, folding.segment, offsets, &mut |offsets, length| {
                    // SAFETY: the walk stays in the chunk; a block has at most a tile of points.
                    let sources = unsafe { tiles.compute(offsets, length) };
                    blocks.push(&sources, length * whole);
                    if leaf.is_none() {
                        blocks.end_leaf();
                    }
                });
            });
            blocks.end_leaf();
        };
        match leaf {
            Some(cut) => walk(std::slice::from_ref(cut), offsets, &mut fold_leaf),
            None => fold_leaf(offsets),
        }
        for f in 0..kernels.len() {
            if blocks.finish(f, &mut root) {
                // SAFETY: one result for this kept point.
                unsafe { tiles.write_results(f, offsets, root.as_ptr(), &[], &[]) };
            }
        }
    });
}

/// The trees of all folds of a plan, for one kept point: blocks are joined in leaves, leaves in the tree above.
struct BlockFold<'a> {
    kernels: &'a [FoldKernel],
    sizes: SmallVec<[usize; 2]>,
    workspace: Workspace,
    leaf: Vec<Tree>,
    tree: Vec<Tree>,
    root: Vec<u8>,
}

impl BlockFold<'_> {
    fn new<'a>(plan: &Plan, kernels: &'a [FoldKernel]) -> BlockFold<'a> {
        let sizes: SmallVec<[usize; 2]> = plan.folds.iter().map(|f| f.dtype.size()).collect();
        let trees = || kernels.iter().zip(&sizes).map(|(kernel, size)| Tree::new(*kernel, *size)).collect();
        BlockFold { kernels, leaf: trees(), tree: trees(), sizes, workspace: Workspace::new(), root: Vec::new() }
    }

    /// The next block of each fold.
    fn push(&mut self, sources: &[*const u8], points: usize) {
        for (f, source) in sources.iter().enumerate() {
            // SAFETY: the source holds the values of a tile of so many points.
            let values = unsafe { std::slice::from_raw_parts(*source, points * self.sizes[f]) };
            self.leaf[f].push(self.kernels[f].halve(&mut self.workspace, values));
        }
    }

    fn end_leaf(&mut self) {
        for (leaf, tree) in self.leaf.iter_mut().zip(&mut self.tree) {
            if leaf.finish(&mut self.root) {
                tree.push(&self.root);
            }
        }
    }

    /// The result of fold `f`; `false` if nothing was folded.
    fn finish(&mut self, f: usize, root: &mut Vec<u8>) -> bool {
        self.tree[f].finish(root)
    }
}
