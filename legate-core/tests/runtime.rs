//! The runtime on one shard and on simulated ranks: values, failures, memory.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Array, GRANULE, Op, Setup, World, fold_tree, line, mix, read, write};
use legate_core::geometry::Point;
use legate_core::id::ShardId;
use legate_core::runtime::ExecutorKind;
use legate_core::store::{Access, Store};
use legate_core::transport::Null;
use std::sync::Arc;

#[test]
fn what_is_launched_is_fetched() {
    let world = Setup::default().start();
    let a = world.iota(&[6, 7]);
    let b = world.add(&a, &a, 3);
    let expected: Vec<i64> = (0..42).map(|i| 2 * i).collect();
    assert_eq!(world.values(&b).unwrap(), expected);
}

#[test]
fn large_launches_run_in_chunks_on_several_threads() {
    let world = Setup { chunks: 16, ..Setup::default() }.start();
    let n = 300_000;
    let a = world.iota(&[n]);
    let b = world.add(&a, &a, 3);
    let values = world.values(&b).unwrap();
    assert!(values.iter().enumerate().all(|(i, value)| *value == 2 * i as i64));
    assert!(world.runtime.stats().tasks >= 16);
}

fn expected_fold(n: i64) -> i64 {
    let leaf = |i: i64| (i + 1..(i + GRANULE as i64).min(n)).fold(i, mix);
    fold_tree(&(0..n).step_by(GRANULE as usize).map(leaf).collect::<Vec<_>>())
}

#[test]
fn a_fold_has_one_parenthesisation_for_any_number_of_chunks() {
    for n in [1, 7, 8, 9, 100, 1000, 1025, 4096] {
        for chunks in [1, 2, 3, 7, 16] {
            for executor in [ExecutorKind::Serial, ExecutorKind::Parallel] {
                let world = Setup { chunks, executor, ..Setup::default() }.start();
                let sum = world.fold(&world.iota(&[n]), 3);
                assert_eq!(world.values(&sum).unwrap(), [expected_fold(n)], "{n} in {chunks}");
            }
        }
    }
}

/// A program with views, writes into parts, reductions, reshapes. Returns everything it can see.
fn program(world: &World) -> Vec<Vec<i64>> {
    let a = world.iota(&[37, 12]);
    let b = world.add(&a, &a, 10);
    // b[1:-1, :] of a shifted sum
    let inner = |shift: i64| {
        let mut access = Access::identity(2);
        access.coords[0].offset = shift;
        access
    };
    let c = world.empty(&[35, 12]);
    world.launch(Op::Add, &[35, 12], vec![read(&b, inner(0)), read(&b, inner(2)), write(&c, Access::identity(2))], 11);
    world.launch(Op::Copy, &[35, 12], vec![read(&c, Access::identity(2)), write(&b, inner(1))], 12);
    let sum = world.fold(&b, 13);
    let flat_field = world.runtime.reshape(&b.field, &[444], &line(14)).unwrap();
    let flat = Array { field: flat_field, shape: shape(&[444]) };
    let total = world.fold(&flat, 15);
    let attached = world.attach(&(0..444).map(|i| i * i).collect::<Vec<_>>(), &[37, 12]);
    let d = world.add(&attached, &b, 16);
    let back = world.runtime.reshape(&flat.field, &[12, 37], &line(17)).unwrap();
    let back = Array { field: back, shape: shape(&[12, 37]) };
    // Transposed.
    let mut transposed = Access::identity(2);
    transposed.coords.reverse();
    let e = world.empty(&[37, 12]);
    world.launch(
        Op::Add,
        &[37, 12],
        vec![read(&back, transposed.clone()), read(&d, Access::identity(2)), write(&e, Access::identity(2))],
        18,
    );
    let column = Store { field: e.field.id(), shape: shape(&[12, 37]), access: transposed };
    let seen = [&sum, &total, &d, &e, &b].map(|array| world.values(array).unwrap());
    let mut seen = seen.to_vec();
    seen.push(world.view_values(&column).unwrap());
    seen
}

