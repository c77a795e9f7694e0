//! The tables of a policy file, as they are written, and the mistakes that their types do not tell.

use super::rule::{Extent, FieldRule, Fits, Key, LaunchAnswer, LaunchRule, Tiles};
use crate::Thresholds;
use crate::document::Document;
use crate::error::Result;
use crate::pattern::Pattern;
use legate_core::id::ShardId;
use legate_core::region::Sharding;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) otherwise: Option<Spanned<String>>,
    pub(super) thresholds: Option<Spanned<Thresholds>>,
    #[serde(default)]
    pub(super) tunables: BTreeMap<String, i64>,
    #[serde(default)]
    pub(super) launch: Vec<LaunchTable>,
    #[serde(default)]
    pub(super) field: Vec<FieldTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LaunchTable {
    name: Option<Pattern>,
    rank: Option<Spanned<usize>>,
    min_points: Option<u64>,
    max_points: Option<u64>,
    map: Spanned<LaunchMap>,
    operand: Option<Spanned<Key>>,
    shard: Option<Spanned<u32>>,
    tile: Option<Spanned<Vec<Extent>>>,
    sharding: Option<Spanned<ShardingName>>,
    start: Option<Spanned<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldTable {
    rank: Option<Spanned<usize>>,
    min_points: Option<u64>,
    max_points: Option<u64>,
    map: Spanned<FieldMap>,
    tile: Option<Spanned<Vec<Extent>>>,
    sharding: Option<Spanned<ShardingName>>,
    start: Option<Spanned<u32>>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LaunchMap {
    Replicate,
    Single,
    Follow,
    Tile,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FieldMap {
    Replicate,
    Tile,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ShardingName {
    Block,
    Cyclic,
}

impl LaunchTable {
    pub(super) fn check(&self, document: &Document<'_>) -> Result<LaunchRule> {
        let map = *self.map.get_ref();
        only_if(document, map == LaunchMap::Follow, self.operand.as_ref(), "operand", "map = \"follow\"")?;
        only_if(document, map == LaunchMap::Single, self.shard.as_ref(), "shard", "map = \"single\"")?;
        let tiles = self.tiles().check(document, map == LaunchMap::Tile, || self.map.span())?;
        let answer = match map {
            LaunchMap::Replicate => LaunchAnswer::Replicate,
            LaunchMap::Single => LaunchAnswer::Single(ShardId(self.shard.as_ref().map_or(0, |shard| *shard.get_ref()))),
            LaunchMap::Follow => match &self.operand {
                Some(operand) => LaunchAnswer::Follow(*operand.get_ref()),
                None => return Err(document.error(self.map.span(), "\"follow\" wants an operand to follow")),
            },
            LaunchMap::Tile => LaunchAnswer::Tile(tiles.expect("checked to be there with \"tile\"")),
        };
        let fits = Fits { rank: self.tiles().rank(), min_points: self.min_points, max_points: self.max_points };
        Ok(LaunchRule { name: self.name.clone(), fits, answer })
    }

    fn tiles(&self) -> TileKeys<'_> {
        let LaunchTable { rank, tile, sharding, start, .. } = self;
        TileKeys { rank: rank.as_ref(), tile: tile.as_ref(), sharding: sharding.as_ref(), start: start.as_ref() }
    }
}

impl FieldTable {
    pub(super) fn check(&self, document: &Document<'_>) -> Result<FieldRule> {
        let is_tile = *self.map.get_ref() == FieldMap::Tile;
        let tiles = self.tiles().check(document, is_tile, || self.map.span())?;
        let fits = Fits { rank: self.tiles().rank(), min_points: self.min_points, max_points: self.max_points };
        Ok(FieldRule { fits, tiles })
    }

    fn tiles(&self) -> TileKeys<'_> {
        let FieldTable { rank, tile, sharding, start, .. } = self;
        TileKeys { rank: rank.as_ref(), tile: tile.as_ref(), sharding: sharding.as_ref(), start: start.as_ref() }
    }
}

/// The keys about tiles, which both kinds of rule have.
struct TileKeys<'a> {
    rank: Option<&'a Spanned<usize>>,
    tile: Option<&'a Spanned<Vec<Extent>>>,
    sharding: Option<&'a Spanned<ShardingName>>,
    start: Option<&'a Spanned<u32>>,
}

impl TileKeys<'_> {
    /// The rank that the rule is for, told or seen from the tile.
    fn rank(&self) -> Option<usize> {
        self.rank.map(|rank| *rank.get_ref()).or_else(|| Some(self.tile?.get_ref().len()))
    }

    fn check(
        &self,
        document: &Document<'_>,
        is_tile: bool,
        map: impl Fn() -> std::ops::Range<usize>,
    ) -> Result<Option<Tiles>> {
        only_if(document, is_tile, self.tile, "tile", "map = \"tile\"")?;
        only_if(document, is_tile, self.sharding, "sharding", "map = \"tile\"")?;
        let is_cyclic = self.sharding.is_some_and(|sharding| *sharding.get_ref() == ShardingName::Cyclic);
        only_if(document, is_cyclic, self.start, "start", "sharding = \"cyclic\"")?;
        let Some(tile) = self.tile else {
            let missing = || document.error(map(), "\"tile\" wants the extents of a tile");
            return if is_tile { Err(missing()) } else { Ok(None) };
        };
        if let Some(rank) = self.rank.filter(|rank| *rank.get_ref() != tile.get_ref().len()) {
            let message = format!("a tile of {} extents does not fit rank {}", tile.get_ref().len(), rank.get_ref());
            return Err(document.error(tile.span(), message));
        }
        let start = self.start.map_or(0, |start| *start.get_ref());
        let sharding = if is_cyclic { Sharding::Cyclic { start } } else { Sharding::Block };
        Ok(Some(Tiles { extents: tile.get_ref().clone(), sharding }))
    }
}

/// Complains about a key that means nothing without another.
fn only_if<T>(
    document: &Document<'_>,
    condition: bool,
    value: Option<&Spanned<T>>,
    key: &str,
    needed: &str,
) -> Result<()> {
    match value {
        Some(value) if !condition => {
            Err(document.error(value.span(), format!("{key} means something only with {needed}")))
        }
        _ => Ok(()),
    }
}

pub(super) fn check_thresholds(thresholds: &Spanned<Thresholds>, document: &Document<'_>) -> Result<()> {
    let t = thresholds.get_ref();
    let is_time = |ns: f64| ns >= 0.0 && ns.is_finite();
    let wrong = if t.chunks_per_core == 0 {
        "chunks_per_core is at least 1"
    } else if ![t.chunk_ns, t.parallel_ns, t.catch_up_ns].into_iter().all(is_time) {
        "chunk_ns, parallel_ns and catch_up_ns are times, 0 or longer"
    } else if ![t.core_bytes_per_ns, t.network_bytes_per_ns].into_iter().all(|rate| rate > 0.0 && rate.is_finite()) {
        "core_bytes_per_ns and network_bytes_per_ns are more than 0"
    } else {
        return Ok(());
    };
    Err(document.error(thresholds.span(), wrong))
}
