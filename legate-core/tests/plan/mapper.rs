//! A mapper that answers anything that can be answered, as a function of the question.

use crate::values::mix;
use legate_core::id::ShardId;
use legate_core::mapping::{FieldMapping, LaunchInfo, LaunchMapping, MachineView, Mapper};
use legate_core::region::Sharding;

pub(crate) struct RandomMapper {
    pub(crate) seed: u64,
}

struct Dice(u64);

impl Dice {
    fn of(seed: u64, question: &str) -> Dice {
        Dice(mix([seed].into_iter().chain(question.bytes().map(u64::from))))
    }
    fn up_to(&mut self, n: u64) -> u64 {
        self.0 = mix([self.0]);
        self.0 % n
    }
    fn sharding(&mut self) -> Sharding {
        match self.up_to(3) {
            0 => Sharding::Cyclic { start: self.up_to(12) as u32 },
            _ => Sharding::Block,
        }
    }
    fn tile(&mut self, shape: &[i64]) -> legate_core::geometry::Point {
        shape
            .iter()
            .map(|n| if self.up_to(3) == 0 { *n } else { 1 + self.up_to(n.max(&1).unsigned_abs()) as i64 })
            .collect()
    }
}

impl Mapper for RandomMapper {
    fn name(&self) -> &str {
        "random"
    }
    fn inline(&self, _: u64, _: u64, _: &MachineView) -> bool {
        false
    }
    fn launch(&self, launch: &LaunchInfo, _: &MachineView) -> LaunchMapping {
        let mut dice = Dice::of(self.seed, &format!("{:?} {:?} {}", launch.domain, launch.cuts, launch.operands.len()));
        match dice.up_to(8) {
            0 => LaunchMapping::Replicate,
            1 => LaunchMapping::Single(ShardId(dice.up_to(12) as u32)),
            2..5 => LaunchMapping::Follow(dice.up_to(1 + launch.operands.len() as u64) as usize),
            _ => LaunchMapping::Tile { tile: dice.tile(&launch.domain.shape()), sharding: dice.sharding() },
        }
    }
    fn field(&self, shape: &[i64], _: u32, _: &MachineView) -> FieldMapping {
        let mut dice = Dice::of(self.seed, &format!("{shape:?}"));
        match dice.up_to(4) {
            0 => FieldMapping::Replicate,
            _ => FieldMapping::Tile { tile: dice.tile(shape), sharding: dice.sharding() },
        }
    }
    fn chunks(&self, _: u64, _: f64, _: u64, _: &MachineView) -> u32 {
        1
    }
}