fn shape(extents: &[i64]) -> Point {
    Point::from_slice(extents)
}

#[test]
fn equal_bytes_on_any_number_of_ranks_with_any_mapper() {
    let serial = Setup { executor: ExecutorKind::Serial, chunks: 1, ..Setup::default() };
    let expected = program(&serial.start());
    for ranks in [0, 1, 2, 3, 7] {
        for seed in 0..6 {
            for executor in [ExecutorKind::Serial, ExecutorKind::Parallel] {
                let mapper_seed = (seed > 0).then_some(seed);
                let setup = Setup { ranks, network_seed: seed, mapper_seed, executor, ..Setup::default() };
                assert_eq!(program(&setup.start()), expected, "{setup:?}");
            }
        }
    }
}

#[test]
fn a_rank_of_a_machine_that_is_not_there_plans_and_does_nothing() {
    let null = Null { rank: ShardId(1000), shards: 27_648 };
    let world = Setup { executor: ExecutorKind::Absent, ..Setup::default() }.join(Arc::new(null));
    let values = program(&world);
    let lengths: Vec<usize> = values.iter().map(Vec::len).collect();
    let real = program(&Setup::default().start());
    assert_eq!(lengths, real.iter().map(Vec::len).collect::<Vec<_>>());
    assert!(values.iter().flatten().all(|value| *value == 0) && real.iter().flatten().any(|value| *value != 0));
    let stats = world.runtime.stats();
    assert_eq!((stats.tasks, stats.peak_bytes), (0, 0));
    assert!(stats.windows > 0);
}

#[test]
fn temporaries_that_nobody_holds_are_never_in_memory() {
    let world = Setup::default().start();
    let n = 100_000;
    let a = world.iota(&[n]);
    world.runtime.fence(&|| false).unwrap();
    let before = world.runtime.stats();
    let mut sum = world.add(&a, &a, 3);
    for at in 0..10 {
        sum = world.add(&sum, &a, at);
    }
    let values: Vec<i64> = (0..n).map(|i| 12 * i).collect();
    assert_eq!(world.values(&sum).unwrap(), values);
    let after = world.runtime.stats();
    assert_eq!((after.groups - before.groups, after.fused - before.fused), (1, 11));
    assert!(after.peak_bytes - before.live_bytes < 2 * 8 * n as u64, "one array is made: {before:?} {after:?}");
}

/// `a[lo..hi] = a[lo - 1..hi - 1] + a[lo + 1..hi + 1]`, by way of an array; the groups it takes and what `a` is then.
fn stencil(world: &World, n: i64, lo: i64, hi: i64) -> (u64, Vec<i64>) {
    let a = world.iota(&[n]);
    world.runtime.fence(&|| false).unwrap();
    let before = world.runtime.stats().groups;
    let view = |shift: i64| {
        let mut access = Access::identity(1);
        access.coords[0].offset = lo + shift;
        access
    };
    let (work, inner) = (world.empty(&[hi - lo]), [hi - lo]);
    world.launch(Op::Add, &inner, vec![read(&a, view(-1)), read(&a, view(1)), write(&work, Access::identity(1))], 11);
    world.launch(Op::Copy, &inner, vec![read(&work, Access::identity(1)), write(&a, view(0))], 12);
    drop(work);
    world.runtime.fence(&|| false).unwrap();
    (world.runtime.stats().groups - before, world.values(&a).unwrap())
}

#[test]
fn what_was_read_is_overwritten_in_the_same_pass_if_it_is_most_of_its_field() {
    let expected = |n, lo, hi| (0..n).map(|i| if lo <= i && i < hi { 2 * i } else { i }).collect::<Vec<i64>>();
    for ranks in [0, 1, 3] {
        let world = Setup { ranks, ..Setup::default() }.start();
        assert_eq!(stencil(&world, 1000, 1, 999), (1, expected(1000, 1, 999)));
        assert_eq!(stencil(&world, 1000, 100, 599), (2, expected(1000, 100, 599)), "more would be copied than written");
    }
    let apart = Setup { fuse: false, ..Setup::default() }.start();
    assert_eq!(stencil(&apart, 1000, 1, 999), (2, expected(1000, 1, 999)));
}

