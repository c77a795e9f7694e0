//! Folds: the engine against the oracle, and pieces joined by the tree against the whole.

use crate::support::{Array, Layout, assert_same, nasty, points, run_engine, run_oracle};
use legate_kernels::dtype::{DType, Kind, Scalar};
use legate_kernels::engine::Compiled;
use legate_kernels::isa::Isa;
use legate_kernels::ops::{BinaryOp, ReduceOp, UnaryOp};
use legate_kernels::program::Program;
use legate_kernels::reduce::leaf;
use proptest::prelude::*;

/// `out = fold(x)`, or of `x * x`, which is also stored.
fn program(op: ReduceOp, dtype: DType, dims: u64, with_square: bool) -> Program {
    let mut p = Program::new();
    let mut x = p.load(0, dtype);
    if with_square {
        x = p.binary(BinaryOp::Maximum, x, x);
        p.store(2, x);
    }
    p.reduce(op, 1, x, dims);
    p
}

/// Numbers whose sums round differently in every order.
fn numbers(dtype: DType) -> Vec<Scalar> {
    let values = (0..997).map(|i: i64| {
        let x = ((i * 7919) % 997) as f64 / 31.0 - 12.0;
        let y = ((i * 104_729) % 991) as f64 / 17.0 - 20.0;
        match dtype.kind() {
            Kind::Complex => {
                let real = dtype.real();
                let cast = |v: f64| legate_kernels::cast::cast(Scalar::new(v), real);
                legate_kernels::ops::binary(BinaryOp::Complex, cast(x), cast(y)).unwrap()
            }
            _ => legate_kernels::cast::cast(Scalar::new(x), dtype),
        }
    });
    values.collect()
}

fn shapes() -> Vec<Vec<usize>> {
    let mut shapes: Vec<Vec<usize>> =
        vec![vec![], vec![1], vec![2], vec![5000], vec![1024], vec![1025], vec![2048 + 7], vec![63]];
    shapes.extend(
        [[3, 5], [40, 2], [2000, 2], [2, 2000], [37, 70], [1, 50], [50, 1], [300, 33], [9, 600], [20, 1024], [5, 2500]]
            .map(Vec::from),
    );
    shapes.extend(
        [[4, 5, 6], [2, 40, 40], [33, 2, 3], [3, 1, 2000], [7, 300, 2], [2, 3, 1500], [18, 17, 16]].map(Vec::from),
    );
    shapes.push(vec![3, 4, 5, 6]);
    shapes
}

