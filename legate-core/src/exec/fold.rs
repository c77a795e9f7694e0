//! Partial results of launches that fold a dimension as a tree: one set per canonical node, joined along the tree.

use super::buffer::HostBuffer;
use super::copy::{CopyPlan, Strided, dense_strides};
use super::instance::Memory;
use super::pool::BufferPool;
use super::{OutOfMemory, chunk::TreeDim};
use crate::geometry::Rect;
use crate::geometry::tree::{Node, Partials};
use crate::operation::ReductionOp;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An operand that is folded along the tree dimension.
#[derive(Clone)]
pub(crate) struct FoldOperand {
    pub(crate) op: Arc<dyn ReductionOp>,
    /// Bytes of an element.
    pub(crate) element: usize,
    /// Which domain dimensions are left: the access uses them.
    pub(crate) kept: SmallVec<[bool; 4]>,
}

impl FoldOperand {
    /// Extents of the partial result of a piece: 1 along folded dimensions.
    pub(crate) fn shape(&self, piece: &Rect) -> SmallVec<[i64; 4]> {
        self.kept.iter().enumerate().map(|(d, kept)| if *kept { piece.extent(d) } else { 1 }).collect()
    }
    /// Bytes of the partial result of a piece.
    pub(crate) fn bytes(&self, piece: &Rect) -> usize {
        self.shape(piece).iter().product::<i64>() as usize * self.element
    }
    /// Where the first point's partial result is, and the steps to the others: 0 along folded dimensions.
    pub(crate) fn view(&self, buffer: &HostBuffer, piece: &Rect) -> Strided {
        let mut strides = dense_strides(&self.shape(piece), self.element);
        strides.iter_mut().zip(&self.kept).filter(|(_, kept)| !**kept).for_each(|(stride, _)| *stride = 0);
        Strided { ptr: buffer.as_ptr(), strides }
    }
}

/// One partial result for each folded operand, row-major over the kept dimensions.
pub(crate) type Values = SmallVec<[HostBuffer; 2]>;

/// Partial results of several pieces of one launch, as far joined as they can be. Shared by the nodes that fill it, exchange it between shards and
/// write it to the operands.
pub(crate) struct Fold {
    tree: TreeDim,
    operands: SmallVec<[FoldOperand; 2]>,
    columns: Mutex<BTreeMap<Column, Partials<Values>>>,
}

/// Pieces that differ along the tree dimension only: corners of the others; the tree dimension is set to `0..0`.
pub(crate) type Column = (SmallVec<[i64; 4]>, SmallVec<[i64; 4]>);

impl Fold {
    pub(crate) fn new(tree: TreeDim, operands: SmallVec<[FoldOperand; 2]>) -> Fold {
        Fold { tree, operands, columns: Mutex::default() }
    }

    pub(crate) fn operands(&self) -> &[FoldOperand] {
        &self.operands
    }

    /// Memory for the partial results of `nodes` nodes of a piece.
    pub(crate) fn allocate(
        &self,
        piece: &Rect,
        nodes: usize,
        pool: &Arc<BufferPool>,
    ) -> Result<Vec<Values>, OutOfMemory> {
        let values = || self.operands.iter().map(|operand| pool.allocate(operand.bytes(piece))).collect();
        (0..nodes).map(|_| values()).collect()
    }

    /// Items of a piece: a node of the tree, which it must be.
    pub(crate) fn node(&self, piece: &Rect) -> Node {
        match self.tree.tree.nodes(self.tree.items(piece)).as_slice() {
            [node] => *node,
            nodes => panic!("{piece:?} is {nodes:?}, not one node"),
        }
    }

    /// None yet, of the same tree.
    pub(crate) fn partials(&self) -> Partials<Values> {
        Partials::new(self.tree.tree)
    }

    /// Bytes of the partial results of one node.
    pub(crate) fn bytes(&self, piece: &Rect) -> usize {
        self.operands.iter().map(|operand| operand.bytes(piece)).sum()
    }

    /// The column of a piece.
    pub(crate) fn column(&self, piece: &Rect) -> Column {
        let (mut lo, mut hi) = (piece.lo.clone(), piece.hi.clone());
        (lo[self.tree.dim], hi[self.tree.dim]) = (0, 0);
        (lo, hi)
    }

    /// Adds the partial results of a node and joins them with its neighbours'.
    pub(crate) fn add(&self, column: Column, node: Node, values: Values) {
        let mut columns = self.columns.lock();
        let partials = columns.entry(column).or_insert_with(|| Partials::new(self.tree.tree));
        partials.insert(node, values, |left, right| self.join(left, right));
    }

    /// Joins neighbours.
    pub(crate) fn join(&self, mut left: Values, right: Values) -> Values {
        for ((operand, left), right) in self.operands.iter().zip(&mut left).zip(&right) {
            operand.op.combine(left.as_mut_slice(), right.as_slice());
        }
        left
    }

    /// Takes everything out, left to right and column by column.
    pub(crate) fn take(&self) -> Vec<(Column, Node, Values)> {
        let columns = std::mem::take(&mut *self.columns.lock());
        let nodes = columns.into_iter().map(|(column, partials)| (column, partials.into_nodes()));
        nodes.flat_map(|(column, nodes)| nodes.map(move |(node, values)| (column.clone(), node, values))).collect()
    }

    /// Calls `read` with everything, left to right and column by column.
    pub(crate) fn for_each(&self, mut read: impl FnMut(&Column, Node, &Values)) {
        for (column, partials) in &*self.columns.lock() {
            partials.nodes().for_each(|(node, values)| read(column, node, values));
        }
    }

    /// Writes finished results: each column's root. `targets`: for each operand where the results of the domain point `origin` go.
    ///
    /// # Claim
    /// As for [`super::copy::Copy`]: the calling node has recorded the writes.
    pub(crate) fn store(&self, targets: &[Target]) {
        for ((lo, hi), partials) in &*self.columns.lock() {
            let column = Rect { lo: lo.clone(), hi: hi.clone() };
            let root = partials.root().expect("all pieces of the tree dimension were joined");
            for ((operand, target), values) in self.operands.iter().zip(targets).zip(root) {
                target.store(operand, &column, values);
            }
        }
    }
}

/// Where the results of an operand are to be written.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) memory: Arc<Memory>,
    /// The element of the domain point `origin`, and the steps to the others.
    pub(crate) at: Strided,
    pub(crate) origin: SmallVec<[i64; 4]>,
}

impl Target {
    fn store(&self, operand: &FoldOperand, column: &Rect, values: &HostBuffer) {
        let shape = operand.shape(column);
        let steps = self.at.strides.iter().zip(&operand.kept).zip(column.lo.iter().zip(&self.origin));
        let offset: isize = steps
            .filter(|((_, kept), _)| **kept)
            .map(|((stride, _), (at, origin))| (at - origin) as isize * stride)
            .sum();
        let dst = Strided { ptr: self.at.ptr.wrapping_offset(offset), strides: self.at.strides.clone() };
        dst.assert_within(self.memory.buffer(), &shape, operand.element);
        let plan = CopyPlan::new(&shape, operand.element, &dst, &operand.view(values, column));
        // SAFETY: the target lies in its buffer, as just asserted; `values` is dense of this shape; and see the claim above.
        unsafe { plan.run(0, 1) }
    }
}
