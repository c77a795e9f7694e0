//! Sorting along one dimension: values, or the places they come from.
//!
//! There is one right result, whatever the number of threads, because equal items are alike: elements become unsigned keys in their order (`key.rs`; −0 comes
//! before 0, NaN last), and places are compared as well as ranks where they are what is wanted, which makes that sort stable.
//!
//! Keys of 32 and 64 bits are sorted by vector instructions where there are any for it (AVX-512: `quick.rs`, its steps in `vectors.rs`): 3 ns for a
//! float64 in cache on one core. All others, on any machine, are dealt to buckets that fit the cache (`large.rs`), where two counting passes
//! and an insertion sort them (`small.rs`).

mod key;
mod large;
mod places;
mod quick;
mod small;
mod vectors;

pub use key::{Item, Placed, Sortable};

use crate::dispatch::run_on;
use crate::isa::Isa;
use crate::operand::RawOperand;
use crate::parallel::Threads;

/// Up to this many elements insertion is as fast.
const FEW: usize = 16;

/// Bytes of scratch that [`sort()`] (or with `places` [`argsort()`]) wants for lines of `n` elements of `size` bytes.
pub fn scratch_bytes(n: usize, size: usize, places: bool) -> usize {
    n * if places { size_of::<Placed>() } else { 2 * size }
}

/// `output[…, :, …]` becomes `input[…, :, …]` in ascending order along dimension `axis` of a box of these extents; NaN comes last.
///
/// # Panics
/// If the scratch is too short ([`scratch_bytes`]) or not aligned for the elements.
///
/// # Safety
/// Over the box the elements of `input` are valid for reading and those of `output` for writing, aligned; the two are the same elements or
/// have none in common; nobody else touches `output` or writes `input` meanwhile; the elements of `output` are distinct.
pub unsafe fn sort<T: Sortable>(
    axis: usize,
    extents: &[usize],
    input: &RawOperand,
    output: &RawOperand,
    scratch: &mut [u8],
    threads: Threads<'_>,
) {
    let n = extents[axis];
    let (step_in, step_out) = (input.strides[axis], output.strides[axis]);
    let apart = input.ptr != output.ptr && step_out == size_of::<T>() as isize;
    let isa = Isa::best();
    let vectors = T::Key::vectors(isa).filter(|_| n > FEW);
    let (first, second) = bytemuck::cast_slice_mut::<u8, T::Key>(scratch).split_at_mut(n);
    let second = &mut second[..n];
    for_lines(axis, extents, input, output, |from, to| {
        let (keys, other): (&mut [T::Key], &mut [T::Key]) = if apart {
            // SAFETY: the output's line, whose elements are adjacent and have the keys' size and alignment; it is not read before it is written.
            (unsafe { std::slice::from_raw_parts_mut(to.0.cast(), n) }, &mut *first)
        } else {
            (&mut *first, &mut *second)
        };
        // SAFETY: element `i` of the line.
        let key = |i: usize| unsafe { from.read::<T>(i, step_in) }.to_key();
        let done = |first: usize, keys: &mut [T::Key]| {
            run_on(isa, {
                #[inline(always)]
                || {
                    if apart {
                        return keys.iter_mut().for_each(|key| *key = bytemuck::cast(T::from_key(*key)));
                    }
                    for (i, &key) in keys.iter().enumerate() {
                        // SAFETY: an element of the line, all of which has been read; parts of it are handed out once.
                        unsafe { to.write(first + i, step_out, T::from_key(key)) };
                    }
                }
            });
        };
        let Some(vectors) = vectors else { return large::sort(n, key, keys, threads, done) };
        // SAFETY: elements of the line.
        let fill = |first: usize, keys: &mut [T::Key]| unsafe { from.read_all(isa, first, step_in, keys, T::to_key) };
        quick::sort(n, fill, keys, other, vectors, threads, done);
    });
}

