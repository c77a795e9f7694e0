//! The questions core asks a mapper. Plain data in, plain data out; the answers change speed, never results.

use crate::geometry::{Point, Rect};
use crate::id::ShardId;
use crate::operation::{Cut, Privilege};
use crate::region::{Distribution, Sharding};
use crate::store::Access;
use smallvec::SmallVec;

/// What a mapper may know of the machine: the same on every shard (decisions that lead to communication depend on it).
#[derive(Clone, Debug, PartialEq)]
pub struct MachineView {
    /// Shards of the whole run.
    pub shards: u32,
    /// Cores that one shard executes on.
    pub cores: u32,
    /// Bytes of memory per shard.
    pub memory_bytes: u64,
    /// Bytes of last-level cache per shard.
    pub cache_bytes: u64,
}

/// One operand of a launch, as a mapper sees it.
#[derive(Clone, Debug)]
pub struct OperandInfo {
    /// Extents of the field.
    pub field_shape: Point,
    /// Bytes of the field's elements.
    pub element_bytes: u32,
    /// What the launch does to it.
    pub privilege: Privilege,
    /// Which of the field's points a point of the domain sees.
    pub access: Access,
    /// Bounding box of the points it touches.
    pub image: Rect,
    /// Whether the image is the whole field.
    pub covers: bool,
    /// Where the field's values are now; `None` if it has none yet.
    pub distribution: Option<Distribution>,
}

/// A launch (or fused group), as a mapper sees it.
#[derive(Clone, Debug)]
pub struct LaunchInfo {
    /// Label of the body.
    pub name: String,
    /// Its points.
    pub domain: Rect,
    /// How they may be cut.
    pub cuts: SmallVec<[Cut; 4]>,
    /// Its operands.
    pub operands: Vec<OperandInfo>,
    /// Estimated nanoseconds on one core.
    pub cost_ns: f64,
}

/// How a launch is spread over shards.
#[derive(Clone, Debug, PartialEq)]
pub enum LaunchMapping {
    /// Every shard computes all of it.
    Replicate,
    /// One shard computes all of it.
    Single(ShardId),
    /// Points go where the tiles of this operand's field are.
    Follow(usize),
    /// The domain is cut into tiles of these extents.
    Tile {
        /// Extents of a tile.
        tile: Point,
        /// Owners.
        sharding: Sharding,
    },
}

/// How a field that is first written piece by piece is spread over shards.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldMapping {
    /// Every shard has all of it.
    Replicate,
    /// Tiles of these extents.
    Tile {
        /// Extents of a tile.
        tile: Point,
        /// Owners.
        sharding: Sharding,
    },
}

/// Nanoseconds per byte that a task streams from memory, on one core: what estimates of cost take a task to need at least.
pub const STREAM_NS_PER_BYTE: f64 = 0.05;

/// What a front end is ahead of its values by: launches that it has issued since it last asked for values or for everything to end. Estimated
/// from the operations alone.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ahead {
    /// Nanoseconds on one core.
    pub cost_ns: f64,
    /// Bytes of results, in the window that is not handed on, that need no memory if later launches join: what a wait now would cost.
    pub fusible_bytes: u64,
}

/// A policy. Methods marked *pure* must be functions of their arguments only and answer alike on every shard.
pub trait Mapper: Send + Sync {
    /// Shown in traces.
    fn name(&self) -> &str;

    /// Should an operation of this many points and this cost, whose inputs are ready on the calling thread, be computed there at once, outside
    /// the runtime? *Pure.*
    fn inline(&self, points: u64, bytes: u64, machine: &MachineView) -> bool;

    /// An operation would be computed [`inline`](Mapper::inline), but for inputs, small ones, whose values are still to come. Should the front end
    /// wait for them (and help)? Else it issues a launch, and those who use its result will have to. *Pure.*
    fn catch_up(&self, ahead: &Ahead, machine: &MachineView) -> bool {
        let _ = (ahead, machine);
        false
    }

    /// How is this launch spread? An answer that is not legal (see ARCHITECTURE.md, "Mapping") is replaced by the nearest legal one. *Pure.*
    fn launch(&self, launch: &LaunchInfo, machine: &MachineView) -> LaunchMapping;

    /// How is a field of this shape spread when something other than a whole-field launch first gives it values? *Pure.*
    fn field(&self, shape: &[i64], element_bytes: u32, machine: &MachineView) -> FieldMapping;

    /// Into about how many chunks does a shard cut its piece for its cores? Asked on the owning shard only.
    fn chunks(&self, points: u64, cost_ns: f64, bytes: u64, machine: &MachineView) -> u32;

    /// A number that is asked for by name; `None`: the default of who asks. Core asks for `"window"` (operations that are fused at a time) and `"row_block_bytes"`
    /// (bytes that groups sharing their rows touch at a time; should stay in the second-level cache). *Pure.*
    fn tunable(&self, name: &str) -> Option<i64> {
        let _ = name;
        None
    }
}
