//! Elements at places that an index array names.
//!
//! Arrays are seen as boxes of three dimensions: `outer × n × inner`, the index running along the middle one. A negative index counts from the end.

use crate::operand::RawOperand;
use crate::parallel::{Shared, Threads};
use crate::select::RawVector;
use smallvec::SmallVec;

/// An index outside of `-n..n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfBounds(pub i64);

/// Fewer indices than this are not worth more threads than one.
const FEW: usize = 1 << 15;
/// Rows of at most so many bytes are scattered by one thread: each has to look at all indices, which takes as long as writing does.
const NARROW: usize = 256;
/// Indices that are looked at together.
const CHOSEN: usize = 256;

/// `out[o, k, i] = source[o, index[k], i]` for a box `extents = [outer, indices, inner]`. `source` has `n` elements along its middle dimension; all of its strides
/// are given (outer, middle, inner). Elements have `size` bytes.
///
/// Cost: a read at random for each index; processors overlap some ten of them.
///
/// # Errors
/// The first index that is out of bounds; a part of `out` has been written then.
///
/// # Panics
/// If `size` is none of 1, 2, 4, 8, 16.
///
/// # Safety
/// The elements of the operands are valid for reading (`out`: for writing), aligned; nobody else touches `out` or writes the others meanwhile.
/// `index` are `i64`s.
pub unsafe fn gather(
    size: usize,
    extents: [usize; 3],
    n: usize,
    source: &RawOperand,
    index: RawVector,
    out: &RawOperand,
) -> Result<(), OutOfBounds> {
    // SAFETY: the caller's word, with a type of the elements' size.
    unsafe {
        match size {
            1 => gather_as::<u8>(extents, n, source, index, out),
            2 => gather_as::<u16>(extents, n, source, index, out),
            4 => gather_as::<u32>(extents, n, source, index, out),
            8 => gather_as::<u64>(extents, n, source, index, out),
            16 => gather_as::<[u64; 2]>(extents, n, source, index, out),
            _ => panic!("no element has {size} bytes"),
        }
    }
}

/// The place that an index names.
#[inline(always)]
pub(crate) fn place(index: i64, n: usize) -> Result<usize, OutOfBounds> {
    let counted = if index < 0 { index.wrapping_add(n as i64) } else { index };
    if (counted as u64) < n as u64 { Ok(counted as usize) } else { Err(OutOfBounds(index)) }
}

/// # Safety
/// As [`gather()`], `E` having the elements' size.
unsafe fn gather_as<E: Copy>(
    [outer, indices, inner]: [usize; 3],
    n: usize,
    source: &RawOperand,
    index: RawVector,
    out: &RawOperand,
) -> Result<(), OutOfBounds> {
    // Strides as numbers: read through the operands they would be read again after each write.
    let ([s_outer, s_row, s_inner], [o_outer, o_row, o_inner]) = (three(source), three(out));
    let size = size_of::<E>() as isize;
    let is_flat = inner == 1 && s_row == size && o_row == size && index.stride == size_of::<i64>() as isize;
    for o in 0..outer as isize {
        let from = source.ptr.wrapping_offset(o * s_outer);
        let to = out.ptr.wrapping_offset(o * o_outer);
        if is_flat {
            // SAFETY: the caller's word; all three are vectors of adjacent elements.
            unsafe { gather_flat::<E>(indices, n, from.cast(), index.ptr.cast(), to.cast()) }?;
            continue;
        }
        for k in 0..indices {
            // SAFETY: index `k`; rows of the boxes.
            unsafe {
                let row = place(index.at::<i64>(k).read(), n)?;
                let from = from.wrapping_offset(row as isize * s_row).cast::<E>();
                let to = to.wrapping_offset(k as isize * o_row).cast::<E>();
                if s_inner == size && o_inner == size {
                    std::ptr::copy_nonoverlapping(from, to, inner);
                } else {
                    for i in 0..inner as isize {
                        let value = from.wrapping_byte_offset(i * s_inner).read();
                        to.wrapping_byte_offset(i * o_inner).write(value);
                    }
                }
            }
        }
    }
    Ok(())
}

