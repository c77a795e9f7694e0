//! Chains of float operations: the engine against the oracle, in registers, in place and past the caches.

use crate::support::{Array, Layout, WANTED, assert_same, met_by_engine, met_by_oracle, nasty, normalised, run_oracle};
use legate_kernels::dtype::{B8, DType, Scalar};
use legate_kernels::engine::Compiled;
use legate_kernels::isa::Isa;
use legate_kernels::operand::RawOperand;
use legate_kernels::ops::{BinaryOp, UnaryOp};
use legate_kernels::program::{Program, ValueId};
use proptest::prelude::*;

const BINARY: [BinaryOp; 7] = [
    BinaryOp::Add,
    BinaryOp::Subtract,
    BinaryOp::Multiply,
    BinaryOp::Divide,
    BinaryOp::Maximum,
    BinaryOp::Minimum,
    BinaryOp::Fmax, // no link
];
const COMPARISONS: [BinaryOp; 3] = [BinaryOp::Less, BinaryOp::GreaterEqual, BinaryOp::NotEqual];
const UNARY: [UnaryOp; 11] = [
    UnaryOp::Sign,
    UnaryOp::Negative,
    UnaryOp::Absolute,
    UnaryOp::Sqrt,
    UnaryOp::Square,
    UnaryOp::Reciprocal,
    UnaryOp::Floor,
    UnaryOp::Ceil,
    UnaryOp::Trunc,
    UnaryOp::Rint,
    UnaryOp::Rad2deg, // no link: it ends a chain
];

/// One more operation, with numbers that are reduced to what there is.
#[derive(Clone, Debug)]
enum Recipe {
    /// Of the last value.
    Unary(u8),
    /// Of the last value and another one, which comes first if so said.
    Binary(u8, u8, bool),
    Constant(u8),
    /// The last value and another one are compared.
    Compare(u8, u8),
    /// The last value or another one, which comes first if so said, by one of the masks.
    Choose(u8, u8, bool),
    Store(u8),
    /// Into an input.
    Update(u8),
}

fn recipe() -> impl Strategy<Value = Recipe> {
    prop_oneof![
        2 => any::<u8>().prop_map(Recipe::Unary),
        8 => any::<(u8, u8, bool)>().prop_map(|(op, other, first)| Recipe::Binary(op, other, first)),
        1 => any::<u8>().prop_map(Recipe::Constant),
        2 => any::<(u8, u8)>().prop_map(|(op, other)| Recipe::Compare(op, other)),
        3 => any::<(u8, u8, bool)>().prop_map(|(mask, other, first)| Recipe::Choose(mask, other, first)),
        1 => any::<u8>().prop_map(Recipe::Store),
        1 => any::<u8>().prop_map(Recipe::Update),
    ]
}

/// A program that computes in `dtype` from inputs of these types; the types of all its operands, inputs first.
fn build(dtype: DType, inputs: &[DType], recipes: &[Recipe]) -> (Program, Vec<DType>) {
    let mut p = Program::new();
    let mut operands = inputs.to_vec();
    let loaded: Vec<ValueId> = (0..inputs.len()).map(|k| p.load(k as u16, inputs[k])).collect();
    let mut values: Vec<ValueId> = loaded.iter().map(|x| p.cast(dtype, *x)).collect();
    let floats = nasty(dtype);
    // A mask out of memory to begin with, and one known beforehand.
    operands.push(DType::Bool);
    let mut masks = vec![p.load(inputs.len() as u16, DType::Bool), p.constant(Scalar::new(B8(1)))];
    for recipe in recipes {
        let last = *values.last().unwrap();
        let pick = |i: u8| values[i as usize % values.len()];
        let made = match *recipe {
            Recipe::Unary(op) => p.unary(UNARY[op as usize % UNARY.len()], last),
            Recipe::Binary(op, other, first) => {
                let (x, y) = if first { (pick(other), last) } else { (last, pick(other)) };
                p.binary(BINARY[op as usize % BINARY.len()], x, y)
            }
            Recipe::Constant(i) if i % 3 == 0 => {
                let integer = p.constant(Scalar::new(i64::from(i)));
                p.cast(dtype, integer)
            }
            Recipe::Constant(i) => p.constant(floats[i as usize % floats.len()]),
            Recipe::Compare(op, other) => {
                masks.push(p.binary(COMPARISONS[op as usize % COMPARISONS.len()], last, pick(other)));
                continue;
            }
            Recipe::Choose(mask, other, first) => {
                let (x, y) = if first { (pick(other), last) } else { (last, pick(other)) };
                p.select(masks[mask as usize % masks.len()], x, y)
            }
            Recipe::Store(i) => {
                p.store(operands.len() as u16, pick(i));
                operands.push(dtype);
                continue;
            }
            Recipe::Update(k) => {
                let k = k as usize % inputs.len();
                let value = p.cast(inputs[k], last);
                p.store(k as u16, value);
                continue;
            }
        };
        values.push(made);
    }
    p.store(operands.len() as u16, *values.last().unwrap());
    operands.push(dtype);
    (p, operands)
}

fn arrays(operands: &[DType], n: usize) -> Vec<Array> {
    operands.iter().map(|dtype| Array::new(*dtype, &[n], Layout::Contiguous, &nasty(*dtype))).collect()
}

