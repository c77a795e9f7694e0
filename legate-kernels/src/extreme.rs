//! Where the extreme of a line is: the first of several; the first NaN, if there is one.
//!
//! A line is walked once, in blocks: a vector loop finds each block's extreme, and only the block that has the line's is searched for its place.

use crate::dispatch::run_on;
use crate::dtype::Element;
use crate::isa::Isa;
use crate::operand::RawOperand;
use crate::parallel::{Shared, Threads};

/// Elements of a block.
const BLOCK: usize = 1024;
/// Lanes that are compared beside each other.
const LANES: usize = 64;
/// Elements that are worth another thread.
const SHARE: usize = 1 << 17;

/// `output[l]` (an `i64`) becomes the place of the largest element (the smallest, unless `LARGEST`) of line `l`, for `extents = [lines, n]`. `output` has a stride for
/// the lines; `n` is not 0.
///
/// # Safety
/// The elements of `input` over the box are valid for reading, those of `output` for writing, aligned; nobody else touches `output` or writes `input`
/// meanwhile.
pub unsafe fn arg_extreme<T: Element + PartialOrd, const LARGEST: bool>(
    extents: [usize; 2],
    input: &RawOperand,
    output: &RawOperand,
    threads: Threads<'_>,
) {
    let [lines, n] = extents;
    let parts = threads.count().min(n / SHARE).max(1);
    for line in 0..lines as isize {
        let start = Shared::new(input.ptr.wrapping_offset(line * input.strides[0]));
        let stride = input.strides[1];
        let mut found: Vec<Option<Found<T>>> = vec![None; parts];
        let places = Shared::new(found.as_mut_ptr());
        threads.for_each(parts, |part| {
            let (from, to) = (n * part / parts, n * (part + 1) / parts);
            // SAFETY: a part of the line, and a place of its own for what is found there.
            unsafe {
                let best = search::<T, LARGEST>(start.get(), stride, from, to);
                places.get().add(part).write(Some(best));
            }
        });
        let best =
            found.into_iter().flatten().reduce(|best, other| if other.beats::<LARGEST>(&best) { other } else { best });
        let place = best.map_or(0, |best| best.place as i64);
        // SAFETY: the line's place in the output.
        unsafe { output.ptr.wrapping_offset(line * output.strides[0]).cast::<i64>().write(place) };
    }
}

#[derive(Clone, Copy)]
struct Found<T> {
    value: T,
    place: usize,
}

impl<T: Element + PartialOrd> Found<T> {
    /// Whether this one, from further on in the line, takes the place of `earlier`.
    #[inline(always)]
    fn beats<const LARGEST: bool>(&self, earlier: &Found<T>) -> bool {
        !is_nan(earlier.value) && (is_nan(self.value) || better::<T, LARGEST>(self.value, earlier.value))
    }
}

#[inline(always)]
fn is_nan<T: PartialEq + Copy>(x: T) -> bool {
    #[allow(clippy::eq_op, reason = "what is not equal to itself is not a number")]
    {
        x != x
    }
}

#[inline(always)]
fn better<T: PartialOrd, const LARGEST: bool>(x: T, y: T) -> bool {
    if LARGEST { x > y } else { x < y }
}

/// The extreme of elements `from..to` of a line.
///
/// # Safety
/// They are valid for reading; there is one at least.
unsafe fn search<T: Element + PartialOrd, const LARGEST: bool>(
    start: *mut u8,
    stride: isize,
    from: usize,
    to: usize,
) -> Found<T> {
    let at = |i: usize| start.wrapping_offset(i as isize * stride).cast::<T>();
    let mut copied = [T::zeroed(); BLOCK];
    run_on(Isa::best(), {
        #[inline(always)]
        || {
            // SAFETY: the first element.
            let mut best = Found { value: unsafe { at(from).read() }, place: from };
            for first in (from..to).step_by(BLOCK) {
                let len = BLOCK.min(to - first);
                let block = if stride == size_of::<T>() as isize {
                    // SAFETY: adjacent elements of the line.
                    unsafe { std::slice::from_raw_parts(at(first).cast_const(), len) }
                } else {
                    for (i, place) in copied[..len].iter_mut().enumerate() {
                        // SAFETY: an element of the line.
                        *place = unsafe { at(first + i).read() };
                    }
                    &copied[..len]
                };
                let (value, has_nan) = extreme::<T, LARGEST>(block);
                let sought = |x: &T| if has_nan { is_nan(*x) } else { *x == value };
                if has_nan || better::<T, LARGEST>(value, best.value) {
                    let place = block.iter().position(sought).expect("the block's extreme is in the block");
                    best = Found { value: block[place], place: first + place };
                    if has_nan {
                        break;
                    }
                }
            }
            best
        }
    })
}

