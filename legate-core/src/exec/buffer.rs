//! Host memory as the rest of the system handles it: a length of bytes, aligned, owned, recycled.

use super::block::Block;
use super::pool::BufferPool;
use std::any::Any;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

/// A block of bytes, owned; aligned to 64, unless it is another library's ([`HostBuffer::foreign`]). Always initialised, though perhaps with bytes that mean
/// nothing.
///
/// One that came from a [`BufferPool`] goes back there when dropped.
pub struct HostBuffer {
    // Invariant: `len` initialised bytes from here on lie in what `owner` keeps, and only this buffer gives them out.
    first: NonNull<u8>,
    len: usize,
    owner: Owner,
}

enum Owner {
    Block(#[expect(dead_code, reason = "held for its memory")] Block),
    /// `None` only while dropping.
    Pool(Option<Block>, Arc<BufferPool>),
    Foreign(#[expect(dead_code, reason = "held for its memory")] Box<dyn Any + Send + Sync>),
}

// SAFETY: the buffer owns its bytes as a `Box<[u8]>` would, and its owner may be sent.
unsafe impl Send for HostBuffer {}
// SAFETY: through `&HostBuffer` bytes can only be read, or their address be had; whoever writes there answers for it.
unsafe impl Sync for HostBuffer {}

/// There is no memory for a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot allocate {requested} bytes ({in_use} in use, limit {limit})")]
pub struct OutOfMemory {
    /// Bytes asked for.
    pub requested: u64,
    /// Bytes in live buffers of the pool; 0 without a pool.
    pub in_use: u64,
    /// Bytes that the pool may hand out; `u64::MAX` without a pool.
    pub limit: u64,
}

impl HostBuffer {
    /// `len` zero bytes, outside any pool.
    ///
    /// # Panics
    /// If there is no memory; see [`HostBuffer::try_zeroed`].
    pub fn zeroed(len: usize) -> HostBuffer {
        HostBuffer::try_zeroed(len).unwrap_or_else(|failure| panic!("{failure}"))
    }
    /// `len` zero bytes, outside any pool.
    ///
    /// # Errors
    /// [`OutOfMemory`] if the operating system refuses.
    pub fn try_zeroed(len: usize) -> Result<HostBuffer, OutOfMemory> {
        let block = Block::zeroed(len).ok_or(OutOfMemory { requested: len as u64, in_use: 0, limit: u64::MAX })?;
        Ok(HostBuffer::of_block(block, len))
    }
    /// `len` bytes that mean nothing, outside any pool: for those who write all of them.
    ///
    /// # Panics
    /// If there is no memory.
    pub fn unwritten(len: usize) -> HostBuffer {
        HostBuffer::try_unwritten(len).unwrap_or_else(|failure| panic!("{failure}"))
    }
    /// `len` bytes that mean nothing, outside any pool: for those who write all of them.
    ///
    /// # Errors
    /// [`OutOfMemory`] if the operating system refuses.
    pub fn try_unwritten(len: usize) -> Result<HostBuffer, OutOfMemory> {
        let failure = OutOfMemory { requested: len as u64, in_use: 0, limit: u64::MAX };
        Ok(HostBuffer::of_block(Block::unwritten(len).ok_or(failure)?, len))
    }
    /// A copy of `bytes`, outside any pool.
    ///
    /// # Panics
    /// If there is no memory.
    pub fn from_slice(bytes: &[u8]) -> HostBuffer {
        let mut buffer = HostBuffer::unwritten(bytes.len());
        buffer.as_mut_slice().copy_from_slice(bytes);
        buffer
    }
    pub(super) fn pooled(block: Block, skew: usize, len: usize, home: Arc<BufferPool>) -> HostBuffer {
        assert!(skew + len <= block.capacity(), "the pool picked a block that is large enough");
        HostBuffer {
            first: block.first().map_addr(|a| a.saturating_add(skew)),
            len,
            owner: Owner::Pool(Some(block), home),
        }
    }
    fn of_block(block: Block, len: usize) -> HostBuffer {
        HostBuffer { first: block.first(), len, owner: Owner::Block(block) }
    }
    /// `len` bytes of another library's memory, without a copy. `owner` is dropped with the buffer, on any thread.
    ///
    /// # Safety
    /// The bytes are initialised and may be read and written until `owner` is dropped; meanwhile nobody reads or writes them but through this buffer.
    pub unsafe fn foreign(first: NonNull<u8>, len: usize, owner: Box<dyn Any + Send + Sync>) -> HostBuffer {
        HostBuffer { first, len, owner: Owner::Foreign(owner) }
    }
    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.len
    }
    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// The first byte, for those who reach parts of a shared buffer under rules of their own (instances).
    pub fn as_ptr(&self) -> *mut u8 {
        self.first.as_ptr()
    }
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: the invariant of `first`. Instances write through `as_ptr` only
        // while nobody outside the runtime has the buffer (`PhysicalInstance::prepare_write`).
        unsafe { std::slice::from_raw_parts(self.as_ptr(), self.len) }
    }
    /// The bytes, to be written.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as for `as_slice`; `&mut self` says that nobody else reads or writes.
        unsafe { std::slice::from_raw_parts_mut(self.as_ptr(), self.len) }
    }
}

impl Drop for HostBuffer {
    fn drop(&mut self) {
        if let Owner::Pool(block, home) = &mut self.owner {
            home.give_back(block.take().expect("a buffer is dropped once"));
        }
    }
}

impl Clone for HostBuffer {
    fn clone(&self) -> HostBuffer {
        HostBuffer::from_slice(self.as_slice())
    }
}

impl fmt::Debug for HostBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostBuffer({} bytes)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_put_in() {
        let mut a = HostBuffer::from_slice(b"legion");
        assert_eq!(a.as_slice(), b"legion");
        let b = a.clone();
        a.as_mut_slice()[0] = b'r';
        assert_eq!((a.as_slice(), b.as_slice()), (&b"region"[..], &b"legion"[..]));
        assert_eq!(a.as_ptr() as usize % 64, 0);
    }

    #[test]
    fn foreign_memory_is_used_in_place_and_its_owner_dropped_last() {
        let alive = Arc::new(());
        let mut bytes = Box::new(*b"legion");
        let first = NonNull::from(&mut *bytes).cast();
        // SAFETY: the box is the owner, and nobody else has it.
        let mut buffer = unsafe { HostBuffer::foreign(first, 6, Box::new((bytes, alive.clone()))) };
        buffer.as_mut_slice()[0] = b'r';
        assert_eq!((buffer.as_slice(), buffer.as_ptr()), (&b"region"[..], first.as_ptr()));
        assert_eq!(Arc::strong_count(&alive), 2);
        drop(buffer);
        assert_eq!(Arc::strong_count(&alive), 1);
    }

    #[test]
    fn an_empty_buffer_is_a_buffer() {
        assert!(HostBuffer::from_slice(&[]).as_slice().is_empty());
        assert!(HostBuffer::zeroed(0).is_empty());
    }

    #[test]
    fn refusal_is_an_error_and_names_the_size() {
        let failure = HostBuffer::try_zeroed(1 << 60).unwrap_err();
        assert_eq!(failure.requested, 1 << 60);
    }
}
