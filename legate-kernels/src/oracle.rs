//! The obvious interpreter: one point after the other, one step after the other, every value a [`Scalar`].
//!
//! It is what the engine is tested against. It shares the scalar bodies of [`crate::ops`] with the engine and nothing else: loops,
//! addressing and the order of folds are written here again, straight from the documentation of [`mod@crate::reduce`].

use crate::cast::cast;
use crate::dtype::{DType, Scalar};
use crate::exceptions::{self, Exceptions};
use crate::operand::RawOperand;
use crate::ops::{self, ReduceOp};
use crate::program::{Instr, Program};
use crate::reduce::Folding;

/// Runs `program` over the points `lo .. lo + extent` of a domain of shape `domain`.
///
/// # Safety
/// As for [`crate::engine::Compiled::run`].
///
/// # Panics
/// If the program is not well-formed, or the number of operands or a rank is wrong.
pub unsafe fn run(program: &Program, domain: &[i64], lo: &[i64], extent: &[usize], operands: &[RawOperand]) {
    // SAFETY: the same contract.
    unsafe { run_watched(program, domain, lo, extent, operands) };
}

/// The same, and what each step of the program has met of floating-point exceptions ([`crate::exceptions`]), but for those that fold.
///
/// # Safety
/// As for [`run`].
///
/// # Panics
/// As for [`run`].
pub unsafe fn run_watched(
    program: &Program,
    domain: &[i64],
    lo: &[i64],
    extent: &[usize],
    operands: &[RawOperand],
) -> Vec<Exceptions> {
    let mut met = vec![Exceptions::NONE; program.instrs.len()];
    program.validate(domain.len()).expect("the caller validated the program");
    assert!(lo.len() == domain.len() && extent.len() == domain.len(), "the chunk has the domain's rank");
    assert!(operands.len() >= program.operands as usize, "every operand of the program is given");
    let reductions: Vec<usize> =
        (0..program.instrs.len()).filter(|i| matches!(program.instrs[*i], Instr::Reduce { .. })).collect();
    let mut folded: Vec<Vec<Scalar>> = vec![Vec::new(); reductions.len()];
    for point in points(extent) {
        // SAFETY: the caller vouches for the elements of every point of the chunk.
        let values = unsafe { run_point(program, lo, &point, operands) };
        for (met, (step, value)) in met.iter_mut().zip(values.iter().enumerate()) {
            *met |= exceptions_of(&program.instrs[step], &values, *value);
        }
        for (list, step) in folded.iter_mut().zip(&reductions) {
            list.push(values[*step]);
        }
    }
    for (list, step) in folded.iter().zip(&reductions) {
        if let Instr::Reduce { op, operand, dims, value } = program.instrs[*step] {
            let dtype = program.value_dtype(value).expect("a validated program");
            for (kept, result) in fold_all(op, domain, extent, dims, list) {
                let operand = &operands[operand as usize];
                if let Some(result) = result.or(op.identity(dtype)) {
                    // SAFETY: the caller vouches for the elements of every point; a folded operand has stride 0 along folded dimensions.
                    unsafe { write(operand, &kept, result) };
                }
            }
        }
    }
    met
}

/// What a step has met that made `made` of `values`.
fn exceptions_of(instr: &Instr, values: &[Scalar], made: Scalar) -> Exceptions {
    let of = |id: u16| values[id as usize];
    let cast_met =
        |from: Scalar, to: Scalar| exceptions::values::cast(from.dtype(), to.dtype(), from.as_bytes(), to.as_bytes());
    let single = |x: Scalar| cast(x, DType::F32);
    match *instr {
        Instr::Unary { op, arg } if op.is_lowered(of(arg).dtype()) => {
            let x = single(of(arg));
            let r = ops::unary(op, x).expect("float16 is computed as float32");
            exceptions::values::unary(op, DType::F32, x.as_bytes(), r.as_bytes()) | cast_met(r, made)
        }
        Instr::Binary { op, args } if op.is_lowered(of(args[0]).dtype()) => {
            let [x, y] = args.map(|arg| single(of(arg)));
            let r = ops::binary(op, x, y).expect("float16 is computed as float32");
            let met = exceptions::values::binary(op, DType::F32, x.as_bytes(), y.as_bytes(), r.as_bytes());
            met | cast_met(r, made)
        }
        Instr::Unary { op, arg } => exceptions::values::unary(op, of(arg).dtype(), of(arg).as_bytes(), made.as_bytes()),
        Instr::Binary { op, args: [x, y] } => {
            exceptions::values::binary(op, of(x).dtype(), of(x).as_bytes(), of(y).as_bytes(), made.as_bytes())
        }
        Instr::Cast { to, arg } => match crate::half::between(of(arg).dtype(), to) {
            Some(between) => {
                let between = cast(of(arg), between);
                cast_met(of(arg), between) | cast_met(between, made)
            }
            None => cast_met(of(arg), made),
        },
        _ => Exceptions::NONE,
    }
}

