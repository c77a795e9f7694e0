//! What one shard does for a mapped launch, a redistribution, a fetch or a reshape: its own points, what it sends, what it receives.
//!
//! **Matching.** The `k`-th transfer that shard `a`'s plan sends to `b` is the `k`-th that `b`'s plan for the same operation receives from `a`,
//! with the same field and rectangle. (Each list of a plan is counted by itself: first the moves of `prepare`, in order, then the launch's own.)

use crate::geometry::Rect;
use crate::id::{Color, FieldId, ReductionId, ShardId};
use crate::region::Distribution;
use std::ops::Range;

/// Values of a rectangle of a field that go from one shard's main instance to another shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The other end.
    pub peer: ShardId,
    /// Whose values.
    pub field: FieldId,
    /// Which points. In a [`FetchPlan`]: points of the view.
    pub rect: Rect,
}

/// A transfer for one operand of a launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperandTransfer {
    /// The group's operand. The receiver puts the values where its [`Place`] says.
    pub operand: usize,
    /// What goes where.
    pub transfer: Transfer,
}

/// One piece of a launch that this shard computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointPlan {
    /// Its color in the launch's partition.
    pub color: Color,
    /// Its points of the domain; not empty.
    pub rect: Rect,
    /// For each operand the bounding box of what the piece touches.
    pub images: Vec<Rect>,
}

/// Where on this shard an operand's values lie while the launch runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the field's main instance, which must cover at least this rectangle (possibly empty: the shard has no points).
    /// Received values go there and stay valid until the field is written.
    Main(Rect),
    /// In an instance of its own that covers `rect` and is dropped after the launch: received values go there, and the values of `local` are copied
    /// there from the main instance.
    Temporary {
        /// What it covers.
        rect: Rect,
        /// What this shard has itself.
        local: Vec<Rect>,
    },
}

/// What this shard does for one mapped group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchPlan {
    /// Redistributions that come first, in order.
    pub prepare: Vec<MovePlan>,
    /// This shard's pieces.
    pub points: Vec<PointPlan>,
    /// Values that others need. Sent as they are before the launch writes anything.
    pub sends: Vec<OperandTransfer>,
    /// Values that this shard needs.
    pub recvs: Vec<OperandTransfer>,
    /// One per operand.
    pub places: Vec<Place>,
    /// Joining of partial results, if a `Cut::Tree` dimension is cut between shards.
    pub join: Option<JoinPlan>,
}

/// A field's values change owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovePlan {
    /// Which field.
    pub field: FieldId,
    /// The new owners. `None`: a copy only, owners stay; [`FieldState::held`](super::version::FieldState) remembers it.
    pub to: Option<Distribution>,
    /// The main instance must cover this afterwards (new own pieces), besides what it covers now.
    pub main: Rect,
    /// Out of the main instance.
    pub sends: Vec<Transfer>,
    /// Into the main instance.
    pub recvs: Vec<Transfer>,
}

/// Partial results of a `Cut::Tree` dimension, joined over shards.
///
/// Each shard starts with the maximal canonical nodes ([`crate::geometry::tree`]) of its own pieces' items, one partial result (the image of the piece in the
/// operand's field) for each. It then does `steps` in order. A `Gather` message carries *all* nodes that the sender holds, joined as far as they are
/// siblings, for all `operands`: what they are is written in the message (which nodes, which rectangles). After the last gathering step shard 0 has
/// the root for every point; `Spread` messages carry the finished results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinPlan {
    /// The group's operands with `Privilege::Reduce`, and their operators.
    pub operands: Vec<(usize, ReductionId)>,
    /// The domain dimension that is folded as a tree.
    pub dim: usize,
    /// Points per item.
    pub granule: u64,
    /// Items of the whole domain: the leaves of the canonical tree.
    pub items: u64,
    /// What this shard does, in order.
    pub steps: Vec<JoinStep>,
}

/// A step of a [`JoinPlan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinStep {
    /// Receive nodes and join them with one's own.
    GatherFrom(ShardId),
    /// Send all nodes.
    GatherTo(ShardId),
    /// Receive the finished results.
    SpreadFrom(ShardId),
    /// Send the finished results.
    SpreadTo(ShardId),
}

/// Who gets fetched values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// Every shard.
    All,
    /// One shard.
    One(ShardId),
}

/// How the values of a view come together, row-major, in a fresh dense buffer of the view's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchPlan {
    /// Comes first, where the view cannot be cut along the field's pieces.
    pub prepare: Option<MovePlan>,
    /// Whether this shard gets the values.
    pub receives: bool,
    /// Rectangles *of the view* whose values this shard owns and wants itself.
    pub local: Vec<Rect>,
    /// Rectangles *of the view*, read from the main instance through the view's access.
    pub sends: Vec<Transfer>,
    /// Rectangles *of the view*, into the buffer.
    pub recvs: Vec<Transfer>,
}

/// How the values of `src` become those of `dst` in row-major order. All ranges are row-major element indices, the same in both shapes;
/// [`linear_rects`](crate::geometry::linear_rects) turns them into rectangles of either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReshapePlan {
    /// Comes first, where `src`'s pieces are not whole rows.
    pub prepare: Option<MovePlan>,
    /// Every shard's own ranges of `src` and `dst` are equal: the instance may simply be taken over if `src` is dead and covers just that.
    pub in_place: bool,
    /// Main instance of `dst` must cover this.
    pub main: Rect,
    /// Ranges that stay on this shard.
    pub local: Vec<Range<u64>>,
    /// Ranges for others.
    pub sends: Vec<(ShardId, Range<u64>)>,
    /// Ranges from others.
    pub recvs: Vec<(ShardId, Range<u64>)>,
}
