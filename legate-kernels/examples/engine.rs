//! Measures the tile engine: nanoseconds per element and GB/s of a few programs, in cache and beyond, beside `memcpy` and plain loops.
//!
//! `cargo run --release -p legate-kernels --example engine [filter [points…]]`. Each figure is the best of several rounds, on one core.

#![allow(clippy::print_stdout, reason = "it prints a table")]

use legate_kernels::dtype::{DType, Scalar};
use legate_kernels::engine::Compiled;
use legate_kernels::isa::Isa;
use legate_kernels::operand::RawOperand;
use legate_kernels::ops::{BinaryOp, ReduceOp, UnaryOp};
use legate_kernels::program::Program;
use std::hint::black_box;
use std::time::Instant;

/// Results that need more than half of this are written past the caches.
const CACHE_BYTES: u64 = 32 << 20;

/// A program, its operands' strides (in elements) for a domain, and what to compare with.
struct Case {
    name: &'static str,
    program: Program,
    /// Extents, given the number of points.
    shape: fn(usize) -> Vec<usize>,
    /// Strides in elements for that shape, one list for each operand.
    strides: fn(&[usize]) -> Vec<Vec<isize>>,
}

fn main() {
    let filter = std::env::args().nth(1).unwrap_or_default();
    println!("{} instructions", Isa::best().name());
    println!("{:<28} {:>12} {:>10} {:>10}", "program", "points", "ns/point", "GB/s");
    let sizes: Vec<usize> = std::env::args().skip(2).filter_map(|n| n.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![10, 1000, 16_384, 10_000_000] } else { sizes };
    sizes.iter().for_each(|n| memcpy(*n));
    for case in cases().iter().filter(|case| case.name.contains(&filter)) {
        for points in sizes.iter().copied() {
            measure(case, points);
        }
    }
}

fn cases() -> Vec<Case> {
    vec![
        flat("add f64", binary(BinaryOp::Add, DType::F64)),
        flat("add f32", binary(BinaryOp::Add, DType::F32)),
        flat("maximum f64", binary(BinaryOp::Maximum, DType::F64)),
        flat("multiply c128", binary(BinaryOp::Multiply, DType::C128)),
        flat("greater f64", binary(BinaryOp::Greater, DType::F64)),
        flat("triad f64", triad(DType::F64)),
        flat("triad f32", triad(DType::F32)),
        flat("chain10 f64", chain(DType::F64)),
        flat("chain10 f32", chain(DType::F32)),
        flat("divide f64", binary(BinaryOp::Divide, DType::F64)),
        flat("sqrt f64", unary(UnaryOp::Sqrt, DType::F64)),
        flat("exp f64", unary(UnaryOp::Exp, DType::F64)),
        flat("log f64", unary(UnaryOp::Log, DType::F64)),
        flat("erf f64", unary(UnaryOp::Erf, DType::F64)),
        flat("sin f64", unary(UnaryOp::Sin, DType::F64)),
        flat("tanh f64", unary(UnaryOp::Tanh, DType::F64)),
        flat("exp f32", unary(UnaryOp::Exp, DType::F32)),
        flat("power f64", binary(BinaryOp::Power, DType::F64)),
        flat("i32 to f64", cast(DType::I32, DType::F64)),
        flat("f64 to i32", cast(DType::F64, DType::I32)),
        flat("black-scholes f64", black_scholes(normal_by_erf)),
        flat("black-scholes, polynomial", black_scholes(normal_by_polynomial)),
        Case { name: "add in place f64", program: in_place(), shape: |n| vec![n], strides: |s| vec![c_order(s); 2] },
        Case {
            name: "add f64, every 3rd",
            program: binary(BinaryOp::Add, DType::F64),
            shape: |n| vec![n],
            strides: |_| vec![vec![3], vec![3], vec![1]],
        },
        Case {
            name: "add f64 (n, 2) + (2,)",
            program: binary(BinaryOp::Add, DType::F64),
            shape: |n| vec![n.div_ceil(2), 2],
            strides: |_| vec![vec![2, 1], vec![0, 1], vec![2, 1]],
        },
        Case {
            name: "add f64 (n, 8) + (n, 1)",
            program: binary(BinaryOp::Add, DType::F64),
            shape: |n| vec![n.div_ceil(8), 8],
            strides: |_| vec![vec![8, 1], vec![1, 0], vec![8, 1]],
        },
        Case {
            name: "add f64, x + x.T",
            program: binary(BinaryOp::Add, DType::F64),
            shape: square,
            strides: |s| vec![c_order(s), vec![1, s[0] as isize], c_order(s)],
        },
        Case {
            name: "heat step",
            program: heat(),
            shape: square,
            strides: |s| vec![vec![s[1] as isize, 1]; 6].into_iter().chain([vec![0, 0]]).collect(),
        },
        Case { name: "sum f64", program: sum(DType::F64, 1), shape: |n| vec![n], strides: |_| vec![vec![1], vec![0]] },
        Case { name: "sum f32", program: sum(DType::F32, 1), shape: |n| vec![n], strides: |_| vec![vec![1], vec![0]] },
        Case {
            name: "max f64",
            program: fold(ReduceOp::Maximum, DType::F64, 1),
            shape: |n| vec![n],
            strides: |_| vec![vec![1], vec![0]],
        },
        Case {
            name: "sum x*x f64",
            program: sum_of_squares(),
            shape: |n| vec![n],
            strides: |_| vec![vec![1], vec![0]],
        },
        Case {
            name: "sum f64 axis 0",
            program: sum(DType::F64, 0b01),
            shape: square,
            strides: |s| vec![c_order(s), vec![0, 1]],
        },
        Case {
            name: "sum f64 axis 1",
            program: sum(DType::F64, 0b10),
            shape: square,
            strides: |s| vec![c_order(s), vec![1, 0]],
        },
        Case {
            name: "sum f64 (n, 3) axis 1",
            program: sum(DType::F64, 0b10),
            shape: |n| vec![n.div_ceil(3), 3],
            strides: |s| vec![c_order(s), vec![1, 0]],
        },
        Case {
            name: "sum f64 (n, 50) axis 1",
            program: sum(DType::F64, 0b10),
            shape: |n| vec![n.div_ceil(50), 50],
            strides: |s| vec![c_order(s), vec![1, 0]],
        },
        Case {
            name: "sum f64 (n, 3) axis 0",
            program: sum(DType::F64, 0b01),
            shape: |n| vec![n.div_ceil(3), 3],
            strides: |s| vec![c_order(s), vec![0, 1]],
        },
        Case {
            name: "sum f64 (n, 32) axis 0",
            program: sum(DType::F64, 0b01),
            shape: |n| vec![n.div_ceil(32), 32],
            strides: |s| vec![c_order(s), vec![0, 1]],
        },
    ]
}

