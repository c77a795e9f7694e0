//! Times the products against the peak of memory and of the core: `cargo run --release -p legate-kernels --example linalg_bench`.
//!
//! One thread, unless it says otherwise.

#![allow(clippy::print_stdout, reason = "a report")]

use legate_kernels::linalg::{Arithmetic, GEMM_TILE, GEMV_LEAF, MatrixMut, MatrixRef};
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

fn filled<T: Arithmetic>(n: usize) -> Vec<T> {
    let mut bytes = vec![T::ZERO; n];
    bytemuck::cast_slice_mut(&mut bytes)
        .iter_mut()
        .enumerate()
        .for_each(|(i, b): (usize, &mut u8)| *b = (i % 51) as u8);
    bytes
}

/// Sums a vector: what reading alone costs.
fn read_bandwidth() {
    let x = vec![1u64; 1 << 26];
    let ns = least(10, || assert_eq!(x.iter().fold(0, |s, v| s | v), 1));
    println!("reading memory: {:.1} GB/s", (x.len() * 8) as f64 / ns);
}

fn vector_products<T: Arithmetic>(rows: usize, columns: usize) {
    let a = filled::<T>(rows * columns);
    let (x, mut y) = (filled::<T>(columns), filled::<T>(rows));
    let matrix = MatrixRef::new(&a, [rows, columns]);
    let gbs = |ns: f64| size_of_val(&a[..]) as f64 / ns;
    let by_rows = least(10, || {
        MatrixMut::new(&mut y, [rows, 1]).set_row_sums(matrix, MatrixRef::new(&x, [columns, 1]));
    });
    let (x, mut y) = (filled::<T>(rows), filled::<T>(columns));
    let by_cols = least(10, || {
        MatrixMut::new(&mut y, [columns, 1]).set_column_sums(matrix, MatrixRef::new(&x, [rows, 1]));
    });
    // Two pieces of the tree on two threads.
    let half = rows.next_power_of_two() / 2 / GEMV_LEAF * GEMV_LEAF;
    let parallel = least(10, || {
        [(0, half), (half, rows)].into_par_iter().for_each(|(from, to)| {
            let mut y = filled::<T>(columns);
            let a = MatrixRef::new(&a[from * columns..to * columns], [to - from, columns]);
            MatrixMut::new(&mut y, [columns, 1]).set_column_sums(a, MatrixRef::new(&x[from..to], [to - from, 1]));
            std::hint::black_box(y);
        });
    });
    let name = T::DTYPE;
    let [by_rows, by_cols, parallel] = [by_rows, by_cols, parallel].map(gbs);
    println!(
        "{name:>10} {rows:>8} x {columns:<6} A·x {by_rows:6.1} GB/s, x·A {by_cols:6.1} GB/s, on two threads {parallel:6.1}"
    );
}

fn matrix_product<T: Arithmetic>(n: usize, operations: f64) {
    let (a, b, mut c) = (filled::<T>(n * n), filled::<T>(n * n), filled::<T>(n * n));
    let flops = operations * (n as f64).powi(3);
    let serial = least(4, || {
        MatrixMut::new(&mut c, [n, n]).set_product(MatrixRef::new(&a, [n, n]), MatrixRef::new(&b, [n, n]));
    });
    let transposed = least(4, || {
        let at = MatrixRef::with_strides(&a, 0, [n, n], [1, n as isize]);
        let bt = MatrixRef::with_strides(&b, 0, [n, n], [1, n as isize]);
        MatrixMut::new(&mut c, [n, n]).set_product(at, bt);
    });
    let threads = least(4, || {
        c.par_chunks_mut(GEMM_TILE * n).zip(a.par_chunks(GEMM_TILE * n)).for_each(|(c, a)| {
            let rows = c.len() / n;
            MatrixMut::new(c, [rows, n]).set_product(MatrixRef::new(a, [rows, n]), MatrixRef::new(&b, [n, n]));
        });
    });
    let name = T::DTYPE;
    let [serial, transposed, threads] = [serial, transposed, threads].map(|ns| flops / ns);
    println!("{name:>10} {n:>5}³  {serial:6.1} GFLOP/s, both transposed {transposed:6.1}, all threads {threads:6.1}");
}

fn main() {
    read_bandwidth();
    println!("in the second-level cache:");
    vector_products::<f64>(64, 512);
    vector_products::<f64>(1000, 32);
    vector_products::<f64>(4000, 5);
    vector_products::<f32>(128, 512);
    println!("in memory:");
    vector_products::<f64>(2_000_000, 32);
    vector_products::<f64>(8_000_000, 5);
    vector_products::<f64>(4000, 4000);
    vector_products::<f64>(300, 300);
    vector_products::<f32>(8000, 8000);
    vector_products::<i64>(4000, 4000);
    for n in [100, 512, 1024, 2048] {
        matrix_product::<f64>(n, 2.0);
        matrix_product::<f32>(n, 2.0);
    }
    matrix_product::<legate_kernels::dtype::C128>(1024, 8.0);
    matrix_product::<legate_kernels::dtype::C64>(1024, 8.0);
    matrix_product::<i64>(512, 2.0);
    matrix_product::<i32>(512, 2.0);
    matrix_product::<u8>(512, 2.0);
    matrix_product::<legate_kernels::dtype::B8>(512, 2.0);
}
