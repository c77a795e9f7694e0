//! Legal answers that nobody would give: results must not depend on them.
//!
//! An answer is drawn by a hash of the question and of a seed, so a question always has the same answer, on all shards (computers of one byte order).
//! Programs that pass their tests under some hundred seeds do not depend on placement.

use legate_core::geometry::Point;
use legate_core::id::ShardId;
use legate_core::mapping::{Ahead, FieldMapping, LaunchInfo, LaunchMapping, MachineView, Mapper, OperandInfo};
use legate_core::region::Sharding;
use std::hash::{Hash, Hasher};

/// Tiles of a field or launch, at most: each is a task, and perhaps several messages.
const MAX_TILES: u64 = 64;
/// Chunks of a piece, at most.
const MAX_CHUNKS: u64 = 13;
/// Computed inline, at most: a test must not become slow because nothing is spread.
const MAX_INLINE_POINTS: u64 = 1 << 20;

/// The random policy; see the module's documentation.
#[derive(Clone, Debug)]
pub struct RandomMapper {
    seed: u64,
    name: String,
}

impl RandomMapper {
    /// The policy of this seed.
    pub fn new(seed: u64) -> RandomMapper {
        RandomMapper { seed, name: format!("random:{seed}") }
    }

    /// Random numbers that depend on the question only; `kind` tells questions with equal arguments apart.
    fn draw(&self, kind: u8, question: impl Hash) -> Draw {
        let mut hash = Fnv::default();
        (self.seed, kind, question).hash(&mut hash);
        Draw(hash.finish())
    }
}

impl Mapper for RandomMapper {
    fn name(&self) -> &str {
        &self.name
    }

    fn inline(&self, points: u64, bytes: u64, _machine: &MachineView) -> bool {
        points <= MAX_INLINE_POINTS && self.draw(0, (points, bytes)).below(2) == 0
    }

    fn catch_up(&self, ahead: &Ahead, _machine: &MachineView) -> bool {
        self.draw(5, (ahead.cost_ns.to_bits(), ahead.fusible_bytes)).below(2) == 0
    }

    fn launch(&self, launch: &LaunchInfo, machine: &MachineView) -> LaunchMapping {
        let operands: Vec<_> = launch.operands.iter().map(operand_key).collect();
        let question = (&launch.name, &launch.domain, &launch.cuts, operands, launch.cost_ns.to_bits(), machine.shards);
        let mut draw = self.draw(1, question);
        match draw.below(8) {
            0 => LaunchMapping::Replicate,
            1 => LaunchMapping::Single(ShardId(draw.shard(machine.shards))),
            2..=4 if !launch.operands.is_empty() => {
                LaunchMapping::Follow(draw.below(launch.operands.len() as u64) as usize)
            }
            _ => {
                let tile = draw.tile(&launch.domain.shape(), machine.shards);
                LaunchMapping::Tile { tile, sharding: draw.sharding(machine.shards) }
            }
        }
    }

    fn field(&self, shape: &[i64], element_bytes: u32, machine: &MachineView) -> FieldMapping {
        let mut draw = self.draw(2, (shape, element_bytes, machine.shards));
        if draw.below(4) == 0 {
            return FieldMapping::Replicate;
        }
        FieldMapping::Tile { tile: draw.tile(shape, machine.shards), sharding: draw.sharding(machine.shards) }
    }

    fn chunks(&self, points: u64, cost_ns: f64, bytes: u64, _machine: &MachineView) -> u32 {
        1 + self.draw(3, (points, cost_ns.to_bits(), bytes)).below(MAX_CHUNKS) as u32
    }

    fn tunable(&self, name: &str) -> Option<i64> {
        (name == "row_block_bytes").then(|| 1 << self.draw(4, name).below(19))
    }
}

fn operand_key(operand: &OperandInfo) -> impl Hash + '_ {
    let OperandInfo { field_shape, element_bytes, privilege, access: _, image, covers, distribution } = operand;
    (field_shape, element_bytes, privilege, image, covers, distribution)
}