/// Runs the program on fresh arrays, on a machine with so large a cache.
fn run(program: &Program, isa: Isa, cache: u64, operands: &[DType], n: usize) -> Vec<Array> {
    let mut arrays = arrays(operands, n);
    let raw: Vec<RawOperand> = arrays.iter_mut().map(|array| array.raw(&[0])).collect();
    let compiled = Compiled::with_isa(program, 1, isa).unwrap().with_cache(cache);
    // SAFETY: each array owns its memory, and its view stays inside.
    unsafe { compiled.run(&[n as i64], &[0], &[n], &raw) };
    arrays
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn chains_compute_what_the_oracle_computes(
        is_double: bool,
        inputs in proptest::collection::vec(
            proptest::sample::select(vec![DType::F64, DType::F64, DType::F32, DType::I32, DType::I64]), 1..4),
        recipes in proptest::collection::vec(recipe(), 1..40),
        n in prop_oneof![1usize..200, Just(1024usize), 2000usize..2500],
    ) {
        let dtype = if is_double { DType::F64 } else { DType::F32 };
        let (program, operands) = build(dtype, &inputs, &recipes);
        prop_assert_eq!(program.validate(1), Ok(()));
        let mut expected = arrays(&operands, n);
        run_oracle(&program, &[n], &mut expected);
        for isa in Isa::available() {
            for cache in [u64::MAX, 0] {
                let got = run(&program, isa, cache, &operands, n);
                for k in 0..operands.len() {
                    assert_same(&(k, isa, cache, &program, n), operands[k], &[n], &got[k], &expected[k]);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn chains_meet_what_the_oracle_meets(
        is_double: bool,
        inputs in proptest::collection::vec(
            proptest::sample::select(vec![DType::F64, DType::F64, DType::F32, DType::I32, DType::I64]), 1..4),
        recipes in proptest::collection::vec(recipe(), 1..40),
        n in prop_oneof![1usize..200, Just(1024usize), 2000usize..2500],
        tame: bool,
    ) {
        let dtype = if is_double { DType::F64 } else { DType::F32 };
        let (program, operands) = build(dtype, &inputs, &recipes);
        let program = normalised(&program);
        let values = |dtype: &DType| if tame { nasty(*dtype)[..3].to_vec() } else { nasty(*dtype) };
        let arrays = || operands.iter().map(|dtype| Array::new(*dtype, &[n], Layout::Contiguous, &values(dtype)));
        let expected = met_by_oracle(&program, &[n], &mut arrays().collect::<Vec<_>>(), WANTED);
        for isa in Isa::available() {
            for cache in [u64::MAX, 0] {
                let got = met_by_engine(&program, (isa, cache), &[n], &mut arrays().collect::<Vec<_>>(), WANTED);
                prop_assert_eq!(&got, &expected, "{:?} {} {:?} {}", isa, cache, &program, n);
            }
        }
    }
}

/// Every pair of links, each with elements and with constants on either side.
#[test]
fn short_chains() {
    for dtype in [DType::F64, DType::F32] {
        for pair in 0..BINARY.len() * BINARY.len() * 16 {
            let (first, second, sides) =
                (BINARY[pair % BINARY.len()], BINARY[pair / BINARY.len() % BINARY.len()], pair / BINARY.len().pow(2));
            let mut p = Program::new();
            let x = p.load(0, dtype);
            let other = |p: &mut Program, k: u16, constant: bool| {
                let value = nasty(dtype)[3 + k as usize * 7];
                if constant { p.constant(value) } else { p.load(k, dtype) }
            };
            let ordered = |x: ValueId, y: ValueId, swapped: bool| if swapped { (y, x) } else { (x, y) };
            let y = other(&mut p, 1, sides & 1 == 1);
            let (a, b) = ordered(x, y, sides & 2 == 2);
            let t = p.binary(first, a, b);
            let z = other(&mut p, 2, sides & 4 == 4);
            let (a, b) = ordered(t, z, sides & 8 == 8);
            let result = p.binary(second, a, b);
            p.store(3, result);
            let operands = [dtype; 4];
            let mut expected = arrays(&operands, 192);
            run_oracle(&p, &[192], &mut expected);
            for isa in Isa::available() {
                let got = run(&p, isa, u64::MAX, &operands, 192);
                assert_same(&(first, second, sides, isa), dtype, &[192], &got[3], &expected[3]);
            }
        }
    }
}

/// A result in the place of an input that is needed before, at and after the step that makes it.
#[test]
fn results_in_the_place_of_inputs() {
    let mut p = Program::new();
    let (x, y) = (p.load(0, DType::F64), p.load(1, DType::F64));
    let sum = p.binary(BinaryOp::Add, x, y);
    p.store(0, sum); // the last use of `x`?
    let half = p.constant(Scalar::new(0.5));
    let again = p.binary(BinaryOp::Multiply, x, half); // no
    let difference = p.binary(BinaryOp::Subtract, sum, y);
    p.store(1, difference);
    p.store(2, again);
    let operands = [DType::F64; 3];
    for n in [1, 64, 1000, 4096] {
        let mut expected = arrays(&operands, n);
        run_oracle(&p, &[n], &mut expected);
        for isa in Isa::available() {
            let got = run(&p, isa, 0, &operands, n);
            (0..3).for_each(|k| assert_same(&(k, isa, n), DType::F64, &[n], &got[k], &expected[k]));
        }
    }
}