fn square(n: usize) -> Vec<usize> {
    let side = (n as f64).sqrt() as usize;
    vec![side.max(1), side.max(1)]
}

fn flat(name: &'static str, program: Program) -> Case {
    Case { name, program, shape: |n| vec![n], strides: |s| vec![c_order(s); 8] }
}

fn c_order(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![1; shape.len()];
    for d in (1..shape.len()).rev() {
        strides[d - 1] = strides[d] * shape[d] as isize;
    }
    strides
}

fn binary(op: BinaryOp, dtype: DType) -> Program {
    let mut p = Program::new();
    let (x, y) = (p.load(0, dtype), p.load(1, dtype));
    let z = p.binary(op, x, y);
    p.store(2, z);
    p
}

fn unary(op: UnaryOp, dtype: DType) -> Program {
    let mut p = Program::new();
    let x = p.load(0, dtype);
    let y = p.unary(op, x);
    p.store(1, y);
    p
}

fn cast(from: DType, to: DType) -> Program {
    let mut p = Program::new();
    let x = p.load(0, from);
    let y = p.cast(to, x);
    p.store(1, y);
    p
}

fn in_place() -> Program {
    let mut p = Program::new();
    let (x, y) = (p.load(0, DType::F64), p.load(1, DType::F64));
    let z = p.binary(BinaryOp::Add, x, y);
    p.store(0, z);
    p
}

fn constant(p: &mut Program, dtype: DType, value: f64) -> u16 {
    p.constant(legate_kernels::cast::cast(Scalar::new(value), dtype))
}

fn triad(dtype: DType) -> Program {
    let mut p = Program::new();
    let (x, y) = (p.load(0, dtype), p.load(1, dtype));
    let s = constant(&mut p, dtype, 3.0);
    let scaled = p.binary(BinaryOp::Multiply, s, y);
    let sum = p.binary(BinaryOp::Add, x, scaled);
    p.store(2, sum);
    p
}

/// Ten cheap operations.
fn chain(dtype: DType) -> Program {
    let mut p = Program::new();
    let (x, y) = (p.load(0, dtype), p.load(1, dtype));
    let mut t = p.binary(BinaryOp::Multiply, x, y);
    for (i, op) in [BinaryOp::Add, BinaryOp::Multiply, BinaryOp::Subtract].into_iter().cycle().take(9).enumerate() {
        let other = if i % 3 == 1 {
            constant(&mut p, dtype, 0.5 + i as f64)
        } else if i % 2 == 0 {
            x
        } else {
            y
        };
        t = p.binary(op, t, other);
    }
    p.store(2, t);
    p
}

