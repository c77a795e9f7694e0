//! Filling a box of a row-major array from a stream.

use super::{Cursor, Stream};
use crate::parallel::{Shared, Threads};

/// Values made at a time when the destination's rows are not contiguous.
const SCRATCH: usize = 512;

/// Gives the points of the box `lo .. hi` of a row-major domain of extents `shape` the values of their row-major index:
/// the point `p` gets value `Σ p[d] · Π shape[d+1..]` of `stream`.
///
/// The element of point `p` lies at `ptr + Σ strides[d] · (p[d] − lo[d])`, in bytes. Trailing dimensions that the box spans are one
/// run. Large boxes are cut over the threads.
///
/// # Safety
/// For every point of the box that address is valid for writing an `f64`, aligned to 8, and nobody else touches it meanwhile.
///
/// # Panics
/// If the ranks differ or the box does not lie in the domain.
pub unsafe fn fill_rect_f64(
    stream: &Stream,
    shape: &[i64],
    (lo, hi): (&[i64], &[i64]),
    ptr: *mut u8,
    strides: &[isize],
    threads: Threads<'_>,
) {
    let rank = shape.len();
    assert!(
        lo.len() == rank && hi.len() == rank && strides.len() == rank,
        "corners and strides have the domain's rank"
    );
    assert!((0..rank).all(|d| 0 <= lo[d] && hi[d] <= shape[d]), "the box lies in the domain");
    if (0..rank).any(|d| hi[d] <= lo[d]) {
        return;
    }
    let rows = Rows::of(shape, lo, hi, strides);
    if rows.contiguous() {
        // SAFETY: the elements of the only row are those of the box, one after the other, writable and nobody else's (the caller's word).
        let out = unsafe { std::slice::from_raw_parts_mut(ptr.cast::<f64>(), rows.length) };
        stream.par_fill_f64(rows.first, out, threads);
    } else {
        // SAFETY: `rows` enumerates the points of the box, whose addresses are valid by the caller's word.
        unsafe { fill_groups(stream, &rows, ptr, threads) };
    }
}

/// Fills groups of rows, cut along the outermost dimension, on all threads if they are large.
///
/// # Safety
/// As [`fill_rect_f64`], for the points that `rows` enumerates from `ptr`.
unsafe fn fill_groups(stream: &Stream, rows: &Rows, ptr: *mut u8, threads: Threads<'_>) {
    let Some(&(extent, _, bytes)) = rows.outer.first() else {
        // SAFETY: the caller's word.
        return unsafe { fill_rows(stream, rows, ptr) };
    };
    let per_step = rows.length * rows.outer[1..].iter().map(|(extent, ..)| extent).product::<usize>();
    let steps = stream.parallel_run(extent * per_step, threads).div_ceil(per_step);
    let base = Shared::new(ptr);
    threads.for_each(extent.div_ceil(steps), |group| {
        let (from, to) = (group * steps, extent.min((group + 1) * steps));
        let ptr = base.get().wrapping_offset(from as isize * bytes);
        // SAFETY: the rows of this group alone, some of the caller's.
        unsafe { fill_rows(stream, &rows.part(from, to), ptr) };
    });
}

/// The box as equal rows: consecutive values of the stream at equidistant addresses.
struct Rows {
    /// The value of the first point.
    first: u64,
    /// Points of a row, and bytes from one to the next.
    length: usize,
    stride: isize,
    /// Dimensions that are walked row by row, outermost first: extent, values and bytes from one row to the next.
    outer: Vec<(usize, u64, isize)>,
}

impl Rows {
    /// Merges trailing dimensions while they are spanned and evenly spaced in memory. Dimensions of one point vanish.
    fn of(shape: &[i64], lo: &[i64], hi: &[i64], strides: &[isize]) -> Rows {
        let mut rows = Rows { first: 0, length: 1, stride: size_of::<f64>() as isize, outer: Vec::new() };
        let mut values = 1; // of one step along the dimension
        for d in (0..shape.len()).rev() {
            let extent = (hi[d] - lo[d]) as usize;
            rows.first += lo[d] as u64 * values;
            if extent > 1 {
                let follows = values == rows.length as u64 && rows.outer.is_empty();
                if follows && (rows.length == 1 || strides[d] == rows.stride * rows.length as isize) {
                    if rows.length == 1 {
                        rows.stride = strides[d];
                    }
                    rows.length *= extent;
                } else {
                    rows.outer.insert(0, (extent, values, strides[d]));
                }
            }
            values *= shape[d] as u64;
        }
        rows
    }

    /// Steps `from .. to` of the outermost dimension.
    fn part(&self, from: usize, to: usize) -> Rows {
        let mut outer = self.outer.clone();
        let first = self.first + from as u64 * outer[0].1;
        outer[0].0 = to - from;
        Rows { first, length: self.length, stride: self.stride, outer }
    }

    fn contiguous(&self) -> bool {
        self.outer.is_empty() && self.stride == size_of::<f64>() as isize
    }
}

/// Fills row after row, on this thread. The stream passes over the values between them.
///
/// # Safety
/// As [`fill_rect_f64`], for the points that `rows` enumerates from `ptr`.
unsafe fn fill_rows(stream: &Stream, rows: &Rows, ptr: *mut u8) {
    let mut cursor = stream.cursor(rows.first);
    let mut at = rows.first;
    let mut index = vec![0; rows.outer.len()];
    loop {
        let steps = || rows.outer.iter().zip(&index);
        let row = rows.first + steps().map(|((_, values, _), i)| values * *i as u64).sum::<u64>();
        let offset: isize = steps().map(|((_, _, bytes), i)| bytes * *i as isize).sum();
        cursor.skip(row - at);
        // SAFETY: the row's first point is a point of the box.
        unsafe { fill_row(&mut cursor, ptr.offset(offset), rows.length, rows.stride) };
        at = row + rows.length as u64;
        let Some(d) = (0..index.len()).rev().find(|&d| index[d] + 1 < rows.outer[d].0) else { break };
        index[d] += 1;
        index[d + 1..].fill(0);
    }
    stream.finish(&cursor);
}

