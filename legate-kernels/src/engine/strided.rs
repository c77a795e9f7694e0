//! Copies between a tile, where elements lie one after the other, and operand memory with any strides.

use smallvec::SmallVec;

/// Bytes to the next element along each dimension of a box.
pub(super) type BoxStrides = SmallVec<[isize; 6]>;

/// The strides of a box of elements of `size` bytes that lie one after the other, last dimension fastest.
pub(super) fn contiguous(extents: &[usize], size: usize) -> BoxStrides {
    let mut strides: BoxStrides = SmallVec::from_elem(0, extents.len());
    let mut stride = size as isize;
    for (s, extent) in strides.iter_mut().zip(extents).rev() {
        *s = stride;
        stride *= *extent as isize;
    }
    strides
}

/// One dimension of a copy.
#[derive(Clone, Copy)]
struct Dim {
    extent: usize,
    to: isize,
    from: isize,
}

/// Copies a box of elements of `size` bytes from strided memory to strided memory.
///
/// # Safety
/// All elements named on either side are inside live allocations, those read are initialised, and the two sides do not overlap.
pub(super) unsafe fn copy_box(
    to: *mut u8,
    to_strides: &[isize],
    from: *const u8,
    from_strides: &[isize],
    extents: &[usize],
    size: usize,
) {
    let mut dims: SmallVec<[Dim; 6]> = SmallVec::new();
    for ((extent, to), from) in extents.iter().zip(to_strides).zip(from_strides) {
        match dims.last_mut() {
            _ if *extent == 1 => {}
            Some(outer) if outer.to == *to * *extent as isize && outer.from == *from * *extent as isize => {
                *outer = Dim { extent: outer.extent * extent, to: *to, from: *from };
            }
            _ => dims.push(Dim { extent: *extent, to: *to, from: *from }),
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
unsafe fn copy_dims(to: *mut u8, from: *const u8, dims: &[Dim], size: usize) {
    match dims {
        // SAFETY: one element, named by the caller.
        [] => unsafe { copy_row(to, from, Dim { extent: 1, to: 0, from: 0 }, size) },
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
unsafe fn copy_row(to: *mut u8, from: *const u8, row: Dim, size: usize) {
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
unsafe fn copy_elements<T: Copy>(to: *mut u8, from: *const u8, row: Dim) {
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

/// Writes the values `start + Σ strides[d] · p[d]` of a box one after the other.
///
/// # Safety
/// `to` is valid for as many `i64` as the box has points.
pub(super) unsafe fn fill_index(to: *mut i64, start: i64, strides: &[isize], extents: &[usize]) {
    let mut next = to;
    let mut position: SmallVec<[usize; 6]> = SmallVec::from_elem(0, extents.len());
    let row = extents.last().copied().unwrap_or(1);
    let step = strides.last().copied().unwrap_or(0) as i64;
    let rows: usize = extents[..extents.len().saturating_sub(1)].iter().product();
    for _ in 0..rows {
        let first: i64 = start + position.iter().zip(strides).map(|(p, s)| *p as i64 * *s as i64).sum::<i64>();
        for i in 0..row as i64 {
            // SAFETY: `rows * row` values are written, as many as the box has points.
            unsafe { next.write_unaligned(first + i * step) };
            next = next.wrapping_add(1);
        }
        advance(&mut position, extents);
    }
}

/// The next row of a box: counts up all positions but the last.
fn advance(position: &mut [usize], extents: &[usize]) {
    for d in (0..position.len().saturating_sub(1)).rev() {
        position[d] += 1;
        if position[d] < extents[d] {
            return;
        }
        position[d] = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposed_box() {
        let from: Vec<u16> = (0..12).collect(); // 3 rows of 4
        let mut to = [0u16; 12];
        // SAFETY: both sides are boxes of 4 x 3 elements inside their arrays.
        unsafe { copy_box(to.as_mut_ptr().cast(), &contiguous(&[4, 3], 2), from.as_ptr().cast(), &[2, 8], &[4, 3], 2) };
        assert_eq!(to, [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
    }

    #[test]
    fn a_broadcast_and_reversed_box() {
        let from = [1u64, 2, 3];
        let mut to = [0u64; 6];
        // SAFETY: the box reads three elements backwards from the last, twice.
        unsafe {
            copy_box(to.as_mut_ptr().cast(), &contiguous(&[2, 3], 8), from.as_ptr().add(2).cast(), &[0, -8], &[2, 3], 8)
        };
        assert_eq!(to, [3, 2, 1, 3, 2, 1]);
    }

    #[test]
    fn coordinates_of_a_box() {
        let mut to = [0i64; 6];
        // SAFETY: six values are written.
        unsafe { fill_index(to.as_mut_ptr(), 5, &[10, 1], &[2, 3]) };
        assert_eq!(to, [5, 6, 7, 15, 16, 17]);
    }
}