/// All points of a box, in row-major order.
fn points(extent: &[usize]) -> impl Iterator<Item = Vec<usize>> + '_ {
    let volume: usize = extent.iter().product();
    (0..volume).map(|mut i| {
        let mut point = vec![0; extent.len()];
        for d in (0..extent.len()).rev() {
            point[d] = i % extent[d];
            i /= extent[d];
        }
        point
    })
}

/// The values of all steps at one point; stores are done, and a fold's value is the value to be folded.
///
/// # Safety
/// As for [`run`].
unsafe fn run_point(program: &Program, lo: &[i64], point: &[usize], operands: &[RawOperand]) -> Vec<Scalar> {
    let claim = "a validated program";
    let mut values: Vec<Scalar> = Vec::with_capacity(program.instrs.len());
    for instr in &program.instrs {
        let of = |id: u16| values[id as usize];
        let value = match *instr {
            Instr::Load { operand, dtype } => {
                let mut bytes = [0u8; 16];
                let bytes = &mut bytes[..dtype.size()];
                let from = address(&operands[operand as usize], point);
                // SAFETY: the caller vouches for this element.
                unsafe { std::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), bytes.len()) };
                Scalar::from_bytes(dtype, bytes)
            }
            Instr::Const(value) => value,
            Instr::Index { dim } => Scalar::new(lo[dim as usize] + point[dim as usize] as i64),
            Instr::Unary { op, arg } => ops::unary(op, of(arg)).expect(claim),
            Instr::Binary { op, args: [x, y] } => ops::binary(op, of(x), of(y)).expect(claim),
            Instr::Select { cond, args: [x, y] } => {
                if of(cond).as_bytes() != [0] {
                    of(x)
                } else {
                    of(y)
                }
            }
            Instr::Cast { to, arg } => cast(of(arg), to),
            Instr::Bitcast { to, arg } => Scalar::from_bytes(to, of(arg).as_bytes()),
            Instr::Store { operand, value } => {
                // SAFETY: the caller vouches for this element.
                unsafe { write(&operands[operand as usize], point, of(value)) };
                of(value)
            }
            Instr::Reduce { value, .. } => of(value),
        };
        values.push(value);
    }
    values
}

fn address(operand: &RawOperand, point: &[usize]) -> *mut u8 {
    let offset: isize = point.iter().zip(&operand.strides).map(|(p, stride)| *p as isize * stride).sum();
    operand.ptr.wrapping_offset(offset)
}

/// # Safety
/// The element of `operand` at `point` is writable.
unsafe fn write(operand: &RawOperand, point: &[usize], value: Scalar) {
    let bytes = value.as_bytes();
    // SAFETY: the caller vouches for this element.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), address(operand, point), bytes.len()) };
}

/// The fold for each kept coordinate (folded coordinates are 0 in it); `None` where there was nothing to fold.
fn fold_all(
    op: ReduceOp,
    domain: &[i64],
    extent: &[usize],
    dims: u64,
    values: &[Scalar],
) -> Vec<(Vec<usize>, Option<Scalar>)> {
    let only = |folded: bool| -> Vec<usize> {
        (0..extent.len()).map(|d| if (dims >> d & 1 == 1) == folded { extent[d] } else { 1 }).collect()
    };
    let folding = Folding::new(domain, dims);
    let at = |point: &[usize]| values[point.iter().zip(extent).fold(0, |i, (p, n)| i * n + p)];
    let fold_dims = only(true);
    let fold_one = |kept: &Vec<usize>| -> Option<Scalar> {
        let elements = points(&fold_dims).map(|f| {
            let value = at(&kept.iter().zip(&f).map(|(k, f)| k + f).collect::<Vec<_>>());
            (leaf_key(&folding, &f), block_key(&folding, dims, &f), value)
        });
        fold_elements(op, folding.halving, elements.collect())
    };
    points(&only(false)).map(|kept| (kept.clone(), fold_one(&kept))).collect()
}

