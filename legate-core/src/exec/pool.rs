//! Recycling of host memory.
//!
//! Fresh memory costs page faults (up to 350 ms per GB), recycled memory nothing. Blocks are kept in size classes, four per
//! doubling, last in first out (the last one used is the likeliest to be cached). What is kept idle is bounded: by a quarter
//! of the limit, or by what the recent windows needed at their height, if that is more. Beyond that, and when a request would
//! otherwise be refused, memory goes back to the operating system.
//!
//! Large blocks are aligned to 2 MiB, so that equal offsets in two of them contend for the same cache sets
//! (4 KiB aliasing). Their buffers therefore begin at one of eight multiples of 512 bytes.

use super::block::{Block, LARGE};
use super::buffer::{HostBuffer, OutOfMemory};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

const SKEW_STEP: usize = 512;
const SKEWS: usize = 8;

/// A bounded supply of [`HostBuffer`]s for one shard.
#[derive(Debug)]
pub struct BufferPool {
    limit: u64,
    state: Mutex<PoolState>,
}

#[derive(Debug, Default)]
struct PoolState {
    /// By capacity.
    idle: BTreeMap<usize, Vec<Block>>,
    stats: PoolStats,
    /// The most bytes that were live lately; decays with each window.
    high_water: u64,
    next_skew: usize,
}

/// What a pool has and had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// Bytes in buffers that are in use.
    pub live_bytes: u64,
    /// The most that `live_bytes` ever was.
    pub peak_bytes: u64,
    /// Bytes kept for reuse.
    pub idle_bytes: u64,
    /// Blocks ever taken from the operating system.
    pub fresh_blocks: u64,
    /// Requests ever served by an idle block.
    pub recycled_blocks: u64,
}

impl BufferPool {
    /// A pool whose live and idle buffers never exceed `limit` bytes.
    pub fn new(limit: u64) -> Arc<BufferPool> {
        Arc::new(BufferPool { limit, state: Mutex::default() })
    }

    /// `len` bytes of whatever was there before.
    ///
    /// # Errors
    /// [`OutOfMemory`] if live buffers would exceed the limit, or if the operating system refuses.
    pub fn allocate(self: &Arc<Self>, len: usize) -> Result<HostBuffer, OutOfMemory> {
        Ok(self.take(len)?.0)
    }

    /// `len` zero bytes.
    ///
    /// # Errors
    /// As [`BufferPool::allocate`].
    pub fn zeroed(self: &Arc<Self>, len: usize) -> Result<HostBuffer, OutOfMemory> {
        let (mut buffer, fresh) = self.take(len)?;
        if !fresh {
            buffer.as_mut_slice().fill(0);
        }
        Ok(buffer)
    }

    /// Tells that a window of operations has passed: use long ago no longer counts, and memory may go back.
    pub fn end_window(&self) {
        let mut state = self.state.lock();
        state.high_water = state.stats.live_bytes.max(state.high_water - state.high_water / 8);
        let surplus = self.surplus(&mut state);
        drop(state);
        drop(surplus);
    }

    /// Gives all idle memory back.
    pub fn trim(&self) {
        let mut state = self.state.lock();
        state.stats.idle_bytes = 0;
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        drop(idle);
    }

    /// Counters.
    pub fn stats(&self) -> PoolStats {
        self.state.lock().stats
    }

    /// Whether a request of this many bytes would be served by a block that was used before.
    pub(crate) fn has_idle(&self, bytes: u64) -> bool {
        let class = class(bytes as usize);
        class.is_some_and(|class| self.state.lock().idle.get(&class).is_some_and(|blocks| !blocks.is_empty()))
    }

    /// Whether a block that served a request of `one` bytes would serve one of `other` bytes as well.
    pub(crate) fn are_alike(one: u64, other: u64) -> bool {
        class(one as usize) == class(other as usize)
    }

    /// Whether live buffers, and this many bytes more, would take over half of the limit.
    pub(crate) fn would_exceed_half(&self, bytes: u64) -> bool {
        self.state.lock().stats.live_bytes.saturating_add(bytes) > self.limit / 2
    }

    /// Bytes that live buffers may have.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// A buffer, and whether its bytes are known to be zero.
    fn take(self: &Arc<Self>, len: usize) -> Result<(HostBuffer, bool), OutOfMemory> {
        let refuse = |in_use| OutOfMemory { requested: len as u64, in_use, limit: self.limit };
        let mut state = self.state.lock();
        let capacity = class(len).ok_or_else(|| refuse(state.stats.live_bytes))?;
        let live_bytes = state.stats.live_bytes + capacity as u64;
        if live_bytes > self.limit {
            return Err(refuse(state.stats.live_bytes));
        }
        let skew = state.skew(capacity);
        let recycled = state.idle.get_mut(&capacity).and_then(Vec::pop);
        state.use_more(capacity as u64);
        let fresh = recycled.is_none();
        if fresh {
            state.stats.fresh_blocks += 1;
        } else {
            state.stats.recycled_blocks += 1;
            state.stats.idle_bytes -= capacity as u64;
        }
        let in_the_way = self.surplus(&mut state);
        drop(state);
        drop(in_the_way);
        let block = match recycled {
            Some(block) => block,
            None => self.fresh(capacity).ok_or_else(|| refuse(live_bytes - capacity as u64))?,
        };
        Ok((HostBuffer::pooled(block, skew, len, self.clone()), fresh))
    }

