//! What goes wrong shows where results are read, with the line that caused it, and the runtime goes on.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Array, Op, Setup, World, line, read, write};
use legate_core::mapping::{FieldMapping, LaunchInfo, LaunchMapping, MachineView, Mapper};
use legate_core::operation::{Cut, Operand, Privilege};
use legate_core::profile::{Explained, Explanation};
use legate_core::store::{Access, Coordinate};
use legate_core::{Error, FailureKind, TaskFailure};
use std::sync::Arc;

fn setups() -> impl Iterator<Item = Setup> {
    [0, 1, 2, 3, 7].into_iter().map(|ranks| Setup { ranks, ..Setup::default() })
}

/// `out = op`, from nothing.
fn make(world: &World, op: Op, shape: &[i64], at: u32) -> Array {
    let out = world.empty(shape);
    world.launch(op, shape, vec![write(&out, Access::identity(shape.len()))], at);
    out
}

fn failure(world: &World, array: &Array) -> TaskFailure {
    match world.values(array) {
        Err(Error::Task(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

/// Without fusion: a body that is made of several fails as one.
#[test]
fn a_panic_poisons_what_is_computed_from_it_and_nothing_else() {
    for setup in setups().map(|setup| Setup { fuse: false, ..setup }) {
        let world = setup.start();
        let good = world.iota(&[40]);
        let bad = make(&world, Op::Panic, &[40], 77);
        let worse = world.add(&good, &bad, 78);
        let still_worse = world.add(&worse, &good, 79);
        let fine = world.add(&good, &good, 80);
        let sum = world.fold(&still_worse, 81);
        for array in [&bad, &worse, &still_worse, &sum] {
            let report = failure(&world, array);
            assert_eq!((report.0.kind, report.0.message.as_str()), (FailureKind::Panic, "as the test wants"));
            assert_eq!(report.0.provenance, line(77), "{setup:?}");
        }
        assert_eq!(world.values(&fine).unwrap()[39], 78);
        assert!(world.runtime.fence(&|| false).is_ok());
    }
}

#[test]
fn an_error_is_reported_and_overwriting_heals() {
    for setup in setups() {
        let world = setup.start();
        let array = make(&world, Op::Fail, &[40], 5);
        assert_eq!(failure(&world, &array).0.kind, FailureKind::Error);
        assert_eq!(failure(&world, &array).0.provenance, line(5), "a failure stays until it is overwritten");
        world.launch(Op::Fill(3), &[40], vec![write(&array, Access::identity(1))], 6);
        assert_eq!(world.values(&array).unwrap(), [3; 40]);
    }
}

#[test]
fn a_failed_write_of_a_part_leaves_the_rest() {
    for setup in setups() {
        let world = setup.start();
        let array = world.iota(&[40]);
        let tail = Access { domain_rank: 1, coords: [Coordinate::strided(30, 1, 0)].into_iter().collect() };
        world.launch(Op::Fail, &[10], vec![write(&array, tail.clone())], 5);
        let head = legate_core::store::Store { shape: [20].into_iter().collect(), ..world.store(&array) };
        assert_eq!(world.view_values(&head).unwrap(), (0..20).collect::<Vec<_>>(), "{setup:?}");
        assert!(world.values(&array).is_err());
        world.launch(Op::Fill(1), &[10], vec![write(&array, tail)], 6);
        assert_eq!(world.values(&array).unwrap()[28..32], [28, 29, 1, 1]);
    }
}

#[test]
fn too_large_an_array_is_refused_and_the_rest_goes_on() {
    for ranks in [0, 2] {
        let world = Setup { memory_bytes: 64 << 20, ranks, ..Setup::default() }.start();
        let small = world.iota(&[1000]);
        let large = world.iota(&[1 << 30]);
        let sum = world.add(&large, &large, 9);
        let report = failure(&world, &sum);
        assert_eq!((report.0.kind, report.0.provenance.clone()), (FailureKind::OutOfMemory, line(1)));
        assert!(report.0.message.contains("8000 bytes") || ranks > 0, "lists what is there: {}", report.0.message);
        assert_eq!(world.values(&small).unwrap()[999], 999);
    }
}

#[test]
fn memory_in_flight_is_waited_for_before_a_refusal() {
    // Each array takes a quarter of the memory, and only two are alive at a time.
    let world = Setup { memory_bytes: 16 << 20, ..Setup::default() }.start();
    let mut array = world.iota(&[1 << 19]);
    for round in 0..20 {
        array = world.add(&array, &array, round);
        world.runtime.flush();
    }
    assert_eq!(world.values(&array).unwrap()[3], 3 << 20);
}

#[test]
fn a_loop_that_drops_its_arrays_stays_at_constant_memory() {
    for setup in setups() {
        let world = setup.start();
        let a = world.iota(&[20_000]);
        let mut blocks = Vec::new();
        for round in 0..300 {
            let b = world.add(&a, &a, round);
            let c = world.add(&b, &a, round);
            drop(b);
            if round % 30 == 29 {
                assert_eq!(world.values(&c).unwrap()[5], 15);
                world.runtime.fence(&|| false).unwrap();
                blocks.push(world.runtime.stats().fresh_blocks);
            }
        }
        let stats = world.runtime.stats();
        assert!(stats.peak_bytes < 400 * 160_000, "{setup:?} {stats:?}");
        assert!(blocks[9] - blocks[4] <= blocks[4] / 4, "few new blocks once it runs: {blocks:?}");
    }
}

#[test]
fn what_the_front_end_holds_is_not_written_behind_its_back() {
    for setup in setups() {
        let world = setup.start();
        let a = world.iota(&[50]);
        let held = world.runtime.fetch(&world.store(&a), &line(1)).unwrap().wait(&|| false).unwrap();
        world.launch(Op::Fill(9), &[50], vec![write(&a, Access::identity(1))], 2);
        assert_eq!(world.values(&a).unwrap(), [9; 50]);
        assert_eq!(common::decode(&held), (0..50).collect::<Vec<_>>());
        let b = world.attach(&[1, 2, 3], &[3]);
        let in_place = Operand { field: b.field.id(), access: Access::identity(1), privilege: Privilege::ReadWrite };
        let three = world.attach(&[10, 10, 10], &[3]);
        world.launch(Op::AddTo, &[3], vec![in_place, read(&three, Access::identity(1))], 3);
        assert_eq!(world.values(&b).unwrap(), [11, 12, 13]);
    }
}

#[test]
fn what_dies_gives_its_memory_to_what_is_made_of_it() {
    let n = 1 << 18;
    let values = |factor: i64| (0..n).map(|i| factor * i).collect::<Vec<_>>();
    let peak = |fuse| {
        let world = Setup { fuse, ..Setup::default() }.start();
        let mut array = world.iota(&[n]);
        for round in 0..5 {
            array = world.add(&array, &array, round);
            world.runtime.flush();
        }
        let peak = world.runtime.stats().peak_bytes;
        assert_eq!(world.values(&array).unwrap(), values(32));
        peak
    };
    let (one, apart) = (peak(true), peak(false));
    assert!(2 * one <= apart, "{one} bytes, without reuse {apart}");
}

#[test]
fn what_lives_on_keeps_its_memory() {
    for setup in setups() {
        let world = setup.start();
        let n = 1000;
        let (a, b) = (world.iota(&[n]), world.iota(&[n]));
        let held = world.runtime.fetch(&world.store(&a), &line(1)).unwrap().wait(&|| false).unwrap();
        // The front end holds the buffer of one operand, and has a handle of the other.
        let sum = world.add(&a, &b, 2);
        drop(a);
        world.runtime.flush();
        // Both operands die, and one of them is read in reverse order.
        let reversed = Access { domain_rank: 1, coords: [Coordinate::strided(n - 1, -1, 0)].into_iter().collect() };
        let (c, d) = (world.iota(&[n]), world.empty(&[n]));
        world.runtime.flush();
        let operands = vec![read(&c, reversed.clone()), read(&c, Access::identity(1)), write(&d, Access::identity(1))];
        world.launch(Op::Add, &[n], operands, 3);
        drop(c);
        assert_eq!(world.values(&d).unwrap(), vec![n - 1; n as usize]);
        assert_eq!(world.values(&sum).unwrap(), (0..n).map(|i| 2 * i).collect::<Vec<_>>());
        assert_eq!(world.values(&b).unwrap(), (0..n).collect::<Vec<_>>());
        assert_eq!(common::decode(&held), (0..n).collect::<Vec<_>>());
    }
}

#[test]
fn the_fold_of_nothing_is_the_identity() {
    for setup in setups() {
        let world = setup.start();
        let nothing = world.empty(&[0, 4]);
        assert_eq!(world.values(&world.fold(&nothing, 1)).unwrap(), [7; 4]);
        assert_eq!(world.values(&nothing).unwrap(), [0i64; 0]);
    }
}

#[test]
fn contradictions_are_refused_at_the_call() {
    let world = Setup::default().start();
    let a = world.iota(&[10]);
    let id = Access::identity(1);
    let shifted = Access { domain_rank: 1, coords: [Coordinate::strided(1, 1, 0)].into_iter().collect() };
    let broadcast = Access::constant(1, &[0]);
    let out = world.empty(&[10]);
    let reduce = Operand { field: out.field.id(), access: broadcast.clone(), privilege: Privilege::Reduce(world.mix) };
    let cases: Vec<(&str, Vec<Operand>, Vec<Cut>)> = vec![
        ("out of bounds", vec![read(&a, shifted.clone()), write(&out, id.clone())], vec![Cut::Free]),
        ("cuts", vec![write(&out, id.clone())], vec![]),
        ("one element", vec![write(&out, broadcast)], vec![Cut::Free]),
        ("ranks", vec![write(&out, Access::identity(2))], vec![Cut::Free]),
        ("folded and free", vec![read(&a, id.clone()), reduce], vec![Cut::Free]),
    ];
    for (case, operands, cuts) in cases {
        let refused = world.try_launch(Op::Copy, &[10], operands, cuts, 1);
        assert!(matches!(refused, Err(Error::Invalid(_))), "{case}");
    }
    let overlapping = vec![read(&a, shifted), write(&a, id)];
    assert!(world.try_launch(Op::Copy, &[9], overlapping, vec![Cut::Free], 1).is_err());
    assert_eq!(world.values(&a).unwrap(), (0..10).collect::<Vec<_>>(), "nothing was enqueued");
}

#[test]
fn a_wait_is_given_up_when_asked_and_the_runtime_can_be_dropped() {
    let world = Setup { chunks: 1, ..Setup::default() }.start();
    let mut array = world.iota(&[500_000]);
    for at in 0..10 {
        array = world.add(&array, &array, at);
    }
    let fetched = world.runtime.fetch(&world.store(&array), &line(1)).unwrap();
    // Either the answer was faster than the first question, or the wait is given up.
    match fetched.wait(&|| true) {
        Err(Error::Interrupted) => {}
        other => assert!(other.is_ok()),
    }
}

/// Answers as the test mapper does, but for one rank, which it breaks.
struct BreaksRankOne(common::TestMapper);

impl Mapper for BreaksRankOne {
    fn name(&self) -> &str {
        "breaks rank 1"
    }
    fn inline(&self, points: u64, bytes: u64, machine: &MachineView) -> bool {
        self.0.inline(points, bytes, machine)
    }
    fn launch(&self, launch: &LaunchInfo, machine: &MachineView) -> LaunchMapping {
        self.0.launch(launch, machine)
    }
    fn field(&self, shape: &[i64], element_bytes: u32, machine: &MachineView) -> FieldMapping {
        self.0.field(shape, element_bytes, machine)
    }
    fn chunks(&self, points: u64, cost_ns: f64, bytes: u64, machine: &MachineView) -> u32 {
        assert_ne!(std::thread::current().name(), Some("sim-rank-1"), "rank 1 breaks");
        self.0.chunks(points, cost_ns, bytes, machine)
    }
}

#[test]
fn a_rank_that_dies_is_told_to_all_and_nobody_hangs() {
    let mapper = |setup: &Setup| BreaksRankOne(common::TestMapper { seed: setup.mapper_seed, chunks: setup.chunks });
    let setup = Setup { ranks: 3, ..Setup::default() };
    let world = setup.start_with(Arc::new(mapper(&setup)));
    let array = world.iota(&[60]);
    let sum = world.add(&array, &array, 4);
    let report = failure(&world, &world.fold(&sum, 5));
    assert_eq!(report.0.kind, FailureKind::Transport);
    assert!(report.0.message.contains("rank 1 breaks"), "{report}");
    assert!(matches!(world.runtime.fence(&|| false), Err(Error::Task(_))));
}

#[test]
fn spans_name_stages_and_tasks_with_their_lines() {
    let world = Setup { ranks: 2, ..Setup::default() }.start();
    world.runtime.profiler().enable(true);
    let array = world.iota(&[60]);
    // The fold would take it along.
    world.runtime.flush();
    let sum = world.fold(&array, 41);
    world.values(&sum).unwrap();
    world.runtime.fence(&|| false).unwrap();
    let (spans, records) = world.runtime.profiler().take();
    let fold = |span: &&legate_core::profile::Span| span.category == "task" && span.name == "Fold";
    let lines: Vec<u32> = spans.iter().filter(fold).map(|span| span.provenance.line).collect();
    assert!(lines.len() >= 2 && lines.iter().all(|line| *line == 41), "{lines:?}");
    assert!(["fuse", "map", "plan", "submit", "retire"].iter().all(|stage| spans.iter().any(|s| s.name == *stage)));
    assert!(spans.iter().any(|span| span.category == "message" && span.bytes > 0));
    let shards = spans.iter().map(|span| span.shard.0).max();
    assert_eq!(shards, Some(1));
    let trace: serde_json::Value = serde_json::from_str(&legate_core::profile::trace_json(&spans, &records)).unwrap();
    assert_eq!(trace["traceEvents"].as_array().unwrap().len(), spans.len() + 2);
}

#[test]
fn a_stretch_is_explained_group_by_group() {
    let world = Setup::default().start();
    let array = world.iota(&[60]);
    world.runtime.fence(&|| false).unwrap();
    let mark = world.runtime.profiler().mark();
    let twice = world.add(&array, &array, 40);
    let sum = world.fold(&twice, 41);
    drop(twice);
    world.values(&sum).unwrap();
    let (spans, records) = world.runtime.profiler().since(mark);
    let all = Explanation::new(&records, &spans, 2);
    let members = |explained: &Explained| explained.group.members.iter().map(|m| m.provenance.line).collect::<Vec<_>>();
    assert_eq!(all.groups.iter().map(members).collect::<Vec<_>>(), [[40, 41]]);
    let Explained { group, chunks, bytes, measured_ns, .. } = &all.groups[0];
    assert_eq!(
        (group.unstored, group.unstored_bytes, group.dead),
        (1, 480, false),
        "the sum of arrays lives in registers"
    );
    assert_eq!(group.apart, "it is the first of its window");
    assert!(*chunks >= 1 && *measured_ns > 0 && *bytes == 8 * 61, "{all:?}");
    assert_eq!(all.windows.len(), 1);
    assert_eq!(all.windows[0].1, "a value was read");
    assert!(!world.runtime.profiler().is_enabled());
}

#[test]
fn a_program_that_never_waits_does_not_run_ahead_into_fresh_memory() {
    let world = Setup { fuse: false, ..Setup::default() }.start();
    let a = world.iota(&[1 << 18]);
    for round in 0..60 {
        let b = world.add(&a, &a, round);
        let _c = world.add(&b, &a, round);
    }
    world.runtime.fence(&|| false).unwrap();
    let stats = world.runtime.stats();
    // Three arrays of 2 MiB are alive at a time, and a window that keeps its handles to the end.
    assert!(stats.peak_bytes < 100 << 20, "{stats:?}");
    assert!(stats.fresh_blocks < 60, "{stats:?}");
}
