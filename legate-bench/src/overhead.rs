//! What an operation costs apart from its work: additions on arrays so small that the work is nothing.

use crate::measure::best_seconds;
use legate_core::runtime::{ExecutorKind, Ranks, Replay};
use legate_mapper::{DefaultMapper, Thresholds};
use legate_numpy::{CallOptions, DType, NdArray, Operand, Reduction, Session, SessionConfig, Ufunc};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Additions between two waits.
const OPERATIONS: usize = 1000;
const ROUNDS: usize = 7;

/// Prints a table of microseconds per addition.
pub(crate) fn overhead() {
    println!("microseconds per `x = x + 1`, {OPERATIONS} of them between two waits");
    for elements in [1, 1000, 10_000] {
        let session = session(true, 0, true);
        println!("{:<44} {:>9.3}", format!("at once, {elements} elements"), us_per_addition(&session, elements));
    }
    for fuse in [true, false] {
        let how = if fuse { "fused" } else { "one by one" };
        println!(
            "{:<44} {:>9.3}",
            format!("deferred, {how}, 1000 elements"),
            us_per_addition(&session(false, 0, fuse), 1000)
        );
    }
    for ranks in [1, 2, 4, 8] {
        // Above the size below which a field is kept on every rank, so that each rank computes its tile.
        let name = format!("deferred, one by one, {ranks} simulated ranks");
        println!("{name:<44} {:>9.3}", us_per_addition(&session(false, ranks, false), 10_000));
    }
}

fn session(inline: bool, sim_ranks: u32, fuse: bool) -> Session {
    let mut thresholds = Thresholds::default();
    if !inline {
        thresholds.inline_points = 0;
    }
    let config = SessionConfig {
        mapper: Arc::new(DefaultMapper::with(thresholds, BTreeMap::new())),
        cores: std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
        memory_bytes: 1 << 30,
        cache_bytes: 32 << 20,
        ranks: Ranks::simulated(sim_ranks, 0),
        executor: ExecutorKind::Parallel,
        fuse,
        replay: Replay::On,
    };
    Session::new(config).expect("the configuration is consistent")
}

fn us_per_addition(session: &Session, elements: i64) -> f64 {
    let add = Ufunc::lookup("add").expect("add is native");
    let start = session.zeros(&[elements], DType::F64).expect("a small array");
    let seconds = best_seconds(ROUNDS, || {
        let mut x = start.clone();
        for _ in 0..OPERATIONS {
            x = session
                .call(add, &[Operand::from(&x), Operand::from(1.0)], &CallOptions::default())
                .expect("shapes agree");
        }
        let sum = total(session, &x);
        assert!(
            sum == (OPERATIONS as i64 * elements) as f64,
            "each element was raised {OPERATIONS} times, but the sum is {sum}"
        );
    });
    1e6 * seconds / OPERATIONS as f64
}

fn total(session: &Session, x: &NdArray) -> f64 {
    let sum = session.reduce(Reduction::Sum, x, &Default::default()).expect("a sum");
    session.item(&sum, &|| false).expect("no task fails").get::<f64>().expect("a sum of float64 is float64")
}
