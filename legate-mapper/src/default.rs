//! The default policy.
//!
//! Small things are not distributed. Big things are cut into one block of rows per shard, and a launch goes where the data is that it
//! writes, else the data that it reads most of. So a program that never mentions placement moves halos and reductions only.

use crate::Thresholds;
use crate::products::Product;
use legate_core::geometry::{Point, Rect};
use legate_core::mapping::{Ahead, FieldMapping, LaunchInfo, LaunchMapping, MachineView, Mapper, OperandInfo};
use legate_core::operation::{Cut, Privilege};
use legate_core::region::{Distribution, Sharding};
use std::collections::BTreeMap;

/// A piece is not cut into more chunks than this, however large it is: each costs some memory for as long as its task waits.
const MOST_CHUNKS: u64 = 4096;

/// The default policy; its numbers are [`Thresholds`].
#[derive(Clone, Debug, Default)]
pub struct DefaultMapper {
    thresholds: Thresholds,
    tunables: BTreeMap<String, i64>,
}

impl DefaultMapper {
    /// With the default numbers.
    pub fn new() -> DefaultMapper {
        DefaultMapper::default()
    }

    /// With these numbers, and these answers to [`Mapper::tunable`].
    pub fn with(thresholds: Thresholds, tunables: BTreeMap<String, i64>) -> DefaultMapper {
        DefaultMapper { thresholds, tunables }
    }

    /// Its numbers.
    pub fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// Whether a launch is worth spreading: it touches a large part of some field, or computes for long.
    fn is_large(&self, launch: &LaunchInfo) -> bool {
        launch.operands.iter().map(image_bytes).max().unwrap_or(0) >= self.thresholds.replicate_bytes
            || launch.cost_ns >= 50.0 * self.thresholds.parallel_ns
    }
}

impl Mapper for DefaultMapper {
    fn name(&self) -> &str {
        "default"
    }

    fn inline(&self, points: u64, bytes: u64, _machine: &MachineView) -> bool {
        let t = &self.thresholds;
        t.inline_points > 0 && points <= t.inline_points && bytes <= t.inline_bytes
    }

    fn catch_up(&self, ahead: &Ahead, machine: &MachineView) -> bool {
        let t = &self.thresholds;
        // Between shards a value is a message away, and to wait for it in every round of a loop hides nothing.
        machine.shards == 1 && ahead.cost_ns <= t.catch_up_ns && ahead.fusible_bytes <= t.catch_up_bytes
    }

    fn launch(&self, launch: &LaunchInfo, machine: &MachineView) -> LaunchMapping {
        if machine.shards == 1 || launch.domain.is_empty() {
            return LaunchMapping::Replicate;
        }
        // A part of a field that has owners is written where they are; nothing else would be legal.
        if let Some(part) = largest(launch, |o| o.privilege.writes() && !o.covers && is_tiled(o)) {
            return LaunchMapping::Follow(part);
        }
        if !self.is_large(launch) {
            return LaunchMapping::Replicate;
        }
        if let Some(product) = Product::of(launch) {
            return product.mapping(machine, &self.thresholds);
        }
        key_operand(launch).map_or_else(|| row_blocks_of_launch(launch, machine.shards), LaunchMapping::Follow)
    }

    fn field(&self, shape: &[i64], element_bytes: u32, machine: &MachineView) -> FieldMapping {
        let bytes = Rect::from_shape(shape).volume() * u64::from(element_bytes);
        let longest = shape.iter().copied().max().unwrap_or(0);
        if machine.shards == 1 || bytes < self.thresholds.replicate_bytes || longest < 2 {
            return FieldMapping::Replicate;
        }
        let dim = outermost(shape, |_| true, machine.shards).expect("some extent is two or more");
        FieldMapping::Tile { tile: blocks(shape, dim, machine.shards), sharding: Sharding::Block }
    }

    fn chunks(&self, _points: u64, cost_ns: f64, bytes: u64, machine: &MachineView) -> u32 {
        let t = &self.thresholds;
        let serial_ns = cost_ns.max(bytes as f64 / t.core_bytes_per_ns);
        if machine.cores == 1 || serial_ns < t.parallel_ns {
            return 1;
        }
        let worth_while = (bytes as f64 / t.chunk_bytes as f64).max(serial_ns / t.chunk_ns);
        let enough = (worth_while as u32).min(t.chunks_per_core.saturating_mul(machine.cores)).max(1);
        enough.max((bytes / t.most_chunk_bytes.max(1)).min(MOST_CHUNKS) as u32)
    }

    fn tunable(&self, name: &str) -> Option<i64> {
        self.tunables.get(name).copied()
    }
}

fn image_bytes(operand: &OperandInfo) -> u64 {
    operand.image.volume() * u64::from(operand.element_bytes)
}

fn is_tiled(operand: &OperandInfo) -> bool {
    matches!(operand.distribution, Some(Distribution::Tiled { .. }))
}

