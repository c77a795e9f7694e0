//! Small memory that was given back, kept by the thread for its next blocks of the same size.
//!
//! Small arrays come and go with each operation of a program; the allocator takes longer for aligned memory than their arithmetic does. What is kept is
//! bounded, and goes back to the allocator when the thread ends. Which addresses blocks have depends on this, no value does.

use super::block::ALIGN;
use std::cell::UnsafeCell;
use std::ptr::NonNull;

/// The largest block that is kept.
const LARGEST: usize = 16 << 10;
/// Bytes that a thread keeps of one size.
const MOST_OF_A_SIZE: usize = 64 << 10;
/// Bytes that a thread keeps.
const MOST: usize = 1 << 20;

thread_local! {
    static KEPT: Kept = const { Kept(UnsafeCell::new(Bins { free: [None; LARGEST / ALIGN + 1], kept: [0; LARGEST / ALIGN + 1], total: 0 })) };
}

struct Kept(UnsafeCell<Bins>);

struct Bins {
    /// By size in units of `ALIGN`: the first of a list of blocks, each of which begins with the address of the next.
    free: [Option<NonNull<u8>>; LARGEST / ALIGN + 1],
    /// Bytes in each list.
    kept: [u32; LARGEST / ALIGN + 1],
    total: usize,
}

/// A block of `capacity` bytes that was kept, with initialised bytes that mean nothing; it is the caller's now.
pub(super) fn take(capacity: usize) -> Option<NonNull<u8>> {
    if capacity > LARGEST {
        return None;
    }
    // SAFETY: the cell is this thread's, and neither `Bins::take` nor `Bins::keep` calls anything that could come back here.
    KEPT.try_with(|kept| unsafe { (*kept.0.get()).take(capacity) }).ok().flatten()
}

/// Keeps a block; `false` if there are enough of its size, or the thread is ending. Then it is still the caller's.
///
/// # Safety
/// The block has `capacity` initialised bytes, is aligned to `ALIGN`, came from the global allocator with that layout, and is the caller's to give.
pub(super) unsafe fn keep(block: NonNull<u8>, capacity: usize) -> bool {
    if capacity > LARGEST {
        return false;
    }
    // SAFETY: as in `take`; the caller's promise.
    KEPT.try_with(|kept| unsafe { (*kept.0.get()).keep(block, capacity) }).unwrap_or(false)
}

impl Bins {
    fn take(&mut self, capacity: usize) -> Option<NonNull<u8>> {
        let size = capacity / ALIGN;
        let block = self.free[size]?;
        // SAFETY: a kept block begins with the address that `keep` wrote there; it is aligned for one.
        self.free[size] = unsafe { block.cast::<Option<NonNull<u8>>>().read() };
        self.kept[size] -= capacity as u32;
        self.total -= capacity;
        Some(block)
    }

    /// # Safety
    /// As for [`keep`].
    unsafe fn keep(&mut self, block: NonNull<u8>, capacity: usize) -> bool {
        let size = capacity / ALIGN;
        if self.kept[size] as usize + capacity > MOST_OF_A_SIZE || self.total + capacity > MOST {
            return false;
        }
        // SAFETY: the block is ours now, and has room and alignment for an address.
        unsafe { block.cast::<Option<NonNull<u8>>>().write(self.free[size]) };
        self.free[size] = Some(block);
        self.kept[size] += capacity as u32;
        self.total += capacity;
        true
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let bins = self.0.get_mut();
        for size in 1..bins.free.len() {
            while let Some(block) = bins.take(size * ALIGN) {
                // SAFETY: what was kept came from the allocator with this layout, and is nobody else's.
                unsafe { super::block::free(block, size * ALIGN) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::block::Block;

    #[test]
    fn memory_comes_back_zeroed_or_as_it_was_and_what_is_kept_is_bounded() {
        std::thread::spawn(|| {
            let mut block = Block::zeroed(100).unwrap();
            let first = block.first().as_ptr();
            // SAFETY: the block is ours, and its bytes are initialised.
            unsafe { std::slice::from_raw_parts_mut(block.first().as_ptr(), block.capacity()) }.fill(7);
            drop(block);
            block = Block::zeroed(128).unwrap();
            assert_eq!(block.first().as_ptr(), first, "one size class");
            assert!(
                // SAFETY: as above.
                unsafe { std::slice::from_raw_parts(block.first().as_ptr(), block.capacity()) }.iter().all(|b| *b == 0)
            );
            let many: Vec<Block> = (0..2000).map(|_| Block::unwritten(16 << 10).unwrap()).collect();
            drop(many);
            super::KEPT.with(|kept| {
                // SAFETY: nothing else looks into this thread's cell meanwhile.
                let bins = unsafe { &*kept.0.get() };
                assert!(bins.total <= super::MOST && bins.kept.iter().all(|k| *k as usize <= super::MOST_OF_A_SIZE));
            });
        })
        .join()
        .unwrap();
    }

    #[test]
    fn blocks_may_be_dropped_by_another_thread_and_while_a_thread_ends() {
        thread_local! {
            static LAST: std::cell::RefCell<Vec<Block>> = const { std::cell::RefCell::new(Vec::new()) };
        }
        let block = Block::zeroed(64).unwrap();
        let other = std::thread::spawn(move || {
            LAST.with_borrow_mut(|last| last.push(Block::zeroed(200).unwrap()));
            drop(block);
            Block::zeroed(64).unwrap()
        });
        drop(other.join().unwrap());
    }
}