/// The extreme of a block that is not empty, and whether it has a NaN (the extreme is of no use then).
#[inline(always)]
fn extreme<T: Element + PartialOrd, const LARGEST: bool>(block: &[T]) -> (T, bool) {
    let pick = |x: T, y: T| if better::<T, LARGEST>(x, y) { x } else { y };
    let (groups, rest) = block.as_chunks::<LANES>();
    let mut lanes = [block[0]; LANES];
    let mut nans = [false; LANES];
    for group in groups {
        for l in 0..LANES {
            lanes[l] = pick(group[l], lanes[l]);
            nans[l] |= is_nan(group[l]);
        }
    }
    let value = lanes.into_iter().chain(rest.iter().copied()).fold(block[0], |best, x| pick(x, best));
    (value, nans.contains(&true) || rest.iter().any(|x| is_nan(*x)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use smallvec::smallvec;

    /// By the definition, one after the other.
    fn expected(line: &[f64], largest: bool) -> usize {
        let mut best = 0;
        for (i, x) in line.iter().enumerate() {
            if line[best].is_nan() {
                break;
            }
            if x.is_nan() || (largest && *x > line[best]) || (!largest && *x < line[best]) {
                best = i;
            }
        }
        best
    }

    fn both(line: &mut [f64], n: usize, stride: isize, threads: usize) -> [i64; 2] {
        let mut out = [0i64; 2];
        let [low, high] =
            out.each_mut().map(|place| RawOperand { ptr: std::ptr::from_mut(place).cast(), strides: smallvec![0, 0] });
        let input = RawOperand { ptr: line.as_mut_ptr().cast(), strides: smallvec![0, 8 * stride] };
        Threads::scoped(threads, |threads| {
            // SAFETY: `n` elements, and two places for results.
            unsafe {
                arg_extreme::<f64, false>([1, n], &input, &low, threads);
                arg_extreme::<f64, true>([1, n], &input, &high, threads);
            }
        });
        out
    }

    proptest! {
        #[test]
        fn places_are_those_of_the_definition(
            mut line in prop::collection::vec(prop_oneof![9 => (-40i8..40).prop_map(f64::from), 1 => Just(f64::NAN)], 1..3000),
            drop_nans: bool,
        ) {
            if drop_nans {
                line.iter_mut().for_each(|x| if x.is_nan() { *x = 41.0 });
            }
            let wanted = [expected(&line, false) as i64, expected(&line, true) as i64];
            let n = line.len();
            prop_assert_eq!(both(&mut line, n, 1, 1), wanted);
            let odd: Vec<f64> = line.iter().step_by(2).copied().collect();
            let wanted = [expected(&odd, false) as i64, expected(&odd, true) as i64];
            prop_assert_eq!(both(&mut line, odd.len(), 2, 1), wanted);
        }
    }

    #[test]
    fn long_lines_are_searched_on_all_threads() {
        let n = 500_000;
        let mut line: Vec<f64> = (0..n).map(|i| ((i * 7919) % 1000) as f64).collect();
        for nan in [None, Some(300_000), Some(499_999)] {
            if let Some(place) = nan {
                line[place] = f64::NAN;
            }
            let wanted = [expected(&line, false) as i64, expected(&line, true) as i64];
            for threads in [1, 2, 3] {
                assert_eq!(both(&mut line, n, 1, threads), wanted);
            }
            nan.into_iter().for_each(|place| line[place] = 0.5);
        }
    }
}
