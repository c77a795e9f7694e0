//! Runtimes that run one program side by side, each on a thread of its own over a simulated network, and what happens when they do not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Setup, World};
use legate_core::Error;
use legate_core::error::{FailureKind, TaskFailure};
use legate_core::id::ShardId;
use legate_core::runtime::Notes;
use legate_core::transport::{SimNetwork, Transport};
use std::sync::{Arc, Mutex};

/// What each rank's program returns.
fn on_ranks<T: Send>(ranks: u32, program: impl Fn(u32, &World, &dyn Transport) -> T + Sync) -> Vec<T> {
    let network = SimNetwork::new(ranks, 7);
    let rank = |rank: u32| {
        let transport = Arc::new(network.transport(ShardId(rank)));
        let world = Setup::default().join(transport.clone());
        program(rank, &world, &*transport)
    };
    std::thread::scope(|scope| {
        let ranks: Vec<_> = (0..ranks)
            .map(|k| {
                scope.spawn({
                    let rank = &rank;
                    move || rank(k)
                })
            })
            .collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

fn failure(result: Result<(), Error>) -> TaskFailure {
    let Err(Error::Task(failure)) = result else { panic!("{result:?}") };
    failure
}

/// Meets until that fails: the others are told a little later than the first.
fn fence_until_told(world: &World) -> TaskFailure {
    for _ in 0..100_000 {
        let met = world.runtime.fence(&|| false);
        if met.is_err() {
            return failure(met);
        }
    }
    panic!("nobody was told")
}

#[test]
fn every_rank_gets_every_value() {
    let values = on_ranks(3, |_, world, _| {
        let a = world.iota(&[90, 2]);
        let sum = world.fold(&world.add(&a, &a, 4), 5);
        let values = world.values(&sum).unwrap();
        world.runtime.fence(&|| false).unwrap();
        values
    });
    assert_eq!(values[0].len(), 2);
    assert!(values.iter().all(|seen| *seen == values[0]));
}

#[test]
fn the_ranks_own_parts_are_the_whole_and_do_not_overlap() {
    let parts = on_ranks(3, |_, world, _| {
        let a = world.iota(&[90, 2]);
        let sums = world.fold(&a, 5);
        let own = |array: &common::Array| -> Vec<(Vec<i64>, Vec<i64>)> {
            let pieces = world.runtime.local(&array.field, &common::line(6)).unwrap().into_iter();
            pieces.map(|(rect, values)| (rect.lo.to_vec(), common::decode(&values.wait(&|| false).unwrap()))).collect()
        };
        let own = (own(&a), own(&sums));
        world.runtime.fence(&|| false).unwrap();
        own
    });
    let mut all: Vec<_> = parts.iter().flat_map(|(a, _)| a.clone()).collect();
    all.sort();
    let values: Vec<i64> = all.into_iter().flat_map(|(_, values)| values).collect();
    assert_eq!(values, (0..180).collect::<Vec<i64>>());
    assert!(parts.iter().all(|(a, _)| !a.is_empty()), "each has some");
    assert_eq!(
        parts.iter().map(|(_, sums)| sums.len()).collect::<Vec<_>>(),
        [1, 0, 0],
        "what all have is the first one's"
    );
}

#[test]
fn ranks_that_part_are_all_told_the_first_difference_and_both_lines() {
    let told = on_ranks(4, |rank, world, _| {
        let a = world.iota(&[60]);
        let b = if rank == 2 { world.add(&a, &a, 8) } else { world.iota(&[60]) };
        world.runtime.flush();
        fence_until_told(world).0.message.clone() + if b.shape.len() == 1 { "" } else { "?" }
    });
    for message in &told {
        assert!(message.contains("run different programs: operation 3 was issued at test.py:"), "{message}");
        assert!(message.contains("test.py:8"), "{message}");
    }
}

#[test]
fn a_rank_that_does_more_is_named_with_its_line() {
    let told = on_ranks(2, |rank, world, _| {
        let a = world.iota(&[60]);
        world.runtime.flush();
        if rank == 1 {
            world.add(&a, &a, 9);
        }
        fence_until_told(world).0.message.clone()
    });
    assert!(told.iter().all(|message| message.contains("test.py:9")), "{told:?}");
}

#[test]
fn a_rank_that_ends_early_ends_the_waits_of_the_others() {
    let told = on_ranks(3, |rank, world, transport| {
        let a = world.iota(&[90, 2]);
        if rank == 1 {
            transport.announce(&TaskFailure::new("rank", &common::line(3), FailureKind::Transport, "it was killed"));
            return "it was killed".to_owned();
        }
        let b = world.fold(&a, 5);
        match world.values(&b) {
            Err(Error::Task(failure)) => failure.0.message.clone(),
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(told, ["it was killed"; 3]);
}

/// Brings a rank's number, once, and remembers what it hears.
#[derive(Debug, Default)]
struct Number {
    number: Mutex<Vec<u8>>,
    heard: Mutex<Vec<Vec<Vec<u8>>>>,
}

impl Notes for Number {
    fn bring(&self) -> Vec<u8> {
        std::mem::take(&mut *self.number.lock().unwrap())
    }
    fn hear(&self, said: &[Vec<u8>]) {
        self.heard.lock().unwrap().push(said.to_vec());
    }
}

/// Fences of a rank that brings its number to the first one, unless it is 1; what it hears.
fn fences(rank: u32, world: impl FnOnce(Arc<Number>) -> World, follows: bool) -> Vec<Vec<Vec<u8>>> {
    let notes = Arc::new(Number::default());
    if rank != 1 {
        *notes.number.lock().unwrap() = vec![rank as u8];
    }
    let world = world(notes.clone());
    if follows {
        world.runtime.follow(&|| false).unwrap();
    } else {
        (0..3).for_each(|_| world.runtime.fence(&|| false).unwrap());
        world.runtime.dismiss();
    }
    std::mem::take(&mut *notes.heard.lock().unwrap())
}

#[test]
fn what_tasks_say_all_ranks_hear_at_the_next_fence() {
    for leads in [false, true] {
        let network = SimNetwork::new(3, 7);
        let rank = |rank: u32| {
            let transport = Arc::new(network.transport(ShardId(rank)));
            let world = |notes: Arc<Number>| {
                let setup = Setup { notes: Some(notes), ..Setup::default() };
                if leads { setup.join_led(transport) } else { setup.join(transport) }
            };
            fences(rank, world, leads && rank > 0)
        };
        std::thread::scope(|scope| {
            let rank = &rank;
            let ranks: Vec<_> = (0..3).map(|k| scope.spawn(move || rank(k))).collect();
            for heard in ranks.into_iter().map(|rank| rank.join().unwrap()) {
                assert_eq!(heard, [[vec![0], vec![2]]], "once, in the order of the ranks, without who says nothing");
            }
        });
    }
}
