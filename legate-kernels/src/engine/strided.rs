//! Copies between a tile, where elements lie one after the other, and operand memory with any strides.

use smallvec::SmallVec;

/// One dimension of a copy: how many elements, and the bytes from one to the next on both sides.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) extent: usize,
    pub(super) to: isize,
    pub(super) from: isize,
}

/// Copies a box of elements of `size` bytes from strided memory to strided memory.
///
/// # Safety
/// All elements named on either side are inside live allocations, those read are initialised, and the two sides do not overlap.
pub(super) unsafe fn copy_box(to: *mut u8, from: *const u8, size: usize, rows: impl Iterator<Item = Row>) {
    let mut dims: SmallVec<[Row; 6]> = SmallVec::new();
    for row in rows.filter(|row| row.extent != 1) {
        let n = row.extent as isize;
        match dims.last_mut() {
            Some(outer) if outer.to == row.to * n && outer.from == row.from * n => {
                *outer = Row { extent: outer.extent * row.extent, ..row };
            }
            _ => dims.push(row),
        }
    }
    // Short rows cost more than their elements: run along the longest dimension instead.
    if let Some(last) = dims.len().checked_sub(1)
        && dims[last].extent < 16
        && let Some(longest) = (0..=last).max_by_key(|d| dims[*d].extent)
    {
        dims.swap(longest, last);
    }
    // SAFETY: the same elements, in another order.
    unsafe { copy_dims(to, from, &dims, size) }
}

/// # Safety
/// As for [`copy_box`].
unsafe fn copy_dims(to: *mut u8, from: *const u8, dims: &[Row], size: usize) {
    match dims {
        // SAFETY: one element, named by the caller.
        [] => unsafe { copy_row(to, from, Row { extent: 1, to: 0, from: 0 }, size) },
        // SAFETY: one row of the caller's elements.
        [row] => unsafe { copy_row(to, from, *row, size) },
        [outer, inner @ ..] => {
            for i in 0..outer.extent as isize {
                // SAFETY: `i` counts positions of the caller's box.
                unsafe {
                    copy_dims(to.wrapping_offset(i * outer.to), from.wrapping_offset(i * outer.from), inner, size)
                };
            }
        }
    }
}

/// # Safety
/// As for [`copy_box`], for one row.
unsafe fn copy_row(to: *mut u8, from: *const u8, row: Row, size: usize) {
    // SAFETY: the caller's promise, passed on; each element type has `size` bytes.
    unsafe {
        match size {
            1 => copy_elements::<u8>(to, from, row),
            2 => copy_elements::<u16>(to, from, row),
            4 => copy_elements::<u32>(to, from, row),
            8 => copy_elements::<u64>(to, from, row),
            _ => copy_elements::<[u64; 2]>(to, from, row),
        }
    }
}

/// # Safety
/// As for [`copy_row`], for elements of the size of `T`.
#[inline(always)]
unsafe fn copy_elements<T: Copy>(to: *mut u8, from: *const u8, row: Row) {
    let size = size_of::<T>() as isize;
    if row.to == size && row.from == size {
        // SAFETY: the caller vouches for every element of the row on both sides.
        unsafe { std::ptr::copy_nonoverlapping(from, to, row.extent * size_of::<T>()) };
    } else if row.from == 0 {
        // SAFETY: the caller vouches for the element.
        let value = unsafe { from.cast::<T>().read_unaligned() };
        for i in 0..row.extent as isize {
            // SAFETY: `i` counts elements of the caller's row.
            unsafe { to.offset(i * row.to).cast::<T>().write_unaligned(value) };
        }
    } else if row.to == size {
        for i in 0..row.extent as isize {
            // SAFETY: `i` counts elements of the caller's row.
            unsafe { to.cast::<T>().offset(i).write_unaligned(from.offset(i * row.from).cast::<T>().read_unaligned()) };
        }
    } else {
        for i in 0..row.extent as isize {
            // SAFETY: `i` counts elements of the caller's row.
            unsafe {
                to.offset(i * row.to)
                    .cast::<T>()
                    .write_unaligned(from.offset(i * row.from).cast::<T>().read_unaligned())
            };
        }
    }
}

