//! Binary operations along one dimension, one element after the other: what NumPy's `reduce`, `accumulate` and `reduceat` do with operations that are not associative,
//! or not worth a kernel of their own.
//!
//! # Order
//! `((x[0] ∘ x[1]) ∘ x[2]) ∘ …`, on any number of threads: lines are cut, a line is not. Sums of a segment (`reduceat`) are joined by halving above
//! [`BLOCK`] elements, as NumPy does it, because rounding errors would grow with its length.
//!
//! Cost: one read of each element; where neighbouring lines are adjacent in memory, [`SHEET`] of them go side by side.

use crate::dtype::{DType, Element, F16, Scalar};
use crate::operand::RawOperand;
use crate::ops::{BinaryFn, BinaryOp, BinaryVisitor};
use std::any::Any;
use std::marker::PhantomData;

/// Lines that are walked beside each other.
const SHEET: usize = 256;
/// Elements of a segment that are summed one after the other.
const BLOCK: usize = 128;

/// What is done along a dimension.
#[derive(Clone, Copy, Debug)]
pub struct Along {
    /// The operation; its loop for `dtype` must give elements of `dtype`.
    pub op: BinaryOp,
    /// Of the elements.
    pub dtype: DType,
    /// The dimension.
    pub axis: usize,
    /// Whether every partial result is kept (`accumulate`); else only the last (`reduce`).
    pub each: bool,
    /// What comes before the first element.
    pub initial: Option<Scalar>,
}

/// Walks the lines of a box of these extents along `along.axis`. Where only the last result is kept, `output` does not move along that dimension. Elements where
/// `mask` (bools) is false are left out.
///
/// # Panics
/// If there is no such loop, or a mask without an initial value.
///
/// # Safety
/// Over the box the elements of `input` and `mask` are valid for reading and those of `output` for writing, aligned; `input` and `output` are the same elements or
/// have none in common; nobody else touches `output` or writes the others meanwhile.
pub unsafe fn along(
    along: Along,
    extents: &[usize],
    input: &RawOperand,
    mask: Option<&RawOperand>,
    output: &RawOperand,
) {
    assert!(mask.is_none() || along.initial.is_some(), "a line without elements needs an initial value");
    if extents.contains(&0) {
        return;
    }
    let walk = Walk { along, extents, input, mask, output };
    visit(along.op, along.dtype, walk);
}

/// Hands the body to the visitor; float16 has float32's between two conversions where it has none of its own.
fn visit<V: BinaryVisitor<Output = ()> + Copy>(op: BinaryOp, dtype: DType, visitor: V) {
    let done = match op.visit(dtype, visitor) {
        None if dtype == DType::F16 => op.visit(DType::F32, InSingles(visitor)),
        done => done,
    };
    done.expect("the operation has a loop for the type");
}

/// Hands on a body of float32 as one of float16.
#[derive(Clone, Copy)]
struct InSingles<V>(V);

impl<V: BinaryVisitor> BinaryVisitor for InSingles<V> {
    type Output = V::Output;

    fn visit<T: Element, F: BinaryFn<T>>(self) -> V::Output {
        self.0.visit::<F16, Rounded<T, F>>()
    }
}

/// The body `F` of float32 (`T`), rounded.
struct Rounded<T, F>(PhantomData<(T, F)>);

impl<T: Element, F: BinaryFn<T>> BinaryFn<F16> for Rounded<T, F> {
    type Out = F16;
    const OP: BinaryOp = F::OP;
    const VECTORISES: bool = false;
    const HAS_RARE: bool = false;

    fn common(x: F16, y: F16) -> F16 {
        let single = |x: F16| *(&x.to_f32() as &dyn Any).downcast_ref::<T>().expect("a body of float32");
        let value = F::apply(single(x), single(y));
        F16::from_f32(*(&value as &dyn Any).downcast_ref::<f32>().expect("the loop keeps the type"))
    }

    fn is_rare(_: F16, _: F16) -> bool {
        false
    }

    fn apply(x: F16, y: F16) -> F16 {
        Self::common(x, y)
    }
}