fn sum(dtype: DType, dims: u64) -> Program {
    fold(ReduceOp::Add, dtype, dims)
}

fn fold(op: ReduceOp, dtype: DType, dims: u64) -> Program {
    let mut p = Program::new();
    let x = p.load(0, dtype);
    p.reduce(op, 1, x, dims);
    p
}

fn sum_of_squares() -> Program {
    let mut p = Program::new();
    let x = p.load(0, DType::F64);
    let square = p.binary(BinaryOp::Multiply, x, x);
    p.reduce(ReduceOp::Add, 1, square, 1);
    p
}

/// `work = 0.2 * (c + n + e + w + s)` and `sum(|work - c|)`.
fn heat() -> Program {
    let mut p = Program::new();
    let c = p.load(0, DType::F64);
    let mut total = c;
    for k in 1..5 {
        let x = p.load(k, DType::F64);
        total = p.binary(BinaryOp::Add, total, x);
    }
    let fifth = constant(&mut p, DType::F64, 0.2);
    let work = p.binary(BinaryOp::Multiply, fifth, total);
    p.store(5, work);
    let change = p.binary(BinaryOp::Subtract, work, c);
    let size = p.unary(UnaryOp::Absolute, change);
    p.reduce(ReduceOp::Add, 6, size, 0b11);
    p
}

/// European call and put prices: spot, strike and time to expiry in, two prices out.
fn black_scholes(cdf: fn(&mut Program, u16) -> u16) -> Program {
    let mut p = Program::new();
    let [s, k, t] = [0, 1, 2].map(|i| p.load(i, DType::F64));
    let (rate, volatility) = (constant(&mut p, DType::F64, 0.02), constant(&mut p, DType::F64, 0.3));
    let (drift, one) = (constant(&mut p, DType::F64, 0.02 + 0.045), constant(&mut p, DType::F64, 1.0));
    let root = p.unary(UnaryOp::Sqrt, t);
    let spread = p.binary(BinaryOp::Multiply, volatility, root);
    let ratio = p.binary(BinaryOp::Divide, s, k);
    let log = p.unary(UnaryOp::Log, ratio);
    let drift = p.binary(BinaryOp::Multiply, drift, t);
    let top = p.binary(BinaryOp::Add, log, drift);
    let d1 = p.binary(BinaryOp::Divide, top, spread);
    let d2 = p.binary(BinaryOp::Subtract, d1, spread);
    let (n1, n2) = (cdf(&mut p, d1), cdf(&mut p, d2));
    let rate = p.unary(UnaryOp::Negative, rate);
    let decay = p.binary(BinaryOp::Multiply, rate, t);
    let discount = p.unary(UnaryOp::Exp, decay);
    let owed = p.binary(BinaryOp::Multiply, k, discount);
    let (a, b) = (p.binary(BinaryOp::Multiply, s, n1), p.binary(BinaryOp::Multiply, owed, n2));
    let call = p.binary(BinaryOp::Subtract, a, b);
    p.store(3, call);
    let (beside1, beside2) = (p.binary(BinaryOp::Subtract, one, n1), p.binary(BinaryOp::Subtract, one, n2));
    let (a, b) = (p.binary(BinaryOp::Multiply, owed, beside2), p.binary(BinaryOp::Multiply, s, beside1));
    let put = p.binary(BinaryOp::Subtract, a, b);
    p.store(4, put);
    p
}

/// The normal distribution function.
fn normal_by_erf(p: &mut Program, d: u16) -> u16 {
    let [half, one, root_half] = [0.5, 1.0, std::f64::consts::FRAC_1_SQRT_2].map(|x| constant(p, DType::F64, x));
    let scaled = p.binary(BinaryOp::Multiply, d, root_half);
    let erf = p.unary(UnaryOp::Erf, scaled);
    let sum = p.binary(BinaryOp::Add, erf, one);
    p.binary(BinaryOp::Multiply, sum, half)
}