#[test]
fn every_shape_and_set_of_dimensions() {
    let values = numbers(DType::F64);
    for shape in shapes() {
        for dims in 0..1u64 << shape.len() {
            for layout in [Layout::Contiguous, Layout::Strided, Layout::Transposed, Layout::BroadcastRows] {
                for with_square in [false, true] {
                    let p = program(ReduceOp::Add, DType::F64, dims, with_square);
                    let mut expected =
                        vec![Array::new(DType::F64, &shape, layout, &values), Array::folded(DType::F64, &shape, dims)];
                    if with_square {
                        expected.push(Array::zeros(DType::F64, &shape, Layout::Contiguous));
                    }
                    let arrays = expected.clone();
                    run_oracle(&p, &shape, &mut expected);
                    for isa in Isa::available() {
                        let mut got = arrays.clone();
                        run_engine(&p, isa, &shape, &mut got);
                        for k in 1..arrays.len() {
                            assert_same(&(k, isa, &shape, dims, layout), DType::F64, &shape, &got[k], &expected[k]);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn every_operation_and_type() {
    for op in ReduceOp::ALL {
        for (dtype, _) in op.loops() {
            for (values, name) in [(nasty(*dtype), "nasty"), (numbers(*dtype), "numbers")] {
                for (shape, dims) in [
                    (vec![3000], 1),
                    (vec![50, 40], 0b11),
                    (vec![50, 40], 0b01),
                    (vec![50, 40], 0b10),
                    (vec![40, 3], 0b10),
                ] {
                    let p = program(*op, *dtype, dims, false);
                    let arrays = vec![
                        Array::new(*dtype, &shape, Layout::Contiguous, &values),
                        Array::folded(*dtype, &shape, dims),
                    ];
                    let mut expected = arrays.clone();
                    run_oracle(&p, &shape, &mut expected);
                    for isa in Isa::available() {
                        let mut got = arrays.clone();
                        run_engine(&p, isa, &shape, &mut got);
                        assert_same(&(op, isa, &shape, dims, name), *dtype, &shape, &got[1], &expected[1]);
                    }
                }
            }
        }
    }
}

/// The nodes of the canonical tree below a range of leaves, left to right, in a way that a chooser decides: split or not.
fn pieces(leaves: std::ops::Range<usize>, split: &mut impl FnMut() -> bool, out: &mut Vec<Piece>) -> usize {
    let n = leaves.len();
    if n <= 1 || !split() {
        out.push(Piece::Node(leaves));
        return out.len() - 1;
    }
    let middle = leaves.start + n.next_power_of_two() / 2;
    let left = pieces(leaves.start..middle, split, out);
    let right = pieces(middle..leaves.end, split, out);
    out.push(Piece::Join(left, right));
    out.len() - 1
}

#[derive(Debug)]
enum Piece {
    Node(std::ops::Range<usize>),
    Join(usize, usize),
}

/// Folds a shape in pieces and joins them by the tree.
fn in_pieces(
    op: ReduceOp,
    dtype: DType,
    shape: &[usize],
    dims: u64,
    isa: Isa,
    x: &mut Array,
    mut split: impl FnMut() -> bool,
) -> Array {
    let domain: Vec<i64> = shape.iter().map(|n| *n as i64).collect();
    let leaf = leaf(&domain, dims);
    let compiled = Compiled::with_isa(&program(op, dtype, dims, false), shape.len(), isa).unwrap();
    let Some(cut) = leaf.cut_dim else { panic!("nothing to cut") };
    let granule = leaf.granule as usize;
    let mut list = Vec::new();
    pieces(0..shape[cut].div_ceil(granule), &mut split, &mut list);
    let mut results: Vec<Array> = Vec::new();
    for piece in &list {
        let mut result = Array::folded(dtype, shape, dims);
        match piece {
            Piece::Node(leaves) => {
                let mut lo = vec![0; shape.len()];
                let mut extent = shape.to_vec();
                lo[cut] = leaves.start * granule;
                extent[cut] = (leaves.end * granule).min(shape[cut]) - lo[cut];
                let signed: Vec<i64> = lo.iter().map(|l| *l as i64).collect();
                // SAFETY: the piece lies in the array, and the result has a point for each kept one.
                unsafe { compiled.run(&domain, &signed, &extent, &[x.raw(&lo), result.raw(&lo)]) };
            }
            Piece::Join(left, right) => {
                result = results[*left].clone();
                let start = result.offset;
                let n: usize = shape.iter().enumerate().map(|(d, n)| if dims >> d & 1 == 1 { 1 } else { *n }).product();
                let right = &results[*right];
                op.combine(
                    dtype,
                    &mut result.bytes[start..start + n * dtype.size()],
                    &right.bytes[right.offset..right.offset + n * dtype.size()],
                );
            }
        }
        results.push(result);
    }
    results.pop().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn pieces_joined_by_the_tree_are_the_whole(
        shape in prop_oneof![
            (1usize..20_000).prop_map(|n| vec![n]),
            (1usize..400, 1usize..60).prop_map(|(a, b)| vec![a, b]),
            (1usize..40, 1000usize..2100).prop_map(|(a, b)| vec![a, b]),
            (1usize..70, 1usize..9, 1usize..40).prop_map(|(a, b, c)| vec![a, b, c]),
        ],
        dims in 1u64..8,
        which in any::<(usize, usize)>(),
        layout in proptest::sample::select(vec![Layout::Contiguous, Layout::Strided, Layout::Reversed, Layout::Transposed]),
        coins in proptest::collection::vec(any::<bool>(), 64),
    ) {
        let dims = dims & ((1 << shape.len()) - 1);
        let domain: Vec<i64> = shape.iter().map(|n| *n as i64).collect();
        prop_assume!(leaf(&domain, dims).cut_dim.is_some());
        let op = ReduceOp::ALL[which.0 % ReduceOp::ALL.len()];
        let (dtype, _) = op.loops()[which.1 % op.loops().len()];
        let mut x = Array::new(dtype, &shape, layout, &numbers(dtype));
        let mut whole = vec![x.clone(), Array::folded(dtype, &shape, dims)];
        run_oracle(&program(op, dtype, dims, false), &shape, &mut whole);
        for isa in Isa::available() {
            let mut coin = 0;
            let result = in_pieces(op, dtype, &shape, dims, isa, &mut x, || {
                coin += 1;
                coins[coin % coins.len()]
            });
            assert_same(&(op, isa, &shape, dims, layout), dtype, &shape, &result, &whole[1]);
        }
    }
}

/// `out = fold((x - m)²)` and `other = maximum(|x · y|)`; of the operands, `x` may have another type.
fn chains_folded(op: ReduceOp, dtype: DType, from: DType, dims: u64) -> Program {
    let mut p = Program::new();
    let mut x = p.load(0, from);
    if from != dtype {
        x = p.cast(dtype, x);
    }
    let (m, y) = (p.load(1, dtype), p.load(2, dtype));
    let difference = p.binary(BinaryOp::Subtract, x, m);
    let square = p.binary(BinaryOp::Multiply, difference, difference);
    p.reduce(op, 3, square, dims);
    if from == dtype {
        let product = p.binary(BinaryOp::Multiply, x, y);
        let size = p.unary(UnaryOp::Absolute, product);
        p.reduce(ReduceOp::Maximum, 4, size, dims);
    }
    p
}

#[test]
fn chains_that_end_in_folds() {
    let types =
        [(DType::F64, DType::F64), (DType::F32, DType::F32), (DType::F64, DType::F32), (DType::F64, DType::I64)];
    let flat = [1, 63, 64, 1024, 2055, 17_000].map(|n| vec![n]);
    let others = [vec![3, 5], vec![37, 70], vec![5, 1500], vec![3, 1024], vec![2, 3, 1100]];
    for (dtype, from) in types {
        for shape in flat.iter().chain(&others) {
            for dims in 1..1u64 << shape.len() {
                for means in [Layout::Contiguous, Layout::Broadcast, Layout::BroadcastColumns] {
                    for op in [ReduceOp::Add, ReduceOp::Minimum, ReduceOp::Multiply] {
                        let p = chains_folded(op, dtype, from, dims);
                        let arrays = vec![
                            Array::new(from, shape, Layout::Contiguous, &numbers(from)),
                            Array::new(dtype, shape, means, &numbers(dtype)[3..]),
                            Array::new(dtype, shape, Layout::Contiguous, &nasty(dtype)),
                            Array::folded(dtype, shape, dims),
                            Array::folded(dtype, shape, dims),
                        ];
                        let mut expected = arrays.clone();
                        run_oracle(&p, shape, &mut expected);
                        for isa in Isa::available() {
                            let mut got = arrays.clone();
                            run_engine(&p, isa, shape, &mut got);
                            for k in 3..5 {
                                let what = (k, op, isa, shape, dims, means, from);
                                assert_same(&what, dtype, shape, &got[k], &expected[k]);
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn folds_over_different_dimensions_in_one_program() {
    let shape = [30usize, 64];
    let mut p = Program::new();
    let x = p.load(0, DType::F32);
    p.reduce(ReduceOp::Add, 1, x, 0b11);
    p.reduce(ReduceOp::Add, 2, x, 0b01);
    let doubled = p.binary(BinaryOp::Add, x, x);
    p.reduce(ReduceOp::Maximum, 3, doubled, 0b10);
    p.store(0, doubled);
    let arrays = vec![
        Array::new(DType::F32, &shape, Layout::Contiguous, &numbers(DType::F32)),
        Array::folded(DType::F32, &shape, 0b11),
        Array::folded(DType::F32, &shape, 0b01),
        Array::folded(DType::F32, &shape, 0b10),
    ];
    let mut expected = arrays.clone();
    run_oracle(&p, &shape, &mut expected);
    for isa in Isa::available() {
        let mut got = arrays.clone();
        run_engine(&p, isa, &shape, &mut got);
        for k in 0..4 {
            assert_same(&(k, isa), DType::F32, &shape, &got[k], &expected[k]);
        }
    }
}

/// The error of a sum is no worse than that of NumPy's pairwise sum: blocks of 128 in eight accumulators, halves above.
#[test]
fn sums_are_at_least_as_accurate_as_numpys() {
    fn pairwise(x: &[f32]) -> f32 {
        if x.len() > 128 {
            let middle = x.len() / 2 / 8 * 8;
            return pairwise(&x[..middle]) + pairwise(&x[middle..]);
        }
        let mut sums = [0f32; 8];
        x.iter().enumerate().for_each(|(i, x)| sums[i % 8] += x);
        ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]))
    }
    let (mut ours, mut theirs) = (0.0, 0.0);
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f32 / 16_777_216.0
    };
    for _ in 0..200 {
        let n = 20_000;
        // Numbers of both signs and many sizes: the error is made on the way, not by rounding the result.
        let x: Vec<f32> = (0..n).map(|_| (random() - 0.5) * (random() * 12.0).exp2()).collect();
        let exact: f64 = x.iter().map(|x| f64::from(*x)).sum();
        let values: Vec<Scalar> = x.iter().map(|x| Scalar::new(*x)).collect();
        let mut arrays =
            vec![Array::new(DType::F32, &[n], Layout::Contiguous, &values), Array::folded(DType::F32, &[n], 1)];
        run_engine(&program(ReduceOp::Add, DType::F32, 1, false), Isa::best(), &[n], &mut arrays);
        let sum = arrays[1].get(DType::F32, &[]).get::<f32>().unwrap();
        ours += (f64::from(sum) - exact).abs();
        theirs += (f64::from(pairwise(&x)) - exact).abs();
    }
    // Means of 200 trials vary by some percent.
    assert!(ours <= 1.2 * theirs, "mean error {ours} against {theirs}");
}

#[test]
fn an_empty_fold_is_the_identity() {
    for (op, expected) in [(ReduceOp::Add, 0.0), (ReduceOp::Multiply, 1.0), (ReduceOp::Maximum, 9.0)] {
        let shape = [0usize, 3];
        let mut arrays =
            vec![Array::zeros(DType::F64, &shape, Layout::Contiguous), Array::folded(DType::F64, &shape, 0b01)];
        let start = arrays[1].offset;
        arrays[1].bytes[start..start + 24].chunks_exact_mut(8).for_each(|c| c.copy_from_slice(&9.0f64.to_ne_bytes()));
        run_engine(&program(op, DType::F64, 0b01, false), Isa::best(), &shape, &mut arrays);
        assert!(points(&[1, 3]).all(|p| arrays[1].get(DType::F64, &p) == Scalar::new(expected)));
    }
}

/// `fold(where(x > y, maximum(x · y, y), x))`: a chain that a mask goes into is folded by way of memory.
#[test]
fn choices_that_end_in_folds() {
    for dtype in [DType::F64, DType::F32] {
        let mut p = Program::new();
        let (x, y) = (p.load(0, dtype), p.load(1, dtype));
        let mask = p.binary(BinaryOp::Greater, x, y);
        let product = p.binary(BinaryOp::Multiply, x, y);
        let larger = p.binary(BinaryOp::Maximum, product, y);
        let chosen = p.select(mask, larger, x);
        p.reduce(ReduceOp::Add, 2, chosen, 1);
        for n in [1, 63, 64, 1000, 1024, 2055, 17_000] {
            let arrays = vec![
                Array::new(dtype, &[n], Layout::Contiguous, &numbers(dtype)),
                Array::new(dtype, &[n], Layout::Contiguous, &numbers(dtype)[3..]),
                Array::folded(dtype, &[n], 1),
            ];
            let mut expected = arrays.clone();
            run_oracle(&p, &[n], &mut expected);
            for isa in Isa::available() {
                let mut got = arrays.clone();
                run_engine(&p, isa, &[n], &mut got);
                assert_same(&(isa, n), dtype, &[n], &got[2], &expected[2]);
            }
        }
    }
}
