//! The largest machine of the talk, 27,648 shards, planned on one: work and messages are those of the neighbours, not of the machine.

use super::group::Group;
use super::map::Mapping;
use super::plan::{LaunchPlan, MovePlan, Transfer};
use super::version::States;
use crate::error::Provenance;
use crate::geometry::{Point, Rect};
use crate::id::{FieldId, OpId, ReductionId, ShardId, TaskId};
use crate::operation::{Create, Cut, Launch, Operand, Privilege, TaskArgs};
use crate::region::partition::PIECES_ASKED;
use crate::region::{Distribution, Partition, Sharding, Tiling};
use crate::store::{Access, Coordinate};
use smallvec::SmallVec;
use std::sync::Arc;

#[derive(Debug)]
struct NoArgs;
impl TaskArgs for NoArgs {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
    fn encode(&self, _: &mut Vec<u8>) {}
}

const HUGE: u32 = 27_648;
const GRID: FieldId = FieldId(0);
const WORK: FieldId = FieldId(1);
const DELTA: FieldId = FieldId(2);

fn tiled(bounds: &Rect, tile: &[i64], shards: u32) -> Distribution {
    let partition = Partition::tiles(&Tiling { bounds: bounds.clone(), tile: tile.into() });
    Distribution::tiled(partition, Sharding::Block, shards)
}

/// A grid of tiles of 100 x 100 points and an inside of the same tiles; `rows · columns` shards.
fn states(rows: i64, columns: i64) -> (States, Rect, Distribution) {
    let shards = (rows * columns) as u32;
    let grid = Rect::from_shape(&[100 * rows + 2, 100 * columns + 2]);
    let inside = Rect::from_shape(&[100 * rows, 100 * columns]);
    let mut states = States::new(shards);
    for (field, bounds) in [(GRID, &grid), (WORK, &inside), (DELTA, &Rect::from_shape(&[]))] {
        states.create(&Create { field, bounds: bounds.clone(), size: 8, align: 8 });
    }
    let spread = tiled(&inside, &[100, 100], shards);
    // The outermost tiles of the grid are one point wider.
    let tiles = Rect::new([1, 1].as_slice(), [100 * rows + 1, 100 * columns + 1].as_slice());
    let owners = tiled(&tiles, &[100, 100], shards);
    let Distribution::Tiled { partition, sharding } = owners else { unreachable!("there are many tiles") };
    let partition = partition.pull_back(&Access::identity(2), &grid).partition;
    states.get_mut(GRID).distribution = Some(Distribution::tiled(partition, sharding, shards));
    (states, inside, spread)
}

fn shifted(row: i64, column: i64) -> Access {
    let coords = [Coordinate::strided(row, 1, 0), Coordinate::strided(column, 1, 1)];
    Access { domain_rank: 2, coords: coords.into_iter().collect() }
}

fn plan(
    states: &mut States,
    inside: &Rect,
    spread: &Distribution,
    operands: &[(FieldId, Access, Privilege)],
    after: &[Option<Distribution>],
    me: u32,
) -> (LaunchPlan, u64) {
    let operand = |(field, access, privilege): &(FieldId, Access, Privilege)| Operand {
        field: *field,
        access: access.clone(),
        privilege: *privilege,
    };
    let launch = Launch {
        id: OpId(0),
        task: TaskId(0),
        args: Arc::new(NoArgs),
        domain: inside.clone(),
        operands: operands.iter().map(operand).collect(),
        cuts: SmallVec::from_slice(&[Cut::Tree { granule: 100 }, Cut::Free]),
        provenance: Provenance::default(),
    };
    let group = Group::single(&launch, 0);
    let mapping = Mapping { spread: spread.clone(), prepare: Vec::new(), after: after.iter().cloned().collect() };
    let before = PIECES_ASKED.get();
    let plan = states.plan_launch(&group, &mapping, ShardId(me));
    (plan, PIECES_ASKED.get() - before)
}

/// One step of the heat program in tiles, as shard `me` plans it: (pieces asked for, sends, receives, join steps).
fn heat_step(rows: i64, columns: i64, me: u32) -> (u64, usize, usize, usize) {
    use Privilege::{ReadOnly, Reduce, WriteDiscard};
    let (mut states, inside, spread) = states(rows, columns);
    let reads = [(1, 1), (0, 1), (1, 2), (1, 0), (2, 1)].map(|(r, c)| (GRID, shifted(r, c), ReadOnly));
    let mut operands = reads.to_vec();
    operands.push((WORK, Access::identity(2), WriteDiscard));
    operands.push((DELTA, Access::constant(2, &[]), Reduce(ReductionId(0))));
    let mut after = vec![None; 5];
    after.extend([Some(spread.clone()), Some(Distribution::Replicated)]);
    let (first, asked) = plan(&mut states, &inside, &spread, &operands, &after, me);
    let back = [(WORK, Access::identity(2), ReadOnly), (GRID, shifted(1, 1), WriteDiscard)];
    let (second, more) = plan(&mut states, &inside, &spread, &back, &[None, None], me);
    assert!(second.sends.is_empty() && second.recvs.is_empty(), "what was computed here is written here");
    assert_eq!(first.points.len(), 1);
    assert_eq!(states.get(GRID).held, []);
    let steps = first.join.map_or(0, |join| join.steps.len());
    (asked + more, first.sends.len(), first.recvs.len(), steps)
}

