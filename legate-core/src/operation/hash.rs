//! A rolling hash of the operation stream: how ranks that replicate a program notice that they have parted.
//!
//! What an operation means goes into the hash; the line that issued it does not (it may be spelled differently on two machines), but is
//! remembered for some time, so that a divergence can be told by its first differing operation and both lines.

use super::{Operation, wire};
use crate::error::Provenance;
use std::collections::VecDeque;
use xxhash_rust::xxh3::xxh3_128;

/// One operation of the recent past.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Entry {
    /// How many operations came before it.
    pub position: u64,
    /// The stream's hash up to and with it.
    pub hash: u128,
    /// Its line.
    pub provenance: Provenance,
}

/// The hash of all operations so far.
#[derive(Clone, Debug, Default)]
pub struct StreamHash {
    hash: u128,
    count: u64,
    recent: VecDeque<Entry>,
    buffer: Vec<u8>,
}

/// How many operations back a divergence can be named.
const REMEMBERED: usize = 4096;

impl StreamHash {
    /// Of no operations.
    pub fn new() -> StreamHash {
        StreamHash::default()
    }
    /// Adds the next operation.
    pub fn push(&mut self, operation: &Operation) {
        self.buffer.clear();
        self.buffer.extend_from_slice(&self.hash.to_le_bytes());
        if let Some(bytes) = wire::encode_meaning(operation, &mut self.buffer) {
            self.buffer.extend_from_slice(&xxh3_128(bytes).to_le_bytes());
        }
        self.hash = xxh3_128(&self.buffer);
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        let provenance = operation.provenance().cloned().unwrap_or_default();
        self.recent.push_back(Entry { position: self.count, hash: self.hash, provenance });
        self.count += 1;
    }
    /// How many operations were added, and their hash: equal on ranks whose programs agree.
    pub fn digest(&self) -> (u64, u128) {
        (self.count, self.hash)
    }
    /// The recent past, oldest first.
    pub fn recent(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.recent.iter()
    }
}

/// Where two streams part: the first position at which both are remembered and differ, with both entries. `None` if no such position is remembered.
pub fn first_difference<'a>(
    ours: impl IntoIterator<Item = &'a Entry>,
    theirs: impl IntoIterator<Item = &'a Entry>,
) -> Option<(&'a Entry, &'a Entry)> {
    let mut theirs = theirs.into_iter().peekable();
    ours.into_iter().find_map(|own| {
        while theirs.next_if(|other| other.position < own.position).is_some() {}
        let other = theirs.next_if(|other| other.position == own.position)?;
        (own.hash != other.hash).then_some((own, other))
    })
}
