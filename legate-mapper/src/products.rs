//! Products of two matrices: of the ways to cut one, the one that takes the least time.
//!
//! The result may be cut into blocks of rows, of columns, or into a grid of tiles: on `R × C` shards each needs a panel of `1/R` of the first factor and one of
//! `1/C` of the second, so a square grid brings `√N` times less than blocks of rows, whose shards all need the second factor whole (van de Geijn, Watts: SUMMA, 1997). Where what is
//! folded is long and the result small, the fold is cut, the factors stay where they are, and partial results travel.

use crate::Thresholds;
use legate_core::geometry::{Point, Rect};
use legate_core::id::ShardId;
use legate_core::mapping::{LaunchInfo, LaunchMapping, MachineView, OperandInfo};
use legate_core::operation::{Cut, Privilege};
use legate_core::region::{Distribution, Sharding};

/// What is computed from a grid is often used with what lies in rows: a grid has to be so much better.
const GRID_GAIN: f64 = 0.75;

/// A launch that reads two operands, each of which leaves out a dimension of the domain that the other uses and the result has.
pub(crate) struct Product<'a> {
    launch: &'a LaunchInfo,
    /// The result's dimensions.
    sides: [usize; 2],
    /// The folded dimension that may be cut.
    folded: Option<usize>,
}