fn three(operand: &RawOperand) -> [isize; 3] {
    [operand.strides[0], operand.strides[1], operand.strides[2]]
}

/// Few instructions for each index: the more of them a core sees at a time, the more reads it overlaps.
///
/// # Safety
/// `source` has `n` elements, `index` and `out` have `indices`.
unsafe fn gather_flat<E: Copy>(
    indices: usize,
    n: usize,
    source: *const E,
    index: *const i64,
    out: *mut E,
) -> Result<(), OutOfBounds> {
    for k in 0..indices {
        // SAFETY: the caller's word, and `place` gives a place below `n`.
        unsafe { out.add(k).write(source.add(place(index.add(k).read(), n)?).read()) };
    }
    Ok(())
}

/// `target[o, index[k], i] = values[k, o, i]` for all `k` in order, where the row lies in `first .. first + rows` of the `n` rows there are; `target` begins at the first of
/// them. So where several indices name one row the last one wins, whatever the cutting.
///
/// `extents = [outer, rows, inner, indices]`; strides: of `target` (outer, row, inner), of `values` (index, outer, inner).
///
/// # Errors
/// An index that is out of bounds; parts of `target` have been written then.
///
/// # Panics
/// If `size` is none of 1, 2, 4, 8, 16.
///
/// # Safety
/// As [`gather()`], `target` being written.
pub unsafe fn scatter(
    size: usize,
    extents: [usize; 4],
    (first, n): (usize, usize),
    target: &RawOperand,
    index: RawVector,
    values: &RawOperand,
    threads: Threads<'_>,
) -> Result<(), OutOfBounds> {
    let [outer, rows, inner, indices] = extents;
    // Slabs are written independently. Of one slab each thread has rows of its own, and looks at all indices.
    let cut_slabs = outer > 1 && indices * outer >= FEW;
    let cut_rows = !cut_slabs && indices >= FEW && inner * size > NARROW;
    let most = if cut_slabs { outer } else { rows };
    let parts = if cut_slabs || cut_rows { threads.count().min(most).max(1) } else { 1 };
    let (target_at, values_at) = (Shared::new(target.ptr), Shared::new(values.ptr));
    let index_at = (Shared::new(index.ptr), index.stride);
    let ([t_outer, t_row, t_inner], [v_index, v_outer, v_inner]) = (three(target), three(values));
    let failed = std::sync::Mutex::new(None);
    threads.for_each(parts, |part| {
        let cut = |extent: usize| extent * part / parts..extent * (part + 1) / parts;
        let (slabs, own) = if cut_slabs { (cut(outer), 0..rows) } else { (0..outer, cut(rows)) };
        let index = RawVector { ptr: index_at.0.get(), stride: index_at.1 };
        let (extents, range) = ([own.len(), inner, indices], (first + own.start, n));
        for slab in slabs.map(|slab| slab as isize) {
            let to = target_at.get().wrapping_offset(slab * t_outer + own.start as isize * t_row);
            let from = values_at.get().wrapping_offset(slab * v_outer);
            let target = RawOperand { ptr: to, strides: SmallVec::from_slice(&[t_row, t_inner]) };
            let values = RawOperand { ptr: from, strides: SmallVec::from_slice(&[v_index, v_inner]) };
            // SAFETY: the caller's word; the parts have slabs or rows of their own.
            let done = unsafe {
                match size {
                    1 => scatter_as::<u8>(extents, range, &target, index, &values),
                    2 => scatter_as::<u16>(extents, range, &target, index, &values),
                    4 => scatter_as::<u32>(extents, range, &target, index, &values),
                    8 => scatter_as::<u64>(extents, range, &target, index, &values),
                    16 => scatter_as::<[u64; 2]>(extents, range, &target, index, &values),
                    _ => panic!("no element has {size} bytes"),
                }
            };
            if let Err(error) = done {
                *failed.lock().expect("nobody panics while holding it") = Some(error);
                return;
            }
        }
    });
    failed.into_inner().expect("nobody panics while holding it").map_or(Ok(()), Err)
}