/// The same by M. Abramowitz, I. A. Stegun, "Handbook of Mathematical Functions", 26.2.17.
fn normal_by_polynomial(p: &mut Program, d: u16) -> u16 {
    let [zero, one, slope] = [0.0, 1.0, 0.2316419].map(|x| constant(p, DType::F64, x));
    let size = p.unary(UnaryOp::Absolute, d);
    let below = p.binary(BinaryOp::Multiply, slope, size);
    let below = p.binary(BinaryOp::Add, one, below);
    let k = p.binary(BinaryOp::Divide, one, below);
    let mut tail = constant(p, DType::F64, 1.330274429);
    for c in [-1.821255978, 1.781477937, -0.356563782, 0.319381530] {
        let c = constant(p, DType::F64, c);
        tail = p.binary(BinaryOp::Multiply, k, tail);
        tail = p.binary(BinaryOp::Add, c, tail);
    }
    tail = p.binary(BinaryOp::Multiply, k, tail);
    let half = constant(p, DType::F64, -0.5);
    let square = p.binary(BinaryOp::Multiply, half, d);
    let square = p.binary(BinaryOp::Multiply, square, d);
    let bell = p.unary(UnaryOp::Exp, square);
    tail = p.binary(BinaryOp::Multiply, tail, bell);
    let root = constant(p, DType::F64, (2.0 * std::f64::consts::PI).sqrt());
    tail = p.binary(BinaryOp::Divide, tail, root);
    let beside = p.binary(BinaryOp::Subtract, one, tail);
    let is_above = p.binary(BinaryOp::Greater, d, zero);
    p.select(is_above, beside, tail)
}

fn measure(case: &Case, points: usize) {
    let shape = (case.shape)(points);
    let points: usize = shape.iter().product();
    let strides = (case.strides)(&shape);
    let dtypes: Vec<DType> =
        case.program.operand_dtypes().into_iter().map(|d| d.expect("all operands are used")).collect();
    let mut bytes_moved = 0;
    let mut arrays: Vec<Memory> = Vec::new();
    for (dtype, strides) in dtypes.iter().zip(&strides) {
        let elements = 1 + shape.iter().zip(strides).map(|(n, s)| (n - 1) * s.unsigned_abs()).sum::<usize>();
        bytes_moved += elements.min(points) * dtype.size();
        let values: Vec<Scalar> =
            (0..61).map(|i| legate_kernels::cast::cast(Scalar::new(0.3 + f64::from(i) / 37.0), *dtype)).collect();
        let bytes: Vec<u8> = (0..elements).flat_map(|i| values[i % 61].as_bytes().iter().copied()).collect();
        arrays.push(Memory::new(&bytes, arrays.len()));
    }
    let raw: Vec<RawOperand> = arrays
        .iter_mut()
        .zip(dtypes.iter().zip(&strides))
        .map(|(array, (dtype, strides))| RawOperand {
            ptr: array.start(),
            strides: strides.iter().map(|s| s * dtype.size() as isize).collect(),
        })
        .collect();
    let compiled = Compiled::new(&case.program, shape.len()).expect("a valid program").with_cache(CACHE_BYTES);
    let domain: Vec<i64> = shape.iter().map(|n| *n as i64).collect();
    let lo = vec![0; shape.len()];
    // SAFETY: each operand has memory of its own, as long as its strides reach.
    let ns = best_ns(points, || unsafe { compiled.run(&domain, &lo, &shape, black_box(&raw)) });
    report(case.name, points, ns, bytes_moved);
}

/// Bytes at a cache line, as the runtime's buffers are, and not at the same offset in a page as those of the operand before.
struct Memory {
    bytes: Vec<u8>,
    start: usize,
}

impl Memory {
    fn new(content: &[u8], operand: usize) -> Memory {
        let mut bytes = vec![0; content.len() + 8192];
        let start = bytes.as_ptr().align_offset(4096) + operand * 512 % 4096;
        bytes[start..start + content.len()].copy_from_slice(content);
        Memory { bytes, start }
    }

    fn start(&mut self) -> *mut u8 {
        self.bytes[self.start..].as_mut_ptr()
    }
}

fn memcpy(points: usize) {
    let from = vec![1u8; points * 8];
    let mut to = vec![0u8; points * 8];
    let ns = best_ns(points, || black_box(&mut to).copy_from_slice(black_box(&from)));
    report("memcpy of f64", points, ns, points * 16);
}

fn report(name: &str, points: usize, ns: f64, bytes: usize) {
    println!("{name:<28} {points:>12} {:>10.3} {:>10.1}", ns / points as f64, bytes as f64 / ns);
}

/// The best time of one call over several rounds, each too short to be disturbed often.
fn best_ns(points: usize, mut call: impl FnMut()) -> f64 {
    let calls = (100_000 / points).clamp(1, 1000);
    let rounds = (20_000_000 / points).clamp(10, 300);
    call();
    let round = |_| {
        let start = Instant::now();
        (0..calls).for_each(|_| call());
        start.elapsed().as_nanos() as f64 / calls as f64
    };
    (0..rounds).map(round).fold(f64::INFINITY, f64::min)
}