/// The operand with the most bytes in the launch's image among those that `accept` admits; the first of equals.
pub(crate) fn largest(launch: &LaunchInfo, accept: impl Fn(&OperandInfo) -> bool) -> Option<usize> {
    let admitted = launch.operands.iter().enumerate().filter(|(_, operand)| accept(operand));
    admitted.rev().max_by_key(|(_, operand)| image_bytes(operand)).map(|(index, _)| index)
}

/// Whose tiles the points follow: a written operand that already has tiles, else the largest read one that has; `None`: the points are dealt anew.
fn key_operand(launch: &LaunchInfo) -> Option<usize> {
    let written = |o: &OperandInfo| matches!(o.privilege, Privilege::WriteDiscard | Privilege::ReadWrite);
    largest(launch, |o| written(o) && is_tiled(o)).or_else(|| {
        // A body that folds inside itself and writes more than a reduction may meet an input several times over (a matrix product meets both of its): where that one
        // lies says nothing of where the result should be.
        let folds_inside = launch.cuts.iter().any(|cut| matches!(cut, Cut::Never | Cut::Granule(_)));
        let once = !(folds_inside && launch.operands.iter().any(written));
        largest(launch, |o| is_tiled(o) && (once || o.image.volume() >= launch.domain.volume()))
    })
}

/// Blocks of the outermost dimension that may be cut and is long enough.
fn row_blocks_of_launch(launch: &LaunchInfo, shards: u32) -> LaunchMapping {
    let shape = launch.domain.shape();
    let free = |d: usize| !matches!(launch.cuts[d], Cut::Never);
    match outermost(&shape, free, shards) {
        Some(dim) => LaunchMapping::Tile { tile: blocks(&shape, dim, shards), sharding: Sharding::Block },
        None => LaunchMapping::Replicate,
    }
}

/// The first admitted dimension with a point for every shard; else the longest one with two points or more (the first of equals).
fn outermost(shape: &[i64], admit: impl Fn(usize) -> bool, shards: u32) -> Option<usize> {
    let mut admitted = (0..shape.len()).filter(|&d| admit(d) && shape[d] > 1);
    let longest = admitted.clone().rev().max_by_key(|&d| shape[d]);
    admitted.find(|&d| shape[d] >= i64::from(shards)).or(longest)
}

/// Tile extents that cut `dim` into one block per shard.
fn blocks(shape: &[i64], dim: usize, shards: u32) -> Point {
    let mut tile: Point = shape.iter().map(|&extent| extent.max(1)).collect();
    tile[dim] = to_leaves((shape[dim] as u64).div_ceil(u64::from(shards))).max(1) as i64;
    tile
}

/// Leaves of folds: elements of a sum, rows of a product.
const LEAVES: [u64; 2] = [1024, 64];
/// Tiles of so many leaves bear one more.
const MANY_LEAVES: u64 = 64;

