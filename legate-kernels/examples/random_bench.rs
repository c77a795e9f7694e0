//! Times the random streams and MT19937's jump: `cargo run --release -p legate-kernels --example random_bench`.

#![allow(clippy::print_stdout, reason = "a report")]

use legate_kernels::parallel::Threads;
use legate_kernels::random::{Pcg64, Stream, key_from_seed};
use rayon::prelude::*;
use std::time::Instant;

/// The least of several timings, in nanoseconds.
fn least(rounds: usize, mut f: impl FnMut()) -> f64 {
    (0..rounds)
        .map(|_| {
            let start = Instant::now();
            f();
            start.elapsed().as_secs_f64() * 1e9
        })
        .fold(f64::INFINITY, f64::min)
}

fn main() {
    let run = |pieces: usize, body: &(dyn Fn(usize) + Sync)| (0..pieces).into_par_iter().for_each(body);
    let threads = Threads::new(rayon::current_num_threads(), &run);
    let pcg = Pcg64::from_entropy(&[1]);
    let streams = [("mt19937", Stream::mt19937(1)), ("pcg64", Stream::Pcg64(pcg)), ("normal", Stream::Normal(pcg))];
    for (name, stream) in streams {
        for len in [16, 1 << 10, 1 << 16, 1 << 22] {
            let mut out = vec![0.0; len];
            let serial = least(30, || stream.fill_f64(0, &mut out)) / len as f64;
            let parallel = least(30, || stream.par_fill_f64(0, &mut out, threads)) / len as f64;
            println!("{name:8} {len:8} values: {serial:6.2} ns each, {parallel:6.2} on all threads");
        }
    }
    // A new key each time, so that no checkpoint helps; new distances, so that no polynomial is at hand.
    let mut seed = 0;
    for bits in [22, 30, 40, 60] {
        let fresh = least(20, || {
            seed += 1;
            let stream = Stream::Mt19937 { key: key_from_seed(seed), pos: (1 << bits) + 7000 * u64::from(seed) };
            stream.fill_f64(0, &mut [0.0]);
        });
        let known = least(20, || {
            seed += 1;
            let stream = Stream::Mt19937 { key: key_from_seed(seed), pos: 1 << bits };
            stream.fill_f64(0, &mut [0.0]);
        });
        println!("jump by 2^{bits} words: {:6.0} µs, {:6.0} µs with the polynomial at hand", fresh / 1e3, known / 1e3);
    }
    let seeding = least(20, || drop(std::hint::black_box(key_from_seed(seed))));
    println!("seeding: {:.1} µs (is part of the jump timings)", seeding / 1e3);
}
