//! Several groups' point tasks over the same rows, run block of rows by block of rows.
//!
//! A block is small enough for what the tasks share of it to stay in the second-level cache from one to the next. Fields that are made and used up in a block live in
//! a few rows of scratch per chunk. Folds along the rows keep their tree: each block is a node of it, a chunk joins its blocks' partial results as far as they are
//! siblings, and the rest meets in the [`Fold`].
//!
//! # Claim
//! As for a [point task](super::point): a chunk touches rows of its own in everything that any of the tasks writes, because all accesses to
//! such a field are row-aligned alike ([`crate::analysis::rows::may_follow`]), or in partial results and scratch of its own.

use super::buffer::HostBuffer;
use super::copy::Strided;
use super::fold::{Fold, Target, Values};
use super::instance::Memory;
use super::pool::BufferPool;
use super::work::Work;
use crate::analysis::rows::with_rows;
use crate::error::{FailureKind, Provenance, TaskFailure};
use crate::geometry::Rect;
use crate::geometry::tree::Partials;
use crate::id::OpId;
use crate::operation::{Hands, OperandView, Task, TaskArgs, TaskContext};
use crate::profile::{About, Counters, count};
use smallvec::SmallVec;
use std::ops::Range;
use std::sync::Arc;

/// See the module's documentation.
pub(crate) struct RowsTask {
    /// In the order in which they run on each block.
    pub(crate) members: Vec<RowMember>,
    /// Rows, left to right.
    pub(crate) blocks: Vec<Range<i64>>,
    /// Which blocks each chunk does.
    pub(crate) chunks: Vec<Range<usize>>,
    /// Bytes of each scratch slab.
    pub(crate) scratch: Vec<usize>,
    pub(crate) pool: Arc<BufferPool>,
    pub(crate) cost_ns: f64,
    pub(crate) bytes: u64,
    pub(crate) counters: Arc<Counters>,
}

/// One group's task.
pub(crate) struct RowMember {
    pub(crate) task: Arc<dyn Task>,
    pub(crate) args: Arc<dyn TaskArgs>,
    /// Of the whole launch.
    pub(crate) domain: Rect,
    pub(crate) piece: Rect,
    pub(crate) operands: SmallVec<[RowOperand; 4]>,
    pub(crate) folding: Option<RowFolding>,
    pub(crate) provenance: Provenance,
    /// The first of its group.
    pub(crate) operation: OpId,
}

/// Where an operand of a member lies.
pub(crate) enum RowOperand {
    /// In an instance: the element of the piece's first point, and the steps.
    Direct {
        at: Strided,
        writable: bool,
        // Keeps the memory alive.
        _memory: Arc<Memory>,
    },
    /// In the block's partial results, as the `k`-th of them.
    Partial(usize),
    /// In the chunk's scratch: the element of a block's first point, bytes from the slab's start, and the steps.
    Scratch { slab: usize, offset: isize, strides: SmallVec<[isize; 4]>, element: usize, writable: bool },
}

/// A fold along the rows.
pub(crate) struct RowFolding {
    pub(crate) fold: Arc<Fold>,
    /// Where results go when the piece is the whole tree; `None`: they stay in `fold`, for other shards' to be joined.
    pub(crate) targets: Option<SmallVec<[Target; 2]>>,
}

impl RowMember {
    /// Computes some rows. `values`: the partial results of the block, if it folds.
    fn run(
        &self,
        rect: &Rect,
        scratch: &[HostBuffer],
        values: Option<&Values>,
        hands: &dyn Hands,
    ) -> Result<(), TaskFailure> {
        let operands: SmallVec<[OperandView; 8]> =
            self.operands.iter().map(|operand| self.view(operand, rect, scratch, values)).collect();
        let context =
            TaskContext { hands, args: &*self.args, domain: &self.domain, rect: rect.clone(), operands: &operands };
        self.task.run(&context).map_err(|error| {
            TaskFailure::new(self.task.label(&*self.args), &self.provenance, FailureKind::Error, error.0)
        })
    }