/// # Safety
/// As [`scatter()`], `E` having the elements' size, on this thread.
unsafe fn scatter_as<E: Copy>(
    [rows, inner, indices]: [usize; 3],
    (first, n): (usize, usize),
    target: &RawOperand,
    index: RawVector,
    values: &RawOperand,
) -> Result<(), OutOfBounds> {
    let (t_row, t_inner, v_row, v_inner) = (target.strides[0], target.strides[1], values.strides[0], values.strides[1]);
    let put = |row: usize, k: usize| {
        let to = target.ptr.wrapping_offset(row as isize * t_row).cast::<E>();
        let from = values.ptr.wrapping_offset(k as isize * v_row).cast::<E>();
        for i in 0..inner as isize {
            // SAFETY: a row that is ours, a row of the values.
            unsafe { to.wrapping_byte_offset(i * t_inner).write(from.wrapping_byte_offset(i * v_inner).read()) };
        }
    };
    if rows == n {
        for k in 0..indices {
            // SAFETY: index `k`.
            put(place(unsafe { index.at::<i64>(k).read() }, n)?, k);
        }
        return Ok(());
    }
    // Some of the rows: which indices name them is chance, so first those that do are listed without a branch.
    let mut chosen = [(0, 0); CHOSEN];
    for begin in (0..indices).step_by(CHOSEN) {
        let (mut count, mut outside) = (0, None);
        for k in begin..indices.min(begin + CHOSEN) {
            // SAFETY: index `k`.
            let index = unsafe { index.at::<i64>(k).read() };
            let counted = index.wrapping_add(n as i64 & (index >> 63)) as usize;
            outside = if counted < n { outside } else { Some(index) };
            let row = counted.wrapping_sub(first);
            chosen[count] = (row, k);
            count += usize::from(row < rows);
        }
        if let Some(index) = outside {
            return Err(OutOfBounds(index));
        }
        chosen[..count].iter().for_each(|&(row, k)| put(row, k));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use smallvec::smallvec;

    fn vector<T>(values: &mut [T]) -> RawVector {
        RawVector { ptr: values.as_mut_ptr().cast(), stride: size_of::<T>() as isize }
    }

    #[test]
    fn rows_are_gathered_from_both_ends() {
        let mut source: Vec<u32> = (0..24).collect(); // 2 × 4 × 3
        let mut index = [3, -4, 1, 1, -1i64];
        let mut out = vec![0u32; 2 * 5 * 3];
        let operand = |ptr: *mut u32, strides: [isize; 3]| RawOperand {
            ptr: ptr.cast(),
            strides: strides.iter().map(|s| 4 * s).collect(),
        };
        let from = operand(source.as_mut_ptr(), [12, 3, 1]);
        let to = operand(out.as_mut_ptr(), [15, 3, 1]);
        // SAFETY: boxes of 24 and 30 elements.
        assert_eq!(unsafe { gather(4, [2, 5, 3], 4, &from, vector(&mut index), &to) }, Ok(()));
        let wanted = (0..2).flat_map(|o| [3, 0, 1, 1, 3].map(|r| [0, 1, 2].map(|i| 12 * o + 3 * r + i))).flatten();
        assert!(out.iter().copied().eq(wanted));
        for bad in [4, -5, i64::MIN, i64::MAX] {
            let mut index = [0, bad];
            // SAFETY: as before, a box of two rows.
            let outcome = unsafe { gather(4, [2, 2, 3], 4, &from, vector(&mut index), &to) };
            assert_eq!(outcome, Err(OutOfBounds(bad)));
        }
    }

    #[test]
    fn the_last_of_several_wins_on_any_threads_and_cuts() {
        let (n, m) = (1000, 100_000);
        let mut index: Vec<i64> =
            (0..m as u64).map(|k| (k.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as i64 % 2000 - 1000).collect();
        let mut values: Vec<u64> = (0..m as u64).collect();
        let mut wanted = vec![u64::MAX; n];
        index.iter().zip(&values).for_each(|(&i, &v)| wanted[i.rem_euclid(n as i64) as usize] = v);
        for (threads, pieces) in [(1, 1), (3, 1), (2, 4)] {
            let mut target = vec![u64::MAX; n];
            for piece in 0..pieces {
                let (from, to) = (n * piece / pieces, n * (piece + 1) / pieces);
                let row = |ptr: *mut u64| RawOperand { ptr: ptr.cast(), strides: smallvec![0, 8, 0] };
                let column = |ptr: *mut u64| RawOperand { ptr: ptr.cast(), strides: smallvec![8, 0, 0] };
                let (target, values) = (row(target[from..].as_mut_ptr()), column(values.as_mut_ptr()));
                let index = vector(&mut index);
                Threads::scoped(threads, |threads| {
                    // SAFETY: `m` indices and values, and the rows of this piece.
                    unsafe { scatter(8, [1, to - from, 1, m], (from, n), &target, index, &values, threads) }.unwrap();
                });
            }
            assert!(target == wanted, "{threads} threads, {pieces} pieces");
        }
    }

    #[test]
    fn wide_rows_are_scattered_by_all_threads() {
        let (n, m, inner) = (50, 40_000, 40);
        let mut index: Vec<i64> = (0..m as i64).map(|k| k * k % 99 - 49).collect();
        let mut values: Vec<u64> = (0..(m * inner) as u64).collect();
        let mut wanted = vec![u64::MAX; n * inner];
        for (k, &i) in index.iter().enumerate() {
            let row = i.rem_euclid(n as i64) as usize;
            wanted[row * inner..][..inner].copy_from_slice(&values[k * inner..][..inner]);
        }
        for threads in [1, 3] {
            let mut target = vec![u64::MAX; n * inner];
            let width = 8 * inner as isize;
            let to = RawOperand { ptr: target.as_mut_ptr().cast(), strides: smallvec![0, width, 8] };
            let from = RawOperand { ptr: values.as_mut_ptr().cast(), strides: smallvec![width, 0, 8] };
            let index = vector(&mut index);
            Threads::scoped(threads, |threads| {
                // SAFETY: `m` indices and rows of values, and all rows of the target.
                unsafe { scatter(8, [1, n, inner, m], (0, n), &to, index, &from, threads) }.unwrap();
            });
            assert!(target == wanted, "{threads} threads");
        }
        for bad in [50, -51] {
            let (mut target, mut index) = ([0u64; 10], [3, bad]);
            let to = RawOperand { ptr: target.as_mut_ptr().cast(), strides: smallvec![0, 8, 0] };
            let from = RawOperand { ptr: values.as_mut_ptr().cast(), strides: smallvec![8, 0, 0] };
            // SAFETY: two indices and values, ten of the fifty rows.
            let outcome = unsafe { scatter(8, [1, 10, 1, 2], (0, n), &to, vector(&mut index), &from, Threads::ALONE) };
            assert_eq!(outcome, Err(OutOfBounds(bad)));
        }
    }

    #[test]
    fn slabs_are_scattered_by_all_threads() {
        let (outer, n, inner, m) = (40, 7, 3, 1000);
        let mut index: Vec<i64> = (0..m as i64).map(|k| k * k % 13 - 6).collect();
        let mut values: Vec<u64> = (0..(m * outer * inner) as u64).collect();
        let mut wanted = vec![u64::MAX; outer * n * inner];
        for (k, o) in (0..m).flat_map(|k| (0..outer).map(move |o| (k, o))) {
            let row = index[k].rem_euclid(n as i64) as usize;
            let from = (k * outer + o) * inner;
            wanted[(o * n + row) * inner..][..inner].copy_from_slice(&values[from..][..inner]);
        }
        for threads in [1, 3] {
            let mut target = vec![u64::MAX; outer * n * inner];
            let width = 8 * inner as isize;
            let strides = smallvec![width * n as isize, width, 8];
            let to = RawOperand { ptr: target.as_mut_ptr().cast(), strides };
            let strides = smallvec![width * outer as isize, width, 8];
            let from = RawOperand { ptr: values.as_mut_ptr().cast(), strides };
            let index = vector(&mut index);
            Threads::scoped(threads, |threads| {
                // SAFETY: `m` indices and boxes of values, and all of the target.
                unsafe { scatter(8, [outer, n, inner, m], (0, n), &to, index, &from, threads) }.unwrap();
            });
            assert!(target == wanted, "{threads} threads");
        }
    }
}
