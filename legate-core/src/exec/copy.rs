//! Strided copies: between instances, into messages and out of them, into the front end's arrays.

use smallvec::SmallVec;

/// Bytes that one part of a copy should at least move: below, a hand-off costs more than it brings.
const PART_BYTES: usize = 1 << 19;

/// Elements at `ptr + Σ strides[d] · i[d]`, in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Strided {
    pub(crate) ptr: *mut u8,
    pub(crate) strides: SmallVec<[isize; 4]>,
}

/// A copy of a box of elements, brought into normal form: dimensions of the target from the widest stride to the
/// narrowest, neighbours joined where both sides allow, so that the innermost runs are as long as can be.
#[derive(Debug)]
pub(crate) struct CopyPlan {
    element: usize,
    dst: *mut u8,
    src: *const u8,
    dims: SmallVec<[CopyDim; 4]>,
    elements: usize,
}

#[derive(Clone, Copy, Debug)]
struct CopyDim {
    extent: usize,
    dst: isize,
    src: isize,
}

// SAFETY: the pointers are only followed by `run`, whose caller promises exclusive or shared access as needed.
unsafe impl Send for CopyPlan {}
// SAFETY: as above.
unsafe impl Sync for CopyPlan {}

impl CopyPlan {
    /// Of `shape` elements of `element` bytes each.
    pub(crate) fn new(shape: &[i64], element: usize, dst: &Strided, src: &Strided) -> CopyPlan {
        let elements = shape.iter().map(|&n| n.max(0) as usize).product();
        let mut dims: SmallVec<[CopyDim; 4]> = (0..shape.len())
            .filter(|&d| shape[d] != 1)
            .map(|d| CopyDim { extent: shape[d].max(0) as usize, dst: dst.strides[d], src: src.strides[d] })
            .collect();
        dims.sort_by_key(|dim| std::cmp::Reverse(dim.dst.unsigned_abs()));
        CopyPlan { element, dst: dst.ptr, src: src.ptr, dims: coalesce(dims), elements }
    }

    /// Bytes that are moved.
    pub(crate) fn bytes(&self) -> usize {
        self.elements * self.element
    }

    /// Into how many parts it may usefully be cut.
    pub(crate) fn parts(&self) -> usize {
        let outer = self.dims.first().map_or(1, |dim| dim.extent.max(1));
        (self.bytes() / PART_BYTES).clamp(1, outer)
    }

    /// Moves part `part` of `parts`.
    ///
    /// # Safety
    /// The elements of both boxes lie in live memory; nobody else touches those of the target, nobody writes those of
    /// the source, and the two do not overlap.
    pub(crate) unsafe fn run(&self, part: usize, parts: usize) {
        if self.elements == 0 {
            return;
        }
        let Some((outer, inner)) = self.dims.split_first() else {
            // SAFETY: one element; the caller's promise covers it.
            unsafe { std::ptr::copy_nonoverlapping(self.src, self.dst, self.element) };
            return;
        };
        let (begin, end) = (outer.extent * part / parts, outer.extent * (part + 1) / parts);
        let outer = CopyDim { extent: end - begin, ..*outer };
        let dst = self.dst.wrapping_offset(outer.dst * begin as isize);
        let src = self.src.wrapping_offset(outer.src * begin as isize);
        // SAFETY: the part's elements are among those that the caller's promise covers.
        unsafe { copy_box(self.element, outer, inner, dst, src) }
    }
}

/// Joins dimension `d` with the next one inwards if stepping `d` once is stepping the inner one through its extent.
fn coalesce(dims: SmallVec<[CopyDim; 4]>) -> SmallVec<[CopyDim; 4]> {
    let mut joined: SmallVec<[CopyDim; 4]> = SmallVec::new();
    for inner in dims {
        match joined.last_mut() {
            Some(outer)
                if outer.dst == inner.dst * inner.extent as isize && outer.src == inner.src * inner.extent as isize =>
            {
                *outer = CopyDim { extent: outer.extent * inner.extent, ..inner };
            }
            _ => joined.push(inner),
        }
    }
    joined
}

/// # Safety
/// As [`CopyPlan::run`], for the box that begins at `dst` and `src`.
unsafe fn copy_box(element: usize, outer: CopyDim, inner: &[CopyDim], dst: *mut u8, src: *const u8) {
    let Some((next, rest)) = inner.split_first() else {
        // SAFETY: the caller's promise, for a single row.
        return unsafe { copy_row(element, outer, dst, src) };
    };
    for i in 0..outer.extent as isize {
        let (dst, src) = (dst.wrapping_offset(outer.dst * i), src.wrapping_offset(outer.src * i));
        // SAFETY: the box of one index of the outer dimension is part of the caller's.
        unsafe { copy_box(element, *next, rest, dst, src) }
    }
}