/// Writes the next `length` values to `ptr`, `ptr + stride`, ….
///
/// # Safety
/// Each of these addresses is valid for writing an `f64`, aligned to 8, and nobody else's.
unsafe fn fill_row(cursor: &mut Cursor, ptr: *mut u8, length: usize, stride: isize) {
    if stride == size_of::<f64>() as isize {
        // SAFETY: `length` consecutive doubles, by the caller's word.
        cursor.fill(unsafe { std::slice::from_raw_parts_mut(ptr.cast(), length) });
        return;
    }
    let mut scratch = [0.0; SCRATCH];
    for start in (0..length).step_by(SCRATCH) {
        let part = &mut scratch[..SCRATCH.min(length - start)];
        cursor.fill(part);
        for (i, value) in part.iter().enumerate() {
            // SAFETY: element `start + i` of the row.
            unsafe { ptr.offset((start + i) as isize * stride).cast::<f64>().write(*value) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Pcg64;

    /// Fills the box in an array of the domain's extents with row-major or reversed strides and compares all of it.
    fn check(stream: &Stream, shape: &[i64], lo: &[i64], hi: &[i64], column_major: bool) {
        check_on(1, stream, shape, (lo, hi), column_major);
    }

    fn check_on(threads: usize, stream: &Stream, shape: &[i64], (lo, hi): (&[i64], &[i64]), column_major: bool) {
        let rank = shape.len();
        let volume = shape.iter().product::<i64>() as usize;
        let mut all = vec![0.0; volume];
        stream.fill_f64(0, &mut all);
        let order: Vec<usize> = if column_major { (0..rank).collect() } else { (0..rank).rev().collect() };
        let mut strides = vec![0; rank];
        let mut step = 1;
        for d in order {
            strides[d] = step as isize;
            step *= shape[d].max(1);
        }
        let bytes: Vec<isize> = strides.iter().map(|s| s * 8).collect();
        let mut out = vec![-1.0f64; volume];
        let origin: isize = (0..rank).map(|d| strides[d] * lo[d] as isize).sum();
        let ptr = out.as_mut_ptr().wrapping_offset(origin).cast();
        Threads::scoped(threads, |threads| {
            // SAFETY: the strides address the array `out`, which has an element for each point of the domain.
            unsafe { fill_rect_f64(stream, shape, (lo, hi), ptr, &bytes, threads) }
        });
        for (linear, value) in all.iter().enumerate() {
            let mut rest = linear as i64;
            let mut point = vec![0; rank];
            for d in (0..rank).rev() {
                point[d] = rest % shape[d];
                rest /= shape[d];
            }
            let inside = (0..rank).all(|d| lo[d] <= point[d] && point[d] < hi[d]);
            let place: isize = (0..rank).map(|d| strides[d] * point[d] as isize).sum();
            assert_eq!(out[place as usize], if inside { *value } else { -1.0 }, "point {point:?} of {shape:?}");
        }
    }

    #[test]
    fn boxes_hold_the_values_of_their_indices() {
        for stream in
            [Stream::mt19937(3), Stream::Pcg64(Pcg64::from_entropy(&[3])), Stream::Normal(Pcg64::from_entropy(&[3]))]
        {
            for column_major in [false, true] {
                check(&stream, &[], &[], &[], column_major);
                check(&stream, &[5000], &[17], &[4017], column_major);
                check(&stream, &[40, 50], &[0, 0], &[40, 50], column_major);
                check(&stream, &[40, 50], &[3, 0], &[30, 50], column_major);
                check(&stream, &[40, 50], &[3, 7], &[30, 8], column_major);
                check(&stream, &[40, 50], &[3, 7], &[4, 28], column_major);
                check(&stream, &[40, 50], &[3, 7], &[3, 28], column_major);
                check(&stream, &[3, 1200, 7], &[1, 5, 2], &[3, 1100, 6], column_major);
                check(&stream, &[6, 5, 4, 3], &[1, 0, 0, 0], &[5, 5, 4, 3], column_major);
                check(&stream, &[6, 5, 4, 3], &[1, 2, 0, 0], &[5, 4, 4, 3], column_major);
            }
        }
    }

    #[test]
    fn large_boxes_are_filled_by_all_threads() {
        for stream in [Stream::mt19937(4), Stream::Pcg64(Pcg64::from_entropy(&[4]))] {
            check_on(3, &stream, &[700, 600], (&[3, 1], &[699, 598]), false);
        }
    }

    #[test]
    fn far_rows_are_jumped_to() {
        // Rows of three values, three million words apart.
        let stream = Stream::mt19937(9);
        let mut out = [0.0; 9];
        // SAFETY: nine elements, three rows of three.
        unsafe {
            let (lo, hi, ptr) = (&[1, 70], &[4, 73], out.as_mut_ptr().cast());
            fill_rect_f64(&stream, &[4, 1_500_000], (lo, hi), ptr, &[24, 8], Threads::ALONE);
        }
        for row in 0..3 {
            let mut expected = [0.0; 3];
            stream.fill_f64((row as u64 + 1) * 1_500_000 + 70, &mut expected);
            assert_eq!(out[3 * row..][..3], expected);
        }
    }
}
