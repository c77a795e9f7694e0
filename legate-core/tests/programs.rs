//! Random programs: the same bytes, and the same failures, on one shard and on any number of ranks, with any mapper, fused or not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::launched::{self, Run};
use common::{Array, Op, Setup, World, line, read, write};
use legate_core::Error;
use legate_core::geometry::Point;
use legate_core::id::ShardId;
use legate_core::operation::{Cut, Operand, Privilege};
use legate_core::runtime::{ExecutorKind, Replay};
use legate_core::store::{Access, Coordinate, Store};
use legate_core::transport::{SimNetwork, Transport};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use std::sync::Arc;
use std::time::Duration;

/// A step of a program. Numbers are taken modulo what there is to choose from.
#[derive(Clone, Debug)]
enum Step {
    /// A new array of a shape.
    Iota(usize),
    /// A new array of host values.
    Attach(usize),
    /// `new = view of a + view of b`.
    Add(usize, usize, Views),
    /// `view of c = view of a + view of b`.
    AddInto([usize; 3], Views),
    /// `view of a += view of b`.
    AddTo(usize, usize, Views),
    /// `view of a = value`.
    Fill(usize, i64, Views),
    /// `new = fold of a along its rows`.
    Fold(usize),
    /// `new = a, reshaped`; perhaps `a` is dropped at once.
    Reshape(usize, usize, bool),
    /// `view of a = ?`, which fails.
    Fail(usize, Views),
    /// `inside of a = sum of shifted views of a`, perhaps backward: what is written was read before. Perhaps the new sum is folded, or added again.
    Stencil(usize, Views),
    /// Folds along rows, what is made of them, folds along columns: groups that share their rows.
    Rows(usize, u8),
    /// `new = view of a at an index`, perhaps into a part of the new array.
    Gather(usize, Views),
    /// `view of a at an index = view of new`: of several points with one row the last wins.
    Scatter(usize, Views),
    /// The handle goes away.
    Drop(usize),
    /// A look at a view.
    Look(usize, Views),
}

/// How operands are seen: numbers from which views of a common shape are made.
type Views = Vec<u8>;

const SHAPES: [&[i64]; 10] =
    [&[60], &[17], &[12, 5], &[5, 12], &[3, 20], &[9, 9], &[4, 3, 5], &[1], &[90, 2], &[75, 3]];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let views = || prop::collection::vec(any::<u8>(), 12);
    let at = || any::<usize>();
    let step = prop_oneof![
        2 => at().prop_map(Step::Iota),
        1 => at().prop_map(Step::Attach),
        4 => (at(), at(), views()).prop_map(|(a, b, v)| Step::Add(a, b, v)),
        4 => ([at(), at(), at()], views()).prop_map(|(abc, v)| Step::AddInto(abc, v)),
        2 => (at(), at(), views()).prop_map(|(a, b, v)| Step::AddTo(a, b, v)),
        2 => (at(), any::<i64>(), views()).prop_map(|(a, value, v)| Step::Fill(a, value, v)),
        2 => at().prop_map(Step::Fold),
        2 => (at(), at(), any::<bool>()).prop_map(|(a, shape, drop)| Step::Reshape(a, shape, drop)),
        1 => (at(), views()).prop_map(|(a, v)| Step::Fail(a, v)),
        3 => (at(), views()).prop_map(|(a, v)| Step::Stencil(a, v)),
        4 => (at(), any::<u8>()).prop_map(|(a, how)| Step::Rows(a, how)),
        3 => (at(), views()).prop_map(|(a, v)| Step::Gather(a, v)),
        3 => (at(), views()).prop_map(|(a, v)| Step::Scatter(a, v)),
        2 => at().prop_map(Step::Drop),
        1 => (at(), views()).prop_map(|(a, v)| Step::Look(a, v)),
    ];
    prop::collection::vec(step, 1..30)
}