/// As [`sort()`], but `output` (`i64`s) becomes the places along the axis that the elements come from; those of equal elements keep their order.
///
/// # Panics
/// As [`sort()`].
///
/// # Safety
/// As [`sort()`]; `output` has nothing in common with `input`.
pub unsafe fn argsort<T: Sortable>(
    axis: usize,
    extents: &[usize],
    input: &RawOperand,
    output: &RawOperand,
    scratch: &mut [u8],
    threads: Threads<'_>,
) {
    let n = extents[axis];
    let (step_in, step_out) = (input.strides[axis], output.strides[axis]);
    let isa = Isa::best();
    let vectors = u64::vectors(isa).filter(|_| (FEW..1 << 32).contains(&n));
    for_lines(axis, extents, input, output, |from, to| {
        // SAFETY: element `i` of the line.
        let rank = |i: usize| unsafe { from.read::<T>(i, step_in) }.to_rank();
        // SAFETY: an element of the line; each is handed out once.
        let write = |i: usize, place: u64| unsafe { to.write(i, step_out, place as i64) };
        let Some(vectors) = vectors else {
            let items: &mut [Placed] = &mut bytemuck::cast_slice_mut(scratch)[..n];
            let item = |i: usize| Placed { rank: rank(i), place: i as u64 };
            return large::sort(n, item, items, threads, |first, items| {
                items.iter().enumerate().for_each(|(i, item)| write(first + i, item.place));
            });
        };
        // SAFETY: elements of the line.
        let fill = |first: usize, ranks: &mut [u64]| unsafe { from.read_all(isa, first, step_in, ranks, T::to_rank) };
        let (keys, other) = bytemuck::cast_slice_mut(scratch).split_at_mut(n);
        places::sort(n, fill, [keys, &mut other[..n]], vectors, threads, |first, places| {
            if step_out == size_of::<i64>() as isize {
                // SAFETY: as for `write`, adjacent elements.
                return unsafe { to.get().cast::<u64>().add(first).copy_from(places.as_ptr(), places.len()) };
            }
            places.iter().enumerate().for_each(|(i, &place)| write(first + i, place));
        });
    });
}

/// The first element of a line. It may go to other threads: who uses it says why that is right.
#[derive(Clone, Copy)]
struct Start(*mut u8);
// SAFETY: see the type.
unsafe impl Send for Start {}
// SAFETY: see the type.
unsafe impl Sync for Start {}

impl Start {
    /// A method, so that closures capture the whole.
    fn get(self) -> *mut u8 {
        self.0
    }
    /// # Safety
    /// Element `i` of the line, `step` bytes after the one before, is a valid and aligned `T`.
    #[inline(always)]
    unsafe fn read<T: Copy>(self, i: usize, step: isize) -> T {
        // SAFETY: the caller's word.
        unsafe { self.0.wrapping_offset(i as isize * step).cast::<T>().read() }
    }
    /// What `convert` makes of the elements from place `first` on.
    ///
    /// # Safety
    /// As [`Start::read`], for as many elements as `out` has places.
    unsafe fn read_all<T: Copy, K>(self, isa: Isa, first: usize, step: isize, out: &mut [K], convert: impl Fn(T) -> K) {
        run_on(isa, {
            #[inline(always)]
            || {
                if step == size_of::<T>() as isize {
                    // SAFETY: the caller's word; the elements are adjacent.
                    let elements = unsafe { std::slice::from_raw_parts(self.0.cast::<T>().add(first), out.len()) };
                    return out.iter_mut().zip(elements).for_each(|(place, &element)| *place = convert(element));
                }
                for (i, place) in out.iter_mut().enumerate() {
                    // SAFETY: the caller's word.
                    *place = convert(unsafe { self.read(first + i, step) });
                }
            }
        });
    }
    /// # Safety
    /// As [`Start::read`], and nobody else touches it.
    #[inline(always)]
    unsafe fn write<T>(self, i: usize, step: isize, value: T) {
        // SAFETY: the caller's word.
        unsafe { self.0.wrapping_offset(i as isize * step).cast::<T>().write(value) }
    }
}

