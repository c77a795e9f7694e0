//! Plans move the right values: random programs on 1 to 9 simulated shards against a sequential shadow.
//!
//! Nothing runs here but plans: each shard is a bag of values, messages are copied between bags as the plans say. Every value tells who computed
//! it from what (a hash), so a missed halo, a stale copy or a wrong parenthesis shows.

mod indirect;
mod machine;
mod mapper;
mod program;
mod values;

use legate_core::analysis::plan::Recipient;
use machine::Machine;
use mapper::RandomMapper;
use program::Program;
use proptest::prelude::*;

fn run(shards: u32, seed: u64, fuse: bool, operations: &[u64]) {
    let mut program = Program::new(seed);
    let mut machine = Machine::new(shards, RandomMapper { seed }, fuse);
    for window in operations.chunks(5) {
        let operations = program.window(window);
        machine.run(&operations, &mut program);
        program.drop_some(window[0]);
    }
    for (field, shape) in program.live() {
        machine.check_field(field, &shape, Recipient::All);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 20_000, ..ProptestConfig::default() })]
    #[test]
    fn every_reader_gets_the_current_values(
        shards in 1u32..10,
        seed in 0u64..1000,
        fuse: bool,
        operations in proptest::collection::vec(any::<u64>(), 1..40),
    ) {
        run(shards, seed, fuse, &operations);
    }
}

/// More with `PROPTEST_CASES`.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(600)
}

/// One failing program again: `SHOW="shards seed fuse op op ..." cargo test -p legate-core --test plan show -- --nocapture`.
#[test]
fn show() {
    let Ok(text) = std::env::var("SHOW") else { return };
    let numbers: Vec<u64> =
        text.split_whitespace().map(|n| n.trim_end_matches(',').parse().expect("a number")).collect();
    run(numbers[0] as u32, numbers[1], numbers[2] == 1, &numbers[3..]);
}
