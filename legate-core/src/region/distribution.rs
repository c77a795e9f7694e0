//! Who owns what: colors to shards, fields to shards.

use super::partition::Partition;
use crate::geometry::Rect;
use crate::id::{Color, ShardId};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::ops::Range;

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
    Single(ShardId),
    /// Piece by piece on the owners of the pieces' colors.
    Tiled {
        /// The pieces.
        partition: Partition,
        /// Their owners.
        sharding: Sharding,
    },
}

/// The colors of one shard, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Colors {
    next: u64,
    end: u64,
    step: u64,
}

impl Iterator for Colors {
    type Item = Color;
    fn next(&mut self) -> Option<Color> {
        let color = self.next;
        (color < self.end).then(|| {
            self.next += self.step;
            Color(color)
        })
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end.saturating_sub(self.next).div_ceil(self.step) as usize;
        (left, Some(left))
    }
}
impl ExactSizeIterator for Colors {}

impl Sharding {
    /// The owner of a color, of `colors` over `shards`.
    pub fn owner(self, color: Color, colors: u64, shards: u32) -> ShardId {
        match self {
            Sharding::Block => ShardId((u128::from(color.0) * u128::from(shards) / u128::from(colors)) as u32),
            Sharding::Cyclic { start } => ShardId(((color.0 + u64::from(start)) % u64::from(shards)) as u32),
        }
    }
    /// The colors that a shard owns.
    pub fn colors_of(self, shard: ShardId, colors: u64, shards: u32) -> Colors {
        let n = u64::from(shards);
        match self {
            Sharding::Block => {
                let first = |s: u32| first_color(s.into(), colors, n);
                Colors { next: first(shard.0), end: first(shard.0 + 1), step: 1 }
            }
            Sharding::Cyclic { start } => {
                Colors { next: (u64::from(shard.0) + n - u64::from(start) % n) % n, end: colors, step: n }
            }
        }
    }
}

/// The first color of a shard, in blocks.
fn first_color(shard: u64, colors: u64, shards: u64) -> u64 {
    (u128::from(shard) * u128::from(colors)).div_ceil(u128::from(shards)) as u64
}

impl Distribution {
    /// What a run of consecutive shards owns together, if that is a box for every run: the pieces lie in one row and go to the shards in order.
    pub fn block(&self, run: Range<u32>, shards: u32) -> Option<Rect> {
        let Distribution::Tiled { partition, sharding: Sharding::Block } = self else { return None };
        let colors = partition.color_count();
        let first = |shard: u32| first_color(u64::from(shard), colors, u64::from(shards));
        partition.run(first(run.start)..first(run.end))
    }
    /// Piece by piece; if all points have one color, on its owner.
    pub fn tiled(partition: Partition, sharding: Sharding, shards: u32) -> Distribution {
        if (0..partition.domain().rank()).any(|d| partition.cuts(d)) {
            return Distribution::Tiled { partition, sharding };
        }
        let color = partition.color_of(&partition.domain().lo);
        Distribution::Single(sharding.owner(color, partition.color_count(), shards))
    }
    /// The pieces of a shard that are not empty, by color. Replicated and single ones have one piece, of color 0.
    pub fn pieces(&self, bounds: &Rect, shard: ShardId, shards: u32) -> SmallVec<[(Color, Rect); 1]> {
        let whole = || SmallVec::from_elem((Color(0), bounds.clone()), 1);
        match self {
            _ if bounds.is_empty() => SmallVec::new(),
            Distribution::Replicated => whole(),
            Distribution::Single(owner) if *owner == shard => whole(),
            Distribution::Single(_) => SmallVec::new(),
            Distribution::Tiled { partition, sharding } => sharding
                .colors_of(shard, partition.color_count(), shards)
                .map(|color| (color, partition.piece(color)))
                .filter(|(_, piece)| !piece.is_empty())
                .collect(),
        }
    }
    /// The bounding box of a shard's pieces; empty if it has none.
    ///
    /// Cost: the shard's pieces.
    pub fn extent(&self, bounds: &Rect, shard: ShardId, shards: u32) -> Rect {
        let none = Rect { lo: bounds.lo.clone(), hi: bounds.lo.clone() };
        self.pieces(bounds, shard, shards).into_iter().fold(none, |all, (_, piece)| all.bounding(&piece))
    }
    /// The shard that surely has a piece's values. `None`: every shard.
    pub fn owner(&self, color: Color, shards: u32) -> Option<ShardId> {
        match self {
            Distribution::Replicated => None,
            Distribution::Single(shard) => Some(*shard),
            Distribution::Tiled { partition, sharding } => Some(sharding.owner(color, partition.color_count(), shards)),
        }
    }
    /// The one shard that owns all of a rectangle, if there is one and not every shard does.
    pub fn sole_owner(&self, rect: &Rect, shards: u32) -> Option<ShardId> {
        match self {
            Distribution::Replicated => None,
            Distribution::Single(owner) => Some(*owner),
            Distribution::Tiled { partition, sharding } => {
                let colors = partition.colors_meeting(rect);
                let only = if colors.count() == 1 { colors.iter().next() } else { None };
                only.map(|color| sharding.owner(color, partition.color_count(), shards))
            }
        }
    }
}