/// Folds along rows, something made of them, a fold along columns; how many groups shared their rows.
fn by_rows(setup: &Setup, rows: i64) -> (u64, Vec<i64>, Vec<i64>) {
    let world = setup.start();
    let (a, whole) = (world.iota(&[rows, 6]), Access::identity(2));
    world.runtime.fence(&|| false).unwrap();
    let z = world.fold_rows(&a, 11);
    let error = world.add(&z, &z, 12);
    let (sum, mut by_row) = (world.empty(&a.shape), whole.clone());
    by_row.coords.pop();
    world.launch(Op::Add, &a.shape, vec![read(&a, whole.clone()), read(&error, by_row), write(&sum, whole)], 13);
    let columns = world.fold(&sum, 14);
    drop((z, sum));
    let seen = (world.values(&columns).unwrap(), world.values(&error).unwrap());
    (world.runtime.stats().in_rows, seen.0, seen.1)
}

#[test]
fn groups_that_share_their_rows_run_block_by_block_and_give_the_same_bits() {
    for rows in [1, 8, 100, 1000, 1024, 3001] {
        let (apart, columns, error) = by_rows(&Setup { fuse: false, ..Setup::default() }, rows);
        assert_eq!(apart, 0);
        for (ranks, chunks, executor) in [
            (0, 1, ExecutorKind::Serial),
            (0, 3, ExecutorKind::Parallel),
            (0, 8, ExecutorKind::Parallel),
            (1, 3, ExecutorKind::Parallel),
            (2, 3, ExecutorKind::Parallel),
            (3, 2, ExecutorKind::Parallel),
            (7, 1, ExecutorKind::Parallel),
        ] {
            let setup = Setup { ranks, chunks, executor, ..Setup::default() };
            let (together, c, e) = by_rows(&setup, rows);
            assert_eq!((&c, &e), (&columns, &error), "{rows} rows, {setup:?}");
            // On several ranks the fold of columns may begin its pieces elsewhere.
            let least = if ranks < 2 { 3 } else { 2 };
            assert!(together >= least || rows < 100 * i64::from(ranks.max(1)), "{rows} rows, {setup:?}: {together}");
        }
    }
}

#[test]
fn full_windows_end_where_a_loop_begins_anew() {
    let run = |fuse: bool, ranks: u32| {
        let world = Setup { fuse, ranks, ..Setup::default() }.start();
        let view = |shift: i64| {
            let mut access = Access::identity(1);
            access.coords[0].offset = shift;
            access
        };
        let (a, inner) = (world.iota(&[100]), [98]);
        let mut kept = Vec::new();
        let mut sums = Vec::new();
        for _ in 0..300 {
            let work = world.empty(&inner);
            let both = vec![read(&a, view(0)), read(&a, view(2)), write(&work, Access::identity(1))];
            world.launch(Op::Add, &inner, both, 11);
            sums.push(world.fold(&work, 12));
            world.launch(Op::Copy, &inner, vec![read(&work, Access::identity(1)), write(&a, view(1))], 13);
            // As a variable does until it is bound anew.
            kept = vec![work];
        }
        world.runtime.fence(&|| false).unwrap();
        let stats = world.runtime.stats();
        let sums: Vec<i64> = sums.iter().flat_map(|sum| world.values(sum).unwrap()).collect();
        (stats, world.values(&a).unwrap(), world.values(&kept[0]).unwrap(), sums)
    };
    let (stats, a, work, sums) = run(true, 0);
    for (fuse, ranks) in [(false, 0), (true, 1), (true, 3)] {
        let (_, other, other_work, other_sums) = run(fuse, ranks);
        assert_eq!((&other, &other_work, &other_sums), (&a, &work, &sums));
    }
    assert!(stats.windows >= 3, "{} windows", stats.windows);
    assert_eq!(stats.groups, 1 + 300, "no round is torn apart");
}
