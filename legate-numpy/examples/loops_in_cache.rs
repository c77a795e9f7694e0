//! What a step of an iteration costs whose matrix lies in cache: microseconds per step of conjugate gradients and of Jacobi's iteration.
//!
//! `cargo run --release -p legate-numpy --example loops_in_cache [order of the matrix] [cores] [rounds]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement")]

use legate_core::runtime::{ExecutorKind, Ranks, Replay};
use legate_mapper::DefaultMapper;
use legate_numpy::{CallOptions, DType, NdArray, Operand, Session, SessionConfig, Ufunc};
use std::sync::Arc;
use std::time::Instant;

const STEPS: usize = 10;

/// Operators as a program writes them.
struct Numpy(Session);

impl Numpy {
    fn call(&self, name: &str, a: impl Into<Operand>, b: impl Into<Operand>) -> NdArray {
        let ufunc = Ufunc::lookup(name).unwrap();
        self.0.call(ufunc, &[a.into(), b.into()], &CallOptions::default()).unwrap()
    }
    fn dot(&self, a: &NdArray, b: &NdArray) -> NdArray {
        self.0.dot(a, b, None).unwrap()
    }
    /// The fractional parts of multiples of an irrational number, plus `diagonal` on the diagonal of a matrix.
    fn filled(&self, shape: &[i64], scale: f64, diagonal: f64) -> NdArray {
        let columns = *shape.last().unwrap();
        let value = |k: i64| {
            let on = shape.len() == 2 && k % columns == k / columns;
            scale * (k as f64 * 0.618_033_988_749_894_9).fract() + if on { diagonal } else { 0.0 }
        };
        let bytes: Vec<u8> = (0..shape.iter().product()).flat_map(|k| value(k).to_ne_bytes()).collect();
        self.0.from_host(&bytes, shape, DType::F64).unwrap()
    }
    fn is_below(&self, a: &NdArray, bound: f64) -> bool {
        self.0.truth(&self.call("less", a, bound), &|| false).unwrap()
    }
    fn finish(&self, a: &NdArray) {
        self.0.to_host(a, &|| false).unwrap();
    }

    fn conjugate_gradients(&self, matrix: &NdArray, preconditioner: &NdArray, b: &NdArray) {
        let mut x = self.call("multiply", b, 0.0);
        let mut r = self.call("subtract", b, self.dot(matrix, &x));
        let mut z = self.dot(preconditioner, &r);
        let mut p = z.clone();
        let mut rz = self.dot(&r, &z);
        for _ in 0..STEPS {
            let product = self.dot(matrix, &p);
            let alpha = self.call("divide", &rz, self.dot(&p, &product));
            x = self.call("add", &x, self.call("multiply", &alpha, &p));
            r = self.call("subtract", &r, self.call("multiply", &alpha, &product));
            if self.is_below(&self.dot(&r, &r), 1e-300) {
                break;
            }
            z = self.dot(preconditioner, &r);
            let before = std::mem::replace(&mut rz, self.dot(&r, &z));
            p = self.call("add", &z, self.call("multiply", self.call("divide", &rz, &before), &p));
        }
        self.finish(&x);
    }

    fn jacobi(&self, matrix: &NdArray, b: &NdArray, diagonal: &NdArray) {
        let mut x = self.call("multiply", b, 0.0);
        for _ in 0..STEPS {
            x = self.call("divide", self.call("subtract", b, self.dot(matrix, &x)), diagonal);
        }
        self.finish(&x);
    }
}

fn measure(name: &str, rounds: usize, mut call: impl FnMut()) {
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            call();
            start.elapsed().as_secs_f64() * 1e6 / STEPS as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{name:24} {:8.1} us a step, at best {:8.1}", times[rounds / 2], times[0]);
}

fn main() {
    let argument = |k: usize, default: i64| std::env::args().nth(k).map_or(default, |text| text.parse().unwrap());
    let (n, cores, rounds) = (argument(1, 1000), argument(2, 2), argument(3, 100) as usize);
    let config = SessionConfig {
        mapper: Arc::new(DefaultMapper::new()),
        cores: cores as u32,
        memory_bytes: 1 << 33,
        cache_bytes: 1 << 25,
        ranks: Ranks::Alone,
        executor: ExecutorKind::Parallel,
        fuse: true,
        replay: Replay::On,
    };
    let numpy = Numpy(Session::new(config).unwrap());
    let matrix = numpy.filled(&[n, n], 1.0, n as f64);
    let preconditioner = numpy.filled(&[n, n], 0.0, 1.0 / n as f64);
    let (b, diagonal) = (numpy.filled(&[n], 1.0, 0.0), numpy.call("add", numpy.filled(&[n], 0.1, 0.0), n as f64));
    measure("a product", rounds, || (0..STEPS).for_each(|_| numpy.finish(&numpy.dot(&matrix, &b))));
    measure("conjugate gradients", rounds, || numpy.conjugate_gradients(&matrix, &preconditioner, &b));
    measure("Jacobi", rounds, || numpy.jacobi(&matrix, &b, &diagonal));
    println!("{:?}", numpy.0.runtime().unwrap().stats());
}
