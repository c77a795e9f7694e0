//! Random NumPy-like programs, on all kinds of runtimes, against an eager shadow: equal bits.
//!
//! A program is a list of steps made of small numbers; what a number means is decided where the step is executed (`array 7` is array 7 modulo how many
//! there are), so every list is a program and shrinking keeps it one. The shadow computes each step at once on host buffers. The subject
//! defers, fuses, cuts, distributes and communicates, as a random mapper and a random transport will have it.
//!
//! `LEGATE_FUZZ_CASES` sets the number of programs per configuration (default 40, 100 on real ranks), `LEGATE_FUZZ_SEED` the seed (default: a fixed one; `random` draws one).

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test says what it runs, and stops at what should not be"
)]

#[path = "../../legate-core/tests/common/launched.rs"]
mod launched;
mod program;

use legate_core::mapping::Mapper;
use legate_core::runtime::{ExecutorKind, Ranks, Replay};
use legate_mapper::{DeferringMapper, RandomMapper};
use legate_numpy::{Session, SessionConfig};
use program::{Machine, Step, steps};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::sync::Arc;

/// How a subject is put together.
#[derive(Clone, Copy, Debug)]
struct Setup {
    sim_ranks: u32,
    executor: ExecutorKind,
    fuse: bool,
    /// How often the second half of the program is run.
    rounds: u32,
    seed: u64,
    /// Nothing is computed at once: every step goes through the runtime.
    defer_all: bool,
}

impl Setup {
    fn session(self) -> Session {
        self.session_on(Ranks::simulated(self.sim_ranks, self.seed))
    }

    fn session_on(self, ranks: Ranks) -> Session {
        let random = RandomMapper::new(self.seed);
        let mapper: Arc<dyn Mapper> =
            if self.defer_all { Arc::new(DeferringMapper::new(Arc::new(random))) } else { Arc::new(random) };
        Session::new(SessionConfig {
            mapper,
            cores: 2,
            memory_bytes: 1 << 30,
            cache_bytes: 1 << 20,
            ranks,
            executor: self.executor,
            fuse: self.fuse,
            // What is used again is worked out anew and compared.
            replay: Replay::Check,
        })
        .unwrap()
        .reading_once_from(READ_ONCE)
    }
}

/// Bytes from which variances are computed in one read: few, so that programs have both kinds.
const READ_ONCE: u64 = 2000;

/// Runs the steps on both and compares after each fetch and at the end.
fn check(setup: Setup, steps: &[Step]) -> Result<(), TestCaseError> {
    check_on(setup.session(), setup.rounds, steps)
}

fn check_on(session: Session, rounds: u32, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut machine = Machine::new(session, Session::eager().reading_once_from(READ_ONCE));
    let (before, round) = steps.split_at(if rounds > 1 { steps.len() / 2 } else { 0 });
    let run = |machine: &mut Machine, steps: &[Step]| {
        let mut numbered = steps.iter().enumerate();
        numbered.try_for_each(|(k, step)| {
            machine.step(step).map_err(|e| TestCaseError::fail(format!("step {k}, {step:?}: {e}")))
        })
    };
    run(&mut machine, before)?;
    let start = machine.start_round();
    for _ in 0..rounds {
        run(&mut machine, round)?;
        machine.end_round(start);
    }
    machine.compare_all().map_err(TestCaseError::fail)
}

fn runner(cases: u32, salt: u8) -> TestRunner {
    let seed = match std::env::var("LEGATE_FUZZ_SEED").as_deref() {
        Ok("random") => u64::from(std::process::id()) ^ std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64,
        Ok(text) => text.parse().expect("LEGATE_FUZZ_SEED is a number"),
        Err(_) => 20_260_101,
    };
    println!("LEGATE_FUZZ_SEED={seed}");
    let mut bytes = [salt; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, max_shrink_iters: 4000, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

fn cases(default: u32) -> u32 {
    std::env::var("LEGATE_FUZZ_CASES").map_or(default, |n| n.parse().expect("LEGATE_FUZZ_CASES is a number"))
}

fn fuzz(setups: impl Fn(u64) -> Setup, salt: u8) {
    let strategy = (proptest::num::u64::ANY, steps());
    let outcome = runner(cases(40), salt).run(&strategy, |(seed, steps)| check(setups(seed), &steps));
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, (seed, steps))) => panic!("{reason}\nwith {:?}\nafter {steps:?}", setups(seed)),
        Err(abort) => panic!("{abort}"),
    }
}

fn setup(sim_ranks: u32, seed: u64) -> Setup {
    let executor = if seed & 2 == 0 { ExecutorKind::Parallel } else { ExecutorKind::Serial };
    let (fuse, defer_all) = (seed & 4 == 0, seed & 8 == 0);
    let rounds = if seed & 16 == 0 { 4 } else { 1 };
    Setup { sim_ranks, executor, fuse, rounds, seed, defer_all }
}

fn on_ranks(sim_ranks: u32) {
    fuzz(|seed| setup(sim_ranks, seed), sim_ranks as u8);
}

#[test]
fn one_shard_gives_the_shadows_bits() {
    on_ranks(0);
}

#[test]
fn one_rank_gives_the_shadows_bits() {
    on_ranks(1);
}

#[test]
fn two_ranks_give_the_shadows_bits() {
    on_ranks(2);
}

#[test]
fn three_ranks_give_the_shadows_bits() {
    on_ranks(3);
}

#[test]
fn seven_ranks_give_the_shadows_bits() {
    on_ranks(7);
}

/// To be started by a launcher. The ranks run the programs side by side, or follow the first of them.
#[test]
#[ignore = "runs under a launcher: see `cargo xtask test mpi`"]
fn processes_give_the_shadows_bits() {
    let network = launched::join();
    let mut runner = runner(1, network.standing().ranks as u8);
    let strategy = (proptest::num::u64::ANY, steps());
    for number in 0..u64::from(cases(100)) {
        let (seed, steps) = strategy.new_tree(&mut runner).unwrap().current();
        let run = Arc::new(launched::Run { network: network.clone(), number });
        let (setup, led) = (setup(0, seed), seed & 32 == 0);
        let session = setup.session_on(if led { Ranks::Led(run) } else { Ranks::Joined(run) });
        let runtime = session.runtime().unwrap().clone();
        let outcome = if led && network.standing().rank > 0 {
            runtime.follow(&|| false).map_err(|error| TestCaseError::fail(error.to_string()))
        } else {
            check_on(session, setup.rounds, &steps)
        };
        runtime.dismiss();
        if let Err(failure) = outcome {
            println!("{failure}\nwith {setup:?}, led {led}\nafter {steps:?}");
            network.abort(1);
        }
    }
    network.leave().unwrap();
}
