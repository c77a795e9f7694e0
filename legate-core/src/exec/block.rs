//! Raw host memory: the one place that talks to the allocator and to the operating system.
//!
//! A small block comes from the global allocator. A block of [`LARGE`] bytes or more is a mapping of its own, aligned to
//! huge pages and advised to use them: a first touch then costs a fault per 2 MiB and not one per 4 KiB.

use super::small;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

/// Alignment of every block, in bytes: a cache line, and the widest vector.
pub(crate) const ALIGN: usize = 64;
/// From this many bytes on a block is a mapping.
pub(crate) const LARGE: usize = 1 << 20;
const HUGE_PAGE: usize = 2 << 20;

/// Owned memory whose bytes are always initialised (zero at first).
#[derive(Debug)]
pub(crate) struct Block {
    ptr: NonNull<u8>,
    // Invariant: a multiple of `ALIGN`, and of `HUGE_PAGE` if at least `LARGE`; never 0.
    capacity: usize,
}

// SAFETY: a block owns its memory as a `Box<[u8]>` would; nothing in it is tied to a thread.
unsafe impl Send for Block {}
// SAFETY: through `&Block` only the address can be had; whoever reads or writes there answers for it.
unsafe impl Sync for Block {}

impl Block {
    /// The least legal capacity of a block that holds `len` bytes; `None` if no address space could.
    pub(crate) fn capacity_for(len: usize) -> Option<usize> {
        let unit = if len >= LARGE { HUGE_PAGE } else { ALIGN };
        let capacity = len.max(1).checked_next_multiple_of(unit)?;
        // One huge page to spare: `map_aligned` asks for more than it keeps.
        (capacity <= isize::MAX as usize - HUGE_PAGE).then_some(capacity)
    }

    /// A block of zeros for at least `len` bytes; `None` if there is no memory.
    pub(crate) fn zeroed(len: usize) -> Option<Block> {
        let capacity = Block::capacity_for(len)?;
        if let Some(ptr) = small::take(capacity) {
            // SAFETY: the block is ours and has this capacity.
            unsafe { ptr.write_bytes(0, capacity) };
            return Some(Block { ptr, capacity });
        }
        Block::fresh(capacity)
    }

    /// A block whose bytes mean nothing, for at least `len` bytes; `None` if there is no memory.
    pub(crate) fn unwritten(len: usize) -> Option<Block> {
        let capacity = Block::capacity_for(len)?;
        match small::take(capacity) {
            Some(ptr) => Some(Block { ptr, capacity }),
            None => Block::fresh(capacity),
        }
    }

    /// Zeros that nobody had before.
    fn fresh(capacity: usize) -> Option<Block> {
        let ptr = if capacity >= LARGE { map_aligned(capacity)? } else { NonNull::new(allocate(capacity))? };
        Some(Block { ptr, capacity })
    }

    /// Bytes that it holds.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Its first byte.
    pub(crate) fn first(&self) -> NonNull<u8> {
        self.ptr
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.capacity >= LARGE {
            unmap(self.ptr.as_ptr(), self.capacity);
        } else {
            // SAFETY: `ptr` came from `allocate(capacity)`, perhaps by way of `small`, and nobody has it any more; if it is not kept it
            // is still ours to free.
            unsafe {
                if !small::keep(self.ptr, self.capacity) {
                    free(self.ptr, self.capacity);
                }
            }
        }
    }
}

/// Gives memory back to the allocator.
///
/// # Safety
/// `ptr` came from `allocate(capacity)`; the caller owns it and forgets it.
pub(super) unsafe fn free(ptr: NonNull<u8>, capacity: usize) {
    // SAFETY: the caller's promise; `allocate` used the same layout.
    unsafe { dealloc(ptr.as_ptr(), small_layout(capacity)) }
}

fn small_layout(capacity: usize) -> Layout {
    Layout::from_size_align(capacity, ALIGN).expect("a small capacity is far below isize::MAX")
}

fn allocate(capacity: usize) -> *mut u8 {
    // SAFETY: the layout's size is not zero, because a capacity never is.
    unsafe { alloc_zeroed(small_layout(capacity)) }
}

/// Maps `capacity` zero bytes at a multiple of `HUGE_PAGE`: maps one page more than needed and unmaps the ends.
fn map_aligned(capacity: usize) -> Option<NonNull<u8>> {
    let mapped = capacity + HUGE_PAGE;
    // SAFETY: a fresh private anonymous mapping touches no memory that anyone else has.
    let start = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            mapped,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return None;
    }
    let start = start.cast::<u8>();
    let head = start.align_offset(HUGE_PAGE);
    let block = start.wrapping_add(head);
    unmap(start, head);
    unmap(block.wrapping_add(capacity), HUGE_PAGE - head);
    advise_huge_pages(block, capacity);
    NonNull::new(block)
}

/// Gives `len` bytes of a mapping made by [`map_aligned`] back. The caller owns them and forgets them.
fn unmap(start: *mut u8, len: usize) {
    if len == 0 {
        return;
    }
    // SAFETY: both callers pass whole pages of their own mapping (a block, or the unused ends of a new one).
    let failed = unsafe { libc::munmap(start.cast(), len) };
    debug_assert_eq!(failed, 0, "unmapping whole pages of one's own mapping");
}

#[cfg(target_os = "linux")]
fn advise_huge_pages(start: *mut u8, len: usize) {
    // SAFETY: the range is a mapping of ours; the advice changes no contents. Its failure costs speed only.
    unsafe { libc::madvise(start.cast(), len, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn advise_huge_pages(_start: *mut u8, _len: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_zeroed_and_writable_to_the_end() {
        for len in [0, 1, 63, 64, 65, 4096, LARGE - 1, LARGE, LARGE + 1, 5 << 20] {
            let block = Block::zeroed(len).unwrap();
            let align = if len >= LARGE { HUGE_PAGE } else { ALIGN };
            assert_eq!(block.first().as_ptr() as usize % align, 0, "{len}");
            assert!(block.capacity() >= len.max(1));
            // SAFETY: the block is ours, and its bytes are initialised.
            let bytes = unsafe { std::slice::from_raw_parts_mut(block.first().as_ptr(), block.capacity()) };
            assert!(bytes.iter().all(|&b| b == 0), "{len}");
            bytes.fill(7);
        }
    }

    #[test]
    fn absurd_sizes_are_refused() {
        assert!(Block::zeroed(usize::MAX).is_none());
        assert!(Block::zeroed(isize::MAX as usize - 1).is_none());
        assert!(Block::zeroed(1 << 60).is_none());
    }
}
