//! Measures the mathematical functions: nanoseconds per element on one core, operands in the second-level cache, for each instruction set,
//! beside the bodies called one element at a time, and beside NumPy.
//!
//! `cargo run --release -p legate-kernels --example math [filter [python]]`, where `python` is an interpreter that has NumPy.

#![allow(clippy::print_stdout, reason = "it prints a table")]

use legate_kernels::cast::cast;
use legate_kernels::dtype::{C128, DType, Scalar};
use legate_kernels::engine::Compiled;
use legate_kernels::isa::Isa;
use legate_kernels::operand::RawOperand;
use legate_kernels::ops::{self, BinaryOp, UnaryOp};
use legate_kernels::program::Program;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

const POINTS: usize = 16_384;

/// A function, and the range of each of its arguments.
type Case = (&'static str, &'static [(f64, f64)]);

const CASES: &[Case] = &[
    ("exp", &[(-10.0, 10.0)]),
    ("exp2", &[(-10.0, 10.0)]),
    ("expm1", &[(-5.0, 5.0)]),
    ("log", &[(0.01, 100.0)]),
    ("log2", &[(0.01, 100.0)]),
    ("log10", &[(0.01, 100.0)]),
    ("log1p", &[(-0.9, 100.0)]),
    ("sqrt", &[(0.0, 100.0)]),
    ("cbrt", &[(-100.0, 100.0)]),
    ("sin", &[(-10.0, 10.0)]),
    ("cos", &[(-10.0, 10.0)]),
    ("tan", &[(-10.0, 10.0)]),
    ("arcsin", &[(-1.0, 1.0)]),
    ("arccos", &[(-1.0, 1.0)]),
    ("arctan", &[(-5.0, 5.0)]),
    ("sinh", &[(-5.0, 5.0)]),
    ("cosh", &[(-5.0, 5.0)]),
    ("tanh", &[(-5.0, 5.0)]),
    ("arcsinh", &[(-50.0, 50.0)]),
    ("arccosh", &[(1.0, 100.0)]),
    ("arctanh", &[(-1.0, 1.0)]),
    ("erf", &[(-3.0, 3.0)]),
    ("power", &[(0.01, 100.0), (-5.0, 5.0)]),
    ("arctan2", &[(-5.0, 5.0), (-5.0, 5.0)]),
    ("hypot", &[(-5.0, 5.0), (-5.0, 5.0)]),
    ("logaddexp", &[(-5.0, 5.0), (-5.0, 5.0)]),
    ("logaddexp2", &[(-5.0, 5.0), (-5.0, 5.0)]),
    ("floor_divide", &[(-50.0, 50.0), (0.1, 5.0)]),
    ("remainder", &[(-50.0, 50.0), (0.1, 5.0)]),
    ("fmod", &[(-50.0, 50.0), (0.1, 5.0)]),
];

/// Functions that are measured on complex arguments too.
const COMPLEX: &[&str] = &["exp", "log", "sqrt", "sin", "arcsin", "tanh", "power"];

fn main() {
    let filter = std::env::args().nth(1).unwrap_or_default();
    let mut numpy = std::env::args().nth(2).map(|python| Numpy::start(&python));
    print!("{:<14}{:<9}", "ns/element", "");
    Isa::available().for_each(|isa| print!("{:>10}", isa.name()));
    println!("{:>10}{:>10}", "scalar", "NumPy");
    for case in CASES.iter().filter(|case| case.0.contains(&filter)) {
        let complex = COMPLEX.contains(&case.0).then_some(DType::C128);
        for dtype in [DType::F64, DType::F32].into_iter().chain(complex) {
            print!("{:<14}{:<9}", case.0, dtype.name());
            for isa in Isa::available() {
                print!("{:>10.3}", engine_ns(case, dtype, isa));
            }
            print!("{:>10.3}", scalar_ns(case, dtype));
            match numpy.as_mut().map(|numpy| numpy.ns(case, dtype)) {
                Some(ns) if ns.is_finite() => println!("{ns:>10.3}"),
                _ => println!("{:>10}", "-"),
            }
        }
    }
}

