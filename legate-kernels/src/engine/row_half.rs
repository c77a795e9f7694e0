//! Steps of rows in float16: those in float32, between two conversions, block by block.

use super::row::{self, Input};
use crate::cast;
use crate::dtype::{DType, F16, Scalar};
use crate::half;
use crate::isa::Isa;
use crate::ops::{BinaryOp, UnaryOp};

/// Points that are converted before they are computed with: as many floats lie on the stack.
const POINTS: usize = 256;
const SINGLE: usize = size_of::<f32>();
const HALF: usize = size_of::<F16>();

type Singles = [u8; POINTS * SINGLE];

/// As [`row::unary`], for elements of float16.
pub(super) fn unary(op: UnaryOp, result: DType, n: usize, dst: &mut [u8], x: Input<'_>) {
    let constants = constants(&[x]);
    in_blocks(result, n, dst, [x], &constants, |computed, count, dst, [x]| {
        row::unary(op, DType::F32, computed, count, dst, x);
    });
}

/// As [`row::binary`], for elements of float16.
pub(super) fn binary(op: BinaryOp, result: DType, n: usize, dst: &mut [u8], inputs: [Input<'_>; 2]) {
    let constants = constants(&inputs);
    in_blocks(result, n, dst, inputs, &constants, |computed, count, dst, inputs| {
        row::binary(op, DType::F32, computed, count, dst, inputs);
    });
}

/// As [`row::cast`], for conversions through another type.
pub(super) fn cast(types: [DType; 3], n: usize, dst: &mut [u8], x: Input<'_>) {
    let [from, between, to] = types;
    let mut converted = [0; POINTS * 16];
    for first in (0..n).step_by(POINTS) {
        let count = POINTS.min(n - first);
        let part = &mut dst[first * to.size()..(first + count) * to.size()];
        let converted = &mut converted[..count * between.size()];
        match x {
            Input::Row(bytes) => {
                let bytes = &bytes[first * from.size()..(first + count) * from.size()];
                row::cast(from, between, count, converted, Input::Row(bytes));
            }
            Input::One(value) => row::cast(from, between, count, converted, Input::One(value)),
            Input::Old => row::cast(from, between, count, converted, Input::Row(part)),
        }
        row::cast(between, to, count, part, Input::Row(converted));
    }
}

/// The inputs that are one element for all, as float32.
fn constants<const K: usize>(inputs: &[Input<'_>; K]) -> [Scalar; K] {
    inputs.map(|input| match input {
        Input::One(value) => cast::cast(*value, DType::F32),
        _ => Scalar::zero(DType::F32),
    })
}

/// Calls `run(type of what it writes, points, where to, inputs)` for each block.
fn in_blocks<const K: usize>(
    result: DType,
    n: usize,
    dst: &mut [u8],
    inputs: [Input<'_>; K],
    constants: &[Scalar; K],
    mut run: impl FnMut(DType, usize, &mut [u8], [Input<'_>; K]),
) {
    let (mut singles, mut computed): ([Singles; K], Singles) = ([[0; POINTS * SINGLE]; K], [0; POINTS * SINGLE]);
    let convert = |from, to, dst: &mut [u8], a: &[u8]| {
        let conversion = half::conversion(from, to, Isa::best()).expect("these are the conversions of float16");
        // SAFETY: it was looked up with an `Isa`, the proof that this CPU has its instructions.
        unsafe { conversion(dst, a) }
    };
    for first in (0..n).step_by(POINTS) {
        let count = POINTS.min(n - first);
        let part = &mut dst[first * result.size()..(first + count) * result.size()];
        for (block, input) in singles.iter_mut().zip(&inputs) {
            match input {
                Input::Row(bytes) => {
                    let bytes = &bytes[first * HALF..(first + count) * HALF];
                    convert(DType::F16, DType::F32, &mut block[..count * SINGLE], bytes);
                }
                Input::Old => convert(DType::F16, DType::F32, &mut block[..count * SINGLE], part),
                Input::One(_) => {}
            }
        }
        let inputs = std::array::from_fn(|k| match inputs[k] {
            Input::One(_) => Input::One(&constants[k]),
            _ => Input::Row(&singles[k][..count * SINGLE]),
        });
        if result == DType::F16 {
            let computed = &mut computed[..count * SINGLE];
            run(DType::F32, count, computed, inputs);
            convert(DType::F32, DType::F16, part, computed);
        } else {
            run(result, count, part, inputs);
        }
    }
}
