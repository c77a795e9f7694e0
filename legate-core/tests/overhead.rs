//! What one small operation costs. `cargo test --release -p legate-core --test overhead -- --ignored --nocapture`
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used, reason = "it measures and tells")]

mod common;

use common::{Setup, line};
use legate_core::runtime::Replay;
use std::time::Instant;

fn median_us(rounds: usize, mut call: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            call();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[rounds / 2]
}

#[test]
#[ignore = "a measurement, not a check"]
fn overheads() {
    let world = Setup { chunks: 1, replay: Replay::On, ..Setup::default() }.start();
    let a = world.iota(&[100]);
    let round_trip = median_us(5000, || {
        let b = world.add(&a, &a, 1);
        world.values(&b).unwrap();
    });
    println!("launch + fetch: {round_trip:.2} us");
    world.runtime.profiler().enable(true);
    for _ in 0..2000 {
        let b = world.add(&a, &a, 1);
        world.values(&b).unwrap();
    }
    world.runtime.profiler().enable(false);
    let mut spent: std::collections::BTreeMap<String, Vec<u64>> = Default::default();
    for span in world.runtime.profiler().take().0 {
        spent.entry(span.name).or_default().push(span.end_ns - span.start_ns);
    }
    for (name, mut times) in spent {
        times.sort_unstable();
        println!("  {name}: {} ns ({})", times[times.len() / 2], times.len());
    }
    let fetch = median_us(5000, || {
        let values = world.runtime.fetch(&world.store(&a), &line(1)).unwrap().wait(&|| false).unwrap();
        assert_eq!(values.len(), 800);
    });
    println!("fetch alone: {fetch:.2} us");
    for count in [1, 8, 62] {
        let mut kept = Vec::new();
        let issue = median_us(1000, || {
            for _ in 0..count {
                kept.push(world.add(&a, &a, 1));
            }
            if count < 62 {
                world.runtime.flush();
            }
            kept.clear();
        });
        println!("issue and flush of {count}: {:.2} us each", issue / f64::from(count));
    }
    let create = median_us(1000, || {
        for _ in 0..30 {
            let _ = world.empty(&[100]);
        }
    });
    println!("create: {:.2} us", create / 30.0);
    let mut b = Vec::new();
    let launches = median_us(500, || {
        for _ in 0..20 {
            b.push(world.add(&a, &a, 1));
        }
    });
    println!("launch incl. its share of flushing: {:.2} us", launches / 20.0);
    for ranks in [1, 2, 3] {
        let world = Setup { ranks, replay: Replay::On, ..Setup::default() }.start();
        let a = world.iota(&[100]);
        let trip = median_us(500, || {
            let b = world.add(&a, &a, 1);
            world.values(&b).unwrap();
        });
        println!("launch + fetch on {ranks} simulated ranks: {trip:.1} us");
    }
}

/// What the runtime itself costs: the bodies have next to nothing to do.
fn chains(lengths: &[usize], rounds: usize) {
    let world = Setup { chunks: 1, replay: Replay::On, ..Setup::default() }.start();
    let a = world.iota(&[1]);
    for chain in lengths {
        let round_trip = median_us(rounds, || {
            let mut b = world.add(&a, &a, 1);
            for _ in 1..*chain {
                b = world.add(&b, &a, 1);
            }
            world.values(&b).unwrap();
        });
        println!("{chain} launches + fetch: {round_trip:.2} us");
    }
}

/// One thing in a loop, to be looked at with a sampling profiler.
#[test]
#[ignore = "a measurement, not a check"]
fn one_launch() {
    chains(&[1], 200_000);
}

#[test]
#[ignore = "a measurement, not a check"]
fn some_launches() {
    chains(&[1, 2, 5, 10, 20, 50], 5000);
}

/// Handing a node of two chunks over: to a worker that is awake, and to one that sleeps.
#[test]
#[ignore = "a measurement, not a check"]
fn hand_off() {
    let world = Setup { chunks: 2, replay: Replay::On, ..Setup::default() }.start();
    let a = world.iota(&[2000]);
    let alone = Setup { chunks: 1, replay: Replay::On, ..Setup::default() }.start();
    let b = alone.iota(&[2000]);
    for pause_us in [0u64, 20, 100, 1000, 10_000] {
        let rounds = if pause_us > 1000 { 100 } else { 2000 };
        let [mut both, mut one] = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (world, array, times) in [(&world, &a, &mut both), (&alone, &b, &mut one)] {
                std::thread::sleep(std::time::Duration::from_micros(pause_us));
                let start = Instant::now();
                let sum = world.add(array, array, 1);
                world.values(&sum).unwrap();
                times.push(start.elapsed().as_secs_f64() * 1e6);
            }
        }
        both.sort_by(f64::total_cmp);
        one.sort_by(f64::total_cmp);
        println!("after {pause_us} us: in two chunks {:.1} us, in one {:.1} us", both[rounds / 2], one[rounds / 2]);
    }
}

#[test]
#[ignore = "a measurement, not a check"]
fn small_buffers() {
    use legate_core::exec::HostBuffer;
    for len in [8usize, 64, 800, 8192] {
        let bytes = vec![1u8; len];
        let per_call = |call: &mut dyn FnMut()| {
            median_us(2000, || {
                for _ in 0..100 {
                    call();
                }
            }) * 10.0
        };
        let mut kept = Vec::new();
        let zeroed = per_call(&mut || drop(std::hint::black_box(HostBuffer::zeroed(len))));
        let copied = per_call(&mut || drop(std::hint::black_box(std::sync::Arc::new(HostBuffer::from_slice(&bytes)))));
        let vec = per_call(&mut || drop(std::hint::black_box(vec![0u8; len])));
        let held = per_call(&mut || {
            kept.push(HostBuffer::zeroed(len));
            if kept.len() > 500 {
                kept.clear();
            }
        });
        println!("{len} bytes: zeroed {zeroed:.0} ns, copied {copied:.0} ns, held {held:.0} ns, Vec {vec:.0} ns");
    }
}
