//! The rules of a policy: what they fit, and what they answer.

use crate::default::largest;
use crate::pattern::Pattern;
use legate_core::geometry::{Point, Rect};
use legate_core::id::ShardId;
use legate_core::mapping::{FieldMapping, LaunchInfo, LaunchMapping, MachineView};
use legate_core::region::Sharding;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use std::fmt;

#[derive(Clone, Debug)]
pub(super) struct LaunchRule {
    pub(super) name: Option<Pattern>,
    pub(super) fits: Fits,
    pub(super) answer: LaunchAnswer,
}

#[derive(Clone, Debug)]
pub(super) struct FieldRule {
    pub(super) fits: Fits,
    /// `None`: on every shard.
    pub(super) tiles: Option<Tiles>,
}

/// What a rule is for; `None`: any.
#[derive(Clone, Debug)]
pub(super) struct Fits {
    pub(super) rank: Option<usize>,
    pub(super) min_points: Option<u64>,
    pub(super) max_points: Option<u64>,
}

#[derive(Clone, Debug)]
pub(super) enum LaunchAnswer {
    Replicate,
    Single(ShardId),
    Follow(Key),
    Tile(Tiles),
}

/// The operand that a launch follows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Key {
    Index(usize),
    LargestRead,
    LargestWritten,
}

/// The extent of a tile in one dimension.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Extent {
    /// So many points.
    Points(i64),
    /// Such that there is one tile per shard.
    Even,
    /// The dimension is not cut.
    All,
}

#[derive(Clone, Debug)]
pub(super) struct Tiles {
    pub(super) extents: Vec<Extent>,
    pub(super) sharding: Sharding,
}

impl LaunchRule {
    /// `None` if the rule does not fit the launch.
    pub(super) fn answer(&self, launch: &LaunchInfo, machine: &MachineView) -> Option<LaunchMapping> {
        let fits_name = self.name.as_ref().is_none_or(|pattern| pattern.matches(&launch.name));
        let shape = launch.domain.shape();
        if !fits_name || !self.fits.accept(&shape) {
            return None;
        }
        Some(match &self.answer {
            LaunchAnswer::Replicate => LaunchMapping::Replicate,
            LaunchAnswer::Single(shard) => LaunchMapping::Single(ShardId(shard.0 % machine.shards)),
            LaunchAnswer::Follow(key) => LaunchMapping::Follow(key.operand(launch)?),
            LaunchAnswer::Tile(tiles) => {
                LaunchMapping::Tile { tile: tiles.tile(&shape, machine), sharding: tiles.sharding(machine) }
            }
        })
    }
}

impl FieldRule {
    /// `None` if the rule does not fit the field.
    pub(super) fn answer(&self, shape: &[i64], machine: &MachineView) -> Option<FieldMapping> {
        let answer = || match &self.tiles {
            None => FieldMapping::Replicate,
            Some(tiles) => FieldMapping::Tile { tile: tiles.tile(shape, machine), sharding: tiles.sharding(machine) },
        };
        self.fits.accept(shape).then(answer)
    }
}

impl Fits {
    fn accept(&self, shape: &[i64]) -> bool {
        let points = Rect::from_shape(shape).volume();
        self.rank.is_none_or(|rank| rank == shape.len())
            && self.min_points.is_none_or(|least| points >= least)
            && self.max_points.is_none_or(|most| points <= most)
    }
}

impl Key {
    fn operand(self, launch: &LaunchInfo) -> Option<usize> {
        match self {
            Key::Index(index) => (index < launch.operands.len()).then_some(index),
            Key::LargestRead => largest(launch, |operand| operand.privilege.reads()),
            Key::LargestWritten => largest(launch, |operand| operand.privilege.writes()),
        }
    }
}

impl Tiles {
    /// For a shape of the rule's rank, which is the number of extents.
    fn tile(&self, shape: &[i64], machine: &MachineView) -> Point {
        let extent = |(&extent, &rule): (&i64, &Extent)| match rule {
            Extent::Points(points) => points,
            Extent::Even => (extent.max(1) as u64).div_ceil(u64::from(machine.shards)) as i64,
            Extent::All => extent.max(1),
        };
        shape.iter().zip(&self.extents).map(extent).collect()
    }

    fn sharding(&self, machine: &MachineView) -> Sharding {
        match self.sharding {
            Sharding::Cyclic { start } => Sharding::Cyclic { start: start % machine.shards },
            Sharding::Block => Sharding::Block,
        }
    }
}

impl<'de> Deserialize<'de> for Extent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Extent, D::Error> {
        deserializer.deserialize_any(ExtentVisitor)
    }
}

struct ExtentVisitor;

impl Visitor<'_> for ExtentVisitor {
    type Value = Extent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of points from 1, \"even\" or \"all\"")
    }

    fn visit_i64<E: Error>(self, points: i64) -> Result<Extent, E> {
        if points < 1 { Err(E::invalid_value(Unexpected::Signed(points), &self)) } else { Ok(Extent::Points(points)) }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Extent, E> {
        match text {
            "even" => Ok(Extent::Even),
            "all" => Ok(Extent::All),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_any(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an operand's index, \"largest-read\" or \"largest-written\"")
    }

    fn visit_i64<E: Error>(self, index: i64) -> Result<Key, E> {
        let index = usize::try_from(index).map_err(|_| E::invalid_value(Unexpected::Signed(index), &self))?;
        Ok(Key::Index(index))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Key, E> {
        match text {
            "largest-read" => Ok(Key::LargestRead),
            "largest-written" => Ok(Key::LargestWritten),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}