/// Calls `line` with the first elements of each line along `axis`.
fn for_lines(
    axis: usize,
    extents: &[usize],
    input: &RawOperand,
    output: &RawOperand,
    mut line: impl FnMut(Start, Start),
) {
    if extents.contains(&0) {
        return;
    }
    let others: Vec<usize> = (0..extents.len()).filter(|&d| d != axis).collect();
    let mut index = vec![0; others.len()];
    loop {
        let offset =
            |strides: &[isize]| others.iter().zip(&index).map(|(&d, &i)| strides[d] * i as isize).sum::<isize>();
        let from = input.ptr.wrapping_offset(offset(&input.strides));
        let to = output.ptr.wrapping_offset(offset(&output.strides));
        line(Start(from), Start(to));
        let Some(d) = (0..index.len()).rev().find(|&d| index[d] + 1 < extents[others[d]]) else { return };
        index[d] += 1;
        index[d + 1..].fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smallvec::smallvec;

    /// Special values, and others several times each.
    fn element(i: usize) -> f64 {
        match i.wrapping_mul(0x9e37_79b9) >> 7 & 15 {
            0 => f64::NAN,
            1 => -f64::NAN,
            2 => -0.0,
            3 => 0.0,
            4 => f64::NEG_INFINITY,
            k => ((i * i) % 37) as f64 - k as f64,
        }
    }

    /// Sorts lines of an array along each axis, apart from it (the result in rows or in columns) and in place.
    #[test]
    fn lines_of_boxes_are_sorted() {
        for extents in [[3, 5], [40, 70], [700, 3]] {
            let volume = extents[0] * extents[1];
            let values: Vec<f64> = (0..volume).map(element).collect();
            let (rows, columns) = ([8 * extents[1] as isize, 8], [8, 8 * extents[0] as isize]);
            for axis in [0, 1] {
                for (strides, apart) in [(rows, true), (columns, true), (rows, false)] {
                    let (mut input, mut output) = (values.clone(), vec![0.0f64; volume]);
                    let operand = |ptr: *mut u8, s: [isize; 2]| RawOperand { ptr, strides: smallvec![s[0], s[1]] };
                    let from = operand(input.as_mut_ptr().cast(), rows);
                    let to = if apart { operand(output.as_mut_ptr().cast(), strides) } else { operand(from.ptr, rows) };
                    let mut places = vec![0i64; volume];
                    let places_to = operand(places.as_mut_ptr().cast(), strides);
                    let mut scratch = vec![0u64; scratch_bytes(extents[axis], 8, true) / 8];
                    let scratch = bytemuck::cast_slice_mut(&mut scratch);
                    // SAFETY: boxes of arrays of this volume, the same or apart.
                    unsafe {
                        argsort::<f64>(axis, &extents, &from, &places_to, scratch, Threads::ALONE);
                        sort::<f64>(axis, &extents, &from, &to, scratch, Threads::ALONE);
                    }
                    let sorted = if apart { &output } else { &input };
                    check(&values, sorted, &places, extents, axis, strides);
                }
            }
        }
    }

    fn check(values: &[f64], sorted: &[f64], places: &[i64], extents: [usize; 2], axis: usize, strides: [isize; 2]) {
        let at = |strides: [isize; 2], line: usize, i: usize| {
            let point = if axis == 0 { [i, line] } else { [line, i] };
            (point[0] as isize * strides[0] + point[1] as isize * strides[1]) as usize / 8
        };
        let rows = [8 * extents[1] as isize, 8];
        for line in 0..extents[1 - axis] {
            let value = |i: usize| values[at(rows, line, i)];
            let mut order: Vec<usize> = (0..extents[axis]).collect();
            order.sort_by_key(|&i| value(i).to_rank());
            let mut keys: Vec<u64> = order.iter().map(|&i| value(i).to_key()).collect();
            keys.sort_unstable();
            for (i, (&place, &key)) in order.iter().zip(&keys).enumerate() {
                assert_eq!(places[at(strides, line, i)], place as i64);
                assert_eq!(sorted[at(strides, line, i)].to_bits(), f64::from_key(key).to_bits());
            }
        }
    }
}
