//! Loops: their windows are recognised, and what was worked out for one serves the others.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Array, Op, Setup, World, read, write};
use legate_core::operation::{Operand, Privilege};
use legate_core::runtime::Replay;
use legate_core::store::{Access, Coordinate};

/// `inside of a = sum of two shifted views of a`, through a temporary.
fn smooth(world: &World, a: &Array, at: u32) {
    let n = a.shape[0];
    let inside = |shift| Access { domain_rank: 1, coords: [Coordinate::strided(shift, 1, 0)].into_iter().collect() };
    let sum = world.empty(&[n - 2]);
    world.launch(Op::Add, &[n - 2], vec![read(a, inside(0)), read(a, inside(2)), write(&sum, Access::identity(1))], at);
    world.launch(Op::Copy, &[n - 2], vec![read(&sum, Access::identity(1)), write(a, inside(1))], at);
}

/// A loop of five launches without a look, and what it ends with. Returns how many windows there were and how many were replayed.
fn long_loop(world: &World, rounds: u32) -> (Vec<i64>, u64, u64) {
    let before = world.runtime.stats();
    let mut a = world.iota(&[100]);
    for at in 0..rounds {
        smooth(world, &a, at);
        smooth(world, &a, at);
        a = world.add(&a, &a, at);
    }
    let values = world.values(&a).unwrap();
    let after = world.runtime.stats();
    (values, after.windows - before.windows, after.replayed - before.replayed)
}

#[test]
fn a_loop_that_windows_cut_is_replayed_and_gives_the_same() {
    for ranks in [0, 1, 3] {
        let off = Setup { ranks, replay: Replay::Off, ..Setup::default() };
        let (expected, windows, replayed) = long_loop(&off.start(), 1600);
        assert_eq!(replayed, 0);
        for replay in [Replay::On, Replay::Check] {
            let setup = Setup { ranks, replay, ..Setup::default() };
            let (values, same_windows, replayed) = long_loop(&setup.start(), 1600);
            assert_eq!((values, same_windows), (expected.clone(), windows));
            assert!(windows >= 15 && replayed + 5 >= windows, "{replayed} of {windows} windows on {ranks} ranks");
        }
    }
}

#[test]
fn a_loop_that_looks_is_replayed_from_its_third_round() {
    let world = Setup::default().start();
    let a = world.iota(&[50]);
    for round in 0..10 {
        let before = world.runtime.stats().replayed;
        let b = world.fold(&world.add(&a, &a, 1), 2);
        world.values(&b).unwrap();
        // The first round's window also makes `a`; from the third on the pattern is known.
        assert_eq!(world.runtime.stats().replayed - before, u64::from(round >= 3), "round {round}");
    }
}

#[test]
fn what_differs_is_not_replayed() {
    let world = Setup::default().start();
    let (a, b) = (world.iota(&[50]), world.iota(&[50]));
    world.runtime.flush();
    let launch = |op: Op, operands: Vec<Operand>| {
        world.launch(op, &[50], operands, 1);
        world.runtime.flush();
        world.runtime.stats().replayed
    };
    let whole = Access::identity(1);
    let fill = |value: i64| launch(Op::Fill(value), vec![write(&b, whole.clone())]);
    // Each with its like twice before, then arguments that differ.
    assert_eq!([fill(1), fill(1), fill(1), fill(2), fill(1)], [0, 0, 1, 1, 2]);
    let add = |x: &Array, y: &Array| {
        launch(Op::Add, vec![read(x, whole.clone()), read(y, whole.clone()), write(&b, whole.clone())])
    };
    // The same operation on one field and on two is not the same window.
    assert_eq!([add(&a, &a), add(&a, &a), add(&a, &a)], [2, 2, 3]);
    let c = world.iota(&[50]);
    world.runtime.flush();
    assert_eq!(add(&a, &c), 3);
    // Nor is it with other privileges.
    let in_place = Operand { privilege: Privilege::ReadWrite, ..write(&b, whole.clone()) };
    assert_eq!(launch(Op::AddTo, vec![in_place, read(&a, whole.clone())]), 3);
    let expected: Vec<i64> = (0..50).map(|i| 3 * i).collect();
    assert_eq!(world.values(&b).unwrap(), expected);
}

#[test]
fn a_temporary_that_lives_on_is_another_pattern() {
    let world = Setup::default().start();
    let a = world.iota(&[50]);
    world.runtime.flush();
    let mut kept = Vec::new();
    for round in 0..20 {
        let twice = world.add(&a, &a, 1);
        let thrice = world.add(&twice, &a, 2);
        if round % 2 == 0 {
            kept.push(twice);
        } else {
            drop(twice);
        }
        kept.push(thrice);
        world.runtime.flush();
    }
    assert_eq!(world.runtime.stats().replayed, 16);
    for (k, array) in kept.iter().enumerate() {
        let factor = if k % 3 == 0 { 2 } else { 3 };
        assert_eq!(world.values(array).unwrap(), (0..50).map(|i| factor * i).collect::<Vec<i64>>(), "{k}");
    }
}

#[test]
fn more_windows_than_are_remembered_are_right_all_the_same() {
    let world = Setup::default().start();
    for round in 0..3 {
        for value in 0..400 {
            let array = world.empty(&[3]);
            world.launch(Op::Fill(value), &[3], vec![write(&array, Access::identity(1))], 1);
            assert_eq!(world.values(&array).unwrap(), [value; 3], "round {round}");
        }
    }
    assert_eq!(world.runtime.stats().replayed, 0, "each is forgotten before it comes again");
}