    /// A new block; if the operating system refuses, once more without idle memory. Corrects `live_bytes` on failure.
    fn fresh(&self, capacity: usize) -> Option<Block> {
        let block = Block::zeroed(capacity).or_else(|| {
            self.trim();
            Block::zeroed(capacity)
        });
        if block.is_none() {
            self.state.lock().stats.live_bytes -= capacity as u64;
        }
        block
    }

    pub(super) fn give_back(&self, block: Block) {
        let mut state = self.state.lock();
        let capacity = block.capacity();
        state.stats.live_bytes -= capacity as u64;
        state.stats.idle_bytes += capacity as u64;
        state.idle.entry(capacity).or_default().push(block);
        let surplus = self.surplus(&mut state);
        drop(state);
        drop(surplus);
    }

    /// Takes out idle blocks, the largest first, until the bounds hold. The caller drops them outside the lock.
    fn surplus(&self, state: &mut PoolState) -> Vec<Block> {
        let stats = state.stats;
        let wanted = (self.limit / 4).max(state.high_water.saturating_sub(stats.live_bytes));
        let bound = wanted.min(self.limit.saturating_sub(stats.live_bytes));
        let mut surplus = Vec::new();
        while state.stats.idle_bytes > bound {
            let Some(mut class) = state.idle.last_entry() else { break };
            if let Some(block) = class.get_mut().pop() {
                state.stats.idle_bytes -= block.capacity() as u64;
                surplus.push(block);
            } else {
                class.remove();
            }
        }
        surplus
    }
}

impl PoolState {
    fn use_more(&mut self, bytes: u64) {
        self.stats.live_bytes += bytes;
        self.stats.peak_bytes = self.stats.peak_bytes.max(self.stats.live_bytes);
        self.high_water = self.high_water.max(self.stats.live_bytes);
    }

    fn skew(&mut self, capacity: usize) -> usize {
        if capacity < LARGE {
            return 0;
        }
        self.next_skew = (self.next_skew + 1) % SKEWS;
        self.next_skew * SKEW_STEP
    }
}

/// The capacity that a request of `len` bytes gets: the next of four steps per doubling, room for the skew included.
fn class(len: usize) -> Option<usize> {
    let need = if len >= LARGE { len.checked_add(SKEWS * SKEW_STEP)? } else { len.max(1) };
    let step = (1 << need.ilog2()) / 4;
    Block::capacity_for(need.checked_next_multiple_of(step.max(1))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: usize = 1 << 20;

    #[test]
    fn classes_waste_at_most_a_quarter() {
        for len in (1..5000).chain((0..2000).map(|k| k * 7919 + 4096)).chain([MB, 16 * MB, 100 * MB + 1]) {
            let capacity = class(len).unwrap();
            assert!(capacity >= len);
            assert!(capacity <= len + len / 4 + if len >= LARGE / 2 { 4 * MB } else { 64 }, "{len} got {capacity}");
        }
    }

    #[test]
    fn a_loop_that_drops_what_it_makes_takes_memory_once() {
        let pool = BufferPool::new(1 << 30);
        for _ in 0..100 {
            let a = pool.allocate(3 * MB).unwrap();
            let b = pool.allocate(1000).unwrap();
            drop((a, b));
            pool.end_window();
        }
        let stats = pool.stats();
        assert_eq!((stats.fresh_blocks, stats.recycled_blocks, stats.live_bytes), (2, 198, 0));
    }

    #[test]
    fn beyond_the_limit_is_refused_and_the_pool_goes_on() {
        let pool = BufferPool::new(10 * MB as u64);
        let a = pool.allocate(5 * MB).unwrap();
        let refused = pool.allocate(6 * MB).unwrap_err();
        assert_eq!((refused.requested, refused.limit), (6 * MB as u64, 10 * MB as u64));
        drop(a);
        // The idle block of the wrong class must make room.
        let b = pool.allocate(8 * MB - 8192).unwrap();
        assert!(pool.stats().idle_bytes + pool.stats().live_bytes <= 10 * MB as u64);
        drop(b);
        assert_eq!(pool.stats().live_bytes, 0);
    }

    #[test]
    fn the_operating_systems_refusal_leaves_the_accounts_straight() {
        let pool = BufferPool::new(u64::MAX);
        assert!(pool.allocate(1 << 50).is_err());
        assert_eq!(pool.stats().live_bytes, 0);
    }

    #[test]
    fn memory_goes_back_after_a_peak() {
        let pool = BufferPool::new(64 * MB as u64);
        let peak: Vec<_> = (0..12).map(|_| pool.allocate(3 * MB).unwrap()).collect();
        drop(peak);
        assert!(pool.stats().idle_bytes > 16 * MB as u64, "what was just needed is kept");
        (0..100).for_each(|_| pool.end_window());
        assert!(pool.stats().idle_bytes <= 16 * MB as u64, "a quarter of the limit is kept");
        pool.trim();
        assert_eq!(pool.stats().idle_bytes, 0);
    }

    #[test]
    fn zeroed_is_zero_when_recycled() {
        let pool = BufferPool::new(1 << 30);
        for len in [100, 2 * MB] {
            pool.allocate(len).unwrap().as_mut_slice().fill(9);
            assert!(pool.zeroed(len).unwrap().as_slice().iter().all(|&b| b == 0));
        }
    }

    #[test]
    fn large_buffers_begin_at_different_offsets_modulo_a_page() {
        let pool = BufferPool::new(1 << 30);
        let (a, b) = (pool.allocate(2 * MB).unwrap(), pool.allocate(2 * MB).unwrap());
        assert_ne!(a.as_ptr() as usize % 4096, b.as_ptr() as usize % 4096);
        assert_eq!(b.as_ptr() as usize % 64, 0);
    }
}
