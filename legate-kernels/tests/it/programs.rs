//! Random programs: the engine against the oracle.

use crate::support::{
    Array, Layout, WANTED, assert_same, met_by_engine, met_by_oracle, nasty, normalised, run_engine, run_oracle,
};
use legate_kernels::dtype::{DType, Scalar};
use legate_kernels::exceptions::Exceptions;
use legate_kernels::isa::Isa;
use legate_kernels::ops::{BinaryOp, UnaryOp};
use legate_kernels::program::{Instr, Program, ValueId};
use proptest::prelude::*;

/// A step to be added to a program, with numbers that are reduced to what there is.
#[derive(Clone, Debug)]
enum Recipe {
    Const(u8),
    Index(u8),
    Unary(u8, u8),
    Binary(u8, u8, u8),
    Select(u8, u8, u8),
    Cast(u8, u8),
    Store(u8),
    /// A store to an operand that is also loaded, in place.
    Update(u8),
}

fn recipe() -> impl Strategy<Value = Recipe> {
    prop_oneof![
        any::<u8>().prop_map(Recipe::Const),
        any::<u8>().prop_map(Recipe::Index),
        any::<(u8, u8)>().prop_map(|(a, b)| Recipe::Unary(a, b)),
        any::<(u8, u8, u8)>().prop_map(|(a, b, c)| Recipe::Binary(a, b, c)),
        any::<(u8, u8, u8)>().prop_map(|(a, b, c)| Recipe::Binary(a, b, c)),
        any::<(u8, u8, u8)>().prop_map(|(a, b, c)| Recipe::Select(a, b, c)),
        any::<(u8, u8)>().prop_map(|(a, b)| Recipe::Cast(a, b)),
        any::<u8>().prop_map(Recipe::Store),
        any::<u8>().prop_map(Recipe::Update),
    ]
}

fn layout() -> impl Strategy<Value = Layout> {
    proptest::sample::select(Layout::ALL.to_vec())
}

/// A program over inputs of these types, and the types of all its operands (inputs first).
fn build(inputs: &[DType], recipes: &[Recipe], rank: usize) -> (Program, Vec<DType>) {
    let mut p = Program::new();
    let mut operands = inputs.to_vec();
    let mut values: Vec<ValueId> = inputs.iter().enumerate().map(|(k, dtype)| p.load(k as u16, *dtype)).collect();
    for recipe in recipes {
        let pick = |i: u8| values[i as usize % values.len()];
        let of = |p: &Program, v: ValueId| p.value_dtype(v).unwrap();
        let made = match *recipe {
            Recipe::Const(i) => {
                let dtype = DType::ALL[i as usize % DType::ALL.len()];
                let list = nasty(dtype);
                p.constant(list[i as usize % list.len()])
            }
            Recipe::Index(d) if rank > 0 => p.index(d % rank as u8),
            Recipe::Index(_) => p.constant(Scalar::new(3i64)),
            Recipe::Unary(i, v) => {
                let v = pick(v);
                let ops: Vec<_> = UnaryOp::ALL.iter().filter(|op| op.result(of(&p, v)).is_some()).collect();
                p.unary(*ops[i as usize % ops.len()], v)
            }
            Recipe::Binary(i, x, y) => {
                let x = pick(x);
                let y = p.cast(of(&p, x), pick(y));
                let ops: Vec<_> = BinaryOp::ALL.iter().filter(|op| op.result(of(&p, x)).is_some()).collect();
                p.binary(*ops[i as usize % ops.len()], x, y)
            }
            Recipe::Select(c, x, y) => {
                let cond = p.cast(DType::Bool, pick(c));
                let y = p.cast(of(&p, pick(x)), pick(y));
                p.select(cond, pick(x), y)
            }
            Recipe::Cast(to, v) => p.cast(DType::ALL[to as usize % DType::ALL.len()], pick(v)),
            Recipe::Store(v) => {
                p.store(operands.len() as u16, pick(v));
                operands.push(of(&p, pick(v)));
                continue;
            }
            Recipe::Update(k) => {
                let k = k as usize % inputs.len();
                let value = *values.last().unwrap();
                let value = p.cast(inputs[k], value);
                p.store(k as u16, value);
                values.push(value);
                continue;
            }
        };
        values.push(made);
    }
    let last = *values.last().unwrap();
    p.store(operands.len() as u16, last);
    operands.push(p.value_dtype(last).unwrap());
    (p, operands)
}