/// A shape that views of all the arrays can have, and the views: slices with steps of either sign, transposed or not.
fn views(arrays: &[&Array], numbers: &[u8]) -> Option<(Point, Vec<Access>)> {
    let rank = arrays.iter().map(|array| array.shape.len()).min()?;
    let mut numbers = numbers.iter().copied().cycle();
    let mut next = |below: i64| i64::from(numbers.next().expect("a cycle has no end")) % below.max(1);
    let transposed: Vec<bool> = arrays.iter().map(|_| rank > 1 && next(4) == 0).collect();
    // Which dimension of an array the `d`-th of its view is: the last ones; leading ones get a constant.
    let dim = |k: usize, d: usize| {
        let d = if transposed[k] { rank - 1 - d } else { d };
        arrays[k].shape.len() - rank + d
    };
    let mut shape = Point::new();
    for d in 0..rank {
        let most = (0..arrays.len()).map(|k| arrays[k].shape[dim(k, d)]).min()?;
        shape.push(if next(2) == 0 { most } else { 1 + next(most) });
    }
    let mut accesses = Vec::new();
    for (k, array) in arrays.iter().enumerate() {
        let mut coords: Vec<Coordinate> =
            array.shape.iter().map(|extent| Coordinate::constant(next(*extent))).collect();
        for (d, points) in shape.iter().enumerate() {
            let extent = array.shape[dim(k, d)];
            let most_step = if *points > 1 { (extent - 1) / (points - 1) } else { 1 };
            let step = 1 + if next(3) == 0 { next(most_step) } else { 0 };
            let reach = step * (points - 1);
            let start = next(extent - reach);
            coords[dim(k, d)] = if next(5) == 0 {
                Coordinate::strided(start + reach, -step, d)
            } else {
                Coordinate::strided(start, step, d)
            };
        }
        accesses.push(Access { domain_rank: rank as u8, coords: coords.into_iter().collect() });
    }
    Some((shape, accesses))
}

/// Views of an array's inside, shifted by -1, 0 or 1 along each dimension, some of them backward.
fn shifted(inner: &[i64], numbers: &[u8]) -> Access {
    let mut access = Access::identity(inner.len());
    for (d, n) in inner.iter().enumerate() {
        let number = numbers[d % numbers.len()];
        let shift = i64::from(number % 3);
        access.coords[d] = match number / 3 % 4 {
            0 => Coordinate::strided(shift + n - 1, -1, d),
            _ => Coordinate::strided(shift, 1, d),
        };
    }
    access
}

/// One step of [`Step::Stencil`].
fn stencil(world: &World, a: &Array, numbers: &[u8], at: u32) -> Vec<Array> {
    let inner: Point = a.shape.iter().map(|n| n - 2).collect();
    if inner.is_empty() || inner.iter().any(|n| *n < 1) {
        return Vec::new();
    }
    let view = |k: usize| shifted(&inner, &numbers[k..]);
    let whole = Access::identity(inner.len());
    let sum = world.empty(&inner);
    let launch = |op, operands| world.launch(op, &inner, operands, at);
    launch(Op::Add, vec![read(a, view(0)), read(a, view(1)), write(&sum, whole.clone())]);
    let mut made = Vec::new();
    if numbers[9].is_multiple_of(3) {
        made.push(world.fold(&sum, at));
    }
    let back = view(2);
    if numbers[9].is_multiple_of(2) {
        launch(Op::Copy, vec![read(&sum, whole.clone()), write(a, back.clone())]);
    }
    // Once more, through the same access or another.
    let again = if numbers[10].is_multiple_of(2) { back } else { view(3) };
    launch(Op::Add, vec![read(&sum, whole.clone()), read(a, again.clone()), write(a, again.clone())]);
    if numbers[10].is_multiple_of(3) {
        let seen = world.empty(&inner);
        launch(Op::Copy, vec![read(a, view(4)), write(&seen, whole)]);
        made.push(seen);
    }
    if numbers[11].is_multiple_of(2) {
        made.push(sum);
    }
    made
}

/// `z = rows of a folded`, `e = z + z`, `g = columns of (a + e) folded`, and perhaps `a += e`, `h = fold of e`, `z` looked at.
fn rows(world: &World, a: &Array, how: u8, at: u32) -> Vec<Array> {
    let (bit, rank) = (|k: u8| how >> k & 1 == 1, a.shape.len());
    if rank < 2 {
        return Vec::new();
    }
    let z = world.fold_rows(a, at);
    let e = world.add(&z, &z, at);
    let mut by_row = Access::identity(rank);
    by_row.coords.pop();
    let sum = if bit(0) { a.clone() } else { world.empty(&a.shape) };
    let whole = Access::identity(rank);
    let operands = vec![read(a, whole.clone()), read(&e, by_row), write(&sum, whole)];
    world.launch(Op::Add, &a.shape, operands, at);
    let mut made = vec![world.fold(&sum, at)];
    if bit(1) {
        made.push(world.fold(&e, at));
    }
    if bit(2) {
        made.push(world.fold_rows(&sum, at));
    }
    if bit(3) {
        made.push(z);
    }
    if bit(4) {
        made.push(sum);
    }
    made
}