/// Copies `rows` rows of `length` elements of `size` bytes that lie side by side: row `k` of element `j` is `size · k` bytes after `from + step · j`. They
/// come to lie one after the other, each row `pitch` bytes after the one before.
///
/// # Safety
/// As for [`copy_box`].
pub(super) unsafe fn transpose(
    to: *mut u8,
    pitch: usize,
    from: *const u8,
    step: isize,
    [rows, length]: [usize; 2],
    size: usize,
) {
    // SAFETY: the caller's promise, passed on; each element type has `size` bytes.
    unsafe {
        match size {
            1 => transpose_elements::<u8>(to, pitch, from, step, rows, length),
            2 => transpose_elements::<u16>(to, pitch, from, step, rows, length),
            4 => transpose_elements::<u32>(to, pitch, from, step, rows, length),
            8 => transpose_elements::<u64>(to, pitch, from, step, rows, length),
            _ => transpose_elements::<[u64; 2]>(to, pitch, from, step, rows, length),
        }
    }
}

/// # Safety
/// As for [`transpose`], for elements of the size of `T`.
unsafe fn transpose_elements<T: Copy>(
    to: *mut u8,
    pitch: usize,
    from: *const u8,
    step: isize,
    rows: usize,
    length: usize,
) {
    /// Columns whose lines stay in the first-level cache while all their rows are written.
    const COLUMNS: usize = 8;
    let mut start = 0;
    while start < length {
        let columns = COLUMNS.min(length - start);
        for k in 0..rows {
            let to = to.wrapping_add(k * pitch).cast::<T>().wrapping_add(start);
            let from = from.wrapping_offset(start as isize * step).cast::<T>().wrapping_add(k);
            for j in 0..columns {
                // SAFETY: row `k` of element `start + j`, on either side.
                unsafe {
                    to.add(j).write_unaligned(from.byte_offset(j as isize * step).read_unaligned());
                }
            }
        }
        start += columns;
    }
}

/// Writes the values `start + Σ step[d] · p[d]` of a box one after the other; `dims` are the extents and steps.
///
/// # Safety
/// `to` is valid for as many `i64` as the box has points.
pub(super) unsafe fn fill_index(to: *mut i64, start: i64, dims: &[(usize, i64)]) {
    match dims {
        // SAFETY: one point.
        [] => unsafe { to.write(start) },
        [(extent, step)] => {
            for i in 0..*extent {
                // SAFETY: `i` counts the points of the row.
                unsafe { to.add(i).write(start + i as i64 * step) };
            }
        }
        [(extent, step), inner @ ..] => {
            let points: usize = inner.iter().map(|(n, _)| n).product();
            for i in 0..*extent {
                // SAFETY: each position of the outer dimension has its own part of the caller's points.
                unsafe { fill_index(to.add(i * points), start + i as i64 * step, inner) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(list: &[(usize, isize, isize)]) -> impl Iterator<Item = Row> {
        list.iter().map(|(extent, to, from)| Row { extent: *extent, to: *to, from: *from })
    }

    #[test]
    fn a_transposed_box() {
        let from: Vec<u16> = (0..12).collect(); // 3 rows of 4
        let mut to = [0u16; 12];
        // SAFETY: both sides are boxes of 4 x 3 elements inside their arrays.
        unsafe { copy_box(to.as_mut_ptr().cast(), from.as_ptr().cast(), 2, rows(&[(4, 6, 2), (3, 2, 8)])) };
        assert_eq!(to, [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
    }

    #[test]
    fn a_broadcast_and_reversed_box() {
        let from = [1u64, 2, 3];
        let mut to = [0u64; 6];
        // SAFETY: the box reads three elements backwards from the last, twice.
        unsafe { copy_box(to.as_mut_ptr().cast(), from.as_ptr().add(2).cast(), 8, rows(&[(2, 24, 0), (3, 8, -8)])) };
        assert_eq!(to, [3, 2, 1, 3, 2, 1]);
    }

    #[test]
    fn coordinates_of_a_box() {
        let mut to = [0i64; 6];
        // SAFETY: six values are written.
        unsafe { fill_index(to.as_mut_ptr(), 5, &[(2, 10), (3, 1)]) };
        assert_eq!(to, [5, 6, 7, 15, 16, 17]);
    }
}