fn shape() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        Just(vec![]),
        (0usize..200).prop_map(|n| vec![n]),
        (1000usize..3000).prop_map(|n| vec![n]),
        (0usize..40, 0usize..80).prop_map(|(a, b)| vec![a, b]),
        (1usize..4, 900usize..1300).prop_map(|(a, b)| vec![a, b]),
        (1usize..6, 1usize..6, 0usize..70).prop_map(|(a, b, c)| vec![a, b, c]),
        (1usize..4, 1usize..4, 1usize..4, 1usize..9).prop_map(|(a, b, c, d)| vec![a, b, c, d]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn the_engine_computes_what_the_oracle_computes(
        inputs in proptest::collection::vec(proptest::sample::select(DType::ALL.to_vec()), 1..4),
        recipes in proptest::collection::vec(recipe(), 0..14),
        shape in shape(),
        layouts in proptest::collection::vec(layout(), 20),
    ) {
        let (program, operands) = build(&inputs, &recipes, shape.len());
        prop_assert_eq!(program.validate(shape.len()), Ok(()));
        let written: Vec<bool> = (0..operands.len()).map(|k| program.writes(k as u16)).collect();
        let arrays: Vec<Array> = operands.iter().enumerate().map(|(k, dtype)| {
            let injective = [Layout::Contiguous, Layout::Strided, Layout::Transposed];
            let layout = if written[k] && !layouts[k].is_injective() { injective[k % 3] } else { layouts[k] };
            Array::new(*dtype, &shape, layout, &nasty(*dtype))
        }).collect();
        let mut expected = arrays.clone();
        run_oracle(&program, &shape, &mut expected);
        for isa in Isa::available() {
            let mut got = arrays.clone();
            run_engine(&program, isa, &shape, &mut got);
            for k in 0..operands.len() {
                assert_same(&(k, isa, &program, &shape, &layouts), operands[k], &shape, &got[k], &expected[k]);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn the_engine_meets_what_the_oracle_meets(
        inputs in proptest::collection::vec(proptest::sample::select(DType::ALL.to_vec()), 1..4),
        recipes in proptest::collection::vec(recipe(), 0..14),
        shape in shape(),
        layouts in proptest::collection::vec(layout(), 20),
    ) {
        let (program, operands) = build(&inputs, &recipes, shape.len());
        let program = normalised(&program);
        let arrays: Vec<Array> = operands.iter().enumerate().map(|(k, dtype)| {
            let layout = if program.writes(k as u16) { Layout::Contiguous } else { layouts[k] };
            Array::new(*dtype, &shape, layout, &nasty(*dtype))
        }).collect();
        let expected = met_by_oracle(&program, &shape, &mut arrays.clone(), WANTED);
        for isa in Isa::available() {
            let got = met_by_engine(&program, (isa, u64::MAX), &shape, &mut arrays.clone(), WANTED);
            if program.value_dtypes().contains(&Some(DType::F16)) {
                // Conversions that float16 goes through may be steps that are made once.
                let all = |met: &[(usize, Exceptions)]| met.iter().fold(Exceptions::NONE, |all, (_, met)| all | *met);
                prop_assert!(got.iter().all(|met| expected.contains(met)), "{:?} {:?} {:?}", isa, &program, &shape);
                prop_assert_eq!(all(&got), all(&expected), "{:?} {:?} {:?}", isa, &program, &shape);
            } else {
                prop_assert_eq!(&got, &expected, "{:?} {:?} {:?}", isa, &program, &shape);
            }
        }
    }
}

/// Two operands that are one view: `a[:] = a + b` where `a` is named twice, and values read after they were written.
#[test]
fn operands_that_are_one_view() {
    let mut p = Program::new();
    let (a, b) = (p.load(0, DType::F64), p.load(1, DType::F64));
    let sum = p.binary(BinaryOp::Add, a, b);
    p.store(2, sum); // the view that operand 0 is
    let again = p.load(0, DType::F64);
    let product = p.binary(BinaryOp::Multiply, again, b);
    p.store(1, product);
    for isa in Isa::available() {
        for n in [1usize, 64, 65, 3000] {
            let mut arrays: Vec<Array> = (0..2)
                .map(|_| Array::new(DType::F64, &[n], Layout::Contiguous, &[Scalar::new(3.0), Scalar::new(0.5)]))
                .collect();
            let raw = [arrays[0].raw(&[0]), arrays[1].raw(&[0]), arrays[0].raw(&[0])];
            let compiled = legate_kernels::engine::Compiled::with_isa(&p, 1, isa).unwrap();
            // SAFETY: the arrays live, and operands 0 and 2 are identical.
            unsafe { compiled.run(&[n as i64], &[0], &[n], &raw) };
            for i in 0..n {
                let x = if i % 2 == 0 { 3.0 } else { 0.5 };
                assert_eq!(arrays[0].get(DType::F64, &[i]), Scalar::new(x + x));
                assert_eq!(arrays[1].get(DType::F64, &[i]), Scalar::new((x + x) * x));
            }
        }
    }
}

/// `a, b = b, a`: both are loaded before either is stored.
#[test]
fn values_are_swapped() {
    let mut p = Program::new();
    let (a, b) = (p.load(0, DType::I32), p.load(1, DType::I32));
    p.store(0, b);
    p.store(1, a);
    for isa in Isa::available() {
        let n = 200;
        let mut arrays: Vec<Array> =
            [1i32, 2].iter().map(|v| Array::new(DType::I32, &[n], Layout::Contiguous, &[Scalar::new(*v)])).collect();
        run_engine(&p, isa, &[n], &mut arrays);
        assert!((0..n).all(|i| arrays[0].get(DType::I32, &[i]) == Scalar::new(2i32)
            && arrays[1].get(DType::I32, &[i]) == Scalar::new(1i32)));
    }
}

/// Coordinates are those of the whole domain, also in a chunk.
#[test]
fn a_chunk_knows_where_it_lies() {
    let mut p = Program::new();
    let (i, j) = (p.index(0), p.index(1));
    let ten = p.constant(Scalar::new(1000i64));
    let tens = p.binary(BinaryOp::Multiply, i, ten);
    let sum = p.binary(BinaryOp::Add, tens, j);
    p.store(0, sum);
    for isa in Isa::available() {
        let (lo, extent) = ([3usize, 70], [5usize, 130]);
        let mut out = Array::zeros(DType::I64, &[10, 300], Layout::Contiguous);
        let compiled = legate_kernels::engine::Compiled::with_isa(&p, 2, isa).unwrap();
        // SAFETY: the chunk lies in the array.
        unsafe { compiled.run(&[10, 300], &[3, 70], &extent, &[out.raw(&lo)]) };
        for (a, b) in [(3, 70), (3, 199), (7, 70), (7, 133)] {
            assert_eq!(out.get(DType::I64, &[a, b]), Scalar::new((a * 1000 + b) as i64));
        }
        assert_eq!(out.get(DType::I64, &[8, 70]), Scalar::new(0i64));
        assert!(matches!(p.instrs[0], Instr::Index { dim: 0 }));
    }
}

/// Operands that are read across the grain, several rows at once.
#[test]
fn transposed_operands() {
    for dtype in [DType::U8, DType::I16, DType::F32, DType::F64, DType::C128] {
        let mut p = Program::new();
        let (a, b) = (p.load(0, dtype), p.load(1, dtype));
        let sum = p.binary(BinaryOp::Add, a, b);
        p.store(2, sum);
        p.store(1, a); // in the place of what was read
        for shape in [vec![40, 1300], vec![16, 1024], vec![2, 33, 2100]] {
            let layouts = [Layout::Contiguous, Layout::Transposed, Layout::Contiguous];
            let arrays: Vec<Array> =
                layouts.iter().map(|layout| Array::new(dtype, &shape, *layout, &nasty(dtype))).collect();
            let mut expected = arrays.clone();
            run_oracle(&p, &shape, &mut expected);
            for isa in Isa::available() {
                let mut got = arrays.clone();
                run_engine(&p, isa, &shape, &mut got);
                (0..3).for_each(|k| assert_same(&(k, isa, &shape), dtype, &shape, &got[k], &expected[k]));
            }
        }
    }
}
