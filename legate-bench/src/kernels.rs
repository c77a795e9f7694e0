//! Kernel programs on one thread: nanoseconds per element inside the first-level cache, inside the second, and from memory.

use crate::measure::best_seconds;
use legate_kernels::dtype::{DType, Scalar};
use legate_kernels::engine::Compiled;
use legate_kernels::host::{self, HostOperand};
use legate_kernels::ops::{BinaryOp, ReduceOp, UnaryOp};
use legate_kernels::program::{OperandId, Program};

/// Elements per operand: 8 KB, 128 KB and 80 MB of float64.
const LENGTHS: [usize; 3] = [1_000, 16_000, 10_000_000];
/// About how many elements a timed call goes over in all, so that short arrays are gone over often.
const WORK: usize = 20_000_000;
const ROUNDS: usize = 5;

/// A program over `inputs` arrays of float64 and one output: an array, or a single sum.
struct Case {
    name: &'static str,
    inputs: usize,
    is_reduction: bool,
    build: fn(&mut Program, OperandId),
}

const CASES: [Case; 6] = [
    Case { name: "copy", inputs: 1, is_reduction: false, build: copy },
    Case { name: "triad (a + 3 b)", inputs: 2, is_reduction: false, build: triad },
    Case { name: "ten operations", inputs: 2, is_reduction: false, build: chain },
    Case { name: "exp", inputs: 1, is_reduction: false, build: |program, out| unary(program, out, UnaryOp::Exp) },
    Case { name: "log", inputs: 1, is_reduction: false, build: |program, out| unary(program, out, UnaryOp::Log) },
    Case { name: "sum of squares", inputs: 1, is_reduction: true, build: sum_of_squares },
];

fn copy(program: &mut Program, out: OperandId) {
    let x = program.load(0, DType::F64);
    program.store(out, x);
}

fn triad(program: &mut Program, out: OperandId) {
    let (a, b) = (program.load(0, DType::F64), program.load(1, DType::F64));
    let three = program.constant(Scalar::new(3.0f64));
    let product = program.binary(BinaryOp::Multiply, three, b);
    let sum = program.binary(BinaryOp::Add, a, product);
    program.store(out, sum);
}

fn chain(program: &mut Program, out: OperandId) {
    let (a, b) = (program.load(0, DType::F64), program.load(1, DType::F64));
    let mut value = a;
    for _ in 0..5 {
        value = program.binary(BinaryOp::Multiply, value, b);
        value = program.binary(BinaryOp::Add, value, a);
    }
    program.store(out, value);
}

fn unary(program: &mut Program, out: OperandId, op: UnaryOp) {
    let x = program.load(0, DType::F64);
    let y = program.unary(op, x);
    program.store(out, y);
}

fn sum_of_squares(program: &mut Program, out: OperandId) {
    let x = program.load(0, DType::F64);
    let square = program.binary(BinaryOp::Multiply, x, x);
    program.reduce(ReduceOp::Add, out, square, 1);
}

/// Prints a table: nanoseconds per element, and GB/s of the operands' bytes from memory.
pub(crate) fn kernels() {
    println!(
        "{:<18} {:>10} {:>10} {:>10}  ns per element; {:>8}",
        "one thread, f64", "8 KB", "128 KB", "80 MB", "GB/s"
    );
    for case in &CASES {
        let times = LENGTHS.map(|length| case.ns_per_element(length));
        let bytes = 8 * (case.inputs + usize::from(!case.is_reduction));
        println!(
            "{:<18} {:>10.3} {:>10.3} {:>10.3}  {:>24.1}",
            case.name,
            times[0],
            times[1],
            times[2],
            bytes as f64 / times[2]
        );
    }
}

impl Case {
    fn ns_per_element(&self, length: usize) -> f64 {
        let mut program = Program::new();
        (self.build)(&mut program, self.inputs as OperandId);
        let compiled = Compiled::new(&program, 1).expect("the programs above are well-formed");
        let inputs: Vec<Vec<f64>> = (0..self.inputs).map(|k| vec![0.5 + 0.25 * k as f64; length]).collect();
        let mut output = vec![0.0f64; if self.is_reduction { 1 } else { length }];
        let repeats = (WORK / length).max(1);
        let seconds = best_seconds(ROUNDS, || {
            for _ in 0..repeats {
                let mut operands: Vec<HostOperand<'_>> =
                    inputs.iter().map(|input| HostOperand::read(bytemuck::cast_slice(input), 0, &[1])).collect();
                operands.push(HostOperand::write(
                    bytemuck::cast_slice_mut(&mut output),
                    0,
                    &[isize::from(!self.is_reduction)],
                ));
                host::run_compiled(&compiled, &[length as i64], &mut operands).expect("the operands fit the program");
            }
        });
        assert!(output[0].is_finite() && output[0] != 0.0, "{} computed something", self.name);
        1e9 * seconds / (repeats * length) as f64
    }
}
