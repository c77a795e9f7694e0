//! What a call on small arrays costs: nanoseconds for `x + y` and the like, computed at once.
//!
//! `cargo run --release -p legate-numpy --example small_calls [part of a name]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement")]

use legate_core::runtime::{ExecutorKind, Ranks, Replay};
use legate_mapper::DefaultMapper;
use legate_numpy::{
    CallOptions, DType, IndexItem, NdArray, Operand, ReduceOptions, Reduction, Session, SessionConfig, Ufunc,
};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

/// The best of many short rounds: what a call costs when nothing else disturbs.
fn measure(name: &str, mut call: impl FnMut()) {
    if std::env::args().nth(1).is_some_and(|only| !name.contains(&only)) {
        return;
    }
    const CALLS: u32 = 200;
    let best = (0..500)
        .map(|_| {
            let start = Instant::now();
            (0..CALLS).for_each(|_| call());
            start.elapsed().as_nanos() as f64 / f64::from(CALLS)
        })
        .fold(f64::INFINITY, f64::min);
    println!("{name:32} {:8.0} ns", best);
}

fn main() {
    let session = Session::new(SessionConfig {
        mapper: Arc::new(DefaultMapper::new()),
        cores: 1,
        memory_bytes: 1 << 30,
        cache_bytes: 1 << 25,
        ranks: Ranks::Alone,
        executor: ExecutorKind::Serial,
        fuse: true,
        replay: Replay::On,
    })
    .unwrap();
    let add = Ufunc::lookup("add").unwrap();
    let plain = CallOptions::default();
    for n in [1i64, 10, 100, 1000] {
        let x = session.from_host(&vec![0u8; 8 * n as usize], &[n], DType::F64).unwrap();
        let y = session.copy(&x).unwrap();
        let call = |a: Operand, b: Operand, out: Option<&NdArray>| {
            session.call(add, &[a, b], &CallOptions { out, ..plain }).unwrap()
        };
        measure(&format!("x + y, {n}"), || drop(black_box(call((&x).into(), (&y).into(), None))));
        measure(&format!("x + 1.5, {n}"), || drop(black_box(call((&x).into(), 1.5.into(), None))));
        measure(&format!("x += y, {n}"), || drop(black_box(call((&x).into(), (&y).into(), Some(&x)))));
        measure(&format!("x.sum(), {n}"), || {
            drop(black_box(session.reduce(Reduction::Sum, &x, &ReduceOptions::default()).unwrap()))
        });
        let slice = [IndexItem::Slice { start: None, stop: Some(-1), step: None }];
        measure(&format!("x[:-1], {n}"), || drop(black_box(x.index(&slice).unwrap())));
        measure(&format!("x[:-1] = 2, {n}"), || session.set_index(&x, &slice, &2.into()).unwrap());
        measure(&format!("item, {n}"), || drop(black_box(session.to_host(&x, &|| false).unwrap())));
    }
}
