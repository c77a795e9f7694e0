//! Partitions are functions, not lists: `color → rectangle` and `rectangle → colors`, both closed-form.

use crate::geometry::{Point, Rect};
use crate::store::Access;
use serde::{Deserialize, Serialize};

/// A regular grid of tiles over a rectangle: in each dimension tile `c` covers `[lo + c·tile, lo + (c+1)·tile)`, clipped to `bounds`. The
/// color of a tile is its row-major index in the grid. (An offset comes from [`Partition::map`].)
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tiling {
    /// What is tiled.
    pub bounds: Rect,
    /// Points per tile and dimension, at least 1.
    pub tile: Point,
}

/// A partition of the rectangle `domain`: the tiles of `tiling` pulled back through `map` (`domain` → the tiling's space).
/// Piece boundaries along dimension `d` are moved up to the next multiple of `granule[d]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Partition {
    /// What is cut; each of its points is in the piece of exactly one color.
    pub domain: Rect,
    /// The tiles.
    pub tiling: Tiling,
    /// From the domain to the tiled space.
    pub map: Access,
    /// At least 1 in each dimension of the domain.
    pub granule: Point,
}

/// Which shard owns which color, by arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sharding {
    /// Consecutive colors to one shard, as evenly as can be.
    Block,
    /// Color `c` to shard `(c + start) mod n`.
    Cyclic {
        /// The shard of color 0.
        start: u32,
    },
}

/// Where the current values of a field (or the points of a launch) are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Distribution {
    /// On every shard, all of them.
    Replicated,
    /// On one shard, all of them.
    Single(crate::id::ShardId),
    /// Piece by piece on the owners of the pieces' colors.
    Tiled {
        /// The pieces.
        partition: Partition,
        /// Their owners.
        sharding: Sharding,
    },
}
