//! Elements that a mask selects, one after the other.
//!
//! Where the `k`-th selected element goes depends on all of the mask before it. So the mask is read twice: [`count_blocks()`] counts what is set in each block of
//! [`SELECT_BLOCK`] elements; from the running sums of the counts any range of the result finds its place in the mask
//! ([`compress()`]). Ranges are computed apart, in any order.

use crate::operand::RawOperand;
use serde::{Deserialize, Serialize};

/// Elements of the mask that are counted together.
pub const SELECT_BLOCK: usize = 4096;

/// A vector: `ptr + i · stride` is its element `i`, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct RawVector {
    /// Element 0.
    pub ptr: *mut u8,
    /// Bytes to the next.
    pub stride: isize,
}

impl RawVector {
    /// Dimension `d` of an operand.
    pub fn along(operand: &RawOperand, d: usize) -> RawVector {
        RawVector { ptr: operand.ptr, stride: operand.strides[d] }
    }
    /// Address of element `i`.
    #[inline(always)]
    pub(crate) fn at<T>(self, i: usize) -> *mut T {
        self.ptr.wrapping_offset(i as isize * self.stride).cast()
    }
}

/// `counts[b - first]` (an `i64`) becomes the number of ones in block `b` of the mask of `n` bytes, for `b` in `first..last`.
///
/// # Safety
/// The blocks' bytes of `mask` are 0 or 1 and valid for reading, the `last - first` elements of `counts` for writing, aligned, and nobody else's.
pub unsafe fn count_blocks(first: usize, last: usize, n: usize, mask: RawVector, counts: RawVector) {
    for block in first..last {
        let (from, to) = (block * SELECT_BLOCK, n.min((block + 1) * SELECT_BLOCK));
        // SAFETY: elements of the block, and a place in `counts`.
        unsafe {
            let count: usize = if mask.stride == 1 {
                // Eight ones in a byte at most: the lanes of a sum of 64 bytes do not overflow before they are added up.
                std::slice::from_raw_parts(mask.at::<u8>(from).cast_const(), to - from)
                    .chunks(128)
                    .map(|part| usize::from(part.iter().sum::<u8>()))
                    .sum()
            } else {
                (from..to).map(|i| usize::from(mask.at::<u8>(i).read())).sum()
            };
            counts.at::<i64>(block - first).write(count as i64);
        }
    }
}

/// What is written for a selected element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Selected {
    /// The element of a second vector at its place, of this many bytes.
    Element(usize),
    /// Its place, an `i64`.
    Position,
}

/// Writes the selected elements number `range.0 .. range.1` to `out`, from its first element on.
///
/// `before[b]` (an `i64`) is the number of ones before block `b`. `values` is not looked at for [`Selected::Position`].
///
/// # Panics
/// If the mask does not have so many ones, or the size of an element is none of 1, 2, 4, 8, 16.
///
/// # Safety
/// `mask` has `n` bytes, 0 or 1, `before` an element for each block of it, `values` `n` elements: all valid for reading; `out` has as many as the range: valid for writing,
/// nobody else's. Elements are aligned.
pub unsafe fn compress(
    selected: Selected,
    range: (usize, usize),
    n: usize,
    mask: RawVector,
    before: RawVector,
    values: RawVector,
    out: RawVector,
) {
    if range.0 == range.1 {
        return;
    }
    // SAFETY: the caller's word, passed on with the type that has the elements' size.
    unsafe {
        let start = start_of(range.0, n, mask, before);
        let count = range.1 - range.0;
        let taken = match selected {
            Selected::Position => write_selected::<i64>(start, count, n, mask, |i| i as i64, out),
            Selected::Element(1) => copy_selected::<u8>(start, count, n, mask, values, out),
            Selected::Element(2) => copy_selected::<u16>(start, count, n, mask, values, out),
            Selected::Element(4) => copy_selected::<u32>(start, count, n, mask, values, out),
            Selected::Element(8) => copy_selected::<u64>(start, count, n, mask, values, out),
            Selected::Element(16) => copy_selected::<[u64; 2]>(start, count, n, mask, values, out),
            Selected::Element(size) => panic!("no element has {size} bytes"),
        };
        assert_eq!(taken, count, "the counts are those of the mask");
    }
}

/// The place of the mask from which on the element number `rank` is the first that is selected.
///
/// # Safety
/// As [`compress()`].
unsafe fn start_of(rank: usize, n: usize, mask: RawVector, before: RawVector) -> usize {
    // SAFETY: a block of the mask.
    let before = |block: usize| unsafe { before.at::<i64>(block).read() as usize };
    // The last block with at most `rank` ones before it.
    let (mut low, mut high) = (0, n.div_ceil(SELECT_BLOCK));
    while high - low > 1 {
        let middle = low.midpoint(high);
        if before(middle) <= rank { low = middle } else { high = middle }
    }
    let (mut at, mut missing) = (low * SELECT_BLOCK, rank - before(low));
    while missing > 0 && at < n {
        // SAFETY: a place of the mask.
        missing -= usize::from(unsafe { mask.at::<u8>(at).read() });
        at += 1;
    }
    at
}