/// A store of `count` rows of some extents within an array that has more, from its end on or from its beginning.
fn some_rows(array: &Array, count: i64, number: u8) -> Store {
    let mut store =
        Store { field: array.field.id(), shape: array.shape.clone(), access: Access::identity(array.shape.len()) };
    let spare = array.shape[0] - count;
    store.shape[0] = count;
    store.access.coords[0] = match number % 3 {
        0 => Coordinate::strided(spare + count - 1, -1, 0),
        _ => Coordinate::strided(spare, 1, 0),
    };
    store
}

/// An index of `points` numbers of `rows` rows, some of them several times, some counted from the end.
fn index(world: &World, points: i64, rows: i64, numbers: &[u8]) -> (Array, Store) {
    let (step, salt) = (1 + i64::from(numbers[0]), i64::from(numbers[1]));
    let number = |p: i64| {
        let row = (p * step + p * p / 3 + salt) % rows;
        if (p + salt) % 5 == 0 { row - rows } else { row }
    };
    let values: Vec<i64> = (0..points + 3).map(number).collect();
    let array = world.attach(&values, &[points + 3]);
    let rows = some_rows(&array, points, numbers[2]);
    (array, rows)
}

/// One step of [`Step::Gather`] or [`Step::Scatter`].
fn indirect(world: &World, a: &Array, numbers: &[u8], scatters: bool, at: u32) -> Option<Array> {
    let (shape, access) = views(&[a], numbers)?;
    let rows = *shape.first()?;
    let points = 1 + i64::from(numbers[3] % 40);
    let table = Store { field: a.field.id(), shape: shape.clone(), access: access[0].clone() };
    let (_held, index) = index(world, points, rows, &numbers[4..]);
    let (mut list, spare) = (shape, i64::from(numbers[8] % 2) * 2);
    list[0] = points + spare;
    let whole = spare == 0 && !numbers[9].is_multiple_of(3);
    // What is gathered may be all of an array that had no values.
    let array = if whole && !scatters { world.empty(&list) } else { world.iota(&list) };
    let values = if whole { world.store(&array) } else { some_rows(&array, points, numbers[9]) };
    if scatters {
        world.runtime.scatter(table, values, index, &line(at)).unwrap();
        return None;
    }
    world.runtime.gather(values, table, index, &line(at)).unwrap();
    Some(array)
}

/// What a look at an array shows.
type Seen = Result<Vec<i64>, u32>;

fn look(world: &World, store: &Store) -> Seen {
    world.view_values(store).map_err(|error| match error {
        Error::Task(failure) => failure.0.provenance.line,
        other => panic!("{other}"),
    })
}

/// Everything that a program sees. Launches that contradict themselves are refused, the same ones everywhere.
///
/// The steps are done `rounds` times, with what was made in a round forgotten at its end: windows come again.
fn run(world: &World, steps: &[Step], rounds: usize) -> Vec<Seen> {
    run_hoarding(world, steps, rounds, false)
}

/// `hoards`: no handle goes away before the end, as if garbage were collected late.
fn run_hoarding(world: &World, steps: &[Step], rounds: usize, hoards: bool) -> Vec<Seen> {
    let mut hoard: Vec<Array> = Vec::new();
    let mut arrays = vec![world.iota(SHAPES[0]), world.iota(SHAPES[2])];
    let mut seen = Vec::new();
    for _ in 1..rounds {
        seen.extend(round(world, steps, &mut arrays));
        hoard.extend(arrays.iter().filter(|_| hoards).cloned());
        arrays.truncate(2);
        world.runtime.flush();
    }
    seen.extend(round(world, steps, &mut arrays));
    seen.extend(arrays.iter().map(|array| look(world, &world.store(array))));
    world.runtime.fence(&|| false).unwrap();
    seen
}