    fn view(&self, operand: &RowOperand, rect: &Rect, scratch: &[HostBuffer], values: Option<&Values>) -> OperandView {
        match operand {
            RowOperand::Direct { at, writable, .. } => {
                let offset = (rect.lo[0] - self.piece.lo[0]) as isize * at.strides[0];
                OperandView { ptr: at.ptr.wrapping_offset(offset), strides: at.strides.clone(), writable: *writable }
            }
            RowOperand::Partial(k) => {
                let folding = self.folding.as_ref().expect("partial results are what a folding has");
                let buffer = &values.expect("a member that folds gets room for it")[*k];
                let Strided { ptr, strides } = folding.fold.operands()[*k].view(buffer, rect);
                OperandView { ptr, strides, writable: true }
            }
            RowOperand::Scratch { slab, offset, strides, element, writable } => {
                let at = Strided { ptr: scratch[*slab].as_ptr().wrapping_offset(*offset), strides: strides.clone() };
                at.assert_within(&scratch[*slab], &rect.shape(), *element);
                OperandView { ptr: at.ptr, strides: at.strides, writable: *writable }
            }
        }
    }
}

impl RowsTask {
    fn buffer(&self, bytes: usize) -> Result<HostBuffer, TaskFailure> {
        self.pool.allocate(bytes).map_err(|refusal| self.lost(refusal.to_string()))
    }
    fn lost(&self, message: String) -> TaskFailure {
        let first = &self.members[0];
        TaskFailure::new(first.task.label(&*first.args), &first.provenance, FailureKind::OutOfMemory, message)
    }

    /// All members on one block, one after the other; what they fold is joined with the blocks before.
    fn block(
        &self,
        rows: &Range<i64>,
        scratch: &[HostBuffer],
        partials: &mut [Option<Partials<Values>>],
        hands: &dyn Hands,
    ) -> Result<(), TaskFailure> {
        for (member, partials) in self.members.iter().zip(partials) {
            let rect = with_rows(&member.piece, rows);
            let Some((folding, partials)) = member.folding.as_ref().zip(partials.as_mut()) else {
                member.run(&rect, scratch, None, hands)?;
                continue;
            };
            let fold = &folding.fold;
            let values: Values =
                fold.operands().iter().map(|o| self.buffer(o.bytes(&rect))).collect::<Result<_, TaskFailure>>()?;
            member.run(&rect, scratch, Some(&values), hands)?;
            partials.insert(fold.node(&rect), values, |left, right| fold.join(left, right));
        }
        Ok(())
    }
}

impl Work for RowsTask {
    fn chunks(&self) -> usize {
        self.chunks.len()
    }

    fn run(&self, chunk: usize, hands: &dyn Hands) -> Result<(), TaskFailure> {
        count(&self.counters.tasks, 1);
        let scratch = self.scratch.iter().map(|bytes| self.buffer(*bytes)).collect::<Result<Vec<_>, TaskFailure>>()?;
        let new = |member: &RowMember| member.folding.as_ref().map(|folding| folding.fold.partials());
        let mut partials: Vec<Option<Partials<Values>>> = self.members.iter().map(new).collect();
        for rows in &self.blocks[self.chunks[chunk].clone()] {
            self.block(rows, &scratch, &mut partials, hands)?;
        }
        for (member, partials) in self.members.iter().zip(partials) {
            if let Some((folding, partials)) = member.folding.as_ref().zip(partials) {
                let column = folding.fold.column(&member.piece);
                partials.into_nodes().for_each(|(node, values)| folding.fold.add(column.clone(), node, values));
            }
        }
        Ok(())
    }

    fn finish(&self) -> Result<(), TaskFailure> {
        for folding in self.members.iter().filter_map(|member| member.folding.as_ref()) {
            if let Some(targets) = &folding.targets {
                folding.fold.store(targets);
            }
        }
        Ok(())
    }

    fn about(&self) -> About {
        let labels: Vec<String> = self.members.iter().map(|member| member.task.label(&*member.args)).collect();
        let (name, provenance) = (labels.join(" | "), self.members[0].provenance.clone());
        // One span is one chunk.
        let (operation, chunks) = (Some(self.members[0].operation), self.chunks.len());
        let (bytes, predicted_ns) = (self.bytes / chunks as u64, self.cost_ns / chunks as f64);
        About { category: "task", name, provenance, bytes, operation, predicted_ns }
    }

    fn cost_ns(&self) -> f64 {
        self.cost_ns
    }
}