#[derive(Clone, Copy)]
struct Walk<'a> {
    along: Along,
    extents: &'a [usize],
    input: &'a RawOperand,
    mask: Option<&'a RawOperand>,
    output: &'a RawOperand,
}

impl BinaryVisitor for Walk<'_> {
    type Output = ();

    fn visit<T: Element, F: BinaryFn<T>>(self) {
        let Walk { along, extents, input, mask, output } = self;
        let axis = along.axis;
        let initial = along.initial.map(|initial| initial.get::<T>().expect("the initial value is of the loop's type"));
        let side = self.side();
        let walked: Vec<usize> = (0..extents.len()).filter(|&d| d != axis && Some(d) != side).collect();
        let width = side.map_or(1, |d| extents[d]);
        let across = |operand: &RawOperand| side.map_or(0, |d| operand.strides[d]);
        let mut index = vec![0; walked.len()];
        loop {
            let offset = |o: &RawOperand| walked.iter().zip(&index).map(|(&d, &i)| o.strides[d] * i as isize).sum();
            for first in (0..width).step_by(SHEET) {
                let at = |operand: &RawOperand| Lines {
                    ptr: operand.ptr.wrapping_offset(offset(operand)).wrapping_offset(across(operand) * first as isize),
                    along: operand.strides[axis],
                    across: across(operand),
                };
                let sheet = Sheet { n: extents[axis], count: SHEET.min(width - first), each: along.each, initial };
                // SAFETY: these lines are part of the box that the caller vouches for.
                unsafe { sheet.run::<F>(at(input), mask.map(at), at(output)) };
            }
            let Some(d) = (0..index.len()).rev().find(|&d| index[d] + 1 < extents[walked[d]]) else { return };
            index[d] += 1;
            index[d + 1..].fill(0);
        }
    }
}

impl Walk<'_> {
    /// The dimension along which lines lie side by side: where they are nearest to each other, if they are nearer than the elements of one line.
    fn side(&self) -> Option<usize> {
        let step = |d: &usize| self.input.strides[*d].unsigned_abs();
        let others = (0..self.extents.len()).filter(|&d| d != self.along.axis && self.extents[d] > 1);
        others.min_by_key(step).filter(|d| step(d) < step(&self.along.axis))
    }
}

/// Lines of one operand: the first element, and bytes to the next one and to the next line.
#[derive(Clone, Copy)]
struct Lines {
    ptr: *mut u8,
    along: isize,
    across: isize,
}

impl Lines {
    #[inline(always)]
    fn at<E>(self, i: usize, line: usize) -> *mut E {
        self.ptr.wrapping_offset(self.along * i as isize + self.across * line as isize).cast()
    }
}

/// Some lines side by side.
struct Sheet<T> {
    n: usize,
    count: usize,
    each: bool,
    initial: Option<T>,
}

impl<T: Element> Sheet<T> {
    /// # Safety
    /// As [`along()`], for these lines.
    unsafe fn run<F: BinaryFn<T>>(self, input: Lines, mask: Option<Lines>, output: Lines) {
        if self.count == 1 && mask.is_none() {
            // SAFETY: the caller's word.
            return unsafe { self.run_line::<F>(input, output) };
        }
        let mut so_far = [self.initial.unwrap_or(T::zeroed()); SHEET];
        for i in 0..self.n {
            for (line, so_far) in so_far[..self.count].iter_mut().enumerate() {
                // SAFETY: element `i` of each line, which the caller vouches for.
                unsafe {
                    if mask.is_none_or(|mask| mask.at::<u8>(i, line).read() != 0) {
                        let x = input.at::<T>(i, line).read();
                        *so_far = if i == 0 && self.initial.is_none() { x } else { apply::<T, F>(*so_far, x) };
                    }
                    if self.each {
                        output.at::<T>(i, line).write(*so_far);
                    }
                }
            }
        }
        if !self.each {
            for (line, so_far) in so_far[..self.count].iter().enumerate() {
                // SAFETY: the only element of each line's result.
                unsafe { output.at::<T>(0, line).write(*so_far) };
            }
        }
    }