impl<'a> Product<'a> {
    /// If the launch is one.
    pub(crate) fn of(launch: &'a LaunchInfo) -> Option<Product<'a>> {
        let rank = launch.domain.rank();
        let is_result = |o: &&OperandInfo| o.privilege.writes();
        let kept = |d: usize| launch.operands.iter().filter(is_result).all(|o| o.access.uses(d));
        if rank < 3 || (0..rank).all(kept) {
            return None;
        }
        let may_cut = |d: usize| matches!(launch.cuts[d], Cut::Free | Cut::Granule(_)) && launch.domain.extent(d) > 1;
        let left_out = |o: &OperandInfo| (0..rank).find(|d| may_cut(*d) && kept(*d) && !o.access.uses(*d));
        let mut sides = launch.operands.iter().filter(|o| o.privilege == Privilege::ReadOnly).filter_map(left_out);
        let first = sides.next()?;
        let second = sides.find(|side| *side != first)?;
        let folded = (0..rank).find(|d| !kept(*d) && matches!(launch.cuts[*d], Cut::Tree { .. }));
        Some(Product { launch, sides: [first.min(second), first.max(second)], folded })
    }

    /// Where it takes least time, as far as the policy's numbers tell.
    pub(crate) fn mapping(&self, machine: &MachineView, thresholds: &Thresholds) -> LaunchMapping {
        let shards = i64::from(machine.shards);
        let time = |tile: &Point| self.time_ns(tile, machine, thresholds);
        let grid = |rows: i64| self.tile(&[(self.sides[0], rows), (self.sides[1], shards / rows)]);
        let blocks = grid(shards);
        let (mut best, mut least) = (blocks.clone(), GRID_GAIN * time(&blocks));
        let grids = (1..shards).filter(|rows| shards % rows == 0).map(grid);
        for tile in grids.chain(self.folded.map(|dim| self.tile(&[(dim, shards)]))) {
            let needed = time(&tile);
            if needed < least {
                (best, least) = (tile, needed);
            }
        }
        LaunchMapping::Tile { tile: best, sharding: Sharding::Block }
    }

    /// Tiles that cut these dimensions into so many parts each, where the launch may be cut.
    fn tile(&self, parts: &[(usize, i64)]) -> Point {
        let mut tile = self.launch.domain.shape();
        for &(dim, parts) in parts {
            let granule = match self.launch.cuts[dim] {
                Cut::Granule(granule) | Cut::Tree { granule } => granule.max(1),
                Cut::Free | Cut::Never => 1,
            };
            tile[dim] = (tile[dim] as u64).div_ceil(parts as u64).next_multiple_of(granule) as i64;
        }
        tile
    }

    /// The time that the busiest of three shards takes: it receives what it lacks, and computes. (Partial results go up a tree and down.)
    fn time_ns(&self, tile: &Point, machine: &MachineView, thresholds: &Thresholds) -> f64 {
        let domain = &self.launch.domain;
        let grid: Point =
            (0..domain.rank()).map(|d| (domain.extent(d) as u64).div_ceil(tile[d] as u64) as i64).collect();
        let colors: i64 = grid.iter().product();
        let share = tile.iter().zip(domain.shape()).map(|(t, all)| (*t).min(all) as f64 / all as f64).product::<f64>();
        let computing = self.launch.cost_ns * share / f64::from(machine.cores);
        let received = [0, colors / 2, colors - 1].map(|color| {
            let piece = piece(domain, tile, &grid, color);
            let owner = Sharding::Block.owner(legate_core::id::Color(color as u64), colors as u64, machine.shards);
            self.launch.operands.iter().map(|operand| lacking(operand, &piece, owner, machine.shards)).sum::<u64>()
        });
        let rounds = if self.folded.is_some_and(|dim| grid[dim] > 1) { 2 * machine.shards.ilog2().max(1) } else { 0 };
        let written = self.launch.operands.iter().filter(|o| o.privilege.writes());
        let partial = written.map(|o| o.image.volume() * u64::from(o.element_bytes)).sum::<u64>() * u64::from(rounds);
        let moved = received.into_iter().max().unwrap_or(0) + partial;
        computing + moved as f64 / thresholds.network_bytes_per_ns
    }
}

/// A tile of a domain that begins at the origin.
fn piece(domain: &Rect, tile: &Point, grid: &Point, color: i64) -> Rect {
    let mut rest = color;
    let mut piece = domain.clone();
    for d in (0..grid.len()).rev() {
        let index = rest % grid[d];
        rest /= grid[d];
        piece.lo[d] = domain.lo[d] + index * tile[d];
        piece.hi[d] = (piece.lo[d] + tile[d]).min(domain.hi[d]);
    }
    piece
}

/// Bytes of what a piece reads that its shard does not own.
fn lacking(operand: &OperandInfo, piece: &Rect, shard: ShardId, shards: u32) -> u64 {
    if !operand.privilege.reads() {
        return 0;
    }
    let image = operand.access.image(piece);
    let own = match &operand.distribution {
        None | Some(Distribution::Replicated) => return 0,
        Some(owners) => owners.extent(&Rect::from_shape(&operand.field_shape), shard, shards),
    };
    (image.volume() - image.intersect(&own).volume()) * u64::from(operand.element_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DefaultMapper;
    use crate::testing::{launch, machine, operand, rows_of};
    use legate_core::id::ReductionId;
    use legate_core::mapping::Mapper;
    use legate_core::store::{Access, Coordinate};

    fn along(dims: [usize; 2]) -> Access {
        Access { domain_rank: 3, coords: dims.map(|d| Coordinate::strided(0, 1, d)).into_iter().collect() }
    }

    /// The product of an m by k and a k by n matrix, both in blocks of rows.
    fn product([m, n, k]: [i64; 3], fold: Cut, shards: u32) -> LaunchInfo {
        let factor =
            |shape: [i64; 2], dims| OperandInfo { access: along(dims), ..rows_of(&shape, Privilege::ReadOnly, shards) };
        let c = OperandInfo { access: along([0, 1]), ..operand(&[m, n], Privilege::Reduce(ReductionId(0))) };
        let operands = vec![factor([m, k], [0, 2]), factor([k, n], [2, 1]), c];
        launch("gemm", &[m, n, k], &[Cut::Granule(256), Cut::Granule(256), fold], operands)
    }

    fn tile(launch: &LaunchInfo, shards: u32) -> Vec<i64> {
        // A fifth of a petaflop a rank: what counts is what moves.
        let launch = LaunchInfo { cost_ns: launch.domain.volume() as f64 * 1e-5, ..launch.clone() };
        match DefaultMapper::new().launch(&launch, &machine(shards)) {
            LaunchMapping::Tile { tile, sharding: Sharding::Block } => tile.to_vec(),
            other => panic!("it is cut into tiles, not {other:?}"),
        }
    }

    #[test]
    fn large_squares_are_cut_into_a_grid_and_few_shards_have_rows() {
        let square = |shards| tile(&product([32_768, 32_768, 32_768], Cut::Never, shards), shards);
        assert_eq!(square(2), [16_384, 32_768, 32_768]);
        assert_eq!(square(16), [8192, 8192, 32_768]);
        assert_eq!(square(64), [4096, 4096, 32_768]);
    }

    #[test]
    fn a_wide_product_is_cut_where_its_large_factor_is_not_needed_twice() {
        // The second factor is small: all get it.
        assert_eq!(tile(&product([1 << 20, 512, 512], Cut::Never, 16), 16), [1 << 16, 512, 512]);
        // The first is small, and the second is dealt out in columns.
        assert_eq!(tile(&product([512, 1 << 20, 512], Cut::Never, 16), 16), [512, 1 << 16, 512]);
    }

    #[test]
    fn a_small_result_of_a_long_fold_is_joined_from_partial_ones() {
        let k = 1 << 24;
        let mut gram = product([64, 64, k], Cut::Tree { granule: 1024 }, 8);
        // X.T @ X: the first factor is the second one, transposed.
        gram.operands[0] = OperandInfo { access: along([2, 0]), ..gram.operands[1].clone() };
        assert_eq!(tile(&gram, 8), [64, 64, k / 8]);
    }

    #[test]
    fn what_is_no_product_is_not_asked() {
        let elementwise =
            launch("add", &[10, 10, 10], &[Cut::Free; 3], vec![operand(&[10, 10, 10], Privilege::WriteDiscard)]);
        assert!(Product::of(&elementwise).is_none());
    }
}