/// # Safety
/// As [`compress()`], `E` having the elements' size.
unsafe fn copy_selected<E: Copy>(
    start: usize,
    count: usize,
    n: usize,
    mask: RawVector,
    values: RawVector,
    out: RawVector,
) -> usize {
    let adjacent = |v: RawVector| v.stride == size_of::<E>() as isize;
    // SAFETY: the caller's word; `i` is below `n`.
    unsafe {
        if adjacent(values) && adjacent(out) && mask.stride == 1 {
            // With known strides the compiler makes better loops.
            let one = RawVector { ptr: mask.ptr, stride: 1 };
            let values = values.ptr.cast::<E>();
            let out = RawVector { ptr: out.ptr, stride: size_of::<E>() as isize };
            write_selected::<E>(start, count, n, one, |i| values.add(i).read(), out)
        } else {
            write_selected::<E>(start, count, n, mask, |i| values.at::<E>(i).read(), out)
        }
    }
}

/// Writes the values of the next `count` ones of the mask from `start` on; gives how many there were.
///
/// # Safety
/// As [`compress()`]; `value` may be called for places of the mask.
#[inline(always)]
unsafe fn write_selected<E: Copy>(
    start: usize,
    count: usize,
    n: usize,
    mask: RawVector,
    value: impl Fn(usize) -> E,
    out: RawVector,
) -> usize {
    let (mut at, mut taken) = (start, 0);
    // Without a branch on the mask: each value is written, and overwritten by the next one unless it is selected.
    while taken < count && at < n {
        // SAFETY: `at < n`, and `taken < count`.
        unsafe {
            out.at::<E>(taken).write(value(at));
            taken += usize::from(mask.at::<u8>(at).read());
        }
        at += 1;
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector<T>(values: &mut [T]) -> RawVector {
        RawVector { ptr: values.as_mut_ptr().cast(), stride: size_of::<T>() as isize }
    }

    /// Counts and compresses in ranges of `step`.
    fn selected(mask: &mut [u8], values: &mut [u32], step: usize) -> (Vec<u32>, Vec<i64>) {
        let n = mask.len();
        let blocks = n.div_ceil(SELECT_BLOCK);
        let mut counts = vec![0i64; blocks];
        // SAFETY: one count for each block.
        unsafe { count_blocks(0, blocks, n, vector(mask), vector(&mut counts)) };
        let total: i64 = counts.iter().sum();
        let mut sum = 0;
        let mut before: Vec<i64> = counts.iter().map(|c| (sum, sum += c).0).collect();
        let (mut out, mut places) = (vec![0; total as usize], vec![0i64; total as usize]);
        for from in (0..total as usize).step_by(step) {
            let range = (from, (total as usize).min(from + step));
            let (o, p) = (vector(&mut out[from..]), vector(&mut places[from..]));
            let (m, b, v) = (vector(mask), vector(&mut before), vector(values));
            // SAFETY: vectors of `n`, and `total`, elements.
            unsafe {
                compress(Selected::Element(4), range, n, m, b, v, o);
                compress(Selected::Position, range, n, m, b, v, p);
            }
        }
        (out, places)
    }

    #[test]
    fn any_ranges_give_what_a_filter_gives() {
        for n in [0, 1, 5, 4095, 4096, 4097, 20_000] {
            for density in [0, 1, 3, 7, 8] {
                let mut mask: Vec<u8> =
                    (0..n as u64).map(|i| u8::from(i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61 < density)).collect();
                let mut values: Vec<u32> = (0..n as u32).map(|i| i * 3 + 1).collect();
                let wanted: Vec<u32> = values.iter().zip(&mask).filter(|(_, m)| **m == 1).map(|(v, _)| *v).collect();
                for step in [1, 777, 100_000] {
                    let (out, places) = selected(&mut mask, &mut values, step);
                    assert_eq!(out, wanted, "{n} elements, density {density}, ranges of {step}");
                    assert!(places.iter().zip(&out).all(|(&p, &v)| values[p as usize] == v));
                }
            }
        }
    }

    #[test]
    fn strides_of_any_sign() {
        let mut mask = [1, 9, 0, 9, 1, 9];
        let mut values = [10u16, 20, 30];
        let (mut counts, mut out) = ([0i64], [0u16; 2]);
        let m = RawVector { ptr: mask[4..].as_mut_ptr(), stride: -2 };
        let v = RawVector { ptr: values[2..].as_mut_ptr().cast(), stride: -2 };
        // SAFETY: three elements each, from the end; two are selected.
        unsafe {
            count_blocks(0, 1, 3, m, vector(&mut counts));
            assert_eq!(counts, [2]);
            compress(Selected::Element(2), (0, 2), 3, m, vector(&mut [0i64]), v, vector(&mut out));
        }
        assert_eq!(out, [30, 10]);
    }
}
