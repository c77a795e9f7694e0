//! One step over elements that lie one after the other: what small arrays need, without a program and a plan.
//!
//! The kernels are the engine's, so the bits are. Whole strips are computed where they lie. A tail, and a row shorter than a strip, is computed by a loop
//! over exactly the elements, stamped once for the operations that are cheap on every CPU; for the others it is padded to a strip in a
//! block on the stack. What is one element for all, and what is overwritten, goes through such blocks too.

use super::fold_kernel::FoldKernel;
use super::kernel::{self, Found, Kernel, STRIP};
use super::row_half;
use crate::dtype::{DType, F16, Scalar};
use crate::half;
use crate::isa::Isa;
use crate::ops::{BinaryOp, ReduceOp, UnaryOp};
use crate::reduce::BLOCK as FOLDED;
use std::mem::MaybeUninit;

/// What a step reads along a row of `n` points.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// `n` elements, one after the other.
    Row(&'a [u8]),
    /// One element for all points.
    One(&'a Scalar),
    /// What the result's memory held before. The element's size must be the result's.
    Old,
}

/// `dst[i] = op(x[i])` for `i` in `0..n`.
///
/// # Panics
/// If the operation has no loop from `dtype` to `result`, or a row has fewer than `n` elements.
pub fn unary(op: UnaryOp, dtype: DType, result: DType, n: usize, dst: &mut [u8], x: Input<'_>) {
    if op.is_lowered(dtype) {
        return row_half::unary(op, result, n, dst, x);
    }
    let loops = Loops { found: kernel::unary(op, dtype, Isa::best()), exact: kernel::exact_unary(op, dtype) };
    loops.run(n, (dst, result.size()), [(x, dtype.size())]);
}

/// `dst[i] = op(x[i], y[i])` for `i` in `0..n`; both inputs have elements of `dtype`.
///
/// # Panics
/// As [`unary`].
pub fn binary(op: BinaryOp, dtype: DType, result: DType, n: usize, dst: &mut [u8], [x, y]: [Input<'_>; 2]) {
    if op.is_lowered(dtype) {
        return row_half::binary(op, result, n, dst, [x, y]);
    }
    let loops = Loops { found: kernel::binary(op, dtype, Isa::best()), exact: kernel::exact_binary(op, dtype) };
    loops.run(n, (dst, result.size()), [(x, dtype.size()), (y, dtype.size())]);
}

/// `dst[i] = x[i]` as an element of another type, for `i` in `0..n`.
///
/// # Panics
/// If a row has fewer than `n` elements.
pub fn cast(from: DType, to: DType, n: usize, dst: &mut [u8], x: Input<'_>) {
    if let Some(between) = half::between(from, to) {
        return row_half::cast([from, between, to], n, dst, x);
    }
    let loops = Loops { found: kernel::cast(from, to, Isa::best()), exact: kernel::exact_cast(from, to) };
    loops.run(n, (dst, to.size()), [(x, from.size())]);
}

/// `dst[i] = x[i]` where `condition[i]` (a bool) holds, else `y[i]`, for `i` in `0..n`; all but the condition are elements of `dtype`.
///
/// # Panics
/// If a row has fewer than `n` elements.
pub fn select(dtype: DType, n: usize, dst: &mut [u8], condition: Input<'_>, [x, y]: [Input<'_>; 2]) {
    let size = dtype.size();
    let loops = Loops { found: kernel::select(size, Isa::best()), exact: None };
    loops.run(n, (dst, size), [(condition, 1), (x, size), (y, size)]);
}

/// The fold of a row of at least one element, in the order of [`mod@crate::reduce`] for a domain of one dimension.
///
/// # Panics
/// If the operation has no loop for `dtype`, or there is no element.
pub fn fold(op: ReduceOp, dtype: DType, row: &[u8]) -> Scalar {
    let size = dtype.size();
    assert!(row.len() >= size, "nothing is folded by its identity, where there is one");
    let mut result = [0; 16];
    FoldKernel::new(op, dtype, Isa::best()).runs(&mut result[..size], row, row.len() / size, FOLDED);
    Scalar::from_bytes(dtype, &result[..size])
}

/// Where the largest (or the smallest) of the elements in `row` is: the first of equals, the first NaN if there is one. `None` for complex numbers, and if
/// there are no elements.
pub fn extreme(dtype: DType, row: &[u8], largest: bool) -> Option<usize> {
    fn first<T: bytemuck::AnyBitPattern + PartialOrd>(row: &[u8], beats: impl Fn(&T, &T) -> bool) -> Option<usize> {
        let mut elements = row.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned::<T>).enumerate();
        let (mut place, mut best) = elements.next()?;
        for (i, x) in elements {
            #[allow(clippy::eq_op, reason = "a NaN is what is not equal to itself")]
            if best != best {
                break;
            }
            if beats(&x, &best) || x.partial_cmp(&x).is_none() {
                (place, best) = (i, x);
            }
        }
        Some(place)
    }
    macro_rules! of {
        ($T:ty) => {
            if largest { first::<$T>(row, |x, best| x > best) } else { first::<$T>(row, |x, best| x < best) }
        };
    }
    match dtype {
        DType::Bool | DType::U8 => of!(u8),
        DType::I8 => of!(i8),
        DType::I16 => of!(i16),
        DType::U16 => of!(u16),
        DType::I32 => of!(i32),
        DType::U32 => of!(u32),
        DType::I64 => of!(i64),
        DType::U64 => of!(u64),
        DType::F16 => of!(F16),
        DType::F32 => of!(f32),
        DType::F64 => of!(f64),
        DType::C64 | DType::C128 | DType::Datetime(_) | DType::Timedelta(_) => None,
    }
}