    /// # Safety
    /// As [`along()`], for one line.
    unsafe fn run_line<F: BinaryFn<T>>(self, input: Lines, output: Lines) {
        let mut so_far = self.initial;
        for i in 0..self.n {
            // SAFETY: element `i` of the line.
            let x = unsafe { input.at::<T>(i, 0).read() };
            let next = so_far.map_or(x, |so_far| apply::<T, F>(so_far, x));
            so_far = Some(next);
            if self.each {
                // SAFETY: as above.
                unsafe { output.at::<T>(i, 0).write(next) };
            }
        }
        if let (false, Some(last)) = (self.each, so_far) {
            // SAFETY: the only element of the line's result.
            unsafe { output.at::<T>(0, 0).write(last) };
        }
    }
}

/// `x ∘ y` of an operation that keeps the type.
#[inline(always)]
fn apply<T: Element, F: BinaryFn<T>>(x: T, y: T) -> T {
    let value = F::apply(x, y);
    // The answer is known when this is compiled: nothing is left of the question.
    *(&value as &dyn Any).downcast_ref::<T>().expect("the loop keeps the type")
}

/// `out[o, k, i]` is the fold of `source[o, starts[k]..ends[k], i]`, or the element `source[o, starts[k], i]` where that is empty, for a box
/// `extents = [outer, segments, inner]`. All strides of `source` are given (outer, middle, inner); `starts` and `ends` are `i64`s.
///
/// # Panics
/// If there is no such loop, or a segment begins or ends outside of `0..n`.
///
/// # Safety
/// The elements of the operands (`source`: `n` along its middle dimension) are valid for reading, those of `out` for writing, aligned; nobody else touches `out` or writes
/// the others meanwhile.
pub unsafe fn segments(
    (op, dtype): (BinaryOp, DType),
    extents: [usize; 3],
    n: usize,
    source: &RawOperand,
    [starts, ends]: [&RawOperand; 2],
    out: &RawOperand,
) {
    let walk = Segments { extents, n, source, starts, ends, out };
    visit(op, dtype, walk);
}

#[derive(Clone, Copy)]
struct Segments<'a> {
    extents: [usize; 3],
    n: usize,
    source: &'a RawOperand,
    starts: &'a RawOperand,
    ends: &'a RawOperand,
    out: &'a RawOperand,
}

impl BinaryVisitor for Segments<'_> {
    type Output = ();

    fn visit<T: Element, F: BinaryFn<T>>(self) {
        let [outer, segments, inner] = self.extents;
        let at = |operand: &RawOperand, point: [usize; 3]| {
            operand.ptr.wrapping_offset((0..3).map(|d| operand.strides[d] * point[d] as isize).sum())
        };
        for k in 0..segments {
            // SAFETY: one of the segments that the caller vouches for.
            let [start, end] =
                [self.starts, self.ends].map(|places| unsafe { at(places, [0, k, 0]).cast::<i64>().read() });
            assert!(0 <= start && start < self.n as i64 && end <= self.n as i64, "segments lie in the dimension");
            let count = (end - start).max(1) as usize;
            for (o, i) in (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))) {
                let first = at(self.source, [o, start as usize, i]);
                let line = Lines { ptr: first, along: self.source.strides[1], across: 0 };
                // SAFETY: the elements of the segment, of which there are `count`, and its place in the result.
                unsafe { at(self.out, [o, k, i]).cast::<T>().write(segment::<T, F>(line, 0, count)) };
            }
        }
    }
}