/// The extent of a tile, a little longer if need be, so that it ends where a fold may be cut: then no fold along it needs elements of the next tile.
fn to_leaves(extent: u64) -> u64 {
    let leaf = LEAVES.into_iter().find(|leaf| extent >= MANY_LEAVES * leaf);
    leaf.map_or(extent, |leaf| extent.next_multiple_of(leaf))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{machine, operand, tiled_rows};
    use legate_core::id::ReductionId;
    use smallvec::smallvec;

    fn launch(shape: &[i64], cuts: &[Cut], operands: Vec<OperandInfo>) -> LaunchInfo {
        crate::testing::launch("test", shape, cuts, operands)
    }

    #[test]
    fn one_shard_owns_everything() {
        let big = operand(&[1 << 20], Privilege::WriteDiscard);
        let mapping = DefaultMapper::new().launch(&launch(&[1 << 20], &[Cut::Free], vec![big]), &machine(1));
        assert_eq!(mapping, LaunchMapping::Replicate);
    }

    #[test]
    fn a_fresh_result_is_cut_into_row_blocks() {
        let z = operand(&[1000, 1000], Privilege::WriteDiscard);
        let mapping = DefaultMapper::new().launch(&launch(&[1000, 1000], &[Cut::Free; 2], vec![z]), &machine(3));
        assert_eq!(mapping, LaunchMapping::Tile { tile: smallvec![334, 1000], sharding: Sharding::Block });
    }

    #[test]
    fn flat_arrays_are_cut_along_their_long_side() {
        let z = operand(&[2, 100_000], Privilege::WriteDiscard);
        let mapping = DefaultMapper::new().launch(&launch(&[2, 100_000], &[Cut::Free; 2], vec![z]), &machine(3));
        assert_eq!(mapping, LaunchMapping::Tile { tile: smallvec![2, 33_344], sharding: Sharding::Block });
    }

    #[test]
    fn small_things_are_everywhere() {
        let z = operand(&[100], Privilege::WriteDiscard);
        let mapper = DefaultMapper::new();
        assert_eq!(mapper.launch(&launch(&[100], &[Cut::Free], vec![z]), &machine(3)), LaunchMapping::Replicate);
        assert_eq!(mapper.field(&[100], 8, &machine(3)), FieldMapping::Replicate);
        assert_eq!(mapper.field(&[0, 1 << 40], 8, &machine(3)), FieldMapping::Replicate);
        assert_eq!(mapper.field(&[], 8, &machine(3)), FieldMapping::Replicate);
        let rows = FieldMapping::Tile { tile: smallvec![34, 1000], sharding: Sharding::Block };
        assert_eq!(mapper.field(&[100, 1000], 8, &machine(3)), rows);
    }

    #[test]
    fn points_go_where_the_largest_input_lies() {
        let (a, x) = (tiled_rows(&[5000, 100], Privilege::ReadOnly), tiled_rows(&[5000], Privilege::ReadOnly));
        let z = operand(&[5000, 100], Privilege::WriteDiscard);
        let request = launch(&[5000, 100], &[Cut::Free; 2], vec![z, x, a]);
        assert_eq!(DefaultMapper::new().launch(&request, &machine(3)), LaunchMapping::Follow(2));
    }

    #[test]
    fn a_part_is_written_where_it_lies_however_small() {
        let mut part = tiled_rows(&[5000, 100], Privilege::WriteDiscard);
        part.covers = false;
        part.image = Rect::from_shape(&[1, 1]);
        let request = launch(&[1, 1], &[Cut::Free; 2], vec![part]);
        assert_eq!(DefaultMapper::new().launch(&request, &machine(3)), LaunchMapping::Follow(0));
    }

    #[test]
    fn a_reduction_follows_its_input_and_a_product_its_result() {
        let a = tiled_rows(&[4096, 4096], Privilege::ReadOnly);
        let sum = operand(&[4096], Privilege::Reduce(ReductionId(0)));
        let cuts = [Cut::Tree { granule: 16 }, Cut::Free];
        let request = launch(&[4096, 4096], &cuts, vec![sum, a.clone()]);
        assert_eq!(DefaultMapper::new().launch(&request, &machine(2)), LaunchMapping::Follow(1));

        let product = operand(&[4096, 4096], Privilege::WriteDiscard);
        let cuts = [Cut::Granule(256), Cut::Granule(256), Cut::Never];
        let request = launch(&[4096, 4096, 4096], &cuts, vec![product, a.clone(), a]);
        let rows = LaunchMapping::Tile { tile: smallvec![2048, 4096, 4096], sharding: Sharding::Block };
        assert_eq!(DefaultMapper::new().launch(&request, &machine(2)), rows);
    }

    #[test]
    fn what_is_met_once_is_followed_though_a_sum_is_taken_along_with_it() {
        // A step of a stencil: the inside of a grid, a new array of it, and the sum of the changes.
        let mut grid = tiled_rows(&[3002, 3002], Privilege::ReadOnly);
        grid.image = Rect::new([1, 1].as_slice(), [3001, 3001].as_slice());
        let (work, delta) =
            (operand(&[3000, 3000], Privilege::WriteDiscard), operand(&[], Privilege::Reduce(ReductionId(0))));
        let request = launch(&[3000, 3000], &[Cut::Tree { granule: 1 }, Cut::Never], vec![work, delta, grid]);
        assert_eq!(DefaultMapper::new().launch(&request, &machine(4)), LaunchMapping::Follow(2));
    }

    #[test]
    fn chunks_grow_with_the_work() {
        let mapper = DefaultMapper::new();
        let chunks = |ns, bytes| mapper.chunks(1, ns, bytes, &machine(1));
        assert_eq!(chunks(100.0, 1000), 1);
        assert_eq!(chunks(10_000.0, 1000), 5);
        assert_eq!(chunks(100_000.0, 1000), 16);
        assert_eq!(chunks(0.0, 16 << 20), 16);
        assert_eq!(chunks(0.0, 1 << 30), 512);
        assert_eq!(chunks(0.0, 1 << 50), 4096);
    }

    #[test]
    fn inline_is_for_little_work() {
        let mapper = DefaultMapper::new();
        assert!(mapper.inline(1000, 24_000, &machine(1)));
        assert!(!mapper.inline(1_000_000, 24_000_000, &machine(1)));
        assert!(!mapper.inline(1000, 24_000_000, &machine(1)), "few points that fold many bytes");
        let never = DefaultMapper::with(Thresholds { inline_points: 0, ..Thresholds::default() }, BTreeMap::new());
        assert!(!never.inline(0, 0, &machine(1)), "not even what has no points");
    }

    #[test]
    fn a_front_end_catches_up_where_it_is_little_ahead() {
        let mapper = DefaultMapper::new();
        let product = Ahead { cost_ns: 100_000.0, fusible_bytes: 0 };
        assert!(mapper.catch_up(&product, &machine(1)));
        assert!(!mapper.catch_up(&product, &machine(2)), "values come in messages");
        assert!(!mapper.catch_up(&Ahead { cost_ns: 1e8, ..product }, &machine(1)), "too long a wait");
        assert!(!mapper.catch_up(&Ahead { fusible_bytes: 1 << 20, ..product }, &machine(1)), "too much to store");
    }
}
