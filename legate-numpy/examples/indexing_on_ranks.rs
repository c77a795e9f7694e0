//! What `x[index]` and `x[index] = v` send, hold and take on simulated ranks: asked for and told between ranks, and as routines, in turn.
//!
//! `cargo run --release -p legate-numpy --example indexing_on_ranks [elements [indices]]`

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement says what it finds, and stops at what should not be"
)]

use legate_core::exec::HostBuffer;
use legate_core::runtime::{ExecutorKind, Ranks, Replay};
use legate_mapper::{DefaultMapper, Thresholds};
use legate_numpy::{DType, NdArray, Session, SessionConfig};
use std::sync::Arc;
use std::time::Instant;

const ROUNDS: usize = 5;

fn session(ranks: u32, asks: bool) -> Session {
    let tunables = [("numpy.indirect".to_owned(), i64::from(asks))].into();
    Session::new(SessionConfig {
        mapper: Arc::new(DefaultMapper::with(Thresholds::default(), tunables)),
        cores: 2,
        memory_bytes: 16 << 30,
        cache_bytes: 32 << 20,
        ranks: Ranks::simulated(ranks, 1),
        executor: ExecutorKind::Parallel,
        fuse: true,
        replay: Replay::On,
    })
    .unwrap()
}

/// Numbers of `0..n` in no order.
fn index(s: &Session, n: i64, k: i64) -> NdArray {
    let mut state = 1u64;
    let bytes: Vec<u8> = (0..k)
        .flat_map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((state >> 33) as i64 % n).to_ne_bytes()
        })
        .collect();
    s.from_buffer(Arc::new(HostBuffer::from_slice(&bytes)), &[k], DType::I64).unwrap()
}

/// The least milliseconds, bytes sent per rank and call, peak bytes per rank.
fn measure(ranks: u32, asks: bool, scatters: bool, (n, k): (i64, i64)) -> (f64, u64, u64) {
    let s = session(ranks, asks);
    let runtime = s.runtime().unwrap().clone();
    let go_on: &dyn Fn() -> bool = &|| false;
    let one = || s.full(&[n], &1.0.into(), Some(DType::F64)).unwrap();
    let (x, index) = (one(), index(&s, n, k));
    let values = s.full(&[k], &2.0.into(), Some(DType::F64)).unwrap();
    let mut least = f64::INFINITY;
    let mut sent = 0;
    for _ in 0..ROUNDS {
        // New values: copies of the old ones are of no use.
        s.assign(&x, &3.0.into()).unwrap();
        runtime.fence(go_on).unwrap();
        let (before, begun) = (runtime.stats().message_bytes, Instant::now());
        let kept = match scatters {
            false => s.select_by_index(&x, std::slice::from_ref(&index), go_on).unwrap(),
            true => s
                .assign_by_index(&x, std::slice::from_ref(&index), &(&values).into(), go_on)
                .map(|()| x.clone())
                .unwrap(),
        };
        runtime.fence(go_on).unwrap();
        least = least.min(begun.elapsed().as_secs_f64() * 1e3);
        sent = (runtime.stats().message_bytes - before) / u64::from(ranks);
        drop(kept);
    }
    (least, sent, runtime.stats().peak_bytes / u64::from(ranks))
}

fn main() {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse().expect("a number"));
    let n = numbers.next().unwrap_or(10_000_000);
    let k = numbers.next().unwrap_or(1_000_000);
    println!("{n} doubles, {k} indices; per rank: bytes sent, peak bytes; least ms of {ROUNDS}");
    for ranks in [2, 4, 8] {
        for (scatters, name) in [(false, "x[index]"), (true, "x[index] = v")] {
            for (asks, way) in [(false, "routine"), (true, "all-to-all")] {
                let (ms, sent, peak) = measure(ranks, asks, scatters, (n, k));
                println!("{ranks} ranks  {name:12} {way:10}  {sent:>11}  {peak:>11}  {ms:8.1}");
            }
        }
    }
}
