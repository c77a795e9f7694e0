//! Physical instances: the memory behind the points of a field that one shard has.

use super::buffer::{HostBuffer, OutOfMemory};
use super::copy::{Strided, dense_strides};
use super::pool::BufferPool;
use crate::error::TaskFailure;
use crate::geometry::Rect;
use crate::store::Access;
use smallvec::SmallVec;
use std::sync::Arc;

/// Names an instance of a shard, for the dependence tracker. Counted; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct InstanceId(pub(crate) u64);

/// The memory of an instance. Nodes that use it hold it: it goes back to the pool when the instance and all its nodes are gone.
#[derive(Debug)]
pub(crate) struct Memory(Arc<HostBuffer>);

impl Memory {
    pub(crate) fn buffer(&self) -> &HostBuffer {
        &self.0
    }
}

/// Elements of a rectangle of a field, row-major.
#[derive(Clone, Debug)]
pub(crate) struct PhysicalInstance {
    pub(crate) id: InstanceId,
    pub(crate) rect: Rect,
    element: usize,
    strides: SmallVec<[isize; 4]>,
    // `Err`: there was no memory for it; whatever reads it is poisoned.
    memory: Result<Arc<Memory>, TaskFailure>,
}

impl PhysicalInstance {
    /// Memory for `rect`, its values unspecified.
    pub(crate) fn allocate(
        id: InstanceId,
        rect: &Rect,
        element: usize,
        pool: &Arc<BufferPool>,
    ) -> Result<PhysicalInstance, OutOfMemory> {
        let buffer = pool.allocate(size_bytes(rect, element)?)?;
        Ok(PhysicalInstance::adopt(id, rect, element, Arc::new(buffer)))
    }

    /// Bytes that somebody else made, and may still hold: see [`PhysicalInstance::is_shared`].
    pub(crate) fn adopt(id: InstanceId, rect: &Rect, element: usize, buffer: Arc<HostBuffer>) -> PhysicalInstance {
        debug_assert_eq!(size_bytes(rect, element), Ok(buffer.len()));
        PhysicalInstance::new(id, rect, element, Ok(Arc::new(Memory(buffer))))
    }

    /// A place in the field without memory.
    pub(crate) fn lost(id: InstanceId, rect: &Rect, element: usize, failure: TaskFailure) -> PhysicalInstance {
        PhysicalInstance::new(id, rect, element, Err(failure))
    }

    fn new(id: InstanceId, rect: &Rect, element: usize, memory: Result<Arc<Memory>, TaskFailure>) -> PhysicalInstance {
        PhysicalInstance { id, rect: rect.clone(), element, strides: dense_strides(&rect.shape(), element), memory }
    }

    /// The same memory as that of another rectangle with as many points.
    pub(crate) fn renamed(&self, id: InstanceId, rect: &Rect) -> PhysicalInstance {
        debug_assert_eq!(self.rect.volume(), rect.volume());
        PhysicalInstance::new(id, rect, self.element, self.memory.clone())
    }

    /// The memory, or why there is none.
    pub(crate) fn memory(&self) -> Result<&Arc<Memory>, &TaskFailure> {
        self.memory.as_ref()
    }

    /// The buffer, to be handed to the front end: all values, row-major. It must not be written any more while it is shared.
    pub(crate) fn buffer(&self) -> Option<&Arc<HostBuffer>> {
        self.memory.as_ref().ok().map(|memory| &memory.0)
    }