/// The fold of `n` elements of a line, from `first` on.
///
/// # Safety
/// They are valid for reading, aligned.
unsafe fn segment<T: Element, F: BinaryFn<T>>(line: Lines, first: usize, n: usize) -> T {
    // SAFETY: the caller's word.
    unsafe {
        if F::OP == BinaryOp::Add && n > BLOCK {
            let half = (n / 2).next_multiple_of(BLOCK);
            return apply::<T, F>(segment::<T, F>(line, first, half), segment::<T, F>(line, first + half, n - half));
        }
        let x = |i: usize| line.at::<T>(first + i, 0).read();
        (1..n).fold(x(0), |so_far, i| apply::<T, F>(so_far, x(i)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smallvec::smallvec;

    fn operand<T>(values: &mut [T], strides: [isize; 2]) -> RawOperand {
        let size = size_of::<T>() as isize;
        RawOperand { ptr: values.as_mut_ptr().cast(), strides: smallvec![strides[0] * size, strides[1] * size] }
    }

    fn case(op: BinaryOp, axis: usize, each: bool, initial: Option<f64>) -> Along {
        Along { op, dtype: DType::F64, axis, each, initial: initial.map(Scalar::new) }
    }

    #[test]
    fn columns_and_rows_are_walked_in_order() {
        let (rows, columns) = (7, 600);
        let mut x: Vec<f64> = (0..rows * columns).map(|i| f64::from(i as u32 % 97) - 40.5).collect();
        for axis in [0, 1] {
            let mut y = vec![0.0; x.len()];
            let lie = [columns as isize, 1];
            let (from, to) = (operand(&mut x, lie), operand(&mut y, lie));
            // SAFETY: both have `rows * columns` elements.
            unsafe { along(case(BinaryOp::Subtract, axis, true, None), &[rows, columns], &from, None, &to) };
            for (r, c) in (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))) {
                let (before, i) = if axis == 0 { ((r.wrapping_sub(1), c), r) } else { ((r, c.wrapping_sub(1)), c) };
                let expected = match i {
                    0 => x[r * columns + c],
                    _ => y[before.0 * columns + before.1] - x[r * columns + c],
                };
                assert_eq!(y[r * columns + c], expected, "axis {axis} at {r}, {c}");
            }
        }
    }

    #[test]
    fn masked_elements_are_left_out_and_an_empty_line_is_its_initial_value() {
        let mut x = [2.0f64, 3.0, 5.0, 7.0, 11.0, 13.0];
        let mut mask = [1u8, 0, 1, 0, 0, 0];
        let mut y = [0.0f64; 2];
        let (from, to) = (operand(&mut x, [3, 1]), operand(&mut y, [1, 0]));
        let mask = operand(&mut mask, [3, 1]);
        // SAFETY: two lines of three elements.
        unsafe { along(case(BinaryOp::Divide, 1, false, Some(100.0)), &[2, 3], &from, Some(&mask), &to) };
        assert_eq!(y, [10.0, 100.0]);
    }

    #[test]
    fn float16_is_rounded_after_each_operation() {
        let half = F16::from_f32;
        let mut x = [half(1.0), half(3.0), half(7.0), half(0.1)];
        let mut y = [half(0.0); 4];
        let (from, to) = (operand(&mut x, [0, 1]), operand(&mut y, [0, 1]));
        let case = Along { op: BinaryOp::Divide, dtype: DType::F16, axis: 1, each: true, initial: None };
        // SAFETY: four elements.
        unsafe { along(case, &[1, 4], &from, None, &to) };
        let mut expected = x[0];
        for (i, &divisor) in x.iter().enumerate().skip(1) {
            expected = half(expected.to_f32() / divisor.to_f32());
            assert_eq!(y[i], expected);
        }
    }

    #[test]
    fn a_segment_that_ends_before_it_begins_is_an_element() {
        let mut x: Vec<f64> = (0..1000).map(f64::from).collect();
        let (mut starts, mut ends) = ([0i64, 10, 5, 999], [10i64, 5, 999, 1000]);
        let mut y = [0.0f64; 4];
        let line = |ptr: *mut u8, size: isize| RawOperand { ptr, strides: smallvec![0, size, 0] };
        let places = [line(starts.as_mut_ptr().cast(), 8), line(ends.as_mut_ptr().cast(), 8)];
        let (from, to) = (line(x.as_mut_ptr().cast(), 8), line(y.as_mut_ptr().cast(), 8));
        // SAFETY: four segments of a line of a thousand elements.
        unsafe {
            segments((BinaryOp::Add, DType::F64), [1, 4, 1], 1000, &from, [&places[0], &places[1]], &to);
        }
        assert_eq!(y, [45.0, 10.0, (5..999).map(f64::from).sum(), 999.0]);
    }
}
