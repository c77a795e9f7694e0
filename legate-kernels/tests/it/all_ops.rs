//! Every row of the tables, for every element type, in every kind of memory, at every ISA level.

use crate::support::{Array, Layout, assert_same, nasty, run_engine, run_oracle};
use legate_kernels::dtype::DType;
use legate_kernels::isa::Isa;
use legate_kernels::ops::{BinaryOp, UnaryOp};
use legate_kernels::program::Program;

/// Shapes around the length of a strip and of a tile, with short rows and none.
const SHAPES: [&[usize]; 12] =
    [&[], &[1], &[63], &[64], &[65], &[0], &[3, 2], &[400, 3], &[2, 130], &[5, 1], &[2, 0, 3], &[2, 1100]];

/// Lengths of which every one is tried, once for each operation.
const LENGTHS: std::ops::RangeInclusive<usize> = 1..=66;

/// Runs a program of `inputs` loads and one store on every layout and compares.
fn check(what: &dyn std::fmt::Debug, program: &Program, inputs: &[DType], output: DType) {
    let values: Vec<_> = inputs.iter().enumerate().map(|(i, dtype)| rotated(nasty(*dtype), i)).collect();
    let case = |shape: &[usize], read: Layout, write: Layout| {
        let mut arrays: Vec<Array> =
            inputs.iter().zip(&values).map(|(dtype, v)| Array::new(*dtype, shape, read, v)).collect();
        arrays.push(Array::zeros(output, shape, write));
        let mut expected = arrays.clone();
        run_oracle(program, shape, &mut expected);
        for isa in Isa::available() {
            let mut got = arrays.clone();
            run_engine(program, isa, shape, &mut got);
            let label = (what, isa, shape, read, write);
            assert_same(&label, output, shape, &got[inputs.len()], &expected[inputs.len()]);
        }
    };
    let writable: Vec<Layout> = Layout::ALL.into_iter().filter(|l| l.is_injective()).collect();
    for (i, read) in Layout::ALL.into_iter().enumerate() {
        for (j, shape) in SHAPES.iter().enumerate() {
            case(shape, read, writable[(i + j) % writable.len()]);
        }
    }
    for n in LENGTHS {
        case(&[n], Layout::Contiguous, Layout::Contiguous);
    }
}

/// The same values in another order, so that pairs of values differ.
fn rotated<T: Clone>(mut values: Vec<T>, by: usize) -> Vec<T> {
    let n = values.len();
    values.rotate_left(by % n);
    // A second copy, shifted, gives pairs that the first does not.
    let mut all = values.clone();
    values.rotate_left((by * 5) % n);
    all.extend(values);
    all
}

#[test]
fn unary_operations() {
    for op in UnaryOp::ALL {
        for (input, output) in op.loops() {
            let mut program = Program::new();
            let x = program.load(0, *input);
            let y = program.unary(*op, x);
            program.store(1, y);
            check(&(op, input), &program, &[*input], *output);
        }
    }
}

#[test]
fn binary_operations() {
    for op in BinaryOp::ALL {
        for (input, output) in op.loops() {
            let mut program = Program::new();
            let (x, y) = (program.load(0, *input), program.load(1, *input));
            let z = program.binary(*op, x, y);
            program.store(2, z);
            check(&(op, input), &program, &[*input, *input], *output);
        }
    }
}

#[test]
fn casts() {
    for from in DType::ALL {
        for to in DType::ALL {
            let mut program = Program::new();
            let x = program.load(0, from);
            let y = program.cast(to, x);
            program.store(1, y);
            check(&(from, to), &program, &[from], to);
        }
    }
}

#[test]
fn selections() {
    for dtype in DType::ALL {
        let mut program = Program::new();
        let (cond, x, y) = (program.load(0, DType::Bool), program.load(1, dtype), program.load(2, dtype));
        let z = program.select(cond, x, y);
        program.store(3, z);
        check(&("select", dtype), &program, &[DType::Bool, dtype, dtype], dtype);
    }
}

#[test]
fn names_are_unique_and_found_again() {
    for op in UnaryOp::ALL {
        assert_eq!(UnaryOp::from_name(op.name()), Some(*op));
    }
    for op in BinaryOp::ALL {
        assert_eq!(BinaryOp::from_name(op.name()), Some(*op));
    }
}

#[test]
fn loops_are_in_numpys_order() {
    let loops = |name: &str| BinaryOp::from_name(name).unwrap().loops().to_vec();
    assert!(loops("add").is_sorted_by(|a, b| a.0 < b.0));
    assert_eq!(loops("divide")[0], (DType::I8, DType::F64));
    assert_eq!(loops("float_power"), [(DType::F64, DType::F64), (DType::C128, DType::C128)]);
    assert_eq!(UnaryOp::Absolute.result(DType::C128), Some(DType::F64));
    assert_eq!(UnaryOp::Negative.result(DType::Bool), None);
}