/// Arguments between two bounds, in no order that a branch predictor could learn.
fn values((low, high): (f64, f64), dtype: DType, seed: u64) -> Vec<Scalar> {
    let mut state = seed;
    let draw = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let unit = (state >> 11) as f64 / (1u64 << 53) as f64;
        let x = low + (high - low) * unit;
        if dtype == DType::C128 { Scalar::new(C128::new(x, 1.0 - unit)) } else { cast(Scalar::new(x), dtype) }
    };
    (0..POINTS).map(draw).collect()
}

fn arguments(case: &Case, dtype: DType) -> Vec<Vec<Scalar>> {
    case.1.iter().zip(1..).map(|(bounds, seed)| values(*bounds, dtype, seed)).collect()
}

fn engine_ns(case: &Case, dtype: DType, isa: Isa) -> f64 {
    let mut program = Program::new();
    let x = program.load(0, dtype);
    let result = match UnaryOp::from_name(case.0) {
        Some(op) => program.unary(op, x),
        None => {
            let y = program.load(1, dtype);
            program.binary(BinaryOp::from_name(case.0).expect("a function of the tables"), x, y)
        }
    };
    program.store(case.1.len() as u16, result);
    let mut arrays: Vec<Vec<u8>> = arguments(case, dtype).iter().map(|x| bytes(x)).collect();
    arrays.push(vec![0; POINTS * dtype.size()]);
    let strides = || [dtype.size() as isize].into_iter().collect();
    let raw: Vec<RawOperand> =
        arrays.iter_mut().map(|array| RawOperand { ptr: array.as_mut_ptr(), strides: strides() }).collect();
    let compiled = Compiled::with_isa(&program, 1, isa).expect("a valid program");
    // SAFETY: each operand has memory of its own for all points.
    best_ns(|| unsafe { compiled.run(&[POINTS as i64], &[0], &[POINTS], black_box(&raw)) })
}

fn bytes(values: &[Scalar]) -> Vec<u8> {
    values.iter().flat_map(|x| x.as_bytes().iter().copied()).collect()
}

fn scalar_ns(case: &Case, dtype: DType) -> f64 {
    let arguments = arguments(case, dtype);
    let (xs, ys) = (&arguments[0], arguments.last().expect("a function has an argument"));
    let (unary, binary) = (UnaryOp::from_name(case.0), BinaryOp::from_name(case.0));
    best_ns(|| {
        for (x, y) in xs.iter().zip(ys) {
            let one = unary.and_then(|op| ops::unary(op, black_box(*x)));
            black_box(one.or_else(|| binary.and_then(|op| ops::binary(op, black_box(*x), *y))));
        }
    })
}

/// The best time of an element over many rounds, each too short to be disturbed often.
fn best_ns(mut call: impl FnMut()) -> f64 {
    let round = |_| {
        let start = Instant::now();
        call();
        start.elapsed().as_nanos() as f64 / POINTS as f64
    };
    (0..100).map(round).fold(f64::INFINITY, f64::min)
}

/// A Python process that times NumPy's functions on arrays of the same size.
struct Numpy(Child);

impl Numpy {
    fn start(python: &str) -> Numpy {
        let script = include_str!("math_numpy.py");
        let child = Command::new(python).args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        Numpy(child.expect("a Python interpreter"))
    }

    fn ns(&mut self, case: &Case, dtype: DType) -> f64 {
        let bounds: Vec<String> = case.1.iter().map(|(low, high)| format!("{low} {high}")).collect();
        let stdin = self.0.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "{} {} {POINTS} {}", case.0, dtype.name(), bounds.join(" ")).expect("Python reads");
        let mut line = String::new();
        // Python writes one line for each, so nothing is left in the buffer.
        BufReader::new(self.0.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("Python answers");
        line.trim().parse().unwrap_or(f64::NAN)
    }
}

impl Drop for Numpy {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