fn leaf_key(folding: &Folding, point: &[usize]) -> usize {
    folding.cut_dim.map_or(0, |d| point[d] / folding.granule)
}

/// The folded coordinates outside the block dimension, and the segment of it.
fn block_key(folding: &Folding, dims: u64, point: &[usize]) -> Vec<usize> {
    let Some(block_dim) = folding.block_dim else { return Vec::new() };
    let mut key: Vec<usize> = (0..block_dim).filter(|d| dims >> d & 1 == 1).map(|d| point[d]).collect();
    key.push(point[block_dim] / folding.segment);
    key
}

/// Folds one result's elements, each with the leaf and the block it belongs to, in domain order.
fn fold_elements(op: ReduceOp, halving: bool, elements: Vec<(usize, Vec<usize>, Scalar)>) -> Option<Scalar> {
    let leaves = elements.chunk_by(|a, b| a.0 == b.0).map(|leaf| {
        let blocks = leaf.chunk_by(|a, b| a.1 == b.1).map(|block| {
            let values: Vec<Scalar> = block.iter().map(|e| e.2).collect();
            if halving { fold_in_lanes(op, &values) } else { fold_in_order(op, &values) }
        });
        tree(op, &blocks.collect::<Vec<_>>())
    });
    tree(op, &leaves.collect::<Vec<_>>())
}

fn join(op: ReduceOp, left: Option<Scalar>, right: Option<Scalar>) -> Option<Scalar> {
    match (left, right) {
        (Some(left), Some(right)) => ops::binary(op.binary(), left, right),
        (left, right) => left.or(right),
    }
}

fn fold_in_order(op: ReduceOp, values: &[Scalar]) -> Option<Scalar> {
    values.iter().fold(None, |sum, value| join(op, sum, Some(*value)))
}

/// The canonical tree over all nodes.
fn tree(op: ReduceOp, nodes: &[Option<Scalar>]) -> Option<Scalar> {
    match nodes {
        [] => None,
        [one] => *one,
        more => {
            let (left, right) = more.split_at(more.len().next_power_of_two() / 2);
            join(op, tree(op, left), tree(op, right))
        }
    }
}

/// Lane `l` folds the elements `l`, `l + 64`, … in order; the lanes are halved.
fn fold_in_lanes(op: ReduceOp, values: &[Scalar]) -> Option<Scalar> {
    let lane = |l: usize| {
        values[l..]
            .iter()
            .step_by(64)
            .copied()
            .reduce(|sum, value| ops::binary(op.binary(), sum, value).expect("a validated program"))
    };
    fold_by_halving(op, (0..values.len().min(64)).filter_map(lane).collect())
}

/// Element `i` takes element `i + m`, with `m` the largest power of two below what is left, until one is left.
fn fold_by_halving(op: ReduceOp, mut values: Vec<Scalar>) -> Option<Scalar> {
    while values.len() > 1 {
        let right = values.split_off(values.len().next_power_of_two() / 2);
        for (l, r) in values.iter_mut().zip(right) {
            *l = ops::binary(op.binary(), *l, r).expect("a validated program");
        }
    }
    values.pop()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;

    #[test]
    fn the_tree_of_five_joins_four_and_one() {
        let nodes: Vec<_> = [1.0, 1e16, -1e16, 1.0, 0.5].map(|x: f64| Some(Scalar::new(x))).to_vec();
        // ((1 + 1e16) + (-1e16 + 1)) + 0.5, in floating point
        let expected = ((1.0 + 1e16) + (-1e16 + 1.0)) + 0.5;
        assert_eq!(tree(ReduceOp::Add, &nodes), Some(Scalar::new(expected)));
    }

    #[test]
    fn an_empty_sum_is_zero_and_an_empty_maximum_is_not_written() {
        let mut program = Program::new();
        let x = program.load(0, DType::F64);
        program.reduce(ReduceOp::Add, 1, x, 1);
        program.reduce(ReduceOp::Maximum, 2, x, 1);
        let (mut sum, mut max) = (7.0f64, 7.0f64);
        let operands = [std::ptr::null_mut(), (&raw mut sum).cast(), (&raw mut max).cast()]
            .map(|ptr| RawOperand { ptr, strides: smallvec::smallvec![0] });
        // SAFETY: there are no points, and the results are two live floats.
        unsafe { run(&program, &[0], &[0], &[0], &operands) };
        assert_eq!((sum, max), (0.0, 7.0));
    }
}
