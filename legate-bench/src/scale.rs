//! What one rank of a large machine has to think about: the time and the memory that an operation takes on rank r of N, nothing computed and nothing sent.
//!
//! The rest of the machine is not there ([`Null`]), and neither are the values ([`ExecutorKind::Absent`]); the rank issues, compares, fuses, maps and plans as it would.
//! *New*: windows are worked out each time ([`Replay::Off`]). *Again*: as in a loop that has run for a while. A controller does this for all ranks.

use crate::steps::{PROGRAMS, Program};
use legate_core::id::ShardId;
use legate_core::runtime::{ExecutorKind, Ranks, Replay};
use legate_core::transport::Null;
use legate_mapper::DefaultMapper;
use legate_numpy::{Session, SessionConfig};
use serde_json::{Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Sizes of machines; the last is that of the largest one with a GPU for each rank that the talk has.
const RANKS: [u32; 10] = [1, 2, 4, 16, 64, 256, 1024, 4096, 16_384, 27_648];
/// Up to so many ranks a controller's work is done for each of them; beyond, for a few, and multiplied.
const MOST_CONTROLLED: u32 = 16;
/// Rounds before any are timed: all windows of a loop have come twice.
const WARM_UP: usize = 3;
const ROUNDS: usize = 3;
/// Iterations of a round, which ends with a flush.
const ITERATIONS: usize = 25;

/// Prints a line of JSON for each program that is asked for (all, if none is) on a machine of each size; each time is the least of several rounds.
pub(crate) fn scale(wanted: &[&str]) {
    let programs = PROGRAMS.iter().filter(|(name, _)| wanted.is_empty() || wanted.contains(name));
    for (name, program) in programs {
        RANKS.iter().for_each(|ranks| println!("{}", case(name, *program, *ranks)));
    }
}

fn case(name: &str, program: Program, ranks: u32) -> Value {
    let rank = ranks / 2;
    let of = |rank, replay| Cost::measure(program, Null { rank: ShardId(rank), shards: ranks }, replay);
    let (new, again) = (of(rank, Replay::Off), of(rank, Replay::On));
    let others: Vec<u32> = if ranks <= MOST_CONTROLLED { (0..ranks).collect() } else { vec![0, ranks / 2, ranks - 1] };
    let sum: f64 = others.iter().map(|rank| of(*rank, Replay::On).us).sum();
    let controller_us = f64::from(ranks) * sum / others.len() as f64;
    json!({
        "program": name, "ranks": ranks, "rank": rank, "new": new.to_json(), "again": again.to_json(),
        "controller_us": controller_us, "controller_measured": ranks <= MOST_CONTROLLED,
    })
}

/// What an operation costs.
struct Cost {
    /// Microseconds on the thread that runs the program, from the call until all is planned.
    us: f64,
    /// Bytes that are asked of the allocator, most of them given back at once.
    allocated: f64,
    /// KiB that a rank holds after all rounds, the program's own arrays (no values) and what is remembered of windows included.
    held_kib: f64,
    /// Microseconds by stage, under the profiler.
    stages: BTreeMap<String, f64>,
}

impl Cost {
    fn measure(program: Program, null: Null, replay: Replay) -> Cost {
        let before = Region::new(ALLOCATOR);
        let session = session(null, replay);
        let mut step = program(&session, null.shards).expect("the program is right");
        let runtime = session.runtime().expect("it has one").clone();
        let mut run = || {
            let issued = runtime.stats().operations;
            let start = Instant::now();
            (0..ITERATIONS).for_each(|_| step().expect("the program is right"));
            session.flush();
            let seconds = start.elapsed().as_secs_f64();
            (1e6 * seconds, (runtime.stats().operations - issued) as f64)
        };
        for _ in 0..WARM_UP {
            run();
        }
        let us = (0..ROUNDS).map(|_| run()).map(|(us, operations)| us / operations);
        let us = us.fold(f64::INFINITY, f64::min);
        let region = Region::new(ALLOCATOR);
        let (_, operations) = run();
        let allocated = region.change().bytes_allocated as f64 / operations;
        let now = before.change();
        let held_kib = (now.bytes_allocated as f64 - now.bytes_deallocated as f64) / 1024.0;
        runtime.profiler().enable(true);
        let (_, operations) = run();
        let mut stages = BTreeMap::new();
        for span in runtime.profiler().take().0 {
            *stages.entry(span.name).or_default() += 1e-3 * (span.end_ns - span.start_ns) as f64 / operations;
        }
        Cost { us, allocated, held_kib, stages }
    }

    fn to_json(&self) -> Value {
        json!({"us": self.us, "allocated_bytes": self.allocated, "held_kib": self.held_kib, "stages_us": self.stages})
    }
}

fn session(null: Null, replay: Replay) -> Session {
    let config = SessionConfig {
        mapper: Arc::new(DefaultMapper::new()),
        cores: 1,
        memory_bytes: 64 << 30,
        cache_bytes: 32 << 20,
        ranks: Ranks::Joined(Arc::new(null)),
        executor: ExecutorKind::Absent,
        fuse: true,
        replay,
    };
    Session::new(config).expect("the configuration is consistent")
}