/// What the looks of one round see.
fn round(world: &World, steps: &[Step], arrays: &mut Vec<Array>) -> Vec<Seen> {
    let mut seen = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let at = at as u32 + 100;
        let pick = |k: usize| arrays[k % arrays.len()].clone();
        let into = |array: &Array, access: &Access, privilege| Operand {
            field: array.field.id(),
            access: access.clone(),
            privilege,
        };
        let launch = |op, shape: &Point, operands| {
            let cuts = shape.iter().map(|_| Cut::Free).collect();
            let refused = world.try_launch(op, shape, operands, cuts, at);
            assert!(matches!(refused, Ok(()) | Err(Error::Invalid(_))));
        };
        match step {
            Step::Iota(shape) => arrays.push(world.iota(SHAPES[shape % SHAPES.len()])),
            Step::Attach(shape) => {
                let shape = SHAPES[shape % SHAPES.len()];
                let values: Vec<i64> = (0..shape.iter().product()).map(|i: i64| i * i - 7).collect();
                arrays.push(world.attach(&values, shape));
            }
            Step::Add(a, b, v) => {
                let (a, b) = (pick(*a), pick(*b));
                let Some((shape, access)) = views(&[&a, &b], v) else { continue };
                let out = world.empty(&shape);
                let operands = vec![
                    read(&a, access[0].clone()),
                    read(&b, access[1].clone()),
                    write(&out, Access::identity(shape.len())),
                ];
                launch(Op::Add, &shape, operands);
                arrays.push(out);
            }
            Step::AddInto([a, b, c], v) => {
                let (a, b, c) = (pick(*a), pick(*b), pick(*c));
                let Some((shape, access)) = views(&[&a, &b, &c], v) else { continue };
                let operands =
                    vec![read(&a, access[0].clone()), read(&b, access[1].clone()), write(&c, access[2].clone())];
                launch(Op::Add, &shape, operands);
            }
            Step::AddTo(a, b, v) => {
                let (a, b) = (pick(*a), pick(*b));
                let Some((shape, access)) = views(&[&a, &b], v) else { continue };
                let operands = vec![into(&a, &access[0], Privilege::ReadWrite), read(&b, access[1].clone())];
                launch(Op::AddTo, &shape, operands);
            }
            Step::Fill(a, value, v) => {
                let a = pick(*a);
                let Some((shape, access)) = views(&[&a], v) else { continue };
                launch(Op::Fill(*value), &shape, vec![write(&a, access[0].clone())]);
            }
            Step::Fail(a, v) => {
                let a = pick(*a);
                let Some((shape, access)) = views(&[&a], v) else { continue };
                launch(Op::Fail, &shape, vec![write(&a, access[0].clone())]);
            }
            Step::Stencil(a, v) => arrays.extend(stencil(world, &pick(*a), v, at)),
            Step::Rows(a, how) => arrays.extend(rows(world, &pick(*a), *how, at)),
            Step::Gather(a, v) => arrays.extend(indirect(world, &pick(*a), v, false, at)),
            Step::Scatter(a, v) => arrays.extend(indirect(world, &pick(*a), v, true, at)),
            Step::Fold(a) => {
                let a = pick(*a);
                if !a.shape.is_empty() {
                    arrays.push(world.fold(&a, at));
                }
            }
            Step::Reshape(a, shape, drop_it) => {
                let (index, array) = (a % arrays.len(), pick(*a));
                let shape = SHAPES[shape % SHAPES.len()];
                if let Ok(field) = world.runtime.reshape(&array.field, shape, &line(at)) {
                    let reshaped = Array { field, shape: Point::from_slice(shape) };
                    if *drop_it { arrays[index] = reshaped } else { arrays.push(reshaped) }
                }
            }
            Step::Drop(a) if arrays.len() > 2 => {
                arrays.swap_remove(a % arrays.len());
            }
            Step::Drop(_) => {}
            Step::Look(a, v) => {
                let a = pick(*a);
                let Some((shape, access)) = views(&[&a], v) else { continue };
                seen.push(look(world, &Store { field: a.field.id(), shape, access: access[0].clone() }));
            }
        }
    }
    seen
}

