//! Strided copies: between instances, into messages and out of them, into the front end's arrays.

use super::buffer::HostBuffer;
use super::instance::Memory;
use smallvec::SmallVec;
use std::sync::Arc;

/// Bytes that one part of a copy should at least move: below, a hand-off costs more than it brings.
const PART_BYTES: usize = 1 << 19;

/// Elements at `ptr + Σ strides[d] · i[d]`, in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Strided {
    pub(crate) ptr: *mut u8,
    pub(crate) strides: SmallVec<[isize; 4]>,
}

// SAFETY: a pointer that is followed by nobody but those who answer for it (`CopyPlan::run`, task bodies).
unsafe impl Send for Strided {}
// SAFETY: as above.
unsafe impl Sync for Strided {}

/// One end of a copy, and what keeps its memory alive.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    at: Strided,
    keep: Keep,
}

#[derive(Clone, Debug)]
enum Keep {
    Instance(Arc<Memory>),
    Buffer(Arc<HostBuffer>),
}

impl Side {
    /// Elements of an instance.
    pub(crate) fn instance(memory: &Arc<Memory>, at: Strided) -> Side {
        Side { at, keep: Keep::Instance(memory.clone()) }
    }
    /// Elements of a buffer that begins with the element at `lo` of `shape`, row-major.
    pub(crate) fn dense(buffer: &Arc<HostBuffer>, shape: &[i64], lo: &[i64], element: usize) -> Side {
        let strides = dense_strides(shape, element);
        let offset: isize = lo.iter().zip(&strides).map(|(at, stride)| *at as isize * stride).sum();
        let at = Strided { ptr: buffer.as_ptr().wrapping_offset(offset), strides };
        Side { at, keep: Keep::Buffer(buffer.clone()) }
    }
    /// Elements of a buffer, row-major, of which the first is at byte `offset`.
    pub(crate) fn dense_from(buffer: &Arc<HostBuffer>, shape: &[i64], offset: usize, element: usize) -> Side {
        let at = Strided { ptr: buffer.as_ptr().wrapping_add(offset), strides: dense_strides(shape, element) };
        Side { at, keep: Keep::Buffer(buffer.clone()) }
    }
    fn assert_holds(&self, shape: &[i64], element: usize) {
        let buffer = match &self.keep {
            Keep::Instance(memory) => memory.buffer(),
            Keep::Buffer(buffer) => buffer,
        };
        self.at.assert_within(buffer, shape, element);
    }
}

impl Strided {
    /// # Panics
    /// If some element of the box lies outside of the buffer: the plan and the instance contradict each other.
    pub(crate) fn assert_within(&self, buffer: &HostBuffer, shape: &[i64], element: usize) {
        if shape.contains(&0) {
            return;
        }
        let reach = self.strides.iter().zip(shape).map(|(stride, n)| *stride * (*n as isize - 1));
        let (down, up) = reach.fold((0, 0), |(down, up), r| (down + r.min(0), up + r.max(0)));
        let first = self.ptr as isize - buffer.as_ptr() as isize + down;
        let end = first + up - down + element as isize;
        assert!(first >= 0 && end <= buffer.len() as isize, "bytes {first}..{end} of a buffer of {}", buffer.len());
    }
}

/// A copy between two sides of which each node of the execution graph may run parts.
///
/// # Claim
/// While a part runs, nobody else touches the target's elements and nobody writes the source's. *Why it holds:* the node that runs
/// it has recorded both uses with the dependence tracker, or the buffer is known to this node only. *What checks it:* the
/// tracker's oracle and the comparison of executors and rank counts. Bounds are asserted when it is made.
#[derive(Debug)]
pub(crate) struct Copy {
    plan: CopyPlan,
    // Keep the memory alive.
    _sides: [Side; 2],
}

impl Copy {
    /// Of `shape` elements of `element` bytes.
    pub(crate) fn new(shape: &[i64], element: usize, dst: Side, src: Side) -> Copy {
        dst.assert_holds(shape, element);
        src.assert_holds(shape, element);
        Copy { plan: CopyPlan::new(shape, element, &dst.at, &src.at), _sides: [dst, src] }
    }
    pub(crate) fn bytes(&self) -> usize {
        self.plan.bytes()
    }
    pub(crate) fn parts(&self) -> usize {
        self.plan.parts()
    }
    /// Moves part `part` of `parts`.
    pub(crate) fn run(&self, part: usize, parts: usize) {
        // SAFETY: the elements lie within live buffers (asserted by `new`, kept by `_sides`); for the rest see the claim above.
        unsafe { self.plan.run(part, parts) }
    }
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

    /// The bytes, if they are one run on both sides.
    pub(super) fn run_bytes(&self) -> Option<usize> {
        let dense = |dim: &CopyDim| dim.dst == self.element as isize && dim.src == self.element as isize;
        match &self.dims[..] {
            _ if self.elements == 0 => Some(0),
            [] => Some(self.element),
            [dim] if dense(dim) => Some(self.bytes()),
            _ => None,
        }
    }

    /// Moves a box like this one that is elsewhere.
    ///
    /// # Safety
    /// As [`CopyPlan::run`], for the box that begins at `dst` and `src`.
    pub(super) unsafe fn run_at(&self, dst: *mut u8, src: *const u8) {
        match (self.run_bytes(), self.dims.split_first()) {
            // SAFETY: the caller's promise, for a box of one run.
            (Some(bytes), _) => unsafe { std::ptr::copy_nonoverlapping(src, dst, bytes) },
            // SAFETY: the caller's promise.
            (None, Some((outer, inner))) => unsafe { copy_box(self.element, *outer, inner, dst, src) },
            (None, None) => unreachable!("one element is one run"),
        }
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