#[test]
fn a_heat_step_costs_the_same_on_any_machine() {
    // An inner shard of 4 x 4, 16 x 27 and 128 x 216 shards: four neighbours each.
    let small = heat_step(4, 4, 5);
    let middle = heat_step(16, 27, 40);
    let huge = heat_step(128, 216, 1000);
    assert_eq!(128 * 216, i64::from(HUGE));
    assert_eq!((small.1, small.2), (4, 4));
    assert_eq!((middle.1, middle.2), (4, 4));
    assert_eq!((huge.1, huge.2), (4, 4));
    assert!(huge.0 <= 80, "an inner shard asks for {} pieces", huge.0);
    assert_eq!(middle.0, huge.0);
    assert!(huge.3 <= 2 * 15, "joining takes logarithmically many steps, not {}", huge.3);
    // Shard 0 is the root of the join.
    assert!(heat_step(128, 216, 0).3 <= 2 * 15);
}

#[test]
fn transposed_reversed_and_strided_reads_find_their_few_partners() {
    let n = i64::from(HUGE) * 64;
    let line = Rect::from_shape(&[n]);
    let half = Rect::from_shape(&[n / 2 - 100]);
    let reversed = Access { domain_rank: 1, coords: [Coordinate::strided(n - 1, -1, 0)].into_iter().collect() };
    let strided = Access { domain_rank: 1, coords: [Coordinate::strided(200, 2, 0)].into_iter().collect() };
    for (access, domain, partners) in [(reversed, &line, 1), (strided, &half, 2)] {
        let mut states = States::new(HUGE);
        for field in [GRID, WORK] {
            states.create(&Create { field, bounds: line.clone(), size: 1 << 20, align: 8 });
        }
        states.get_mut(GRID).distribution = Some(tiled(&line, &[64], HUGE));
        let tile: Point = [domain.extent(0).unsigned_abs().div_ceil(HUGE.into()) as i64].as_slice().into();
        let spread = tiled(domain, &tile, HUGE);
        let operands = [(GRID, access, Privilege::ReadOnly)];
        let launch = plan(&mut states, domain, &spread, &operands, &[None], 5000);
        assert!(launch.0.recvs.len() <= partners && launch.0.sends.len() <= partners, "{launch:?}");
        assert!(!launch.0.recvs.is_empty());
        assert!(launch.1 <= 40, "it asks for {} pieces", launch.1);
    }
}

fn sent(plan: &MovePlan) -> impl Iterator<Item = &Transfer> {
    plan.rounds.iter().flat_map(|round| &round.sends)
}
fn received(plan: &MovePlan) -> impl Iterator<Item = &Transfer> {
    plan.rounds.iter().flat_map(|round| &round.recvs)
}

#[test]
fn one_value_reaches_all_shards_along_a_tree() {
    let mut states = States::new(HUGE);
    states.create(&Create { field: DELTA, bounds: Rect::from_shape(&[]), size: 8, align: 8 });
    states.create(&Create { field: WORK, bounds: Rect::from_shape(&[100_000]), size: 8, align: 8 });
    states.get_mut(DELTA).distribution = Some(Distribution::Single(ShardId(7)));
    let domain = Rect::from_shape(&[100_000]);
    let spread = tiled(&domain, &[4], HUGE);
    for me in [7, 0, 20_000] {
        let mut states = states.clone();
        let operands = [
            (DELTA, Access::constant(1, &[]), Privilege::ReadOnly),
            (WORK, Access::identity(1), Privilege::WriteDiscard),
        ];
        let (plan, asked) = plan(&mut states, &domain, &spread, &operands, &[None, Some(spread.clone())], me);
        let tell = &plan.prepare[0];
        assert!(sent(tell).count() <= 15 && received(tell).count() == usize::from(me != 7));
        assert!(plan.sends.is_empty() && plan.recvs.is_empty() && asked <= 20, "{asked}");
    }
}

#[test]
fn a_vector_that_all_need_comes_together_in_logarithmically_many_messages() {
    let (rows, columns) = (i64::from(HUGE), 1000);
    let vector = Rect::from_shape(&[rows]);
    let domain = Rect::from_shape(&[columns, rows]);
    let spread = tiled(&domain, &[1, rows], HUGE);
    let mut states = States::new(HUGE);
    for (field, bounds) in [(DELTA, &vector), (WORK, &domain)] {
        states.create(&Create { field, bounds: bounds.clone(), size: 8, align: 8 });
    }
    states.get_mut(DELTA).distribution = Some(tiled(&vector, &[1], HUGE));
    let across = Access { domain_rank: 2, coords: [Coordinate::strided(0, 1, 1)].into_iter().collect() };
    for me in [0, 7, 20_000, HUGE - 1] {
        let mut states = states.clone();
        let operands =
            [(DELTA, across.clone(), Privilege::ReadOnly), (WORK, Access::identity(2), Privilege::WriteDiscard)];
        let (first, asked) = plan(&mut states, &domain, &spread, &operands, &[None, Some(spread.clone())], me);
        let [gather] = first.prepare.as_slice() else { panic!("one move: {:?}", first.prepare) };
        assert!(sent(gather).count() <= 2 * 15 && received(gather).count() <= 2 * 15);
        let elements: u64 = received(gather).map(|t| t.rect.volume()).sum();
        assert_eq!(elements, u64::from(HUGE) - 1, "each element comes once");
        assert!(first.sends.is_empty() && first.recvs.is_empty() && asked <= 20, "{asked}");
        let (second, _) = plan(&mut states, &domain, &spread, &operands, &[None, Some(spread.clone())], me);
        assert_eq!(second.prepare, [], "it is kept");
    }
}