/// # Safety
/// As [`CopyPlan::run`], for one row of elements.
unsafe fn copy_row(element: usize, row: CopyDim, dst: *mut u8, src: *const u8) {
    if row.dst == element as isize && row.src == element as isize {
        // SAFETY: both rows are contiguous: `extent · element` bytes that the caller's promise covers.
        return unsafe { std::ptr::copy_nonoverlapping(src, dst, row.extent * element) };
    }
    // SAFETY: `element` is the constant in each arm; the caller's promise covers each element.
    unsafe {
        match element {
            1 => copy_elements::<1>(row, dst, src),
            2 => copy_elements::<2>(row, dst, src),
            4 => copy_elements::<4>(row, dst, src),
            8 => copy_elements::<8>(row, dst, src),
            16 => copy_elements::<16>(row, dst, src),
            _ => {
                for i in 0..row.extent as isize {
                    let (dst, src) = (dst.wrapping_offset(row.dst * i), src.wrapping_offset(row.src * i));
                    std::ptr::copy_nonoverlapping(src, dst, element);
                }
            }
        }
    }
}

/// # Safety
/// As [`CopyPlan::run`], for one row of elements of `N` bytes.
unsafe fn copy_elements<const N: usize>(row: CopyDim, dst: *mut u8, src: *const u8) {
    for i in 0..row.extent as isize {
        let (dst, src) = (dst.wrapping_offset(row.dst * i), src.wrapping_offset(row.src * i));
        // SAFETY: element `i` of the row, which the caller's promise covers; a constant length becomes one move.
        unsafe { std::ptr::copy_nonoverlapping(src, dst, N) }
    }
}

/// Row-major byte strides of a dense box.
pub(crate) fn dense_strides(shape: &[i64], element: usize) -> SmallVec<[isize; 4]> {
    let mut strides = SmallVec::from_elem(element as isize, shape.len());
    for d in (1..shape.len()).rev() {
        strides[d - 1] = strides[d] * shape[d].max(1) as isize;
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The obvious copy.
    fn expected(src: &[u8], base: isize, strides: &[isize], shape: &[i64], element: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mut index = vec![0i64; shape.len()];
        let total: i64 = shape.iter().product();
        for _ in 0..total {
            let at = base + index.iter().zip(strides).map(|(i, s)| *i as isize * s).sum::<isize>();
            out.extend_from_slice(&src[at as usize..at as usize + element]);
            for d in (0..shape.len()).rev() {
                index[d] += 1;
                if index[d] < shape[d] {
                    break;
                }
                index[d] = 0;
            }
        }
        out
    }

    proptest! {
        #[test]
        fn any_strided_source_is_packed(
            shape in prop::collection::vec(0i64..5, 0..4),
            steps in prop::collection::vec(-2isize..3, 4),
            element in prop::sample::select(vec![1usize, 2, 3, 4, 8, 16]),
            parts in 1usize..4,
        ) {
            let base_shape = [4 * 2 + 1, 9, 9, 9];
            let dense = dense_strides(&base_shape, element);
            let strides: SmallVec<[isize; 4]> = (0..shape.len()).map(|d| dense[d] * steps[d]).collect();
            let base: isize = (0..shape.len()).map(|d| if steps[d] < 0 { 8 * dense[d] } else { 0 }).sum();
            let mut src: Vec<u8> = (0..9usize.pow(4) * element).map(|i| (i * 31 % 251) as u8).collect();
            let total = shape.iter().product::<i64>() as usize * element;
            let mut out = vec![0u8; total];
            let plan = CopyPlan::new(
                &shape,
                element,
                &Strided { ptr: out.as_mut_ptr(), strides: dense_strides(&shape, element) },
                &Strided { ptr: src.as_mut_ptr().wrapping_offset(base), strides: strides.clone() },
            );
            // SAFETY: both vectors are ours, and steps of at most 2 over at most 5 elements stay in extents of 9.
            (0..parts).for_each(|part| unsafe { plan.run(part, parts) });
            prop_assert_eq!(out, expected(&src, base, &strides, &shape, element));
        }
    }

    #[test]
    fn whole_rows_become_one_run() {
        let strides = dense_strides(&[4, 5, 6], 8);
        let side = Strided { ptr: std::ptr::null_mut(), strides };
        let plan = CopyPlan::new(&[4, 5, 6], 8, &side, &side);
        assert_eq!(plan.dims.len(), 1);
        let plan = CopyPlan::new(&[2, 5, 6], 8, &side, &side);
        assert_eq!((plan.dims.len(), plan.bytes()), (1, 480));
        let plan = CopyPlan::new(&[4, 5, 3], 8, &side, &side);
        assert_eq!(plan.dims.len(), 2);
    }
}
