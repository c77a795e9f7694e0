//! The numbers that the default policy compares sizes with.

use serde::Deserialize;

/// Sizes and times at which the default policy changes its mind. All can be set in a mapper file (see [`crate::TomlMapper`]).
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// An operation on at most this many points is computed at once on the calling thread, outside the runtime (0: none is) …
    pub inline_points: u64,
    /// … if it also touches at most this many bytes.
    pub inline_bytes: u64,
    /// The front end waits for small values that it needs for an operation to be inline, if the work that it is ahead of them by takes at most this long …
    pub catch_up_ns: f64,
    /// … and if the wait makes at most this many bytes of results go to memory that might have stayed in registers.
    pub catch_up_bytes: u64,
    /// A field (or a launch that touches fields) of fewer bytes is kept (computed) on every shard.
    pub replicate_bytes: u64,
    /// Chunks that a shard cuts its piece into, per core: more than one, so that cores that finish early find more.
    pub chunks_per_core: u32,
    /// A chunk touches at least this many bytes, unless it computes for long.
    pub chunk_bytes: u64,
    /// A chunk touches at most about this many bytes, however few chunks that would leave: cores that stream at different speeds end together, and what one
    /// step of a program leaves in a core's cache the next finds there.
    pub most_chunk_bytes: u64,
    /// A chunk computes at least this long, unless it touches many bytes.
    pub chunk_ns: f64,
    /// A piece that takes less than this is not cut: handing chunks over costs some tenths of a microsecond while workers are awake.
    pub parallel_ns: f64,
    /// Bytes that one core moves per nanosecond, to estimate the time of what is bound by memory.
    pub core_bytes_per_ns: f64,
    /// Bytes that a shard receives per nanosecond, to weigh ways of cutting a matrix product.
    pub network_bytes_per_ns: f64,
}

impl Default for Thresholds {
    /// Catch up: an operation that is deferred costs 3 µs more than one that is computed at once, a round of a loop has about ten of them, and what takes a
    /// hundred times as long does not notice. Inline: some 10 µs of cheap arithmetic in the second-level cache. Parallel and chunk: two threads are faster than one from 2 µs on while both
    /// are awake (measured: 0.74 of the time at 8192 elements of `a*b + c`); the executor itself runs what is shorter than 10 µs on
    /// the spot while its workers sleep.
    fn default() -> Thresholds {
        Thresholds {
            inline_points: 16 << 10,
            inline_bytes: 512 << 10,
            catch_up_ns: 1_000_000.0,
            catch_up_bytes: 64 << 10,
            replicate_bytes: 64 << 10,
            chunks_per_core: 4,
            chunk_bytes: 64 << 10,
            most_chunk_bytes: 2 << 20,
            chunk_ns: 2_000.0,
            parallel_ns: 4_000.0,
            core_bytes_per_ns: 20.0,
            network_bytes_per_ns: 10.0,
        }
    }
}