/// The same values; all of them, if no step fails.
fn compare(found: &[Seen], expected: &[Seen], steps: &[Step]) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        // A launch that fails poisons its pieces: which points of a view are lost depends on how it is cut. Values never do.
        if let (Ok(found), Ok(expected)) = (found, expected) {
            prop_assert_eq!(found, expected);
        }
        if steps.iter().all(|step| !matches!(step, Step::Fail(..))) {
            prop_assert!(found.is_ok());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_ranks_any_mapper_any_executor(
        steps in steps(),
        ranks in prop::sample::select(vec![0u32, 1, 2, 3, 7]),
        network_seed: u64,
        mapper_seed: Option<u64>,
        chunks in 1u32..8,
        serial: bool,
        fuse: bool,
        rounds in 1usize..5,
    ) {
        let replay = Replay::Off;
        let plain = Setup { executor: ExecutorKind::Serial, chunks: 1, fuse: false, replay, ..Setup::default() };
        let expected = run(&plain.start(), &steps, rounds);
        let executor = if serial { ExecutorKind::Serial } else { ExecutorKind::Parallel };
        let setup = Setup { ranks, network_seed, mapper_seed, chunks, executor, fuse, ..Setup::default() };
        let found = run(&setup.start(), &steps, rounds);
        compare(&found, &expected, &steps)?;
    }

    #[test]
    fn ranks_that_each_run_the_program_or_follow_one_that_does_see_what_one_sees(
        steps in steps(),
        ranks in prop::sample::select(vec![1u32, 2, 3, 5]),
        network_seed: u64,
        mapper_seed: Option<u64>,
        chunks in 1u32..8,
        serial: bool,
        fuse: bool,
        rounds in 1usize..4,
        led: bool,
    ) {
        let replay = Replay::Off;
        let plain = Setup { executor: ExecutorKind::Serial, chunks: 1, fuse: false, replay, ..Setup::default() };
        let expected = run(&plain.start(), &steps, rounds);
        let executor = if serial { ExecutorKind::Serial } else { ExecutorKind::Parallel };
        let setup = Setup { mapper_seed, chunks, executor, fuse, ..Setup::default() };
        let network = SimNetwork::new(ranks, network_seed);
        let rank = |rank: u32| {
            let transport = Arc::new(network.transport(ShardId(rank)));
            if led {
                let world = setup.join_led(transport);
                if rank > 0 {
                    world.runtime.follow(&|| false).expect("nobody is lost");
                    return None;
                }
                let seen = run(&world, &steps, rounds);
                world.runtime.dismiss();
                return Some(seen);
            }
            let world = setup.join(transport);
            // What dies when differs between the ranks.
            Some(run_hoarding(&world, &steps, rounds, rank % 2 == 1))
        };
        let found: Vec<Option<Vec<Seen>>> = std::thread::scope(|scope| {
            let ranks: Vec<_> = (0..ranks).map(|k| scope.spawn(move || rank(k))).collect();
            ranks.into_iter().map(|rank| rank.join().expect("a rank does not panic")).collect()
        });
        for found in found.iter().flatten() {
            compare(found, &expected, &steps)?;
        }
        // Ranks compare what they have seen without waiting for it.
        let settled = (0..2000).any(|_| network.unmatched() == 0 || { std::thread::sleep(Duration::from_millis(1)); false });
        prop_assert!(settled, "{} messages are left", network.unmatched());
    }

    #[test]
    fn without_memory_values_are_lost_but_never_wrong(
        steps in steps(),
        ranks in prop::sample::select(vec![0u32, 1, 2, 3]),
        network_seed: u64,
        mapper_seed: Option<u64>,
        memory_bytes in 2_000u64..30_000,
        serial: bool,
    ) {
        let replay = Replay::Off;
        let plain = Setup { executor: ExecutorKind::Serial, chunks: 1, fuse: false, replay, ..Setup::default() };
        let expected = run(&plain.start(), &steps, 1);
        let executor = if serial { ExecutorKind::Serial } else { ExecutorKind::Parallel };
        let setup = Setup { ranks, network_seed, mapper_seed, memory_bytes, executor, ..Setup::default() };
        let found = run(&setup.start(), &steps, 1);
        for (found, expected) in found.iter().zip(&expected) {
            if let (Ok(found), Ok(expected)) = (found, expected) {
                prop_assert_eq!(found, expected);
            }
        }
    }
}

/// To be started by a launcher, on as many ranks as there are to be, with `LEGATE_COMM_PLUGIN` (and perhaps `LEGATE_COMM_LIBRARY`) set.
#[test]
#[ignore = "runs under a launcher: see `cargo xtask test mpi`"]
fn processes_see_what_one_sees() {
    let network = launched::join();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for number in 0..200 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let steps: Vec<Step> = steps.into_iter().filter(|step| !matches!(step, Step::Fail(..))).collect();
        let plain = Setup { executor: ExecutorKind::Serial, chunks: 1, fuse: false, ..Setup::default() };
        let expected = run(&plain.start(), &steps, 2);
        let setup =
            Setup { mapper_seed: (number % 2 == 0).then_some(number), fuse: number % 3 > 0, ..Setup::default() };
        let world = setup.join(Arc::new(Run { network: network.clone(), number }));
        let found = run_hoarding(&world, &steps, 2, network.rank().0 == 1);
        if found != expected {
            network.abort(1);
        }
        assert_eq!(found, expected);
    }
    network.leave().unwrap();
}