/// Bytes of a block on the stack: enough for two strips of the largest elements.
const BLOCK: usize = 2048;

/// Memory of one value of a block. Its bytes are initialised as far as they have been written.
struct Block([MaybeUninit<u8>; BLOCK]);

/// The loops of one step.
#[derive(Clone, Copy)]
struct Loops {
    found: Found,
    /// Over exactly the elements given, if `found` runs over strips and there is such a loop.
    exact: Option<Kernel>,
}

impl Loops {
    fn run<const K: usize>(self, n: usize, (dst, size): (&mut [u8], usize), inputs: [(Input<'_>, usize); K]) {
        let dst = &mut dst[..n * size];
        let mut direct: [&[u8]; K] = [&[]; K];
        let mut all_direct = true;
        for (place, (input, size)) in direct.iter_mut().zip(&inputs) {
            match input {
                Input::Row(bytes) => *place = &bytes[..n * size],
                _ => all_direct = false,
            }
        }
        if all_direct {
            self.run_direct(n, (dst, size), inputs.map(|(_, size)| size), direct);
        } else {
            self.run_in_blocks((dst, size), inputs);
        }
    }

    /// All inputs lie in memory and are not overwritten.
    fn run_direct<const K: usize>(
        self,
        n: usize,
        (dst, size): (&mut [u8], usize),
        sizes: [usize; K],
        inputs: [&[u8]; K],
    ) {
        if !self.found.strips {
            return call(self.found.kernel, dst, inputs);
        }
        let whole = n / self.found.piece * self.found.piece;
        let (head, tail) = dst.split_at_mut(whole * size);
        if whole > 0 {
            call::<K>(self.found.kernel, head, std::array::from_fn(|k| &inputs[k][..whole * sizes[k]]));
        }
        if whole < n {
            self.run_tail::<K>((tail, size), sizes, std::array::from_fn(|k| &inputs[k][whole * sizes[k]..]));
        }
    }

    /// Fewer elements than the kernel computes at a time.
    fn run_tail<const K: usize>(self, (dst, size): (&mut [u8], usize), sizes: [usize; K], inputs: [&[u8]; K]) {
        if let Some(exact) = self.exact {
            return call(exact, dst, inputs);
        }
        let mut padded: [Block; K] = std::array::from_fn(|_| Block::new());
        let mut result = Block::new();
        let mut slices: [&[u8]; K] = [&[]; K];
        for (((slice, block), input), size) in slices.iter_mut().zip(&mut padded).zip(inputs).zip(sizes) {
            *slice = block.padded(input, size, self.found.piece);
        }
        let strip = result.zeroed(self.found.piece * size);
        call(self.found.kernel, strip, slices);
        let bytes = dst.len();
        dst.copy_from_slice(&strip[..bytes]);
    }

    fn run_in_blocks<const K: usize>(self, (dst, size): (&mut [u8], usize), inputs: [(Input<'_>, usize); K]) {
        let largest = inputs.iter().fold(size, |largest, (_, size)| largest.max(*size));
        let points = BLOCK / largest / STRIP * STRIP;
        let most = points.min(dst.len() / size);
        let mut blocks: [Block; K] = std::array::from_fn(|_| Block::new());
        for (block, (input, size)) in blocks.iter_mut().zip(&inputs) {
            if let Input::One(value) = input {
                assert_eq!(value.as_bytes().len(), *size, "a constant has the type that the step reads");
                block.fill(value.as_bytes(), most);
            }
        }
        let sizes = inputs.map(|(_, size)| size);
        for (i, part) in dst.chunks_mut(points * size).enumerate() {
            let (first, len) = (i * points, part.len() / size);
            let mut slices: [&[u8]; K] = [&[]; K];
            for ((slice, block), (input, element)) in slices.iter_mut().zip(&mut blocks).zip(&inputs) {
                *slice = match input {
                    Input::Row(bytes) => &bytes[first * element..(first + len) * element],
                    Input::One(_) => block.filled(len * element),
                    Input::Old => {
                        assert_eq!(size, *element, "what is overwritten has elements of the result's size");
                        block.copied(part)
                    }
                };
            }
            self.run_direct(len, (part, size), sizes, slices);
        }
    }
}

impl Block {
    fn new() -> Block {
        Block([const { MaybeUninit::uninit() }; BLOCK])
    }

    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.0.as_mut_ptr().cast()
    }

    /// The first bytes, which [`Block::fill`] has written.
    fn filled(&self, len: usize) -> &[u8] {
        assert!(len <= BLOCK, "a block's bytes");
        // SAFETY: the bytes are the block's, and `fill` has written as many: `run_in_blocks` fills for the longest part.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), len) }
    }

    /// `count` copies of one element.
    fn fill(&mut self, element: &[u8], count: usize) {
        fill(&mut self.0[..count * element.len()], element);
    }

    /// A copy of `bytes`.
    fn copied(&mut self, bytes: &[u8]) -> &[u8] {
        let len = bytes.len();
        assert!(len <= BLOCK, "a part has no more points than a block");
        // SAFETY: the block has room, as was asserted; the borrow of it is exclusive, so the two do not overlap.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.as_mut_ptr(), len);
            std::slice::from_raw_parts(self.as_mut_ptr(), len)
        }
    }

    /// `count` elements that begin with `bytes` (at least one element of `size`) and go on with copies of the first one, on which the step is defined.
    fn padded(&mut self, bytes: &[u8], size: usize, count: usize) -> &[u8] {
        let (len, strip) = (bytes.len(), count * size);
        assert!(len <= strip && strip <= BLOCK, "a piece is no longer than a block");
        self.copied(bytes);
        fill(&mut self.0[len..strip], &bytes[..size]);
        // SAFETY: the block has room, as was asserted; the first `len` bytes were copied, the others filled.
        unsafe { std::slice::from_raw_parts(self.as_mut_ptr(), strip) }
    }

    /// Zeros.
    fn zeroed(&mut self, len: usize) -> &mut [u8] {
        assert!(len <= BLOCK, "a strip is no longer than a block");
        // SAFETY: the block has room, as was asserted.
        unsafe {
            std::ptr::write_bytes(self.as_mut_ptr(), 0, len);
            std::slice::from_raw_parts_mut(self.as_mut_ptr(), len)
        }
    }
}

/// Fills memory with copies of one element, whole ones.
fn fill(memory: &mut [MaybeUninit<u8>], element: &[u8]) {
    fn with<const N: usize>(memory: &mut [MaybeUninit<u8>], element: &[u8]) {
        let element: [u8; N] = element.try_into().expect("the element has this size");
        for place in memory.as_chunks_mut::<N>().0 {
            *place = element.map(MaybeUninit::new);
        }
    }
    match element.len() {
        1 => with::<1>(memory, element),
        2 => with::<2>(memory, element),
        4 => with::<4>(memory, element),
        8 => with::<8>(memory, element),
        16 => with::<16>(memory, element),
        size => unreachable!("no element has {size} bytes"),
    }
}

/// Calls a kernel of this many inputs.
fn call<const K: usize>(kernel: Kernel, dst: &mut [u8], inputs: [&[u8]; K]) {
    // SAFETY: the kernel was looked up with an `Isa`, the proof that this CPU has its instructions.
    unsafe {
        match (kernel, &inputs[..]) {
            (Kernel::Unary(f), [x]) => f(dst, x),
            (Kernel::Binary(f), [x, y]) => f(dst, x, y),
            (Kernel::Ternary(f), [x, y, z]) => f(dst, x, y, z),
            _ => unreachable!("a step has as many inputs as its kernel"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops;

    /// Elements that no operation refuses, small and not too regular.
    fn elements(dtype: DType, n: usize, salt: u8) -> Vec<u8> {
        let values = (0..n).map(|i| Scalar::new((i as u8).wrapping_mul(37).wrapping_add(salt) % 29));
        values.flat_map(|v| crate::cast::cast(v, dtype).as_bytes().to_vec()).collect()
    }

    fn at(bytes: &[u8], i: usize, dtype: DType) -> Scalar {
        Scalar::from_bytes(dtype, &bytes[i * dtype.size()..(i + 1) * dtype.size()])
    }

    const LENGTHS: [usize; 7] = [1, 10, 63, 64, 65, 200, 1000];

    #[test]
    fn every_unary_loop_has_the_bits_of_its_scalar_body() {
        for &op in UnaryOp::ALL {
            for &(dtype, result) in op.loops() {
                for n in LENGTHS {
                    let (x, mut dst) = (elements(dtype, n, 1), vec![0xAA; n * result.size() + 1]);
                    unary(op, dtype, result, n, &mut dst, Input::Row(&x));
                    for i in 0..n {
                        let expected = ops::unary(op, at(&x, i, dtype)).unwrap();
                        assert_eq!(at(&dst, i, result), expected, "{op:?} {dtype} {i} of {n}");
                    }
                    assert_eq!(dst[n * result.size()], 0xAA, "nothing is written beyond the row");
                }
            }
        }
    }

    #[test]
    fn every_binary_loop_has_the_bits_of_its_scalar_body_for_rows_constants_and_updates() {
        for &op in BinaryOp::ALL {
            for &(dtype, result) in op.loops() {
                for n in LENGTHS {
                    let (x, y) = (elements(dtype, n, 3), elements(dtype, n, 2));
                    let (first, last) = (at(&x, 0, dtype), at(&y, n - 1, dtype));
                    let expected = |i: usize, constant_x: bool, constant_y: bool| {
                        let x = if constant_x { first } else { at(&x, i, dtype) };
                        let y = if constant_y { last } else { at(&y, i, dtype) };
                        ops::binary(op, x, y).unwrap()
                    };
                    let check = |dst: &[u8], cx, cy, what: &str| {
                        for i in 0..n {
                            assert_eq!(at(dst, i, result), expected(i, cx, cy), "{op:?} {dtype} {what} {i} of {n}");
                        }
                    };
                    let mut dst = vec![0; n * result.size()];
                    binary(op, dtype, result, n, &mut dst, [Input::Row(&x), Input::Row(&y)]);
                    check(&dst, false, false, "rows");
                    binary(op, dtype, result, n, &mut dst, [Input::Row(&x), Input::One(&last)]);
                    check(&dst, false, true, "constant on the right");
                    binary(op, dtype, result, n, &mut dst, [Input::One(&first), Input::Row(&y)]);
                    check(&dst, true, false, "constant on the left");
                    if dtype == result {
                        dst.copy_from_slice(&x);
                        binary(op, dtype, result, n, &mut dst, [Input::Old, Input::Row(&y)]);
                        check(&dst, false, false, "update");
                        dst.copy_from_slice(&y);
                        binary(op, dtype, result, n, &mut dst, [Input::One(&first), Input::Old]);
                        check(&dst, true, false, "update by a constant");
                    }
                }
            }
        }
    }

    #[test]
    fn folds_have_the_bits_of_the_engine() {
        use crate::host::{self, HostOperand};
        use crate::program::Program;
        for &op in ReduceOp::ALL {
            for &(dtype, _) in op.loops() {
                let mut program = Program::new();
                let x = program.load(0, dtype);
                program.reduce(op, 1, x, 1);
                for n in LENGTHS.into_iter().chain([1024, 1025, 5000]) {
                    let x = elements(dtype, n, 4);
                    let mut expected = vec![0; dtype.size()];
                    let mut operands = [HostOperand::read(&x, 0, &[1]), HostOperand::write(&mut expected, 0, &[0])];
                    host::run(&program, &[n as i64], &mut operands).unwrap();
                    assert_eq!(fold(op, dtype, &x).as_bytes(), expected, "{op:?} {dtype} {n}");
                }
            }
        }
    }

    #[test]
    fn the_first_of_the_extremes_and_the_first_nan() {
        let place = |values: &[f64], largest| extreme(DType::F64, bytemuck::cast_slice(values), largest);
        assert_eq!(place(&[1.0, 3.0, 2.0, 3.0], true), Some(1));
        assert_eq!(place(&[1.0, 0.0, -0.0, 3.0], false), Some(1));
        assert_eq!(place(&[1.0, f64::NAN, 5.0, f64::NAN], true), Some(1));
        assert_eq!(place(&[f64::NAN, 1.0], false), Some(0));
        assert_eq!(place(&[], true), None);
        assert_eq!(extreme(DType::I8, &[1, 0xFF, 2], false), Some(1));
    }

    #[test]
    fn casts_and_choices() {
        for from in DType::ALL {
            for to in DType::ALL {
                for n in LENGTHS {
                    let (x, mut dst) = (elements(from, n, 5), vec![0; n * to.size()]);
                    cast(from, to, n, &mut dst, Input::Row(&x));
                    assert!((0..n).all(|i| at(&dst, i, to) == crate::cast::cast(at(&x, i, from), to)), "{from} {to}");
                }
            }
        }
        let condition: Vec<u8> = (0..100).map(|i| u8::from(i % 3 == 0)).collect();
        let (x, y) = (elements(DType::F64, 100, 0), Scalar::new(-1.0f64));
        let mut dst = vec![0; 800];
        select(DType::F64, 100, &mut dst, Input::Row(&condition), [Input::Row(&x), Input::One(&y)]);
        for i in 0..100 {
            let expected = if i % 3 == 0 { at(&x, i, DType::F64) } else { y };
            assert_eq!(at(&dst, i, DType::F64), expected);
        }
    }
}
