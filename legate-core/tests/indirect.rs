//! Copies that an index steers: what they do, what goes between ranks, and what goes wrong.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Array, Op, Setup, World, line, write};
use legate_core::profile::Stats;
use legate_core::store::{Access, Store};
use legate_core::{Error, FailureKind, TaskFailure};

fn setup(ranks: u32) -> Setup {
    Setup { ranks, network_seed: u64::from(ranks), ..Setup::default() }
}

fn gather(world: &World, table: &Array, index: &Array, at: u32) -> Array {
    let shape: Vec<i64> = index.shape.iter().chain(&table.shape[1..]).copied().collect();
    let out = world.empty(&shape);
    world.runtime.gather(world.store(&out), world.store(table), world.store(index), &line(at)).unwrap();
    out
}

fn scatter(world: &World, table: &Array, index: &Array, values: &Array, at: u32) {
    let (table, values, index) = (world.store(table), world.store(values), world.store(index));
    world.runtime.scatter(table, values, index, &line(at)).unwrap();
}

fn failure(world: &World, array: &Array) -> TaskFailure {
    match world.values(array) {
        Err(Error::Task(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

/// Numbers of `0..rows`, in no order; those counted from the end are negative.
fn numbers(points: i64, rows: i64) -> Vec<i64> {
    let number = |p: i64| (p * 7919 + p * p % 13) % rows;
    (0..points).map(|p| if p % 3 == 0 { number(p) - rows } else { number(p) }).collect()
}

#[test]
fn rows_go_where_they_are_wanted_and_the_last_of_several_wins() {
    for ranks in 0..10 {
        let world = setup(ranks).start();
        for (rows, points, width) in [(50, 200, 1), (64, 30, 3), (7, 100, 2), (1, 9, 4), (300, 1, 1)] {
            let list = numbers(points, rows);
            let (table, index) = (world.iota(&[rows, width]), world.attach(&list, &[points]));
            let out = gather(&world, &table, &index, 5);
            let row = |p: i64| list[p as usize].rem_euclid(rows);
            let expected: Vec<i64> =
                (0..points).flat_map(|p| (0..width).map(move |c| (p, c))).map(|(p, c)| row(p) * width + c).collect();
            assert_eq!(world.values(&out).unwrap(), expected, "{ranks} ranks, {rows} {points} {width}");

            let values = world.iota(&[points, width]);
            scatter(&world, &table, &index, &values, 6);
            let mut expected: Vec<i64> = (0..rows * width).collect();
            for p in 0..points {
                (0..width).for_each(|c| expected[(row(p) * width + c) as usize] = p * width + c);
            }
            assert_eq!(world.values(&table).unwrap(), expected, "{ranks} ranks, {rows} {points} {width}");
        }
    }
}

#[test]
fn a_rank_needs_no_more_than_what_it_asks_for() {
    let (ranks, rows, points) = (4, 200_000, 20_000);
    let world = setup(ranks).start();
    let list = numbers(points, rows);
    let (table, index) = (world.iota(&[rows]), world.attach(&list, &[points]));
    let values = world.iota(&[points]);
    world.runtime.fence(&|| false).unwrap();
    let owner = |at: i64, extent: i64| at / (extent / i64::from(ranks));
    let crossing =
        (0..points).filter(|p| owner(list[*p as usize].rem_euclid(rows), rows) != owner(*p, points)).count() as u64;
    let moved = |act: &dyn Fn()| {
        let Stats { message_bytes, messages, .. } = world.runtime.stats();
        act();
        world.runtime.fence(&|| false).unwrap();
        let after = world.runtime.stats();
        (after.message_bytes - message_bytes, after.messages - messages)
    };
    let pairs = u64::from(ranks * (ranks - 1));
    // The number of a row has four bytes, an element eight.
    let gathered = moved(&|| drop(gather(&world, &table, &index, 5)));
    assert_eq!(gathered, (crossing * 12, 2 * pairs));
    let scattered = moved(&|| scatter(&world, &table, &index, &values, 6));
    assert_eq!(scattered, (crossing * 12, pairs));
    let peak = world.runtime.stats().peak_bytes;
    assert!(
        peak < 2 * 8 * rows as u64,
        "{peak} bytes on all ranks; a table on each would be {}",
        8 * rows * i64::from(ranks)
    );
}

#[test]
fn what_is_lost_on_one_rank_is_lost_on_all_and_the_runtime_goes_on() {
    for ranks in [0, 1, 2, 3, 7] {
        let world = setup(ranks).start();
        let bad = |shape: &[i64], at: u32| {
            let out = world.empty(shape);
            world.launch(Op::Fail, shape, vec![write(&out, Access::identity(shape.len()))], at);
            out
        };
        let (table, index) = (world.iota(&[40]), world.attach(&numbers(30, 40), &[30]));
        assert_eq!(failure(&world, &gather(&world, &bad(&[40], 7), &index, 8)).0.provenance, line(7));
        assert_eq!(failure(&world, &gather(&world, &table, &bad(&[30], 9), 10)).0.provenance, line(9));
        let other = world.iota(&[40]);
        scatter(&world, &other, &index, &bad(&[30], 11), 12);
        assert_eq!(failure(&world, &other).0.provenance, line(11));
        let sound = gather(&world, &table, &index, 13);
        assert_eq!(world.values(&sound).unwrap()[1], numbers(30, 40)[1]);
        assert!(world.runtime.fence(&|| false).is_ok());
    }
}

#[test]
fn a_number_of_no_row_is_an_error_where_the_result_is_read() {
    for ranks in [0, 2, 3] {
        let world = setup(ranks).start();
        let (table, index) = (world.iota(&[40]), world.attach(&[3, 40, -41, 5, 6, 7], &[6]));
        let report = failure(&world, &gather(&world, &table, &index, 8));
        assert_eq!((report.0.kind, report.0.provenance.line), (FailureKind::Error, 8), "{report}");
        assert!(report.0.message.contains("is out of bounds for 40 rows"), "{report}");
        scatter(&world, &table, &index, &world.iota(&[6]), 9);
        assert_eq!(failure(&world, &table).0.provenance, line(9));
        assert!(world.runtime.fence(&|| false).is_ok());
    }
}

#[test]
fn contradictions_are_refused_at_the_call() {
    let world = setup(2).start();
    let (table, index, out) = (world.iota(&[40, 2]), world.attach(&[1, 2, 3], &[3]), world.empty(&[3, 2]));
    let (table, index, out) = (world.store(&table), world.store(&index), world.store(&out));
    let refused = |dst: &Store, src: &Store, at: &Store| {
        let refused = world.runtime.gather(dst.clone(), src.clone(), at.clone(), &line(1));
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    };
    refused(&table, &table, &index);
    refused(&out, &out, &index);
    refused(&out, &table, &table);
    refused(&index, &table, &index);
    assert!(world.runtime.gather(out, table, index, &line(1)).is_ok());
}
