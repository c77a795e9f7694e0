//! Launches: a task over a domain, with operands.

use super::task::TaskArgs;
use crate::error::Provenance;
use crate::geometry::Rect;
use crate::id::{FieldId, OpId, ReductionId, TaskId};
use crate::store::Access;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::sync::Arc;

/// What a launch may do with an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Privilege {
    /// Reads.
    ReadOnly,
    /// Writes every point of the access's image, and reads none of them first. The points of the bounding box that
    /// are not in the image (strided and diagonal accesses) keep their values.
    WriteDiscard,
    /// Reads and writes points of the access's image. Domain dimensions that the access does not use are never cut: one task sees all of
    /// their points (a scatter's indices).
    ReadWrite,
    /// Overwrites the image with the fold of all points of the domain that map to one point of the field.
    /// The domain dimensions that the access does not use are folded, in the order of [`Cut::Tree`].
    Reduce(ReductionId),
}

impl Privilege {
    /// Whether the operand's old values are needed.
    pub fn reads(self) -> bool {
        matches!(self, Privilege::ReadOnly | Privilege::ReadWrite)
    }
    /// A number for each.
    pub(super) fn code(self) -> u64 {
        match self {
            Privilege::ReadOnly => 0,
            Privilege::WriteDiscard => 1,
            Privilege::ReadWrite => 2,
            Privilege::Reduce(id) => 3 | u64::from(id.0) << 32,
        }
    }
    /// Whether the operand changes.
    pub fn writes(self) -> bool {
        !matches!(self, Privilege::ReadOnly)
    }
}

/// One array that a launch touches: Legion's region requirement with an affine projection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Operand {
    /// The field.
    pub field: FieldId,
    /// From points of the launch domain to points of the field: the projection functor.
    pub access: Access,
    /// What is done to it.
    pub privilege: Privilege,
}

/// How one dimension of a launch domain may be cut into pieces that run apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Cut {
    /// At any point.
    Free,
    /// At multiples of this many points: the task's bits depend on where a piece starts (matrix product tiles).
    Granule(u64),
    /// A folded dimension, cut at multiples of `granule`. Items of `granule` points each are the leaves of the canonical binary
    /// tree; a task is only ever called on a piece `[i·2^h, (i+1)·2^h)` of items (or its clipped end) and must fold the
    /// items in it by the same tree counted from the piece's start; the runtime joins the pieces by
    /// the reduction operator along the tree. At most one dimension of a domain is cut so.
    Tree {
        /// Points per leaf.
        granule: u64,
    },
    /// Never (folded inside the task).
    Never,
}

/// A task to be run once for each point of `domain`, in any grouping into rectangles that [`Launch::cuts`] allows.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Program order.
    pub id: OpId,
    /// The registered task.
    pub task: TaskId,
    /// What the task should do: opaque here.
    pub args: Arc<dyn TaskArgs>,
    /// The points; starts at the origin.
    pub domain: Rect,
    /// Arrays. One field may appear several times.
    pub operands: SmallVec<[Operand; 4]>,
    /// One per domain dimension.
    pub cuts: SmallVec<[Cut; 4]>,
    /// The user's line.
    pub provenance: Provenance,
}