/// A sequence of random numbers: SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `bound`, which is not 0; near enough to even for small bounds.
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn shard(&mut self, shards: u32) -> u32 {
        self.below(u64::from(shards)) as u32
    }

    fn sharding(&mut self, shards: u32) -> Sharding {
        if self.below(2) == 0 { Sharding::Block } else { Sharding::Cyclic { start: self.shard(shards) } }
    }

    /// Extents of a tile, odd sizes preferred, in any number of dimensions at once.
    fn tile(&mut self, shape: &[i64], shards: u32) -> Point {
        let mut tile: Point = shape.iter().map(|&extent| self.extent(extent.max(1) as u64, shards) as i64).collect();
        while tiles(shape, &tile) > MAX_TILES {
            let widened = self.below(shape.len() as u64) as usize;
            tile[widened] = (tile[widened] * 2 + 1).min(shape[widened].max(1));
        }
        tile
    }

    fn extent(&mut self, extent: u64, shards: u32) -> u64 {
        let nasty = [1, 2, 3, 5, 7, extent, extent / 2 + 1, extent.div_ceil(u64::from(shards)), 1 + self.below(extent)];
        nasty[self.below(nasty.len() as u64) as usize].min(extent)
    }
}

fn tiles(shape: &[i64], tile: &[i64]) -> u64 {
    let counts = shape.iter().zip(tile).map(|(&extent, &tile)| (extent.max(0) as u64).div_ceil(tile as u64));
    counts.fold(1, u64::saturating_mul)
}

/// FNV-1a with 64 bits: unlike the standard library's hasher the same in every process and version.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{launch, machine, operand, tiled_rows};
    use legate_core::operation::{Cut, Privilege};
    use std::collections::BTreeSet;

    #[test]
    fn all_kinds_of_answers_occur() {
        let mut launches = BTreeSet::new();
        let mut fields = BTreeSet::new();
        let mut is_inline = BTreeSet::new();
        let mut chunks = BTreeSet::new();
        for seed in 0..2000 {
            let mapper = RandomMapper::new(seed);
            let x = tiled_rows(&[40, 30], Privilege::ReadOnly);
            let question =
                launch("f", &[40, 30], &[Cut::Free; 2], vec![operand(&[40, 30], Privilege::WriteDiscard), x]);
            launches.insert(match mapper.launch(&question, &machine(3)) {
                LaunchMapping::Replicate => "replicate".to_owned(),
                LaunchMapping::Single(shard) => format!("single {shard}"),
                LaunchMapping::Follow(operand) => format!("follow {operand}"),
                LaunchMapping::Tile { tile, sharding } => {
                    format!("{:?} {sharding:?}", [tile[0] < 40, tile[1] < 30])
                }
            });
            fields.insert(matches!(mapper.field(&[40, 30], 8, &machine(3)), FieldMapping::Replicate));
            is_inline.insert(mapper.inline(100, 800, &machine(3)));
            chunks.insert(mapper.chunks(100, 1.0, 800, &machine(3)));
        }
        let expected = ["replicate", "single s0", "single s1", "single s2", "follow 0", "follow 1"];
        let cut = ["[true, true]", "[true, false]", "[false, true]"];
        let tiles = cut.iter().flat_map(|cut| {
            let cyclic = (0..3).map(move |start| format!("{cut} Cyclic {{ start: {start} }}"));
            cyclic.chain([format!("{cut} Block")])
        });
        for answer in expected.into_iter().map(str::to_owned).chain(tiles) {
            assert!(launches.contains(&answer), "{answer} is not in {launches:?}");
        }
        assert_eq!((fields.len(), is_inline.len(), chunks.len()), (2, 2, MAX_CHUNKS as usize));
    }

    #[test]
    fn answers_are_the_same_in_every_process() {
        let question = launch("f", &[100, 30], &[Cut::Free; 2], vec![]);
        let answers = (0..6).map(|seed| RandomMapper::new(seed).launch(&question, &machine(3)));
        let tiles = answers.filter_map(|answer| match answer {
            LaunchMapping::Tile { tile, .. } => Some(tile.to_vec()),
            _ => None,
        });
        // Only a change of the questions' types or of the generator may change these.
        assert_eq!(tiles.collect::<Vec<_>>(), [[11, 7], [23, 3], [34, 3], [15, 7]]);
    }
}
