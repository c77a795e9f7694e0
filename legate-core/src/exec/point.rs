//! A point task: one piece of a launch on one shard, cut into chunks.

use super::chunk::{Chunk, Chunking};
use super::copy::Strided;
use super::fold::{Fold, Target, Values};
use super::instance::Memory;
use super::work::Work;
use crate::error::{FailureKind, Provenance, TaskFailure};
use crate::geometry::Rect;
use crate::id::OpId;
use crate::operation::{Hands, OperandView, Task, TaskArgs, TaskContext};
use crate::profile::{About, Counters, count};
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::sync::Arc;

/// See the module's documentation.
pub(crate) struct PointTask {
    pub(crate) task: Arc<dyn Task>,
    pub(crate) args: Arc<dyn TaskArgs>,
    /// Of the whole launch.
    pub(crate) domain: Rect,
    pub(crate) piece: Rect,
    pub(crate) chunking: Chunking,
    pub(crate) operands: SmallVec<[PointOperand; 4]>,
    pub(crate) folding: Option<Folding>,
    pub(crate) provenance: Provenance,
    /// The first of its group.
    pub(crate) operation: OpId,
    pub(crate) cost_ns: f64,
    pub(crate) bytes: u64,
    pub(crate) counters: Arc<Counters>,
}

/// Where an operand of a piece lies.
pub(crate) enum PointOperand {
    /// In an instance: the element of the piece's first point, and the steps.
    Direct {
        at: Strided,
        writable: bool,
        // Keeps the memory alive.
        _memory: Arc<Memory>,
    },
    /// In the partial results, as the `k`-th of them.
    Partial(usize),
}

/// How the partial results of a piece's nodes are joined.
pub(crate) struct Folding {
    pub(crate) fold: Arc<Fold>,
    /// One per node of the chunking; taken at the end.
    pub(crate) values: Mutex<Vec<Values>>,
    /// Where results go when this piece is the whole tree; `None`: they stay in `fold`, for the other pieces' to be joined.
    pub(crate) targets: Option<SmallVec<[Target; 2]>>,
    /// The partial results as chunks see them: for each node and operand the piece's first point, and the steps.
    pub(crate) views: Vec<SmallVec<[Strided; 2]>>,
}

impl Folding {
    pub(crate) fn new(
        fold: Arc<Fold>,
        piece: &Rect,
        values: Vec<Values>,
        targets: Option<SmallVec<[Target; 2]>>,
    ) -> Folding {
        let view = |values: &Values| {
            fold.operands().iter().zip(values).map(|(operand, buffer)| operand.view(buffer, piece)).collect()
        };
        let views = values.iter().map(view).collect();
        Folding { fold, values: Mutex::new(values), targets, views }
    }
}

impl PointTask {
    /// The operands as the chunk's body sees them.
    fn views(&self, chunk: &Chunk) -> SmallVec<[OperandView; 8]> {
        let view = |at: &Strided, writable| {
            let steps = chunk.rect.lo.iter().zip(&self.piece.lo).zip(&at.strides);
            let offset: isize = steps.map(|((at, lo), stride)| (at - lo) as isize * stride).sum();
            OperandView { ptr: at.ptr.wrapping_offset(offset), strides: at.strides.clone(), writable }
        };
        let operand = |operand: &PointOperand| match operand {
            PointOperand::Direct { at, writable, .. } => view(at, *writable),
            PointOperand::Partial(k) => {
                let folding = self.folding.as_ref().expect("partial results are what a folding has");
                view(&folding.views[chunk.node][*k], true)
            }
        };
        self.operands.iter().map(operand).collect()
    }
}

impl Work for PointTask {
    fn chunks(&self) -> usize {
        self.chunking.chunks.len()
    }

    fn run(&self, chunk: usize, hands: &dyn Hands) -> Result<(), TaskFailure> {
        let chunk = &self.chunking.chunks[chunk];
        let operands = self.views(chunk);
        let context = TaskContext {
            hands,
            args: &*self.args,
            domain: &self.domain,
            rect: chunk.rect.clone(),
            operands: &operands,
        };
        count(&self.counters.tasks, 1);
        self.task.run(&context).map_err(|error| {
            TaskFailure::new(self.task.label(&*self.args), &self.provenance, FailureKind::Error, error.0)
        })
    }

    fn finish(&self) -> Result<(), TaskFailure> {
        if let Some(folding) = &self.folding {
            let column = folding.fold.column(&self.piece);
            let values = std::mem::take(&mut *folding.values.lock());
            for (node, values) in self.chunking.nodes.iter().zip(values) {
                folding.fold.add(column.clone(), *node, values);
            }
            if let Some(targets) = &folding.targets {
                folding.fold.store(targets);
            }
        }
        Ok(())
    }

    fn about(&self) -> About {
        let (name, provenance) = (self.task.label(&*self.args), self.provenance.clone());
        // One span is one chunk.
        let chunks = self.chunks();
        About {
            category: "task",
            name,
            provenance,
            bytes: self.bytes / chunks as u64,
            operation: Some(self.operation),
            predicted_ns: self.cost_ns / chunks as f64,
        }
    }

    fn cost_ns(&self) -> f64 {
        self.cost_ns
    }
}