    /// Whether somebody outside of the runtime holds the buffer too: then it must be copied before it is written.
    pub(crate) fn is_shared(&self) -> bool {
        let shared = self.memory.as_ref().is_ok_and(|memory| Arc::strong_count(&memory.0) > 1);
        // Who let go of the buffer has read it before (as in `Arc::get_mut`, whose condition this is).
        std::sync::atomic::fence(std::sync::atomic::Ordering::Acquire);
        shared
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> usize {
        self.buffer().map_or(0, |buffer| buffer.len())
    }

    /// Bytes of an element.
    pub(crate) fn element(&self) -> usize {
        self.element
    }

    /// The elements that the points of a domain name through `access`, beginning with point `at`.
    /// Steps along domain dimensions that the access does not use are 0.
    pub(crate) fn through(&self, access: &Access, at: &[i64]) -> Strided {
        let (offset, strides) = through(&self.rect, &self.strides, access, at);
        Strided { ptr: self.base().wrapping_offset(offset), strides }
    }

    /// The elements of a rectangle of the field.
    pub(crate) fn at(&self, rect: &Rect) -> Strided {
        debug_assert!(self.rect.contains(rect), "{:?} holds {rect:?}", self.rect);
        let index = rect.lo.iter().zip(&self.rect.lo);
        let offset: isize = index.zip(&self.strides).map(|((at, lo), stride)| (at - lo) as isize * stride).sum();
        Strided { ptr: self.base().wrapping_offset(offset), strides: self.strides.clone() }
    }

    fn base(&self) -> *mut u8 {
        self.memory.as_ref().map_or(std::ptr::null_mut(), |memory| memory.0.as_ptr())
    }
}

/// Of memory that holds `rect` with these strides: the offset of the element that point `at` of a domain names through `access`, and the steps along the domain.
pub(crate) fn through(
    rect: &Rect,
    rect_strides: &[isize],
    access: &Access,
    at: &[i64],
) -> (isize, SmallVec<[isize; 4]>) {
    let mut strides: SmallVec<[isize; 4]> = SmallVec::from_elem(0, access.domain_rank as usize);
    let mut offset = 0;
    for (k, coordinate) in access.coords.iter().enumerate() {
        let mut index = coordinate.offset - rect.lo[k];
        for term in &coordinate.terms {
            index += term.stride * at[term.dim as usize];
            strides[term.dim as usize] += term.stride as isize * rect_strides[k];
        }
        offset += index as isize * rect_strides[k];
    }
    (offset, strides)
}

/// Bytes of a rectangle's elements.
fn size_bytes(rect: &Rect, element: usize) -> Result<usize, OutOfMemory> {
    let points = (0..rect.rank()).try_fold(1u64, |points, d| points.checked_mul(rect.extent(d) as u64));
    let bytes =
        points.and_then(|points| points.checked_mul(element as u64)).filter(|bytes| *bytes <= isize::MAX as u64);
    bytes.map(|bytes| bytes as usize).ok_or(OutOfMemory { requested: u64::MAX, in_use: 0, limit: isize::MAX as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Coordinate, Term};
    use smallvec::smallvec;

    fn instance(rect: Rect) -> PhysicalInstance {
        let bytes: Vec<u8> = (0..rect.volume() as u8).collect();
        PhysicalInstance::adopt(InstanceId(1), &rect, 1, Arc::new(HostBuffer::from_slice(&bytes)))
    }

    fn rect(lo: [i64; 2], hi: [i64; 2]) -> Rect {
        Rect::new(&lo[..], &hi[..])
    }

    fn offset(of: &PhysicalInstance, view: &Strided) -> isize {
        view.ptr as isize - of.base() as isize
    }

    #[test]
    fn a_transposed_backward_view_is_a_pointer_and_strides() {
        // Rows 2..5, columns 0..4 of a field; the domain point (p, q) sees row 4 - q and column 2p.
        let of = instance(rect([2, 0], [5, 4]));
        let row = Coordinate { offset: 4, terms: smallvec![Term { dim: 1, stride: -1 }] };
        let column = Coordinate { offset: 0, terms: smallvec![Term { dim: 0, stride: 2 }] };
        let access = Access { domain_rank: 3, coords: smallvec![row, column] };
        let view = of.through(&access, &[1, 2, 7]);
        assert_eq!(view.strides.as_slice(), [2, -4, 0]);
        assert_eq!(offset(&of, &view), 2, "row 2 is the first here, column 2");
        assert_eq!(offset(&of, &of.at(&rect([3, 1], [4, 2]))), 5);
    }

    #[test]
    fn a_buffer_that_the_front_end_holds_is_shared_until_it_lets_go() {
        let of = instance(Rect::from_shape(&[3]));
        let user = of.memory().unwrap().clone();
        assert!(!of.is_shared(), "nodes that use an instance do not share its buffer");
        let held = of.buffer().unwrap().clone();
        assert!(of.is_shared());
        drop(held);
        assert!(!of.is_shared());
        drop(user);
    }

    #[test]
    fn sizes_beyond_the_address_space_are_refused() {
        let pool = BufferPool::new(u64::MAX);
        let rect = Rect::from_shape(&[1 << 40, 1 << 40]);
        assert!(PhysicalInstance::allocate(InstanceId(0), &rect, 8, &pool).is_err());
    }
}
